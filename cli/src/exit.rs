//! Failures as they leave the process: a code for programs, a sentence and the next step for people, an exit code for both.

use std::fmt;
use std::process::ExitCode;

use farthing_http::client::CallError;
use farthing_issuer::FactorError;
use farthing_wallet::{
    AskError, BudgetError, Class, GetError, IssueError, MintError, OpenError, PayError, QuoteError, Reason,
    ReceiveError, RecoupError, RedeemError, RequestError, RestoreError, ResumeError, SendError, StoreError,
};
use serde::Serialize;

/// Exit codes, for ever; `farthing help` lists them. A wrong command line is 2, and clap's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Unfinished = 3,
    Funds = 4,
    Locked = 5,
    Network = 6,
    Misconduct = 7,
    Unanswered = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    const fn of(class: Class) -> Self {
        match class {
            Class::Refused => Self::Failed,
            Class::Unfinished => Self::Unfinished,
            Class::Funds => Self::Funds,
            Class::Locked => Self::Locked,
            Class::Network => Self::Network,
            Class::Misconduct => Self::Misconduct,
        }
    }
}

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $exit:ident;)*) => {
        /// What goes wrong before a library is asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Trouble {
            $($(#[$doc])* $name,)*
        }

        impl Trouble {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn exit(self) -> Exit {
                match self { $(Self::$name => Exit::$exit,)* }
            }
        }
    };
}

troubles! {
    /// Nobody can be asked here.
    NobodyToAsk = "nobody_to_ask", Unanswered;
    /// Somebody was asked, and said no.
    Declined = "declined", Failed;
    /// An answer to a question was wrong.
    WrongAnswer = "wrong_answer", Failed;
    /// An amount that cannot be read, or is zero.
    BadAmount = "bad_amount", Failed;
    /// The two new passphrases differ.
    PassphrasesDiffer = "passphrases_differ", Failed;
    /// An environment variable that is not there, or holds no text.
    BadVariable = "bad_variable", Failed;
    /// A policy that cannot be kept.
    BadPolicy = "bad_policy", Failed;
    /// Words that are not those of a wallet.
    BadWords = "bad_words", Failed;
    /// A date that cannot be read.
    BadDate = "bad_date", Failed;
    /// A number that is none.
    BadNumber = "bad_number", Failed;
    /// A text that cannot be read: damaged, or of another kind.
    BadText = "bad_text", Failed;
    /// Parts of a text are missing, damaged or mixed.
    BadParts = "bad_parts", Failed;
    /// A picture that holds no QR code, or none that can be read.
    BadImage = "bad_image", Failed;
    /// There is already what was to be made.
    Exists = "exists", Failed;
    /// A file that cannot be read or written.
    BadFile = "bad_file", Failed;
    /// A payment that is not paid back: unknown, or for more than it was, or otherwise begun.
    NotRefunded = "not_refunded", Failed;
    /// The mint or its signer uses the folder.
    MintRunning = "mint_running", Locked;
    /// The passphrase or key file does not open the mint's keys, or a backup of them.
    WrongSecret = "wrong_secret", Locked;
    /// A mint's backup that is damaged, or none, or not the one that is wanted.
    BadBackup = "bad_backup", Failed;
    /// An account that is not forgotten, because it holds something or waits for something.
    AccountInUse = "account_in_use", Failed;
    /// The original of a mint that was put back certainly answered something after the copy.
    SomethingLost = "something_lost", Failed;
    /// The mint or unit that was named, or one that must be named, is not clear.
    Ambiguous = "ambiguous", Failed;
}

/// A failure of the command line's own.
#[derive(Debug)]
pub(crate) struct Fault {
    trouble: Trouble,
    message: String,
    hint: Option<String>,
}

/// A failure with its code and message.
pub(crate) fn fault(trouble: Trouble, message: impl Into<String>) -> Fault {
    Fault { trouble, message: message.into(), hint: None }
}

