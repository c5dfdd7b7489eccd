//! Which store may decide over which tokens.

use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::LockKey;
use farthing_protocol::payment::PaymentKind;
use farthing_verifier::check::TokenClass;
use farthing_verifier::store::{Decides, StoreRole, check_start_up};

#[test]
fn the_table_of_section_8() {
    let (mint, other_mint) = (MintId::from_bytes([1; 32]), MintId::from_bytes([2; 32]));
    let (payee, other) = (PayeeKey::from_bytes([3; 32]), PayeeKey::from_bytes([4; 32]));
    let (lock, foreign) =
        (*LockKey::generate(&mut rand::rng()).public(), *LockKey::generate(&mut rand::rng()).public());
    let own = Decides::new(StoreRole::Own { payees: vec![payee], locks: vec![lock] });
    let unlocked = Decides::new(StoreRole::Own { payees: vec![payee], locks: Vec::new() });
    let ledger = Decides::new(StoreRole::Mint { mint, closed_to: vec![] });
    let shared = Decides::new(StoreRole::Mint { mint, closed_to: vec![payee] });
    let clearing = Decides::new(StoreRole::Clearing { mint });
    let class = |mint, redemption, kind, recipient| TokenClass { mint, redemption, kind, recipient };
    let (open, closed) = (Redemption::Open, Redemption::Closed(payee));
    use PaymentKind::{Locked, Pay, Recoup, Swap};
    //                                                                      own   unlocked ledger shared clearing
    for (class, expected) in [
        (class(mint, open, Pay, None), [false, false, true, true, true]),
        (class(other_mint, open, Pay, None), [false, false, false, false, false]),
        (class(mint, closed, Pay, None), [true, true, false, true, false]),
        (class(mint, Redemption::Closed(other), Pay, None), [false, false, false, false, false]),
        (class(mint, open, Locked, Some(lock)), [true, false, false, false, false]),
        (class(mint, open, Locked, Some(foreign)), [false, false, false, false, false]),
        (class(mint, open, Locked, None), [false, false, false, false, false]),
        (class(mint, closed, Locked, Some(lock)), [true, false, false, false, false]),
        (class(mint, Redemption::Closed(other), Locked, Some(lock)), [false, false, false, false, false]),
        (class(mint, open, Swap, None), [false, false, true, true, false]),
        (class(mint, closed, Swap, None), [false, false, false, true, false]),
        (class(mint, open, Recoup, None), [false, false, true, true, false]),
    ] {
        let stores = [&own, &unlocked, &ledger, &shared, &clearing];
        assert_eq!(stores.map(|store| store.covers(&class)), expected, "{class:?}");
    }

    // At start-up: each class of tokens that is taken has exactly one store.
    let pay = class(mint, open, Pay, None);
    assert!(check_start_up([&own, &clearing], [pay, class(mint, closed, Pay, None)]).is_ok());
    let alone = check_start_up([&own], [pay]).unwrap_err();
    assert_eq!((*alone.class, alone.stores), (pay, 0));
    assert_eq!(check_start_up([&ledger, &clearing], [pay]).unwrap_err().stores, 2);
    assert_eq!(check_start_up([&unlocked, &clearing], [class(mint, open, Locked, Some(lock))]).unwrap_err().stores, 0);
}
