use farthing_protocol::amount::Amount;
use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

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
