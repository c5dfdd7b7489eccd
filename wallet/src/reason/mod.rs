//! Why something failed, as one list for all kinds of work: a stable code, and what it means for the caller.
//!
//! The errors say what happened, in a sentence; a [`Reason`] is for whoever must decide what to do next: a program, or the text
//! that tells a person.

mod errors;

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Refused, or failed. No value is under way because of it.
    Refused,
    /// The outcome is not known yet, or an operation is left unfinished: [`resume`](crate::Wallet::resume) goes on with it.
    Unfinished,
    /// The funds do not cover it.
    Funds,
    /// The wallet is locked, or another process uses it.
    Locked,
    /// A mint or payee was not reached, and nothing happened.
    Network,
    /// Evidence of misconduct was found, and kept.
    Misconduct,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $class:ident;)*) => {
        /// Why something failed. Codes are for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it means for the caller.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
        }
    };
}

reasons! {
    /// There is a wallet in the folder already.
    WalletExists = "wallet_exists", Refused;
    /// There is no wallet in the folder.
    WalletMissing = "wallet_missing", Refused;
    /// Another process has the wallet open.
    WalletInUse = "wallet_in_use", Locked;
    /// The wallet has a passphrase, and none was given.
    PassphraseNeeded = "passphrase_needed", Locked;
    /// The passphrase does not open the wallet.
    PassphraseWrong = "passphrase_wrong", Locked;
    /// The wallet has no passphrase, and one was given.
    PassphraseUnexpected = "passphrase_unexpected", Locked;
    /// A passphrase with nothing in it.
    PassphraseEmpty = "passphrase_empty", Refused;
    /// The cost of a guess at the passphrase is out of range.
    PassphraseCost = "passphrase_cost", Refused;
    /// The wallet was made by a version that did not encrypt.
    NotEncrypted = "not_encrypted", Refused;
    /// The file `keys` is damaged, or belongs to another wallet.
    KeysDamaged = "keys_damaged", Refused;
    /// The folder cannot be read or written.
    FolderUnusable = "folder_unusable", Refused;
    /// The state is damaged.
    StateDamaged = "state_damaged", Refused;
    /// The state could not be read or written now.
    StateUnavailable = "state_unavailable", Refused;
    /// No client for the network could be set up.
    NetworkSetup = "network_setup", Refused;
    /// There is no such unfinished operation.
    NoSuchOperation = "no_such_operation", Refused;
    /// Another wallet uses the same words, or an old copy of the folder was put back: nothing is moved.
    WordsUsedElsewhere = "words_used_elsewhere", Unfinished;
    /// A restore was begun and does not know yet which numbers were used with the words: nothing is moved.
    RestoreFirst = "restore_first", Unfinished;
    /// The operation is being worked on.
    Busy = "busy", Refused;
    /// Not an address.
    BadAddress = "bad_address", Refused;
    /// A mint was not reached.
    MintNotReached = "mint_not_reached", Network;
    /// A mint cannot answer now.
    MintUnavailable = "mint_unavailable", Network;
    /// A mint refused.
    MintRefused = "mint_refused", Refused;
    /// A mint's answer cannot be understood.
    MintBadAnswer = "mint_bad_answer", Refused;
    /// The wallet does not know the mint.
    MintUnknown = "mint_unknown", Refused;
    /// The mint's identity was not confirmed.
    MintNotConfirmed = "mint_not_confirmed", Refused;
    /// The mint contradicted itself earlier.
    MintDistrusted = "mint_distrusted", Refused;
    /// Another mint answers at the address.
    MintIsAnother = "mint_is_another", Refused;
    /// The mint's keyset list is not acceptable.
    MintListRefused = "mint_list_refused", Refused;
    /// The mint's keyset list is not of this time: a clock is wrong, here or there.
    MintListNotCurrent = "mint_list_not_current", Refused;
    /// The mint refuses the time of a question: a clock is wrong, here or there.
    ClockRefused = "clock_refused", Refused;
    /// The mint does not issue the unit.
    UnitUnknown = "unit_unknown", Refused;
    /// No keyset issues now.
    NothingIssued = "nothing_issued", Refused;
    /// Evidence of misconduct was kept.
    Misconduct = "misconduct", Misconduct;
    /// The keyset has no tokens for the amount, or no such bundle.
    NoSuchShape = "no_such_shape", Refused;
    /// The funds do not cover the amount.
    InsufficientFunds = "insufficient_funds", Funds;
    /// It needs a code of the second factor.
    SecondFactorRequired = "second_factor_required", Refused;
    /// The code of the second factor is wrong, or was used before.
    SecondFactorWrong = "second_factor_wrong", Refused;
    /// Too many codes of the second factor were wrong.
    SecondFactorLocked = "second_factor_locked", Refused;
    /// The account's settings were changed meanwhile.
    SettingsChanged = "settings_changed", Refused;
    /// The mint's limits do not allow so much.
    OverLimit = "over_limit", Refused;
    /// The wallet does not hold the tokens to swap, or to claim.
    NoSuchTokens = "no_such_tokens", Funds;
    /// An operation is left unfinished.
    Unfinished = "unfinished", Unfinished;
    /// The mint's fee rose meanwhile.
    FeeRose = "fee_rose", Refused;
    /// Another wallet uses the same words.
    SeedUsedElsewhere = "seed_used_elsewhere", Unfinished;
    /// Tokens were spent before, by somebody else.
    SpentElsewhere = "spent_elsewhere", Refused;
    /// Tokens ended.
    TokensEnded = "tokens_ended", Refused;
    /// The invoice is not signed by its payee.
    InvalidInvoice = "invalid_invoice", Refused;
    /// Its time has passed.
    Expired = "expired", Refused;
    /// It names no address.
    NoEndpoint = "no_endpoint", Refused;
    /// The payee takes no mint that is known here.
    NoCommonMint = "no_common_mint", Refused;
    /// The payee names keysets that nobody knows.
    HeadUnknown = "head_unknown", Refused;
    /// It is being paid already.
    InProgress = "in_progress", Unfinished;
    /// The payee was not reached.
    PayeeNotReached = "payee_not_reached", Network;
    /// It is not known whether the payee accepted.
    OutcomeUnknown = "outcome_unknown", Unfinished;
    /// The payee refused, and the money is back.
    TakenBack = "taken_back", Refused;
    /// The wallet holds no tokens for the payee that make exactly the amount.
    NoHeldTokens = "no_held_tokens", Funds;
    /// The amount is zero.
    NothingToSend = "nothing_to_send", Refused;
    /// A note that cannot be sent.
    BadMemo = "bad_memo", Refused;
    /// A request or record is not signed by whom it names.
    InvalidSignature = "invalid_signature", Refused;
    /// The operation sent nothing that could be shown or taken back.
    NotSent = "not_sent", Refused;
    /// The token is of an unknown keyset.
    KeysetUnknown = "keyset_unknown", Refused;
    /// The token's keyset ended.
    KeysetEnded = "keyset_ended", Refused;
    /// The mint did not sign the token.
    Forged = "forged", Refused;
    /// The token is locked to somebody else.
    LockedToAnother = "locked_to_another", Refused;
    /// The wallet gave the token out itself.
    OwnToken = "own_token", Refused;
    /// The wallet received the token before.
    ReceivedBefore = "received_before", Refused;
    /// The wallet was used with the mint already: it can be resynchronised, not restored.
    NotToBeRestored = "not_to_be_restored", Refused;
    /// The mint's archive cannot be read.
    ArchiveRefused = "archive_refused", Refused;
    /// A part of an HTTP request that is none.
    BadRequest = "bad_request", Refused;
    /// The request with its payment is larger than servers take.
    RequestTooLarge = "request_too_large", Refused;
    /// The server was not reached, or did not answer; nothing was paid.
    ServerNotReached = "server_not_reached", Network;
    /// The server's answer cannot be understood; nothing was paid.
    ServerBadAnswer = "server_bad_answer", Refused;
    /// The server demands payment in a way that cannot be met.
    DemandUnusable = "demand_unusable", Refused;
    /// It costs more than it may, or nobody said what it may.
    PriceNotAllowed = "price_not_allowed", Refused;
    /// It was paid for before, and the answer was lost.
    AnswerLost = "answer_lost", Refused;
    /// A budget that cannot be kept.
    BadBudget = "bad_budget", Refused;
    /// Somebody claimed the token.
    AlreadySpent = "already_spent", Refused;
    /// The mint gives no quotes.
    NoQuotes = "no_quotes", Refused;
    /// Too many quotes wait to be paid.
    TooManyQuotes = "too_many_quotes", Refused;
    /// Somebody redeemed the voucher.
    VoucherUsed = "voucher_used", Refused;
    /// The voucher expired or was revoked.
    VoucherEnded = "voucher_ended", Refused;
    /// The mint does not know the voucher.
    VoucherUnknown = "voucher_unknown", Refused;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_plain_and_different() {
        let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
