//! Forgetting what is older than the merchant wants to keep.
//!
//! Nothing that decides is forgotten: neither what was begun and has no end yet, nor which tokens are spent, nor which single-use
//! invoice was paid, as long as it could be paid again. An accepted payment that was forgotten here is known to whoever
//! decided over it, with a claim that nobody has any more: given in again it is "accepted elsewhere", where its invoice can
//! still be paid at all.
//!
//! | key | value |
//! |---|---|
//! | `shop/first` | the lowest number in the log that may still be there |
//! | `shop/held/` ‖ time ‖ request hash | an invoice that was paid by a forgotten payment, and ends then |

use std::fmt;
use std::str::FromStr;

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::UnixTime;

use super::record::{self, Accepted, Logged, RECEIPTS, REQUESTS, key};
use super::{Merchant, refund, sale};
use crate::store::{Old, StoreError, forget_credited, forget_old, forget_settled};
use crate::webhook::outbox;

const FIRST: &[u8] = b"shop/first";
const HELD: &[u8] = b"shop/held/";

/// So many payments are forgotten in one transaction.
const IN_ONE: usize = 64;

/// A day, in seconds. So long after its end an invoice is still known as paid: a clock may be set back.
const DAY: u64 = 86_400;

/// How long records are kept: whole days, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep(u32);

/// Why a text is no [`Keep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("how long records are kept is a number of days, at least 1, such as 90d")]
pub struct KeepError;

impl Keep {
    /// How long, in seconds.
    pub const fn seconds(self) -> u64 {
        // A product of a `u32` and 86,400.
        (self.0 as u64).saturating_mul(DAY)
    }
}

impl FromStr for Keep {
    type Err = KeepError;

    fn from_str(text: &str) -> Result<Self, KeepError> {
        let days = text.strip_suffix('d').filter(|days| days.bytes().all(|digit| digit.is_ascii_digit()));
        match days.and_then(|days| days.parse().ok()) {
            None | Some(0) => Err(KeepError),
            Some(days) => Ok(Self(days)),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl Merchant {
    /// Forgets accepted payments that were recorded longer ago than this: receipts, memos, sales, answers and events. Returns how
    /// many. They are gone from every listing, and nothing is served for them any more.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be written.
    pub async fn forget_older(&self, keep: Keep) -> Result<u64, StoreError> {
        let now = (self.inner.clock)();
        let before = now.minus(keep.seconds());
        let mut forgotten = 0_u64;
        loop {
            let job = self.inner.engine.submit(move |txn| forget(txn, before, now, IN_ONE));
            let (count, more) = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
            forgotten = forgotten.saturating_add(count);
            if !more {
                break;
            }
        }
        let old = move |txn: &mut Txn<'_>| forget_old(txn, Old::Before(before), IN_ONE);
        while self.inner.engine.submit(old).await?.map_err(|_: StoreFault| StoreError::Stopped)? {}
        if let Some(clearing) = &self.inner.clearing {
            clearing.forget_older(before).await?;
        }
        Ok(forgotten)
    }
}

/// Returns how many payments were forgotten, and whether there may be more.
fn forget(txn: &mut Txn<'_>, before: UnixTime, now: UnixTime, at_most: usize) -> Result<(u64, bool), StoreFault> {
    let released = release(txn, now, at_most)?;
    let first = match txn.get(FIRST)? {
        None => 0,
        Some(bytes) => u64::from_be_bytes(bytes.try_into().map_err(|_| StoreFault::Damaged)?),
    };
    let count = record::count(txn)?;
    let (mut number, mut forgotten) = (first, 0_u64);
    while number < count && forgotten < at_most as u64 {
        if let Some(line) = record::line(txn, number)? {
            // What comes after a refund that has no end yet waits with it.
            if line.recorded_at >= before || refund::is_open(txn, &line.payment)? {
                break;
            }
            erase(txn, &line, now)?;
            forgotten = forgotten.saturating_add(1);
        }
        number = number.saturating_add(1);
    }
    if number > first {
        txn.put(FIRST, &number.to_be_bytes())?;
    }
    Ok((forgotten, released || forgotten == at_most as u64))
}

fn erase(txn: &mut Txn<'_>, line: &Logged, now: UnixTime) -> Result<(), StoreFault> {
    let id = &line.payment;
    let Accepted { request, expires_at, .. } = record::accepted(txn, id)?.ok_or(StoreFault::Damaged)?;
    let reservation = key(REQUESTS, request.as_bytes());
    if txn.get(&reservation)?.is_some_and(|holder| holder == id.as_bytes()) {
        let until = expires_at.plus(DAY);
        if until <= now {
            txn.delete(&reservation)?;
        } else {
            // Paid, by nobody that is known: no payment is taken for it, nor gives it back.
            txn.put(&reservation, &[])?;
            txn.put(&[HELD, &until.seconds().to_be_bytes(), request.as_bytes()].concat(), &[])?;
        }
    }
    sale::erase(txn, id)?;
    outbox::erase(txn, id)?;
    refund::erase(txn, id)?;
    forget_settled(txn, id)?;
    forget_credited(txn, id)?;
    txn.delete(&key(RECEIPTS, id.as_bytes()))?;
    txn.delete(&record::log_key(line.number))
}

/// Forgets the reservations of invoices that have ended meanwhile, and says whether there may be more.
fn release(txn: &mut Txn<'_>, now: UnixTime, at_most: usize) -> Result<bool, StoreFault> {
    let held = txn.scan_prefix(HELD, None, at_most)?;
    let count = held.len();
    for (entry, _) in held {
        let (until, request) =
            entry.get(HELD.len()..).and_then(<[u8]>::split_first_chunk).ok_or(StoreFault::Damaged)?;
        if UnixTime::from_seconds(u64::from_be_bytes(*until)) > now {
            return Ok(false);
        }
        txn.delete(&key(REQUESTS, request))?;
        txn.delete(&entry)?;
    }
    Ok(count == at_most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_nothing_else() {
        assert_eq!("90d".parse::<Keep>().unwrap().seconds(), 90 * 86_400);
        assert_eq!("90d".parse::<Keep>().unwrap().to_string(), "90d");
        for text in ["", "d", "0d", "90", "-1d", "+1d", "1.5d", "90 d", "5000000000d", "1w"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
