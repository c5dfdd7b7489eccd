//! Erasing history: what is over, and whose traces its owner wants gone.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::request::PaymentRequest;

use crate::error::StoreError;
use crate::issue::forget_requests;
use crate::operation::{Body, Operation, Outcome};
use crate::pay::invoice_key;
use crate::stock;
use crate::transfer;
use crate::vault::Tx;
use crate::wallet::Wallet;

/// What ended later than so many seconds ago is kept: a message of it may still be under way.
const KEPT: u64 = 86_400;

/// What to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forget {
    /// What ended before this.
    pub before: UnixTime,
    /// Also tokens that were locked to somebody. Their text is in this wallet alone: if its recipient does not have it yet, the money is
    /// lost.
    pub locked: bool,
}

/// What was forgotten, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Operations.
    pub operations: usize,
    /// Payments among them: it can no longer be shown to whom they went.
    pub payments: usize,
    /// Receipts among these: it can no longer be proven that they were accepted.
    pub receipts: usize,
    /// Sends to locked recipients: their texts cannot be shown again.
    pub locked: usize,
    /// Sends to locked recipients that are old enough and were kept, because they were not asked for.
    pub locked_kept: usize,
    /// Records of tokens that are spent.
    pub tokens: usize,
    /// Requests for money that expired.
    pub requests: usize,
}

impl Wallet {
    /// Forgets what is over since before a time; with `dry`, only says what that would be. Never forgotten are tokens that are worth
    /// something, operations that are not finished or ended within the last day, and paid invoices that could be paid again.
    ///
    /// # Errors
    /// A [`StoreError`]; then nothing is forgotten.
    ///
    /// # Security
    /// What is erased lies on the disk, encrypted, until its place is written again.
    pub async fn forget(&self, what: Forget, dry: bool) -> Result<Forgotten, StoreError> {
        let now = self.inner.now();
        let before = what.before.min(now.minus(KEPT));
        self.inner
            .vault
            .run(move |tx| {
                let mut forgotten = Forgotten::default();
                for operation in Operation::all_ended(tx)? {
                    let Some((ended_at, outcome)) = operation.ended else { continue };
                    if ended_at >= before || can_be_paid_again(&operation, now) {
                        continue;
                    }
                    if matches!((&operation.body, outcome), (Body::Lock(_), Outcome::Issued)) {
                        if !what.locked {
                            forgotten.locked_kept = forgotten.locked_kept.saturating_add(1);
                            continue;
                        }
                        forgotten.locked = forgotten.locked.saturating_add(1);
                    }
                    forgotten.count(&operation, outcome);
                    if !dry {
                        erase(tx, &operation)?;
                    }
                }
                forgotten.tokens = stock::forget_gone(tx, before, dry)?;
                forgotten.requests = transfer::forget_asked(tx, before, dry)?;
                Ok(forgotten)
            })
            .await
    }
}

impl Forgotten {
    fn count(&mut self, operation: &Operation, outcome: Outcome) {
        self.operations = self.operations.saturating_add(1);
        if let Outcome::Paid(receipt) = outcome {
            self.payments = self.payments.saturating_add(1);
            self.receipts = self.receipts.saturating_add(usize::from(receipt.is_some()));
        }
        debug_assert!(operation.ended.is_some());
    }
}

/// A single-use request that was paid must be known again while its payee would take money for it.
fn can_be_paid_again(operation: &Operation, now: UnixTime) -> bool {
    match &operation.body {
        Body::Pay(pay) => now < pay.request.expires_at(),
        Body::Lock(locking) => locking.to.expires_at().is_some_and(|expires_at| now < expires_at),
        Body::Issue(_) | Body::Send(_) | Body::Receive(_) => false,
    }
}

fn erase(tx: &mut Tx<'_, '_>, operation: &Operation) -> Result<(), StoreError> {
    forget_requests(tx, operation)?;
    match &operation.body {
        Body::Pay(pay) => {
            if let PaymentRequest::Invoice(invoice) = &pay.request {
                tx.delete(&invoice_key(invoice))?;
            }
        }
        Body::Lock(locking) => transfer::forget_answer(tx, &locking.to)?,
        Body::Issue(_) | Body::Send(_) | Body::Receive(_) => {}
    }
    operation.erase(tx)
}
