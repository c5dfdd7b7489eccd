//! What a mint and its signer say to each other.
//!
//! A frame is its length (4 bytes, little-endian; of all that follows), the version (1), a kind (1) and the body. The mint asks, the
//! signer answers each frame with one, in order. Bodies are made of the protocol's encodings; nothing may be left over.

use std::fmt;

use farthing_protocol::amount::{Amount, Denomination};
use farthing_protocol::archive::{ArchiveIndex, IssuanceFile, SpentFilter};
use farthing_protocol::blind::mint::{ChallengesHash, OpenedSession};
use farthing_protocol::blind::{Challenge, Response};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::{MintId, Signature};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::MAX_OUTPUTS;
use farthing_protocol::keyset::{KeysetDocument, KeysetList, KeysetTerms};
use farthing_protocol::shape::Shape;
use farthing_protocol::unsigned::{Signable, Unsigned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::Presented;

/// The version of what is said here. A signer and a mint of different versions do not understand each other.
const VERSION: u8 = 1;

/// The longest frame, in bytes: an issuance file is shorter.
const MAX_FRAME: usize = 4 << 20;

/// The most keysets in a report.
const MAX_REPORTED: usize = 4096;

/// What a mint asks of its signer.
pub(crate) enum Request {
    /// Whether it signs for this mint. The first frame of every connection.
    Hello(MintId),
    /// A session for these tokens.
    Open { keyset: KeysetId, denominations: Vec<Denomination> },
    /// Whether the session is the signer's, and has not expired.
    Authenticate(Presented),
    /// The answer to these challenges, once.
    Claim { presented: Presented, challenges: Vec<Challenge>, purpose: Purpose },
    /// To answer the session never.
    Burn { presented: Presented, challenges: Vec<Challenge> },
    /// A keyset of these terms, with so many keys.
    Draw { terms: KeysetTerms, count: u8 },
    /// A signature.
    Sign(Document),
    /// What was issued.
    Report,
    /// The list that was signed last.
    LastList,
}

/// What tokens are issued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// An account or a voucher pays.
    Withdrawal,
    /// Tokens are exchanged.
    Swap,
}

impl Purpose {
    /// What a shape is issued for.
    pub(crate) fn of(shape: &Shape) -> Self {
        if shape.is_swap() { Self::Swap } else { Self::Withdrawal }
    }
}

/// What a mint publishes, to be signed.
pub(crate) enum Document {
    List(Box<Unsigned<KeysetList>>),
    Index(Box<Unsigned<ArchiveIndex>>),
    File(Box<Unsigned<IssuanceFile>>),
    Filter(Box<Unsigned<SpentFilter>>),
}

/// An object that a signer signs.
pub(crate) trait Published: Signable {
    /// Which.
    const TAG: u8;
}

impl Published for KeysetList {
    const TAG: u8 = 1;
}

impl Published for ArchiveIndex {
    const TAG: u8 = 2;
}

impl Published for IssuanceFile {
    const TAG: u8 = 3;
}

impl Published for SpentFilter {
    const TAG: u8 = 4;
}

/// What a signer answers.
pub(crate) enum Reply {
    /// It signs for this mint.
    Welcome,
    Opened(OpenedSession),
    Authentic,
    Answered {
        hash: ChallengesHash,
        responses: Vec<Response>,
    },
    Burned,
    Drawn(Box<KeysetDocument>),
    Signed(Signature),
    Report(Vec<IssuedOf>),
    LastList(Option<Box<KeysetList>>),
    Refused(Refusal),
}

/// What a signer issued of a keyset since its folder was made, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IssuedOf {
    pub(crate) keyset: KeysetId,
    pub(crate) withdrawn: Amount,
    pub(crate) swapped: Amount,
    /// In the hour that ends now.
    pub(crate) withdrawn_in_hour: Amount,
    pub(crate) swapped_in_hour: Amount,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a signer does not do what it was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Refusal {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As a sentence.
            pub(crate) const fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!("The signer refuses: ", $text, "."),)* }
            }

            const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            fn of(code: u8) -> Result<Self, DecodeError> {
                match code { $($code => Ok(Self::$name),)* _ => Err(DecodeError::UnknownTag) }
            }
        }
    };
}

