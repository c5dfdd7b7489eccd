//! Accepting payments inside one job.

use std::collections::BTreeMap;

use farthing_durable::{Partition, StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::{Claim, KeysetId};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::PaymentKind;

use super::entry::{self, Row};
use super::{
    CLOCK, CLOCK_TOLERANCE, FIRST_PARTITION, GONE, KEYSETS, NEXT, RecordError, find_in, find_spent, is_ahead,
    keyset_key, locked_key,
};
use crate::check::VerifiedPayment;
use crate::store::{AcceptedPayment, Outcome};

/// Accepts payments inside one job, reading the clock and each keyset's row once.
///
/// MUST NOT outlive the job: what it remembers may be rolled back.
#[derive(Debug, Default)]
pub struct Recorder {
    highest: Option<UnixTime>,
    rows: BTreeMap<KeysetId, Known>,
}

/// What is known of a keyset within this job.
#[derive(Clone, Copy, Debug)]
enum Known {
    Gone,
    Unused,
    Row(Partition),
}

impl Recorder {
    /// Remembers nothing.
    pub const fn new() -> Self {
        Self { highest: None, rows: BTreeMap::new() }
    }

    /// Accepts one payment: marks all its serials spent on it, or changes nothing.
    ///
    /// In this order: a keyset dropped for good is refused before any clock; a payment accepted before is
    /// [`Outcome::AlreadyAccepted`]; a clock behind or years ahead, and a keyset whose `deposit_until` has passed, are refused; a
    /// token spent on another payment is [`Outcome::DoubleSpend`].
    ///
    /// A payment of kind `locked` is kept whole as well: see [`locked`](super::locked).
    ///
    /// It does not ask whether the caller's store decides over the payment.
    ///
    /// # Errors
    /// A [`RecordError`]; nothing was written for this payment.
    pub fn record(
        &mut self,
        txn: &mut Txn<'_>,
        payment: &VerifiedPayment,
        claim: &Claim,
        now: UnixTime,
    ) -> Result<Outcome, RecordError> {
        let known = match self.known(txn, payment.keyset().id())? {
            Known::Gone => return Err(RecordError::KeysetEnded),
            Known::Unused => None,
            Known::Row(partition) => Some(partition),
        };
        if let Some(partition) = known
            && let Some(earlier) = find_in(txn, partition, payment.id())?
        {
            let AcceptedPayment { accepted_at, claim: first, .. } = earlier;
            return Ok(Outcome::AlreadyAccepted { accepted_at, claim_matches: first.matches(claim) });
        }
        let highest = self.highest(txn)?;
        if now.plus(CLOCK_TOLERANCE) < highest {
            return Err(RecordError::ClockBehind);
        }
        if is_ahead(now, highest) {
            return Err(RecordError::ClockAhead);
        }
        if now.max(highest) >= payment.keyset().terms().deposit_until {
            return Err(RecordError::KeysetEnded);
        }
        if let Some(partition) = known
            && let Some(earlier) = find_spent(txn, partition, payment)?
        {
            return Ok(Outcome::DoubleSpend { earlier });
        }
        self.advance(txn, now)?;
        let partition = match known {
            Some(partition) => partition,
            None => self.allot(txn, payment.keyset())?,
        };
        txn.append(partition, &entry::encode(payment, claim, now))?;
        if payment.payment().kind() == PaymentKind::Locked {
            // Nobody else has the signatures and E values without which it can never be deposited.
            let key = locked_key(payment.id());
            txn.put_large(&key, &payment.payment().to_bytes())?;
            txn.put(&key, &[])?;
        }
        Ok(Outcome::Accepted { accepted_at: now })
    }

    fn known(&mut self, txn: &Txn<'_>, keyset: &KeysetId) -> Result<Known, StoreFault> {
        if let Some(known) = self.rows.get(keyset) {
            return Ok(*known);
        }
        let known = if txn.get(&keyset_key(GONE, keyset))?.is_some() {
            Known::Gone
        } else {
            match txn.get(&keyset_key(KEYSETS, keyset))? {
                Some(row) => Known::Row(Row::from_bytes(&row)?.partition),
                None => Known::Unused,
            }
        };
        self.rows.insert(*keyset, known);
        Ok(known)
    }

    pub(super) fn highest(&mut self, txn: &Txn<'_>) -> Result<UnixTime, StoreFault> {
        if let Some(highest) = self.highest {
            return Ok(highest);
        }
        let highest = match txn.get(CLOCK)? {
            None => UnixTime::default(),
            Some(bytes) => {
                let bytes = bytes.try_into().map_err(|_| StoreFault::Damaged)?;
                UnixTime::from_seconds(u64::from_le_bytes(bytes))
            }
        };
        self.highest = Some(highest);
        Ok(highest)
    }

    /// Notes the time, if it is the highest seen.
    pub(super) fn advance(&mut self, txn: &mut Txn<'_>, now: UnixTime) -> Result<(), StoreFault> {
        if now > self.highest(txn)? {
            txn.put(CLOCK, &now.seconds().to_le_bytes())?;
            self.highest = Some(now);
        }
        Ok(())
    }

    /// Gives a keyset its partition.
    fn allot(&mut self, txn: &mut Txn<'_>, keyset: &Keyset) -> Result<Partition, StoreFault> {
        let number = match txn.get(NEXT)? {
            None => FIRST_PARTITION.0,
            Some(bytes) => u32::from_le_bytes(bytes.try_into().map_err(|_| StoreFault::Damaged)?),
        };
        let next = number.checked_add(1).ok_or(StoreFault::Full)?;
        let row = Row { partition: Partition(number), deposit_until: keyset.terms().deposit_until };
        txn.put(NEXT, &next.to_le_bytes())?;
        txn.put(&keyset_key(KEYSETS, keyset.id()), &row.to_bytes())?;
        self.rows.insert(*keyset.id(), Known::Row(row.partition));
        Ok(row.partition)
    }
}
