//! What a payee checks.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::{Keyset, Redemption};
use farthing_protocol::locked::LockKey;
use farthing_protocol::payment::{CheckBinding, Payment, PaymentKind};
use farthing_protocol::request::{Invoice, Offer, PaymentRequest};
use rand_core::CryptoRng;

use super::{Candidate, CheckError, KnownKeysets, Purpose, VerifiedPayment, verify_all};

/// How far the clocks of payer and payee may lie apart, in seconds.
pub const MAX_SKEW: u64 = 300;

/// A payee's knowledge at one moment.
#[derive(Clone, Copy, Debug)]
pub struct PayeeRules<'a> {
    /// Who is paid.
    pub payee: &'a PayeeKey,
    /// The time.
    pub now: UnixTime,
    /// As of when expiry and the keyset's times are judged: `now`, or the time when this very payment was first
    /// found in order, if it was begun and its outcome is not known.
    pub as_of: UnixTime,
    /// The keysets of all mints whose tokens are taken, and revocations.
    pub keysets: &'a KnownKeysets,
    /// The payee's lock key, if kind `locked` is taken.
    pub lock: Option<&'a LockKey>,
}

/// What a payment has to be the answer to.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// An invoice that the payee signed: see [`check_requested`].
    Invoice,
    /// An offer that says what its server demands: see [`check_offered`].
    Offer(Requirements<'a>),
}

/// A payment to be checked, with everything that it is judged by.
#[derive(Clone, Debug)]
pub struct PayeeCheck<'a> {
    /// What the payee knows, and as of when this payment is judged.
    pub rules: PayeeRules<'a>,
    /// The payment.
    pub payment: Payment,
    /// The request that it came with.
    pub request: &'a PaymentRequest,
    /// What the payee asks for.
    pub asked: Asked<'a>,
}

/// Checks payments of invoices and of offers together, with one multiplication for all. Answers are in order.
///
/// Each is judged by its own rules, as [`check_requested`] or [`check_offered`] say. What is wrong with one costs the
/// others nothing.
///
/// # Security
/// `rng` MUST be the system's: the weights are drawn when all payments are here.
///
/// # Errors
/// For each payment a [`CheckError`].
pub fn check_answers<R: CryptoRng + ?Sized>(
    rng: &mut R,
    checks: Vec<PayeeCheck<'_>>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let judge = |PayeeCheck { rules, payment, request, asked }| match asked {
        Asked::Invoice => candidate(&rules, payment, request),
        Asked::Offer(demanded) => offered(&rules, payment, request, &demanded),
    };
    verify_all(rng, Purpose::Requested, checks.into_iter().map(judge).collect())
}

/// Checks payments of this payee's invoices, with one multiplication for all. Answers are in order.
///
/// A payment passes when it names exactly this invoice; the invoice is made out to and signed by this payee and
/// has not expired; payee, amount and unit agree; the mint is known and listed in the invoice; the keyset is
/// known, not revoked, before its `spend_until`, and not closed to another payee; the kind is `pay`, or `locked`
/// to the payee's own key; the time of authorization is possible; every token is signed by the mint and the whole
/// authorized by its holder.
///
/// Look payment ids up **before** calling this: an accepted payment gets its receipt, expired or not.
///
/// # Security
/// `rng` MUST be the system's.
///
/// # Errors
/// For each payment a [`CheckError`].
pub fn check_requested<R: CryptoRng + ?Sized>(
    rng: &mut R,
    rules: &PayeeRules<'_>,
    payments: Vec<(Payment, PaymentRequest)>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let (payments, requests): (Vec<_>, Vec<_>) = payments.into_iter().unzip();
    let check = |(payment, request)| PayeeCheck { rules: *rules, payment, request, asked: Asked::Invoice };
    check_answers(rng, payments.into_iter().zip(&requests).map(check).collect())
}

