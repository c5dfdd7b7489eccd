//! What a mint asks.

use farthing_protocol::amount::Denomination;
use farthing_protocol::blind::Challenge;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::MAX_OUTPUTS;
use farthing_protocol::keyset::KeysetTerms;
use farthing_protocol::shape::Shape;

use super::{Document, Frame, kind, some};
use crate::signer::Presented;

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
    /// The archive's index that was signed last.
    LastIndex,
    /// To remove the secret keys of a keyset whose time is over.
    Forget(KeysetId),
    /// Whether it has the secret keys of a keyset, and may issue tokens of it now.
    Look(KeysetId),
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
            Self::LastIndex => Frame::of(kind::LAST_INDEX, |_| ()),
            Self::Forget(keyset) => Frame::of(kind::FORGET, |out| out.part(keyset)),
            Self::Look(keyset) => Frame::of(kind::LOOK, |out| out.part(keyset)),
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
            kind::LAST_INDEX => Self::LastIndex,
            kind::FORGET => Self::Forget(input.part()?),
            kind::LOOK => Self::Look(input.part()?),
            _ => return Err(DecodeError::UnknownTag),
        };
        input.finish()?;
        Ok(request)
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
