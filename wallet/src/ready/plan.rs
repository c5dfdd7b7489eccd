//! Which swaps bring a stock nearer to paying usual amounts without a swap. Pure: the plan depends on the stock and on what is
//! wanted, and on nothing else, so that no swap announces a payment.
//!
//! A *set* of size k is one token of each of 2^0 … 2^(k−1), all of one keyset. It pays any one amount up to 2^k − 1. Each payment uses
//! at most one token of each denomination, and all of one keyset: so m sets of size k, however they lie in keysets, pay any m amounts
//! up to 2^k − 1 one after the other.
//!
//! Which sets are wanted follows from what the stock is worth: the first as large as it can be, the next from what is left, and so on.
//! Sets that an older keyset holds are left there. The others are made of the keyset that issues now.
//!
//! # Why it ends
//! Swaps change neither the worth nor, therefore, the wanted sets. A renewal takes tokens from an older keyset that are in no set, and
//! nothing brings any back. Of the keyset that issues now, a swap serves the highest denomination d of which tokens are missing:
//! with a spare token above d that one is split, and d has a token more; without one, the spare tokens below d are worth at least 2^d
//! and no two larger ones are equal, so that merging upwards like a carry reaches d and leaves no merged token spare on its way.
//! Tokens in excess are merged only when nothing is missing, and so many stay that merging makes nothing missing. So nothing that was
//! merged is split again.

use farthing_protocol::amount::{Amount, Denomination};

use crate::plan::{Counts, worth};

/// What can be spent, by keyset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Of keysets that issue no more, those that end first before the others.
    pub(crate) older: Vec<Counts>,
    /// Of the keyset that issues now.
    pub(crate) active: Counts,
    /// How many denominations that keyset has.
    pub(crate) denominations: u8,
}

/// What is wanted: so many sets, of so many denominations each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) digits: u8,
    pub(crate) sets: u8,
}

/// A swap to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// One token of the keyset that issues now.
    Split(Denomination),
    /// Two tokens of the keyset that issues now.
    Merge(Denomination),
    /// The digits of an amount, of an older keyset by its place.
    Renew(usize, Amount),
}

/// So many tokens of a denomination beyond those wanted are left alone: they are used before anything is split.
fn slack(wanted: Wanted) -> u32 {
    u32::from(wanted.sets).saturating_add(4)
}

/// The next swap, if one is needed.
pub(crate) fn next(stock: &Stock, wanted: Wanted) -> Option<Swap> {
    let Missing { sets, loose } = missing(stock, wanted)?;
    let want = |d: Denomination| wanted_count(&sets, d);
    let needed = sets.iter().try_fold(0_u64, |sum, size| sum.checked_add(set_worth(*size)))?;
    if worth(&stock.active)?.units() < needed {
        let takes = |d: &Denomination| d.exponent() < stock.denominations;
        let renewals = loose.iter().map(|counts| digits_of(counts.keys().copied().filter(takes)));
        if let Some((place, Some(amount))) = renewals.enumerate().find(|(_, amount)| amount.is_some()) {
            return Some(Swap::Renew(place, amount));
        }
        return None;
    }
    let count = |d: Denomination| stock.active.get(&d).copied().unwrap_or(0);
    let spare = |d: Denomination| count(d).saturating_sub(want(d));
    let held = || stock.active.keys().copied();
    let lacking = (0..wanted.digits).rev().filter_map(Denomination::new).find(|d| count(*d) < want(*d));
    if let Some(lacking) = lacking {
        let larger = held().find(|d| *d > lacking && spare(*d) > 0).map(Swap::Split);
        return larger.or_else(|| held().rev().find(|d| *d < lacking && spare(*d) > 1).map(Swap::Merge));
    }
    let has_double = |d: Denomination| d.exponent().saturating_add(1) < stock.denominations;
    held().find(|d| spare(*d) >= slack(wanted).saturating_add(2) && has_double(*d)).map(Swap::Merge)
}

/// All swaps until nothing is left to do, but not more than `limit`.
pub(crate) fn all(mut stock: Stock, wanted: Wanted, limit: usize) -> Vec<Swap> {
    let mut swaps = Vec::new();
    while let Some(swap) = next(&stock, wanted) {
        if swaps.len() >= limit || !carry_out(&mut stock, swap) {
            break;
        }
        swaps.push(swap);
    }
    swaps
}

