//! `farthing mint dismiss-forgery`

use anyhow::Result;
use farthing_issuer::control::{DismissForgeryAnswer, DismissForgeryRequest, path};
use serde::Serialize;

use super::home::{ask_running, open};
use super::recoup::read_keyset;
use crate::args::MintDismissForgery;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen};
use crate::prompt;

/// A keyset is not taken for forged any more.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DismissedAnswer {
    keyset: String,
    /// Whether the mint had noticed anything; if not, nothing was done.
    dismissed: bool,
}

pub(super) async fn dismiss(args: MintDismissForgery, screen: &Screen) -> Result<()> {
    let desk = open(args.folder)?;
    let keyset = read_keyset(&args.keyset)?;
    if !args.yes {
        let question = format!(
            "Issue again, although more would have been redeemed of {keyset} than was issued? If somebody has its key after all, \
             all that is issued from now on is his to take."
        );
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was changed").into());
        }
    }
    let request = DismissForgeryRequest { keyset };
    let asked = ask_running(&desk, async |client| client.post_json(path::DISMISS_FORGERY, &request).await).await?;
    let dismissed = match asked {
        Some(DismissForgeryAnswer { dismissed }) => dismissed,
        None => {
            let (books, authority) = desk.books().await?;
            books.dismiss_forgery(authority, keyset).await?
        }
    };
    screen.answer(&DismissedAnswer { keyset: keyset.to_text(), dismissed })
}

impl Answer for DismissedAnswer {
    fn show(&self, screen: &Screen) {
        if self.dismissed {
            screen.say(format!("not taken for forged any more: {}", self.keyset));
        } else {
            screen.say(format!("the mint has noticed nothing of {}: nothing was changed", self.keyset));
        }
    }
}
