use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

use crate::recoup::RecoupReport;

/// Revokes a keyset.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    pub keyset: KeysetId,
    /// Since when its key may have been in other hands; not given, since now.
    #[serde(default)]
    pub leaked_since: Option<UnixTime>,
    /// For so many seconds claims are collected before anything is paid; 30 days if not given.
    #[serde(default)]
    pub claims_seconds: Option<u64>,
}

/// The keyset is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeAnswer {
    /// Since when.
    pub revoked_at: UnixTime,
    /// Since when its key may have been in other hands: what was issued from then on is not recouped.
    pub leaked_since: UnixTime,
    /// Until then claims are collected and nothing is paid.
    pub claims_until: UnixTime,
}

/// How the recoup of each revoked keyset stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupsReport {
    /// The revoked keysets, by id.
    pub recoups: Vec<RecoupReport>,
}

/// Puts the operator's own money in for the honest tokens of a revoked keyset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverRequest {
    /// The keyset.
    pub keyset: KeysetId,
    /// How much.
    pub amount: Amount,
    /// The operator's own name for it, 1 to 128 bytes: with the same reference it is done once only.
    pub reference: String,
    /// Also beyond what is missing for the claims that wait.
    #[serde(default)]
    pub beyond: bool,
}

/// It stands in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverAnswer {
    /// What the books hold for the keyset's tokens.
    pub outstanding: Amount,
    /// Whether the reference was known: then nothing changed.
    pub known: bool,
}

/// Says that what is not covered of the claims on a revoked keyset's tokens is not paid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseRecoupRequest {
    /// The keyset.
    pub keyset: KeysetId,
}
