//! What can go wrong, one enum for each kind of work.

use std::path::PathBuf;

use farthing_http::client::{BuildError, CallError, UrlError};
use farthing_http::problem::Code;
use farthing_protocol::DecodeError;
use farthing_protocol::amount::Amount;
use farthing_protocol::blind::wallet::UnblindError;
use farthing_protocol::keyset::ListError;
use farthing_protocol::shape::ShapeError;

use crate::operation::OpId;

/// Why a wallet cannot be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is a wallet in the folder already.
    #[error("there is a wallet in this folder already")]
    Exists,
    /// There is no wallet in the folder.
    #[error("there is no wallet in this folder")]
    Missing,
    /// Another process has the wallet open.
    #[error("the wallet is in use by another process")]
    InUse,
    /// The wallet has a passphrase, and none was given.
    #[error("the wallet is protected by a passphrase")]
    NeedsPassphrase,
    /// It is another passphrase, or bytes of the file `keys` were changed: nobody can tell the two apart.
    #[error("the passphrase does not open the wallet, or its file `keys` was changed")]
    WrongPassphrase,
    /// A passphrase was given for a wallet that has none: it may be another one than the one meant.
    #[error("the wallet has no passphrase, and one was given: it may not be the wallet you mean")]
    NoPassphrase,
    /// A passphrase with nothing in it.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// What a guess at the passphrase is to cost is outside of what this version computes.
    #[error("the cost of the passphrase is out of range")]
    Cost,
    /// The folder was made by a version that did not encrypt.
    #[error(
        "this wallet was made by a version that did not encrypt: make a new one in another folder, and with that version pay \
         to it what this one holds"
    )]
    Unencrypted,
    /// The file with the wallet's keys cannot be read as one.
    #[error(
        "the wallet's file `keys` is damaged: put a copy of it back, or restore the wallet from its words in a new folder"
    )]
    KeysDamaged,
    /// The state was made with other keys.
    #[error("the wallet's file `keys` and its state do not belong together")]
    KeysMismatch,
    /// The folder holds keys and no state.
    #[error(
        "the wallet's folder `state` is gone, and with it its tokens: put it back, or restore the wallet from its words in a new \
         folder"
    )]
    StateMissing,
    /// Something that was written to the state is not there any more.
    #[error(
        "a part of the wallet's state is gone: put a copy of its folder back that nothing was done with since, or restore the \
         wallet from its words in a new folder"
    )]
    StateTruncated,
    /// The operating system refused.
    #[error("the wallet's folder could not be read or written")]
    Io(#[from] std::io::Error),
    /// The state cannot be opened.
    #[error("the wallet's state could not be opened")]
    State(#[source] farthing_durable::OpenError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Http(#[from] BuildError),
}

impl From<farthing_durable::OpenError> for OpenError {
    fn from(error: farthing_durable::OpenError) -> Self {
        match error {
            farthing_durable::OpenError::InUse => Self::InUse,
            farthing_durable::OpenError::Truncated => Self::StateTruncated,
            farthing_durable::OpenError::Damaged => Self::Store(StoreError::Damaged),
            other => Self::State(other),
        }
    }
}

/// The wallet's state cannot be read or written. Nothing is lost: open the wallet again, and it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store stopped, or is overloaded.
    #[error(
        "the wallet's state cannot be read or written (is the disk full?); nothing is lost, and the next command goes on"
    )]
    Unavailable,
    /// Something stored does not decode.
    #[error(
        "the wallet's state is damaged: put a copy of its folder back that nothing was done with since, or restore the wallet from \
         its words in a new folder"
    )]
    Damaged,
    /// Something is larger than the store takes.
    #[error("a part of the wallet's state is too large")]
    TooLarge,
    /// There is no such operation, or it ended.
    #[error("there is no such unfinished operation")]
    NoSuchOperation,
    /// Another wallet uses the same words with this mint, or an old copy of this folder was put back: nothing is moved there until it is brought
    /// together again with [`resynchronise`](crate::Wallet::resynchronise).
    #[error("another wallet uses these words, or an old copy of this folder was put back; resynchronise it first")]
    WordsUsedElsewhere,
    /// A restore was begun and does not know yet which numbers were used with the words: nothing is moved until
    /// [`restore`](crate::Wallet::restore) has read the mint's archive once.
    #[error(
        "the wallet is being restored and does not know yet what was done with its words; go on with the restore first"
    )]
    RestoreFirst,
    /// Something else changed the operation meanwhile.
    #[error("the operation is being worked on already")]
    Busy,
}

