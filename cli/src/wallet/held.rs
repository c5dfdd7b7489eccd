//! Paying where there is no network: `farthing wallet withdraw --lock-to`, `pay --by-hand`, `receipt-in` and `follow`.

use std::path::Path;

use anyhow::{Context, Result};
use farthing_protocol::locked::Recipient;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_wallet::{HeldView, InvoiceView, PayError, Wallet};
use serde::Serialize;

use super::deliver::{Delivered, check, deliver};
use super::open::Place;
use super::pay::ask;
use super::text::{Text, read_file, read_input};
use crate::args::{Delivery, WalletFollow, WalletPay, WalletReceiptIn};
use crate::exit::{Trouble, advice, fault};
use crate::output::{Answer, Money, Screen, seconds, short};
use crate::verifier::read_url;
use crate::{prompt, qr};

/// A payment to be handed over.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HandedAnswer {
    operation: u64,
    payee: String,
    amount: Money,
    memo: Option<String>,
    /// Whether it is the same payment as before: nothing more is paid.
    again: bool,
    #[serde(flatten)]
    delivered: Delivered,
}

/// A receipt was taken in.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiptInAnswer {
    operation: u64,
    payee: String,
    /// In the smallest parts of the unit that was paid in.
    units: String,
    receipt: String,
}

/// Tokens are held for a payee's new key.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FollowAnswer {
    /// Who can be paid with them now.
    payee: String,
    /// Who could be paid with them before.
    before: Vec<String>,
    /// How many they are; none if nothing had to be changed.
    tokens: u64,
}

/// What is held to pay one payee with.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HeldBalance {
    mint: String,
    mint_url: String,
    /// Who can be paid with it, and nobody else.
    payee: String,
    payable: Money,
    tokens: u64,
    /// The part of it that may have been paid before.
    perhaps_paid: Money,
    reserved: Money,
    /// What the payee or the mint's filters say was paid before. It is not paid again.
    suspected: Money,
    ended: Money,
    first_end: Option<u64>,
}

/// Reads to whom tokens are to be locked: his record as a text or in a file, or his verifier's address.
pub(super) async fn recipient(wallet: &Wallet, named: &str) -> Result<Recipient> {
    if named.starts_with("http://") || named.starts_with("https://") {
        let url = read_url(named)?;
        return wallet.fetch_recipient(&url).await.with_context(|| {
            advice(
                format!("there is no record of a recipient to be had at {}", url.as_str()),
                "the payee's verifier must be running with locked = true in its config.toml",
            )
        });
    }
    let text = match Path::new(named) {
        file if file.exists() => read_file(file)?,
        _ => named.to_owned().into(),
    };
    match Text::read(&qr::join(&text)?)? {
        Text::Recipient(recipient) => Ok(*recipient),
        other => Err(other.misplaced("the record of a recipient").into()),
    }
}

pub(super) async fn pay_by_hand(place: &Place, args: &WalletPay, invoice: &Invoice) -> Result<HandedAnswer> {
    let how = Delivery { pictures: args.pictures.clone(), file: args.to_file.clone() };
    check(&how)?;
    let wallet = place.open_quietly().await?;
    let asked: InvoiceView = wallet.read_invoice_by_hand(invoice).await?;
    if !args.yes && !asked.paid {
        ask(&asked)?;
    }
    let handed = wallet.pay_by_hand(invoice).await.map_err(explain)?;
    let delivered = deliver(&place.screen, handed.text, &how)?;
    Ok(HandedAnswer {
        operation: handed.op.get(),
        payee: asked.payee.to_text(),
        amount: Money::of(asked.amount, &asked.unit),
        memo: asked.memo,
        again: handed.again,
        delivered,
    })
}

fn explain(error: PayError) -> anyhow::Error {
    match error {
        PayError::InProgress { op } => anyhow::Error::new(PayError::InProgress { op }).context(advice(
            format!("operation {op} pays this invoice over the network"),
            "the next command goes on with it",
        )),
        error => error.into(),
    }
}

