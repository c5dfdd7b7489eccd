//! `farthing verifier factor`

use anyhow::{Context, Result};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::SettingsChange;

use super::open::open;
use crate::args::VerifierFactor;
use crate::exit::{Trouble, fault};
use crate::hooks;
use crate::output::Screen;
use crate::settings::Account;

pub(super) async fn factor(args: VerifierFactor, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let payee = home.payee();
    let account = Account {
        mint: *home.mint(),
        change: async |version, change: SettingsChange| {
            Ok(home.settings(&payee, version, change, hooks::now()).await?)
        },
        unit: async |code: Option<&str>| {
            let balances = home.balances(hooks::now()).await?;
            let held = balances.into_iter().find(|(of, _)| *of == payee).map(|(_, answer)| answer.balances);
            let mut held = held.unwrap_or_default();
            held.retain(|balance| code.is_none_or(|code| balance.unit == code));
            match held.as_slice() {
                [only] => Unit::new(&only.unit, only.exponent).context("the mint names a unit that is none"),
                [] => Err(fault(Trouble::Ambiguous, "the account never held any of it").into()),
                _ => Err(fault(Trouble::Ambiguous, "the account holds several units").next("give --unit").into()),
            }
        },
        screen,
    };
    account.run(args.command).await
}
