//! Verifying payments, one or many at once (protocol section 6).
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use rand_core::CryptoRng;

use super::{Binding, Payment};
use crate::blind::{BlindSignature, VerificationKey};
use crate::group::Element;
use crate::ids::{IssuanceDigest, PaymentId};
use crate::keyset::Keyset;
use crate::locked::LockKey;

/// A payment to be verified, and what its kind needs.
#[derive(Debug)]
pub struct PaymentCheck<'a> {
    /// The payment.
    pub payment: Payment,
    /// The keyset it names.
    pub keyset: &'a Keyset,
    /// What its authorization must be bound to.
    pub binding: CheckBinding<'a>,
}

/// What an authorization must be bound to, from the verifier's own knowledge and never from the message.
#[derive(Clone, Copy, Debug)]
pub enum CheckBinding<'a> {
    /// Nothing more: kinds `pay` and `recoup`.
    None,
    /// D of the issuance that the tokens fund: kind `swap`.
    Issuance(&'a IssuanceDigest),
    /// The verifier's own key: kind `locked`.
    Recipient(&'a LockKey),
}

/// A payment whose tokens the mint signed and whose holder authorized it. Only verification makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticPayment {
    payment: Payment,
    id: PaymentId,
}

impl AuthenticPayment {
    /// The payment.
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Its id.
    pub fn id(&self) -> &PaymentId {
        &self.id
    }

    /// The payment, no longer known to be authentic.
    pub fn into_payment(self) -> Payment {
        self.payment
    }
}

/// Why a payment is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentError {
    /// The payment names another keyset or mint.
    #[error("the payment is of another keyset")]
    WrongKeyset,
    /// The keyset has no such denomination.
    #[error("the keyset has no token of this denomination")]
    UnknownDenomination,
    /// The kind is not one that this binding belongs to.
    #[error("this kind of payment is not accepted here")]
    WrongKind,
    /// A locked token is another recipient's.
    #[error("a token is not locked to this recipient")]
    NotLockedToRecipient,
    /// The mint did not sign a token.
    #[error("a token's signature does not fit")]
    InvalidToken,
    /// The holder did not authorize this payment.
    #[error("the authorization does not fit the payment")]
    InvalidAuthorization,
}

/// A payment with everything computed that weights do not change.
struct Prepared<'a> {
    payment: Payment,
    id: PaymentId,
    keyset: &'a Keyset,
    /// f(c̄, ȳ) of each token.
    coefficients: Vec<Scalar>,
    /// e_j of each token.
    challenges: Vec<Scalar>,
    /// Q, for kind `locked`: the statement is then about T_j = P_j − Q.
    recipient: Option<&'a Element>,
}

impl<'a> Prepared<'a> {
    fn new(check: PaymentCheck<'a>) -> Result<Self, PaymentError> {
        let PaymentCheck { payment, keyset, binding } = check;
        if payment.keyset() != keyset.id() || *payment.mint() != keyset.terms().mint {
            return Err(PaymentError::WrongKeyset);
        }
        let lock = match binding {
            CheckBinding::Recipient(lock) => Some(lock),
            CheckBinding::None | CheckBinding::Issuance(_) => None,
        };
        let binding = match binding {
            CheckBinding::None => Binding::None,
            CheckBinding::Issuance(digest) => Binding::Issuance(digest),
            CheckBinding::Recipient(lock) => Binding::Recipient(lock.public()),
        };
        if !binding.fits(payment.kind()) {
            return Err(PaymentError::WrongKind);
        }
        let coefficient = |token: &crate::token::Token| {
            let key = keyset.key(token.denomination).ok_or(PaymentError::UnknownDenomination)?;
            Ok(key.coefficient(&token.coin, &token.signature))
        };
        let coefficients = payment.tokens.iter().map(coefficient).collect::<Result<_, _>>()?;
        if let Some(lock) = lock {
            for (token, ephemeral) in payment.tokens.iter().zip(&payment.ephemerals) {
                // P_j = Q + t_jG
                lock.open(keyset.id(), token.denomination, &token.coin, ephemeral)
                    .map_err(|_| PaymentError::NotLockedToRecipient)?;
            }
        }
        let id = payment.id();
        let challenges = payment.challenges(&id, binding);
        let recipient = lock.map(|lock| lock.public().element());
        Ok(Self { payment, id, keyset, coefficients, challenges, recipient })
    }

