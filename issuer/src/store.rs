//! The ledger as a store of spent tokens: what a verifier inside the mint accepts payments with.

use farthing_http::problem::Code;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::payment::PaymentKind;
use farthing_verifier::spent;
use farthing_verifier::store::{Acceptance, AcceptedPayment, Decides, Outcome, SpentStore, StoreError, StoreFuture};

use crate::books::Books;
use crate::ledger::{self, DepositRefusal, LedgerError};

/// Accepts payments of kind `pay` as deposits: each credits its payee in the transaction that marks its tokens spent.
/// The time is the ledger's own.
impl SpentStore for Books {
    fn decides(&self) -> &Decides {
        Self::decides(self)
    }

    fn accept(&self, acceptances: Vec<Acceptance>) -> StoreFuture<'_, Vec<Result<Outcome, StoreError>>> {
        let queue = |Acceptance { payment, claim, .. }: Acceptance| {
            let own = self.decides().covers(&payment.class()) && payment.payment().kind() == PaymentKind::Pay;
            let rules = self.home().config().accounts;
            own.then(|| self.ledger().submit(move |txn, now| ledger::deposit(txn, now, &rules, &payment, &claim)))
        };
        // All jobs are queued before the first is awaited, so that they share a sync.
        let queued: Vec<_> = acceptances.into_iter().map(queue).collect();
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(queued.len());
            for pending in queued {
                outcomes.push(match pending {
                    None => Err(StoreError::NotDecidedHere),
                    Some(pending) => match ledger::settle(pending).await {
                        Err(DepositRefusal::Ledger(error)) => {
                            self.heed(error).await;
                            Err(DepositRefusal::Ledger(error).into())
                        }
                        outcome => outcome.map_err(StoreError::from),
                    },
                });
            }
            outcomes
        })
    }

    fn find(&self, payment: &PaymentId) -> StoreFuture<'_, Result<Option<AcceptedPayment>, StoreError>> {
        let payment = *payment;
        Box::pin(async move {
            let found = self.ledger().read(move |txn| Ok(spent::find(txn, &payment)?)).await;
            found.map_err(|error| DepositRefusal::Ledger(error).into())
        })
    }
}

impl From<DepositRefusal> for StoreError {
    fn from(refusal: DepositRefusal) -> Self {
        match refusal {
            DepositRefusal::KeysetEnded => Self::KeysetEnded,
            DepositRefusal::BalanceLimit => Self::Refused(Code::LimitExceeded),
            DepositRefusal::NotRegistered => Self::Refused(Code::UnknownAccount),
            DepositRefusal::Ledger(error) => match error {
                LedgerError::ClockBehind => Self::ClockBehind,
                LedgerError::ClockAhead => Self::ClockAhead,
                LedgerError::Overflow | LedgerError::TooMuch => Self::Refused(error.code()),
                LedgerError::Busy => Self::Busy,
                LedgerError::Forged { .. }
                | LedgerError::SecondFactor
                | LedgerError::Damaged
                | LedgerError::Stopped => Self::Stopped,
                LedgerError::Unavailable => Self::Unavailable,
            },
        }
    }
}
