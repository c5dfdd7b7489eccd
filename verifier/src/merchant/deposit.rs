//! Redeeming at the mint what was taken in locked tokens (protocol section 9).
//!
//! ```text
//! kept whole ─▶ p = q + t, a payment of kind pay ─▶ its bytes and a claim durable ─▶ sent ─▶ outcome durable ─▶ credited | refused | still open
//! ```
//!
//! Its request hash follows from the locked payment's id, and it is for the payee's key in use, so that nothing is credited to one
//! that was rotated because somebody else has it. A deposit that was begun for another key goes on as it is: what was written down
//! before it was sent is what is sent again, see [`ClearingStore`](crate::store::ClearingStore).

use std::sync::Arc;

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, PaymentId};
use farthing_protocol::keyset::{Keyset, Redemption as SpendableWith};
use farthing_protocol::locked::{LockKey, Recipient, deposit_request};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};

use super::{Inner, Merchant};
use crate::check::{CheckError, KnownKeysets, VerifiedPayment, check_redemptions};
use crate::offline::{self, RefusedDeposit, Sum};
use crate::store::{Acceptance, MAX_DEPOSITS, Outcome, SpentStore, StoreError, forget_settled, note_locked, was_begun};

/// What became of locked payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DepositReport {
    /// What the mint credited in this run.
    pub credited: Vec<(Unit, Sum)>,
    /// What is accepted and neither credited nor refused.
    pub open: Vec<(Unit, Sum)>,
    /// What the mint refused, in this run or before.
    pub refused: Vec<RefusedDeposit>,
    /// Why something is still open.
    pub cause: Option<StoreError>,
}

/// A locked payment with the deposit that redeems it.
struct Redemption {
    locked: Payment,
    unit: Unit,
    deposit: VerifiedPayment,
}

impl Merchant {
    /// The record by which everybody can lock tokens to this payee, signed by him. Nothing without a lock key.
    pub fn recipient(&self) -> Option<Recipient> {
        let inner = &self.inner;
        let lock = inner.keys.lock()?;
        // One mint is neither none nor too many.
        Recipient::sign(inner.keys.current(), *lock.public(), vec![inner.mint]).ok()
    }

    /// Takes over a signed list of the mint's keysets that was carried in. Returns when it was signed.
    ///
    /// # Errors
    /// A [`KeyringError`](crate::keyring::KeyringError).
    pub async fn import_keysets(
        &self,
        answer: farthing_protocol::api::KeysetsAnswer,
    ) -> Result<UnixTime, crate::keyring::KeyringError> {
        self.inner.keyring.import(answer, (self.inner.clock)()).await
    }

    /// Deposits with the mint everything that was taken in locked tokens. What the mint cannot be asked about stays, and is
    /// deposited the next time; what it refuses is kept with its reason.
    ///
    /// Begun, it is finished, even if this future is dropped. One at a time.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read or written; [`StoreError::NotReached`] when this verifier asks nobody.
    pub async fn deposit(&self) -> Result<DepositReport, StoreError> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move { inner.deposit_all().await });
        task.await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// What is open and what was refused, without asking anybody.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn deposits(&self) -> Result<DepositReport, StoreError> {
        let job = self.inner.engine.submit(|txn| read(txn));
        job.await?.map_err(|_| StoreError::Stopped)
    }

    /// Lets everything that the mint refused be deposited once more. Returns how many payments.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read or written.
    pub async fn reopen_refused(&self) -> Result<usize, StoreError> {
        let job = self.inner.engine.submit(|txn| {
            let mut count = 0_usize;
            for refused in refused(txn)? {
                count = count.saturating_add(usize::from(offline::again(txn, &refused)?));
            }
            Ok(count)
        });
        job.await?.map_err(|_: StoreFault| StoreError::Stopped)
    }
}

