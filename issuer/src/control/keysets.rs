use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

use crate::keysets::KeysetSummary;

/// All keysets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetsReport {
    /// Each chain in order.
    pub keysets: Vec<KeysetSummary>,
}

/// Asks for the next keyset.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKeysetRequest {}

/// The keyset that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKeysetAnswer {
    /// Its id.
    pub keyset: KeysetId,
}
