//! How operations lie in the state.

use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::ReceivingIndex;
use farthing_protocol::identity::Keypair;
use farthing_protocol::token::{CoinKey, Token};
use zeroize::Zeroizing;

use crate::recoup::Recouping;

use super::{
    Body, Delivery, Foreign, HttpExchange, Issue, IssueStage, Lock, LockTo, Locking, OpId, Operation, Outcome, Pay,
    Receiving, RequestDigest, Sending, Source, Used,
};

/// The most entries of a list that this wallet wrote itself.
const MANY: usize = u16::MAX as usize;

/// A number on its own.
pub(crate) struct Count(pub(crate) u64);

impl Encode for Count {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Count {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

impl Wire for Count {}

impl Encode for OpId {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for OpId {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

impl Wire for OpId {}

impl Encode for Outcome {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Issued => out.u8(1),
            Self::Paid(receipt) => {
                out.u8(2);
                out.optional(receipt.as_ref());
            }
            Self::TakenBack => out.u8(3),
            Self::Failed => out.u8(4),
            Self::SpentElsewhere => out.u8(5),
            Self::TokensEnded => out.u8(6),
            Self::Claimed => out.u8(7),
            Self::Recouped(paid) => {
                out.u8(8);
                out.part(paid);
            }
        }
    }
}

impl Decode for Outcome {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Issued),
            2 => input.optional().map(Self::Paid),
            3 => Ok(Self::TakenBack),
            4 => Ok(Self::Failed),
            5 => Ok(Self::SpentElsewhere),
            6 => Ok(Self::TokensEnded),
            7 => Ok(Self::Claimed),
            8 => input.part().map(Self::Recouped),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Used {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.part(&self.number);
    }
}

impl Decode for Used {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { keyset: input.part()?, number: input.part()? })
    }
}

impl Encode for Source {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Account { operation, max_debit } => {
                out.u8(1);
                out.part(operation);
                out.part(max_debit);
            }
            Self::Tokens(tokens) => {
                out.u8(2);
                out.list(tokens);
            }
            Self::Foreign(Foreign { keyset, tokens }) => {
                out.u8(3);
                out.part(keyset);
                out.u8(u8::try_from(tokens.len()).unwrap_or(u8::MAX));
                for (token, key) in tokens {
                    out.part(token);
                    out.part(key);
                }
            }
            Self::Voucher(key) => {
                out.u8(4);
                out.bytes(key.secret().as_slice());
            }
        }
    }
}

impl Decode for Source {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Account { operation: input.part()?, max_debit: input.part()? }),
            2 => Ok(Self::Tokens(input.list(MANY)?)),
            3 => {
                let keyset = input.part()?;
                let count = input.u8()?;
                let tokens = (0..count).map(|_| Ok((input.part::<Token>()?, input.part::<CoinKey>()?)));
                Ok(Self::Foreign(Foreign { keyset, tokens: tokens.collect::<Result<_, DecodeError>>()? }))
            }
            4 => Ok(Self::Voucher(Box::new(Keypair::from_secret(&Zeroizing::new(input.array()?))))),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Issue {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.shape);
        out.part(&self.redemption);
        out.part(&self.source);
        Lock::encode(self.lock.as_ref(), out);
        out.list(&self.used);
        out.u8(match self.stage {
            IssueStage::Opening => 1,
            IssueStage::Sent => 2,
            IssueStage::Stopped => 3,
        });
    }
}

impl Decode for Issue {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            shape: input.part()?,
            redemption: input.part()?,
            source: input.part()?,
            lock: Lock::decode(input)?,
            used: input.list(MANY)?,
            stage: match input.u8()? {
                1 => IssueStage::Opening,
                2 => IssueStage::Sent,
                3 => IssueStage::Stopped,
                _ => return Err(DecodeError::UnknownTag),
            },
        })
    }
}

impl Encode for HttpExchange {
    fn encode_to(&self, out: &mut Writer) {
        long(out, self.method.as_bytes());
        long(out, self.url.as_bytes());
        out.u32(u32::try_from(self.headers.len()).unwrap_or(u32::MAX));
        for (name, value) in &self.headers {
            long(out, name.as_bytes());
            long(out, value);
        }
        long(out, &self.body);
        long(out, self.signature.as_bytes());
        out.u8(u8::from(self.settled.is_some()));
        long(out, self.settled.as_deref().unwrap_or_default().as_bytes());
        out.u8(u8::from(self.unanswered.is_some()));
        if let Some(RequestDigest(digest)) = &self.unanswered {
            out.bytes(digest);
        }
    }
}

impl Decode for HttpExchange {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (method, url) = (read_text(input)?, read_text(input)?);
        let count = input.u32()?;
        let headers = (0..count).map(|_| Ok((read_text(input)?, read_long(input)?)));
        let headers = headers.collect::<Result<_, DecodeError>>()?;
        let (body, signature) = (read_long(input)?, read_text(input)?);
        let is_settled = flag(input)?;
        let settled = Some(read_text(input)?).filter(|_| is_settled);
        let unanswered = if flag(input)? { Some(RequestDigest(input.array()?)) } else { None };
        Ok(Self { method, url, headers, body, signature, settled, unanswered })
    }
}