refusals! {
    /// The session is none of this process's.
    UnknownSession = 1, "the session is not known";
    /// Its time is over.
    Expired = 2, "the session has expired";
    /// It was claimed before.
    Claimed = 3, "the session was answered or given up before";
    /// Too many sessions are claimed.
    Full = 4, "too many sessions are claimed at the moment";
    /// Challenges and tokens differ in number.
    Mismatch = 5, "the challenges do not fit the session";
    /// The signer has no such keyset, it is not its time, or it was revoked.
    NotIssuing = 6, "the keyset is not issuing tokens";
    /// More value would be issued within an hour than the signer allows.
    Limit = 7, "the signer's limit on value issued within an hour is reached";
    /// Too much to do.
    Busy = 8, "the signer is busy";
    /// It signs for another mint.
    OtherMint = 9, "the signer signs for another mint";
    /// What should be signed takes back or contradicts what was signed before.
    WentBack = 10, "what should be signed takes back or contradicts what was signed before";
    /// It is dated where it must not be.
    NotItsTime = 11, "what should be signed is dated where it must not be";
    /// The keyset's terms are not those of the signer's own settings.
    Settings = 12, "the keyset's terms are not those of the signer's settings";
    /// The keyset does not follow the last one, or something names a keyset that the signer never made.
    NotNext = 13, "the keyset does not follow the signer's last one, or is none of its";
    /// The frame could not be understood.
    Malformed = 14, "the signer did not understand the request";
    /// A fault of the signer.
    Failed = 15, "the signer has failed";
}

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const OPEN: u8 = 2;
    pub(super) const AUTHENTICATE: u8 = 3;
    pub(super) const CLAIM: u8 = 4;
    pub(super) const BURN: u8 = 5;
    pub(super) const DRAW: u8 = 6;
    pub(super) const SIGN: u8 = 7;
    pub(super) const REPORT: u8 = 8;
    pub(super) const LAST_LIST: u8 = 9;
    pub(super) const REFUSED: u8 = 255;
}

/// One frame, without its length.
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    fn of(kind: u8, body: impl FnOnce(&mut Writer)) -> Self {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u8(kind);
        body(&mut out);
        Self(out.finish())
    }

    /// Asks for a signature under a draft, which is kept.
    pub(crate) fn to_sign<T: Published>(draft: &Unsigned<T>) -> Self {
        Self::of(kind::SIGN, |out| {
            out.u8(T::TAG);
            out.bytes(&draft.to_bytes());
        })
    }

    /// Sends it.
    ///
    /// # Errors
    /// What the connection says; [`std::io::ErrorKind::InvalidInput`] for a frame that is too long.
    pub(crate) async fn send(&self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let length = u32::try_from(self.0.len()).ok().filter(|_| self.0.len() <= MAX_FRAME);
        to.write_all(&length.ok_or(std::io::ErrorKind::InvalidInput)?.to_le_bytes()).await?;
        to.write_all(&self.0).await?;
        to.flush().await
    }

    /// Waits for one; nothing if the connection ended between two.
    ///
    /// # Errors
    /// What the connection says; [`std::io::ErrorKind::InvalidData`] for a length that is not allowed.
    pub(crate) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut length = [0; 4];
        if from.read(&mut length[..1]).await? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length[1..]).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if !(2..=MAX_FRAME).contains(&length) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        // As it comes, so that a length alone reserves nothing.
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        if from.take(limit).read_to_end(&mut bytes).await? < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Self(bytes)))
    }

    fn open(&self) -> Result<(u8, Reader<'_>), DecodeError> {
        let mut input = Reader::new(&self.0);
        if input.u8()? != VERSION {
            return Err(DecodeError::UnsupportedVersion);
        }
        Ok((input.u8()?, input))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frame(..)")
    }
}

