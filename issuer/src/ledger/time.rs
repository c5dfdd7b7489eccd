//! The ledger's time: how far it believes a clock, and what it does only when it has been sure for a day.
//!
//! A clock that is ahead cannot be told from one that is right. What it can do is bounded in three ways. While the ledger is open, the time goes
//! on no faster than the time since the machine booted, which nobody can set. At the opening, a clock that says that the mint was off for
//! more than a month is not believed without a word of the operator's. And what cannot be undone waits until the ledger was served for a
//! day with a time at which it was due: so there is a day to put a wrong clock right before it does harm for good.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::SecondFactor;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_verifier::spent;

use super::acts::Act;
use super::administrator::{self, FactorError, Judged};
use super::records::{Table, get, put};
use super::{LedgerError, journal};
use crate::clock::Clock;
use crate::keys::FactorKey;

pub(super) const DAY: u64 = 86_400;

/// So many seconds the clock may be set forward while the ledger is open.
const STEP: u64 = 60;

/// For so many seconds a mint may have been off without anybody saying that its clock is right.
const MOST_OFF: u64 = 30 * DAY;

/// For so many seconds a ledger must have been served before it does what cannot be undone.
const PATIENCE: u64 = DAY;

/// At most so often it is noted what the time was, in seconds.
const EVERY: u64 = 3600;

/// An operator's word that the clock is right, however long the mint was off. With a second factor it needs a code, which is judged by
/// that clock: an authenticator whose clock is another shows other codes.
#[derive(Clone, Debug, Default)]
pub struct ClockWord {
    /// A code of the administrator's second factor, if one is enrolled.
    pub code: Option<SecondFactor>,
}

/// What a job may know of the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) now: UnixTime,
    /// The time at which the ledger was a day ago, as long as it has been served: what was due by then may be done although it cannot be undone.
    pub(crate) sure: UnixTime,
}

/// The clock of a ledger that is open.
#[derive(Debug)]
pub(super) struct Timekeeper {
    clock: Arc<dyn Clock>,
    /// Wall clock and time since boot at the opening.
    origin: (Duration, Duration),
    patient: bool,
    /// Until when since boot it is in the ledger how long it was served.
    noted: Mutex<Duration>,
}

impl Timekeeper {
    pub(super) fn new(clock: Arc<dyn Clock>, patient: bool) -> Self {
        let origin = (clock.wall(), clock.since_boot());
        Self { clock, origin, patient, noted: Mutex::new(origin.1) }
    }

    /// The clock's time, if it went on no faster than it can.
    fn read(&self) -> Result<UnixTime, LedgerError> {
        let (wall, boot) = self.origin;
        let passed = self.clock.since_boot().saturating_sub(boot);
        if self.clock.wall() > wall.saturating_add(passed).saturating_add(Duration::from_secs(STEP)) {
            return Err(LedgerError::ClockAhead);
        }
        Ok(self.clock.now())
    }

    /// The time for a job: the clock's, or the highest seen if that is a little later.
    pub(super) fn advance(&self, txn: &mut Txn<'_>) -> Result<UnixTime, LedgerError> {
        advance(txn, self.read()?)
    }

    /// Whether a job would get a time now. Nothing is written.
    pub(super) fn look(&self, txn: &Txn<'_>) -> Result<UnixTime, LedgerError> {
        judge(txn, self.read()?).map(|(now, _)| now)
    }

    pub(super) fn times(&self, txn: &Txn<'_>, now: UnixTime) -> Result<Times, LedgerError> {
        let sure = if self.patient { lived(txn)?.sure() } else { now };
        Ok(Times { now, sure })
    }

    /// For how long the ledger was served since that was noted last, and until when since boot that is.
    pub(super) fn unnoted(&self) -> (u64, Duration) {
        let (until, noted) = (self.clock.since_boot(), *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        // What is less than a second stays for the next time.
        let seconds = until.saturating_sub(noted).as_secs();
        (seconds, noted.saturating_add(Duration::from_secs(seconds)))
    }

    pub(super) fn set_noted(&self, until: Duration) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = until.max(*noted);
    }
}

/// The time for a job, and the highest that was seen before.
fn judge(txn: &Txn<'_>, now: UnixTime) -> Result<(UnixTime, UnixTime), LedgerError> {
    let highest = get(txn, Table::Time, &[])?.unwrap_or_default();
    if now.plus(spent::CLOCK_TOLERANCE) < highest {
        return Err(LedgerError::ClockBehind);
    }
    if spent::is_ahead(now, highest) {
        return Err(LedgerError::ClockAhead);
    }
    Ok((now.max(highest), highest))
}

/// Takes a time over, if it is believed.
pub(super) fn advance(txn: &mut Txn<'_>, now: UnixTime) -> Result<UnixTime, LedgerError> {
    let (time, highest) = judge(txn, now)?;
    if time > highest {
        put(txn, Table::Time, &[], &time)?;
        // Once a day is enough for the spent records, which would else take years without payments for a clock that is wrong.
        if time.seconds() / DAY != highest.seconds() / DAY {
            spent::note_time(txn, time)?;
        }
    }
    Ok(time)
}

