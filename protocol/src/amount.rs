//! Amounts, denominations, units, fees and times: checked arithmetic throughout.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// An amount in the smallest unit, at most 2⁶³ − 1. All arithmetic is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount, 2⁶³ − 1.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// `None` above [`Amount::MAX`].
    pub const fn new(units: u64) -> Option<Self> {
        if units <= Self::MAX.0 { Some(Self(units)) } else { None }
    }

    /// The number of smallest units.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, unless it is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// The difference, unless it is negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of many, unless it is too large.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The denominations that are the binary digits of this amount, ascending.
    pub fn digits(self) -> Vec<Denomination> {
        (0..Denomination::COUNT).filter(|d| self.0 >> d & 1 == 1).map(Denomination).collect()
    }

    /// Reads decimal digits as an amount of `unit`: `"3.70"` of a unit with two decimals is 370.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`] unless it is digits with at most one point between digits and at
    /// most as many decimals as the unit has; [`DecodeError::OutOfRange`] when too large.
    pub fn parse(text: &str, unit: &Unit) -> Result<Self, DecodeError> {
        let (whole, decimals) = text.split_once('.').map_or((text, None), |(w, d)| (w, Some(d)));
        let fraction = decimals.unwrap_or("");
        let digits_only = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty()
            || decimals == Some("")
            || !digits_only(whole)
            || !digits_only(fraction)
            || fraction.len() > usize::from(unit.exponent)
        {
            return Err(DecodeError::NonCanonicalText);
        }
        let missing = usize::from(unit.exponent).saturating_sub(fraction.len());
        let zeros = core::iter::repeat_n(b'0', missing);
        whole
            .bytes()
            .chain(fraction.bytes())
            .chain(zeros)
            .try_fold(0_u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b.wrapping_sub(b'0'))))
            .and_then(Self::new)
            .ok_or(DecodeError::OutOfRange)
    }

    /// Writes the amount with the unit's decimals and code: 370 of a unit EUR with two decimals is
    /// `3.70 EUR`.
    pub fn display(self, unit: &Unit) -> String {
        let width = usize::from(unit.exponent);
        let digits = alloc::format!("{:0>min$}", self.0, min = width.saturating_add(1));
        let (whole, fraction) = digits.split_at_checked(digits.len().saturating_sub(width)).unwrap_or((&digits, ""));
        let point = if width == 0 { "" } else { "." };
        alloc::format!("{whole}{point}{fraction} {}", unit.code)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Encode for Amount {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Amount {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.u64()?).ok_or(DecodeError::OutOfRange)
    }
}

/// JSON has amounts as decimal strings: not every reader keeps 63 bits of a number.
impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount as a string of decimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                let canonical = !text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_digit())
                    && (text == "0" || !text.starts_with('0'));
                if !canonical {
                    return Err(E::custom(DecodeError::NonCanonicalText));
                }
                text.parse().ok().and_then(Amount::new).ok_or_else(|| E::custom(DecodeError::OutOfRange))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A denomination d, whose value is 2^d; d is at most 62.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denomination(u8);

impl Denomination {
    /// How many denominations there can be.
    pub const COUNT: u8 = 63;

    /// `None` above 62.
    pub const fn new(exponent: u8) -> Option<Self> {
        if exponent < Self::COUNT { Some(Self(exponent)) } else { None }
    }

    /// d.
    pub const fn exponent(self) -> u8 {
        self.0
    }

    /// d as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// 2^d.
    pub const fn value(self) -> Amount {
        Amount(1 << self.0)
    }
}

impl Encode for Denomination {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(self.0);
    }
}

impl Decode for Denomination {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.u8()?).ok_or(DecodeError::OutOfRange)
    }
}

/// A currency unit: a code and how many decimals people see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    code: String,
    exponent: u8,
}

impl Unit {
    /// The longest code, in bytes.
    pub const MAX_CODE: usize = 16;
    /// The most decimals.
    pub const MAX_EXPONENT: u8 = 12;

