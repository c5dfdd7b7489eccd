//! What the operator's commands say to a running mint, over its control socket.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::PayoutState;
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
    /// GET with [`PayoutsQuery`](super::PayoutsQuery): [`PayoutsReport`](super::PayoutsReport).
    pub const PAYOUTS: &str = "/v1/control/payouts";
    /// POST [`SettlePayoutRequest`](super::SettlePayoutRequest) → [`PayoutView`](super::PayoutView).
    pub const SETTLE_PAYOUT: &str = "/v1/control/settle-payout";
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

/// Which payouts are asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutsQuery {
    /// Those that were settled, too.
    #[serde(default)]
    pub all: bool,
    /// Those after this number.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Payouts in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutsReport {
    /// The payouts.
    pub payouts: Vec<PayoutView>,
    /// Where to go on; none when there are no more.
    pub next: Option<u64>,
}

/// A payout that an account's owner asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutView {
    /// Its number, by which it is settled.
    pub number: u64,
    /// Whose money it is.
    pub account: AccountKey,
    /// How much.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// What the owner says about where it should go.
    pub reference: String,
    /// The account to which it went, if it was not to be paid outside.
    pub to: Option<AccountKey>,
    /// How far it is.
    pub state: PayoutState,
    /// When the money left the account.
    pub taken_at: UnixTime,
    /// When it was settled.
    pub settled_at: Option<UnixTime>,
}

/// Says how a payout ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlePayoutRequest {
    /// Its number.
    pub number: u64,
    /// Whether it was paid outside; else the money goes back to the account.
    pub paid: bool,
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