impl From<farthing_durable::Unavailable> for StoreError {
    fn from(_: farthing_durable::Unavailable) -> Self {
        Self::Unavailable
    }
}

impl From<farthing_durable::StoreFault> for StoreError {
    fn from(fault: farthing_durable::StoreFault) -> Self {
        match fault {
            farthing_durable::StoreFault::TooLarge | farthing_durable::StoreFault::Full => Self::TooLarge,
            farthing_durable::StoreFault::Damaged => Self::Damaged,
            _ => Self::Unavailable,
        }
    }
}

impl From<DecodeError> for StoreError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged
    }
}

/// What is wrong with a mint, or with what it says of its keysets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not an address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The mint could not be asked, or refused.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The way to the network cannot be set up.
    #[error(transparent)]
    Http(#[from] BuildError),
    /// The wallet does not know this mint.
    #[error("the wallet does not know this mint")]
    Unknown,
    /// Nobody confirmed this mint's identity yet.
    #[error("the mint's identity was not confirmed yet")]
    NotPinned,
    /// The mint was caught cheating earlier; the evidence lies in the wallet's folder.
    #[error("the mint contradicted itself earlier and is refused")]
    Refused,
    /// The mint was caught cheating now.
    #[error("the mint contradicts what it signed before; the evidence is in {}", evidence.display())]
    Misconduct {
        /// Where the proof was written.
        evidence: PathBuf,
    },
    /// The list is not acceptable.
    #[error(transparent)]
    List(ListError),
    /// Another mint answers at the address.
    #[error("another mint answers at this address")]
    WrongIdentity,
    /// Keysets are missing, or not signed by the mint, or do not follow one another.
    #[error("the mint's keysets do not make the chains of its list")]
    BadKeysets,
    /// The evidence could not be written.
    #[error("evidence could not be written to the wallet's folder")]
    Evidence(#[from] std::io::Error),
    /// The record to whose owner tokens were to be locked is not signed by him.
    #[error("the record's signature does not fit")]
    InvalidRecipient,
    /// The mint has no such unit.
    #[error("the mint does not issue this unit")]
    NoSuchUnit,
    /// No keyset issues at the moment.
    #[error("the mint has no keyset that issues at the moment")]
    NoActiveKeyset,
}

impl From<CallError> for MintError {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

/// Why a withdrawal or a swap did not bring tokens (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The keyset has no tokens for this.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The account or the wallet does not hold enough.
    #[error("the funds do not cover the amount")]
    InsufficientFunds,
    /// It is more than may leave the account without a code of its second factor, and none was given. Nothing was begun.
    #[error("this needs a code of the account's second factor")]
    SecondFactor {
        /// How much may leave it now without one.
        free: Amount,
    },
    /// The wallet has no tokens of the denominations to swap.
    #[error("the wallet does not hold the tokens to swap")]
    NoSuchTokens,
    /// The outcome is not known, or the mint was not to be reached: the operation stays, and
    /// [`resume`](crate::Wallet::resume) goes on with it.
    #[error("operation {op} is not finished: {cause}")]
    Pending {
        /// The operation.
        op: OpId,
        /// What came between.
        cause: PendingCause,
    },
    /// The mint's fee rose since the withdrawal began. Nothing was sent, nothing is debited; the operation ended.
    #[error("the mint's fee is now higher than when operation {op} began; nothing was debited")]
    FeeRose {
        /// The operation.
        op: OpId,
    },
    /// The mint refused for good; nothing was debited, and tokens are available again.
    #[error("the mint refused operation {op} ({code})")]
    Refused {
        /// The operation.
        op: OpId,
        /// The mint's code.
        code: Code,
    },
    /// The mint answered what it must never answer. The operation stays as it is.
    #[error("the mint's answer to operation {op} is wrong ({lie}); the evidence is in {}", evidence.display())]
    Lie {
        /// The operation.
        op: OpId,
        /// What is wrong.
        lie: Lie,
        /// Where the messages were written.
        evidence: PathBuf,
    },
    /// The tokens' money went to an issuance or payment that this wallet did not make: another wallet uses the same seed.
    #[error("another wallet uses the same words: operation {op} is stopped")]
    SeedUsedElsewhere {
        /// The operation.
        op: OpId,
    },
    /// 100 issuance numbers in a row came to nothing.
    #[error("100 issuances in a row came to nothing: operation {op} is stopped until the mint's next keyset")]
    TooManyAbandoned {
        /// The operation.
        op: OpId,
    },
    /// A token was spent before, in a payment this wallet does not know of.
    #[error("a token of operation {op} was spent before")]
    SpentElsewhere {
        /// The operation.
        op: OpId,
    },
    /// The tokens' keyset ended or was revoked, so that the mint takes them no more.
    #[error("the tokens of operation {op} cannot be swapped any more")]
    TokensEnded {
        /// The operation.
        op: OpId,
    },
}

/// Why an issuance is not finished yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PendingCause {
    /// No answer that decides.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The mint's fee is higher than what was agreed to; something was sent, so that the operation stays.
    #[error("the mint's fee is now higher than it was")]
    FeeRose,
    /// Several numbers in a row came to nothing; the next attempt goes on.
    #[error("several issuances in a row came to nothing")]
    NumbersAbandoned,
}

