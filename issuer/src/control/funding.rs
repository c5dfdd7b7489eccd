use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

/// Which payments are asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncomeQuery {
    /// Those that are not held, too.
    #[serde(default)]
    pub all: bool,
    /// Those after this number.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Payments that a processor reported, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncomeReport {
    /// The payments.
    pub payments: Vec<IncomeView>,
    /// Where to go on; none when there are no more.
    pub next: Option<u64>,
}

/// A payment that a processor reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncomeView {
    /// Its number, by which it is assigned.
    pub number: u64,
    /// The processor's id of it.
    pub id: String,
    /// What stood in the place of a quote's name; nothing, if the account was forgotten.
    pub quote: String,
    /// How much.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// When it was reported.
    pub received_at: UnixTime,
    /// What became of it.
    pub state: IncomeState,
    /// The account that was credited, unless it was forgotten.
    pub account: Option<AccountKey>,
    /// When the operator assigned it or sent it back.
    pub settled_at: Option<UnixTime>,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncomeState {
    /// It was credited to the account of its quote.
    Credited,
    /// The same, after the quote's time.
    Late,
    /// It names no quote that is known, and waits for the operator.
    Held,
    /// The operator said whose it is.
    Assigned,
    /// The operator sent it back.
    Returned,
}

/// Says whose a held payment is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignIncomeRequest {
    /// Its number.
    pub number: u64,
    /// The account that is credited; none when the payment was sent back.
    pub account: Option<AccountKey>,
}
