//! A wallet that tries to be answered twice, or for something else than it opened.

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::blind::mint::{AuthenticSession, OpenedSession, SESSION_SECONDS, SessionError, Sessions};
use farthing_protocol::blind::{Challenge, Commitment, SessionId, SessionSeal};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use super::{keyset, secrets};
use crate::reference::Stream;
use crate::reference::world::NOW;
use crate::vectors::part;

const START: UnixTime = UnixTime::from_seconds(NOW);

struct Bench {
    keyset: Keyset,
    sessions: Sessions,
    denominations: Vec<Denomination>,
    opened: OpenedSession,
}

fn denominations(list: &[u8]) -> Vec<Denomination> {
    list.iter().map(|d| part(&[*d])).collect()
}

fn challenges(count: u8) -> Vec<Challenge> {
    (0..count).map(|i| part(curve25519_dalek::Scalar::from(100 + i).as_bytes())).collect()
}

impl Bench {
    fn new() -> Self {
        let (keyset, denominations) = (keyset(), denominations(&[0, 1, 5]));
        let sessions = Sessions::new(&mut rand::rng());
        let opened = sessions.open(&mut rand::rng(), keyset.id(), &denominations, START);
        Self { keyset, sessions, denominations, opened }
    }

    fn authenticate(&self, now: UnixTime) -> Result<AuthenticSession, SessionError> {
        let OpenedSession { session, seal, commitments } = &self.opened;
        self.sessions.authenticate(session, seal, self.keyset.id(), &self.denominations, commitments, now)
    }

    fn refused(
        &self,
        session: &SessionId,
        seal: &SessionSeal,
        keyset: &KeysetId,
        denominations: &[Denomination],
        commitments: &[Commitment],
    ) {
        let result = self.sessions.authenticate(session, seal, keyset, denominations, commitments, START);
        assert_eq!(result.err(), Some(SessionError::Unknown));
    }
}

#[test]
fn a_second_claim_is_refused_whatever_it_asks() {
    let mut bench = Bench::new();
    let sessions = [(); 4].map(|()| bench.authenticate(START).unwrap());
    let [first, same, other, fewer] = sessions;
    let claimed = bench.sessions.claim(first, challenges(3), START).unwrap();
    assert_eq!(bench.sessions.claimed(&bench.opened.session), Some(claimed.hash()));
    assert_eq!(bench.sessions.claim(same, challenges(3), START).err(), Some(SessionError::Claimed));
    let mut changed = challenges(3);
    changed.swap(0, 1);
    assert_eq!(bench.sessions.claim(other, changed, START).err(), Some(SessionError::Claimed));
    assert_eq!(bench.sessions.claim(fewer, challenges(2), START).err(), Some(SessionError::Mismatch));
    assert_eq!(claimed.respond(&secrets(&bench.keyset)).unwrap().len(), 3);
}

#[test]
fn a_claim_that_is_dropped_burns_the_session() {
    let mut bench = Bench::new();
    let again = bench.authenticate(START).unwrap();
    let session = bench.authenticate(START).unwrap();
    drop(bench.sessions.claim(session, challenges(3), START).unwrap());
    assert_eq!(bench.sessions.claim(again, challenges(3), START).err(), Some(SessionError::Claimed));
}

#[test]
fn another_number_of_challenges_claims_nothing() {
    let mut bench = Bench::new();
    for count in [0, 2, 4] {
        let session = bench.authenticate(START).unwrap();
        assert_eq!(bench.sessions.claim(session, challenges(count), START).err(), Some(SessionError::Mismatch));
        assert_eq!(bench.sessions.claimed(&bench.opened.session), None);
    }
    let session = bench.authenticate(START).unwrap();
    assert!(bench.sessions.claim(session, challenges(3), START).is_ok());
}

