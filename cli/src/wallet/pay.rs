//! `farthing wallet pay`

pub(crate) mod entry;

use anyhow::Result;
use farthing_protocol::request::{Invoice, TransferRequest};
use farthing_protocol::text::TextForm;
use farthing_wallet::{InvoiceView, Outlook, PayError, Remark, SendError};
use serde::Serialize;

use super::deliver::{check_pictures, deliver_to};
use super::held::pay_by_hand;
use super::open::Place;
use super::send::SendAnswer;
use super::text::{Text, read_input};
use crate::args::WalletPay;
use crate::exit::{Trouble, advice, fault};
use crate::output::{Answer, Money, Progress, Screen, short};
use crate::prompt;

/// A payee was paid.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PayAnswer {
    operation: u64,
    payee: String,
    amount: Money,
    memo: Option<String>,
    /// Whether it had been paid before, so that nothing was taken now.
    paid_before: bool,
    /// Without a receipt it is the mint who says that the payment was accepted.
    receipt: Option<String>,
    /// Swaps that had to be made at the moment of paying.
    swaps: u32,
}

pub(super) async fn pay(place: &Place, args: WalletPay) -> Result<()> {
    if let Some(file) = &args.x402 {
        return place.screen.answer(&entry::pay(place, &args, file).await?);
    }
    match read_input(&args.input, "invoice or request")? {
        Text::Invoice(invoice) if args.by_hand || args.to_file.is_some() => {
            place.screen.answer(&pay_by_hand(place, &args, &invoice).await?)
        }
        Text::Invoice(invoice) => place.screen.answer(&pay_invoice(place, &args, *invoice).await?),
        Text::Transfer(request) => place.screen.answer(&answer(place, &args, &request).await?),
        other => Err(other.misplaced("an invoice or a request").into()),
    }
}

async fn pay_invoice(place: &Place, args: &WalletPay, invoice: Invoice) -> Result<PayAnswer> {
    let wallet = place.open().await?;
    let asked = wallet.read_invoice(&invoice).await?;
    if !asked.paid && !wallet.holds_for(&invoice).await? {
        look_ahead(place, &wallet.invoice_outlook(&invoice).await?, PayError::InsufficientFunds)?;
    }
    if !args.yes && !asked.paid {
        ask(&asked)?;
    }
    let progress = Progress::start(&place.screen, "paying");
    let paid = wallet.pay(invoice).await;
    drop(progress);
    place.warn_of_recoups(&wallet).await?;
    let amount = Money::of(asked.amount, &asked.unit);
    let paid = paid?;
    Ok(PayAnswer {
        operation: paid.op.get(),
        payee: paid.payee.to_text(),
        amount,
        memo: asked.memo,
        paid_before: asked.paid,
        receipt: paid.receipt.map(|receipt| receipt.to_text()),
        swaps: paid.swaps,
    })
}

/// Says what paying would show, and stops before anybody is asked if the tokens do not suffice.
pub(super) fn look_ahead(place: &Place, outlook: &Outlook, not_enough: impl Into<anyhow::Error>) -> Result<()> {
    if outlook.remarks.contains(&Remark::NotEnough) {
        let amount = outlook.amount.display(&outlook.unit);
        let message = format!("the wallet's tokens do not cover {amount}");
        return Err(not_enough.into().context(advice(message, "`farthing wallet withdraw` gets more")));
    }
    place.tell_outlook(outlook);
    Ok(())
}

pub(super) fn ask(asked: &InvoiceView) -> Result<()> {
    let memo = asked.memo.as_ref().map(|memo| format!(" for {memo:?}")).unwrap_or_default();
    let question = format!("Pay {}{memo} to {}?", asked.amount.display(&asked.unit), short(&asked.payee.to_text()));
    if prompt::confirm(&question, "--yes")? { Ok(()) } else { Err(fault(Trouble::Declined, "nothing was paid").into()) }
}

async fn answer(place: &Place, args: &WalletPay, request: &TransferRequest) -> Result<SendAnswer> {
    check_pictures(&args.pictures)?;
    let wallet = place.open().await?;
    let asked = wallet.read_transfer(request).await?;
    let amount = asked.amount.display(&asked.unit);
    if asked.answered.is_none() {
        look_ahead(place, &wallet.transfer_outlook(request).await?, SendError::InsufficientFunds)?;
    }
    if !args.yes && asked.answered.is_none() {
        let memo = asked.memo.as_ref().map(|memo| format!(" for {memo:?}")).unwrap_or_default();
        let question = format!("Lock {amount}{memo} to {}? It cannot be taken back.", short(&asked.payee.to_text()));
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was sent").into());
        }
    }
    let progress = Progress::start(&place.screen, "locking");
    let sent = wallet.answer(request).await;
    drop(progress);
    let sent = sent?;
    let delivered = deliver_to(&place.screen, sent.text.as_str().to_owned(), &args.pictures, None)?;
    Ok(SendAnswer::of(&sent, asked.memo, delivered))
}

impl Answer for PayAnswer {
    fn show(&self, screen: &Screen) {
        let what = if self.paid_before { "was paid before, and nothing is taken now:" } else { "paid" };
        screen.say(format!("{what} {} to {}", self.amount.text, short(&self.payee)));
        match &self.receipt {
            Some(receipt) => screen.note(format!("receipt: {receipt}")),
            None => screen.note("The mint says that it was accepted; the payee has not given a receipt."),
        }
    }
}
