//! Spent tokens inside a durable transaction: the core of every store that keeps them itself.
//!
//! One immutable, packed entry for each accepted payment, in a partition for each keyset, found by the payment's
//! id and by each of its serials. [`record`] runs inside the caller's [`Txn`], so that a mint's ledger marks
//! serials spent and credits an account in one transaction.
//!
//! | what | where |
//! |---|---|
//! | accepted payments | partitions from [`FIRST_PARTITION`] on, one for each keyset |
//! | which keyset has which partition | `spent/keyset/` ‖ keyset id |
//! | keysets dropped for good | `spent/gone/` ‖ keyset id |
//! | locked payments whole, to be deposited later | `spent/locked/` ‖ payment id |
//! | the highest time seen | `spent/clock` |
//!
//! Keys that begin with `spent/` and partitions from [`FIRST_PARTITION`] on belong to this module.

mod entry;
mod recorder;

use std::sync::Arc;

use farthing_durable::{Cursor, Indexer, Partition, StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::{Claim, KeysetId, PaymentId};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{Payment, PaymentKind};

use crate::check::VerifiedPayment;
use crate::store::{AcceptedPayment, Outcome, StoreError};
use entry::{Row, payment_key, serial_key};

pub use recorder::Recorder;

/// The first partition that this module uses; the caller's own entries go below.
pub const FIRST_PARTITION: Partition = Partition(1 << 31);

/// How far behind the highest time seen the clock may be, in seconds.
pub const CLOCK_TOLERANCE: u64 = 5;

/// How far ahead of the highest time seen the clock may be, in seconds, once a time was seen: two years.
///
/// A clock that comes up in 2099 would otherwise be the highest time seen, and every true clock behind it from then
/// on. The step is longer than a keyset's life, so that a store which lay idle while all that it knew ended goes on; one
/// that lay idle for longer is opened with the clock set forward in steps.
pub const CLOCK_STEP: u64 = 2 * 365 * 86_400;

const CLOCK: &[u8] = b"spent/clock";
const NEXT: &[u8] = b"spent/next";
const KEYSETS: &[u8] = b"spent/keyset/";
const GONE: &[u8] = b"spent/gone/";
/// A small value for each, by which they are listed, and a large one that holds the payment.
const LOCKED: &[u8] = b"spent/locked/";

/// Why a payment could not be recorded. Nothing was written for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The clock is behind the highest time seen by more than [`CLOCK_TOLERANCE`].
    #[error("the clock is behind what the store has already recorded")]
    ClockBehind,
    /// The clock is ahead of the highest time seen by more than [`CLOCK_STEP`].
    #[error("the clock is ahead of what the store has recorded by years")]
    ClockAhead,
    /// The keyset's time is over, or its records were dropped.
    #[error("the keyset has ended")]
    KeysetEnded,
    /// The store failed: return an error from the job, so that all of it is rolled back.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::ClockBehind => Self::ClockBehind,
            RecordError::ClockAhead => Self::ClockAhead,
            RecordError::KeysetEnded => Self::KeysetEnded,
            RecordError::Fault(_) => Self::Stopped,
        }
    }
}

/// Whether a clock is further ahead of the highest time seen than [`CLOCK_STEP`]. The first time seen is any.
pub fn is_ahead(now: UnixTime, highest: UnixTime) -> bool {
    highest > UnixTime::default() && now > highest.plus(CLOCK_STEP)
}

/// Notes a time as seen that the caller has judged by a clock of his own, so that a long time without payments is no jump.
///
/// # Errors
/// The store's faults.
pub fn note_time(txn: &mut Txn<'_>, now: UnixTime) -> Result<(), StoreFault> {
    Recorder::new().advance(txn, now)
}

/// Names the index keys of an entry. For partitions of this module it returns true; else it does nothing and
/// returns false, and the entry is the caller's own.
pub fn index_entry(partition: Partition, entry: &[u8], emit: &mut dyn FnMut(&[u8])) -> bool {
    if partition < FIRST_PARTITION {
        return false;
    }
    entry::keys(entry, emit);
    true
}

