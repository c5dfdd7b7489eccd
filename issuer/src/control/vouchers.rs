use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::VoucherKey;
use serde::{Deserialize, Serialize};

use crate::funding::BatchState;

/// Makes a batch of vouchers. Their codes stay where they were drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateVouchersRequest {
    /// The public keys of their codes, 1 to 10,000.
    pub vouchers: Vec<VoucherKey>,
    /// What each is worth, in the mint's unit.
    pub amount: Amount,
    /// When they end.
    pub expires_at: UnixTime,
    /// The operator's words, at most 128 bytes.
    pub note: String,
}

/// The batch is in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateVouchersAnswer {
    /// The batch.
    pub batch: BatchView,
    /// Whether it was there before: then nothing changed.
    pub known: bool,
}

/// Which batches are asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VouchersQuery {
    /// Those after this number.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Batches of vouchers in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VouchersReport {
    /// The batches.
    pub batches: Vec<BatchView>,
    /// Where to go on; none when there are no more.
    pub next: Option<u64>,
}

/// A batch of vouchers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchView {
    /// Its number, by which it is revoked.
    pub number: u64,
    /// What each voucher is worth.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// How many there are.
    pub count: u32,
    /// How many of them were redeemed.
    pub redeemed: u32,
    /// What those are worth that were not redeemed. If the batch has ended, it went back to the outside.
    pub open: Amount,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it ends.
    pub expires_at: UnixTime,
    /// The operator's words.
    pub note: String,
    /// How far it is.
    pub state: BatchState,
    /// When what was open went back.
    pub ended_at: Option<UnixTime>,
}

/// Ends a batch before its time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeVouchersRequest {
    /// Its number.
    pub batch: u64,
}
