//! Everything that a wallet and a merchant derive from their seeds (protocol sections 2, 4, 7 and 9).

use core::fmt;

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::amount::{Denomination, UnixTime};
use crate::blind::{Commitment, VerificationKey};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::Element;
use crate::identity::{Keypair, MintId};
use crate::ids::KeysetId;
use crate::issuance::FieldKey;
use crate::locked::{LockKey, RecipientKey};
use crate::token::CoinKey;
use crate::transcript::{Domain, TranscriptExt, label};

/// Number of an issuance of one wallet at one keyset. Advanced durably before use, never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuanceNumber(u64);

impl IssuanceNumber {
    /// The first number.
    pub const FIRST: Self = Self(0);

    /// A number by its value.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its value.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next number, if there is one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// Which of a wallet's keys for receiving. Nobody can tell that two of them are of one wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceivingIndex(u32);

impl ReceivingIndex {
    /// The first one: by convention that of the record which a wallet publishes.
    pub const FIRST: Self = Self(0);

    /// An index by its value.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its value.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Which of a merchant's keys, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MerchantIndex(u32);

impl MerchantIndex {
    /// The first one.
    pub const FIRST: Self = Self(0);

    /// An index by its value.
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its value.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The next index, if there is one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

/// Which issuance of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuanceContext {
    /// The mint's identity.
    pub mint: MintId,
    /// The keyset.
    pub keyset: KeysetId,
    /// The issuance's number.
    pub number: IssuanceNumber,
}

/// Which token of which issuance of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoinContext {
    /// The issuance.
    pub issuance: IssuanceContext,
    /// The token's place in it, from 0.
    pub position: u32,
    /// Its denomination.
    pub denomination: Denomination,
}

/// The 64-byte BIP-39 seed of a wallet or a merchant. Zeroized when dropped, never cloned; `Debug` shows nothing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 64]);

impl Seed {
    /// Takes the 64 bytes that BIP-39 derives from the words.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// A token's coin key p.
    pub fn coin_key(&self, context: &CoinContext) -> CoinKey {
        let mut transcript = self.of_coin(Domain::CoinKey, context);
        CoinKey::from_scalar(transcript.draw_nonzero(label::OUTPUT))
    }

    /// An issuance's key, whose public half is the issuance id.
    pub fn issuance_key(&self, context: &IssuanceContext) -> Keypair {
        let mut secret = self.of_issuance(Domain::IssuanceKey, context).draw_bytes(label::OUTPUT);
        let keypair = Keypair::from_secret(&secret);
        secret.zeroize();
        keypair
    }

    /// The key of an issuance's encrypted field.
    pub fn field_key(&self, context: &IssuanceContext) -> FieldKey {
        FieldKey::from_bytes(self.of_issuance(Domain::FieldKey, context).draw_bytes(label::OUTPUT))
    }

    /// The wallet's account key at a mint.
    pub fn account_key(&self, mint: &MintId) -> Keypair {
        let mut transcript = Transcript::for_domain(Domain::AccountKey);
        transcript.append_bytes(label::SEED, &self.0);
        transcript.append_bytes(label::MINT, mint.as_bytes());
        let mut secret = transcript.draw_bytes(label::OUTPUT);
        let keypair = Keypair::from_secret(&secret);
        secret.zeroize();
        keypair
    }

    /// The key q_i by which the wallet receives locked tokens.
    pub fn lock_key(&self, index: ReceivingIndex) -> LockKey {
        LockKey::from_scalar(self.of_index(Domain::LockKey, index).draw_nonzero(label::OUTPUT))
    }

    /// The key by which the wallet signs the recipient's record and the transfer requests that name Q_i.
    pub fn payee_key(&self, index: ReceivingIndex) -> Keypair {
        let mut secret = self.of_index(Domain::PayeeKey, index).draw_bytes(label::OUTPUT);
        let keypair = Keypair::from_secret(&secret);
        secret.zeroize();
        keypair
    }

    /// A merchant's key, to which he is paid and which owns his balance at the mint. No wallet of the same words has it.
    pub fn merchant_key(&self, index: MerchantIndex) -> Keypair {
        let mut secret = self.of_number(Domain::MerchantKey, u64::from(index.0)).draw_bytes(label::OUTPUT);
        let keypair = Keypair::from_secret(&secret);
        secret.zeroize();
        keypair
    }

    /// The key q to which a merchant has tokens locked, by the second in which it was made.
    ///
    /// # Security
    /// One lock key has exactly one store, which is lost when the key must come back from words. So a merchant who begins
    /// again takes the key of another second, and MUST NOT accept what is locked to the one before from an empty store.
    pub fn merchant_lock_key(&self, made_at: UnixTime) -> LockKey {
        LockKey::from_scalar(self.of_number(Domain::MerchantLockKey, made_at.seconds()).draw_nonzero(label::OUTPUT))
    }

