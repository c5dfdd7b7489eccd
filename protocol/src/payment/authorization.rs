//! One authorization for all tokens: a Schnorr proof of knowledge of all coin keys at once.
//!
//! K = kG; e_j drawn after K and all P_j; s = k + Σ e_j p_j; anyone checks sG = K + Σ e_j P_j.
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRng;
use rand_core_06::RngCore as _;
use zeroize::{Zeroize, Zeroizing};

use super::{Payment, PaymentKind, PaymentTerms, check_tokens, payment_id};
use crate::amount::UnixTime;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::{Element, scalar_from_bytes, zero_to_one};
use crate::ids::{IssuanceDigest, PaymentId};
use crate::locked::{LockedCoin, RecipientKey};
use crate::token::{CoinKey, Token};
use crate::transcript::{Domain, TranscriptExt, label};

/// (K, s): 64 bytes, however many tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization {
    pub(super) K: Element,
    pub(super) s: Scalar,
}

impl Encode for Authorization {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.K);
        out.bytes(self.s.as_bytes());
    }
}

impl Decode for Authorization {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { K: input.part()?, s: scalar_from_bytes(input.array()?)? })
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(<redacted>)")
    }
}

/// What an authorization is bound to besides the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// Nothing more: kinds `pay` and `recoup`.
    None,
    /// D, for kind `swap`.
    Issuance(&'a IssuanceDigest),
    /// The recipient's Q, for kind `locked`.
    Recipient(&'a RecipientKey),
}

impl Binding<'_> {
    pub(super) fn fits(&self, kind: PaymentKind) -> bool {
        match kind {
            PaymentKind::Pay | PaymentKind::Recoup => matches!(self, Self::None),
            PaymentKind::Swap => matches!(self, Self::Issuance(_)),
            PaymentKind::Locked => matches!(self, Self::Recipient(_)),
        }
    }

    /// 0, or 1 ‖ D, or 2 ‖ Q.
    fn append_to(&self, transcript: &mut Transcript) {
        let mut bytes = Writer::default();
        match self {
            Self::None => bytes.u8(0),
            Self::Issuance(digest) => {
                bytes.u8(1);
                bytes.part(*digest);
            }
            Self::Recipient(key) => {
                bytes.u8(2);
                bytes.part(*key);
            }
        }
        transcript.append_bytes(label::BINDING, &bytes.finish());
    }
}

/// What a payer knows of a token: its coin key p or, of a locked token, t.
#[derive(Clone, Copy, Debug)]
pub enum Witness<'a> {
    /// p, for every kind but `locked`.
    Coin(&'a CoinKey),
    /// t, for kind `locked`.
    Locked(&'a LockedCoin),
}

impl Witness<'_> {
    fn scalar(&self) -> &Scalar {
        match self {
            Self::Coin(key) => key.scalar(),
            Self::Locked(coin) => coin.scalar(),
        }
    }

    fn coin(&self) -> &Element {
        match self {
            Self::Coin(key) => key.public(),
            Self::Locked(coin) => coin.coin(),
        }
    }

    fn ephemeral(&self) -> Option<Element> {
        match self {
            Self::Coin(_) => None,
            Self::Locked(coin) => Some(*coin.ephemeral()),
        }
    }
}

/// Why a payment cannot be authorized: the caller's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizeError {
    /// The tokens are not the canonical ones for the amount.
    #[error("the tokens do not make this payment: {0}")]
    Tokens(#[from] DecodeError),
    /// A witness is of another token or kind.
    #[error("a key does not belong to its token")]
    Witness,
    /// The binding does not belong to the kind.
    #[error("the binding does not belong to this kind of payment")]
    Binding,
}