impl Fault {
    /// Says what to do next.
    pub(crate) fn next(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// What to do next, said where the failure is known best.
#[derive(Debug)]
pub(crate) struct Advice {
    message: String,
    hint: String,
}

/// Says in other words what failed, and what to do next; the failure keeps its code.
pub(crate) trait Advise<T> {
    fn advise(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn advise(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(advice(message, hint)))
    }
}

/// Other words for a failure, and what to do next.
pub(crate) fn advice(message: impl Into<String>, hint: impl Into<String>) -> Advice {
    Advice { message: message.into(), hint: hint.into() }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The answer says already what is not as it should be: nothing more is written, and the exit code follows.
#[derive(Debug)]
pub(crate) struct Told(Exit);

impl Told {
    /// The answer holds a failure with this exit code.
    pub(crate) const fn because(exit: Exit) -> Self {
        Self(exit)
    }

    /// Something is left unfinished.
    pub(crate) const fn unfinished() -> Self {
        Self(Exit::Unfinished)
    }

    /// Something was found that is not right.
    pub(crate) const fn failed() -> Self {
        Self(Exit::Failed)
    }

    /// The exit code, if this is all there is to an error.
    pub(crate) fn exit(error: &anyhow::Error) -> Option<Exit> {
        error.downcast_ref::<Self>().map(|told| told.0)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("see above")
    }
}

impl std::error::Error for Told {}

/// A failure, ready to be written.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) code: &'static str,
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

/// A failure as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailureAnswer {
    pub(crate) error: FailureBody,
}

/// What failed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FailureBody {
    /// Stable; docs/cli.md lists them.
    pub(crate) code: String,
    /// A sentence, and what lies below it.
    pub(crate) message: String,
    /// What to do next, if there is something to do.
    pub(crate) hint: Option<String>,
}

impl Explained {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let (code, exit, hint) = classify(error);
        let advice = error.downcast_ref::<Advice>().map(|advice| advice.hint.clone());
        let message = error.to_string();
        // Errors that stand for the one below them would say everything twice.
        let mut causes: Vec<String> = Vec::new();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if cause != message && causes.last() != Some(&cause) {
                causes.push(cause);
            }
        }
        Self { code, exit, message, causes, hint: advice.or(hint) }
    }

    /// A failure that stands in an answer, beside others.
    pub(crate) fn of_cause(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(cause) = link {
            if let Some(reason) = reason_of(cause) {
                let (code, exit) = (reason.code(), Exit::of(reason.class()));
                return Self { code, exit, message: error.to_string(), causes: Vec::new(), hint: None };
            }
            link = cause.source();
        }
        Self { code: "failed", exit: Exit::Failed, message: error.to_string(), causes: Vec::new(), hint: None }
    }

    /// The message, and what lies below it.
    pub(crate) fn in_one_line(&self) -> String {
        self.causes.iter().fold(self.message.clone(), |message, cause| format!("{message}: {cause}"))
    }

    pub(crate) fn to_json(&self) -> String {
        let (code, message) = (self.code.to_owned(), self.in_one_line());
        let body = FailureBody { code, message, hint: self.hint.clone() };
        serde_json::to_string(&FailureAnswer { error: body }).unwrap_or_default()
    }
}

/// Code, exit code and next step of a failure: of the first thing in its chain that knows.
fn classify(error: &anyhow::Error) -> (&'static str, Exit, Option<String>) {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return (fault.trouble.code(), fault.trouble.exit(), fault.hint.clone());
    }
    if let Some(reason) = reason_in(error) {
        return (reason.code(), Exit::of(reason.class()), next_step(reason).map(str::to_owned));
    }
    match error.chain().find_map(|cause| cause.downcast_ref::<CallError>()) {
        Some(CallError::NotSent(_)) => ("not_reached", Exit::Network, None),
        Some(call) if call.may_have_taken_effect() => ("outcome_unknown", Exit::Unfinished, None),
        _ => ("failed", Exit::Failed, None),
    }
}

