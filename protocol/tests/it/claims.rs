//! A session is claimed once, whatever the clock does and however long somebody held on to it.

use farthing_protocol::blind::mint::{AuthenticSession, OpenedSession, SESSION_SECONDS, SessionError, Sessions};
use farthing_protocol::blind::{Challenge, Commitment};
use farthing_protocol::codec::{Decode, Reader};
use farthing_protocol::shape::Shape;

use crate::common::{Mint, NOW, amount};

const LONG: u64 = 10 * SESSION_SECONDS + 3600;

fn open(mint: &Mint) -> OpenedSession {
    let outputs = Shape::Withdrawal(amount(3)).outputs(&mint.keyset).unwrap();
    mint.sessions.open(&mut rand::rng(), mint.keyset.id(), &outputs, NOW)
}

fn authenticate(mint: &Mint, opened: &OpenedSession) -> Result<AuthenticSession, SessionError> {
    let OpenedSession { session, seal, commitments } = opened;
    let outputs = Shape::Withdrawal(amount(3)).outputs(&mint.keyset).unwrap();
    mint.sessions.authenticate(session, seal, mint.keyset.id(), &outputs, commitments, NOW)
}

fn challenges(byte: u8, commitments: &[Commitment]) -> Vec<Challenge> {
    let challenge = |_| Challenge::decode_from(&mut Reader::new(&[&[byte][..], &[0; 31]].concat())).unwrap();
    commitments.iter().map(challenge).collect()
}

fn claim(
    sessions: &mut Sessions,
    session: AuthenticSession,
    challenges: Vec<Challenge>,
    later: u64,
) -> Option<SessionError> {
    sessions.claim(session, challenges, NOW.plus(later)).err()
}

#[test]
fn a_session_held_since_before_its_end_is_not_claimed_again_once_its_claim_is_forgotten() {
    let mut mint = Mint::new();
    let opened = open(&mint);
    let (first, held) = (authenticate(&mint, &opened).unwrap(), authenticate(&mint, &opened).unwrap());
    assert_eq!(claim(&mut mint.sessions, first, challenges(1, &opened.commitments), 0), None);
    let answer = claim(&mut mint.sessions, held, challenges(2, &opened.commitments), LONG);
    assert_eq!(answer, Some(SessionError::Expired));
}

#[test]
fn a_clock_set_forward_and_back_revives_no_claimed_session() {
    let mut mint = Mint::new();
    let (opened, other) = (open(&mint), open(&mint));
    let session = authenticate(&mint, &opened).unwrap();
    assert_eq!(claim(&mut mint.sessions, session, challenges(1, &opened.commitments), 0), None);
    // Another claim while the clock is far ahead makes the first one's memory end.
    let session = authenticate(&mint, &other).unwrap();
    assert_eq!(
        claim(&mut mint.sessions, session, challenges(1, &other.commitments), LONG),
        Some(SessionError::Expired)
    );
    let answer = authenticate(&mint, &opened)
        .map(|session| claim(&mut mint.sessions, session, challenges(2, &opened.commitments), 0));
    assert!(matches!(answer, Err(SessionError::Expired | SessionError::Unknown) | Ok(Some(_))));
}

#[test]
fn a_session_is_claimed_from_those_that_opened_it_only() {
    let mut mint = Mint::new();
    let opened = open(&mint);
    let session = authenticate(&mint, &opened).unwrap();
    mint.sessions = Sessions::new(&mut rand::rng());
    let answer = claim(&mut mint.sessions, session, challenges(1, &opened.commitments), 0);
    assert_eq!(answer, Some(SessionError::Unknown));
}

#[test]
fn claims_do_not_fill_the_memory() {
    let mut mint = Mint::new();
    mint.sessions.limit_claims(2);
    let claim_one = |mint: &mut Mint| {
        let opened = open(mint);
        let session = authenticate(mint, &opened).unwrap();
        claim(&mut mint.sessions, session, challenges(1, &opened.commitments), 0)
    };
    assert_eq!(
        [claim_one(&mut mint), claim_one(&mut mint), claim_one(&mut mint)],
        [None, None, Some(SessionError::Full)]
    );
    // Once their sessions are long over there is room again.
    let opened = {
        let outputs = Shape::Withdrawal(amount(3)).outputs(&mint.keyset).unwrap();
        mint.sessions.open(&mut rand::rng(), mint.keyset.id(), &outputs, NOW.plus(LONG))
    };
    let outputs = Shape::Withdrawal(amount(3)).outputs(&mint.keyset).unwrap();
    let OpenedSession { session, seal, commitments } = &opened;
    let (keyset, later) = (*mint.keyset.id(), NOW.plus(LONG));
    let session = mint.sessions.authenticate(session, seal, &keyset, &outputs, commitments, later).unwrap();
    assert_eq!(claim(&mut mint.sessions, session, challenges(1, commitments), LONG), None);
}
