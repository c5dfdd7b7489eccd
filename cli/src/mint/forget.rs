//! `farthing mint forget`

use anyhow::{Context, Result};
use farthing_http::client::CallError;
use farthing_issuer::ForgetError;
use farthing_issuer::control::{ForgetAnswer, ForgetRequest, path};
use farthing_protocol::amount::UnixTime;
use farthing_wallet::account_text;
use serde::Serialize;

use super::amount::read_account;
use super::home::{ask_running, open};
use crate::args::MintForget;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen, seconds, time};
use crate::prompt;

/// An account was forgotten.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForgottenAnswer {
    account: String,
    /// How many rows of the ledger no longer name it.
    rows: u64,
    /// Payments to it are on record, and name it, until this time at the latest.
    named_until: Option<u64>,
    #[serde(skip)]
    time: Option<UnixTime>,
}

pub(super) async fn forget(args: MintForget, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let account = read_account(&args.account)?;
    screen.note("Its credits, payouts and references are erased for good. Backups keep what they hold.");
    if !args.yes && !prompt::confirm("Shall this account be forgotten?", "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was erased").into());
    }
    let request = ForgetRequest { account };
    let asked = ask_running(&home, async |client| client.post_json(path::FORGET, &request).await).await;
    let (rows, is_payee, keysets) = match asked.map_err(refused)? {
        Some(ForgetAnswer { rows, is_payee }) => (rows, is_payee, None),
        None => {
            let (books, authority) = home.books().await?;
            let erased = books.forget_by(authority, account).await.map_err(|error| refused(error.into()))?;
            (erased.rows, erased.is_payee, Some(books.keysets()))
        }
    };
    let keysets = match keysets {
        Some(keysets) => keysets,
        None => super::keysets::running(&home).await?.context("the mint stopped meanwhile")?.keysets,
    };
    let last = keysets.iter().map(|keyset| keyset.deposit_until).max().filter(|_| is_payee);
    let answer = ForgottenAnswer { account: account_text(&account), rows, named_until: last.map(seconds), time: last };
    screen.answer(&answer)
}

fn refused(error: anyhow::Error) -> anyhow::Error {
    let is_kept = match (error.downcast_ref::<ForgetError>(), error.downcast_ref::<CallError>()) {
        (Some(ForgetError::Ledger(_)), _) => false,
        (Some(_), _) => true,
        (_, Some(CallError::Refused(_, status))) => *status == 409,
        _ => false,
    };
    if !is_kept {
        return error;
    }
    fault(Trouble::AccountInUse, format!("the account is not forgotten: {error}"))
        .next("pay it out, settle its payouts and claims, and ask again a day later")
        .into()
}

impl Answer for ForgottenAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("forgotten: {} rows no longer name the account", self.rows));
        if let Some(until) = self.time {
            screen.note(format!(
                "Payments to it are the records of spent tokens. They name it until {} UTC at the latest.",
                time(until)
            ));
        }
    }
}
