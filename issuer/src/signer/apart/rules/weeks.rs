//! How many keysets are made, and how many revoked: each of them stays in what everybody reads for ever.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;

use super::super::wire::Refusal;

const DAY: u64 = 86_400;

/// So many days are counted: a week, wherever in a day it begins.
const DAYS: u64 = 8;

/// What is counted by the week.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weekly {
    Made,
    Revoked,
}

impl Weekly {
    const ALL: [Self; 2] = [Self::Made, Self::Revoked];

    const fn key(self) -> &'static [u8] {
        match self {
            Self::Made => b"week/made",
            Self::Revoked => b"week/revoked",
        }
    }
}

/// How many in which day since 1970.
type Day = (u64, u64);

/// Counts more of something, in the transaction that makes it so.
///
/// # Errors
/// [`Refusal::TooManyKeysets`] if there would be more within a week than this.
pub(super) fn admit(txn: &mut Txn<'_>, what: Weekly, now: UnixTime, more: usize, at_most: u64) -> Result<(), Refusal> {
    let more = u64::try_from(more).unwrap_or(u64::MAX);
    if more == 0 {
        return Ok(());
    }
    let today = now.seconds() / DAY;
    let mut days = read(txn, what)?;
    days.retain(|(day, _)| day.saturating_add(DAYS) > today);
    days.push((today, more));
    if days.iter().fold(0, |sum: u64, (_, count)| sum.saturating_add(*count)) > at_most {
        return Err(Refusal::TooManyKeysets);
    }
    write(txn, what, &days)
}

/// Counts what was counted ahead of the clock, which was wrong then, as of now: else it would count until the clock has come there.
pub(super) fn come_back(txn: &mut Txn<'_>, now: UnixTime) -> Result<(), Refusal> {
    let today = now.seconds() / DAY;
    for what in Weekly::ALL {
        let mut days = read(txn, what)?;
        if days.iter().any(|(day, _)| *day > today) {
            days.iter_mut().for_each(|(day, _)| *day = today.min(*day));
            write(txn, what, &days)?;
        }
    }
    Ok(())
}

/// Each day is 16 bytes: which, and how many, big-endian.
fn read(txn: &Txn<'_>, what: Weekly) -> Result<Vec<Day>, Refusal> {
    let stored = txn.get(what.key())?.unwrap_or_default();
    let (days, []) = stored.as_chunks::<8>() else { return Err(Refusal::Failed) };
    let (days, []) = days.as_chunks::<2>() else { return Err(Refusal::Failed) };
    Ok(days.iter().map(|[day, count]| (u64::from_be_bytes(*day), u64::from_be_bytes(*count))).collect())
}

fn write(txn: &mut Txn<'_>, what: Weekly, days: &[Day]) -> Result<(), Refusal> {
    let mut counted = std::collections::BTreeMap::<u64, u64>::new();
    for (day, count) in days {
        let sum = counted.entry(*day).or_default();
        *sum = sum.saturating_add(*count);
    }
    let bytes: Vec<u8> =
        counted.iter().flat_map(|(day, count)| [day.to_be_bytes(), count.to_be_bytes()]).flatten().collect();
    Ok(txn.put(what.key(), &bytes)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_durable::{Engine, Options};

    use super::*;

    #[test]
    fn so_many_are_counted_in_any_week_wherever_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let store = Engine::open(folder.path(), Options::new()).unwrap();
        let begun = 20_000 * DAY;
        let add = |seconds: u64, more: usize| {
            let now = UnixTime::from_seconds(begun + seconds);
            store.submit(move |txn| admit(txn, Weekly::Made, now, more, 4)).wait().unwrap()
        };
        add(DAY - 1, 2).unwrap();
        add(3 * DAY, 2).unwrap();
        for seconds in [3 * DAY, 7 * DAY, 8 * DAY - 2] {
            assert_eq!(add(seconds, 1), Err(Refusal::TooManyKeysets));
            add(seconds, 0).unwrap();
        }
        add(8 * DAY, 2).unwrap();
        assert_eq!(add(8 * DAY, 1), Err(Refusal::TooManyKeysets));
        assert_eq!(add(100 * DAY, 5), Err(Refusal::TooManyKeysets));
        // Of the other kind nothing was counted.
        let now = UnixTime::from_seconds(begun);
        store.submit(move |txn| admit(txn, Weekly::Revoked, now, 4, 4)).wait().unwrap().unwrap();
        // A clock that was ahead: it counts for a week from now, and not until then.
        store.submit(move |txn| come_back(txn, now)).wait().unwrap().unwrap();
        assert_eq!(add(7 * DAY, 1), Err(Refusal::TooManyKeysets));
        add(8 * DAY, 4).unwrap();
    }
}
