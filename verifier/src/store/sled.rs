//! The embedded store.

use std::path::Path;

use farthing_durable::{Engine, OpenError, Options, Txn};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::RecipientKey;
use farthing_protocol::payment::{Payment, PaymentKind};

use super::{Acceptance, AcceptedPayment, Decides, Outcome, SpentStore, StoreError, StoreFuture, StoreRole};
use crate::offline::{self, LockedLimits};
use crate::spent::{self, RecordError, Recorder};

/// Keeps spent tokens itself, in a folder of its own or beside other things in one engine.
///
/// Many payments in one call, and many calls at once, share one sync.
#[derive(Clone, Debug)]
pub struct SledStore {
    engine: Engine,
    decides: Decides,
    limits: LockedLimits,
}

impl SledStore {
    /// A payee's own store in this folder, created if it is missing.
    ///
    /// # Errors
    /// An [`OpenError`].
    pub fn open_own(path: &Path, payee: PayeeKey, lock: Option<RecipientKey>) -> Result<Self, OpenError> {
        Ok(Self::own(Engine::open(path, Options::new().indexer(spent::indexer()))?, payee, lock))
    }

    /// A mint's store in this folder, created if it is missing: for a mint that keeps nothing else there.
    ///
    /// # Errors
    /// An [`OpenError`].
    pub fn open_mint(path: &Path, mint: MintId) -> Result<Self, OpenError> {
        let engine = Engine::open(path, Options::new().indexer(spent::indexer()))?;
        let decides = Decides::new(StoreRole::Mint { mint, closed_to: Vec::new() });
        Ok(Self { engine, decides, limits: LockedLimits::default() })
    }

    /// A payee's own store in an engine that was opened with [`spent::index_entry`] in its indexer.
    pub fn own(engine: Engine, payee: PayeeKey, lock: Option<RecipientKey>) -> Self {
        Self::own_of(engine, vec![payee], lock.into_iter().collect())
    }

    /// The same for a payee who has several keys, such as one in use and those before it.
    pub fn own_of(engine: Engine, payees: Vec<PayeeKey>, locks: Vec<RecipientKey>) -> Self {
        Self { engine, decides: Decides::new(StoreRole::Own { payees, locks }), limits: LockedLimits::default() }
    }

    /// The same, taking no more in locked tokens than this.
    #[must_use]
    pub fn with_limits(mut self, limits: LockedLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Payments of kind `locked` that this store accepted, whole, to be deposited with the mint: see
    /// [`spent::locked`].
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn locked(&self, after: Option<PaymentId>, limit: usize) -> Result<Vec<Payment>, StoreError> {
        let job = self.engine.submit(move |txn| spent::locked(txn, after.as_ref(), limit));
        job.await?.map_err(|_| StoreError::Stopped)
    }
}

impl SpentStore for SledStore {
    fn decides(&self) -> &Decides {
        &self.decides
    }

    fn accept(&self, acceptances: Vec<Acceptance>) -> StoreFuture<'_, Vec<Result<Outcome, StoreError>>> {
        let count = acceptances.len();
        let (decides, limits) = (self.decides.clone(), self.limits);
        let answer = self.engine.submit(move |txn| {
            let mut recorder = Recorder::new();
            let mut outcomes = Vec::with_capacity(acceptances.len());
            for acceptance in &acceptances {
                outcomes.push(if decides.covers(&acceptance.payment.class()) {
                    match decide(&mut recorder, txn, &limits, acceptance) {
                        // The job ends in an error, and everything of it is rolled back.
                        Err(RecordError::Fault(fault)) => return Err(fault),
                        Err(error) => Err(error.into()),
                        Ok(outcome) => outcome,
                    }
                } else {
                    Err(StoreError::NotDecidedHere)
                });
            }
            Ok(outcomes)
        });
        Box::pin(async move {
            match answer.await {
                Ok(Ok(outcomes)) => outcomes,
                Ok(Err(_)) => vec![Err(StoreError::Stopped); count],
                Err(unavailable) => vec![Err(unavailable.into()); count],
            }
        })
    }

    fn find(&self, payment: &PaymentId) -> StoreFuture<'_, Result<Option<AcceptedPayment>, StoreError>> {
        let payment = *payment;
        let answer = self.engine.submit(move |txn| spent::find(txn, &payment));
        Box::pin(async move { answer.await?.map_err(|_| StoreError::Stopped) })
    }
}

/// Accepts one payment, if it is not locked or within the limits.
fn decide(
    recorder: &mut Recorder,
    txn: &mut Txn<'_>,
    limits: &LockedLimits,
    Acceptance { payment, claim, now }: &Acceptance,
) -> Result<Result<Outcome, StoreError>, RecordError> {
    let (kind, terms) = (payment.payment().kind(), payment.keyset().terms());
    // Of a closed keyset nothing is deposited.
    if kind != PaymentKind::Locked || terms.redemption != Redemption::Open {
        return recorder.record(txn, payment, claim, *now).map(Ok);
    }
    if let Some(outcome) = recorder.judge(txn, payment, claim, *now)? {
        return Ok(Ok(outcome));
    }
    let (unit, amount) = (&terms.unit, payment.payment().amount());
    if !limits.allow(offline::outstanding(txn, unit)?.amount, amount) {
        return Ok(Err(StoreError::OverLimit));
    }
    offline::add(txn, unit, amount)?;
    recorder.write(txn, payment, claim, *now).map(Ok)
}
