//! A mint that tells different people different things.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{
    Chain, ChainError, ChainHead, Keyset, KeysetList, ListError, ListedHead, Misconduct, Redemption, Relation,
    Revocation,
};

use crate::reference::world::{Document, NOW, World, later, other, world};
use crate::reference::{G, cat, enc};

fn keyset(document: &Document, signer: &World) -> Arc<Keyset> {
    Arc::new(Keyset::from_bytes(&document.bytes(&signer.mint_secret)).unwrap())
}

fn misconduct(first: &[u8], second: &[u8]) -> Misconduct {
    Misconduct::from_bytes(&cat(&[&[1], &first[1..], &second[1..]])).unwrap()
}

/// Another second keyset than the published one.
fn fork() -> Document {
    Document { fees: [0, 0], ..later().document.clone() }
}

#[test]
fn two_keysets_at_one_place_prove_misconduct() {
    let mut chain = Chain::start(keyset(&world().document, world())).unwrap();
    chain.extend(keyset(&later().document, world()), &[]).unwrap();
    let Err(ChainError::Misconduct(proof)) = chain.extend(keyset(&fork(), world()), &[]) else { panic!() };
    assert!(proof.proves());
    let sent = Misconduct::from_bytes(&proof.to_bytes()).unwrap();
    assert!(sent.proves(), "whoever gets the bytes is convinced too");
    // The same keyset again is nothing to complain of.
    chain.extend(keyset(&later().document, world()), &[]).unwrap();
    assert_eq!(chain.iter().count(), 2);
}

#[test]
fn what_proves_no_misconduct() {
    let (document, fork) = (&later().document, fork());
    let signed = |document: &Document| document.bytes(&world().mint_secret);
    let honest = signed(document);
    assert!(misconduct(&honest, &signed(&fork)).proves());
    assert!(!misconduct(&honest, &honest).proves(), "twice the same");
    assert!(!misconduct(&honest, &fork.bytes(&other().mint_secret)).proves(), "not the mint's signature");
    assert!(!misconduct(&fork.bytes(&other().mint_secret), &honest).proves(), "nor in the first place");
    let mut unsigned = signed(&fork);
    *unsigned.last_mut().unwrap() ^= 1;
    assert!(!misconduct(&honest, &unsigned).proves());
    let elsewhere = Document { unit: ("USD", 2), ..fork.clone() };
    assert!(!misconduct(&honest, &signed(&elsewhere)).proves(), "another unit's chain");
    let closed = Document { closed: Some(world().payee), ..fork.clone() };
    assert!(!misconduct(&honest, &signed(&closed)).proves(), "another redemption's chain");
    let next = Document { sequence: 2, ..fork.clone() };
    assert!(!misconduct(&honest, &signed(&next)).proves(), "another place");
    let another = Document { mint: other().mint, ..fork };
    assert!(!misconduct(&honest, &another.bytes(&other().mint_secret)).proves(), "another mint");
}

#[test]
fn heads_of_others_lie_on_the_chain_or_further_or_differ() {
    let mut chain = Chain::start(keyset(&world().document, world())).unwrap();
    let (first, second) = (KeysetId::from_bytes(world().keyset), KeysetId::from_bytes(later().keyset));
    let relation = |chain: &Chain, sequence, keyset| chain.relation(&ChainHead { sequence, keyset });
    assert_eq!(relation(&chain, 0, first), Relation::Known);
    assert_eq!(relation(&chain, 0, second), Relation::Differs);
    assert_eq!(relation(&chain, 1, second), Relation::Newer);
    assert_eq!(relation(&chain, u64::MAX, second), Relation::Newer);
    chain.extend(keyset(&later().document, world()), &[]).unwrap();
    assert_eq!(relation(&chain, 1, second), Relation::Known);
    assert_eq!(relation(&chain, 0, first), Relation::Known, "a head that lags behind");
    assert_eq!(relation(&chain, 1, first), Relation::Differs);
    let late = Chain::start(keyset(&later().document, world()));
    assert!(matches!(late, Err(ChainError::NotNext)), "a chain begins at its beginning");
}

