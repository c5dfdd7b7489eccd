//! What the operator's commands say to a running mint, over its control socket.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

use crate::keysets::KeysetSummary;

/// Paths of the control endpoints.
pub mod path {
    /// POST [`MoneyRequest`](super::MoneyRequest) → [`MoneyAnswer`](super::MoneyAnswer).
    pub const CREDIT: &str = "/v1/control/credit";
    /// POST [`MoneyRequest`](super::MoneyRequest) → [`MoneyAnswer`](super::MoneyAnswer).
    pub const PAY_OUT: &str = "/v1/control/pay-out";
    /// GET: [`AuditReport`](crate::AuditReport).
    pub const AUDIT: &str = "/v1/control/audit";
    /// GET: [`KeysetsReport`](super::KeysetsReport).
    pub const KEYSETS: &str = "/v1/control/keysets";
    /// GET with an account key: [`AccountAnswer`](farthing_protocol::api::AccountAnswer).
    pub const ACCOUNT: &str = "/v1/control/accounts/{account}";
    /// POST [`NewKeysetRequest`](super::NewKeysetRequest) → [`NewKeysetAnswer`](super::NewKeysetAnswer).
    pub const NEW_KEYSET: &str = "/v1/control/new-keyset";
    /// POST [`RevokeRequest`](super::RevokeRequest) → [`RevokeAnswer`](super::RevokeAnswer).
    pub const REVOKE: &str = "/v1/control/revoke";

    /// The path of one account's balances.
    pub fn account(account: &farthing_protocol::identity::AccountKey) -> String {
        ACCOUNT.replace("{account}", &account.to_text())
    }
}

/// Money that came from outside for an account, or was paid to its owner, in the mint's unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyRequest {
    /// The account.
    pub account: AccountKey,
    /// How much.
    pub amount: Amount,
    /// The operator's own name for it, 1 to 128 bytes: with the same reference it is done once only.
    pub reference: String,
}

/// It stands in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyAnswer {
    /// The account's balance.
    pub balance: Amount,
    /// Whether the reference was known: then nothing changed.
    pub known: bool,
}

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

/// Revokes a keyset.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Its id.
    pub keyset: KeysetId,
}

/// The keyset is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeAnswer {
    /// Since when.
    pub revoked_at: UnixTime,
}
