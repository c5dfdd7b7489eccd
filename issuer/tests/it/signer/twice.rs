//! A mint that was broken into: it asks its signer for what it must not have.

use std::path::Path;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::OpenRequest;
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::codec::{Encode, Writer};
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{Keyset, KeysetList, KeysetTerms};
use farthing_protocol::shape::Shape;
use farthing_protocol::unsigned::Unsigned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::socket;
use crate::common::{World, amount};
use crate::wallet::{Draft, Wallet, finish, operation};

const REFUSED: u8 = 255;

/// A connection on which anything can be said.
pub(super) struct Raw(UnixStream);

impl Raw {
    pub(super) async fn to(world: &World) -> Self {
        Self::at(&world.signer.as_ref().unwrap().home.folder().join("signer.sock")).await
    }

    async fn at(path: &Path) -> Self {
        Self(UnixStream::connect(path).await.unwrap())
    }

    /// One that has said for which mint it asks.
    pub(super) async fn welcome(world: &World) -> Self {
        let mut raw = Self::to(world).await;
        assert_eq!(raw.ask(1, |out| out.part(&world.id())).await.unwrap(), (1, Vec::new()));
        raw
    }

    /// Kind and body of the answer; nothing if the connection ends.
    pub(super) async fn ask(&mut self, kind: u8, body: impl FnOnce(&mut Writer)) -> Option<(u8, Vec<u8>)> {
        let mut out = Writer::default();
        out.u8(1);
        out.u8(kind);
        body(&mut out);
        self.say(&out.finish()).await
    }

    /// The same for bytes as they are.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
        let framed = [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        self.0.write_all(&framed).await.ok()?;
        let length = self.0.read_u32_le().await.ok()?;
        let mut answer = vec![0; length as usize];
        self.0.read_exact(&mut answer).await.ok()?;
        assert_eq!(answer[0], 1);
        Some((answer[1], answer[2..].to_vec()))
    }

    /// The code with which this is refused.
    pub(super) async fn refused(&mut self, kind: u8, body: impl FnOnce(&mut Writer)) -> u8 {
        match self.ask(kind, body).await.unwrap() {
            (REFUSED, code) => code[0],
            (kind, _) => panic!("answered with {kind}"),
        }
    }
}