    fn tokens(&self) -> impl Iterator<Item = (&VerificationKey, &BlindSignature, Scalar)> {
        self.payment.tokens.iter().zip(&self.coefficients).filter_map(|(token, f)| {
            let key = self.keyset.key(token.denomination)?;
            Some((key, &token.signature, *f))
        })
    }

    fn add_tokens<'b, R: CryptoRng + ?Sized>(&'b self, rng: &mut R, sum: &mut Accumulator<'b>) {
        for (key, signature, f) in self.tokens() {
            sum.add_equation(rng, key, signature, f);
        }
    }

    /// v(K + Σ e_j P_j − sG), with P_j − Q in the place of P_j for kind `locked`.
    fn add_authorization<'b, R: CryptoRng + ?Sized>(&'b self, rng: &mut R, sum: &mut Accumulator<'b>) {
        let v = crate::blind::wallet::weight(rng);
        let proof = self.payment.authorization();
        sum.push(v, proof.K.point());
        let mut total = Scalar::ZERO;
        for (token, e) in self.payment.tokens.iter().zip(&self.challenges) {
            let ve = v * e;
            total += ve;
            sum.push(ve, token.coin.point());
        }
        if let Some(Q) = self.recipient {
            sum.push(-total, Q.point());
        }
        sum.subtract_generator(v * proof.s);
    }

    /// Which of its equations fails, when the payment is known to be wrong.
    fn verdict<R: CryptoRng + ?Sized>(self, rng: &mut R) -> Result<AuthenticPayment, PaymentError> {
        let mut tokens = Accumulator::with_capacity(self.payment.tokens.len());
        self.add_tokens(rng, &mut tokens);
        if !tokens.vanishes() {
            return Err(PaymentError::InvalidToken);
        }
        let mut proof = Accumulator::with_capacity(self.payment.tokens.len());
        self.add_authorization(rng, &mut proof);
        if proof.vanishes() { Ok(self.into_authentic()) } else { Err(PaymentError::InvalidAuthorization) }
    }

    fn into_authentic(self) -> AuthenticPayment {
        AuthenticPayment { payment: self.payment, id: self.id }
    }
}

/// Verifies one payment: its tokens' signatures and its authorization.
///
/// # Errors
/// A [`PaymentError`].
pub fn verify_payment<R: CryptoRng + ?Sized>(
    rng: &mut R,
    check: PaymentCheck<'_>,
) -> Result<AuthenticPayment, PaymentError> {
    let prepared = Prepared::new(check)?;
    if satisfied(rng, core::slice::from_ref(&prepared)) { Ok(prepared.into_authentic()) } else { prepared.verdict(rng) }
}

