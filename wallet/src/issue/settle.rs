//! The transactions that end an issuance, or send it back to its beginning. Each looks at what is kept before it changes it.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::shape::Shape;

use super::request;
use crate::error::StoreError;
use crate::operation::{Body, Issue, IssueStage, OpId, Operation, Outcome, Source, Used};
use crate::stock::{self, StoredToken, TokenKey};
use crate::vault::Tx;

/// Tokens came of a number: they are kept, what paid for them is spent, the operation ended.
pub(super) fn issued(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    used: Used,
    tokens: Vec<(TokenKey, StoredToken)>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let operation = Operation::load(tx, op)?;
    let numbers = operation.issue().ok_or(StoreError::NoSuchOperation)?.used.clone();
    if !numbers.contains(&used) {
        return Err(StoreError::Busy);
    }
    for (key, token) in &tokens {
        stock::add(tx, *key, token)?;
    }
    stock::spend(tx, operation.tokens(), op)?;
    stock::came_to_something(tx, &used)?;
    request::forget(tx, op, &numbers)?;
    let outcome = match operation.body {
        Body::Issue(_) => Outcome::Issued,
        Body::Pay(_) => Outcome::TakenBack,
    };
    operation.end(tx, now, outcome)
}

/// A number came to nothing.
pub(super) fn abandoned(tx: &mut Tx<'_, '_>, op: OpId, used: Used) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    sent(&mut operation, used)?.stage = IssueStage::Opening;
    operation.keep(tx)
}

/// The mint refused for good. A withdrawal or swap has failed; a payment still has to be settled some other time.
pub(super) fn refused(tx: &mut Tx<'_, '_>, op: OpId, used: Used, now: UnixTime) -> Result<(), StoreError> {
    let mut operation = Operation::load(tx, op)?;
    sent(&mut operation, used)?.stage = IssueStage::Opening;
    match operation.body {
        Body::Issue(_) => super::fail(tx, operation, now),
        Body::Pay(_) => operation.keep(tx),
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

/// A token was spent in a payment this wallet does not know of. One token alone is lost; of several it is not known which, so
/// that each is settled by a renewal of its own.
pub(super) fn spent_elsewhere(tx: &mut Tx<'_, '_>, op: OpId, now: UnixTime) -> Result<(), StoreError> {
    let operation = Operation::load(tx, op)?;
    if let [token] = operation.tokens() {
        stock::lose(tx, *token, op)?;
        return operation.end(tx, now, Outcome::SpentElsewhere);
    }
    for token in operation.tokens() {
        let id = Operation::next_id(tx)?;
        let amount = stock::hand_on(tx, *token, op, id)?.denomination.value();
        let redemption = operation.issue().ok_or(StoreError::NoSuchOperation)?.redemption;
        let issue = Issue {
            shape: Shape::Renew(amount),
            redemption,
            source: Source::Tokens(vec![*token]),
            used: Vec::new(),
            stage: IssueStage::Opening,
        };
        let (mint, unit) = (operation.mint, operation.unit.clone());
        Operation { id, created_at: now, mint, unit, amount, body: Body::Issue(issue), ended: None }.keep(tx)?;
    }
    operation.end(tx, now, Outcome::SpentElsewhere)
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

/// What was to fund an operation went to a number of another operation: what came of it is kept, and this one ends. The request stays
/// kept, for whatever else had reserved a token of it.
pub(super) fn came_of_other(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    other: OpId,
    used: Used,
    tokens: Vec<(TokenKey, StoredToken)>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let operation = Operation::load(tx, op)?;
    let other = Operation::find(tx, other)?.ok_or(StoreError::Damaged)?;
    for (key, token) in &tokens {
        stock::add(tx, *key, token)?;
    }
    stock::came_to_something(tx, &used)?;
    let (spent, back): (Vec<_>, Vec<_>) = operation.tokens().iter().partition(|token| other.tokens().contains(token));
    stock::spend(tx, &spent, op)?;
    stock::release(tx, &back, op)?;
    for token in other.tokens().iter().filter(|token| !spent.contains(token)) {
        stock::spend_available(tx, *token, other.id)?;
    }
    if matches!((&other.body, other.ended), (Body::Issue(_), Some((_, Outcome::Failed)))) {
        Operation::amend(tx, other.id, Outcome::Issued)?;
    }
    let outcome = match operation.body {
        Body::Issue(_) => Outcome::Failed,
        Body::Pay(_) => Outcome::TakenBack,
    };
    operation.end(tx, now, outcome)
}

/// The issuance whose last number this is, and is unanswered.
fn sent(operation: &mut Operation, used: Used) -> Result<&mut Issue, StoreError> {
    let issue = operation.issue_mut().ok_or(StoreError::NoSuchOperation)?;
    if issue.stage == IssueStage::Sent && issue.used.last() == Some(&used) { Ok(issue) } else { Err(StoreError::Busy) }
}
