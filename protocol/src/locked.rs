//! Tokens locked to one recipient (protocol section 9).
//!
//! Recipient key Q = qG. For each token the payer derives e, E = eG, t = H(Q, E, eQ, keyset id, d) and
//! P = Q + tG. E travels with the token, t never: the recipient computes it from qE.
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRng;
use zeroize::ZeroizeOnDrop;

use crate::amount::Denomination;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::derive::{CoinContext, Seed};
use crate::group::{Element, nonzero_scalar_from_bytes, zero_to_one};
use crate::identity::{InvalidSignature, Keypair, MintId, PayeeKey, Signature};
use crate::ids::{KeysetId, PaymentId, RequestHash};
use crate::text::TextForm;
use crate::token::CoinKey;
use crate::transcript::{Domain, TranscriptExt, label};

/// The secret key q of a recipient, used for nothing but receiving; one Q has exactly one store.
#[derive(ZeroizeOnDrop)]
pub struct LockKey {
    q: Scalar,
    #[zeroize(skip)]
    Q: RecipientKey,
}

/// The public key Q of a recipient (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecipientKey(Element);

impl RecipientKey {
    /// Q.
    pub fn element(&self) -> &Element {
        &self.0
    }
}

impl Encode for RecipientKey {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.0);
    }
}

impl Decode for RecipientKey {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.part().map(Self)
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientKey(<redacted>)")
    }
}

impl LockKey {
    /// Draws a key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_scalar(zero_to_one(Scalar::random(rng)))
    }

    pub(crate) fn from_scalar(q: Scalar) -> Self {
        Self { q, Q: RecipientKey(Element::of_nonzero(&q)) }
    }

    /// Q.
    pub fn public(&self) -> &RecipientKey {
        &self.Q
    }

    /// Recomputes a received token's coin key p = q + t, and refuses a token that is not locked to this key.
    ///
    /// # Errors
    /// [`NotLockedToRecipient`].
    pub fn open(
        &self,
        keyset: &KeysetId,
        denomination: Denomination,
        coin: &Element,
        ephemeral: &Element,
    ) -> Result<CoinKey, NotLockedToRecipient> {
        // qE = eQ
        let shared = Element::from_point(ephemeral.point() * self.q).ok_or(NotLockedToRecipient)?;
        let t = tweak(&self.Q, ephemeral, &shared, keyset, denomination);
        let p = self.q + t;
        if p == Scalar::ZERO {
            return Err(NotLockedToRecipient);
        }
        let key = CoinKey::from_scalar(p);
        if key.public() == coin { Ok(key) } else { Err(NotLockedToRecipient) }
    }
}

impl Encode for LockKey {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(self.q.as_bytes());
    }
}

impl Decode for LockKey {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        nonzero_scalar_from_bytes(input.array()?).map(Self::from_scalar)
    }
}

impl fmt::Debug for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockKey(<redacted>)")
    }
}

/// A token is not locked to this recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is not locked to this recipient")]
pub struct NotLockedToRecipient;

/// A coin that only the recipient can spend: P = Q + tG. The payer keeps t, which proves that he made it.
#[derive(ZeroizeOnDrop)]
pub struct LockedCoin {
    t: Scalar,
    #[zeroize(skip)]
    coin: Element,
    #[zeroize(skip)]
    ephemeral: Element,
}

impl LockedCoin {
    /// Derives e from the seed and Q, and from it E, t and P.
    ///
    /// `None` when P would be the identity, which happens with probability 2⁻²⁵².
    pub fn derive(seed: &Seed, context: &CoinContext, recipient: &RecipientKey) -> Option<Self> {
        let e = seed.lock_ephemeral(context, recipient);
        let ephemeral = Element::of_nonzero(&e);
        let shared = Element::from_point(recipient.0.point() * e)?;
        let t = tweak(recipient, &ephemeral, &shared, &context.issuance.keyset, context.denomination);
        // P = Q + tG
        let coin = Element::from_point(recipient.0.point() + RistrettoPoint::mul_base(&t))?;
        Some(Self { t, coin, ephemeral })
    }

    /// P.
    pub fn coin(&self) -> &Element {
        &self.coin
    }