/// The indexer for an engine that holds no other entries than these.
pub fn indexer() -> Indexer {
    Arc::new(|partition, entry, emit| {
        index_entry(partition, entry, emit);
    })
}

/// Accepts one payment inside the caller's transaction: see [`Recorder::record`].
///
/// # Errors
/// A [`RecordError`].
pub fn record(
    txn: &mut Txn<'_>,
    payment: &VerifiedPayment,
    claim: &Claim,
    now: UnixTime,
) -> Result<Outcome, RecordError> {
    Recorder::new().record(txn, payment, claim, now)
}

/// The accepted payment with this id, of whatever keyset.
///
/// # Errors
/// The store's faults.
pub fn find(txn: &Txn<'_>, payment: &PaymentId) -> Result<Option<AcceptedPayment>, StoreFault> {
    const AT_ONCE: usize = 64;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = txn.scan_prefix(KEYSETS, after.as_deref(), AT_ONCE)?;
        for (key, value) in &rows {
            let row = Row::from_bytes(value)?;
            if let Some(found) = find_in(txn, row.partition, payment)? {
                // A keyset dropped for good is not answered for.
                let id = key.get(KEYSETS.len()..).unwrap_or_default();
                return Ok(if txn.get(&[GONE, id].concat())?.is_some() { None } else { Some(found) });
            }
        }
        match rows.into_iter().nth(AT_ONCE - 1) {
            Some((key, _)) => after = Some(key),
            None => return Ok(None),
        }
    }
}

/// Accepted payments of kind `locked` that are to be deposited, whole, in the order of their ids, at most so many. With `after`, only those
/// behind it: to go on, give the id of the last one of the previous answer.
///
/// Their recipient was paid by their acceptance, but the mint has not heard of them: he recomputes each token's coin
/// key from its E with [`LockKey::open`](farthing_protocol::locked::LockKey::open) and deposits the same tokens before
/// the keyset's `deposit_until`, with a payment of kind `pay` for
/// [`deposit_request`](farthing_protocol::locked::deposit_request) of this payment's id. They stay when the keyset's
/// records are dropped. Of a keyset closed to the payee nothing is deposited: his store has the last word.
///
/// # Errors
/// The store's faults.
///
/// # Security
/// They hold the tokens' signatures: they are for the recipient and the mint alone.
pub fn locked(txn: &Txn<'_>, after: Option<&PaymentId>, limit: usize) -> Result<Vec<Payment>, StoreFault> {
    let after = after.map(locked_key);
    let rows = txn.scan_prefix(LOCKED, after.as_deref(), limit)?;
    let payment = |key: &[u8]| {
        let bytes = txn.get_large(key)?.ok_or(StoreFault::Damaged)?;
        Payment::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)
    };
    rows.iter().map(|(key, _)| payment(key)).collect()
}

/// Whether a locked payment is still kept to be deposited.
pub(crate) fn is_locked(txn: &Txn<'_>, payment: &PaymentId) -> Result<bool, StoreFault> {
    Ok(txn.get(&locked_key(payment))?.is_some())
}

/// Lets go of a locked payment of which is known what became of its deposit. That it was accepted stays known.
pub(crate) fn forget_locked(txn: &mut Txn<'_>, payment: &PaymentId) -> Result<(), StoreFault> {
    let key = locked_key(payment);
    txn.delete_large(&key)?;
    txn.delete(&key)
}

/// Keeps an accepted locked payment to be deposited, once more.
pub(crate) fn keep_locked(txn: &mut Txn<'_>, payment: &Payment) -> Result<(), StoreFault> {
    let key = locked_key(&payment.id());
    txn.put_large(&key, &payment.to_bytes())?;
    txn.put(&key, &[])
}

/// An accepted payment as it is on record.
#[derive(Clone)]
pub struct SpentRecord {
    /// Its place among those of its keyset.
    pub cursor: Cursor,
    /// Its kind.
    pub kind: PaymentKind,
    /// The payment.
    pub payment: AcceptedPayment,
    /// Its tokens' coin keys P.
    pub coins: Vec<[u8; 32]>,
}

impl std::fmt::Debug for SpentRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpentRecord").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