impl Request {
    pub(crate) fn to_frame(&self) -> Frame {
        match self {
            Self::Hello(mint) => Frame::of(kind::HELLO, |out| out.part(mint)),
            Self::Open { keyset, denominations } => Frame::of(kind::OPEN, |out| {
                out.part(keyset);
                out.list(denominations);
            }),
            Self::Authenticate(presented) => Frame::of(kind::AUTHENTICATE, |out| out.part(presented)),
            Self::Claim { presented, challenges, purpose } => Frame::of(kind::CLAIM, |out| {
                out.part(presented);
                out.list(challenges);
                out.part(purpose);
            }),
            Self::Burn { presented, challenges } => Frame::of(kind::BURN, |out| {
                out.part(presented);
                out.list(challenges);
            }),
            Self::Draw { terms, count } => Frame::of(kind::DRAW, |out| {
                out.part(terms);
                out.u8(*count);
            }),
            Self::Sign(Document::List(draft)) => Frame::to_sign(draft),
            Self::Sign(Document::Index(draft)) => Frame::to_sign(draft),
            Self::Sign(Document::File(draft)) => Frame::to_sign(draft),
            Self::Sign(Document::Filter(draft)) => Frame::to_sign(draft),
            Self::Report => Frame::of(kind::REPORT, |_| ()),
            Self::LastList => Frame::of(kind::LAST_LIST, |_| ()),
        }
    }

    /// # Errors
    /// A [`DecodeError`] for anything but exactly one request.
    pub(crate) fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        let (kind, mut input) = frame.open()?;
        let request = match kind {
            kind::HELLO => Self::Hello(input.part()?),
            kind::OPEN => Self::Open { keyset: input.part()?, denominations: some(input.list(MAX_OUTPUTS)?)? },
            kind::AUTHENTICATE => Self::Authenticate(input.part()?),
            kind::CLAIM => {
                let (presented, challenges) = (input.part()?, some(input.list(MAX_OUTPUTS)?)?);
                Self::Claim { presented, challenges, purpose: input.part()? }
            }
            kind::BURN => Self::Burn { presented: input.part()?, challenges: some(input.list(MAX_OUTPUTS)?)? },
            kind::DRAW => Self::Draw { terms: input.part()?, count: input.u8()? },
            kind::SIGN => {
                let tag = input.u8()?;
                let object = input.bytes(input.remaining())?;
                Self::Sign(Document::read(tag, object)?)
            }
            kind::REPORT => Self::Report,
            kind::LAST_LIST => Self::LastList,
            _ => return Err(DecodeError::UnknownTag),
        };
        input.finish()?;
        Ok(request)
    }
}

impl Document {
    fn read(tag: u8, object: &[u8]) -> Result<Self, DecodeError> {
        Ok(match tag {
            KeysetList::TAG => Self::List(Box::new(Unsigned::from_bytes(object)?)),
            ArchiveIndex::TAG => Self::Index(Box::new(Unsigned::from_bytes(object)?)),
            IssuanceFile::TAG => Self::File(Box::new(Unsigned::from_bytes(object)?)),
            SpentFilter::TAG => Self::Filter(Box::new(Unsigned::from_bytes(object)?)),
            _ => return Err(DecodeError::UnknownTag),
        })
    }
}

impl Reply {
    pub(crate) fn to_frame(&self) -> Frame {
        match self {
            Self::Welcome => Frame::of(kind::HELLO, |_| ()),
            Self::Opened(opened) => Frame::of(kind::OPEN, |out| out.part(opened)),
            Self::Authentic => Frame::of(kind::AUTHENTICATE, |_| ()),
            Self::Answered { hash, responses } => Frame::of(kind::CLAIM, |out| {
                out.part(hash);
                out.list(responses);
            }),
            Self::Burned => Frame::of(kind::BURN, |_| ()),
            Self::Drawn(document) => Frame::of(kind::DRAW, |out| out.part(document.as_ref())),
            Self::Signed(signature) => Frame::of(kind::SIGN, |out| out.part(signature)),
            Self::Report(report) => Frame::of(kind::REPORT, |out| out.list(report)),
            Self::LastList(list) => Frame::of(kind::LAST_LIST, |out| match list {
                None => out.u8(0),
                Some(list) => {
                    out.u8(1);
                    out.part(list.as_ref());
                }
            }),
            Self::Refused(refusal) => Frame::of(kind::REFUSED, |out| out.u8(refusal.code())),
        }
    }

