use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

/// Forgets an account that holds nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetRequest {
    /// The account.
    pub account: AccountKey,
}

/// It is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetAnswer {
    /// How many rows no longer name it.
    pub rows: u64,
    /// Whether payments to it are still on record, which name it until their keyset's end.
    pub is_payee: bool,
}