impl Encode for Delivery {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Endpoint => out.u8(1),
            Self::Http(exchange) => {
                out.u8(2);
                out.part(exchange.as_ref());
            }
            Self::Handed => out.u8(3),
        }
    }
}

impl Decode for Delivery {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Endpoint),
            2 => Ok(Self::Http(Box::new(input.part()?))),
            3 => Ok(Self::Handed),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Pay {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.request);
        out.part(&self.payment);
        out.list(&self.tokens);
        out.u32(self.swaps);
        out.part(&self.delivery);
        out.optional(self.settling.as_ref());
    }
}

impl Decode for Pay {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            request: input.part()?,
            payment: input.part()?,
            tokens: input.list(MANY)?,
            swaps: input.u32()?,
            delivery: input.part()?,
            settling: input.optional()?,
        })
    }
}

impl Encode for Sending {
    fn encode_to(&self, out: &mut Writer) {
        out.list(&self.tokens);
        out.text(self.memo.as_deref().unwrap_or(""));
        out.u32(self.swaps);
        out.optional(self.reclaiming.as_ref());
    }
}

impl Decode for Sending {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            tokens: input.list(MANY)?,
            memo: read_memo(input)?,
            swaps: input.u32()?,
            reclaiming: input.optional()?,
        })
    }
}

impl Encode for LockTo {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Recipient(recipient) => {
                out.u8(1);
                out.part(recipient);
            }
            Self::Request(request) => {
                out.u8(2);
                out.part(request);
            }
        }
    }
}

impl Decode for LockTo {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => input.part().map(Self::Recipient),
            2 => input.part().map(Self::Request),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Locking {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.to);
        out.text(self.memo.as_deref().unwrap_or(""));
        out.u32(self.swaps);
        out.part(&self.issue);
        out.u8(u8::from(self.made.is_some()));
        long(out, self.made.as_deref().unwrap_or_default());
    }
}

impl Decode for Locking {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (to, memo, swaps, issue) = (input.part()?, read_memo(input)?, input.u32()?, input.part()?);
        let is_made = flag(input)?;
        let made = Some(read_long(input)?).filter(|_| is_made);
        Ok(Self { to, memo, swaps, issue, made })
    }
}

impl Encode for Receiving {
    fn encode_to(&self, out: &mut Writer) {
        out.text(self.memo.as_deref().unwrap_or(""));
        out.u8(u8::from(self.index.is_some()));
        out.u32(self.index.unwrap_or_default().get());
        out.part(&self.issue);
    }
}

impl Decode for Receiving {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (memo, is_locked) = (read_memo(input)?, flag(input)?);
        let index = Some(ReceivingIndex::new(input.u32()?)).filter(|_| is_locked);
        Ok(Self { memo, index, issue: input.part()? })
    }
}

impl Encode for Body {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Issue(issue) => {
                out.u8(1);
                out.part(issue.as_ref());
            }
            Self::Pay(pay) => {
                out.u8(2);
                out.part(pay.as_ref());
            }
            Self::Send(sending) => {
                out.u8(3);
                out.part(sending.as_ref());
            }
            Self::Lock(locking) => {
                out.u8(4);
                out.part(locking.as_ref());
            }
            Self::Receive(receiving) => {
                out.u8(5);
                out.part(receiving.as_ref());
            }
            Self::Recoup(recouping) => {
                out.u8(7);
                out.part(recouping.as_ref());
            }
        }
    }
}

impl Decode for Body {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Issue(Box::new(input.part()?))),
            2 => Ok(Self::Pay(Box::new(input.part()?))),
            3 => Ok(Self::Send(Box::new(input.part()?))),
            4 => Ok(Self::Lock(Box::new(input.part()?))),
            5 => Ok(Self::Receive(Box::new(input.part()?))),
            6 => Ok(Self::Recoup(Box::new(Recouping::decode_without_reasons(input)?))),
            7 => Ok(Self::Recoup(Box::new(input.part()?))),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Operation {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.id);
        out.part(&self.created_at);
        out.part(&self.mint);
        out.part(&self.unit);
        out.part(&self.amount);
        out.part(&self.body);
        match &self.ended {
            None => out.u8(0),
            Some((at, outcome)) => {
                out.u8(1);
                out.part(at);
                out.part(outcome);
            }
        }
    }
}

impl Decode for Operation {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: input.part()?,
            created_at: input.part()?,
            mint: input.part()?,
            unit: input.part()?,
            amount: input.part()?,
            body: input.part()?,
            ended: if flag(input)? { Some((input.part()?, input.part()?)) } else { None },
        })
    }
}

impl Wire for Operation {}

/// Bytes of any length: four bytes of length, and they.
fn long(out: &mut Writer, bytes: &[u8]) {
    out.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.bytes(bytes);
}

fn read_long(input: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let length = usize::try_from(input.u32()?).map_err(|_| DecodeError::TooLong)?;
    Ok(input.bytes(length)?.to_vec())
}

fn read_text(input: &mut Reader<'_>) -> Result<String, DecodeError> {
    String::from_utf8(read_long(input)?).map_err(|_| DecodeError::NonCanonicalText)
}

fn read_memo(input: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    Ok(Some(input.text(MANY)?).filter(|memo| !memo.is_empty()).map(str::to_owned))
}

fn flag(input: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::UnknownTag),
    }
}
