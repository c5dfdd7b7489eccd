use farthing_protocol::amount::UnixTime;
use serde::{Deserialize, Serialize};

/// Begins a copy of the ledger. One that was begun before and not finished is given up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginCopyRequest {}

/// A copy was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginCopyAnswer {
    /// The copy.
    pub copy: u64,
    /// The mint's time: everything that was answered before it is in the copy.
    pub begun_at: UnixTime,
}

/// Asks for the next portion of a copy.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyPortionRequest {
    /// The copy.
    pub copy: u64,
}

/// A portion of a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyPortionAnswer {
    /// Its bytes in base64url: about half a MiB of them.
    pub bytes: String,
    /// Whether it is the last one.
    pub is_last: bool,
}