#[test]
fn another_keyset_denomination_commitment_or_seal_is_unknown() {
    let bench = Bench::new();
    let OpenedSession { session, seal, commitments } = &bench.opened;
    let (id, ds) = (bench.keyset.id(), &bench.denominations);
    assert!(bench.authenticate(START).is_ok());
    bench.refused(session, seal, &KeysetId::from_bytes([7; 32]), ds, commitments);
    for other in [&[0, 1][..], &[0, 1, 4], &[1, 0, 5], &[0, 1, 5, 6], &[]] {
        bench.refused(session, seal, id, &denominations(other), commitments);
    }
    bench.refused(session, seal, id, ds, &commitments[..2]);
    bench.refused(session, seal, id, ds, &[commitments[1], commitments[0], commitments[2]]);
    bench.refused(session, seal, id, ds, &[&commitments[..], &commitments[..1]].concat());
    let second = bench.sessions.open(&mut rand::rng(), id, ds, START);
    bench.refused(&second.session, seal, id, ds, commitments);
    bench.refused(session, &second.seal, id, ds, commitments);
    bench.refused(session, seal, id, ds, &second.commitments);
    bench.refused(session, &second.seal, id, ds, &second.commitments);
}

#[test]
fn every_bit_of_a_session_id_and_seal_counts() {
    let bench = Bench::new();
    let OpenedSession { session, seal, commitments } = &bench.opened;
    for at in 0..SessionId::LENGTH {
        let mut bytes = *session.as_bytes();
        bytes[at] ^= 0x80;
        bench.refused(&SessionId::from_bytes(bytes), seal, bench.keyset.id(), &bench.denominations, commitments);
    }
    for at in 0..SessionSeal::LENGTH {
        let mut bytes = *seal.as_bytes();
        bytes[at] ^= 1;
        let seal = SessionSeal::from_bytes(bytes);
        bench.refused(session, &seal, bench.keyset.id(), &bench.denominations, commitments);
    }
}

#[test]
fn another_process_knows_nothing_of_it() {
    let mut bench = Bench::new();
    let opened_by = bench.sessions.instance();
    bench.sessions = Sessions::new(&mut rand::rng());
    assert_ne!(bench.sessions.instance(), opened_by);
    assert_eq!(bench.authenticate(START).err(), Some(SessionError::Unknown));
    // Not even one with the same randomness for the session itself.
    let one = Sessions::new(&mut rand::rng());
    let two = Sessions::new(&mut rand::rng());
    let open = |s: &Sessions| s.open(&mut Stream::new("session"), bench.keyset.id(), &bench.denominations, START);
    let (one, two) = (open(&one), open(&two));
    assert_eq!(one.session.as_bytes()[..40], two.session.as_bytes()[..40]);
    assert_ne!(one.session, two.session);
    assert!(one.commitments.iter().zip(&two.commitments).all(|(a, b)| a != b));
}

#[test]
fn a_session_ends() {
    let bench = Bench::new();
    let end = START.plus(SESSION_SECONDS);
    assert_eq!(bench.opened.session.expires_at(), end);
    assert!(bench.authenticate(end.minus(1)).is_ok());
    assert_eq!(bench.authenticate(end).err(), Some(SessionError::Expired));
    assert_eq!(bench.authenticate(end.plus(1_000_000)).err(), Some(SessionError::Expired));
}

#[test]
fn a_claim_is_remembered_beyond_the_session_s_end() {
    let mut bench = Bench::new();
    let end = START.plus(SESSION_SECONDS);
    let late = bench.authenticate(end.minus(1)).unwrap();
    let session = bench.authenticate(START).unwrap();
    drop(bench.sessions.claim(session, challenges(3), START).unwrap());
    // Other sessions come and go; each claim forgets what can be forgotten.
    for now in [end, end.plus(30), end.plus(60)] {
        let ds = &bench.denominations;
        let next = bench.sessions.open(&mut rand::rng(), bench.keyset.id(), ds, now);
        let next =
            bench.sessions.authenticate(&next.session, &next.seal, bench.keyset.id(), ds, &next.commitments, now);
        drop(bench.sessions.claim(next.unwrap(), challenges(3), now).unwrap());
        assert!(bench.sessions.claimed(&bench.opened.session).is_some());
    }
    assert_eq!(bench.sessions.claim(late, challenges(3), end.plus(60)).err(), Some(SessionError::Claimed));
}
