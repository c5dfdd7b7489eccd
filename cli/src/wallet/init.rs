//! `farthing wallet init`

use anyhow::{Context, Result};
use farthing_wallet::{OpenError, Wallet, WordCount, account_text};
use serde::Serialize;

use super::mints::tell_identity;
use super::open::Place;
use crate::args::WalletInit;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen};
use crate::verifier::{expect_mint, read_url};
use crate::words::NewWords;
use crate::{prompt, unlock};

/// A wallet was made. Its words are never in here.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InitAnswer {
    folder: String,
    mint: String,
    mint_url: String,
    account: String,
}

pub(super) async fn init(place: &Place, args: WalletInit) -> Result<InitAnswer> {
    let folder = place.folder()?;
    let screen = &place.screen;
    let count = if args.words == 24 { WordCount::TwentyFour } else { WordCount::Twelve };
    let words = NewWords { of: "in the wallet", count, file: args.words_file.as_ref(), yes: args.yes };
    words.expect_reader()?;
    match Wallet::needs_passphrase(&folder) {
        Err(OpenError::Missing) => {}
        Err(error @ (OpenError::Unencrypted | OpenError::Io(_))) => return Err(error.into()),
        _ => {
            let message = format!("there is a wallet in {} already", folder.display());
            return Err(anyhow::Error::new(OpenError::Exists).context(message));
        }
    }
    unlock::expect_new(&place.common.unlocking, args.no_passphrase)?;
    // Every question comes before anything is made, so that whoever stops here can begin again.
    let url = read_url(&args.mint)?;
    let found = Wallet::look_at_mint(&args.mint, &place.options()).await;
    let mint = found.with_context(|| format!("there is no mint to be reached at {}", url.as_str()))?.id;
    expect_mint(&mint, args.mint_id.as_deref())?;
    words.expect_paper(screen)?;
    let sure = args.yes || args.mint_id.is_some();
    tell_identity(screen, !sure, url.as_str(), &mint);
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        return Err(fault(Trouble::Declined, "nothing was made")
            .next("ask the mint's operator for its identity, and give it with --mint-id")
            .into());
    }
    let protection = unlock::protection(&place.common.unlocking, args.no_passphrase)?;
    let words = words.make(screen)?;
    let wallet = Wallet::create(&folder, &words, protection, place.options()).await?;
    let found = wallet.add_mint(&args.mint).await?;
    expect_mint(&found.id, Some(&mint.to_text()))?;
    wallet.pin_mint(&mint).await?;
    screen.note(format!("The wallet is made, in {}", folder.display()));
    screen.note(
        "Next: have the mint's operator credit the account below, and then\n  farthing wallet withdraw --bundle 0",
    );
    Ok(InitAnswer {
        folder: folder.display().to_string(),
        mint: mint.to_text(),
        mint_url: url.as_str().to_owned(),
        account: account_text(&wallet.account(&mint)),
    })
}

impl Answer for InitAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.account);
    }
}