pub(super) async fn receipt_in(place: &Place, args: WalletReceiptIn) -> Result<ReceiptInAnswer> {
    let receipt = match read_input(&args.input, "receipt")? {
        Text::Receipt(receipt) => *receipt,
        other => return Err(other.misplaced("a receipt").into()),
    };
    let wallet = place.open_quietly().await?;
    let paid = wallet.take_receipt(receipt).await?;
    Ok(ReceiptInAnswer {
        operation: paid.op.get(),
        payee: paid.payee.to_text(),
        units: paid.amount.to_string(),
        receipt: receipt.to_text(),
    })
}

pub(super) async fn follow(place: &Place, args: WalletFollow) -> Result<FollowAnswer> {
    let wallet = place.open_quietly().await?;
    let recipient = recipient(&wallet, &args.recipient).await?;
    let found = wallet.followed_by(&recipient).await?;
    if found.tokens > 0 && !args.yes {
        let before: Vec<_> = found.before.iter().map(|payee| short(&payee.to_text())).collect();
        let (tokens, payee) = (found.tokens, short(&found.payee.to_text()));
        let held = if tokens == 1 { "1 token is".to_owned() } else { format!("{tokens} tokens are") };
        let question = format!("{held} held for {}. Pay {payee} with them from now on?", before.join(", "));
        if !prompt::confirm(&question, "--yes")? {
            return Err(fault(Trouble::Declined, "nothing was changed").into());
        }
    }
    let followed = wallet.follow(&recipient).await?;
    Ok(FollowAnswer {
        payee: followed.payee.to_text(),
        before: followed.before.iter().map(|payee| payee.to_text()).collect(),
        tokens: u64::try_from(followed.tokens)?,
    })
}

impl HeldBalance {
    pub(super) fn of(held: &HeldView, mint_url: &str) -> Result<Self> {
        let money = |amount| Money::of(amount, &held.unit);
        Ok(Self {
            mint: held.mint.to_text(),
            mint_url: mint_url.to_owned(),
            payee: held.payee.to_text(),
            payable: money(held.payable),
            tokens: u64::try_from(held.tokens)?,
            perhaps_paid: money(held.perhaps_paid),
            reserved: money(held.reserved),
            suspected: money(held.suspected),
            ended: money(held.ended),
            first_end: held.first_end.map(seconds),
        })
    }

    /// Lines of a table: amount, what it is, mint.
    pub(super) fn rows(&self) -> Vec<[String; 3]> {
        let payee = short(&self.payee);
        let mut rows =
            vec![[self.payable.text.clone(), format!("locked to {payee}, payable there only"), self.mint_url.clone()]];
        let others = [
            (&self.perhaps_paid, "of it perhaps paid before"),
            (&self.reserved, "locked, held by unfinished payments"),
            (&self.suspected, "locked, and almost certainly paid before"),
            (&self.ended, "locked, in tokens that have ended"),
        ];
        for (money, what) in others.iter().filter(|(money, _)| money.units != "0") {
            rows.push([money.text.clone(), (*what).to_owned(), String::new()]);
        }
        rows
    }
}

impl Answer for HandedAnswer {
    fn show(&self, screen: &Screen) {
        self.delivered.show(screen);
        let (amount, payee) = (&self.amount.text, short(&self.payee));
        let what = if self.again { "The same payment as before, of" } else { "A payment of" };
        screen.note(format!("{what} {amount}: hand it over to {payee}, to whom alone it is of use."));
        screen.note("Take the receipt that you are given with `farthing wallet receipt-in`.");
    }
}

impl Answer for FollowAnswer {
    fn show(&self, screen: &Screen) {
        let payee = short(&self.payee);
        match self.tokens {
            0 => screen.say(format!("there is nothing to be changed: no tokens are held for another key of {payee}")),
            tokens => screen.say(format!("{tokens} tokens now pay the invoices of {payee}")),
        }
    }
}

impl Answer for ReceiptInAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("operation {} was paid: the receipt is kept", self.operation));
    }
}
