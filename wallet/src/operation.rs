//! Operations as they are kept: everything needed to go on with them after a crash.

use std::fmt;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::{KeysetId, OperationId};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::Invoice;
use farthing_protocol::shape::Shape;

use crate::error::StoreError;
use crate::stock::TokenKey;
use crate::vault::Tx;

/// Number of an operation of one wallet, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(u64);

impl OpId {
    /// An operation by its number, as people type it.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Tokens were issued.
    Issued,
    /// The payee was paid. Without a receipt it is the mint who says so.
    Paid(Option<Receipt>),
    /// The payment was settled: it can never be accepted any more, and its value is back.
    TakenBack,
    /// Nothing was moved.
    Failed,
    /// A token had been spent in a payment this wallet does not know of.
    SpentElsewhere,
    /// A payment could not be settled before its tokens could be deposited no more: the payee gave no receipt, and the tokens are lost.
    TokensEnded,
}

/// One operation.
pub(crate) struct Operation {
    pub(crate) id: OpId,
    pub(crate) created_at: UnixTime,
    pub(crate) mint: MintId,
    pub(crate) unit: Unit,
    /// What is issued or paid.
    pub(crate) amount: Amount,
    pub(crate) body: Body,
    pub(crate) ended: Option<(UnixTime, Outcome)>,
}

/// What an operation does.
pub(crate) enum Body {
    /// Tokens are issued: a withdrawal or a swap.
    Issue(Issue),
    /// An invoice is paid.
    Pay(Box<Pay>),
}

/// An issuance, until tokens are there.
pub(crate) struct Issue {
    pub(crate) shape: Shape,
    pub(crate) redemption: Redemption,
    pub(crate) source: Source,
    /// Every number drawn for it; the last one may be unanswered.
    pub(crate) used: Vec<Used>,
    pub(crate) stage: IssueStage,
}

/// What pays for an issuance.
pub(crate) enum Source {
    /// The wallet's account at the mint.
    Account {
        /// Stays the same for all numbers.
        operation: OperationId,
        /// What was due when the withdrawal began: never is more signed away.
        max_debit: Amount,
    },
    /// Tokens reserved by the operation, in the order of the swap's payment.
    Tokens(Vec<TokenKey>),
}

/// A number drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) keyset: KeysetId,
    pub(crate) number: IssuanceNumber,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssueStage {
    /// No number is unanswered: the next step is to open a session.
    Opening,
    /// The request of the last number may have been sent: the next step is to send it (again).
    Sent,
    /// Another wallet uses the same seed: nothing more is done until it is gone on with, or given up.
    Stopped,
}

/// A payment, until it is known whether it was accepted.
pub(crate) struct Pay {
    pub(crate) invoice: Invoice,
    pub(crate) payment: Payment,
    pub(crate) tokens: Vec<TokenKey>,
    /// How many swaps had to be made just before.
    pub(crate) swaps: u32,
    /// The renewal that settles it, once it was given up. From then on it is never sent again.
    pub(crate) settling: Option<Issue>,
}

impl Operation {
    /// The issuance in it, if one is under way.
    pub(crate) fn issue(&self) -> Option<&Issue> {
        match &self.body {
            Body::Issue(issue) => Some(issue),
            Body::Pay(pay) => pay.settling.as_ref(),
        }
    }

    pub(crate) fn issue_mut(&mut self) -> Option<&mut Issue> {
        match &mut self.body {
            Body::Issue(issue) => Some(issue),
            Body::Pay(pay) => pay.settling.as_mut(),
        }
    }

    /// The tokens that it has reserved.
    pub(crate) fn tokens(&self) -> &[TokenKey] {
        match &self.body {
            Body::Issue(Issue { source: Source::Tokens(tokens), .. }) => tokens,
            Body::Issue(_) => &[],
            Body::Pay(pay) => &pay.tokens,
        }
    }

    /// An unfinished operation.
    pub(crate) fn load(tx: &Tx<'_, '_>, id: OpId) -> Result<Self, StoreError> {
        tx.get_large(&key(LIVE, id))?.ok_or(StoreError::NoSuchOperation)
    }

    /// An operation, finished or not.
    pub(crate) fn find(tx: &Tx<'_, '_>, id: OpId) -> Result<Option<Self>, StoreError> {
        match tx.get_large(&key(LIVE, id))? {
            Some(operation) => Ok(Some(operation)),
            None => tx.get_large(&key(ENDED, id)),
        }
    }

