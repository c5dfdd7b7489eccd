//! What a wallet tells about its progress. Nothing in it is secret.

use std::time::Duration;

use farthing_protocol::identity::MintId;

use crate::operation::OpId;

/// Something worth telling while an operation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An operation left unfinished is gone on with.
    Resuming {
        /// The operation.
        op: OpId,
    },
    /// A mint's list was fetched, and extends what was known.
    Refreshed {
        /// The mint.
        mint: MintId,
    },
    /// The mint's keyset list must be fetched at the moment of paying.
    ///
    /// The mint sees from where it was fetched, and soon after a deposit: the time suggests that one wallet did both. A list
    /// [refreshed](crate::Wallet::refresh_mint) ahead of need shows nothing.
    ListBeforePaying {
        /// The mint.
        mint: MintId,
    },
    /// Tokens must be swapped at the moment of paying.
    ///
    /// The mint sees a swap, and soon after a deposit of coins that the swap just made possible: time and denominations
    /// suggest that one wallet did both.
    SwapBeforePaying,
    /// A [refresh](crate::Wallet::refresh) waits for so long before it does something.
    UpkeepPause {
        /// How long.
        length: Duration,
    },
    /// A [refresh](crate::Wallet::refresh) begins a swap or a withdrawal.
    Upkeep {
        /// The mint.
        mint: MintId,
    },
    /// An issuance number came to nothing; the next one is used.
    NumberAbandoned {
        /// The operation.
        op: OpId,
    },
    /// The mint had an issuance under this number that this wallet knows nothing of.
    ///
    /// While a restore is not finished the next number is used: the restore will find it. Otherwise an older copy of the wallet's folder
    /// was put back, or another wallet uses the same words, and nothing is moved any more until the wallet is
    /// [resynchronised](crate::Wallet::resynchronise).
    NumberTaken {
        /// The operation.
        op: OpId,
    },
    /// The same bytes are sent again.
    SentAgain {
        /// The operation.
        op: OpId,
    },
    /// A file of a mint's archive was read.
    RestoreProgress {
        /// The mint.
        mint: MintId,
        /// How many files were read.
        done: usize,
        /// How many there are, as far as is known: what is found may need more.
        total: usize,
        /// Tokens found so far.
        tokens: u64,
    },
    /// The mint is too busy to give a file, and is asked again later.
    RestoreWaits {
        /// The mint.
        mint: MintId,
        /// When, in seconds.
        seconds: u64,
    },
    /// Everything that a mint's archive lists was read.
    RestoreRead {
        /// The mint.
        mint: MintId,
        /// Whether that is all; otherwise the mint has not sealed everything yet.
        finished: bool,
    },
    /// A payment whose outcome is not known is settled with the mint.
    Settling {
        /// The operation.
        op: OpId,
    },
}
