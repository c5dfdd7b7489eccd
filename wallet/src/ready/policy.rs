//! What a wallet is to keep ready, for each unit of each mint.

use farthing_protocol::amount::{Amount, Denomination, Unit};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::identity::MintId;

use super::plan::Wanted;
use crate::error::{MintError, StoreError};
use crate::vault::Tx;
use crate::wallet::Wallet;

/// What is kept ready: tokens for so many payments in a row, each of any amount up to so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockPolicy {
    up_to: Amount,
    ahead: u8,
    withdraw_below: Option<Amount>,
}

/// A policy that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// More payments ahead than [`StockPolicy::MAX_AHEAD`].
    #[error("not more than {} payments can be kept ready", StockPolicy::MAX_AHEAD)]
    TooManyPayments,
}

impl StockPolicy {
    /// The most payments that are kept ready.
    pub const MAX_AHEAD: u8 = 16;

    /// Tokens for `ahead` payments of up to `up_to` each, made by swaps; nothing is withdrawn. Zero of either keeps nothing ready.
    ///
    /// # Errors
    /// [`InvalidPolicy::TooManyPayments`] above [`Self::MAX_AHEAD`].
    pub const fn new(up_to: Amount, ahead: u8) -> Result<Self, InvalidPolicy> {
        if ahead > Self::MAX_AHEAD {
            return Err(InvalidPolicy::TooManyPayments);
        }
        Ok(Self { up_to, ahead, withdraw_below: None })
    }

    /// What is kept ready unless something else was said: tokens for three payments of up to ten of the unit (of a unit without
    /// enough decimals, a thousand of the smallest). Nothing is withdrawn: that costs fees.
    pub fn default_for(unit: &Unit) -> Self {
        let ten = 10_u64.checked_pow(u32::from(unit.exponent()).saturating_add(1)).and_then(Amount::new);
        let thousand = Amount::new(1000).unwrap_or_default();
        Self { up_to: ten.unwrap_or(thousand).max(thousand), ahead: 3, withdraw_below: None }
    }

    /// A bundle is withdrawn from the account by itself when less than this can be spent.
    #[must_use]
    pub const fn withdraw_below(mut self, floor: Option<Amount>) -> Self {
        self.withdraw_below = floor;
        self
    }

    /// Amounts up to this are usual.
    pub const fn up_to(&self) -> Amount {
        self.up_to
    }

    /// So many payments are kept ready.
    pub const fn ahead(&self) -> u8 {
        self.ahead
    }

    /// Below this a bundle is withdrawn.
    pub const fn floor(&self) -> Option<Amount> {
        self.withdraw_below
    }

    /// As sets of denominations: the smallest power of two above `up_to` says how many.
    pub(crate) fn wanted(&self) -> Wanted {
        let digits = self.up_to.digits().last().map_or(0, |top| top.exponent().saturating_add(1));
        Wanted { digits: digits.min(Denomination::COUNT), sets: self.ahead }
    }
}

impl Wallet {
    /// What is kept ready of a mint's unit.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::NoSuchUnit`], [`MintError::Store`].
    pub async fn stock_policy(&self, mint: &MintId, unit: &Unit) -> Result<StockPolicy, MintError> {
        self.has_unit(mint, unit)?;
        let (mint, unit) = (*mint, unit.clone());
        Ok(self.inner.vault.run::<_, StoreError>(move |tx| load(tx, &mint, &unit)).await?)
    }

    /// Sets what is kept ready of a mint's unit. [`Wallet::refresh`] brings the stock there.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::NoSuchUnit`], [`MintError::Store`].
    pub async fn set_stock_policy(&self, mint: &MintId, unit: &Unit, policy: StockPolicy) -> Result<(), MintError> {
        self.has_unit(mint, unit)?;
        let key = key(mint, unit);
        Ok(self.inner.vault.run::<_, StoreError>(move |tx| tx.put(&key, &policy)).await?)
    }

    fn has_unit(&self, mint: &MintId, unit: &Unit) -> Result<(), MintError> {
        let mint = self.inner.mint(mint)?;
        let found = mint.chains.iter().any(|chain| chain.key().unit == *unit);
        if found { Ok(()) } else { Err(MintError::NoSuchUnit) }
    }
}

/// The policy of a unit, the default if none was set.
pub(crate) fn load(tx: &Tx<'_, '_>, mint: &MintId, unit: &Unit) -> Result<StockPolicy, StoreError> {
    Ok(tx.get(&key(mint, unit))?.unwrap_or_else(|| StockPolicy::default_for(unit)))
}

fn key(mint: &MintId, unit: &Unit) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(b"Yp");
    out.part(mint);
    out.part(unit);
    out.finish()
}

impl Encode for StockPolicy {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.up_to);
        out.u8(self.ahead);
        out.optional(self.withdraw_below.as_ref());
    }
}

impl Decode for StockPolicy {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let policy = Self::new(input.part()?, input.u8()?).map_err(|_| DecodeError::OutOfRange)?;
        Ok(policy.withdraw_below(input.optional()?))
    }
}

impl Wire for StockPolicy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_three_payments_of_ten() {
        let amount = |units| Amount::new(units).unwrap();
        let default = |exponent| StockPolicy::default_for(&Unit::new("EUR", exponent).unwrap());
        assert_eq!((default(2).up_to(), default(2).ahead(), default(2).floor()), (amount(1000), 3, None));
        assert_eq!(default(0).up_to(), amount(1000));
        assert_eq!(default(6).up_to(), amount(10_000_000));
        assert_eq!(default(2).wanted(), Wanted { digits: 10, sets: 3 });
        assert_eq!(StockPolicy::new(amount(1024), 1).unwrap().wanted().digits, 11);
        assert_eq!(StockPolicy::new(amount(1023), 1).unwrap().wanted().digits, 10);
        assert_eq!(StockPolicy::new(Amount::ZERO, 1).unwrap().wanted().digits, 0);
        assert_eq!(StockPolicy::new(amount(1), 17), Err(InvalidPolicy::TooManyPayments));
    }

    #[test]
    fn a_policy_is_read_as_it_was_written() {
        let policy = StockPolicy::new(Amount::new(77).unwrap(), 5).unwrap().withdraw_below(Amount::new(9));
        assert_eq!(StockPolicy::from_bytes(&policy.to_bytes()), Ok(policy));
        let mut bytes = policy.to_bytes();
        let ahead = bytes.iter().rposition(|byte| *byte == 5).unwrap();
        bytes[ahead] = 17;
        assert!(StockPolicy::from_bytes(&bytes).is_err());
    }
}
