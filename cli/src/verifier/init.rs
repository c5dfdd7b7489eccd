//! `farthing verifier init`

use anyhow::Result;
use farthing_verifier::home::{HomeOptions, VerifierHome};

use super::mint::{choose_unit, expect_mint, fetch_mint, read_url, units_of};
use crate::args::VerifierInit;
use crate::output::{note, say};
use crate::place;

pub(super) async fn init(args: VerifierInit) -> Result<()> {
    let folder = place::folder(args.folder.dir, "verifier")?;
    let url = read_url(&args.mint)?;
    let answer = fetch_mint(&url).await?;
    let mint = *answer.list.mint();
    expect_mint(&mint, args.mint_id.as_deref())?;
    let units = units_of(&answer)?;
    let unit = choose_unit(&units, args.unit.as_deref())?;
    let options = HomeOptions { unit: Some(unit.code().to_owned()), ..HomeOptions::default() };
    let home = VerifierHome::init(&folder, &url, &mint, &options)?;
    say(format!("payee {}", home.payee()));
    note(format!("made in {}", home.folder().display()));
    note(format!("paid in {} of mint", unit.code()));
    note(format!("  {mint}"));
    note("The payee key in it owns what you are paid: keep a copy of the folder in another place.");
    note("Next: farthing verifier run");
    Ok(())
}
