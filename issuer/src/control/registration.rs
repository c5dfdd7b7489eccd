use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::AccountKey;
use serde::{Deserialize, Serialize};

/// An account that the operator opens or closes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    /// The account.
    pub account: AccountKey,
}

/// It is open, or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationAnswer {
    /// Whether it was open before.
    pub was_open: bool,
    /// Whether that makes a difference: whether `registration` is `closed`.
    pub counts: bool,
}

/// Which of the accounts that the operator opened are asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredQuery {
    /// Those after this one, in the order of their keys.
    #[serde(default)]
    pub after: Option<AccountKey>,
    /// At most so many; 100 if not given, and no more than 500.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Accounts that the operator opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredReport {
    /// They, in the order of their keys.
    pub accounts: Vec<RegisteredView>,
    /// Whether that makes a difference: whether `registration` is `closed`.
    pub counts: bool,
}

/// An account that the operator opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredView {
    /// The account.
    pub account: AccountKey,
    /// Since when it is open.
    pub opened_at: UnixTime,
}
