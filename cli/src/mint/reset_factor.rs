//! `farthing mint reset-factor`

use anyhow::Result;
use farthing_issuer::control::{ResetFactorAnswer, ResetFactorRequest, path};

use super::amount::read_account;
use super::home::{ask_running, open};
use crate::args::MintResetFactor;
use crate::output::say;

pub(super) async fn reset_factor(args: MintResetFactor) -> Result<()> {
    let desk = open(args.folder)?;
    let request = ResetFactorRequest { account: read_account(&args.account)? };
    let asked = ask_running(&desk, async |client| client.post_json(path::RESET_FACTOR, &request).await).await?;
    let removed = match asked {
        Some(ResetFactorAnswer { removed }) => removed,
        None => {
            let (books, authority) = desk.books().await?;
            books.reset_account(authority, request.account).await?
        }
    };
    say(if removed {
        "the account has no second factor and no limit any more"
    } else {
        "the account has no second factor"
    });
    Ok(())
}
