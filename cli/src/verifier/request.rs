//! `farthing verifier request`

use anyhow::Result;
use farthing_protocol::api::{InvoiceAnswer, InvoiceRequest, verifier_path};

use super::open::{control, explain_not_running, open, unit_of};
use crate::args::VerifierRequest;
use crate::mint::read_amount;
use crate::output::{Screen, note, time};
use crate::wallet::deliver;

pub(super) async fn request(args: VerifierRequest) -> Result<()> {
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
    let screen = Screen::new(false, false);
    deliver(&screen, answer.text, &args.delivery)?.show(&screen);
    let expires_at = answer.invoice.draft().expires_at;
    note(format!("{}, to be paid before {} UTC", amount.display(&unit), time(expires_at)));
    Ok(())
}