/// Verifies many payments by one multiplication. When it fails the batch is bisected, so that one bad
/// payment does not cost the good ones their acceptance; the answers are in the order of the payments.
///
/// # Security
/// `rng` MUST be the system's: the weights are drawn after the batch is fixed and must not be guessable.
pub fn verify_payments<R: CryptoRng + ?Sized>(
    rng: &mut R,
    checks: Vec<PaymentCheck<'_>>,
) -> Vec<Result<AuthenticPayment, PaymentError>> {
    let mut results: Vec<Option<Result<AuthenticPayment, PaymentError>>> = Vec::with_capacity(checks.len());
    let mut prepared = Vec::with_capacity(checks.len());
    for (place, check) in checks.into_iter().enumerate() {
        match Prepared::new(check) {
            Ok(payment) => {
                prepared.push((place, payment));
                results.push(None);
            }
            Err(error) => results.push(Some(Err(error))),
        }
    }
    let (places, prepared): (Vec<usize>, Vec<Prepared<'_>>) = prepared.into_iter().unzip();
    let mut good = alloc::vec![false; prepared.len()];
    bisect(rng, &prepared, &mut good);
    for ((place, payment), good) in places.into_iter().zip(prepared).zip(good) {
        let result = if good { Ok(payment.into_authentic()) } else { payment.verdict(rng) };
        if let Some(slot) = results.get_mut(place) {
            *slot = Some(result);
        }
    }
    results.into_iter().map(|result| result.unwrap_or(Err(PaymentError::InvalidAuthorization))).collect()
}

fn satisfied<R: CryptoRng + ?Sized>(rng: &mut R, payments: &[Prepared<'_>]) -> bool {
    // For each token R̄ and P, for each payment K.
    let terms = payments.iter().map(|payment| payment.payment.tokens.len().saturating_mul(2).saturating_add(1)).sum();
    let mut sum = Accumulator::with_capacity(terms);
    for payment in payments {
        payment.add_tokens(rng, &mut sum);
        payment.add_authorization(rng, &mut sum);
    }
    sum.vanishes()
}

/// Marks the good ones. Each level draws fresh weights.
fn bisect<R: CryptoRng + ?Sized>(rng: &mut R, payments: &[Prepared<'_>], good: &mut [bool]) {
    if satisfied(rng, payments) {
        good.fill(true);
    } else if payments.len() > 1 {
        let middle = payments.len() / 2;
        let (left, right) = payments.split_at(middle);
        let (good_left, good_right) = good.split_at_mut(middle);
        bisect(rng, left, good_left);
        bisect(rng, right, good_right);
    }
}

/// The weighted sum of many verification equations, which is the identity if all hold:
/// Σ w_i (R̄_i + f_i X_i − z̄_i G − ȳ_i H) + Σ v_p (K_p + Σ e_pj P_pj − s_p G).
pub(crate) struct Accumulator<'a> {
    scalars: Vec<Scalar>,
    points: Vec<&'a RistrettoPoint>,
    /// Coefficients of each X, summed before the multiplication.
    keys: BTreeMap<&'a [u8; 32], (Scalar, &'a RistrettoPoint)>,
    G: Scalar,
    H: Option<(Scalar, &'a RistrettoPoint)>,
}

impl<'a> Accumulator<'a> {
    /// For about this many points besides G, H and the keys.
    pub(crate) fn with_capacity(points: usize) -> Self {
        let capacity = points.saturating_add(64);
        Self {
            scalars: Vec::with_capacity(capacity),
            points: Vec::with_capacity(capacity),
            keys: BTreeMap::new(),
            G: Scalar::ZERO,
            H: None,
        }
    }

    /// Adds a token's equation under a fresh weight.
    pub(crate) fn add_token<R: CryptoRng + ?Sized>(
        &mut self,
        rng: &mut R,
        key: &'a VerificationKey,
        coin: &Element,
        signature: &'a BlindSignature,
    ) {
        self.add_equation(rng, key, signature, key.coefficient(coin, signature));
    }

    fn add_equation<R: CryptoRng + ?Sized>(
        &mut self,
        rng: &mut R,
        key: &'a VerificationKey,
        signature: &'a BlindSignature,
        f: Scalar,
    ) {
        let w = crate::blind::wallet::weight(rng);
        self.push(w, signature.R.point());
        let entry = self.keys.entry(key.element().as_bytes());
        entry.or_insert((Scalar::ZERO, key.element().point())).0 += w * f;
        self.G -= w * signature.z;
        self.H.get_or_insert((Scalar::ZERO, key.second_generator().point())).0 -= w * signature.y;
    }

    fn push(&mut self, scalar: Scalar, point: &'a RistrettoPoint) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    fn subtract_generator(&mut self, scalar: Scalar) {
        self.G -= scalar;
    }

    /// Whether the sum is the identity.
    pub(crate) fn vanishes(mut self) -> bool {
        for (scalar, point) in core::mem::take(&mut self.keys).into_values().chain(self.H.take()) {
            self.push(scalar, point);
        }
        self.push(self.G, &RISTRETTO_BASEPOINT_POINT);
        RistrettoPoint::vartime_multiscalar_mul(&self.scalars, self.points).is_identity()
    }
}