    /// A unit with a code of 1 to 16 of `A–Z a–z 0–9 - _` and at most 12 decimals.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`].
    pub fn new(code: &str, exponent: u8) -> Result<Self, DecodeError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if code.is_empty() || code.len() > Self::MAX_CODE || !code.bytes().all(legal) || exponent > Self::MAX_EXPONENT {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { code: code.into(), exponent })
    }

    /// The code, such as `EUR`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// How many decimals.
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl Encode for Unit {
    fn encode_to(&self, out: &mut Writer) {
        out.text(&self.code);
        out.u8(self.exponent);
    }
}

impl Decode for Unit {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = input.text(Self::MAX_CODE)?;
        Self::new(code, input.u8()?)
    }
}

/// Fees of a keyset, in parts per million; swaps are always free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Added to what a withdrawal debits.
    pub withdrawal_ppm: u32,
    /// Kept from what a deposit credits.
    pub deposit_ppm: u32,
}

impl Fees {
    /// Parts in the whole.
    pub const MILLION: u32 = 1_000_000;

    /// What a withdrawal of `amount` debits: amount + ⌈amount·ppm/10⁶⌉. `None` when too large.
    pub fn debit(&self, amount: Amount) -> Option<Amount> {
        let fee = (u128::from(amount.units()) * u128::from(self.withdrawal_ppm)).div_ceil(u128::from(Self::MILLION));
        u64::try_from(fee).ok().and_then(Amount::new).and_then(|fee| amount.checked_add(fee))
    }

    /// The fee on a deposit of `amount`, in millionths of the smallest unit: amount·ppm.
    pub fn deposit_millionths(&self, amount: Amount) -> u128 {
        u128::from(amount.units()) * u128::from(self.deposit_ppm)
    }
}

impl Encode for Fees {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.withdrawal_ppm);
        out.u32(self.deposit_ppm);
    }
}

impl Decode for Fees {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let fees = Self { withdrawal_ppm: input.u32()?, deposit_ppm: input.u32()? };
        if fees.withdrawal_ppm > Self::MILLION || fees.deposit_ppm > Self::MILLION {
            return Err(DecodeError::OutOfRange);
        }
        Ok(fees)
    }
}

/// A time in seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// A time of so many seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Later by so many seconds; stops at the end of time.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Earlier by so many seconds; stops at 1970.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

impl Encode for UnixTime {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for UnixTime {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_checked() {
        let one = Amount::new(1).unwrap();
        assert_eq!(Amount::MAX.checked_add(one), None);
        assert_eq!(Amount::ZERO.checked_sub(one), None);
        assert_eq!(Amount::new(1 << 63), None);
        assert_eq!(Amount::new(37).unwrap().digits(), [0, 2, 5].map(|d| Denomination::new(d).unwrap()));
    }

    #[test]
    fn amounts_are_read_and_written_as_people_do() {
        let eur = Unit::new("EUR", 2).unwrap();
        assert_eq!(Amount::new(370).unwrap().display(&eur), "3.70 EUR");
        assert_eq!(Amount::new(7).unwrap().display(&eur), "0.07 EUR");
        assert_eq!(Amount::new(7).unwrap().display(&Unit::new("sat", 0).unwrap()), "7 sat");
        for (text, units) in [("3.7", 370), ("3.70", 370), ("3", 300), ("0.01", 1)] {
            assert_eq!(Amount::parse(text, &eur).unwrap().units(), units);
        }
        for bad in ["", ".", "1.", ".5", "1.234", "-1", "+1", "1e3", "1,5", " 1"] {
            assert!(Amount::parse(bad, &eur).is_err(), "{bad:?}");
        }
        assert_eq!(Amount::parse("99999999999999999999", &eur), Err(DecodeError::OutOfRange));
    }

    #[test]
    fn fees_round_up() {
        let fees = Fees { withdrawal_ppm: 1, deposit_ppm: 0 };
        assert_eq!(fees.debit(Amount::new(1).unwrap()), Amount::new(2));
        assert_eq!(fees.debit(Amount::new(1_000_000).unwrap()), Amount::new(1_000_001));
        assert_eq!(fees.debit(Amount::MAX), None);
        assert_eq!(Fees::default().debit(Amount::MAX), Some(Amount::MAX));
    }
}
