use proptest::prelude::*;

use super::*;

fn d(exponent: u8) -> Denomination {
    Denomination::new(exponent).unwrap()
}

fn stock(active: &[(u8, u32)], older: &[&[(u8, u32)]]) -> Stock {
    let counts = |held: &[(u8, u32)]| held.iter().map(|(e, n)| (d(*e), *n)).collect::<Counts>();
    Stock { older: older.iter().map(|held| counts(held)).collect(), active: counts(active), denominations: 24 }
}

fn total(stock: &Stock) -> u64 {
    stock.older.iter().chain([&stock.active]).map(|counts| worth(counts).unwrap().units()).sum()
}

fn tokens(stock: &Stock) -> u32 {
    stock.older.iter().chain([&stock.active]).flat_map(|counts| counts.values()).sum()
}

fn held() -> impl Strategy<Value = Counts> {
    prop::collection::btree_map((0_u8..16).prop_map(d), 1_u32..9, 0..12)
}

fn any_stock() -> impl Strategy<Value = Stock> {
    (prop::collection::vec(held(), 0..3), held()).prop_map(|(older, active)| Stock { older, active, denominations: 20 })
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    (1_u8..12, 1_u8..5).prop_map(|(digits, sets)| Wanted { digits, sets })
}

/// Plans and carries out until nothing is left to do.
fn bring_to_rest(stock: &mut Stock, wanted: Wanted) -> Vec<Swap> {
    // Generous: a renewal takes at least one token, a split fills one place, a merge leaves a token less.
    let limit = tokens(stock) as usize + 64 * 24;
    let swaps = all(stock.clone(), wanted, limit);
    assert!(swaps.len() < limit, "does not end");
    swaps.iter().for_each(|swap| assert!(carry_out(stock, *swap), "{swap:?} of tokens that are not there"));
    swaps
}

/// As a wallet pays: from the first keyset that has exactly the digits.
fn pay(stock: &mut Stock, amount: u64) -> bool {
    let digits = Amount::new(amount).unwrap().digits();
    let mut keysets = stock.older.iter_mut().chain([&mut stock.active]);
    let found = keysets.find(|counts| digits.iter().all(|d| counts.contains_key(d)));
    found.is_some_and(|counts| digits.iter().all(|d| take(counts, *d, 1)))
}

proptest! {
    #[test]
    fn it_ends_conserves_value_and_has_the_wanted_sets(mut stock in any_stock(), wanted in any_wanted()) {
        let before = total(&stock);
        bring_to_rest(&mut stock, wanted);
        prop_assert_eq!(total(&stock), before);
        prop_assert_eq!(next(&stock, wanted), None);
        let mut keysets: Vec<Counts> = stock.older.iter().chain([&stock.active]).cloned().collect();
        for size in sizes(before, wanted) {
            prop_assert!(keysets.iter_mut().any(|counts| take_set(counts, size)), "no set of {}", size);
        }
    }

    #[test]
    fn nothing_that_was_merged_is_split_and_no_stock_comes_twice(mut stock in any_stock(), wanted in any_wanted()) {
        let mut seen = vec![stock.clone()];
        let mut merged = Vec::new();
        for swap in bring_to_rest(&mut stock.clone(), wanted) {
            carry_out(&mut stock, swap);
            prop_assert!(!seen.contains(&stock));
            seen.push(stock.clone());
            match swap {
                Swap::Merge(k) => merged.push(d(k.exponent() + 1)),
                Swap::Split(k) => prop_assert!(!merged.contains(&k), "{:?} was merged", k),
                Swap::Renew(..) => {}
            }
        }
    }

    #[test]
    fn enough_of_it_pays_any_usual_amounts_in_a_row(
        mut stock in any_stock(),
        wanted in any_wanted(),
        parts in prop::collection::vec(0.0_f64..1.0, 4),
    ) {
        let most = (1_u64 << wanted.digits) - 1;
        prop_assume!(total(&stock) >= most * u64::from(wanted.sets));
        bring_to_rest(&mut stock, wanted);
        let keysets: Vec<Counts> = stock.older.iter().chain([&stock.active]).cloned().collect();
        prop_assert!(covered(&keysets, wanted.digits) >= u32::from(wanted.sets));
        for part in parts.into_iter().take(wanted.sets.into()) {
            let amount = 1 + (part * most as f64) as u64;
            prop_assert!(pay(&mut stock, amount), "{} of {:?}", amount, stock);
        }
    }

    #[test]
    fn after_any_payment_it_comes_to_rest_again(
        mut stock in any_stock(),
        wanted in any_wanted(),
        parts in prop::collection::vec(0.0_f64..1.0, 0..6),
    ) {
        for part in parts {
            bring_to_rest(&mut stock, wanted);
            let most = ((1_u64 << wanted.digits) - 1).min(total(&stock));
            let amount = 1 + (part * most as f64) as u64;
            pay(&mut stock, amount);
        }
        bring_to_rest(&mut stock, wanted);
        prop_assert_eq!(next(&stock, wanted), None);
    }
}

#[test]
fn a_full_stock_needs_nothing() {
    let wanted = Wanted { digits: 4, sets: 2 };
    assert_eq!(next(&stock(&[(0, 2), (1, 2), (2, 2), (3, 2)], &[]), wanted), None);
    // Sets of older keysets count, and are left where they are.
    let older: &[(u8, u32)] = &[(0, 1), (1, 1), (2, 1), (3, 1), (9, 1)];
    assert_eq!(next(&stock(&[(0, 1), (1, 1), (2, 1), (3, 1)], &[older]), wanted), None);
    // A reserve is left alone.
    assert_eq!(next(&stock(&[(0, 2), (1, 2), (2, 2), (3, 2), (9, 3)], &[]), wanted), None);
    assert_eq!(next(&stock(&[], &[]), wanted), None);
}

#[test]
fn one_large_token_is_split_once_for_each_set() {
    let wanted = Wanted { digits: 4, sets: 2 };
    let mut one = stock(&[(6, 1)], &[]);
    // 64 gives 32, 16, 8, 4, 2, 1, 1; then 16 gives 8, 4, 2, 1, 1.
    assert_eq!(bring_to_rest(&mut one, wanted), [Swap::Split(d(6)), Swap::Split(d(4))]);
}

#[test]
fn small_tokens_are_merged_when_larger_ones_are_missing_and_when_they_are_too_many() {
    let wanted = Wanted { digits: 2, sets: 1 };
    assert_eq!(next(&stock(&[(0, 3)], &[]), wanted), Some(Swap::Merge(d(0))));
    let mut many = stock(&[(0, 100)], &[]);
    bring_to_rest(&mut many, wanted);
    assert!(many.active.values().all(|count| *count <= 1 + slack(wanted) + 1), "{many:?}");
}

#[test]
fn what_an_older_keyset_has_too_little_of_is_renewed() {
    let wanted = Wanted { digits: 3, sets: 1 };
    let older: &[(u8, u32)] = &[(0, 1), (2, 2)];
    assert_eq!(next(&stock(&[], &[older]), wanted), Some(Swap::Renew(0, Amount::new(5).unwrap())));
}
