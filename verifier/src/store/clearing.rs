//! Clearing: the mint decides, asked over HTTP.
//!
//! For each payment a record is durable **before** it is sent: the payment's bytes and the claim. A lost answer is
//! asked again with exactly these, also after a restart, and the outcome is durable before it is reported.
//!
//! What different callers want to know at the same time goes to the mint in one request; each records his own part
//! before and after it.

mod credited;
mod desk;
mod mint;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use farthing_durable::{Engine, StoreFault, Txn};
use farthing_http::client::{BaseUrl, HttpClient, UrlError};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::PaymentId;
use tokio::sync::Semaphore;

use self::desk::{Desk, Verdicts};
use self::mint::{Mint, Verdict};
use self::record::{Begun, Record, State};

use super::{Acceptance, AcceptedPayment, Decides, Outcome, SpentStore, StoreError, StoreFuture, StoreRole};
use crate::locks::KeyedLocks;

pub(crate) use self::credited::{
    Credited, Old, credited_after, credited_payment, forget_credited, forget_old, note_locked,
};
pub(crate) use self::record::{forget_settled, was_begun};

/// The most payments that one request carries.
pub const MAX_DEPOSITS: usize = 64;

/// The most payments that wait for the mint; further ones are [`StoreError::Busy`].
pub const MAX_WAITING: usize = 1024;

/// Asks the mint about tokens of its open keysets.
///
/// Its `accepted_at` is the mint's. Only the claim given first counts as own acceptance: a payment that the mint
/// accepted with a claim of somebody else is `AlreadyAccepted` without matching claim, and is not
/// [found](SpentStore::find).
#[derive(Clone)]
pub struct ClearingStore {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    decides: Decides,
    desk: Desk,
    locks: KeyedLocks,
    places: Semaphore,
}

/// What a store has asked its mint since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClearingFigures {
    /// Requests sent.
    pub requests: u64,
    /// Payments in them.
    pub payments: u64,
    /// Payments that wait for the next request.
    pub waiting: usize,
}

/// What became of the payments whose outcome was not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// So many are settled now.
    pub settled: usize,
    /// So many are still open.
    pub open: usize,
}

impl ClearingStore {
    /// A store that asks the mint at `base`, with its record in an engine. Keys that begin with `clear/` or `credited/` are its
    /// own.
    ///
    /// # Errors
    /// A [`UrlError`] when the mint's deposit endpoint has no address.
    pub fn new(engine: Engine, mint: MintId, base: &BaseUrl, client: HttpClient) -> Result<Self, UrlError> {
        let decides = Decides::new(StoreRole::Clearing { mint });
        let (desk, locks) = (Desk::new(Mint::new(base, client)?), KeyedLocks::default());
        let places = Semaphore::new(MAX_WAITING);
        Ok(Self { inner: Arc::new(Inner { engine, decides, desk, locks, places }) })
    }

    /// Asks again about every payment whose outcome is not known: once after a start, and now and then.
    ///
    /// # Errors
    /// A [`StoreError`] when the own record cannot be read. That the mint cannot be reached is no error: its
    /// payments stay open.
    pub async fn resume(&self, now: UnixTime) -> Result<Resumed, StoreError> {
        let mut resumed = Resumed::default();
        let mut after: Option<PaymentId> = None;
        loop {
            let last = after;
            let job = self.inner.engine.submit(move |txn| record::open_after(txn, last.as_ref(), MAX_DEPOSITS));
            let open = job.await?.map_err(|_| StoreError::Stopped)?;
            after = open.last().copied();
            if open.is_empty() {
                return Ok(resumed);
            }
            let (inner, asked) = (Arc::clone(&self.inner), open.len());
            // Begun, it is finished, even if this future is dropped.
            let task = tokio::spawn(async move { inner.ask_again(open, now).await });
            let still_open = task.await.unwrap_or(Err(StoreError::Unavailable))?;
            resumed.open = resumed.open.saturating_add(still_open);
            resumed.settled = resumed.settled.saturating_add(asked.saturating_sub(still_open));
        }
    }
}

impl ClearingStore {
    /// What it has asked.
    pub fn figures(&self) -> ClearingFigures {
        self.inner.desk.figures()
    }

    /// Forgets payments that somebody else had accepted before a time: the mint says so again to whoever asks.
    pub(crate) async fn forget_older(&self, before: UnixTime) -> Result<(), StoreError> {
        loop {
            let job = self.inner.engine.submit(move |txn| record::forget_elsewhere(txn, before, MAX_DEPOSITS));
            if !job.await?.map_err(|_| StoreError::Stopped)? {
                return Ok(());
            }
        }
    }