/// Judges a request's expiry alone.
///
/// # Errors
/// [`CheckError::Expired`].
pub fn judge_expiry(request: &PaymentRequest, now: UnixTime) -> Result<(), CheckError> {
    if now < request.expires_at() { Ok(()) } else { Err(CheckError::Expired) }
}

/// What a server that speaks x402 demands: its own words, and never the payer's.
#[derive(Clone, Copy, Debug)]
pub struct Requirements<'a> {
    /// The mint whose name is the network.
    pub mint: &'a MintId,
    /// `payTo`.
    pub payee: &'a PayeeKey,
    /// `asset`: the unit's code.
    pub asset: &'a str,
    /// `amount`.
    pub amount: Amount,
    /// `maxTimeoutSeconds`.
    pub timeout_seconds: u32,
}

/// Checks payments of offers, with one multiplication for all, each against what its server demands. Answers are in order.
///
/// An offer is unsigned and made by the payer: all that counts of it is that it says what `Requirements` say, at a time that is
/// possible. What else a payment must be is as in [`check_requested`].
///
/// # Security
/// `rng` MUST be the system's. The requirements MUST come from the server; what a payer says it accepted is not looked at.
///
/// # Errors
/// For each payment a [`CheckError`].
pub fn check_offered<R: CryptoRng + ?Sized>(
    rng: &mut R,
    rules: &PayeeRules<'_>,
    payments: Vec<(Payment, Offer, Requirements<'_>)>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let split = |(payment, offer, demanded)| ((payment, demanded), PaymentRequest::Offer(offer));
    let (payments, requests): (Vec<_>, Vec<_>) = payments.into_iter().map(split).unzip();
    let check =
        |((payment, demanded), request)| PayeeCheck { rules: *rules, payment, request, asked: Asked::Offer(demanded) };
    check_answers(rng, payments.into_iter().zip(&requests).map(check).collect())
}

/// Checks payments by which a payee deposits what was locked to him: that they are of kind `pay`, of a known keyset, signed and
/// authorized. What became of the keyset since then is the mint's to say. Answers are in order.
///
/// # Security
/// `rng` MUST be the system's.
///
/// # Errors
/// For each payment a [`CheckError`].
pub(crate) fn check_redemptions<R: CryptoRng + ?Sized>(
    rng: &mut R,
    keysets: &KnownKeysets,
    payments: Vec<Payment>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let candidate = |payment: Payment| {
        if payment.kind() != PaymentKind::Pay {
            return Err(CheckError::UnsupportedKind);
        }
        let keyset = keysets.get(payment.keyset()).ok_or(CheckError::UnknownKeyset)?.keyset.clone();
        Ok(Candidate { payment, keyset, binding: CheckBinding::None })
    };
    verify_all(rng, Purpose::Deposit, payments.into_iter().map(candidate).collect())
}

fn candidate<'a>(
    rules: &PayeeRules<'a>,
    payment: Payment,
    request: &PaymentRequest,
) -> Result<Candidate<'a>, CheckError> {
    let binding = judge_kind(rules, &payment)?;
    if payment.payee() != rules.payee || request.payee() != rules.payee {
        return Err(CheckError::WrongPayee);
    }
    let PaymentRequest::Invoice(invoice) = request else {
        return Err(CheckError::UnsupportedRequest);
    };
    judge_answer(&payment, request)?;
    invoice.verify().map_err(|_| CheckError::InvalidRequest)?;
    let keyset = rules.keysets.usable(payment.mint(), payment.keyset(), rules.as_of)?;
    judge_asked(invoice, keyset)?;
    judge_keyset(rules, &payment, keyset)?;
    judge_expiry(request, rules.as_of)?;
    Ok(Candidate { payment, keyset: keyset.clone(), binding })
}

