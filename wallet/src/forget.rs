//! Erasing history: what is over, and whose traces its owner wants gone.

use std::collections::BTreeSet;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::request::PaymentRequest;

use crate::error::StoreError;
use crate::funding::forget_voucher;
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
                let (mut gone, mut asked) = (BTreeSet::new(), BTreeSet::new());
                let mut keep = |operation: &Operation| {
                    let used = operation.issue().map(|issue| issue.used.as_slice()).unwrap_or_default();
                    asked.extend(used.iter().map(|used| (used.keyset, used.number.get())));
                };
                Operation::all_live(tx)?.iter().for_each(&mut keep);
                for operation in Operation::all_ended(tx)? {
                    if forgotten.judge(&operation, &what, before, now) {
                        gone.insert(operation.id);
                        if !dry {
                            erase(tx, &operation)?;
                        }
                    } else {
                        keep(&operation);
                    }
                }
                forgotten.tokens = stock::forget_gone(tx, &gone, &asked, dry)?;
                forgotten.requests = transfer::forget_asked(tx, before, dry)?;
                Ok(forgotten)
            })
            .await
    }
}

impl Forgotten {
    /// Whether an operation is to be forgotten. Counts it.
    fn judge(&mut self, operation: &Operation, what: &Forget, before: UnixTime, now: UnixTime) -> bool {
        let Some((ended_at, outcome)) = operation.ended else { return false };
        if ended_at >= before || can_be_paid_again(operation, now) {
            return false;
        }
        if matches!((&operation.body, outcome), (Body::Lock(_), Outcome::Issued)) {
            if !what.locked {
                self.locked_kept = self.locked_kept.saturating_add(1);
                return false;
            }
            self.locked = self.locked.saturating_add(1);
        }
        self.operations = self.operations.saturating_add(1);
        if let Outcome::Paid(receipt) = outcome {
            self.payments = self.payments.saturating_add(1);
            self.receipts = self.receipts.saturating_add(usize::from(receipt.is_some()));
        }
        true
    }
}

/// A single-use request that was paid must be known again while its payee would take money for it.
fn can_be_paid_again(operation: &Operation, now: UnixTime) -> bool {
    match &operation.body {
        Body::Pay(pay) => now < pay.request.expires_at(),
        Body::Lock(locking) => locking.to.expires_at().is_some_and(|expires_at| now < expires_at),
        Body::Issue(_) | Body::Send(_) | Body::Receive(_) | Body::Recoup(_) => false,
    }
}

fn erase(tx: &mut Tx<'_, '_>, operation: &Operation) -> Result<(), StoreError> {
    forget_requests(tx, operation)?;
    match &operation.body {
        Body::Pay(pay) => {
            if let PaymentRequest::Invoice(invoice) = &pay.request {
                transfer::forget_if(tx, &invoice_key(invoice), operation.id)?;
            }
        }
        Body::Lock(locking) => transfer::forget_answer(tx, &locking.to, operation.id)?,
        Body::Issue(issue) => forget_voucher(tx, operation, issue)?,
        Body::Send(_) | Body::Receive(_) | Body::Recoup(_) => {}
    }
    operation.erase(tx)
}