    /// ρ = PRF(seed; version, mint, keyset id, d, X, n, position, P, A, B).
    pub(crate) fn blinding_root(
        &self,
        context: &CoinContext,
        key: &VerificationKey,
        coin: &Element,
        commitment: &Commitment,
    ) -> BlindingRoot {
        let mut transcript = Transcript::for_domain(Domain::BlindingRoot);
        transcript.append_bytes(label::SEED, &self.0);
        append_blinding_context(&mut transcript, context, key, coin, commitment);
        BlindingRoot(transcript.draw_bytes(label::OUTPUT))
    }

    /// e of a token locked to Q.
    pub(crate) fn lock_ephemeral(&self, context: &CoinContext, recipient: &RecipientKey) -> Scalar {
        let mut transcript = self.of_coin(Domain::LockEphemeral, context);
        transcript.append_point(label::RECIPIENT_KEY, recipient.element());
        transcript.draw_nonzero(label::OUTPUT)
    }

    fn of_index(&self, domain: Domain, index: ReceivingIndex) -> Transcript {
        self.of_number(domain, u64::from(index.0))
    }

    fn of_number(&self, domain: Domain, number: u64) -> Transcript {
        let mut transcript = Transcript::for_domain(domain);
        transcript.append_bytes(label::SEED, &self.0);
        transcript.append_number(label::NUMBER, number);
        transcript
    }

    fn of_issuance(&self, domain: Domain, context: &IssuanceContext) -> Transcript {
        let mut transcript = Transcript::for_domain(domain);
        transcript.append_bytes(label::SEED, &self.0);
        transcript.append_bytes(label::MINT, context.mint.as_bytes());
        transcript.append_bytes(label::KEYSET, context.keyset.as_bytes());
        transcript.append_number(label::NUMBER, context.number.get());
        transcript
    }

    fn of_coin(&self, domain: Domain, context: &CoinContext) -> Transcript {
        let mut transcript = self.of_issuance(domain, &context.issuance);
        transcript.append_number(label::POSITION, u64::from(context.position));
        transcript.append_bytes(label::DENOMINATION, &[context.denomination.exponent()]);
        transcript
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(<redacted>)")
    }
}

fn append_blinding_context(
    transcript: &mut Transcript,
    context: &CoinContext,
    key: &VerificationKey,
    coin: &Element,
    commitment: &Commitment,
) {
    transcript.append_bytes(label::MINT, context.issuance.mint.as_bytes());
    transcript.append_bytes(label::KEYSET, context.issuance.keyset.as_bytes());
    transcript.append_bytes(label::DENOMINATION, &[context.denomination.exponent()]);
    transcript.append_point(label::ISSUER_KEY, key.element());
    transcript.append_number(label::NUMBER, context.issuance.number.get());
    transcript.append_number(label::POSITION, u64::from(context.position));
    transcript.append_point(label::COIN, coin);
    transcript.append_point(label::COMMITMENT_A, &commitment.A);
    transcript.append_point(label::COMMITMENT_B, &commitment.B);
}

/// ρ: what recoup reveals of a token's blinding, instead of the scalars (section 10).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct BlindingRoot([u8; 32]);

impl BlindingRoot {
    /// (α, r, β) = XOF(ρ; the context), α not zero.
    pub(crate) fn scalars(
        &self,
        context: &CoinContext,
        key: &VerificationKey,
        coin: &Element,
        commitment: &Commitment,
    ) -> BlindingScalars {
        let mut transcript = Transcript::for_domain(Domain::BlindingScalars);
        transcript.append_bytes(label::RHO, &self.0);
        append_blinding_context(&mut transcript, context, key, coin, commitment);
        let mut wide = [[0_u8; 64]; 3];
        transcript.challenge_bytes(label::OUTPUT, wide.as_flattened_mut());
        let [alpha, r, beta] = &wide;
        let scalars = BlindingScalars {
            alpha: crate::group::zero_to_one(Scalar::from_bytes_mod_order_wide(alpha)),
            r: Scalar::from_bytes_mod_order_wide(r),
            beta: Scalar::from_bytes_mod_order_wide(beta),
        };
        wide.zeroize();
        scalars
    }
}

/// The 32 bytes of ρ, as recoup reveals them.
impl Encode for BlindingRoot {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for BlindingRoot {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl fmt::Debug for BlindingRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindingRoot(<redacted>)")
    }
}

/// α, r and β of one token.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct BlindingScalars {
    pub(crate) alpha: Scalar,
    pub(crate) r: Scalar,
    pub(crate) beta: Scalar,
}

impl Encode for IssuanceNumber {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for IssuanceNumber {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}