/// The reason of a failure: of the first thing in its chain that has one.
pub(crate) fn reason_in(error: &anyhow::Error) -> Option<Reason> {
    error.chain().find_map(reason_of).or_else(|| {
        let refused = error.chain().find_map(|cause| cause.downcast_ref::<CallError>()).and_then(CallError::problem);
        refused.and_then(|problem| problem.known()).and_then(Reason::of_refusal)
    })
}

fn reason_of(cause: &(dyn std::error::Error + 'static)) -> Option<Reason> {
    cause
        .downcast_ref::<OpenError>()
        .map(OpenError::reason)
        .or_else(|| cause.downcast_ref::<PayError>().map(PayError::reason))
        .or_else(|| cause.downcast_ref::<SendError>().map(SendError::reason))
        .or_else(|| cause.downcast_ref::<ReceiveError>().map(ReceiveError::reason))
        .or_else(|| cause.downcast_ref::<QuoteError>().map(QuoteError::reason))
        .or_else(|| cause.downcast_ref::<RedeemError>().map(RedeemError::reason))
        .or_else(|| cause.downcast_ref::<AskError>().map(AskError::reason))
        .or_else(|| cause.downcast_ref::<GetError>().map(GetError::reason))
        .or_else(|| cause.downcast_ref::<RequestError>().map(RequestError::reason))
        .or_else(|| cause.downcast_ref::<RestoreError>().map(RestoreError::reason))
        .or_else(|| cause.downcast_ref::<BudgetError>().map(BudgetError::reason))
        .or_else(|| cause.downcast_ref::<RecoupError>().map(RecoupError::reason))
        .or_else(|| cause.downcast_ref::<IssueError>().map(IssueError::reason))
        .or_else(|| cause.downcast_ref::<ResumeError>().map(ResumeError::reason))
        .or_else(|| cause.downcast_ref::<MintError>().map(MintError::reason))
        .or_else(|| cause.downcast_ref::<StoreError>().map(StoreError::reason))
        .or_else(|| cause.downcast_ref::<FactorError>().and_then(factor_reason))
}

/// Of a mint's own second factor, where it does not run and is not asked.
const fn factor_reason(error: &FactorError) -> Option<Reason> {
    match error {
        FactorError::Required => Some(Reason::SecondFactorRequired),
        FactorError::Wrong | FactorError::Lost => Some(Reason::SecondFactorWrong),
        FactorError::Locked { .. } => Some(Reason::SecondFactorLocked),
        _ => None,
    }
}

/// What to do next, for each reason: one exhaustive match.
const fn next_step(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::WalletExists => {
            "--dir names another folder; if it was never finished, `farthing wallet mint add` gives it a mint"
        }
        Reason::WalletMissing => "`farthing wallet init` makes one, --dir names another",
        Reason::WalletInUse => "wait until the other command has ended",
        Reason::PassphraseNeeded => "give --passphrase-file or --passphrase-env, or open it at a terminal",
        Reason::PassphraseWrong => "nothing was touched; try again",
        Reason::PassphraseUnexpected => "leave the passphrase out, or name the folder that you mean with --dir",
        Reason::PassphraseEmpty => "give one, or --no-passphrase for a wallet that is protected like cash",
        Reason::KeysDamaged => "put a copy of the file `keys` back; the words bring the money back, too",
        Reason::PassphraseCost => {
            "the file `keys` is damaged, or of a later version: put a copy of it back; the words bring the money back, too"
        }
        // What to do stands in the message, where it depends on what is wrong.
        Reason::NotEncrypted | Reason::StateDamaged => return None,
        Reason::FolderUnusable => "see that the folder may be written and its disk is not full; nothing is lost",
        Reason::StateUnavailable => "run the command again; see that the disk is not full; nothing is lost",
        Reason::NetworkSetup => "a proxy is given as socks5h://host:port, without a user name",
        Reason::NoSuchOperation => "`farthing wallet history` lists operations with their numbers",
        Reason::Busy => "run the command again",
        Reason::WordsUsedElsewhere => {
            "`farthing wallet resync` brings the wallet together again; then use one of the two only"
        }
        Reason::RestoreFirst => "`farthing wallet restore` goes on with it, `farthing wallet resync` if that was begun",
        Reason::NotToBeRestored => "`farthing wallet resync` looks for what this wallet does not know",
        Reason::ArchiveRefused => {
            "what was found is kept; try again, and ask the mint's operator if it stays like this"
        }
        Reason::BadAddress => "an address is like https://mint.example or http://127.0.0.1:3338",
        Reason::MintNotReached | Reason::MintUnavailable => "nothing happened; try again when the mint can be reached",
        Reason::MintRefused | Reason::MintBadAnswer | Reason::MintListRefused => {
            "nothing happened; if it stays like this, ask the mint's operator"
        }
        Reason::MintListNotCurrent | Reason::ClockRefused => {
            "see that the clock of this machine is right: `farthing wallet doctor` says how far it is from the mint's"
        }
        Reason::MintUnknown => "`farthing wallet mint add URL` makes a mint known; take only mints that you trust",
        Reason::MintNotConfirmed => "`farthing wallet mint trust` confirms it, after you compared its identity",
        Reason::MintDistrusted => "the evidence lies in the wallet's folder `evidence`; spend elsewhere what you can",
        Reason::MintIsAnother => "do not use it before its operator has explained that",
        Reason::UnitUnknown => "`farthing wallet balance` shows the units",
        Reason::NothingIssued => "try again later, or ask the mint's operator",
        Reason::Misconduct => "keep the evidence: anybody can verify it. Do not use that mint or payee any more",
        Reason::NoSuchShape => "`farthing wallet withdraw --bundle list` shows bundles and the largest amount",
        Reason::InsufficientFunds => "`farthing wallet balance` shows what there is",
        Reason::OverLimit => "ask for less, or later; nothing was debited",
        Reason::NoHeldTokens => {
            "`farthing wallet balance` shows what is locked to whom; `farthing wallet withdraw --lock-to` gets more. If the payee \
             has a new key, `farthing wallet follow` goes with him"
        }
        Reason::SecondFactorRequired => "give --code with what the authenticator shows, or a recovery code",
        Reason::SecondFactorWrong => {
            "wait for the authenticator's next code: each is good once; if it stays like this, a clock is wrong"
        }
        Reason::SecondFactorLocked => "wait a quarter of an hour or longer, or use a recovery code",
        Reason::SettingsChanged => "look at the settings again: somebody changed them meanwhile",
        Reason::NoSuchTokens => "`farthing wallet balance` shows what there is; `farthing wallet withdraw` gets more",
        Reason::Unfinished => "nothing is lost: the next command goes on with it",
        Reason::FeeRose => "nothing was debited; begin again if you accept the fee",
        Reason::SeedUsedElsewhere => {
            "one set of words serves one live wallet: stop using the other one, and run `farthing wallet resync`"
        }
        Reason::SpentElsewhere => {
            "one set of words serves one live wallet: is there a copy of this one? `farthing wallet resync` looks for \
             what it did"
        }
        Reason::TokensEnded => "they cannot be used any more; `farthing wallet balance` shows when others end",
        Reason::InvalidInvoice => "do not pay it; ask the payee for another one",
        Reason::Expired => {
            "ask the payee for another one; if it is new, a clock is wrong: `farthing wallet doctor` says which"
        }
        Reason::NoEndpoint => "ask the payee for one with an address",
        Reason::NoCommonMint => "the payee must take a mint that you hold tokens of",
        Reason::HeadUnknown => "ask the payee for another invoice; do not pay if it stays like this",
        Reason::InProgress => "`farthing wallet balance` goes on with it",
        Reason::PayeeNotReached => "nothing was paid; try again when the payee can be reached",
        Reason::OutcomeUnknown => "nothing is lost, and nothing can be paid twice: the next command asks again",
        Reason::TakenBack => "ask the payee why",
        Reason::NothingToSend => "give an amount that is not zero",
        Reason::BadMemo => "shorten the note, and leave out what is no plain text",
        Reason::InvalidSignature => "do not use it; ask for another one",
        Reason::NotSent => "`farthing wallet sent` lists what was sent",
        Reason::KeysetUnknown => "nothing was taken; ask the sender where it comes from",
        Reason::KeysetEnded | Reason::Forged => "nothing was taken; ask the sender for another one",
        Reason::LockedToAnother => {
            "give the sender what `farthing wallet request` or `recipient` of this wallet prints"
        }
        Reason::OwnToken => "`farthing wallet send --reclaim` takes back what nobody claimed",
        Reason::ReceivedBefore => "nothing is to be done: the money is in this wallet",
        Reason::BadRequest => "see `farthing wallet get --help`",
        Reason::RequestTooLarge => "pay an amount with fewer tokens, or ask for less",
        Reason::ServerNotReached => "nothing was paid; try again when the server can be reached",
        Reason::ServerBadAnswer | Reason::DemandUnusable => "nothing was paid; ask the server's operator",
        Reason::PriceNotAllowed => {
            "--max-amount allows it for this request, `farthing wallet budget set` for the server"
        }
        Reason::AnswerLost => {
            "nothing more was paid. Ask the server for what you bought: `farthing wallet history` shows the payment. The same \
             command once more is a new request, and may pay anew"
        }
        Reason::BadBudget => "`farthing wallet budget list` shows the budgets",
        Reason::AlreadySpent => "nothing arrived; ask the sender",
        Reason::NoQuotes => "ask the mint's operator how to pay in; he credits what `farthing wallet account` prints",
        Reason::TooManyQuotes => "pay one of them, or wait until some have ended: `farthing wallet fund` lists yours",
        Reason::VoucherUsed => "nothing arrived; ask whoever gave it to you",
        Reason::VoucherEnded => "nothing can be had for it any more; ask the mint's operator for another one",
        Reason::VoucherUnknown => "nothing arrived; ask whoever gave it to you, or the mint's operator",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every code that a failure can have.
    fn all_codes() -> BTreeSet<&'static str> {
        let libraries = Reason::ALL.iter().map(|reason| reason.code());
        let own = Trouble::ALL.iter().map(|trouble| trouble.code());
        libraries.chain(own).chain(["not_reached", "failed"]).collect()
    }

    #[test]
    fn codes_are_different_and_documented_with_their_exit_code() {
        assert_eq!(all_codes().len(), Reason::ALL.len() + Trouble::ALL.len() + 2);
        let documented = include_str!("../../docs/cli.md");
        let row = |code: &str, exit: Exit| format!("| `{code}` | {} |", exit as u8);
        for reason in Reason::ALL {
            let row = row(reason.code(), Exit::of(reason.class()));
            assert!(documented.contains(&row), "docs/cli.md lacks {row}");
        }
        for trouble in Trouble::ALL {
            let row = row(trouble.code(), trouble.exit());
            assert!(documented.contains(&row), "docs/cli.md lacks {row}");
        }
    }

    #[test]
    fn a_failure_keeps_its_code_under_other_words() {
        let error = Err::<(), _>(PayError::InsufficientFunds).advise("not enough", "get more").unwrap_err();
        let explained = Explained::of(&error);
        assert_eq!((explained.code, explained.exit), ("insufficient_funds", Exit::Funds));
        assert_eq!((explained.message.as_str(), explained.hint.as_deref()), ("not enough", Some("get more")));
        let plain = Explained::of(&anyhow::anyhow!("something"));
        assert_eq!((plain.code, plain.exit, plain.hint), ("failed", Exit::Failed, None));
    }
}