fn claim(draft: &Draft, purpose: u8) -> impl FnOnce(&mut Writer) {
    let terms = draft.terms.clone();
    let seal = draft.seal;
    move |out| {
        out.part(&terms.session);
        out.part(&seal);
        out.part(&terms.keyset);
        out.list(&terms.outputs.iter().map(|output| output.denomination).collect::<Vec<_>>());
        out.list(&terms.outputs.iter().map(|output| output.commitment).collect::<Vec<_>>());
        out.list(&terms.outputs.iter().map(|output| output.challenge).collect::<Vec<_>>());
        out.u8(purpose);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_that_asks_twice_is_answered_once() {
    let world = World::apart(socket()).await;
    let wallet = Wallet::new(&world.id());
    let keyset = world.keyset().await;
    let shape = Shape::Withdrawal(amount(5));
    let open = OpenRequest { keyset: *keyset.id(), shape };
    let opened = world.mint().open_issuance(&open).await.unwrap().opened;
    let [one, other] = [0, 1].map(|number| wallet.draft_as(&keyset, shape, &opened, IssuanceNumber::new(number)));
    let mut raw = Raw::welcome(&world).await;
    let (kind, answer) = raw.ask(4, claim(&one, 1)).await.unwrap();
    assert_eq!((kind, answer.len()), (4, 32 + 2 + 2 * 96));
    for draft in [&other, &one] {
        for purpose in [1, 2] {
            assert_eq!(raw.refused(4, claim(draft, purpose)).await, 3);
            assert_eq!(Raw::welcome(&world).await.refused(4, claim(draft, purpose)).await, 3);
        }
    }
    // For other tokens the session is not known, nor in another order.
    let second = world.mint().open_issuance(&open).await.unwrap().opened;
    let mut mixed = wallet.draft_as(&keyset, shape, &second, IssuanceNumber::new(2));
    mixed.terms.outputs.reverse();
    assert_eq!(raw.refused(4, claim(&mixed, 1)).await, 1);
    let mut short = wallet.draft_as(&keyset, shape, &second, IssuanceNumber::new(2));
    short.terms.outputs.pop();
    assert_eq!(raw.refused(4, claim(&short, 1)).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_rivals_for_a_session_one_is_answered_and_the_others_know() {
    let mut world = World::apart(socket()).await;
    let wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shape = Shape::Withdrawal(amount(5));
    for round in 0..4 {
        let open = OpenRequest { keyset: *keyset.id(), shape };
        let opened = world.mint().open_issuance(&open).await.unwrap().opened;
        let drafts: Vec<Draft> =
            (0..12).map(|n| wallet.draft_as(&keyset, shape, &opened, IssuanceNumber::new(round * 100 + n))).collect();
        // Each of them twice: whoever is told that the session is gone is not recorded, then or later.
        let asked: Vec<_> = drafts
            .iter()
            .map(|draft| draft.by_account(&wallet.account, operation()))
            .flat_map(|request| [request.clone(), request])
            .map(|request| (request.terms().issuance, finish(world.mint(), &request)))
            .collect();
        let (mut recorded, mut gone) = (Vec::new(), Vec::new());
        for (issuance, each) in asked {
            match each.await.unwrap() {
                Ok(record) => recorded.push(record.issuance),
                Err(farthing_issuer::FinishError::SessionGone) => gone.push(issuance),
                Err(error) => panic!("{error}"),
            }
        }
        recorded.dedup();
        assert_eq!(recorded.len(), 1);
        assert!(!gone.contains(&recorded[0]), "somebody was told that it was gone, and it was recorded");
    }
    assert_eq!(world.balance(&wallet.key()).await, 1000 - 4 * 5);
    world.reopen().await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_strangers_and_to_what_is_not_understood() {
    let world = World::apart(socket()).await;
    let stranger = MintId::from(&Keypair::from_secret(&[9; 32]));
    assert_eq!(Raw::to(&world).await.refused(1, |out| out.part(&stranger)).await, 9);
    assert_eq!(Raw::to(&world).await.refused(8, |_| ()).await, 9);
    let mint = world.id();
    let malformed: [&[u8]; 9] =
        [&[2, 8], &[0, 8], &[1, 0], &[1, 99], &[1, 255], &[1, 8, 0], &[1, 2], &[1, 7, 9], &[1, 7, 1, 1, 2, 3]];
    for bytes in malformed {
        let mut raw = Raw::welcome(&world).await;
        assert_eq!(raw.say(bytes).await, Some((REFUSED, vec![14])), "{bytes:?}");
        assert_eq!(raw.say(&[1, 8]).await, None, "the connection is over");
    }
    let mut hello = vec![1, 1];
    hello.extend_from_slice(mint.as_bytes());
    for length in 2..hello.len() {
        assert_eq!(Raw::to(&world).await.say(&hello[..length]).await, Some((REFUSED, vec![14])));
    }
    // Lengths that are not allowed end the connection at once.
    for length in [0_u32, 1, (4 << 20) + 1, u32::MAX] {
        let mut raw = Raw::welcome(&world).await;
        raw.0.write_all(&length.to_le_bytes()).await.unwrap();
        assert_eq!(raw.0.read(&mut [0]).await.unwrap(), 0);
    }
    // One that says nothing is answered nothing, and stops nobody.
    let _silent = Raw::to(&world).await;
    super::opens(&world).await.unwrap();
}

pub(super) async fn list(raw: &mut Raw, draft: &Unsigned<KeysetList>) -> (u8, Vec<u8>) {
    let bytes = draft.to_bytes();
    let answer = raw.ask(7, |out| {
        out.u8(1);
        out.bytes(&bytes);
    });
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_never_goes_back_and_names_no_keyset_that_the_signer_did_not_make() {
    let mut world = World::apart(socket()).await;
    let last = world.keysets().await.list;
    world.start_signer().await;
    let mut raw = Raw::welcome(&world).await;
    let draft = |at: UnixTime, until: UnixTime, heads: &[_], revocations: &[_]| {
        KeysetList::draft(world.id(), at, until, heads.to_vec(), revocations.to_vec()).unwrap()
    };
    let (now, heads) = (last.issued_at(), last.heads());
    let day = |from: UnixTime| from.plus(86_400);
    // Older; another one for the same second; one without the chain.
    for (at, heads) in [(now.minus(1), heads), (now, &heads[..0]), (now.plus(1), &heads[..0])] {
        assert_eq!(list(&mut raw, &draft(at, day(at), heads, &[])).await, (REFUSED, vec![10]));
    }
    // From the future; valid for too long.
    let future = now.plus(301);
    assert_eq!(list(&mut raw, &draft(future, day(future), heads, &[])).await, (REFUSED, vec![11]));
    let long = draft(now.plus(1), day(now.plus(1)).plus(1), heads, &[]);
    assert_eq!(list(&mut raw, &long).await, (REFUSED, vec![11]));
    // Another keyset in the place of the signer's; its own in another place; another unit.
    let mut foreign = heads.to_vec();
    foreign[0].head.keyset = farthing_protocol::ids::KeysetId::from_bytes([1; 32]);
    let mut moved = heads.to_vec();
    moved[0].head.sequence = 1;
    for heads in [foreign, moved] {
        assert_eq!(list(&mut raw, &draft(now.plus(1), day(now.plus(1)), &heads, &[])).await, (REFUSED, vec![13]));
    }
    let another = Keypair::from_secret(&[9; 32]);
    let theirs =
        KeysetList::draft((&another).into(), now.plus(1), day(now.plus(1)), heads.to_vec(), Vec::new()).unwrap();
    assert_eq!(list(&mut raw, &theirs).await, (REFUSED, vec![9]));
    let mut raw = Raw::welcome(&world).await;
    // A revocation ends the issuing here as well, and is never taken back. It is not dated ahead.
    let keyset = world.keyset().await;
    let ahead = farthing_protocol::keyset::Revocation { keyset: *keyset.id(), revoked_at: now.plus(301) };
    assert_eq!(list(&mut raw, &draft(now.plus(2), day(now.plus(2)), heads, &[ahead])).await, (REFUSED, vec![11]));
    // Nor before the last list, which did not have it: that would make thieves of everybody since.
    let back = farthing_protocol::keyset::Revocation { keyset: *keyset.id(), revoked_at: now.minus(301) };
    assert_eq!(list(&mut raw, &draft(now.plus(2), day(now.plus(2)), heads, &[back])).await, (REFUSED, vec![11]));
    let revoked = farthing_protocol::keyset::Revocation { keyset: *keyset.id(), revoked_at: now };
    let (kind, _) = list(&mut raw, &draft(now.plus(2), day(now.plus(2)), heads, &[revoked])).await;
    assert_eq!(kind, 7);
    let open = |out: &mut Writer| {
        out.part(keyset.id());
        out.list(&amount(1).digits());
    };
    assert_eq!(raw.refused(2, open).await, 6);
    let without = draft(now.plus(3), day(now.plus(3)), heads, &[]);
    assert_eq!(list(&mut raw, &without).await, (REFUSED, vec![10]));
    world.start_signer().await;
    let mut raw = Raw::welcome(&world).await;
    assert_eq!(raw.refused(2, open).await, 6);
    assert_eq!(list(&mut raw, &without).await, (REFUSED, vec![10]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_never_goes_back() {
    let mut world = World::apart(socket()).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    wallet.coins(&world, 8).await;
    world.clock.pass(3600);
    let index = world.mint().seal().await.unwrap();
    world.start_signer().await;
    let mut raw = Raw::welcome(&world).await;
    for (at, keysets) in
        [(index.issued_at().plus(1), Vec::new()), (index.issued_at().plus(301), index.keysets().to_vec())]
    {
        let times = (index.sealed_until(), index.filtered_until());
        let draft = ArchiveIndex::draft(world.id(), at, times, keysets).unwrap().to_bytes();
        let body = |out: &mut Writer| {
            out.u8(2);
            out.bytes(&draft);
        };
        assert!([10, 11].contains(&raw.refused(7, body).await));
    }
}

/// What the signer says to the next keyset, changed.
pub(super) async fn drawn(
    world: &World,
    last: &Keyset,
    change: impl FnOnce(&mut KeysetTerms, &mut u8),
) -> (u8, Vec<u8>) {
    let issue = 90 * 86_400;
    let from = last.terms().issue_until;
    let mut terms = KeysetTerms {
        sequence: last.terms().sequence + 1,
        predecessor: Some(*last.id()),
        active_from: from,
        issue_until: from.plus(issue),
        spend_until: from.plus(issue + 365 * 86_400),
        deposit_until: from.plus(issue + 395 * 86_400),
        ..last.terms().clone()
    };
    let mut count = 32;
    change(&mut terms, &mut count);
    let mut raw = Raw::welcome(world).await;
    let answer = raw.ask(6, |out| {
        terms.encode_to(out);
        out.u8(count);
    });
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_keyset_is_the_one_of_the_settings_in_its_time() {
    let world = World::apart(socket()).await;
    let first = world.keyset().await;
    // 90 days ahead is too early.
    assert_eq!(drawn(&world, &first, |_, _| ()).await, (REFUSED, vec![11]));
    world.clock.pass(60 * 86_400);
    assert_eq!(drawn(&world, &first, |_, count| *count = 31).await, (REFUSED, vec![12]));
    assert_eq!(drawn(&world, &first, |terms, _| terms.fees.withdrawal_ppm = 1).await, (REFUSED, vec![12]));
    assert_eq!(drawn(&world, &first, |terms, _| terms.bundles.clear()).await, (REFUSED, vec![12]));
    let spend = |terms: &mut KeysetTerms, _: &mut u8| terms.spend_until = terms.spend_until.minus(1);
    assert_eq!(drawn(&world, &first, spend).await, (REFUSED, vec![12]));
    assert_eq!(drawn(&world, &first, |terms, _| terms.sequence = 2).await, (REFUSED, vec![13]));
    assert_eq!(drawn(&world, &first, |terms, _| terms.predecessor = None).await.0, REFUSED);
    let late = |terms: &mut KeysetTerms, _: &mut u8| {
        for time in [&mut terms.issue_until, &mut terms.spend_until, &mut terms.deposit_until] {
            *time = time.plus(1);
        }
    };
    assert_eq!(drawn(&world, &first, late).await, (REFUSED, vec![11]));
    // Nor does it end sooner: many of them would begin one after the other.
    for seconds in [1, 86_400, 90 * 86_400 - 1] {
        let short = |terms: &mut KeysetTerms, _: &mut u8| {
            for time in [&mut terms.issue_until, &mut terms.spend_until, &mut terms.deposit_until] {
                *time = time.minus(90 * 86_400 - seconds);
            }
        };
        assert_eq!(drawn(&world, &first, short).await, (REFUSED, vec![11]), "{seconds}");
    }
    let over = |terms: &mut KeysetTerms, _: &mut u8| {
        for time in [&mut terms.active_from, &mut terms.issue_until, &mut terms.spend_until, &mut terms.deposit_until] {
            *time = time.minus(1);
        }
    };
    let keys = world.signer.as_ref().unwrap().home.folder().join("keys");
    let files = std::fs::read_dir(&keys).unwrap().count();
    assert_eq!(drawn(&world, &first, over).await, (REFUSED, vec![11]), "the first still issues");
    assert_eq!(std::fs::read_dir(&keys).unwrap().count(), files, "what was refused leaves no key");
    // One keyset for each number, however often it is asked for and with whatever window.
    let (kind, made) = drawn(&world, &first, |_, _| ()).await;
    assert_eq!(kind, 6);
    assert_eq!(drawn(&world, &first, |_, _| ()).await, (6, made.clone()));
    assert_eq!(drawn(&world, &first, spend).await, (6, made.clone()));
    let id = world.mint().new_keyset().await.unwrap();
    assert_eq!(made, {
        let keyset = world.keyset().await;
        assert_eq!(*keyset.id(), id);
        let mut out = Writer::default();
        keyset.document().encode_to(&mut out);
        out.finish()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_opened_outside_of_a_window() {
    let world = World::apart(socket()).await;
    let keyset = world.keyset().await;
    let open = |out: &mut Writer| {
        out.part(keyset.id());
        out.list(&amount(1).digits());
    };
    let mut raw = Raw::welcome(&world).await;
    assert_eq!(raw.ask(2, open).await.unwrap().0, 2);
    let unknown = |out: &mut Writer| {
        out.bytes(&[7; 32]);
        out.list(&amount(1).digits());
    };
    assert_eq!(raw.refused(2, unknown).await, 6);
    let large = |out: &mut Writer| {
        out.part(keyset.id());
        out.list(&Amount::MAX.digits());
    };
    assert_eq!(raw.refused(2, large).await, 5);
    world.clock.pass(90 * 86_400);
    assert_eq!(raw.refused(2, open).await, 6);
}
