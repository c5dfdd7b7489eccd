#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use farthing_protocol::amount::{Amount, Fees, Unit, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::{ChallengesHash, OpenedSession, Sessions};
use farthing_protocol::blind::{Challenge, Response};
use farthing_protocol::codec::{Decode, Reader, Wire};
use farthing_protocol::identity::Keypair;
use farthing_protocol::keyset::{KeysetDocument, KeysetList, KeysetTerms, Redemption, SecretKeyset};

use super::frame::{MAX_FRAME, VERSION};
use super::*;
use crate::signer::Presented;

fn time(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn terms(identity: &Keypair) -> KeysetTerms {
    KeysetTerms {
        mint: identity.into(),
        sequence: 0,
        predecessor: None,
        unit: Unit::new("EUR", 2).unwrap(),
        redemption: Redemption::Open,
        active_from: time(1),
        issue_until: time(2),
        spend_until: time(3),
        deposit_until: time(4),
        fees: Fees::default(),
        bundles: Vec::new(),
    }
}

struct Parts {
    identity: Keypair,
    document: KeysetDocument,
    opened: OpenedSession,
    presented: Presented,
    challenges: Vec<Challenge>,
    answer: (ChallengesHash, Vec<Response>),
}

fn parts() -> Parts {
    let identity = Keypair::from_secret(&[1; 32]);
    let mut rng = crate::system_rng();
    let (secret, keyset) = SecretKeyset::generate(&mut rng, terms(&identity), 8, &identity).unwrap();
    let denominations = Amount::new(5).unwrap().digits();
    let mut sessions = Sessions::new(&mut rng);
    let opened = sessions.open(&mut rng, keyset.id(), &denominations, time(1));
    let challenges: Vec<Challenge> =
        (1..3).map(|byte| Challenge::decode_from(&mut Reader::new(&[byte; 32].map(|b| b & 15))).unwrap()).collect();
    let presented = Presented {
        session: opened.session,
        seal: opened.seal,
        keyset: *keyset.id(),
        denominations: denominations.clone(),
        commitments: opened.commitments.clone(),
    };
    let Presented { session, seal, keyset: id, commitments, .. } = &presented;
    let authentic = sessions.authenticate(session, seal, id, &denominations, commitments, time(1)).unwrap();
    let claimed = sessions.claim(authentic, challenges.clone(), time(1)).unwrap();
    let answer = (claimed.hash(), claimed.respond(&secret).unwrap());
    Parts { identity, document: keyset.document().clone(), opened, presented, challenges, answer }
}

fn requests() -> Vec<Request> {
    let Parts { identity, presented, challenges, .. } = parts();
    let list = || KeysetList::draft((&identity).into(), time(1), time(2), Vec::new(), Vec::new()).unwrap();
    let index = ArchiveIndex::draft((&identity).into(), time(1), (time(1), time(1)), Vec::new()).unwrap();
    let (keyset, denominations) = (presented.keyset, presented.denominations.clone());
    vec![
        Request::Hello((&identity).into()),
        Request::Open { keyset, denominations },
        Request::Authenticate(presented.clone()),
        Request::Claim { presented: presented.clone(), challenges: challenges.clone(), purpose: Purpose::Withdrawal },
        Request::Claim { presented: presented.clone(), challenges: challenges.clone(), purpose: Purpose::Swap },
        Request::Burn { presented, challenges },
        Request::Draw { terms: terms(&identity), count: 8 },
        Request::Sign(Document::List(Box::new(list()))),
        Request::Sign(Document::Index(Box::new(index))),
        Request::Report,
        Request::LastList,
        Request::LastIndex,
        Request::Forget(keyset),
        Request::Look(keyset),
    ]
}

fn replies() -> Vec<Reply> {
    let Parts { identity, document, opened, presented, answer: (hash, responses), .. } = parts();
    let list = KeysetList::sign(&identity, time(1), time(2), Vec::new(), Vec::new()).unwrap();
    let index = ArchiveIndex::sign(&identity, time(1), (time(1), time(1)), Vec::new()).unwrap();
    let amount = |units| Amount::new(units).unwrap();
    let issued = IssuedOf {
        keyset: presented.keyset,
        withdrawn: amount(1),
        swapped: amount(2),
        withdrawn_in_hour: amount(3),
        swapped_in_hour: amount(4),
    };
    let mut replies = vec![
        Reply::Welcome,
        Reply::Opened(opened),
        Reply::Authentic,
        Reply::Answered { hash, responses },
        Reply::Burned,
        Reply::Drawn(Box::new(document)),
        Reply::Signed(identity.sign(&[1; 32])),
        Reply::Report(vec![issued, issued]),
        Reply::LastList(None),
        Reply::LastList(Some(Box::new(list))),
        Reply::LastIndex(None),
        Reply::LastIndex(Some(Box::new(index))),
        Reply::Forgotten,
        Reply::Looked { has_keys: true, issues: false },
        Reply::Looked { has_keys: false, issues: true },
    ];
    replies.extend(Refusal::ALL.iter().map(|refusal| Reply::Refused(*refusal)));
    replies
}

/// Every frame is read as it was written, and neither shorter nor longer nor of another version.
fn hold<T>(frames: Vec<Frame>, read: impl Fn(&Frame) -> Result<T, DecodeError>, write: impl Fn(&T) -> Frame) {
    for frame in frames {
        assert_eq!(write(&read(&frame).unwrap()).0, frame.0);
        for length in 0..frame.0.len() {
            assert!(read(&Frame(frame.0[..length].to_vec())).is_err(), "kind {} cut to {length}", frame.0[1]);
        }
        let mut changed = frame.0.clone();
        changed.push(0);
        assert!(read(&Frame(changed)).is_err(), "kind {} and a byte", frame.0[1]);
        for version in [0, 2, 255] {
            let mut changed = frame.0.clone();
            changed[0] = version;
            assert_eq!(read(&Frame(changed)).err(), Some(DecodeError::UnsupportedVersion));
        }
    }
    for kind in (0..=255).filter(|kind| !(1..=12).contains(kind) && *kind != 255) {
        assert_eq!(read(&Frame(vec![VERSION, kind])).err(), Some(DecodeError::UnknownTag));
    }
}

#[test]
fn questions_are_read_as_they_were_written_or_not_at_all() {
    hold(requests().iter().map(Request::to_frame).collect(), Request::from_frame, Request::to_frame);
}

#[test]
fn answers_are_read_as_they_were_written_or_not_at_all() {
    hold(replies().iter().map(Reply::to_frame).collect(), Reply::from_frame, Reply::to_frame);
}

#[test]
fn any_byte_may_be_another() {
    // Nothing panics, and what is read is written again the same.
    for frame in requests().iter().map(Request::to_frame) {
        for place in 0..frame.0.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = frame.0.clone();
                changed[place] ^= change;
                if let Ok(request) = Request::from_frame(&Frame(changed.clone())) {
                    assert_eq!(request.to_frame().0, changed);
                }
            }
        }
    }
}

