//! `farthing wallet account`

use anyhow::Result;
use farthing_wallet::account_text;
use serde::Serialize;

use super::deliver::{Delivered, deliver};
use super::open::{Place, choose_mint};
use crate::args::WalletAccount;
use crate::output::{Answer, Screen};

/// The account that a mint's operator credits.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AccountAnswer {
    mint: String,
    mint_url: String,
    #[serde(flatten)]
    account: Delivered,
}

pub(super) async fn account(place: &Place, args: WalletAccount) -> Result<AccountAnswer> {
    let wallet = place.open().await?;
    let mint = choose_mint(&wallet, args.mint.as_deref())?;
    let account = account_text(&wallet.account(&mint.id));
    Ok(AccountAnswer {
        mint: mint.id.to_text(),
        mint_url: mint.url.as_str().to_owned(),
        account: deliver(&place.screen, account, &args.delivery)?,
    })
}

impl Answer for AccountAnswer {
    fn show(&self, screen: &Screen) {
        self.account.show(screen);
    }
}