impl Inner {
    async fn deposit_all(&self) -> Result<DepositReport, StoreError> {
        let _one_at_a_time = self.depositing.lock().await;
        let clearing = self.clearing.as_ref().ok_or(StoreError::NotReached)?;
        let mut credited: Vec<(Unit, Sum)> = Vec::new();
        let (mut cause, mut after) = (None, None);
        while let Some((batch, last)) = self.redeemable(after, &mut cause).await? {
            after = Some(last);
            let now = (self.clock)();
            let claim = || Claim::from_bytes(crate::random::random());
            let acceptance = |one: &Redemption| Acceptance { payment: one.deposit.clone(), claim: claim(), now };
            let outcomes = clearing.accept(batch.iter().map(acceptance).collect()).await;
            let stop = outcomes.contains(&Err(StoreError::NotReached));
            cause = outcomes.iter().find_map(|outcome| outcome.err().filter(|error| is_open(*error))).or(cause);
            let job = self.engine.submit(move |txn| settle(txn, batch, outcomes, now));
            for (unit, amount) in job.await?.map_err(|_: StoreFault| StoreError::Stopped)? {
                count(&mut credited, unit, amount)?;
            }
            if stop {
                break;
            }
        }
        let rest = self.engine.submit(|txn| read(txn)).await?.map_err(|_| StoreError::Stopped)?;
        Ok(DepositReport { credited, cause, ..rest })
    }

    /// The next locked payments behind one, each with its deposit, and the last of them. Nothing when there are no more.
    async fn redeemable(
        &self,
        after: Option<PaymentId>,
        cause: &mut Option<StoreError>,
    ) -> Result<Option<(Vec<Redemption>, PaymentId)>, StoreError> {
        let locks = self.keys.locks();
        let job = self.engine.submit(move |txn| crate::spent::locked(txn, after.as_ref(), MAX_DEPOSITS));
        let kept = job.await?.map_err(|_| StoreError::Stopped)?;
        let Some(last) = kept.last().map(Payment::id) else { return Ok(None) };
        if locks.is_empty() {
            // They were taken when `locked` was set, and it no longer is.
            *cause = Some(StoreError::NotDecidedHere);
            return Ok(None);
        }
        let keysets = Arc::new(self.keyring.ever_known(&self.mint).map_err(|_| StoreError::Stopped)?);
        let (count, known, payees) = (kept.len(), Arc::clone(&keysets), self.keys.payees().collect::<Vec<_>>());
        // On threads on which nobody else waits: the cryptography takes its time.
        let task = tokio::task::spawn_blocking(move || redeem_all(&locks, &payees, &known, kept));
        let redeemed = task.await.map_err(|_| StoreError::Stopped)?;
        let job = self.engine.submit(move |txn| redeemed.into_iter().map(|each| each.choose(txn)).collect());
        let chosen: Result<Vec<_>, StoreFault> = job.await?;
        let chosen = chosen.map_err(|_| StoreError::Stopped)?;
        let task = tokio::task::spawn_blocking(move || verify_all(&keysets, chosen));
        let batch = task.await.map_err(|_| StoreError::Stopped)?;
        if batch.len() < count {
            *cause = Some(StoreError::Refused(CheckError::UnknownKeyset.code()));
        }
        Ok(Some((batch, last)))
    }
}

/// A locked payment with the deposits that would redeem it, for each of the payee's keys.
struct Redeemed {
    locked: Payment,
    keyset: Arc<Keyset>,
    first: Payment,
    others: Vec<Payment>,
}

impl Redeemed {
    /// The deposit that was begun, or the first one.
    fn choose(self, txn: &Txn<'_>) -> Result<(Payment, Arc<Keyset>, Payment), StoreFault> {
        let Self { locked, keyset, first, others } = self;
        for other in others {
            if was_begun(txn, &other.id())? {
                return Ok((locked, keyset, other));
            }
        }
        Ok((locked, keyset, first))
    }
}

/// Signs the deposits of each. Payments of keysets that are not known are left out.
fn redeem_all(
    locks: &[Arc<LockKey>],
    payees: &[PayeeKey],
    keysets: &KnownKeysets,
    kept: Vec<Payment>,
) -> Vec<Redeemed> {
    let redeem_one = |locked: Payment| {
        let keyset = Arc::clone(&keysets.get(locked.keyset())?.keyset);
        // The key in use, or one before it.
        let deposit = |payee: &PayeeKey| locks.iter().find_map(|lock| redeem(lock, payee, &keyset, &locked));
        let mut deposits = match keyset.terms().redemption {
            SpendableWith::Open => payees.iter().filter_map(deposit).collect::<Vec<_>>(),
            // Nobody else is credited for these.
            SpendableWith::Closed(payee) => deposit(&payee).into_iter().collect(),
        }
        .into_iter();
        let first = deposits.next()?;
        let others = deposits.collect();
        Some(Redeemed { first, others, keyset, locked })
    };
    kept.into_iter().filter_map(redeem_one).collect()
}

