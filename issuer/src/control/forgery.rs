use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

/// Says that it means nothing that more would have been redeemed of a keyset than was issued.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DismissForgeryRequest {
    /// Its id.
    pub keyset: KeysetId,
}

/// It is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DismissForgeryAnswer {
    /// Whether the mint had noticed anything of the kind.
    pub dismissed: bool,
}