fn offered<'a>(
    rules: &PayeeRules<'a>,
    payment: Payment,
    request: &PaymentRequest,
    demanded: &Requirements<'_>,
) -> Result<Candidate<'a>, CheckError> {
    let binding = judge_kind(rules, &payment)?;
    if payment.payee() != rules.payee || demanded.payee != rules.payee {
        return Err(CheckError::WrongPayee);
    }
    let PaymentRequest::Offer(offer) = request else {
        return Err(CheckError::UnsupportedRequest);
    };
    judge_offer(offer, demanded, rules.now)?;
    judge_answer(&payment, request)?;
    if payment.mint() != demanded.mint {
        return Err(CheckError::UnknownMint);
    }
    let keyset = rules.keysets.usable(payment.mint(), payment.keyset(), rules.as_of)?;
    if keyset.terms().unit.code() != demanded.asset {
        return Err(CheckError::WrongRequest);
    }
    judge_keyset(rules, &payment, keyset)?;
    judge_expiry(request, rules.as_of)?;
    Ok(Candidate { payment, keyset: keyset.clone(), binding })
}

fn judge_kind<'a>(rules: &PayeeRules<'a>, payment: &Payment) -> Result<CheckBinding<'a>, CheckError> {
    match (payment.kind(), rules.lock) {
        (PaymentKind::Pay, _) => Ok(CheckBinding::None),
        (PaymentKind::Locked, Some(lock)) => Ok(CheckBinding::Recipient(lock)),
        (PaymentKind::Locked, None) | (PaymentKind::Swap | PaymentKind::Recoup, _) => Err(CheckError::UnsupportedKind),
    }
}

/// A payment names what it answers, and is for as much.
fn judge_answer(payment: &Payment, request: &PaymentRequest) -> Result<(), CheckError> {
    if *payment.request() != request.hash() || payment.amount() != request.amount() {
        return Err(CheckError::WrongRequest);
    }
    Ok(())
}

/// An offer says what the server demands. Its time is the payer's, who may round it up to the next full minute.
fn judge_offer(offer: &Offer, demanded: &Requirements<'_>, now: UnixTime) -> Result<(), CheckError> {
    let draft = offer.draft();
    if draft.payee != *demanded.payee {
        return Err(CheckError::WrongPayee);
    }
    if draft.mint != *demanded.mint {
        return Err(CheckError::UnknownMint);
    }
    let same = draft.asset == demanded.asset
        && draft.amount == demanded.amount
        && draft.timeout_seconds == demanded.timeout_seconds;
    if !same {
        return Err(CheckError::WrongRequest);
    }
    if draft.offered_at > now.plus(MAX_SKEW) { Err(CheckError::NotYet) } else { Ok(()) }
}

/// The keyset is of a mint and a unit that an invoice names.
fn judge_asked(invoice: &Invoice, keyset: &Keyset) -> Result<(), CheckError> {
    let (terms, draft) = (keyset.terms(), invoice.draft());
    if draft.mints.iter().all(|accepted| accepted.mint != terms.mint) {
        return Err(CheckError::UnknownMint);
    }
    if draft.unit == terms.unit { Ok(()) } else { Err(CheckError::WrongRequest) }
}

fn judge_keyset(rules: &PayeeRules<'_>, payment: &Payment, keyset: &Keyset) -> Result<(), CheckError> {
    let terms = keyset.terms();
    match terms.redemption {
        Redemption::Closed(payee) if payee != *rules.payee => return Err(CheckError::ClosedToAnother),
        Redemption::Closed(_) | Redemption::Open => {}
    }
    if rules.as_of >= terms.spend_until {
        return Err(CheckError::KeysetEnded);
    }
    judge_time(keyset, payment.authorized_at(), rules.now)
}

/// Nobody held a token of a keyset before it began to issue, nor can have signed in the future.
pub(super) fn judge_time(keyset: &Keyset, authorized_at: UnixTime, now: UnixTime) -> Result<(), CheckError> {
    if authorized_at < keyset.terms().active_from.minus(MAX_SKEW) {
        Err(CheckError::ImpossibleTime)
    } else if authorized_at > now.plus(MAX_SKEW) {
        Err(CheckError::NotYet)
    } else {
        Ok(())
    }
}