fn verify_all(keysets: &KnownKeysets, chosen: Vec<(Payment, Arc<Keyset>, Payment)>) -> Vec<Redemption> {
    let mut kept = Vec::with_capacity(chosen.len());
    let mut deposits = Vec::with_capacity(chosen.len());
    for (locked, keyset, deposit) in chosen {
        kept.push((locked, keyset));
        deposits.push(deposit);
    }
    let verified = check_redemptions(&mut crate::random::system_rng(), keysets, deposits);
    let redemption = |((locked, keyset), deposit): ((Payment, Arc<Keyset>), Result<VerifiedPayment, CheckError>)| {
        Some(Redemption { locked, unit: keyset.terms().unit.clone(), deposit: deposit.ok()? })
    };
    kept.into_iter().zip(verified).filter_map(redemption).collect()
}

/// The same tokens as kind `pay`, by p = q + t, for the account of a payee. Nothing if they are not locked to this key.
///
/// It is authorized as of when the keyset began: the same at each attempt, and nothing of when the payer paid.
pub(super) fn redeem(lock: &LockKey, payee: &PayeeKey, keyset: &Keyset, locked: &Payment) -> Option<Payment> {
    let open = |(token, ephemeral): (&farthing_protocol::token::Token, _)| {
        Some((*token, lock.open(locked.keyset(), token.denomination, &token.coin, ephemeral).ok()?))
    };
    let coins = locked.tokens().iter().zip(locked.ephemerals()).map(open).collect::<Option<Vec<_>>>()?;
    let terms = PaymentTerms {
        kind: PaymentKind::Pay,
        mint: *locked.mint(),
        keyset: *locked.keyset(),
        request: deposit_request(&locked.id()),
        payee: *payee,
        amount: locked.amount(),
    };
    let tokens: Vec<_> = coins.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    let as_of = keyset.terms().active_from;
    Payment::authorize(&mut crate::random::system_rng(), terms, &tokens, Binding::None, as_of).ok()
}

/// Writes down what became of a batch; returns what was credited.
fn settle(
    txn: &mut Txn<'_>,
    batch: Vec<Redemption>,
    outcomes: Vec<Result<Outcome, StoreError>>,
    now: UnixTime,
) -> Result<Vec<(Unit, farthing_protocol::amount::Amount)>, StoreFault> {
    let mut credited = Vec::new();
    for (Redemption { locked, unit, deposit }, outcome) in batch.into_iter().zip(outcomes) {
        let code = match outcome {
            // Whoever sent it in: the account of whoever was paid has it.
            Ok(Outcome::Accepted { .. } | Outcome::AlreadyAccepted { .. }) => {
                // It is not sent again, so that nothing of how it was cleared need be kept.
                forget_settled(txn, deposit.id())?;
                note_locked(txn, deposit.id(), locked.id())?;
                if offline::credited(txn, &locked, &unit)? {
                    credited.push((unit, locked.amount()));
                }
                continue;
            }
            Ok(Outcome::DoubleSpend { .. }) => farthing_http::problem::Code::DoubleSpend,
            Err(error) if is_open(error) => continue,
            Err(error) => error.code(),
        };
        if offline::refuse(txn, &locked, &unit, code.as_str(), now)? {
            tracing::warn!(%code, "the mint refused what was taken in locked tokens");
        }
    }
    Ok(credited)
}

/// Whether a deposit can still come to something by being sent again.
fn is_open(error: StoreError) -> bool {
    !error.nothing_changed() || error.is_passing()
}

fn count(sums: &mut Vec<(Unit, Sum)>, unit: Unit, amount: farthing_protocol::amount::Amount) -> Result<(), StoreError> {
    let place = match sums.iter_mut().find(|(of, _)| *of == unit) {
        Some((_, sum)) => sum,
        None => {
            sums.push((unit, Sum::default()));
            &mut sums.last_mut().ok_or(StoreError::Stopped)?.1
        }
    };
    *place = place.with(amount).ok_or(StoreError::Stopped)?;
    Ok(())
}

fn read(txn: &Txn<'_>) -> Result<DepositReport, StoreFault> {
    Ok(DepositReport { open: offline::open_sums(txn)?, refused: refused(txn)?, ..DepositReport::default() })
}

fn refused(txn: &Txn<'_>) -> Result<Vec<RefusedDeposit>, StoreFault> {
    let mut found: Vec<RefusedDeposit> = Vec::new();
    loop {
        let after = found.last().map(|last| last.payment);
        let more = offline::refused_after(txn, after.as_ref(), 256)?;
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more);
    }
}