    /// # Errors
    /// A [`DecodeError`] for anything but exactly one answer.
    pub(crate) fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        let (kind, mut input) = frame.open()?;
        let reply = match kind {
            kind::HELLO => Self::Welcome,
            kind::OPEN => Self::Opened(input.part()?),
            kind::AUTHENTICATE => Self::Authentic,
            kind::CLAIM => Self::Answered { hash: input.part()?, responses: some(input.list(MAX_OUTPUTS)?)? },
            kind::BURN => Self::Burned,
            kind::DRAW => Self::Drawn(Box::new(input.part()?)),
            kind::SIGN => Self::Signed(input.part()?),
            kind::REPORT => Self::Report(input.list(MAX_REPORTED)?),
            kind::LAST_LIST => Self::LastList(match input.u8()? {
                0 => None,
                1 => Some(Box::new(input.part()?)),
                _ => return Err(DecodeError::UnknownTag),
            }),
            kind::REFUSED => Self::Refused(Refusal::of(input.u8()?)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        input.finish()?;
        Ok(reply)
    }
}

impl Encode for Presented {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.session);
        out.part(&self.seal);
        out.part(&self.keyset);
        out.list(&self.denominations);
        out.list(&self.commitments);
    }
}

impl Decode for Presented {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (session, seal, keyset) = (input.part()?, input.part()?, input.part()?);
        let (denominations, commitments) = (some(input.list(MAX_OUTPUTS)?)?, some(input.list(MAX_OUTPUTS)?)?);
        Ok(Self { session, seal, keyset, denominations, commitments })
    }
}

impl Encode for Purpose {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Withdrawal => 1,
            Self::Swap => 2,
        });
    }
}

impl Decode for Purpose {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Withdrawal),
            2 => Ok(Self::Swap),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for IssuedOf {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.part(&self.withdrawn);
        out.part(&self.swapped);
        out.part(&self.withdrawn_in_hour);
        out.part(&self.swapped_in_hour);
    }
}

impl Decode for IssuedOf {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (keyset, withdrawn, swapped) = (input.part()?, input.part()?, input.part()?);
        Ok(Self { keyset, withdrawn, swapped, withdrawn_in_hour: input.part()?, swapped_in_hour: input.part()? })
    }
}

/// A list that must not be empty.
fn some<T>(list: Vec<T>) -> Result<Vec<T>, DecodeError> {
    if list.is_empty() { Err(DecodeError::Empty) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

    use farthing_protocol::amount::{Fees, Unit, UnixTime};
    use farthing_protocol::blind::mint::Sessions;
    use farthing_protocol::codec::Wire;
    use farthing_protocol::identity::Keypair;
    use farthing_protocol::keyset::{Redemption, SecretKeyset};

    use super::*;

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
            Request::Claim {
                presented: presented.clone(),
                challenges: challenges.clone(),
                purpose: Purpose::Withdrawal,
            },
            Request::Claim { presented: presented.clone(), challenges: challenges.clone(), purpose: Purpose::Swap },
            Request::Burn { presented, challenges },
            Request::Draw { terms: terms(&identity), count: 8 },
            Request::Sign(Document::List(Box::new(list()))),
            Request::Sign(Document::Index(Box::new(index))),
            Request::Report,
            Request::LastList,
        ]
    }

    fn replies() -> Vec<Reply> {
        let Parts { identity, document, opened, presented, answer: (hash, responses), .. } = parts();
        let list = KeysetList::sign(&identity, time(1), time(2), Vec::new(), Vec::new()).unwrap();
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
        for kind in (0..=255).filter(|kind| !(1..=9).contains(kind) && *kind != 255) {
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
        for bad in
            [&[1][..], &[2, 0, 0], &[0, 0, 0, 0], &[1, 0, 0, 0, 1], &[2, 0, 0, 0, 1], &[0xff; 12], &[0, 0, 64, 0, 1]]
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
}