impl Payment {
    /// Authorizes a payment of these tokens, given in canonical order with what the payer knows of each.
    ///
    /// The nonce k comes from Merlin's transcript RNG, forked after everything but K was appended, keyed with
    /// all witnesses and 32 bytes of `rng`: neither a bad `rng` nor a repeated statement alone repeats it.
    ///
    /// # Errors
    /// An [`AuthorizeError`].
    pub fn authorize<R: CryptoRng + ?Sized>(
        rng: &mut R,
        terms: PaymentTerms,
        tokens: &[(Token, Witness<'_>)],
        binding: Binding<'_>,
        authorized_at: UnixTime,
    ) -> Result<Self, AuthorizeError> {
        if !binding.fits(terms.kind) {
            return Err(AuthorizeError::Binding);
        }
        let locked = terms.kind == PaymentKind::Locked;
        let fits = |(token, witness): &(Token, Witness<'_>)| {
            token.coin == *witness.coin() && matches!(witness, Witness::Locked(_)) == locked
        };
        if tokens.len() > super::MAX_TOKENS {
            return Err(DecodeError::TooLong.into());
        }
        check_tokens(&terms, tokens.iter().map(|(token, _)| (token.denomination, *token.coin.as_bytes())))?;
        if !tokens.iter().all(fits) {
            return Err(AuthorizeError::Witness);
        }
        let ephemerals: Vec<Element> = tokens.iter().filter_map(|(_, witness)| witness.ephemeral()).collect();
        let secrets: Vec<&Scalar> = tokens.iter().map(|(_, witness)| witness.scalar()).collect();
        let tokens: Vec<Token> = tokens.iter().map(|(token, _)| *token).collect();
        let id = payment_id(&terms, &tokens);
        let mut transcript = statement(&id, &tokens, &ephemerals, binding, authorized_at);

        let mut k = nonce(rng, &transcript, &secrets);
        let K = Element::of_nonzero(&k);
        let challenges = challenges(&mut transcript, &K, tokens.len());
        // s = k + Σ e_j p_j
        let s = challenges.iter().zip(secrets).map(|(e, p)| e * p).sum::<Scalar>() + k;
        k.zeroize();
        let authorization = Authorization { K, s };
        Ok(Self { terms, tokens, ephemerals, authorized_at, authorization })
    }

    /// The e_j of this payment under a binding.
    pub(super) fn challenges(&self, id: &PaymentId, binding: Binding<'_>) -> Vec<Scalar> {
        let mut transcript = statement(id, &self.tokens, &self.ephemerals, binding, self.authorized_at);
        challenges(&mut transcript, &self.authorization.K, self.tokens.len())
    }

    pub(super) fn authorization(&self) -> &Authorization {
        &self.authorization
    }
}

/// Everything the authorization binds, but K.
fn statement(
    id: &PaymentId,
    tokens: &[Token],
    ephemerals: &[Element],
    binding: Binding<'_>,
    authorized_at: UnixTime,
) -> Transcript {
    let mut signatures = Writer::default();
    tokens.iter().for_each(|token| signatures.part(&token.signature));
    let mut transcript = Transcript::for_domain(Domain::Authorization);
    transcript.append_bytes(label::PAYMENT, id.as_bytes());
    transcript.append_bytes(label::SIGNATURES, &signatures.finish());
    if !ephemerals.is_empty() {
        let mut bytes = Writer::default();
        ephemerals.iter().for_each(|ephemeral| bytes.part(ephemeral));
        transcript.append_bytes(label::EPHEMERALS, &bytes.finish());
    }
    binding.append_to(&mut transcript);
    transcript.append_number(label::AUTHORIZED_AT, authorized_at.seconds());
    transcript
}

/// One draw of 64 bytes for each token, after K.
fn challenges(transcript: &mut Transcript, K: &Element, count: usize) -> Vec<Scalar> {
    transcript.append_point(label::PROOF_K, K);
    let mut wide = alloc::vec![[0_u8; 64]; count];
    transcript.challenge_bytes(label::PROOF_CHALLENGES, wide.as_flattened_mut());
    wide.iter().map(Scalar::from_bytes_mod_order_wide).collect()
}

fn nonce<R: CryptoRng + ?Sized>(rng: &mut R, transcript: &Transcript, secrets: &[&Scalar]) -> Scalar {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(seed.as_mut());
    let builder = secrets.iter().fold(transcript.build_rng(), |builder, secret| {
        builder.rekey_with_witness_bytes(label::WITNESS, secret.as_bytes())
    });
    let mut once = Once(Some(seed));
    let mut forked = builder.finalize(&mut once);
    let mut wide = Zeroizing::new([0; 64]);
    forked.fill_bytes(wide.as_mut());
    zero_to_one(Scalar::from_bytes_mod_order_wide(&wide))
}

/// Hands 32 bytes to merlin 3, which wants rand_core 0.6, exactly once.
struct Once(Option<Zeroizing<[u8; 32]>>);

impl rand_core_06::CryptoRng for Once {}

impl rand_core_06::RngCore for Once {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }

    #[allow(
        clippy::panic,
        reason = "reached only if merlin changed to draw more than its 32 bytes, which tests would find"
    )]
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        match self.0.take() {
            Some(seed) if dest.len() == seed.len() => dest.copy_from_slice(seed.as_ref()),
            _ => panic!("the transcript RNG takes 32 bytes once"),
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}
