//! `farthing verifier init`

use anyhow::Result;
use farthing_protocol::derive::MerchantIndex;
use farthing_verifier::home::{HomeOptions, VerifierHome};
use farthing_wallet::WordCount;
use serde::Serialize;

use super::mint::{choose_unit, expect_mint, fetch_mint, read_url, units_of};
use crate::args::VerifierInit;
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Screen};
use crate::wallet::mints::tell_identity;
use crate::words::NewWords;
use crate::{place, prompt, words};

/// A verifier was made. Its words are never in here.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InitAnswer {
    folder: String,
    payee: String,
    /// Which key of the words it is.
    key: u32,
    unit: String,
    mint: String,
    mint_url: String,
}

pub(super) async fn init(args: VerifierInit, screen: &Screen) -> Result<InitAnswer> {
    let folder = place::folder(args.folder.dir, "verifier")?;
    let new = NewWords {
        of: "the verifier is paid with",
        count: WordCount::TwentyFour,
        file: args.words_file.as_ref(),
        yes: args.yes,
    };
    if !args.restore {
        new.expect_reader()?;
        if VerifierHome::is_there(&folder)? {
            let message = format!("there is a verifier in {} already, or the keys of one", folder.display());
            return Err(fault(Trouble::Exists, message)
                .next("--dir names another folder; --restore goes on with the same words where `init` was interrupted")
                .into());
        }
    }
    // Every question comes before anything is made.
    let url = read_url(&args.mint)?;
    let answer = fetch_mint(&url).await?;
    let mint = *answer.list.mint();
    expect_mint(&mint, args.mint_id.as_deref())?;
    let units = units_of(&answer)?;
    let unit = choose_unit(&units, args.unit.as_deref())?;
    if !args.restore {
        new.expect_paper(screen)?;
    }
    let sure = args.yes || args.mint_id.is_some();
    tell_identity(screen, !sure, url.as_str(), &mint);
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        return Err(fault(Trouble::Declined, "nothing was made")
            .next("ask the mint's operator for its identity, and give it with --mint-id")
            .into());
    }
    let words = if args.restore { words::read(args.words_file.as_deref(), "verifier")? } else { new.make(screen)? };
    let options = HomeOptions { unit: Some(unit.code().to_owned()), locked: args.locked, ..HomeOptions::default() };
    let seed = (&words.seed(), MerchantIndex::new(args.key));
    let made = VerifierHome::init_from(&folder, &url, &mint, &options, seed);
    let home = made.advise(
        format!("the verifier could not be made in {}", folder.display()),
        "--dir names another folder; nothing that was there is written over",
    )?;
    screen.note(format!("The verifier is made, in {}", home.folder().display()));
    screen.note(format!("It is paid in {} of mint\n  {mint}", unit.code()));
    if args.restore {
        screen.note(
            "What was paid is at the mint as before. Payments that the lost folder listed do not come back, and tokens that were locked \
             to its lock key are not accepted.",
        );
    }
    screen.note("Next: farthing verifier run");
    Ok(InitAnswer {
        folder: home.folder().display().to_string(),
        payee: home.payee().to_string(),
        key: args.key,
        unit: unit.code().to_owned(),
        mint: mint.to_text(),
        mint_url: url.as_str().to_owned(),
    })
}

impl Answer for InitAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("payee {}", self.payee));
    }
}