/// What is said of a clock at the opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The mint was off for so many seconds.
    Believed { off: u64 },
    /// The mint would have been off for more than a month since it has seen this time.
    Doubted { seen: UnixTime },
}

/// Judges the clock at the opening. With a word it is believed if that is proven, and the journal says so.
pub(super) fn open(txn: &mut Txn<'_>, now: UnixTime, factors: &FactorKey, word: Option<&ClockWord>) -> Judged<Opening> {
    let seen: UnixTime = get(txn, Table::Time, &[])?.unwrap_or_default();
    if seen == UnixTime::default() || now <= seen.plus(MOST_OFF) {
        let off = if seen == UnixTime::default() { 0 } else { now.seconds().saturating_sub(seen.seconds()) };
        return Ok(Ok(Opening::Believed { off }));
    }
    let Some(word) = word else { return Ok(Ok(Opening::Doubted { seen })) };
    judge(txn, now)?;
    let authority = match administrator::prove(txn, now, factors, word.code.as_ref())? {
        Ok(authority) => authority,
        Err(refused) => return Ok(Err::<_, FactorError>(refused)),
    };
    journal::record(txn, now, &authority, &Act::ClockBelieved { seen, now })?;
    advance(txn, now)?;
    Ok(Ok(Opening::Believed { off: now.seconds().saturating_sub(seen.seconds()) }))
}

/// Notes that the ledger was served for so many seconds more.
pub(super) fn live(txn: &mut Txn<'_>, now: UnixTime, seconds: u64) -> Result<(), LedgerError> {
    let mut row = lived(txn)?;
    row.live(now, seconds)?;
    put(txn, Table::Lived, &[], &row)
}

fn lived(txn: &Txn<'_>) -> Result<Lived, LedgerError> {
    Ok(get(txn, Table::Lived, &[])?.unwrap_or_default())
}

/// For how long a ledger was served, and what its time was in the last day of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lived {
    /// In seconds of clocks that cannot be set, of all processes together.
    seconds: u64,
    /// The oldest first: at how many seconds, and what the time was.
    notes: Vec<(u64, UnixTime)>,
}

impl Lived {
    fn live(&mut self, now: UnixTime, seconds: u64) -> Result<(), LedgerError> {
        self.seconds = self.seconds.checked_add(seconds).ok_or(LedgerError::Overflow)?;
        if self.notes.last().is_none_or(|(at, _)| self.seconds.saturating_sub(*at) >= EVERY) {
            self.notes.push((self.seconds, now));
        }
        // Of those that are old enough the newest says all.
        if let Some(newest) = self.notes.iter().rposition(|(at, _)| self.is_old(*at)) {
            self.notes.drain(..newest);
        }
        Ok(())
    }

    fn is_old(&self, at: u64) -> bool {
        self.seconds.saturating_sub(at) >= PATIENCE
    }

    fn sure(&self) -> UnixTime {
        let old = self.notes.iter().rev().find(|(at, _)| self.is_old(*at));
        old.map_or(UnixTime::default(), |(_, time)| *time)
    }
}

impl Encode for Lived {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.seconds);
        out.u8(u8::try_from(self.notes.len()).unwrap_or(u8::MAX));
        for (at, time) in self.notes.iter().take(u8::MAX.into()) {
            out.u64(*at);
            out.part(time);
        }
    }
}

impl Decode for Lived {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (seconds, count) = (input.u64()?, input.u8()?);
        let notes = (0..count).map(|_| Ok((input.u64()?, input.part()?))).collect::<Result<_, DecodeError>>()?;
        Ok(Self { seconds, notes })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    #[test]
    fn what_is_sure_is_what_the_time_was_a_day_of_service_ago() {
        let mut lived = Lived::default();
        lived.live(at(1000), 0).unwrap();
        assert_eq!(lived.sure(), at(0));
        // It was off for long, or its clock is wrong: only service counts.
        lived.live(at(5_000_000), EVERY).unwrap();
        lived.live(at(5_000_001), DAY - EVERY - 1).unwrap();
        assert_eq!(lived.sure(), at(0));
        lived.live(at(5_000_002), 1).unwrap();
        assert_eq!(lived.sure(), at(1000));
        lived.live(at(5_000_003), EVERY - 1).unwrap();
        assert_eq!(lived.sure(), at(1000));
        lived.live(at(5_000_004), 1).unwrap();
        assert_eq!(lived.sure(), at(5_000_000));
    }

    #[test]
    fn the_row_stays_small_and_reads_back() {
        let mut lived = Lived::default();
        for minute in 0..100 * 24 * 60 {
            lived.live(at(1_000_000 + minute * 60), 60).unwrap();
            let behind = 1_000_000 + minute * 60 - lived.sure().seconds().max(1_000_000);
            assert!(minute * 60 < DAY || (DAY..=DAY + EVERY).contains(&behind), "{minute}: {behind}");
        }
        assert!(lived.notes.len() <= 26, "{}", lived.notes.len());
        let mut out = Writer::default();
        out.part(&lived);
        let bytes = out.finish();
        assert_eq!(Reader::new(&bytes).part::<Lived>().unwrap(), lived);
    }
}
