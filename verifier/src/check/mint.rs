//! What a mint checks.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::{IssuanceId, MintId};
use farthing_protocol::ids::IssuanceDigest;
use farthing_protocol::keyset::{Keyset, Redemption};
use farthing_protocol::payment::{CheckBinding, Payment, PaymentKind};
use rand_core::CryptoRng;

use super::payee::judge_time;
use super::{Candidate, CheckError, KnownKeysets, Purpose, VerifiedPayment, verify_all};

/// A mint's knowledge at one moment.
#[derive(Clone, Copy, Debug)]
pub struct MintRules<'a> {
    /// The mint.
    pub mint: &'a MintId,
    /// The time.
    pub now: UnixTime,
    /// Its keysets, and revocations.
    pub keysets: &'a KnownKeysets,
}

/// A swap to be checked.
#[derive(Clone, Copy, Debug)]
pub struct SwapCheck<'a> {
    /// The issuance that the tokens fund.
    pub issuance: &'a IssuanceId,
    /// D of that issuance, computed by the mint.
    pub digest: &'a IssuanceDigest,
}

/// Checks payments that are to be credited to their payees. Answers are in order.
///
/// A payment passes when it is of kind `pay`, its keyset is this mint's, not revoked, before its `deposit_until`,
/// open or closed to the payment's payee; the time of authorization is possible; every token is signed and the
/// whole authorized.
///
/// # Security
/// `rng` MUST be the system's.
///
/// # Errors
/// For each payment a [`CheckError`].
pub fn check_deposits<R: CryptoRng + ?Sized>(
    rng: &mut R,
    rules: &MintRules<'_>,
    payments: Vec<Payment>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let candidates = payments.into_iter().map(|payment| deposit(rules, payment)).collect();
    verify_all(rng, Purpose::Deposit, candidates)
}

/// Checks payments that fund issuances by giving tokens back. Answers are in order.
///
/// A payment passes when it is of kind `swap`, made out to the mint, names the issuance, its keyset is this mint's,
/// not revoked and before its `spend_until`; every token is signed and the whole authorized with D bound in.
/// Whether the outputs are worth the inputs is the issuance's to check.
///
/// # Security
/// `rng` MUST be the system's.
///
/// # Errors
/// For each payment a [`CheckError`].
pub fn check_swaps<R: CryptoRng + ?Sized>(
    rng: &mut R,
    rules: &MintRules<'_>,
    swaps: Vec<(Payment, SwapCheck<'_>)>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let candidates = swaps.into_iter().map(|(payment, check)| swap(rules, payment, check)).collect();
    verify_all(rng, Purpose::Swap, candidates)
}

/// Checks one swap: see [`check_swaps`].
///
/// # Errors
/// A [`CheckError`].
pub fn check_swap<R: CryptoRng + ?Sized>(
    rng: &mut R,
    rules: &MintRules<'_>,
    payment: Payment,
    check: SwapCheck<'_>,
) -> Result<VerifiedPayment, CheckError> {
    check_swaps(rng, rules, vec![(payment, check)]).pop().unwrap_or(Err(CheckError::InvalidAuthorization))
}

fn deposit<'a>(rules: &MintRules<'_>, payment: Payment) -> Result<Candidate<'a>, CheckError> {
    if payment.kind() != PaymentKind::Pay {
        return Err(CheckError::UnsupportedKind);
    }
    let keyset = own_keyset(rules, &payment)?;
    let terms = keyset.terms();
    match terms.redemption {
        Redemption::Closed(payee) if payee != *payment.payee() => return Err(CheckError::ClosedToAnother),
        Redemption::Closed(_) | Redemption::Open => {}
    }
    if rules.now >= terms.deposit_until {
        return Err(CheckError::KeysetEnded);
    }
    let keyset = Arc::clone(keyset);
    Ok(Candidate { payment, keyset, binding: CheckBinding::None })
}

fn swap<'a>(rules: &MintRules<'_>, payment: Payment, check: SwapCheck<'a>) -> Result<Candidate<'a>, CheckError> {
    if payment.kind() != PaymentKind::Swap {
        return Err(CheckError::UnsupportedKind);
    }
    if *payment.payee() != rules.mint.as_payee() {
        return Err(CheckError::WrongPayee);
    }
    if *payment.request() != check.issuance.swap_request() {
        return Err(CheckError::WrongRequest);
    }
    let keyset = own_keyset(rules, &payment)?;
    if rules.now >= keyset.terms().spend_until {
        return Err(CheckError::KeysetEnded);
    }
    let keyset = Arc::clone(keyset);
    Ok(Candidate { payment, keyset, binding: CheckBinding::Issuance(check.digest) })
}

fn own_keyset<'k>(rules: &MintRules<'k>, payment: &Payment) -> Result<&'k Arc<Keyset>, CheckError> {
    if payment.mint() != rules.mint {
        return Err(CheckError::UnknownMint);
    }
    let keyset = rules.keysets.usable(payment.mint(), payment.keyset(), rules.now)?;
    judge_time(keyset, payment.authorized_at(), rules.now)?;
    Ok(keyset)
}
