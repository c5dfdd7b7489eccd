//! What can go wrong between people.

use std::path::PathBuf;

use farthing_protocol::codec::DecodeError;
use farthing_protocol::identity::MintId;

use crate::error::{IssueError, MintError, StoreError};
use crate::heads::from_choose_error;
use crate::operation::OpId;

/// Why money was not sent (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A swap did not come about. [`IssueError::Pending`] leaves an operation behind that [`resume`](crate::Wallet::resume) goes on with.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The amount is zero.
    #[error("the amount is zero")]
    Nothing,
    /// The note is longer than 140 bytes, or holds characters that do not show what they are.
    #[error("the note cannot be sent: {0}")]
    Memo(DecodeError),
    /// The tokens do not cover the amount.
    #[error("the tokens do not cover the amount")]
    InsufficientFunds,
    /// Whoever asks did not sign the request or the record.
    #[error("the signature does not fit")]
    InvalidSignature,
    /// The request's time has passed.
    #[error("the request has expired")]
    Expired,
    /// None of the mints that the recipient takes is known and confirmed here, in this unit.
    #[error("the recipient takes no mint that this wallet knows and trusts")]
    NoCommonMint,
    /// The recipient was shown another keyset chain than this wallet.
    #[error("the recipient was shown other keysets than this wallet; the evidence is in {}", evidence.display())]
    HeadDiffers {
        /// Where both were written.
        evidence: PathBuf,
    },
    /// The recipient names a keyset that the mint does not list.
    #[error("the recipient names a keyset that the mint does not list")]
    HeadUnknown,
    /// This request is being answered by an unfinished operation.
    #[error("operation {op} is answering this request already")]
    InProgress {
        /// The operation.
        op: OpId,
    },
    /// There is nothing under this number that was sent.
    #[error("operation {op} sent nothing")]
    NotSent {
        /// The operation.
        op: OpId,
    },
}

from_choose_error!(SendError);

/// Why tokens were not received (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The swap did not come about. [`IssueError::Pending`] leaves an operation behind that [`resume`](crate::Wallet::resume) goes on with:
    /// the tokens are kept.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The token is of a mint that the wallet does not know.
    #[error("the token is of a mint that this wallet does not know: {mint}")]
    UnknownMint {
        /// The mint.
        mint: MintId,
    },
    /// The token names a keyset that the mint does not list.
    #[error("the token is of a keyset that the mint does not list")]
    UnknownKeyset,
    /// The keyset ended.
    #[error("the token's keyset has ended: it cannot be exchanged any more")]
    KeysetEnded,
    /// The keyset was revoked. Only its sender's wallet can show the mint where the tokens came from.
    #[error(
        "the token's keyset was revoked, because its key leaked: it cannot be exchanged any more. Only its sender can still get what it is \
         worth from the mint, with `recoup`: ask him"
    )]
    KeysetRevoked,
    /// The mint did not sign it.
    #[error("the mint did not sign this token: it is worth nothing")]
    Forged,
    /// It is locked to somebody else.
    #[error("the token is locked to somebody else")]
    LockedToAnother,
    /// The wallet gave it out itself.
    #[error("operation {op} of this wallet gave the token out")]
    Own {
        /// The operation.
        op: OpId,
    },
    /// The wallet holds the token itself: one that it gave out once, before it was restored from its words.
    #[error("the wallet holds this token already")]
    Held,
    /// It was received before.
    #[error("operation {op} received this token before")]
    Before {
        /// The operation.
        op: OpId,
    },
    /// Somebody claimed it, or its sender took it back.
    #[error("the token was spent before: somebody else claimed it, or its sender took it back")]
    AlreadySpent,
}

/// Why a request cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The amount is zero.
    #[error("the amount is zero")]
    Nothing,
    /// The note is longer than 140 bytes, or holds characters that do not show what they are.
    #[error("the note cannot be sent: {0}")]
    Memo(DecodeError),
    /// The wallet knows and trusts no mint that issues the unit to everybody.
    #[error("the wallet trusts no mint with this unit")]
    NoMint,
}
