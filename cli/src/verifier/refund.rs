//! `farthing verifier refund`

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_protocol::api::{RefundRequest, RefundState};
use farthing_verifier::merchant::RefundError;
use serde::Serialize;

use super::open::open;
use super::payments::find;
use super::source::Source;
use crate::args::{Common, VerifierRefund};
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Money, Screen, short};
use crate::prompt;
use crate::wallet::refund::{Answered, Purse};

/// A payment was paid back, or a part of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefundAnswer {
    payment: String,
    amount: Money,
    /// Who gets it.
    payee: String,
    /// Number of the wallet's operation.
    operation: u64,
    /// Whether it was made before, so that nothing was taken now.
    again: bool,
    /// The money, locked to whoever asked.
    text: String,
}

pub(super) async fn refund(args: VerifierRefund, screen: &Screen) -> Result<()> {
    let request = crate::wallet::refund::read(&args.request)?;
    let source = Source::open(open(args.folder)?).await?;
    let payment = find(&source, &args.payment).await?;
    let common =
        Common { dir: args.wallet, unlocking: args.unlocking, proxy: args.proxy, json: args.reply.json, quiet: false };
    // Held until the end: nobody else moves this wallet's money meanwhile.
    let purse = Purse::open(common, screen).await?;
    let draft = request.draft();
    let amount = draft.amount.display(&draft.unit);
    if !args.yes && !purse.was_answered(&request).await {
        let question = format!("Pay {amount} back to {}? It cannot be taken back.", short(&draft.payee.to_text()));
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was paid back").into());
        }
    }
    let by = purse.account(source.mint());
    let answered = purse.was_answered(&request).await;
    let refund = RefundRequest { payment: payment.payment, request: request.clone(), by };
    let begun = source.begin_refund(refund).await.map_err(explain)?;
    if begun.state == RefundState::Paid && !answered {
        return Err(fault(Trouble::NotRefunded, "this was paid back before, from a wallet that has the text")
            .next("`farthing wallet sent` shows it there")
            .into());
    }
    let sent = match purse.answer(&request).await {
        Ok(sent) => sent,
        Err(Answered::Not(error)) => {
            if begun.state == RefundState::Begun {
                source.end_refund(payment.payment, request.hash(), false).await?;
            }
            return Err(error);
        }
        Err(Answered::Perhaps(error)) => return Err(error),
    };
    source.end_refund(payment.payment, request.hash(), true).await?;
    screen.answer(&RefundAnswer {
        payment: payment.payment.to_text(),
        amount: Money::of(begun.amount, &request.draft().unit),
        payee: request.draft().payee.to_text(),
        operation: sent.op.get(),
        again: sent.again,
        text: sent.text.as_str().to_owned(),
    })
}

/// What it means for the money.
fn explain(error: anyhow::Error) -> anyhow::Error {
    let refused = error.downcast_ref::<RefundError>().map(ToString::to_string).or_else(|| {
        let CallError::Refused(problem, _) = error.downcast_ref::<CallError>()? else { return None };
        let detail = problem.detail().unwrap_or(problem.title());
        Some(detail.trim_end_matches('.').to_owned())
    });
    match refused {
        Some(why) => fault(Trouble::NotRefunded, format!("nothing was paid back: {why}"))
            .next("`farthing verifier payments` shows what was paid, and what was paid back")
            .into(),
        None => error,
    }
}

impl Answer for RefundAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.text);
        let (amount, payee) = (&self.amount.text, short(&self.payee));
        let before = if self.again { ", paid back before" } else { "" };
        screen.note(format!("{amount}, locked to {payee}{before}: hand the text over, nobody else can claim it."));
    }
}
