use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{FactorState, RecoveryCode, TimeCode};
use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

use crate::ledger::Who;

/// How the administrator's second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdministratorReport {
    /// Whether codes are asked for.
    pub factor: FactorState,
    /// Whether another factor was drawn that waits for its first code.
    pub waiting: bool,
    /// How many recovery codes are left.
    pub recovery_codes_left: u8,
    /// Until when codes of the authenticator are refused.
    pub locked_until: Option<UnixTime>,
}

/// Asks for something that has no parameters.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The first code of a second factor that was drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// Six digits.
    pub code: TimeCode,
}

/// New recovery codes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryCodesAnswer {
    /// They are told this once.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// Takes an account's second factor away, because its owner lost it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetFactorRequest {
    /// The account.
    pub account: AccountKey,
}

/// It is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetFactorAnswer {
    /// Whether there was one.
    pub removed: bool,
}

/// Which entries of the journal are asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalQuery {
    /// Those before this number; the newest, if not given.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most so many; 100 if not given, and no more than 500.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Entries of the journal, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalReport {
    /// The entries.
    pub entries: Vec<JournalEntry>,
    /// The `before` to go on with; none when there are no more.
    pub next: Option<u64>,
    /// How many entries there are.
    pub length: u64,
}

/// An administrative change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Its number, from 0.
    pub number: u64,
    /// When.
    pub at: UnixTime,
    /// Who.
    pub who: Who,
    /// What: a stable word.
    pub act: String,
    /// The details by name; none if they were erased because an account that they name was forgotten.
    pub details: Option<Vec<JournalField>>,
    /// The hash of everything up to it.
    pub link: String,
}

/// A detail of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalField {
    /// Which.
    pub name: String,
    /// Its value: an account or id, a sum of smallest units, Unix seconds, a text.
    pub value: String,
}

/// What of the journal is to be verified.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalCheckQuery {
    /// A link to look for.
    #[serde(default)]
    pub link: Option<String>,
}

/// Whether the journal is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalCheck {
    /// Whether every row fits those before it, and none is missing at the end.
    pub right: bool,
    /// How many entries there are.
    pub length: u64,
    /// The last link.
    pub link: String,
    /// After which entry the journal had the link that was looked for.
    pub found: Option<u64>,
}
