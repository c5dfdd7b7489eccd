//! What is issued at most: judged and counted in the transaction that issues.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

use super::LedgerError;
use super::issuances::{IssueRefusal, Means};
use super::records::{Table, account_key, from_value, get, put, unit_key};
use super::standing::{backing, standing_of};
use crate::limits::{IssueLimits, Limit};

/// A withdrawal as the limits see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) means: &'a Means,
    pub(super) unit: &'a Unit,
    pub(super) amount: Amount,
}

/// Lets an issuance pass, and counts it; or says which limit it is over, or that what is owed is not backed. A swap makes nothing:
/// it always passes.
///
/// What is counted is taken back with the whole job if the issuance is refused for something else.
pub(super) fn admit(
    txn: &mut Txn<'_>,
    now: UnixTime,
    asked: Asked<'_>,
    limits: &IssueLimits,
) -> Result<(), IssueRefusal> {
    let Asked { means, unit, amount } = asked;
    let account = match means {
        Means::Account(account) => Some(account),
        Means::Voucher(_) => None,
        Means::Tokens(_) => return Ok(()),
    };
    limits.allow(amount)?;
    if limits.outstanding.is_some() || backing(txn, unit)?.is_some() {
        let standing = standing_of(txn, unit)?;
        if !standing.is_backed() {
            return Err(IssueRefusal::NotBacked);
        }
        let out = standing.books.outstanding().checked_add(amount).ok_or(LedgerError::Overflow)?;
        if limits.outstanding.is_some_and(|most| out > most) {
            return Err(Limit::Outstanding.into());
        }
    }
    if let (Some(most), Some(account)) = (limits.account_day, account) {
        count(txn, now, (Table::AccountDay, &account_key(account, unit)), amount, (most, Limit::AccountDay))?;
    }
    if let Some(most) = limits.day {
        count(txn, now, (Table::Day, &unit_key(unit)), amount, (most, Limit::Day))?;
    }
    Ok(())
}

fn count(
    txn: &mut Txn<'_>,
    now: UnixTime,
    (table, key): (Table, &[u8]),
    amount: Amount,
    (most, limit): (Amount, Limit),
) -> Result<(), IssueRefusal> {
    let mut day: RollingDay = get(txn, table, key)?.unwrap_or_default();
    let sum = day.add(now, amount).ok_or(LedgerError::Overflow)?;
    if sum > most {
        return Err(limit.into());
    }
    Ok(put(txn, table, key, &day)?)
}

/// So many rows are looked at in one transaction.
const PORTION: usize = 256;

/// Erases what was counted for accounts more than a day ago, a portion at a time, behind a key. Where to go on; none at the end.
pub(crate) fn erase_days(
    txn: &mut Txn<'_>,
    now: UnixTime,
    after: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let rows = txn.scan_prefix(Table::AccountDay.prefix(), after, PORTION)?;
    for (key, value) in &rows {
        let mut day: RollingDay = from_value(value)?;
        if day.sum(now).is_some_and(Amount::is_zero) {
            txn.delete(key)?;
        }
    }
    Ok(rows.into_iter().last().map(|(key, _)| key))
}

/// What was moved in the last 24 hours and the part of an hour before them, by the hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RollingDay {
    /// The hour of the last sum, since 1970.
    hour: u64,
    /// Sums of hours, each in the place of its number.
    sums: [Amount; Self::HOURS],
}

impl Default for RollingDay {
    fn default() -> Self {
        Self { hour: 0, sums: [Amount::ZERO; Self::HOURS] }
    }
}

impl RollingDay {
    const HOURS: usize = 25;

    /// Adds an amount, and answers the day's sum with it; none if it cannot be represented.
    pub(crate) fn add(&mut self, now: UnixTime, amount: Amount) -> Option<Amount> {
        self.pass(now);
        let sum = self.sums.get_mut(Self::place(self.hour))?;
        *sum = sum.checked_add(amount)?;
        Amount::checked_sum(self.sums)
    }

    /// The day's sum.
    pub(crate) fn sum(&mut self, now: UnixTime) -> Option<Amount> {
        self.pass(now);
        Amount::checked_sum(self.sums)
    }

    /// Forgets the hours that are over. Time does not go back: the ledger's never does.
    fn pass(&mut self, now: UnixTime) {
        let hour = now.seconds() / 3600;
        let gone = hour.saturating_sub(self.hour).min(Self::HOURS as u64);
        for passed in 0..gone {
            if let Some(sum) = self.sums.get_mut(Self::place(hour - passed)) {
                *sum = Amount::ZERO;
            }
        }
        self.hour = hour.max(self.hour);
    }

    fn place(hour: u64) -> usize {
        usize::try_from(hour % Self::HOURS as u64).unwrap_or_default()
    }
}

impl Encode for RollingDay {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.hour);
        for sum in &self.sums {
            out.part(sum);
        }
    }
}

impl Decode for RollingDay {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut day = Self { hour: input.u64()?, ..Self::default() };
        for sum in &mut day.sums {
            *sum = input.part()?;
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const START: u64 = 1_800_000_000;

    fn at(hours: u64) -> UnixTime {
        UnixTime::from_seconds(START + hours * 3600)
    }

    fn amount(units: u64) -> Amount {
        Amount::new(units).unwrap()
    }

    #[test]
    fn a_day_is_never_counted_short() {
        let mut day = RollingDay::default();
        assert_eq!(day.add(at(0), amount(5)), Some(amount(5)));
        assert_eq!(day.add(at(23), amount(3)), Some(amount(8)));
        // 24 whole hours after the first it may have been less than a day ago.
        assert_eq!(day.sum(at(24)), Some(amount(8)));
        assert_eq!(day.sum(at(25)), Some(amount(3)));
        assert_eq!(day.add(at(47), amount(1)), Some(amount(4)));
        assert_eq!(day.sum(at(1000)), Some(Amount::ZERO));
        assert_eq!(day.add(at(1000), amount(2)), Some(amount(2)));
        // A clock that was set back, within what the ledger tolerates, frees nothing.
        assert_eq!(day.add(at(999), amount(1)), Some(amount(3)));
    }

    #[test]
    fn a_day_is_stored_as_it_is_and_does_not_overflow() {
        let mut day = RollingDay::default();
        day.add(at(7), amount(9)).unwrap();
        let mut out = Writer::default();
        out.part(&day);
        let bytes = out.finish();
        assert_eq!(bytes.len(), 8 + 25 * 8);
        assert_eq!(Reader::new(&bytes).part::<RollingDay>().unwrap(), day);
        assert_eq!(day.add(at(8), Amount::MAX), None);
    }
}
