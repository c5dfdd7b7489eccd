//! What is shown of money between people.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};

use super::TokenText;
use crate::operation::{Body, OpId, Operation, Outcome};

/// Money that was sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The operation.
    pub op: OpId,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// The text to hand over.
    pub text: TokenText,
    /// To whom it is locked; if to nobody, whoever has the text has the money.
    pub locked_to: Option<PayeeKey>,
    /// How many swaps had to be made at the moment of sending.
    pub swaps: u32,
    /// Whether this very request was answered before: nothing was taken now.
    pub again: bool,
}

/// How something sent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SentState {
    /// Whoever has the text can claim it; it can be taken back.
    Out,
    /// It is being locked; there is no text yet.
    Locking,
    /// It is being taken back.
    Reclaiming,
    /// It is locked to its recipient. Whether he claimed it is not known here.
    Locked,
    /// Somebody claimed it.
    Claimed,
    /// It was taken back.
    TakenBack,
    /// Its keyset ended before anybody claimed it, and it is worth nothing any more.
    Ended,
    /// Nothing was moved.
    Failed,
}

/// Something that was sent, or is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentView {
    /// The operation.
    pub op: OpId,
    /// When it began.
    pub sent_at: UnixTime,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// The note.
    pub memo: Option<String>,
    /// To whom it is locked.
    pub locked_to: Option<PayeeKey>,
    /// How it stands.
    pub state: SentState,
}

/// Tokens that were received, as own ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The operation.
    pub op: OpId,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much arrived.
    pub amount: Amount,
    /// How much the text held. More than arrived if somebody had claimed a part.
    pub held: Amount,
    /// How many tokens they are.
    pub tokens: usize,
    /// The sender's note.
    pub memo: Option<String>,
    /// Whether they were locked to this wallet.
    pub locked: bool,
}

impl SentView {
    pub(super) fn of(operation: &Operation) -> Option<Self> {
        let (memo, locked_to, state) = match (&operation.body, operation.ended) {
            (Body::Send(sending), None) if sending.reclaiming.is_some() => (&sending.memo, None, SentState::Reclaiming),
            (Body::Send(sending), None) => (&sending.memo, None, SentState::Out),
            (Body::Send(sending), Some((_, Outcome::TakenBack))) => (&sending.memo, None, SentState::TakenBack),
            (Body::Send(sending), Some((_, Outcome::TokensEnded))) => (&sending.memo, None, SentState::Ended),
            (Body::Send(sending), Some((_, Outcome::Failed))) => (&sending.memo, None, SentState::Failed),
            (Body::Send(sending), Some(_)) => (&sending.memo, None, SentState::Claimed),
            (Body::Lock(locking), ended) => {
                let state = match ended {
                    None => SentState::Locking,
                    Some((_, Outcome::Issued)) => SentState::Locked,
                    Some(_) => SentState::Failed,
                };
                (&locking.memo, Some(*locking.to.payee()), state)
            }
            (Body::Issue(_) | Body::Pay(_) | Body::Receive(_) | Body::Recoup(_), _) => return None,
        };
        Some(Self {
            op: operation.id,
            sent_at: operation.created_at,
            mint: operation.mint,
            unit: operation.unit.clone(),
            amount: operation.amount,
            memo: memo.clone(),
            locked_to,
            state,
        })
    }
}
