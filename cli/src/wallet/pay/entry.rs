//! `farthing wallet pay --x402`: a payment for a request that another program makes.

use std::path::Path;

use anyhow::Result;
use data_encoding::BASE64URL_NOPAD;
use farthing_protocol::api::PayRequest;
use farthing_wallet::{Denied, GetError, GetLimits, HandedPayment, NotAllowed, Price};
use serde::Serialize;
use serde_json::Value;

use crate::args::{WalletPay, Which};
use crate::exit::{Advise, Trouble, fault};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Progress, Screen, seconds, short, time};
use crate::prompt;
use crate::wallet::open::{Place, choose_unit};
use crate::wallet::text::{read_file, read_stdin};

/// A payment that another program delivers.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EntryAnswer {
    operation: u64,
    mint: String,
    payee: String,
    amount: Money,
    /// What goes into the field `payload` of `PAYMENT-SIGNATURE`. Whoever has it can pay with it.
    #[cfg_attr(test, schemars(with = "Payload"))]
    payload: PayRequest,
    /// Before when it can be accepted; afterwards the wallet settles it with the mint.
    until: u64,
    /// Swaps that had to be made at the moment of paying.
    swaps: u32,
}

/// How a [`PayRequest`] is written.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[allow(dead_code, reason = "describes a type of another crate")]
struct Payload {
    /// The payment, as base64url.
    payment: String,
    /// The payment request that it answers, as base64url.
    request: String,
}

pub(super) async fn pay(place: &Place, args: &WalletPay, file: &Path) -> Result<EntryAnswer> {
    let text = if file.as_os_str() == "-" { read_stdin()? } else { read_file(file)? };
    check(&text)?;
    let wallet = place.open().await?;
    let mut limits = GetLimits::default();
    if let Some(most) = &args.max_amount {
        let unit = choose_unit(&wallet, &Which { mint: None, unit: args.unit.clone() })?;
        limits.max_amount = Some(Price { amount: read_amount(most, &unit)?, unit });
    }
    let buy = async |limits: &GetLimits| {
        let _progress = Progress::start(&place.screen, "paying");
        wallet.pay_entry(&text, limits).await
    };
    let paid = match buy(&limits).await {
        Err(GetError::Denied(denied)) if denied.why == Denied::NoLimit => {
            limits.max_amount = Some(allow(&denied, args.yes)?);
            limits.only = Some((denied.payee, denied.mint));
            buy(&limits).await
        }
        paid => paid,
    };
    match paid {
        Err(error @ GetError::Denied(_)) => Err(error).advise("nothing was paid", "--max-amount says what it may cost"),
        paid => Ok(EntryAnswer::of(paid?)),
    }
}

/// Says what is wrong with a text that is no entry at all, before a wallet is opened.
fn check(text: &str) -> Result<()> {
    let what = "give one entry of the accepts of an x402 demand";
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) if fields.contains_key("accepts") => {
            Err(fault(Trouble::BadText, "this is a whole demand").next(what).into())
        }
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) | Err(_) => Err(fault(Trouble::BadText, "this is no JSON object").next(what).into()),
    }
}

/// What may be paid where nothing said so.
fn allow(denied: &NotAllowed, yes: bool) -> Result<Price> {
    let (price, payee) = (&denied.price, short(&denied.payee.to_text()));
    let question = format!("Pay {price} to {payee} with tokens of the mint {}?", short(&denied.mint.to_text()));
    if yes || prompt::confirm(&question, "--max-amount or --yes")? {
        Ok(price.clone())
    } else {
        Err(fault(Trouble::Declined, "nothing was paid").into())
    }
}

impl EntryAnswer {
    fn of(paid: HandedPayment) -> Self {
        Self {
            operation: paid.op.get(),
            mint: paid.mint.to_text(),
            payee: paid.payee.to_text(),
            amount: Money::of(paid.price.amount, &paid.price.unit),
            payload: paid.payload,
            until: seconds(paid.until),
            swaps: paid.swaps,
        }
    }
}

impl Answer for EntryAnswer {
    fn show(&self, screen: &Screen) {
        let payload = serde_json::to_vec(&self.payload).unwrap_or_default();
        screen.say(BASE64URL_NOPAD.encode(&payload));
        let until = time(farthing_protocol::amount::UnixTime::from_seconds(self.until));
        screen.note(format!(
            "Operation {}: whoever has this can pay {} to {} with it, and nobody else, until {until} UTC.",
            self.operation,
            self.amount.text,
            short(&self.payee)
        ));
    }
}