/// How many payments of any amount below 2^`digits` the stock pays for sure, one after the other, without a swap.
pub(crate) fn covered(keysets: &[Counts], digits: u8) -> u32 {
    let sets = |counts: &Counts| {
        let held = (0..digits).map(|d| Denomination::new(d).and_then(|d| counts.get(&d)).copied().unwrap_or(0));
        held.min().unwrap_or(0)
    };
    keysets.iter().map(sets).fold(0, u32::saturating_add)
}

/// How many tokens of a denomination these sets have together.
pub(crate) fn wanted_count(sizes: &[u8], denomination: Denomination) -> u32 {
    sizes.iter().map(|size| u32::from(denomination.exponent() < *size)).sum()
}

/// The sizes of the wanted sets, the largest first: as large as what the stock is worth allows.
pub(crate) fn sizes(units: u64, wanted: Wanted) -> Vec<u8> {
    let mut rest = units;
    let mut sizes = Vec::new();
    for _ in 0..wanted.sets {
        let fits = u8::try_from(rest.saturating_add(1).ilog2()).unwrap_or(0);
        let size = fits.min(wanted.digits);
        if size == 0 {
            break;
        }
        rest = rest.saturating_sub(set_worth(size));
        sizes.push(size);
    }
    sizes
}

/// What the older keysets lack.
struct Missing {
    /// Sets that none of them holds, the largest first.
    sets: Vec<u8>,
    /// Tokens of each of them that are in no set.
    loose: Vec<Counts>,
}

/// Nothing if amounts do not reach.
fn missing(stock: &Stock, wanted: Wanted) -> Option<Missing> {
    let wanted = Wanted { digits: wanted.digits.min(stock.denominations), ..wanted };
    let all = stock.older.iter().chain([&stock.active]);
    let total = all.map(worth).try_fold(Amount::ZERO, |sum, part| sum.checked_add(part?))?;
    let mut loose = stock.older.clone();
    let mut sets = sizes(total.units(), wanted);
    sets.retain(|size| !loose.iter_mut().any(|counts| take_set(counts, *size)));
    Some(Missing { sets, loose })
}

/// Takes a set, if it is there.
fn take_set(counts: &mut Counts, size: u8) -> bool {
    let set: Vec<Denomination> = (0..size).filter_map(Denomination::new).collect();
    let is_there = set.iter().all(|d| counts.contains_key(d));
    is_there && set.into_iter().all(|d| take(counts, d, 1))
}

/// 2^size − 1.
fn set_worth(size: u8) -> u64 {
    1_u64.checked_shl(size.into()).map_or(u64::MAX, |power| power.saturating_sub(1))
}

/// One of each denomination, as an amount; nothing for none.
pub(crate) fn digits_of(denominations: impl Iterator<Item = Denomination>) -> Option<Amount> {
    Amount::checked_sum(denominations.map(Denomination::value)).filter(|amount| !amount.is_zero())
}

/// Carries a swap out as a mint would. Whether the tokens were there; if not, the stock is of no use any more.
pub(crate) fn carry_out(stock: &mut Stock, swap: Swap) -> bool {
    let active = &mut stock.active;
    match swap {
        Swap::Split(k) => {
            let taken = take(active, k, 1);
            give(active, Denomination::new(0));
            (0..k.exponent()).for_each(|d| give(active, Denomination::new(d)));
            taken
        }
        Swap::Merge(k) => {
            let taken = take(active, k, 2);
            give(active, k.exponent().checked_add(1).and_then(Denomination::new));
            taken
        }
        Swap::Renew(place, amount) => {
            let Some(from) = stock.older.get_mut(place) else { return false };
            let taken = amount.digits().into_iter().all(|d| take(from, d, 1));
            amount.digits().into_iter().for_each(|d| give(active, Some(d)));
            taken
        }
    }
}

fn take(counts: &mut Counts, denomination: Denomination, number: u32) -> bool {
    let held = counts.get(&denomination).copied().unwrap_or(0);
    match held.checked_sub(number) {
        Some(0) => counts.remove(&denomination).is_some(),
        Some(left) => counts.insert(denomination, left).is_some(),
        None => false,
    }
}

fn give(counts: &mut Counts, denomination: Option<Denomination>) {
    if let Some(denomination) = denomination {
        let held = counts.entry(denomination).or_default();
        *held = held.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
