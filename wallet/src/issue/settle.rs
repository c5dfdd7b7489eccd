//! The transactions that end an issuance, or send it back to its beginning. Each looks at what is kept before it changes it.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::Wire;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, TextToken, TextTokenContent, Token};

use super::examine::Made;
use super::request;
use crate::error::StoreError;
use crate::operation::{Body, Foreign, Issue, IssueStage, OpId, Operation, Outcome, Receiving, Sending, Source, Used};
use crate::stock::{self, TokenKey};
use crate::transfer::{note_answer, remember_answer};
use crate::vault::Tx;

/// Something came of a number: it is kept, what paid for it is spent, the operation ended.
pub(super) fn issued(tx: &mut Tx<'_, '_>, op: OpId, used: Used, made: Made, now: UnixTime) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let numbers = operation.issue().ok_or(StoreError::NoSuchOperation)?.used.clone();
    if !numbers.contains(&used) {
        return Err(StoreError::Busy);
    }
    keep_made(tx, &mut operation, used, made)?;
    stock::spend(tx, operation.tokens(), op)?;
    request::forget(tx, op, &numbers)?;
    note_answer(tx, &operation)?;
    let outcome = match &mut operation.body {
        Body::Issue(_) | Body::Lock(_) => Outcome::Issued,
        Body::Receive(receiving) => {
            // What they were worth is in own tokens now; their keys open nothing any more.
            receiving.issue.source = Source::Tokens(Vec::new());
            Outcome::Issued
        }
        Body::Pay(_) | Body::Send(_) => Outcome::TakenBack,
        Body::Recoup(_) => return Err(StoreError::NoSuchOperation),
    };
    operation.end(tx, now, outcome)
}

/// Keeps what a number of an operation made: own tokens go to the stock, locked ones into the operation.
fn keep_made(tx: &mut Tx<'_, '_>, operation: &mut Operation, used: Used, made: Made) -> Result<(), StoreError> {
    match (made, &mut operation.body) {
        (Made::Own(tokens), _) => {
            for (key, token) in &tokens {
                stock::add(tx, *key, token)?;
            }
        }
        (Made::Locked(tokens), Body::Lock(locking)) => {
            let content = TextTokenContent::Locked(tokens);
            let text = TextToken::new(operation.mint, used.keyset, locking.memo.clone(), content)?;
            locking.made = Some(text.to_bytes());
        }
        (Made::Locked(_), _) => return Err(StoreError::Damaged),
    }
    stock::came_to_something(tx, &used)
}

/// A number came to nothing.
pub(super) fn abandoned(tx: &mut Tx<'_, '_>, op: OpId, used: Used) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    sent(&mut operation, used)?.stage = IssueStage::Opening;
    operation.keep(tx)
}

/// The mint refused for good. A payment, or what was given out, still has to be settled some other time.
pub(super) fn refused(tx: &mut Tx<'_, '_>, op: OpId, used: Used, now: UnixTime) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    sent(&mut operation, used)?.stage = IssueStage::Opening;
    match operation.body {
        Body::Issue(_) | Body::Lock(_) | Body::Receive(_) => super::fail(tx, operation, now),
        Body::Pay(_) | Body::Send(_) | Body::Recoup(_) => operation.keep(tx),
    }
}

/// Another wallet uses the same seed.
pub(super) fn stopped(tx: &mut Tx<'_, '_>, op: OpId) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    operation.issue_mut().ok_or(StoreError::NoSuchOperation)?.stage = IssueStage::Stopped;
    operation.keep(tx)
}

/// The payment was accepted.
pub(crate) fn accepted(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    receipt: Option<Receipt>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let operation = Operation::load(tx, op)?;
    stock::spend(tx, operation.tokens(), op)?;
    operation.end(tx, now, Outcome::Paid(receipt))
}

/// The tokens of a payment can neither be swapped nor deposited any more.
pub(crate) fn tokens_ended(tx: &mut Tx<'_, '_>, op: OpId, now: UnixTime) -> Result<(), StoreError> {
    let operation = Operation::load(tx, op)?;
    operation.tokens().iter().try_for_each(|token| stock::lose(tx, *token, op))?;
    operation.end(tx, now, Outcome::TokensEnded)
}

/// All tokens of an operation were swapped together by somebody else who had their keys.
pub(super) fn claimed(tx: &mut Tx<'_, '_>, op: OpId, now: UnixTime) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    operation.tokens().iter().try_for_each(|token| stock::lose(tx, *token, op))?;
    drop(take_apart(&mut operation));
    let outcome = spent_outcome(&operation);
    operation.end(tx, now, outcome)
}

fn spent_outcome(operation: &Operation) -> Outcome {
    match operation.body {
        Body::Send(_) => Outcome::Claimed,
        Body::Issue(_) | Body::Pay(_) | Body::Lock(_) | Body::Receive(_) | Body::Recoup(_) => Outcome::SpentElsewhere,
    }
}

/// A token was spent in a payment this wallet does not know of. One token alone is lost; of several it is not known which, so
/// that each is settled by a renewal of its own.
pub(super) fn spent_elsewhere(tx: &mut Tx<'_, '_>, op: OpId, now: UnixTime) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let outcome = spent_outcome(&operation);
    match operation.tokens() {
        [] => {}
        [token] => stock::lose(tx, *token, op)?,
        tokens => settle_each(tx, &operation, tokens, now)?,
    }
    for (amount, receiving) in take_apart(&mut operation) {
        let id = Operation::next_id(tx)?;
        keep_part(tx, &operation, id, amount, Body::Receive(Box::new(receiving)), now)?;
    }
    operation.end(tx, now, outcome)
}