/// A keyset's accepted payments behind a place, whole, in the order of acceptance, at most so many; none of one that is buried.
///
/// # Errors
/// The store's faults.
pub fn records(
    txn: &Txn<'_>,
    keyset: &KeysetId,
    after: Option<Cursor>,
    at_most: usize,
) -> Result<Vec<SpentRecord>, StoreFault> {
    let Some(partition) = living(txn, keyset)? else { return Ok(Vec::new()) };
    let read = |(cursor, bytes): (Cursor, Vec<u8>)| {
        let (kind, payment) = entry::decode_with_kind(&bytes).map_err(|_| StoreFault::Damaged)?;
        Ok(SpentRecord { cursor, kind, payment, coins: entry::coins(&bytes).to_vec() })
    };
    txn.scan_entries(partition, after, at_most)?.into_iter().map(read).collect()
}

/// An accepted payment's place, time and tokens.
#[derive(Clone)]
pub struct SpentEntry {
    /// Its place among those of its keyset.
    pub cursor: Cursor,
    /// When it was accepted.
    pub accepted_at: UnixTime,
    /// Its tokens' coin keys P.
    pub coins: Vec<[u8; 32]>,
}

impl std::fmt::Debug for SpentEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpentEntry").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

/// The keysets of which anything was accepted, and that are not buried.
///
/// # Errors
/// The store's faults.
pub fn keysets(txn: &Txn<'_>) -> Result<Vec<KeysetId>, StoreFault> {
    let mut found = Vec::new();
    for (keyset, _) in rows(txn)? {
        if !is_buried(txn, &keyset)? {
            found.push(keyset);
        }
    }
    Ok(found)
}

/// The keysets of which anything was accepted and is still there, buried or not.
fn rows(txn: &Txn<'_>) -> Result<Vec<(KeysetId, Row)>, StoreFault> {
    let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
    while let Some((key, row)) = txn.scan_prefix(KEYSETS, after.as_deref(), 1)?.pop() {
        let id = key.get(KEYSETS.len()..).and_then(|id| id.try_into().ok()).ok_or(StoreFault::Damaged)?;
        found.push((KeysetId::from_bytes(id), Row::from_bytes(&row)?));
        after = Some(key);
    }
    Ok(found)
}

