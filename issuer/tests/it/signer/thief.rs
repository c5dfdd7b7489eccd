//! What somebody inside the mint had signed or made, and what is left of it when he is gone.

use farthing_durable::{Engine, Options};
use farthing_issuer::{Alarm, Leak, OpenError, SignerOptions, Who};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::RecoupState;
use farthing_protocol::codec::{Decode, Encode, Reader, Wire, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetDocument, KeysetList, ListedHead, Revocation};

use super::twice::{Raw, drawn, list};
use super::{opens, socket};
use crate::common::World;
use crate::recoup::{DAY, Held, claim, copied, settle, states, withdraw};
use crate::rotation::{deposited, refused};
use crate::wallet::{Wallet, deposit, pay};

const REFUSED: u8 = 255;
const NOT_ITS_TIME: u8 = 11;
const NOT_NEXT: u8 = 13;
const TOO_MANY: u8 = 18;

fn revoked(keyset: &Keyset, revoked_at: UnixTime) -> Revocation {
    Revocation { keyset: *keyset.id(), revoked_at }
}

/// Has a list signed with this head and these revocations, so many seconds after the last one.
async fn signs(world: &World, last: &KeysetList, later: u64, head: &Keyset, revocations: &[Revocation]) -> (u8, u8) {
    let at = last.issued_at().plus(later);
    let draft = KeysetList::draft(world.id(), at, at.plus(DAY), heads(head), ordered(revocations)).unwrap();
    let (kind, body) = list(&mut Raw::welcome(world).await, &draft).await;
    (kind, if kind == REFUSED { body[0] } else { 0 })
}

fn heads(head: &Keyset) -> Vec<ListedHead> {
    let terms = head.terms();
    vec![ListedHead { unit: terms.unit.clone(), redemption: terms.redemption, head: head.head() }]
}

fn ordered(revocations: &[Revocation]) -> Vec<Revocation> {
    let mut ordered = revocations.to_vec();
    ordered.sort_by_key(|revocation| revocation.keyset);
    ordered
}

/// Has the next keyset made with this window; or the code of the refusal.
async fn draws(world: &World, last: &Keyset, from: UnixTime, until: UnixTime) -> Result<Keyset, u8> {
    let (kind, body) = drawn(world, last, |terms, _| {
        (terms.active_from, terms.issue_until) = (from, until);
        (terms.spend_until, terms.deposit_until) = (until.plus(365 * DAY), until.plus(395 * DAY));
    })
    .await;
    if kind == REFUSED {
        return Err(body[0]);
    }
    Ok(KeysetDocument::decode_from(&mut Reader::new(&body)).unwrap().verify().unwrap())
}

