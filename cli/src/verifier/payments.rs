//! `farthing verifier payments`

use anyhow::Result;
use farthing_protocol::api::{PaymentsAnswer, verifier_path};

use super::open::{control, explain_not_running, open, unit_of};
use crate::args::VerifierPayments;
use crate::output::{say, short, show, table, time};

pub(super) async fn payments(args: VerifierPayments) -> Result<()> {
    let home = open(args.folder)?;
    let unit = unit_of(&home).await?;
    let answer: PaymentsAnswer =
        control(&home)?.get_json(verifier_path::PAYMENTS).await.map_err(explain_not_running)?;
    if answer.payments.is_empty() {
        say("no payments yet");
        return Ok(());
    }
    let mut rows = table(["time (UTC)", "amount", "payment", "memo"]);
    for payment in &answer.payments {
        rows.add_row([
            time(payment.accepted_at),
            payment.amount.display(&unit),
            short(&payment.payment.to_text()),
            payment.memo.clone().unwrap_or_default(),
        ]);
    }
    show(&rows);
    Ok(())
}