/// The partition of a keyset of which anything was accepted, and that is not buried.
fn living(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<Partition>, StoreFault> {
    match txn.get(&keyset_key(KEYSETS, keyset))? {
        Some(row) if !is_buried(txn, keyset)? => Ok(Some(Row::from_bytes(&row)?.partition)),
        _ => Ok(None),
    }
}

/// Whether a keyset was [buried](bury).
///
/// # Errors
/// The store's faults.
pub fn is_buried(txn: &Txn<'_>, keyset: &KeysetId) -> Result<bool, StoreFault> {
    Ok(txn.get(&keyset_key(GONE, keyset))?.is_some())
}

/// A keyset's accepted payments behind a place, in the order of acceptance, at most so many; none of one that is buried.
///
/// # Errors
/// The store's faults.
pub fn entries(
    txn: &Txn<'_>,
    keyset: &KeysetId,
    after: Option<Cursor>,
    at_most: usize,
) -> Result<Vec<SpentEntry>, StoreFault> {
    let Some(partition) = living(txn, keyset)? else { return Ok(Vec::new()) };
    let entries = txn.scan_entries(partition, after, at_most)?;
    let read = |(cursor, bytes): &(Cursor, Vec<u8>)| {
        let accepted_at = entry::decode(bytes).map_err(|_| StoreFault::Damaged)?.accepted_at;
        Ok(SpentEntry { cursor: *cursor, accepted_at, coins: entry::coins(bytes).to_vec() })
    };
    entries.iter().map(read).collect()
}

/// The payment on which a token of a keyset is spent, by its coin key P; none if it is not, or if the keyset's records were dropped.
///
/// # Errors
/// The store's faults.
pub fn spent_on(txn: &Txn<'_>, keyset: &KeysetId, coin: &[u8; 32]) -> Result<Option<PaymentId>, StoreFault> {
    let Some(row) = txn.get(&keyset_key(KEYSETS, keyset))? else { return Ok(None) };
    spent_in(txn, Row::from_bytes(&row)?.partition, coin)
}

/// Buries a keyset whose `deposit_until` has passed: from now on nothing of it is accepted, whatever the clock says.
/// Its records stay until [`drop_buried`].
///
/// # Errors
/// [`RecordError::ClockBehind`] when its time is not over; [`RecordError::ClockAhead`].
pub fn bury(txn: &mut Txn<'_>, keyset: &Keyset, now: UnixTime) -> Result<(), RecordError> {
    if now < keyset.terms().deposit_until {
        return Err(RecordError::ClockBehind);
    }
    let mut recorder = Recorder::new();
    if is_ahead(now, recorder.highest(txn)?) {
        return Err(RecordError::ClockAhead);
    }
    recorder.advance(txn, now)?;
    txn.put(&keyset_key(GONE, keyset.id()), &[1])?;
    Ok(())
}

/// Buries every keyset whose `deposit_until` has passed and of which anything was accepted, as [`bury`] does, and returns all
/// that are buried and still have records: for a store that is alone with its payments.
///
/// # Errors
/// [`RecordError::ClockAhead`], and the store's faults.
pub fn bury_ended(txn: &mut Txn<'_>, now: UnixTime) -> Result<Vec<KeysetId>, RecordError> {
    let mut recorder = Recorder::new();
    let (highest, mut buried) = (recorder.highest(txn)?, Vec::new());
    for (keyset, row) in rows(txn)? {
        if !is_buried(txn, &keyset)? {
            if now < row.deposit_until {
                continue;
            }
            if is_ahead(now, highest) {
                return Err(RecordError::ClockAhead);
            }
            recorder.advance(txn, now)?;
            txn.put(&keyset_key(GONE, &keyset), &[1])?;
        }
        buried.push(keyset);
    }
    Ok(buried)
}

/// Drops records of a buried keyset, at most so many, and says whether any are left: call it in one job after
/// another until it says no. A keyset that is not buried keeps everything.
///
/// # Errors
/// The store's faults.
pub fn drop_buried(txn: &mut Txn<'_>, keyset: &KeysetId, at_most: u32) -> Result<bool, StoreFault> {
    let key = keyset_key(KEYSETS, keyset);
    let (Some(row), true) = (txn.get(&key)?, is_buried(txn, keyset)?) else { return Ok(false) };
    let left = txn.drop_partition(Row::from_bytes(&row)?.partition, at_most)?;
    if !left {
        txn.delete(&key)?;
    }
    Ok(left)
}

fn locked_key(payment: &PaymentId) -> Vec<u8> {
    [LOCKED, payment.as_bytes()].concat()
}

fn keyset_key(prefix: &[u8], keyset: &KeysetId) -> Vec<u8> {
    [prefix, keyset.as_bytes()].concat()
}

fn find_in(txn: &Txn<'_>, partition: Partition, payment: &PaymentId) -> Result<Option<AcceptedPayment>, StoreFault> {
    match txn.find(partition, &payment_key(payment), &mut |bytes| Some(entry::decode(bytes)))? {
        None => Ok(None),
        Some(found) => found.map(Some).map_err(|_| StoreFault::Damaged),
    }
}

/// The payment that one of these tokens is spent on.
fn find_spent(txn: &Txn<'_>, partition: Partition, payment: &VerifiedPayment) -> Result<Option<PaymentId>, StoreFault> {
    for token in payment.payment().tokens() {
        if let Some(earlier) = spent_in(txn, partition, token.coin.as_bytes())? {
            return Ok(Some(earlier));
        }
    }
    Ok(None)
}

fn spent_in(txn: &Txn<'_>, partition: Partition, coin: &[u8; 32]) -> Result<Option<PaymentId>, StoreFault> {
    match txn.find(partition, &serial_key(coin), &mut |bytes| Some(entry::decode(bytes)))? {
        None => Ok(None),
        Some(earlier) => earlier.map(|earlier| Some(earlier.payment)).map_err(|_| StoreFault::Damaged),
    }
}
