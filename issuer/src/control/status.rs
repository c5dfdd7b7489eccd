use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use serde::{Deserialize, Serialize};

/// How a mint that runs stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusReport {
    /// Which.
    pub mint: MintId,
    /// What is wrong, the worst first.
    pub alarms: Vec<AlarmView>,
    /// Until when the keyset issues that issues now.
    pub issues_until: Option<UnixTime>,
    /// Whether its signer can be asked.
    pub signer: SignerView,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmView {
    /// The [`Alarm`](crate::Alarm)'s stable name.
    pub alarm: String,
    /// A plain sentence.
    pub sentence: String,
}

/// Whether a mint's signer can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "state")]
pub enum SignerView {
    /// The mint holds its keys itself.
    Here {},
    /// It is a process of its own, and answers.
    Reached {},
    /// It is a process of its own, and does not answer.
    Unreached {
        /// Since when.
        since: UnixTime,
    },
}