    /// E.
    pub fn ephemeral(&self) -> &Element {
        &self.ephemeral
    }

    pub(crate) fn scalar(&self) -> &Scalar {
        &self.t
    }
}

impl fmt::Debug for LockedCoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedCoin(<redacted>)")
    }
}

/// t = H(Q, E, eQ, keyset id, d).
fn tweak(
    recipient: &RecipientKey,
    ephemeral: &Element,
    shared: &Element,
    keyset: &KeysetId,
    denomination: Denomination,
) -> Scalar {
    let mut transcript = Transcript::for_domain(Domain::LockTweak);
    transcript.append_point(label::RECIPIENT_KEY, &recipient.0);
    transcript.append_point(label::EPHEMERAL, ephemeral);
    transcript.append_point(label::SHARED, shared);
    transcript.append_bytes(label::KEYSET, keyset.as_bytes());
    transcript.append_bytes(label::DENOMINATION, &[denomination.exponent()]);
    transcript.draw_nonzero(label::OUTPUT)
}

/// Request hash of the deposit by which a recipient redeems a locked payment: H(locked payment id).
pub fn deposit_request(locked: &PaymentId) -> RequestHash {
    let mut transcript = Transcript::for_domain(Domain::LockedDeposit);
    transcript.append_bytes(label::PAYMENT, locked.as_bytes());
    RequestHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
}

/// A recipient's published record: payee, Q and the mints whose tokens he takes, signed by the payee.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    payee: PayeeKey,
    key: RecipientKey,
    mints: Vec<MintId>,
    signature: Signature,
}

impl Recipient {
    /// The most mints in a record.
    pub const MAX_MINTS: usize = 16;

    /// Signs a record.
    ///
    /// # Errors
    /// [`DecodeError::Empty`] or [`DecodeError::TooLong`] for no or too many mints, [`DecodeError::NonCanonicalShape`]
    /// unless they ascend strictly.
    pub fn sign(payee: &Keypair, key: RecipientKey, mints: Vec<MintId>) -> Result<Self, DecodeError> {
        check_mints(&mints)?;
        let mut record = Self { payee: payee.into(), key, mints, signature: Signature::from_bytes([0; 64]) };
        record.signature = payee.sign(&record.digest());
        Ok(record)
    }

    /// Verifies the payee's signature.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self) -> Result<(), InvalidSignature> {
        self.payee.verify(&self.digest(), &self.signature)
    }

    /// The payee.
    pub fn payee(&self) -> &PayeeKey {
        &self.payee
    }

    /// Q.
    pub fn key(&self) -> &RecipientKey {
        &self.key
    }

    /// The mints.
    pub fn mints(&self) -> &[MintId] {
        &self.mints
    }

    fn encode_body(&self, out: &mut Writer) {
        out.part(&self.payee);
        out.part(&self.key);
        out.list(&self.mints);
    }

    fn digest(&self) -> [u8; 32] {
        let mut body = Writer::default();
        self.encode_body(&mut body);
        let mut transcript = Transcript::for_domain(Domain::Recipient);
        transcript.append_bytes(label::RECIPIENT_BODY, &body.finish());
        transcript.draw_bytes(label::OUTPUT)
    }
}

fn check_mints(mints: &[MintId]) -> Result<(), DecodeError> {
    match mints.len() {
        0 => Err(DecodeError::Empty),
        n if n > Recipient::MAX_MINTS => Err(DecodeError::TooLong),
        _ if !mints.is_sorted_by(|a, b| a < b) => Err(DecodeError::NonCanonicalShape),
        _ => Ok(()),
    }
}

impl Encode for Recipient {
    fn encode_to(&self, out: &mut Writer) {
        self.encode_body(out);
        out.part(&self.signature);
    }
}

impl Decode for Recipient {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (payee, key, mints) = (input.part()?, input.part()?, input.list(Self::MAX_MINTS)?);
        check_mints(&mints)?;
        Ok(Self { payee, key, mints, signature: input.part()? })
    }
}

wire_serde!(Recipient);

impl TextForm for Recipient {
    const PREFIX: &'static str = "farthingrecipient";
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("payee", &self.payee).finish_non_exhaustive()
    }
}
