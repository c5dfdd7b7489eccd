//! `farthing verifier request`

use anyhow::Result;
use farthing_protocol::api::{InvoiceAnswer, InvoiceRequest, verifier_path};
use serde::Serialize;

use super::open::{control, explain_not_running, open, unit_of};
use crate::args::VerifierRequest;
use crate::mint::read_amount;
use crate::output::{Answer, Money, Screen, time};
use crate::wallet::{Delivered, deliver};

/// An invoice.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RequestAnswer {
    payee: String,
    amount: Money,
    memo: Option<String>,
    expires_at: u64,
    reusable: bool,
    #[serde(flatten)]
    delivered: Delivered,
}

pub(super) async fn request(args: VerifierRequest, screen: &Screen) -> Result<RequestAnswer> {
    let home = open(args.folder)?;
    let unit = unit_of(&home).await?;
    let amount = read_amount(&args.amount, &unit)?;
    let request = InvoiceRequest {
        amount,
        memo: args.memo,
        expires_in: Some(args.expires_in),
        reusable: args.reusable,
        http: None,
    };
    let answer: InvoiceAnswer =
        control(&home)?.post_json(verifier_path::INVOICES, &request).await.map_err(explain_not_running)?;
    let delivered = deliver(screen, answer.text, &args.delivery)?;
    let draft = answer.invoice.draft();
    screen.note(format!("{}, to be paid before {} UTC", amount.display(&unit), time(draft.expires_at)));
    Ok(RequestAnswer {
        payee: draft.payee.to_string(),
        amount: Money::of(amount, &unit),
        memo: draft.memo.clone(),
        expires_at: draft.expires_at.seconds(),
        reusable: draft.reusable,
        delivered,
    })
}

impl Answer for RequestAnswer {
    fn show(&self, screen: &Screen) {
        self.delivered.show(screen);
    }
}
