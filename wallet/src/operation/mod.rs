//! Operations as they are kept: everything needed to go on with them after a crash.

mod body;
mod codec;

use std::fmt;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::receipt::Receipt;

use crate::budget;
use crate::error::StoreError;
use crate::pay::until;
use crate::stock::TokenKey;
use crate::vault::Tx;

pub(crate) use body::{
    Body, Delivery, Foreign, HttpExchange, Issue, IssueStage, Lock, LockTo, Locking, Pay, Receiving, RequestDigest,
    Sending, Source, Used,
};
pub(crate) use codec::Count;

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
    /// The payee was paid. Without a receipt it is the mint who says so, or the server that was paid over HTTP.
    Paid(Option<Receipt>),
    /// The payment was settled: it can never be accepted any more, and its value is back.
    TakenBack,
    /// Nothing was moved.
    Failed,
    /// A token had been spent in a payment this wallet does not know of.
    SpentElsewhere,
    /// Somebody took the tokens that were given out, or some of them; what was left came back.
    Claimed,
    /// A payment could not be settled before its tokens could be deposited no more: the payee gave no receipt, and the tokens are lost.
    TokensEnded,
    /// So much of the tokens of a revoked keyset was paid to the account.
    Recouped(Amount),
}

impl Outcome {
    /// The word for it in exports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Paid(_) => "paid",
            Self::TakenBack => "taken_back",
            Self::Failed => "failed",
            Self::SpentElsewhere => "spent_elsewhere",
            Self::Claimed => "claimed",
            Self::TokensEnded => "tokens_ended",
            Self::Recouped(_) => "recouped",
        }
    }
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

impl Operation {
    /// The issuance in it, if one is under way.
    pub(crate) fn issue(&self) -> Option<&Issue> {
        match &self.body {
            Body::Issue(issue) => Some(issue),
            Body::Pay(pay) => pay.settling.as_ref(),
            Body::Send(sending) => sending.reclaiming.as_ref(),
            Body::Lock(locking) => Some(&locking.issue),
            Body::Receive(receiving) => Some(&receiving.issue),
            Body::Recoup(_) => None,
        }
    }

    pub(crate) fn issue_mut(&mut self) -> Option<&mut Issue> {
        match &mut self.body {
            Body::Issue(issue) => Some(issue),
            Body::Pay(pay) => pay.settling.as_mut(),
            Body::Send(sending) => sending.reclaiming.as_mut(),
            Body::Lock(locking) => Some(&mut locking.issue),
            Body::Receive(receiving) => Some(&mut receiving.issue),
            Body::Recoup(_) => None,
        }
    }

    /// The tokens that it has reserved.
    pub(crate) fn tokens(&self) -> &[TokenKey] {
        match &self.body {
            Body::Issue(issue) => issue.source.own(),
            Body::Pay(pay) => &pay.tokens,
            Body::Send(sending) => &sending.tokens,
            Body::Lock(locking) => locking.issue.source.own(),
            Body::Receive(receiving) => receiving.issue.source.own(),
            Body::Recoup(recouping) => &recouping.tokens,
        }
    }

    /// The HTTP request that it pays for.
    pub(crate) fn exchange(&self) -> Option<&HttpExchange> {
        match &self.body {
            Body::Pay(pay) => match &pay.delivery {
                Delivery::Http(exchange) => Some(exchange),
                Delivery::Endpoint | Delivery::Handed => None,
            },
            _ => None,
        }
    }

    pub(crate) fn exchange_mut(&mut self) -> Option<&mut HttpExchange> {
        match &mut self.body {
            Body::Pay(pay) => match &mut pay.delivery {
                Delivery::Http(exchange) => Some(exchange),
                Delivery::Endpoint | Delivery::Handed => None,
            },
            _ => None,
        }
    }

    /// Whether it paid for this request, and whoever made it was given no answer.
    pub(crate) fn lost_answer(&self, wanted: RequestDigest) -> bool {
        matches!(self.ended, Some((_, Outcome::Paid(_))))
            && self.exchange().is_some_and(|exchange| exchange.unanswered == Some(wanted))
    }

    /// Nothing of an HTTP request is sent again once its payment is decided: what may be secret in it is not kept any longer.
    fn forget_content(&mut self) {
        if let Some(exchange) = self.exchange_mut() {
            exchange.headers.clear();
            exchange.body.clear();
            exchange.signature.clear();
        }
    }

    /// Whether it waits for somebody else: nothing is to be gone on with.
    pub(crate) fn is_out(&self) -> bool {
        matches!(&self.body, Body::Send(sending) if sending.reclaiming.is_none())
    }

    /// Whether claims are filed, and the mint pays later.
    pub(crate) fn is_filed(&self, now: UnixTime) -> bool {
        matches!(&self.body, Body::Recoup(recouping) if recouping.waits(now))
    }

    /// Whether a payment was handed to somebody, who may still deliver it. Of held tokens its payee can say at any time what became
    /// of it, and nobody else ever.
    pub(crate) fn is_handed(&self, now: UnixTime) -> bool {
        let Body::Pay(pay) = &self.body else { return false };
        let is_open = pay.is_held() || now < until(self, pay);
        matches!(pay.delivery, Delivery::Handed) && pay.settling.is_none() && is_open
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
        if matches!(outcome, Outcome::TakenBack | Outcome::Failed) {
            budget::give_back(tx, &self)?;
        }
        self.forget_content();
        self.ended = Some((at, outcome));
        tx.delete(&key(LIVE, self.id))?;
        tx.delete_large(&key(LIVE, self.id))?;
        tx.put(&key(ENDED, self.id), &Count(self.id.0))?;
        tx.put_large(&key(ENDED, self.id), &self)
    }

    /// Keeps an operation where it lies, finished or not.
    pub(crate) fn keep_again(&self, tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
        match self.ended {
            None => self.keep(tx),
            Some(_) => tx.put_large(&key(ENDED, self.id), self),
        }
    }

    /// Changes how a finished operation ended.
    pub(crate) fn amend(tx: &mut Tx<'_, '_>, id: OpId, outcome: Outcome) -> Result<(), StoreError> {
        let mut operation: Self = tx.get_large(&key(ENDED, id))?.ok_or(StoreError::NoSuchOperation)?;
        operation.ended = operation.ended.map(|(at, _)| (at, outcome));
        tx.put_large(&key(ENDED, id), &operation)
    }

    /// Erases a finished operation.
    pub(crate) fn erase(&self, tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
        tx.delete(&key(ENDED, self.id))?;
        tx.delete_large(&key(ENDED, self.id))
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
