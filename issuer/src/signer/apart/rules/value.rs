//! How much is issued.

use std::collections::BTreeSet;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{Decode, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;

use super::super::wire::{IssuedOf, Purpose, Refusal};
use super::{Rules, wait};

/// So many minutes are counted: an hour, wherever in a minute it begins.
const MINUTES: u64 = 61;

const HOUR: &[u8] = b"hour/";

impl Rules {
    /// Counts value that is about to be issued. When this returns, it is counted durably. What is issued of all keysets of a unit counts
    /// together: however many there are, they bring no limits of their own.
    ///
    /// # Errors
    /// [`Refusal::Limit`] when more would be issued within an hour than the limits allow: nothing is counted then.
    pub(in super::super) async fn count(
        &self,
        keyset: KeysetId,
        purpose: Purpose,
        value: Amount,
    ) -> Result<(), Refusal> {
        let (minute, limit) = (self.steady.now().seconds() / 60, self.limits().of(purpose));
        let book = self.book();
        let unit = &book.get(&keyset).ok_or(Refusal::NotIssuing)?.terms().unit;
        let alike = book.iter().filter(|other| other.terms().unit == *unit).map(|other| *other.id()).collect();
        let counting = Counting { keyset, alike, purpose, minute, limit };
        let counted = self.store.submit(move |txn| count(txn, &counting, value)).await;
        counted.map_err(|_| Refusal::Busy)?
    }

    /// What was issued of each keyset.
    pub(in super::super) fn report(&self) -> Result<Vec<IssuedOf>, Refusal> {
        let minute = self.steady.now().seconds() / 60;
        let keysets: Vec<KeysetId> = self.book().iter().map(|keyset| *keyset.id()).collect();
        wait(&self.store, move |txn| {
            let counted = counted(txn)?;
            let of = |keyset: KeysetId| {
                let hour = |purpose| in_hour(&counted, |other| *other == keyset, purpose, minute);
                Ok(IssuedOf {
                    keyset,
                    withdrawn: total(txn, &keyset, Purpose::Withdrawal)?,
                    swapped: total(txn, &keyset, Purpose::Swap)?,
                    withdrawn_in_hour: hour(Purpose::Withdrawal)?,
                    swapped_in_hour: hour(Purpose::Swap)?,
                })
            };
            keysets.into_iter().map(of).collect()
        })
    }
}

/// What is counted.
struct Counting {
    keyset: KeysetId,
    /// All keysets of its unit.
    alike: BTreeSet<KeysetId>,
    purpose: Purpose,
    minute: u64,
    limit: Option<Amount>,
}

/// What was issued of a keyset in a minute.
struct Counted {
    key: Vec<u8>,
    keyset: KeysetId,
    purpose: Purpose,
    at: u64,
    value: Amount,
}

fn count(txn: &mut Txn<'_>, counting: &Counting, value: Amount) -> Result<(), Refusal> {
    let Counting { keyset, alike, purpose, minute, limit } = counting;
    let counted = counted(txn)?;
    let within = in_hour(&counted, |other| alike.contains(other), *purpose, *minute)?;
    let within = within.checked_add(value).ok_or(Refusal::Limit)?;
    if limit.is_some_and(|limit| within > limit) {
        return Err(Refusal::Limit);
    }
    let old = counted.iter().filter(|counted| counted.at.saturating_add(MINUTES) <= *minute);
    old.map(|counted| &counted.key).try_for_each(|key| txn.delete(key))?;
    add(txn, keyset, *purpose, *minute, value)?;
    let ever = total(txn, keyset, *purpose)?.checked_add(value).ok_or(Refusal::Limit)?;
    Ok(txn.put(&place(b"total/", keyset, *purpose), &ever.units().to_be_bytes())?)
}

/// Adds to what was issued of a keyset in a minute.
fn add(txn: &mut Txn<'_>, keyset: &KeysetId, purpose: Purpose, minute: u64, value: Amount) -> Result<(), Refusal> {
    let key = [place(HOUR, keyset, purpose).as_slice(), &minute.to_be_bytes()].concat();
    let sum = amount(txn.get(&key)?)?.checked_add(value).ok_or(Refusal::Limit)?;
    Ok(txn.put(&key, &sum.units().to_be_bytes())?)
}

/// Counts what was counted ahead of the clock, which was wrong then, as of now: else it would count until the clock has come there.
pub(super) fn come_back(txn: &mut Txn<'_>, now: UnixTime) -> Result<(), Refusal> {
    let minute = now.seconds() / 60;
    let ahead = counted(txn)?.into_iter().filter(|counted| counted.at > minute);
    for Counted { key, keyset, purpose, value, .. } in ahead {
        txn.delete(&key)?;
        // More than a sum can hold is more than every limit.
        match add(txn, &keyset, purpose, minute, value) {
            Err(Refusal::Limit) => {
                let key = [place(HOUR, &keyset, purpose).as_slice(), &minute.to_be_bytes()].concat();
                txn.put(&key, &Amount::MAX.units().to_be_bytes())?;
            }
            added => added?,
        }
    }
    Ok(())
}

/// What was issued of some keysets within the hour before the end of a minute. A minute that has not come counts as well.
fn in_hour(
    counted: &[Counted],
    of: impl Fn(&KeysetId) -> bool,
    purpose: Purpose,
    minute: u64,
) -> Result<Amount, Refusal> {
    let recent = counted.iter().filter(|counted| counted.at.saturating_add(MINUTES) > minute);
    let own = recent.filter(|counted| counted.purpose == purpose && of(&counted.keyset));
    Amount::checked_sum(own.map(|counted| counted.value)).ok_or(Refusal::Limit)
}

/// All minutes that are kept: little more than an hour's of each keyset that issues.
fn counted(txn: &Txn<'_>) -> Result<Vec<Counted>, Refusal> {
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let (keyset, purpose, at) = key.strip_prefix(HOUR).and_then(minute_of).ok_or(Refusal::Failed)?;
        Ok(Counted { keyset, purpose, at, value: amount(Some(value))?, key })
    };
    txn.scan_prefix(HOUR, None, usize::MAX)?.into_iter().map(read).collect()
}