    /// Whether the outcome of a payment is not known. If it is, the payment was accepted, or nothing will come of what
    /// was sent of it. Waits for whoever is asking the mint about it.
    pub(crate) async fn is_open(&self, payment: &PaymentId) -> Result<bool, StoreError> {
        let _lock = self.inner.locks.lock(BTreeSet::from([*payment.as_bytes()])).await;
        let payment = *payment;
        let job = self.inner.engine.submit(move |txn| record::read(txn, &payment));
        let record = job.await?.map_err(|_| StoreError::Stopped)?;
        Ok(record.is_some_and(|record| record.state == State::Pending))
    }
}

impl SpentStore for ClearingStore {
    fn decides(&self) -> &Decides {
        &self.inner.decides
    }

    fn accept(&self, acceptances: Vec<Acceptance>) -> StoreFuture<'_, Vec<Result<Outcome, StoreError>>> {
        let (inner, count) = (Arc::clone(&self.inner), acceptances.len());
        Box::pin(async move {
            let task = tokio::spawn(async move { inner.accept(acceptances).await });
            task.await.unwrap_or_else(|_| vec![Err(StoreError::Unavailable); count])
        })
    }

    fn find(&self, payment: &PaymentId) -> StoreFuture<'_, Result<Option<AcceptedPayment>, StoreError>> {
        let payment = *payment;
        let answer = self.inner.engine.submit(move |txn| record::read(txn, &payment));
        Box::pin(async move {
            let record = answer.await?.map_err(|_| StoreError::Stopped)?;
            Ok(record.and_then(|record| record.accepted(&payment)))
        })
    }
}

impl fmt::Debug for ClearingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClearingStore").field("decides", &self.inner.decides).finish_non_exhaustive()
    }
}

impl Inner {
    async fn accept(&self, acceptances: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        let mut outcomes = Vec::with_capacity(acceptances.len());
        for chunk in acceptances.chunks(MAX_DEPOSITS) {
            let (taken, rest): (Vec<_>, Vec<_>) =
                chunk.iter().cloned().partition(|one| self.decides.covers(&one.payment.class()));
            let count = taken.len();
            let mut answers = if rest.len() == chunk.len() {
                Vec::new()
            } else {
                self.clear(taken).await.unwrap_or_else(|error| vec![Err(error); count])
            }
            .into_iter();
            for one in chunk {
                outcomes.push(if self.decides.covers(&one.payment.class()) {
                    answers.next().unwrap_or(Err(StoreError::Unavailable))
                } else {
                    Err(StoreError::NotDecidedHere)
                });
            }
        }
        outcomes
    }

