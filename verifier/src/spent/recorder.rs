//! Accepting payments inside one job.

use std::collections::BTreeMap;

use farthing_durable::{Partition, StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::{Claim, KeysetId};
use farthing_protocol::keyset::{Keyset, Redemption};
use farthing_protocol::payment::PaymentKind;

use super::entry::{self, Row};
use super::{
    CLOCK, CLOCK_TOLERANCE, FIRST_PARTITION, GONE, KEYSETS, NEXT, RecordError, find_in, find_spent, is_ahead,
    keep_locked, keyset_key,
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
    /// A payment of kind `locked` of an open keyset is kept whole as well: see [`locked`](super::locked).
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
        match self.judge(txn, payment, claim, now)? {
            Some(outcome) => Ok(outcome),
            None => self.write(txn, payment, claim, now),
        }
    }

    /// What is decided about a payment already, or nothing if it can be accepted: everything of
    /// [`record`](Self::record) but the writing.
    pub(crate) fn judge(
        &mut self,
        txn: &Txn<'_>,
        payment: &VerifiedPayment,
        claim: &Claim,
        now: UnixTime,
    ) -> Result<Option<Outcome>, RecordError> {
        let known = match self.known(txn, payment.keyset().id())? {
            Known::Gone => return Err(RecordError::KeysetEnded),
            Known::Unused => None,
            Known::Row(partition) => Some(partition),
        };
        if let Some(partition) = known
            && let Some(earlier) = find_in(txn, partition, payment.id())?
        {
            let AcceptedPayment { accepted_at, claim: first, .. } = earlier;
            return Ok(Some(Outcome::AlreadyAccepted { accepted_at, claim_matches: first.matches(claim) }));
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
        match known {
            Some(partition) => Ok(find_spent(txn, partition, payment)?.map(|earlier| Outcome::DoubleSpend { earlier })),
            None => Ok(None),
        }
    }

    /// Writes a payment down as accepted. It MUST have been [judged](Self::judge) in this job, with nothing decided.
    pub(crate) fn write(
        &mut self,
        txn: &mut Txn<'_>,
        payment: &VerifiedPayment,
        claim: &Claim,
        now: UnixTime,
    ) -> Result<Outcome, RecordError> {
        self.advance(txn, now)?;
        let partition = match self.known(txn, payment.keyset().id())? {
            Known::Row(partition) => partition,
            Known::Unused | Known::Gone => self.allot(txn, payment.keyset())?,
        };
        txn.append(partition, &entry::encode(payment, claim, now))?;
        if payment.payment().kind() == PaymentKind::Locked && payment.keyset().terms().redemption == Redemption::Open {
            // Nobody else has the signatures and E values without which it can never be deposited.
            keep_locked(txn, payment.payment())?;
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