fn minute_of(place: &[u8]) -> Option<(KeysetId, Purpose, u64)> {
    let (place, at) = place.split_last_chunk::<8>()?;
    let mut input = Reader::new(place);
    let (keyset, purpose) = (KeysetId::decode_from(&mut input).ok()?, Purpose::decode_from(&mut input).ok()?);
    input.finish().ok()?;
    Some((keyset, purpose, u64::from_be_bytes(*at)))
}

fn total(txn: &Txn<'_>, keyset: &KeysetId, purpose: Purpose) -> Result<Amount, Refusal> {
    amount(txn.get(&place(b"total/", keyset, purpose))?)
}

/// Eight bytes, big-endian; nothing is zero.
fn amount(stored: Option<Vec<u8>>) -> Result<Amount, Refusal> {
    let Some(bytes) = stored else { return Ok(Amount::ZERO) };
    let units = bytes.as_slice().try_into().map(u64::from_be_bytes).map_err(|_| Refusal::Failed)?;
    Amount::new(units).ok_or(Refusal::Failed)
}

fn place(table: &[u8], keyset: &KeysetId, purpose: Purpose) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(table);
    out.part(keyset);
    purpose.encode_to(&mut out);
    out.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_durable::{Engine, Options};

    use super::*;

    #[test]
    fn what_was_counted_ahead_of_the_clock_counts_for_one_hour_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = Engine::open(folder.path(), Options::new()).unwrap();
        let (keyset, now) = (KeysetId::from_bytes([1; 32]), 30_000_000_u64);
        let counting = move |minute: u64| Counting {
            keyset,
            alike: [keyset].into(),
            purpose: Purpose::Withdrawal,
            minute,
            limit: Amount::new(100),
        };
        let issue = |minute: u64, units: u64| {
            store.submit(move |txn| count(txn, &counting(minute), Amount::new(units).unwrap())).wait().unwrap()
        };
        // A month ahead, in two minutes, and then the clock is set right and the signer started again.
        issue(now + 43_200, 60).unwrap();
        issue(now + 43_201, 30).unwrap();
        for _ in 0..2 {
            let back = store.submit(move |txn| come_back(txn, UnixTime::from_seconds(now * 60))).wait().unwrap();
            back.unwrap();
        }
        issue(now, 10).unwrap();
        assert_eq!(issue(now, 1), Err(Refusal::Limit));
        assert_eq!(issue(now + 60, 1), Err(Refusal::Limit));
        issue(now + 61, 100).unwrap();
        let ever = store.submit(move |txn| total(txn, &keyset, Purpose::Withdrawal)).wait().unwrap().unwrap();
        assert_eq!(ever.units(), 200);
    }

    #[test]
    fn sums_that_no_amount_can_hold_are_more_than_every_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Engine::open(folder.path(), Options::new()).unwrap();
        let keyset = KeysetId::from_bytes([1; 32]);
        let come = store.submit(move |txn| {
            for minute in [1_000, 1_001] {
                add(txn, &keyset, Purpose::Swap, minute, Amount::MAX)?;
            }
            come_back(txn, UnixTime::from_seconds(600))?;
            let counted = counted(txn)?;
            Ok::<_, Refusal>(counted.iter().map(|counted| (counted.at, counted.value)).collect::<Vec<_>>())
        });
        assert_eq!(come.wait().unwrap().unwrap(), [(10, Amount::MAX)]);
    }
}
