//! Deposits (protocol section 8): payments checked together, each accepted by itself and credited to its payee.

use std::time::Instant;

use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::{Deposit, DepositOutcome};
use farthing_protocol::ids::{Claim, PaymentId};
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_verifier::check::{CheckError, MintRules, VerifiedPayment, check_deposits};
use farthing_verifier::store::Outcome;

use crate::ledger::{self, DepositRefusal, LedgerError};
use crate::metrics::Work;
use crate::mint::Mint;

/// Why no payment of a request was even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DepositError {
    /// There is no payment in it, or more than 64.
    #[error("a deposit holds 1 to 64 payments")]
    Count,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<DepositError> for Problem {
    fn from(error: DepositError) -> Self {
        match error {
            DepositError::Count => Self::new(Code::InvalidShape).with_detail("A deposit holds 1 to 64 payments."),
            DepositError::Ledger(error) => Self::new(error.code()),
        }
    }
}

impl Mint {
    /// The most payments in one deposit.
    pub const MAX_DEPOSITS: usize = 64;

    /// Accepts payments of kind `pay` and credits each payee; answers in their order. It goes on to its end even if
    /// this future is dropped.
    ///
    /// A payment that is known already is answered before anything else about it is judged, its keyset's end and
    /// its cryptography included: what was accepted stays accepted.
    ///
    /// # Errors
    /// A [`DepositError`].
    pub async fn deposit(&self, deposits: Vec<Deposit>) -> Result<Vec<DepositOutcome>, DepositError> {
        let begun = Instant::now();
        let outcomes = self.deposit_in_any_case(deposits).await;
        self.metrics().answered(Work::Deposit, &outcomes, begun.elapsed());
        if let Ok(outcomes) = &outcomes {
            self.metrics().deposited(outcomes);
        }
        outcomes
    }

    async fn deposit_in_any_case(&self, deposits: Vec<Deposit>) -> Result<Vec<DepositOutcome>, DepositError> {
        if deposits.is_empty() || deposits.len() > Self::MAX_DEPOSITS {
            return Err(DepositError::Count);
        }
        let mint = self.clone();
        let permit = self.permit().ok_or(LedgerError::Busy)?;
        let work = tokio::spawn(async move {
            let _until_the_end = permit;
            mint.deposit_to_the_end(deposits).await
        });
        work.await.unwrap_or(Err(DepositError::Ledger(LedgerError::Unavailable)))
    }

    async fn deposit_to_the_end(&self, deposits: Vec<Deposit>) -> Result<Vec<DepositOutcome>, DepositError> {
        // Of another kind nothing is looked up: a swap's record is not a deposit's.
        let ids: Vec<Option<(PaymentId, Claim)>> = deposits
            .iter()
            .map(|Deposit { payment, claim }| (payment.kind() == PaymentKind::Pay).then(|| (payment.id(), *claim)))
            .collect();
        let known: Vec<Option<Outcome>> = self
            .books()
            .ledger()
            .read(move |txn| {
                let known = |(id, claim): &(PaymentId, Claim)| ledger::known(txn, id, claim);
                ids.iter().map(|id| id.as_ref().map_or(Ok(None), known)).collect()
            })
            .await?;
        let fresh: Vec<Payment> =
            deposits.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(d, _)| d.payment.clone()).collect();
        let mint = self.clone();
        let checked = tokio::task::spawn_blocking(move || mint.check_deposits(fresh));
        let mut checked = checked.await.map_err(|_| LedgerError::Stopped)?.into_iter();

        // All jobs are queued before the first is awaited, so that they share a sync.
        let mut begun = Vec::with_capacity(deposits.len());
        for (deposit, known) in deposits.into_iter().zip(known) {
            begun.push(match known {
                Some(outcome) => Begun::Decided(told(outcome)),
                None => match checked.next() {
                    Some(Ok(payment)) => Begun::Queued(self.queue(payment, deposit.claim)),
                    Some(Err(error)) => Begun::Decided(refused(error.code())),
                    None => Begun::Decided(DepositOutcome::Unavailable {}),
                },
            });
        }
        let mut outcomes = Vec::with_capacity(begun.len());
        for each in begun {
            outcomes.push(match each {
                Begun::Decided(outcome) => outcome,
                Begun::Queued(pending) => match ledger::settle(pending).await {
                    Ok(outcome) => told(outcome),
                    Err(refusal) => {
                        if let DepositRefusal::Ledger(error) = refusal {
                            self.books().heed(error).await;
                        }
                        refusal_told(refusal)
                    }
                },
            });
        }
        Ok(outcomes)
    }

    /// Everything about payments that needs no ledger.
    fn check_deposits(&self, payments: Vec<Payment>) -> Vec<Result<VerifiedPayment, CheckError>> {
        let book = self.books().keyset_book();
        let now = self.books().clock().now();
        let rules = MintRules { mint: self.books().home().mint_id(), now, keysets: book.known() };
        let decides = self.books().decides();
        let judge = |payment: VerifiedPayment| {
            if decides.covers(&payment.class()) { Ok(payment) } else { Err(CheckError::ClosedToAnother) }
        };
        let verified = check_deposits(&mut crate::system_rng(), &rules, payments);
        verified.into_iter().map(|payment| payment.and_then(judge)).collect()
    }

    fn queue(&self, payment: VerifiedPayment, claim: Claim) -> PendingDeposit {
        let rules = self.books().home().config().accounts;
        self.books().ledger().submit(move |txn, now| ledger::deposit(txn, now, &rules, &payment, &claim))
    }
}

type PendingDeposit = farthing_durable::Pending<Result<Outcome, DepositRefusal>>;

enum Begun {
    Decided(DepositOutcome),
    Queued(PendingDeposit),
}

fn told(outcome: Outcome) -> DepositOutcome {
    match outcome {
        Outcome::Accepted { accepted_at } => DepositOutcome::Accepted { accepted_at },
        Outcome::AlreadyAccepted { accepted_at, claim_matches } => {
            DepositOutcome::AlreadyAccepted { claim_matches, accepted_at }
        }
        Outcome::DoubleSpend { earlier } => DepositOutcome::DoubleSpend { earlier_payment_id: earlier },
    }
}

fn refused(code: Code) -> DepositOutcome {
    DepositOutcome::Refused { code: code.as_str().to_owned() }
}

fn refusal_told(refusal: DepositRefusal) -> DepositOutcome {
    match refusal {
        DepositRefusal::KeysetEnded => refused(Code::KeysetEnded),
        DepositRefusal::BalanceLimit => refused(Code::LimitExceeded),
        DepositRefusal::NotRegistered => refused(Code::UnknownAccount),
        DepositRefusal::Ledger(error) => match error {
            LedgerError::ClockBehind
            | LedgerError::ClockAhead
            | LedgerError::Overflow
            | LedgerError::TooMuch
            | LedgerError::Busy => refused(error.code()),
            LedgerError::Forged { .. }
            | LedgerError::SecondFactor
            | LedgerError::Damaged
            | LedgerError::Stopped
            | LedgerError::Unavailable => DepositOutcome::Unavailable {},
        },
    }
}