impl From<CallError> for PendingCause {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

/// What a mint must never answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lie {
    /// Commitments or responses.
    #[error(transparent)]
    Signing(#[from] UnblindError),
    /// A record of another issuance than the one asked for.
    #[error("the record is of another issuance")]
    OtherRecord,
    /// A record under our issuance id whose amount, debit or funding is not what was signed.
    #[error("the record is not what was signed")]
    OtherTerms,
}

/// Why an invoice was not paid (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// A swap before paying, or while settling, did not come about.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The payee did not sign the invoice.
    #[error("the invoice's signature does not fit")]
    InvalidInvoice,
    /// The invoice's time has passed.
    #[error("the invoice has expired")]
    Expired,
    /// The invoice names no address, or none that can be called.
    #[error("the invoice has no usable address to pay to")]
    NoEndpoint,
    /// None of the mints that the payee takes is known and confirmed here, in this unit.
    #[error("the payee takes no mint that this wallet knows and trusts")]
    NoCommonMint,
    /// The payee was shown another keyset chain than this wallet.
    #[error("the payee was shown other keysets than this wallet; the evidence is in {}", evidence.display())]
    HeadDiffers {
        /// Where both were written.
        evidence: PathBuf,
    },
    /// The payee names a keyset that the mint does not list.
    #[error("the payee names a keyset that the mint does not list")]
    HeadUnknown,
    /// The tokens do not cover the amount.
    #[error("the tokens do not cover the amount")]
    InsufficientFunds,
    /// The wallet holds no tokens locked to the payee that make exactly this amount.
    #[error("the wallet holds no tokens for this payee that make exactly this amount")]
    NoHeldTokens,
    /// This invoice is being paid by an unfinished operation.
    #[error("operation {op} is paying this invoice already")]
    InProgress {
        /// The operation.
        op: OpId,
    },
    /// Nothing was sent, and the tokens are available again.
    #[error("the payee could not be reached; nothing was paid ({0})")]
    NotSent(Box<CallError>),
    /// It is not known whether the payee accepted. The operation stays: [`resume`](crate::Wallet::resume) asks again with the
    /// same bytes, and after the invoice's time, or by [`give_up`](crate::Wallet::give_up), the question is settled with the mint.
    #[error("it is not known yet whether operation {op} was accepted: {cause}")]
    Unknown {
        /// The operation.
        op: OpId,
        /// What came between.
        cause: NoReceipt,
    },
    /// The payee refused, and the tokens were taken back: it can never be accepted any more.
    #[error("the payee refused operation {op}{}; the money is back", code.map(|code| format!(" ({code})")).unwrap_or_default())]
    TakenBack {
        /// The operation.
        op: OpId,
        /// The payee's code, if it gave one that is known.
        code: Option<Code>,
    },
}

/// Why there is no receipt that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReceipt {
    /// No answer that decides.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The receipt is not of this payment, or not signed by the payee.
    #[error("the receipt does not fit the payment")]
    Invalid,
    /// The payment goes with an HTTP request, which is not repeated unasked.
    #[error("the request that it goes with is repeated only when it is made again")]
    NotAsked,
    /// The payment was handed over by its owner, and its payee gave no receipt yet.
    #[error("it was handed over, and there is no receipt yet")]
    ByHand,
    /// The payee's keyset chain differs or could not be compared.
    #[error("the receipt names keysets that differ from the wallet's, or could not be compared")]
    Head,
}

impl From<CallError> for NoReceipt {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}