#[test]
fn an_emergency_keyset_issues_before_an_announced_one_and_never_over_it() {
    // The second keyset is announced for later; the first is revoked; the third fills the gap.
    let mut chain = Chain::start(keyset(&world().document, world())).unwrap();
    chain.extend(keyset(&later().document, world()), &[]).unwrap();
    let revoked_at = NOW + 1000;
    let revocations =
        [Revocation { keyset: KeysetId::from_bytes(world().keyset), revoked_at: UnixTime::from_seconds(revoked_at) }];
    let announced = later().document.times[0];
    let emergency = |from: u64, until: u64| Document {
        sequence: 2,
        predecessor: Some(later().keyset),
        times: [from, until, until + 100, until + 200],
        keys: (1_u64..9).map(|i| enc(&(G * curve25519_dalek::Scalar::from(2000 + i)))).collect(),
        ..later().document.clone()
    };
    let extend = |document: &Document, revocations: &[Revocation]| {
        let mut chain = chain.clone();
        chain.extend(keyset(document, world()), revocations).map(|()| chain)
    };
    assert!(matches!(extend(&emergency(revoked_at, announced), &[]), Err(ChainError::Overlap)), "not revoked");
    let over = emergency(revoked_at, announced + 1);
    assert!(matches!(extend(&over, &revocations), Err(ChainError::Overlap)), "over the announced one");
    let early = emergency(revoked_at - 1, announced);
    assert!(matches!(extend(&early, &revocations), Err(ChainError::Overlap)), "before the revocation");
    let chain = extend(&emergency(revoked_at, announced), &revocations).unwrap();

    let active = |now: u64| chain.active(UnixTime::from_seconds(now), &revocations).map(|k| k.terms().sequence);
    assert_eq!(active(revoked_at - 1), Some(0));
    assert_eq!(active(revoked_at), Some(2));
    assert_eq!(active(announced - 1), Some(2));
    assert_eq!(active(announced), Some(1));
    assert_eq!(active(later().document.times[1]), None);
    assert_eq!(active(world().document.times[0] - 1), None);
}

fn list(signer: &World, issued_at: u64, valid_until: u64, head: ChainHead, revoked: &[u64]) -> KeysetList {
    let unit = farthing_protocol::amount::Unit::new("EUR", 2).unwrap();
    let heads = vec![ListedHead { unit, redemption: Redemption::Open, head }];
    let revocations = revoked
        .iter()
        .map(|at| Revocation { keyset: KeysetId::from_bytes(world().keyset), revoked_at: UnixTime::from_seconds(*at) });
    let (issued_at, valid_until) = (UnixTime::from_seconds(issued_at), UnixTime::from_seconds(valid_until));
    let identity = Keypair::from_secret(&signer.mint_secret);
    KeysetList::sign(&identity, issued_at, valid_until, heads, revocations.collect()).unwrap()
}

#[test]
fn a_list_never_goes_back_or_contradicts() {
    let (mint, now) = (MintId::from_bytes(world().mint), UnixTime::from_seconds(NOW));
    let head = ChainHead { sequence: 1, keyset: KeysetId::from_bytes(later().keyset) };
    let seen = list(world(), NOW - 10, NOW + 100, head, &[NOW]);
    let verdict = |list: &KeysetList| list.accept(&mint, Some(&seen), now);
    let of = |issued_at, head, revoked: &[u64]| list(world(), issued_at, NOW + 100, head, revoked);
    let next = ChainHead { sequence: 2, keyset: KeysetId::from_bytes([9; 32]) };
    assert_eq!(verdict(&seen), Ok(()), "the same again");
    assert_eq!(verdict(&of(NOW, head, &[NOW])), Ok(()));
    assert_eq!(verdict(&of(NOW, next, &[NOW])), Ok(()), "the chain went on");
    assert_eq!(verdict(&of(NOW - 11, next, &[NOW])), Err(ListError::Older));
    assert_eq!(verdict(&of(NOW - 10, next, &[NOW])), Err(ListError::Contradiction));
    assert_eq!(verdict(&of(NOW, ChainHead { sequence: 1, ..next }, &[NOW])), Err(ListError::Contradiction));
    assert_eq!(verdict(&of(NOW, ChainHead { sequence: 0, ..next }, &[NOW])), Err(ListError::WentBack));
    assert_eq!(verdict(&of(NOW, head, &[])), Err(ListError::WentBack), "a revocation taken back");
    assert_eq!(verdict(&of(NOW, head, &[NOW + 1])), Err(ListError::WentBack), "or put off");
}

#[test]
fn a_list_is_believed_from_its_mint_and_in_its_time() {
    let (mint, head) =
        (MintId::from_bytes(world().mint), ChainHead { sequence: 0, keyset: KeysetId::from_bytes([1; 32]) });
    let good = list(world(), NOW, NOW + 100, head, &[]);
    let at = |now: u64| good.accept(&mint, None, UnixTime::from_seconds(now));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + 99), Ok(()));
    assert_eq!(at(NOW + 100), Err(ListError::NotCurrent));
    assert_eq!(at(NOW - KeysetList::MAX_SKEW), Ok(()));
    assert_eq!(at(NOW - KeysetList::MAX_SKEW - 1), Err(ListError::NotCurrent));
    let foreign = list(other(), NOW, NOW + 100, head, &[]);
    let now = UnixTime::from_seconds(NOW);
    assert_eq!(foreign.accept(&mint, None, now), Err(ListError::InvalidSignature), "another mint's");
    let mut renamed = foreign.to_bytes();
    renamed[1..33].copy_from_slice(&world().mint);
    let renamed = KeysetList::from_bytes(&renamed).unwrap();
    assert_eq!(renamed.accept(&mint, None, now), Err(ListError::InvalidSignature), "or in this one's name");
}
