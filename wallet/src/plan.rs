//! Making change: which swaps let a wallet pay an amount exactly. Pure.

use std::collections::BTreeMap;

use farthing_protocol::amount::{Amount, Denomination};

/// How many tokens of each denomination.
pub(crate) type Counts = BTreeMap<Denomination, u32>;

/// The next thing to do, so that an amount can be paid from one keyset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The tokens are there.
    Pay,
    /// Split one token.
    Split(Denomination),
    /// Merge two tokens.
    Merge(Denomination),
    /// The tokens are worth less than the amount.
    TooLittle,
}

/// The next swap that brings these tokens nearer to the binary digits of `amount`.
///
/// With the highest missing digit d: a spare token above d is split, which gives every digit below it at once; without one, the
/// spare tokens below d are worth at least 2^d, and the largest of them are merged upwards. So each swap of the first kind is the
/// last, and merges, each of which leaves one token less, are finitely many.
pub(crate) fn next(counts: &Counts, amount: Amount) -> Next {
    if worth(counts) < Some(amount) {
        return Next::TooLittle;
    }
    let digits = amount.digits();
    let count = |d: Denomination| counts.get(&d).copied().unwrap_or(0);
    let spare = |d: Denomination| count(d).saturating_sub(u32::from(digits.contains(&d)));
    let Some(missing) = digits.iter().rev().copied().find(|d| count(*d) == 0) else {
        return Next::Pay;
    };
    let denominations = || counts.keys().copied();
    if let Some(larger) = denominations().find(|d| *d > missing && spare(*d) > 0) {
        return Next::Split(larger);
    }
    denominations().rev().find(|d| *d < missing && spare(*d) > 1).map_or(Next::TooLittle, Next::Merge)
}

/// What the tokens are worth; none if more than amounts reach.
pub(crate) fn worth(counts: &Counts) -> Option<Amount> {
    let one =
        |(d, count): (&Denomination, &u32)| d.value().units().checked_mul(u64::from(*count)).and_then(Amount::new);
    counts.iter().map(one).try_fold(Amount::ZERO, |sum, value| sum.checked_add(value?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn d(exponent: u8) -> Denomination {
        Denomination::new(exponent).unwrap()
    }

    fn take(counts: &mut Counts, denomination: Denomination, number: u32) {
        let left = counts.get(&denomination).unwrap().checked_sub(number).unwrap();
        if left == 0 {
            counts.remove(&denomination);
        } else {
            counts.insert(denomination, left);
        }
    }

    fn give(counts: &mut Counts, denomination: Denomination) {
        *counts.entry(denomination).or_default() += 1;
    }

    /// Carries the plan out as a mint would.
    fn carry_out(counts: &mut Counts, step: Next) {
        match step {
            Next::Split(k) => {
                take(counts, k, 1);
                give(counts, d(0));
                (0..k.exponent()).for_each(|i| give(counts, d(i)));
            }
            Next::Merge(k) => {
                take(counts, k, 2);
                give(counts, d(k.exponent() + 1));
            }
            Next::Pay | Next::TooLittle => unreachable!(),
        }
    }

    proptest! {
        #[test]
        fn a_plan_conserves_value_and_ends_with_the_digits(
            held in prop::collection::btree_map(0_u8..20, 1_u32..6, 0..12),
            part in 0.0_f64..=1.0,
        ) {
            let mut counts: Counts = held.into_iter().map(|(e, n)| (d(e), n)).collect();
            let total = worth(&counts).unwrap();
            let amount = Amount::new((total.units() as f64 * part) as u64).unwrap();
            let tokens: u32 = counts.values().sum();
            let mut splits = 0;
            let mut steps = 0;
            loop {
                let step = next(&counts, amount);
                match step {
                    Next::Pay => break,
                    Next::TooLittle => prop_assert!(false, "the tokens suffice"),
                    Next::Split(_) => splits += 1,
                    Next::Merge(_) => {}
                }
                carry_out(&mut counts, step);
                prop_assert_eq!(worth(&counts), Some(total));
                steps += 1;
                prop_assert!(steps <= tokens + 1);
            }
            prop_assert!(splits <= 1);
            prop_assert!(amount.digits().iter().all(|digit| counts.contains_key(digit)));
        }

        #[test]
        fn too_little_is_said_and_only_then(held in prop::collection::btree_map(0_u8..20, 1_u32..6, 0..12)) {
            let counts: Counts = held.into_iter().map(|(e, n)| (d(e), n)).collect();
            let more = worth(&counts).unwrap().checked_add(Amount::new(1).unwrap()).unwrap();
            prop_assert_eq!(next(&counts, more), Next::TooLittle);
        }
    }

    #[test]
    fn an_exact_stock_needs_nothing_and_a_single_large_token_one_split() {
        let counts: Counts = [(d(0), 1), (d(2), 1), (d(5), 1)].into();
        assert_eq!(next(&counts, Amount::new(37).unwrap()), Next::Pay);
        let counts: Counts = [(d(6), 1)].into();
        assert_eq!(next(&counts, Amount::new(37).unwrap()), Next::Split(d(6)));
    }
}