    /// Persist, send, persist, answer.
    async fn clear(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let places = u32::try_from(acceptances.len()).map_err(|_| StoreError::Busy)?;
        let Ok(_places) = self.places.try_acquire_many(places) else {
            return self.turn_away(acceptances).await;
        };
        let _locks = self.locks.lock(acceptances.iter().map(|one| *one.payment.id().as_bytes()).collect()).await;
        let now = acceptances.iter().map(|one| one.now).max().unwrap_or_default();
        let shared = Arc::new(acceptances);
        let theirs = Arc::clone(&shared);
        let begin = self.engine.submit(move |txn| begin(txn, &theirs));
        let begun = begin.await?.map_err(|_| StoreError::Stopped)?;

        let verdicts = self.desk.ask(begun, now).await;
        let settle = self.engine.submit(move |txn| {
            let verdicts = apply(txn, verdicts)?;
            shared.iter().map(|one| report(txn, one, &verdicts)).collect::<Result<Vec<_>, StoreFault>>()
        });
        // What the mint said was not recorded: it is asked again.
        match settle.await {
            Ok(Ok(outcomes)) => Ok(in_turn(outcomes)),
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// Nothing is begun. That there is too much to do now says nothing of a payment that was sent before.
    async fn turn_away(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let job = self.engine.submit(move |txn| {
            let answer = |one: &Acceptance| match record::read(txn, one.payment.id())? {
                None => Ok(Err(StoreError::Busy)),
                Some(_) => report(txn, one, &BTreeMap::new()).map(|(_, outcome)| outcome),
            };
            acceptances.iter().map(answer).collect::<Result<Vec<_>, StoreFault>>()
        });
        job.await?.map_err(|_| StoreError::Stopped)
    }

    /// Returns how many are still open.
    async fn ask_again(&self, payments: Vec<PaymentId>, now: UnixTime) -> Result<usize, StoreError> {
        let _locks = self.locks.lock(payments.iter().map(|id| *id.as_bytes()).collect()).await;
        let job = self.engine.submit(move |txn| {
            let mut begun = Vec::new();
            for id in payments {
                begun.extend(record::pending(txn, &id)?.map(|pending| (id, pending)));
            }
            Ok::<_, StoreFault>(begun)
        });
        let begun = job.await?.map_err(|_| StoreError::Stopped)?;
        let verdicts = self.desk.ask(begun, now).await;
        let job = self.engine.submit(move |txn| apply(txn, verdicts));
        let left = job.await?.map_err(|_| StoreError::Stopped)?;
        Ok(left.values().filter(|verdict| matches!(verdict, Settled::Open(_))).count())
    }
}

/// Writes down what is to be sent; returns everything of which the outcome is not known, in the callers' order.
fn begin(txn: &mut Txn<'_>, acceptances: &[Acceptance]) -> Result<Vec<(PaymentId, Begun)>, StoreFault> {
    let (mut begun, mut seen) = (Vec::new(), BTreeSet::new());
    for Acceptance { payment, claim, .. } in acceptances {
        let id = *payment.id();
        if !seen.insert(id) {
            continue;
        }
        match record::read(txn, &id)? {
            None => {
                begun.push((id, record::begin(txn, payment, claim)?));
            }
            Some(Record { state: State::Pending, .. }) => {
                begun.extend(record::pending(txn, &id)?.map(|pending| (id, pending)));
            }
            Some(Record { state: State::Accepted { .. } | State::Elsewhere { .. }, .. }) => {}
        }
    }
    Ok(begun)
}

/// What is recorded of a verdict.
#[derive(Clone, Copy, Debug)]
enum Settled {
    /// The record says it.
    Recorded,
    /// Definitely refused, and forgotten.
    Refused(Result<PaymentId, StoreError>),
    /// Open, and to be asked again; or never sent, and forgotten.
    Open(StoreError),
}

fn apply(txn: &mut Txn<'_>, verdicts: Verdicts) -> Result<BTreeMap<PaymentId, Settled>, StoreFault> {
    let mut settled = BTreeMap::new();
    for (id, fresh, verdict) in verdicts {
        let one = match verdict {
            Verdict::Accepted { at } => {
                record::settle(txn, &id, State::Accepted { at })?;
                Settled::Recorded
            }
            Verdict::Elsewhere { at } => {
                record::settle(txn, &id, State::Elsewhere { at })?;
                Settled::Recorded
            }
            Verdict::DoubleSpend { earlier } => {
                record::forget(txn, &id)?;
                Settled::Refused(Ok(earlier))
            }
            Verdict::Refused(code) => {
                record::forget(txn, &id)?;
                Settled::Refused(Err(StoreError::Refused(code)))
            }
            // Nothing but this attempt has ever left, and it changed nothing.
            Verdict::NotTried(error) if fresh => {
                record::forget(txn, &id)?;
                Settled::Refused(Err(error))
            }
            Verdict::NotTried(_) | Verdict::Unknown => Settled::Open(StoreError::Unavailable),
        };
        settled.insert(id, one);
    }
    Ok(settled)
}

/// What to tell one caller. `Accepted` here means: the record now says so, and the claim is the caller's.
fn report(
    txn: &Txn<'_>,
    one: &Acceptance,
    settled: &BTreeMap<PaymentId, Settled>,
) -> Result<(PaymentId, Result<Outcome, StoreError>), StoreFault> {
    let id = *one.payment.id();
    let outcome = match settled.get(&id) {
        Some(Settled::Refused(Ok(earlier))) => Ok(Outcome::DoubleSpend { earlier: *earlier }),
        Some(Settled::Refused(Err(error)) | Settled::Open(error)) => Err(*error),
        now @ (Some(Settled::Recorded) | None) => match record::read(txn, &id)? {
            Some(Record { state: State::Accepted { at }, claim, .. }) => {
                let claim_matches = claim.matches(&one.claim);
                if now.is_some() && claim_matches {
                    Ok(Outcome::Accepted { accepted_at: at })
                } else {
                    Ok(Outcome::AlreadyAccepted { accepted_at: at, claim_matches })
                }
            }
            Some(Record { state: State::Elsewhere { at }, .. }) => {
                Ok(Outcome::AlreadyAccepted { accepted_at: at, claim_matches: false })
            }
            Some(Record { state: State::Pending, .. }) | None => Err(StoreError::Unavailable),
        },
    };
    Ok((id, outcome))
}

/// Of several acceptances of one payment in one call, the first alone is told `Accepted`.
fn in_turn(outcomes: Vec<(PaymentId, Result<Outcome, StoreError>)>) -> Vec<Result<Outcome, StoreError>> {
    let mut told = BTreeSet::new();
    let turn = |(id, outcome)| match outcome {
        Ok(Outcome::Accepted { accepted_at }) if !told.insert(id) => {
            Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: true })
        }
        outcome => outcome,
    };
    outcomes.into_iter().map(turn).collect()
}
