use farthing_protocol::amount::Amount;
use farthing_protocol::ids::KeysetId;
use serde::{Deserialize, Serialize};

/// What a signer that is a process of its own has issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerReportAnswer {
    /// Of each keyset.
    pub keysets: Vec<SignerIssued>,
}

/// What it has issued of one keyset since it has the keys, in units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerIssued {
    /// Which.
    pub keyset: KeysetId,
    /// Whether the mint knows it. One that it does not know somebody else had made.
    pub known: bool,
    /// The unit's code.
    pub unit: String,
    /// The unit's decimals.
    pub exponent: u8,
    /// Withdrawn from accounts and vouchers, by its own count.
    pub withdrawn: Amount,
    /// Exchanged for other tokens, by its own count.
    pub swapped: Amount,
    /// Withdrawn in the hour that ends now.
    pub withdrawn_in_hour: Amount,
    /// Exchanged in the hour that ends now.
    pub swapped_in_hour: Amount,
    /// What the mint's ledger holds as issued, ever.
    pub recorded: Amount,
}