    /// The next operation id.
    pub(crate) fn next_id(tx: &mut Tx<'_, '_>) -> Result<OpId, StoreError> {
        let next = tx.get::<Count>(SEQUENCE)?.map_or(1, |count| count.0);
        tx.put(SEQUENCE, &Count(next.checked_add(1).ok_or(StoreError::TooLarge)?))?;
        Ok(OpId(next))
    }

    /// Keeps an unfinished operation.
    pub(crate) fn keep(&self, tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
        tx.put(&key(LIVE, self.id), &Count(self.id.0))?;
        tx.put_large(&key(LIVE, self.id), self)
    }

    /// Moves the operation to the history.
    pub(crate) fn end(mut self, tx: &mut Tx<'_, '_>, at: UnixTime, outcome: Outcome) -> Result<(), StoreError> {
        self.ended = Some((at, outcome));
        tx.delete(&key(LIVE, self.id))?;
        tx.delete_large(&key(LIVE, self.id))?;
        tx.put(&key(ENDED, self.id), &Count(self.id.0))?;
        tx.put_large(&key(ENDED, self.id), &self)
    }

    /// Changes how a finished operation ended.
    pub(crate) fn amend(tx: &mut Tx<'_, '_>, id: OpId, outcome: Outcome) -> Result<(), StoreError> {
        let mut operation: Self = tx.get_large(&key(ENDED, id))?.ok_or(StoreError::NoSuchOperation)?;
        operation.ended = operation.ended.map(|(at, _)| (at, outcome));
        tx.put_large(&key(ENDED, id), &operation)
    }

    pub(crate) fn all_live(tx: &Tx<'_, '_>) -> Result<Vec<Self>, StoreError> {
        all(tx, LIVE)
    }

    pub(crate) fn all_ended(tx: &Tx<'_, '_>) -> Result<Vec<Self>, StoreError> {
        all(tx, ENDED)
    }
}

const SEQUENCE: &[u8] = b"operations";
const LIVE: u8 = b'o';
const ENDED: u8 = b'h';

fn key(kind: u8, id: OpId) -> [u8; 10] {
    let mut key = [b'/'; 10];
    let (head, tail) = key.split_at_mut(2);
    head.fill(kind);
    tail.copy_from_slice(&id.0.to_be_bytes());
    key
}

fn all(tx: &Tx<'_, '_>, kind: u8) -> Result<Vec<Operation>, StoreError> {
    let ids = tx.scan::<Count>(&[kind, kind])?;
    let load = |(_, id): (_, Count)| tx.get_large(&key(kind, OpId(id.0)))?.ok_or(StoreError::Damaged);
    ids.into_iter().map(load).collect()
}

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

impl Encode for Issue {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.shape);
        out.part(&self.redemption);
        match &self.source {
            Source::Account { operation, max_debit } => {
                out.u8(1);
                out.part(operation);
                out.part(max_debit);
            }
            Source::Tokens(tokens) => {
                out.u8(2);
                out.list(tokens);
            }
        }
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
        let (shape, redemption) = (input.part()?, input.part()?);
        let source = match input.u8()? {
            1 => Source::Account { operation: input.part()?, max_debit: input.part()? },
            2 => Source::Tokens(input.list(usize::from(u16::MAX))?),
            _ => return Err(DecodeError::UnknownTag),
        };
        let used = input.list(usize::from(u16::MAX))?;
        let stage = match input.u8()? {
            1 => IssueStage::Opening,
            2 => IssueStage::Sent,
            3 => IssueStage::Stopped,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { shape, redemption, source, used, stage })
    }
}

impl Encode for Pay {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.invoice);
        out.part(&self.payment);
        out.list(&self.tokens);
        out.u32(self.swaps);
        out.optional(self.settling.as_ref());
    }
}

impl Decode for Pay {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            invoice: input.part()?,
            payment: input.part()?,
            tokens: input.list(usize::from(u16::MAX))?,
            swaps: input.u32()?,
            settling: input.optional()?,
        })
    }
}

impl Encode for Operation {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.id);
        out.part(&self.created_at);
        out.part(&self.mint);
        out.part(&self.unit);
        out.part(&self.amount);
        match &self.body {
            Body::Issue(issue) => {
                out.u8(1);
                out.part(issue);
            }
            Body::Pay(pay) => {
                out.u8(2);
                out.part(pay.as_ref());
            }
        }
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
            body: match input.u8()? {
                1 => Body::Issue(input.part()?),
                2 => Body::Pay(Box::new(input.part()?)),
                _ => return Err(DecodeError::UnknownTag),
            },
            ended: match input.u8()? {
                0 => None,
                1 => Some((input.part()?, input.part()?)),
                _ => return Err(DecodeError::UnknownTag),
            },
        })
    }
}

impl Wire for Operation {}
