//! `farthing verifier receipt`

use anyhow::Result;
use farthing_protocol::text::TextForm;
use serde::Serialize;

use super::open::open;
use super::payments::{PaymentEntry, find, unknown};
use super::source::Source;
use crate::args::VerifierReceipt;
use crate::output::{Answer, Screen};

/// The signed receipt of an accepted payment.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiptAnswer {
    /// Who was paid, and signed it.
    payee: String,
    receipt: String,
    payment: PaymentEntry,
}

pub(super) async fn receipt(args: VerifierReceipt, screen: &Screen) -> Result<()> {
    let source = Source::open(open(args.folder)?).await?;
    let payment = find(&source, &args.id).await?;
    let receipt = source.receipt(payment.payment).await?.ok_or_else(|| unknown(&args.id))?;
    let (payee, receipt) = (receipt.draft().payee.to_text(), receipt.to_text());
    screen.answer(&ReceiptAnswer { payee, receipt, payment: PaymentEntry::of(payment)? })
}

impl Answer for ReceiptAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.receipt);
    }
}
