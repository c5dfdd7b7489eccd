//! Voucher codes: what is printed, and redeemed by a wallet that needs no account (section 15.2 of `docs/spec.md`).

use core::fmt;

use zeroize::Zeroizing;

use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::identity::{Keypair, MintId, VoucherKey};
use crate::text::TextForm;

/// A voucher's code: its private key, and everything that a wallet must know to redeem it without asking anybody.
///
/// # Security
/// Whoever has it can redeem it. It is never sent to a mint: the mint knows the public key, and sees a signature. What it says
/// of amount and end is the word of whoever made it: the mint's books decide. Not `Clone`; `Debug` shows nothing.
pub struct VoucherCode {
    key: Keypair,
    mint: MintId,
    amount: Amount,
    unit: Unit,
    expires_at: UnixTime,
}

/// What all vouchers of a batch have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherTerms {
    /// The mint that redeems them.
    pub mint: MintId,
    /// What each is worth, not zero: it is redeemed whole.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// When they end: from then on the mint redeems none.
    pub expires_at: UnixTime,
}

impl VoucherCode {
    /// A code of this key.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] when the amount is zero.
    pub fn new(key: Keypair, terms: &VoucherTerms) -> Result<Self, DecodeError> {
        let VoucherTerms { mint, amount, unit, expires_at } = terms.clone();
        if amount.is_zero() {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { key, mint, amount, unit, expires_at })
    }

    /// What the mint knows of it.
    pub fn public(&self) -> VoucherKey {
        VoucherKey::from(&self.key)
    }

    /// The key pair, which signs D when it is redeemed.
    pub fn key(&self) -> &Keypair {
        &self.key
    }

    /// The key pair, taken out.
    pub fn into_key(self) -> Keypair {
        self.key
    }

    /// What it has in common with the others of its batch.
    pub fn terms(&self) -> VoucherTerms {
        let Self { mint, amount, unit, expires_at, .. } = self;
        VoucherTerms { mint: *mint, amount: *amount, unit: unit.clone(), expires_at: *expires_at }
    }

    /// The mint that redeems it.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// What it is worth.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// In which unit.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// When it ends.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }
}

impl Encode for VoucherCode {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.bytes(self.key.secret().as_slice());
        out.part(&self.amount);
        out.part(&self.unit);
        out.part(&self.expires_at);
    }
}

impl Decode for VoucherCode {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mint = input.part()?;
        let secret = Zeroizing::new(input.array()?);
        let terms = VoucherTerms { mint, amount: input.part()?, unit: input.part()?, expires_at: input.part()? };
        Self::new(Keypair::from_secret(&secret), &terms)
    }
}

impl crate::codec::Wire for VoucherCode {}

impl TextForm for VoucherCode {
    const PREFIX: &'static str = "farthingvoucher";
}

impl fmt::Debug for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherCode(<redacted>)")
    }
}