/// Lets each of an operation's tokens be settled by a renewal of its own.
fn settle_each(
    tx: &mut Tx<'_, '_>,
    operation: &Operation,
    tokens: &[TokenKey],
    now: UnixTime,
) -> Result<(), StoreError> {
    let redemption = operation.issue().ok_or(StoreError::NoSuchOperation)?.redemption;
    for token in tokens {
        let id = Operation::next_id(tx)?;
        let amount = stock::hand_on(tx, *token, operation.id, id)?.denomination.value();
        let issue = Issue::new(Shape::Renew(amount), redemption, Source::Tokens(vec![*token]));
        let body = match &operation.body {
            Body::Send(sending) => Body::Send(Box::new(Sending {
                tokens: vec![*token],
                memo: sending.memo.clone(),
                swaps: 0,
                reclaiming: Some(issue),
            })),
            Body::Issue(_) | Body::Pay(_) | Body::Lock(_) | Body::Receive(_) | Body::Recoup(_) => {
                Body::Issue(Box::new(issue))
            }
        };
        keep_part(tx, operation, id, amount, body, now)?;
    }
    Ok(())
}

/// Several tokens that were to be received, each as something to be received on its own.
fn take_apart(operation: &mut Operation) -> Vec<(Amount, Receiving)> {
    let Body::Receive(whole) = &mut operation.body else { return Vec::new() };
    let Source::Foreign(foreign) = &mut whole.issue.source else { return Vec::new() };
    let tokens = std::mem::take(&mut foreign.tokens);
    if tokens.len() < 2 {
        return Vec::new();
    }
    let part = |(token, key): (Token, CoinKey)| {
        let amount = token.value();
        let source = Source::Foreign(Foreign { keyset: foreign.keyset, tokens: vec![(token, key)] });
        let issue = Issue::new(Shape::Renew(amount), whole.issue.redemption, source);
        (amount, Receiving { memo: whole.memo.clone(), index: whole.index, issue })
    };
    tokens.into_iter().map(part).collect()
}

/// Keeps a part of an operation as an operation of its own.
fn keep_part(
    tx: &mut Tx<'_, '_>,
    whole: &Operation,
    id: OpId,
    amount: Amount,
    body: Body,
    now: UnixTime,
) -> Result<(), StoreError> {
    let (mint, unit) = (whole.mint, whole.unit.clone());
    Operation { id, created_at: now, mint, unit, amount, body, ended: None }.keep(tx)
}

/// A stopped operation may ask again.
pub(crate) fn reopened(tx: &mut Tx<'_, '_>, op: OpId) -> Result<Operation, StoreError> {
    let mut operation = Operation::load(tx, op)?;
    if let Some(issue) = operation.issue_mut().filter(|issue| issue.stage == IssueStage::Stopped) {
        issue.stage = IssueStage::Opening;
        operation.keep(tx)?;
    }
    Ok(operation)
}

/// How much of an operation's tokens another one had taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    Whole,
    InPart,
}

/// What was to fund an operation went to a number of another operation: what came of it is kept, and this one ends. The request stays
/// kept, for whatever else had reserved a token of it.
pub(super) fn came_of_other(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    other: OpId,
    used: Used,
    made: Made,
    now: UnixTime,
) -> Result<Came, StoreError> {
    let mut operation = Operation::load(tx, op)?;
    let mut other = Operation::find(tx, other)?.ok_or(StoreError::Damaged)?;
    keep_made(tx, &mut other, used, made)?;
    let (spent, back): (Vec<TokenKey>, Vec<TokenKey>) =
        operation.tokens().iter().partition(|token| other.tokens().contains(token));
    stock::spend(tx, &spent, op)?;
    let came = if back.is_empty() { Came::Whole } else { Came::InPart };
    match &operation.body {
        Body::Send(_) => settle_each(tx, &operation, &back, now)?,
        Body::Issue(_) | Body::Pay(_) | Body::Lock(_) | Body::Receive(_) | Body::Recoup(_) => {
            stock::release(tx, &back, op)?;
        }
    }
    for token in other.tokens().iter().filter(|token| !spent.contains(token)) {
        stock::spend_available(tx, *token, other.id)?;
    }
    if let Some((at, Outcome::Failed)) = other.ended
        && !matches!(other.body, Body::Pay(_) | Body::Send(_))
    {
        other.ended = Some((at, Outcome::Issued));
        if let Body::Lock(locking) = &other.body {
            // A request that it answered is answered by it, and by nothing after it.
            remember_answer(tx, &locking.to, other.id)?;
        }
    }
    other.keep_again(tx)?;
    drop(take_apart(&mut operation));
    let outcome = match (&operation.body, came) {
        (Body::Issue(_) | Body::Lock(_) | Body::Recoup(_), _) => Outcome::Failed,
        (Body::Receive(_), _) => Outcome::Issued,
        (Body::Pay(_), _) | (Body::Send(_), Came::Whole) => Outcome::TakenBack,
        (Body::Send(_), Came::InPart) => Outcome::Claimed,
    };
    operation.end(tx, now, outcome)?;
    Ok(came)
}

/// The issuance whose last number this is, and is unanswered.
fn sent(operation: &mut Operation, used: Used) -> Result<&mut Issue, StoreError> {
    let issue = operation.issue_mut().ok_or(StoreError::NoSuchOperation)?;
    if issue.stage == IssueStage::Sent && issue.used.last() == Some(&used) { Ok(issue) } else { Err(StoreError::Busy) }
}