#[test]
fn what_is_signed_already_is_not_signed_and_lists_are_not_empty() {
    let identity = Keypair::from_secret(&[1; 32]);
    let list = KeysetList::sign(&identity, time(1), time(2), Vec::new(), Vec::new()).unwrap();
    let frame = Frame([vec![VERSION, kind::SIGN, 1], list.to_bytes()].concat());
    assert_eq!(Request::from_frame(&frame).err(), Some(DecodeError::NonCanonicalShape));
    let nothing = Frame([vec![VERSION, kind::OPEN], vec![7; 32], vec![0, 0]].concat());
    assert_eq!(Request::from_frame(&nothing).err(), Some(DecodeError::Empty));
    let many = Frame([vec![VERSION, kind::OPEN], vec![7; 32], vec![1, 1], vec![0; 257]].concat());
    assert_eq!(Request::from_frame(&many).err(), Some(DecodeError::TooLong));
}

#[tokio::test]
async fn a_length_alone_reserves_nothing_and_is_bounded() {
    let receive = async |bytes: &[u8]| Frame::receive(&mut &*bytes).await.map(|frame| frame.map(|frame| frame.0));
    assert_eq!(receive(&[]).await.unwrap(), None);
    assert_eq!(receive(&[2, 0, 0, 0, 1, 8]).await.unwrap(), Some(vec![1, 8]));
    for bad in [&[1][..], &[2, 0, 0], &[0, 0, 0, 0], &[1, 0, 0, 0, 1], &[2, 0, 0, 0, 1], &[0xff; 12], &[0, 0, 64, 0, 1]]
    {
        assert!(receive(bad).await.is_err(), "{bad:?}");
    }
    let long = Frame(vec![0; MAX_FRAME + 1]);
    assert!(long.send(&mut Vec::new()).await.is_err());
}

#[test]
fn refusals_have_codes_of_their_own() {
    let codes: std::collections::BTreeSet<u8> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(codes.len(), Refusal::ALL.len());
    assert!(Refusal::of(0).is_err() && Refusal::of(200).is_err());
}
