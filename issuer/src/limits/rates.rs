//! How often the mint is asked: in all, and by one account. No address is looked at, and nothing is stored.
//!
//! Each count is one point in time, as in the generic cell rate algorithm: every request moves it on by the time that a request
//! is worth, and it may be ahead of now by one period at most. A count that lies behind now says nothing, and is forgotten.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use farthing_http::problem::{Code, Problem};
use farthing_protocol::identity::AccountKey;

/// How often a mint may be asked. Without a number there is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRates {
    /// Requests in a second, all together.
    pub all: Option<NonZeroU32>,
    /// Requests in a minute that one account has signed.
    pub account: Option<NonZeroU32>,
}

impl Default for RequestRates {
    /// 1,000 in a second; 600 in a minute for one account.
    fn default() -> Self {
        Self { all: NonZeroU32::new(1000), account: NonZeroU32::new(600) }
    }
}

/// It was asked too often. Nothing was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was asked too often")]
pub struct TooOften {
    /// After so long it may be asked again.
    pub wait: Duration,
}

impl From<TooOften> for Problem {
    fn from(error: TooOften) -> Self {
        Self::new(Code::RateLimited).with_retry_after(error.wait)
    }
}

/// So many in a period. A whole period's worth may come at once.
#[derive(Clone, Copy, Debug)]
struct Quota {
    each: Duration,
    period: Duration,
}

impl Quota {
    fn new(count: NonZeroU32, period: Duration) -> Self {
        Self { each: period / count.get(), period }
    }

    /// Takes one from a count, which is nothing if nothing was taken for long.
    fn take(self, count: &mut Option<Instant>, now: Instant) -> Result<(), TooOften> {
        let next = count.unwrap_or(now).max(now) + self.each;
        let ahead = next.saturating_duration_since(now);
        if ahead > self.period {
            return Err(TooOften { wait: ahead - self.period });
        }
        *count = Some(next);
        Ok(())
    }
}

/// So many accounts are counted at most. Each was verified to be asked for by its owner; with so many at once, who is not
/// counted yet waits.
const ACCOUNTS: usize = 65_536;

/// The counts of a running mint.
#[derive(Debug)]
pub(crate) struct Rates {
    all: Option<(Quota, Mutex<Option<Instant>>)>,
    account: Option<(Quota, Mutex<Counts>)>,
}

/// Up to when each account has used its quota.
type Counts = BTreeMap<AccountKey, Option<Instant>>;

impl Rates {
    pub(crate) fn new(RequestRates { all, account }: RequestRates) -> Self {
        Self {
            all: all.map(|count| (Quota::new(count, Duration::from_secs(1)), Mutex::default())),
            account: account.map(|count| (Quota::new(count, Duration::from_secs(60)), Mutex::default())),
        }
    }

    /// Counts a request of anybody.
    pub(crate) fn anybody(&self, now: Instant) -> Result<(), TooOften> {
        let Some((quota, count)) = &self.all else { return Ok(()) };
        quota.take(&mut count.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Counts a request of an account's owner.
    ///
    /// # Security
    /// MUST be asked only when the owner's signature was verified: else anybody could use up what is another's.
    pub(crate) fn owner(&self, account: &AccountKey, now: Instant) -> Result<(), TooOften> {
        let Some((quota, counts)) = &self.account else { return Ok(()) };
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ACCOUNTS && !counts.contains_key(account) {
            counts.retain(|_, count| count.is_some_and(|count| count > now));
            if counts.len() >= ACCOUNTS {
                return Err(TooOften { wait: quota.each });
            }
        }
        quota.take(counts.entry(*account).or_default(), now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn account(number: u64) -> AccountKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        AccountKey::from_bytes(bytes)
    }

    fn rates(all: u32, account: u32) -> Rates {
        Rates::new(RequestRates { all: NonZeroU32::new(all), account: NonZeroU32::new(account) })
    }

    #[test]
    fn a_period_s_worth_may_come_at_once_and_then_one_by_one() {
        let (rates, start) = (rates(0, 60), Instant::now());
        let (one, other) = (account(1), account(2));
        for _ in 0..60 {
            rates.owner(&one, start).unwrap();
        }
        assert_eq!(rates.owner(&one, start), Err(TooOften { wait: Duration::from_secs(1) }));
        // What was refused is not counted, and nobody else is touched by it.
        assert_eq!(rates.owner(&one, start), Err(TooOften { wait: Duration::from_secs(1) }));
        rates.owner(&other, start).unwrap();
        let later = start + Duration::from_secs(1);
        rates.owner(&one, later).unwrap();
        assert!(rates.owner(&one, later).is_err());
        let much_later = start + Duration::from_secs(3600);
        for _ in 0..60 {
            rates.owner(&one, much_later).unwrap();
        }
        assert!(rates.owner(&one, much_later).is_err());
    }

    #[test]
    fn all_together_are_bounded_and_no_number_is_no_bound() {
        let now = Instant::now();
        let few = rates(3, 0);
        assert_eq!([0; 4].map(|_| few.anybody(now).is_ok()), [true, true, true, false]);
        let unbounded = rates(0, 0);
        assert!((0..10_000).all(|_| unbounded.anybody(now).is_ok() && unbounded.owner(&account(1), now).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let (rates, now) = (rates(0, 60), Instant::now());
        for number in 0..ACCOUNTS {
            rates.owner(&account(u64::try_from(number).unwrap()), now).unwrap();
        }
        assert!(rates.owner(&account(u64::MAX), now).is_err());
        rates.owner(&account(1), now).unwrap();
        rates.owner(&account(u64::MAX), now + Duration::from_secs(3)).unwrap();
        let (_, counts) = rates.account.as_ref().unwrap();
        assert_eq!(counts.lock().unwrap().len(), 1);
    }
}
