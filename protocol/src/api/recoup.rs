//! Bodies for what becomes of tokens when a keyset's key leaked.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, UnixTime};
use crate::ids::{KeysetId, PaymentId};
use crate::recoup::RecoupClaim;

/// Which keysets were revoked and what can be claimed of their tokens: the same bytes for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupsAnswer {
    /// The revoked keysets, by id.
    pub recoups: Vec<RecoupWindow>,
}

/// What can be claimed of a revoked keyset's tokens, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupWindow {
    /// The keyset.
    pub keyset: KeysetId,
    /// Since when it is revoked.
    pub revoked_at: UnixTime,
    /// Since when its key may have been in other hands: tokens that were issued from then on are not recouped.
    pub leaked_since: UnixTime,
    /// Until then claims are collected and nothing is paid.
    pub claims_until: UnixTime,
    /// From then on nothing is taken any more.
    pub ends_at: UnixTime,
    /// What the mint has forgotten of it: it was revoked because the mint's ledger was put back from a copy.
    pub forgotten: Option<Forgotten>,
}

/// A stretch of time of which a mint has forgotten what it accepted of a keyset's tokens.
///
/// What payees had accepted then they can file as a claim, without a locked payment: see [`RecoupClaim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forgotten {
    /// When the copy was taken.
    pub since: UnixTime,
    /// From then on nothing of the keyset was accepted any more.
    pub until: UnixTime,
}

/// Files a claim, or asks again what became of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupCall {
    /// The claim.
    pub claim: RecoupClaim,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupAnswer {
    /// Until then claims are collected and nothing is paid.
    pub claims_until: UnixTime,
    /// One for each token: in the order of the payment, or else of the evidence.
    pub tokens: Vec<RecoupToken>,
}

/// How far a token of a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoupToken {
    /// How far.
    pub state: RecoupState,
    /// When it was paid.
    pub paid_at: Option<UnixTime>,
}

/// What a payee is to file with the mint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedClaims {
    /// One claim for each payment.
    pub claims: Vec<LockedClaim>,
}

/// A payment that could not be deposited, or whose deposit the mint has forgotten, as it is filed with the mint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedClaim {
    /// The payment as it was accepted.
    pub payment: PaymentId,
    /// Its worth.
    pub amount: Amount,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// What is to be filed.
    pub claim: RecoupClaim,
}

/// Asks for what was credited of keysets while the mint has forgotten it, behind a payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditedCall {
    /// What the mint says that it has forgotten.
    pub recoups: Vec<RecoupWindow>,
    /// Only what comes behind this payment.
    pub after: Option<PaymentId>,
}

/// Some of what was credited and is to be filed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditedClaims {
    /// One claim for each payment.
    pub claims: Vec<LockedClaim>,
    /// Behind which payment to go on; none when this was all.
    pub next: Option<PaymentId>,
}

/// How far a token of a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoupState {
    /// Nobody has shown yet how it was blinded: as long as that is so, nobody is paid for it.
    Unproven,
    /// It came from an issuance that counts, and is paid when claims are not collected any more.
    Waiting,
    /// It came from an issuance that does not count. Nobody is paid for it.
    Excluded,
    /// It was paid to the account that this claim names; of a claim that names none, to whoever claimed it.
    Paid,
    /// It was paid to another: a payee who had accepted it, or a holder who claimed it earlier.
    PaidToAnother,
    /// Nobody is paid for it any more: it was not shown or not claimed in time, or the mint's operator did not cover what forged tokens
    /// took.
    Unpaid,
}