/// Lets the signer have signed a list that it signs no more, as one of an earlier version did.
async fn had_signed(world: &mut World, list: KeysetList) {
    world.stop_signer().await;
    let store = world.signer.as_ref().unwrap().home.folder().join("rules");
    let written = tokio::task::spawn_blocking(move || {
        let engine = Engine::open(&store, Options::new()).unwrap();
        engine.submit(move |txn| txn.put_large(b"list", &list.to_bytes())).wait().unwrap().unwrap();
    });
    written.await.unwrap();
    world.start_signer().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_is_dated_back_takes_no_claim_away() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let (keyset, last) = (world.keyset().await, world.keysets().await.list);
    world.clock.pass(200);
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    let back = last.issued_at().minus(300);
    for at in [UnixTime::from_seconds(0), keyset.terms().active_from.minus(301), back.minus(1)] {
        assert_eq!(signs(&world, &last, 1, &keyset, &[revoked(&keyset, at)]).await, (REFUSED, NOT_ITS_TIME));
    }
    assert_eq!(signs(&world, &last, 1, &keyset, &[revoked(&keyset, back)]).await, (7, 0));
    world.clock.pass(500);
    assert_eq!(world.keysets().await.list.revoked_at(keyset.id()), Some(back));
    // It is revoked. That says nothing of a leak, and the time for claims begins now.
    let (adopted, until) = (world.now(), world.now().plus(30 * DAY));
    let window = world.mint().recoups().await.unwrap().recoups.remove(0);
    assert_eq!((window.revoked_at, window.leaked_since, window.claims_until), (back, adopted, until));
    // Nor does it when the operator says the same.
    let said = world.mint().books().revoke(*keyset.id(), Leak::default()).await.unwrap();
    assert_eq!((said.revoked_at, said.leaked_since, said.claims_until), (back, adopted, until));
    // It is no secret whose doing it was.
    let journal = world.mint().books().journal(None, 10).await.unwrap().entries;
    let entry = journal.iter().find(|entry| entry.act == "keyset_revoked" && entry.who == Who::Mint).unwrap();
    assert!(entry.details.as_ref().unwrap().iter().any(|field| field.value == keyset.id().to_text()));
    world.reopen().await;
    let all: Vec<&Held> = tokens.iter().collect();
    let claim = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
    settle(&world).await;
    assert_eq!(states(&world, &claim).await, [RecoupState::Paid; 2]);
    assert_eq!(world.balance(&wallet.key()).await, 100);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_head_reaches_is_not_revoked_and_where_it_was_the_mint_goes_on() {
    let mut world = World::apart(socket()).await;
    world.clock.pass(70 * DAY);
    let (first, last) = (world.keyset().await, world.keysets().await.list);
    let end = first.terms().issue_until;
    let second = draws(&world, &first, end, end.plus(90 * DAY)).await.unwrap();
    let both = [revoked(&first, world.now()), revoked(&second, world.now())];
    assert_eq!(signs(&world, &last, 1, &first, &both[1..]).await, (REFUSED, NOT_NEXT));
    assert_eq!(signs(&world, &last, 1, &first, &both).await, (REFUSED, NOT_NEXT));
    // A list must not end before the mint would make another one.
    let at = last.issued_at().plus(1);
    let short = KeysetList::draft(world.id(), at, at.plus(1), heads(&first), Vec::new()).unwrap();
    assert_eq!(list(&mut Raw::welcome(&world).await, &short).await, (REFUSED, vec![NOT_ITS_TIME]));
    // The mint does not know the second yet, and says so.
    let report = world.mint().signer_report().await.unwrap().unwrap().keysets;
    let known: Vec<(KeysetId, bool)> = report.iter().map(|issued| (issued.keyset, issued.known)).collect();
    assert_eq!(known, [(*first.id(), true), (*second.id(), false)]);

    // A signer of an earlier version did sign them.
    let identity = world.identity();
    let at = last.issued_at().plus(10);
    let stolen = KeysetList::sign(&identity, at, at.plus(1), heads(&first), ordered(&both)).unwrap();
    had_signed(&mut world, stolen.clone()).await;
    world.clock.pass(601);
    let answer = world.keysets().await;
    answer.list.accept(&world.id(), Some(&stolen), world.now()).unwrap();
    assert_eq!((answer.list.heads(), answer.list.revocations()), (heads(&second).as_slice(), stolen.revocations()));
    assert_eq!(answer.keysets.len(), 2);
    assert!(!world.mint().alarms().contains(&Alarm::ListNotSigned));
    let journal = world.mint().books().journal(None, 10).await.unwrap().entries;
    let by_itself = |act: &str| journal.iter().filter(|entry| entry.act == act && entry.who == Who::Mint).count();
    assert_eq!((by_itself("keyset_made"), by_itself("keyset_revoked")), (1, 2));
    world.reopen().await;
    world.mint().new_keyset().await.unwrap();
    opens(&world).await.unwrap();
    let report = world.mint().signer_report().await.unwrap().unwrap().keysets;
    assert!(report.len() == 3 && report.iter().all(|issued| issued.known));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_dated_ahead_is_not_taken_over_and_the_operator_is_told() {
    let mut world = World::apart(socket()).await;
    let (first, identity) = (world.keyset().await, world.identity());
    let at = world.now().plus(10 * DAY);
    let ahead = KeysetList::sign(&identity, at, at.plus(DAY), heads(&first), Vec::new()).unwrap();
    had_signed(&mut world, ahead.clone()).await;
    world.clock.pass(601);
    for _ in 0..2 {
        world.mint().keysets_answer().await.unwrap_err();
        assert_eq!(world.mint().alarms(), [Alarm::ListNotSigned]);
    }
    // The signer's clock was wrong. When its list's time has come, there are others.
    world.clock.pass(10 * DAY);
    let list = world.keysets().await.list;
    list.accept(&world.id(), Some(&ahead), world.now()).unwrap();
    assert!(world.mint().alarms().is_empty());
    // One that ends at once, of an earlier version, is not given out for long.
    let at = world.now().plus(200);
    let short = KeysetList::sign(&identity, at, at.plus(1), heads(&first), Vec::new()).unwrap();
    had_signed(&mut world, short.clone()).await;
    world.clock.pass(1);
    world.reopen().await;
    world.clock.pass(600);
    let list = world.keysets().await.list;
    list.accept(&world.id(), Some(&short), world.now()).unwrap();
    assert_eq!(list.valid_until(), list.issued_at().plus(DAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_has_four_keysets_made_in_a_week_and_no_more() {
    let mut world = World::apart(socket()).await;
    let (mut head, last) = (world.keyset().await, world.keysets().await.list);
    let (mut revocations, now) = (Vec::new(), world.now());
    for number in 1..=5 {
        revocations.push(revoked(&head, now));
        assert_eq!(signs(&world, &last, number, &head, &revocations).await, (7, 0));
        let next = draws(&world, &head, now, now.plus(90 * DAY)).await;
        // One that was made is given again, and does not count.
        if number <= 4 {
            let next = next.unwrap();
            assert_eq!(draws(&world, &head, now, now.plus(90 * DAY)).await.unwrap().id(), next.id());
            head = next;
        } else {
            assert_eq!(next.err(), Some(TOO_MANY));
        }
    }
    let keys = world.signer.as_ref().unwrap().home.folder().join("keys");
    let files = std::fs::read_dir(&keys).unwrap().count();
    // Neither a restart gives anything back, nor a clock that is set.
    world.start_signer().await;
    world.clock.set_wall(now.plus(8 * DAY));
    let then = world.now();
    assert_eq!(draws(&world, &head, then, then.plus(90 * DAY)).await.err(), Some(TOO_MANY));
    world.clock.set_wall(now);
    world.clock.pass(6 * DAY);
    let then = world.now();
    assert_eq!(draws(&world, &head, then, then.plus(90 * DAY)).await.err(), Some(TOO_MANY));
    assert_eq!(std::fs::read_dir(&keys).unwrap().count(), files, "what was refused leaves no key");
    world.clock.pass(2 * DAY);
    // The mint takes over what it was left with, and goes on.
    let answer = world.keysets().await;
    assert_eq!((answer.keysets.len(), answer.list.revocations().len()), (5, 5));
    world.mint().new_keyset().await.unwrap();
    opens(&world).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_revoked_in_a_week_than_the_signer_allows() {
    let SignerOptions { listen, mut limits } = socket();
    limits.revocations_per_week = 1;
    let mut world = World::apart(SignerOptions { listen, limits }).await;
    world.clock.pass(70 * DAY);
    let first = world.keyset().await;
    world.mint().new_keyset().await.unwrap();
    let (second, last) = (world.keyset().await, world.keysets().await.list);
    let both = [revoked(&first, world.now()), revoked(&second, world.now())];
    assert_eq!(signs(&world, &last, 1, &second, &both).await, (REFUSED, TOO_MANY));
    assert_eq!(signs(&world, &last, 1, &second, &both[..1]).await, (7, 0));
    world.start_signer().await;
    assert_eq!(signs(&world, &last, 2, &second, &both).await, (REFUSED, TOO_MANY));
    // What is revoked already does not count again. Neither does what was refused.
    assert_eq!(signs(&world, &last, 2, &second, &both[..1]).await, (7, 0));
    world.clock.pass(8 * DAY);
    // Nor is the mint's own revocation lost that had to wait.
    world.keysets().await;
    world.mint().revoke(*second.id()).await.unwrap();
    assert_eq!(world.keysets().await.list.revocations().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_next_window_and_no_gap_is_left() {
    let world = World::apart(socket()).await;
    world.clock.pass(70 * DAY);
    let (first, now) = (world.keyset().await, world.now());
    let (end, whole) = (first.terms().issue_until, 90 * DAY);
    // Later than the last one's end: until then nobody could issue.
    for from in [end.plus(1), now.plus(31 * DAY)] {
        assert_eq!(draws(&world, &first, from, from.plus(whole)).await.err(), Some(NOT_ITS_TIME));
    }
    world.mint().new_keyset().await.unwrap();
    let second = world.keyset().await;
    world.clock.pass(10);
    world.mint().revoke(*first.id()).await.unwrap();
    world.keysets().await;
    // In the gap that the revocation left, one keyset begins now, and ends where the next one begins.
    let now = world.now();
    for (from, until) in [
        (end.minus(1), end),
        (end.minus(DAY), end),
        (now, now.plus(1)),
        (now, end.minus(1)),
        (now, now.plus(whole)),
        (now.plus(301), end),
        (now.minus(301), end),
        (end.plus(whole), end.plus(2 * whole)),
    ] {
        assert_eq!(draws(&world, &second, from, until).await.err(), Some(NOT_ITS_TIME), "{from:?} {until:?}");
    }
    world.mint().new_keyset().await.unwrap();
    let third = world.keyset().await;
    assert_eq!((third.terms().active_from, third.terms().issue_until), (now, end));
    // The mint's clock may be a little behind the signer's, or ahead of it.
    world.clock.pass(end.seconds() + whole - now.seconds() + 1000);
    let now = world.now();
    assert_eq!(draws(&world, &third, now.plus(301), now.plus(301 + whole)).await.err(), Some(NOT_ITS_TIME));
    draws(&world, &third, now.plus(200), now.plus(200 + whole)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_here_stays_revoked_when_a_later_time_was_published() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let (keyset, last) = (world.keyset().await, world.keysets().await.list);
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    let published = world.now().plus(300);
    assert_eq!(signs(&world, &last, 10, &keyset, &[revoked(&keyset, published)]).await, (7, 0));
    world.clock.pass(1);
    let noted = world.mint().revoke(*keyset.id()).await.unwrap();
    let list = world.keysets().await.list;
    assert_eq!((noted, list.revocations()), (world.now(), [revoked(&keyset, published)].as_slice()));
    let shop = Wallet::new(&world.id());
    // Restarted as well, as an operator does who finds that out.
    for _ in 0..2 {
        let coins = [copied(&tokens[0].coin)];
        let paid = deposited(&world, vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await;
        assert_eq!(paid, refused("keyset_ended"));
        assert_eq!(opens(&world).await, Err(OpenError::KeysetNotIssuing));
        world.reopen().await;
    }
    let all: Vec<&Held> = tokens.iter().collect();
    let claim = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
    // What everybody reads stays as it is, and so does the window that everybody computes from it.
    world.mint().new_keyset().await.unwrap();
    assert_eq!(world.keyset().await.terms().active_from, published);
    world.clock.pass(1000);
    assert_eq!(world.keysets().await.list.revocations(), [revoked(&keyset, published)]);
    opens(&world).await.unwrap();
    settle(&world).await;
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), (100, 0));
    world.audit().await;
}

/// Moves a revocation behind the mint's back.
async fn move_revocation(world: &mut World, keyset: KeysetId, to: UnixTime) {
    let mut value = Writer::default();
    value.u8(1);
    to.encode_to(&mut value);
    let value = value.finish();
    world.tamper(move |txn| txn.put(&[b"revoked/".as_slice(), keyset.as_bytes()].concat(), &value).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_ends_a_keyset_at_once_whose_published_time_is_still_to_come() {
    let mut world = World::new().await;
    let keyset = world.keyset().await;
    // As an earlier version took it over.
    let published = world.now().plus(300);
    move_revocation(&mut world, *keyset.id(), published).await;
    opens(&world).await.unwrap();
    let noted = world.mint().revoke(*keyset.id()).await.unwrap();
    assert_eq!(noted, world.now());
    for _ in 0..2 {
        assert_eq!(opens(&world).await, Err(OpenError::KeysetNotIssuing));
        assert_eq!(world.keysets().await.list.revocations(), [revoked(&keyset, published)]);
        world.reopen().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_spent_after_it_was_claimed_is_not_paid_for_again() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    world.clock.pass(10);
    let noted = world.mint().revoke(*keyset.id()).await.unwrap();
    let all: Vec<&Held> = tokens.iter().collect();
    let claim = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(states(&world, &claim).await, [RecoupState::Waiting; 2]);
    // Somebody moves the revocation for a while.
    move_revocation(&mut world, *keyset.id(), noted.plus(300)).await;
    let shop = Wallet::new(&world.id());
    let coins = [copied(&tokens[0].coin)];
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    assert!(matches!(paid[0], farthing_protocol::api::DepositOutcome::Accepted { .. }));
    move_revocation(&mut world, *keyset.id(), noted).await;
    settle(&world).await;
    assert_eq!(states(&world, &claim).await, [RecoupState::Excluded, RecoupState::Paid]);
    let spent = tokens[0].coin.0.value().units();
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&shop.key()).await), (100 - spent, spent));
    world.audit().await;
}
