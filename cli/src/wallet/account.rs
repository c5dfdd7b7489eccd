//! `farthing wallet account`

use anyhow::Result;
use farthing_protocol::api::SettingsChange;
use farthing_wallet::{MintView, Wallet, account_text};
use serde::Serialize;

use super::deliver::{Delivered, deliver};
use super::open::{Place, choose, choose_mint};
use crate::args::{SettingsCommand, WalletAccount, Which};
use crate::output::{Answer, Screen};
use crate::settings::Account;

/// The account that a mint's operator credits.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AccountAnswer {
    mint: String,
    mint_url: String,
    #[serde(flatten)]
    account: Delivered,
}

pub(super) async fn account(place: &Place, args: WalletAccount) -> Result<()> {
    let wallet = place.open().await?;
    let mint = choose_mint(&wallet, args.mint.as_deref())?;
    if let Some(command) = args.command {
        return settings(place, &wallet, &mint, command).await;
    }
    let account = account_text(&wallet.account(&mint.id));
    place.screen.answer(&AccountAnswer {
        mint: mint.id.to_text(),
        mint_url: mint.url.as_str().to_owned(),
        account: deliver(&place.screen, account, &args.delivery)?,
    })
}

async fn settings(place: &Place, wallet: &Wallet, mint: &MintView, command: SettingsCommand) -> Result<()> {
    let account = Account {
        mint: mint.id,
        change: async |version, change: SettingsChange| Ok(wallet.change_account(&mint.id, version, change).await?),
        unit: async |code: Option<&str>| {
            let which = Which { mint: Some(mint.id.to_text()), unit: code.map(str::to_owned) };
            Ok(choose(wallet, &which)?.1.unit)
        },
        screen: &place.screen,
    };
    account.run(command).await
}

impl Answer for AccountAnswer {
    fn show(&self, screen: &Screen) {
        self.account.show(screen);
    }
}
