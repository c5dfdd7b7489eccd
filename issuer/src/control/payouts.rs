use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::PayoutState;
use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

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
    /// Under which reference it was paid, or why it was rejected.
    pub note: Option<String>,
}

/// Says something of payouts, of all of them or of none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlePayoutsRequest {
    /// Their numbers, at most 500.
    pub numbers: Vec<u64>,
    /// What is said.
    pub word: PayoutWord,
}

/// What the operator says of a payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum PayoutWord {
    /// It is to be paid.
    Approve {},
    /// It was paid outside.
    Paid {
        /// Under which reference, 1 to 256 bytes.
        reference: String,
    },
    /// It is not paid: the money goes back to the account.
    Reject {
        /// Why, in 1 to 256 bytes. The account's owner reads it.
        reason: String,
    },
}
