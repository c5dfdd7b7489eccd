//! What a signer answers.

use farthing_protocol::amount::Amount;
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::Response;
use farthing_protocol::blind::mint::{ChallengesHash, OpenedSession};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::Signature;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::MAX_OUTPUTS;
use farthing_protocol::keyset::{KeysetDocument, KeysetList};

use super::{Frame, Refusal, kind, some};

/// The most keysets in a report.
const MAX_REPORTED: usize = 4096;

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
    LastIndex(Option<Box<ArchiveIndex>>),
    Forgotten,
    Looked {
        has_keys: bool,
        issues: bool,
    },
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
            Self::LastList(list) => Frame::of(kind::LAST_LIST, |out| maybe(out, list.as_deref())),
            Self::LastIndex(index) => Frame::of(kind::LAST_INDEX, |out| maybe(out, index.as_deref())),
            Self::Forgotten => Frame::of(kind::FORGET, |_| ()),
            Self::Looked { has_keys, issues } => Frame::of(kind::LOOK, |out| {
                out.u8((*has_keys).into());
                out.u8((*issues).into());
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
            kind::LAST_LIST => Self::LastList(read_maybe(&mut input)?.map(Box::new)),
            kind::LAST_INDEX => Self::LastIndex(read_maybe(&mut input)?.map(Box::new)),
            kind::FORGET => Self::Forgotten,
            kind::LOOK => Self::Looked { has_keys: read_flag(&mut input)?, issues: read_flag(&mut input)? },
            kind::REFUSED => Self::Refused(Refusal::of(input.u8()?)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        input.finish()?;
        Ok(reply)
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

/// Nothing, or something.
fn maybe<T: Encode>(out: &mut Writer, part: Option<&T>) {
    out.u8(part.is_some().into());
    if let Some(part) = part {
        out.part(part);
    }
}

fn read_flag(input: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::UnknownTag),
    }
}

fn read_maybe<T: Decode>(input: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    match input.u8()? {
        0 => Ok(None),
        1 => input.part().map(Some),
        _ => Err(DecodeError::UnknownTag),
    }
}
