//! Canonical shapes of issuances (protocol section 5): as few as possible, so that none tells wallets apart.

use alloc::vec;
use alloc::vec::Vec;

use crate::amount::{Amount, Denomination};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::keyset::Keyset;

/// What an issuance makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The binary digits of one amount, paid by an account or a voucher.
    Withdrawal(Amount),
    /// A bundle of the keyset's list, by its place in it.
    Bundle(u8),
    /// One 2^k into 2^(k−1), …, 2, 1, 1; k is at least 1.
    Split(Denomination),
    /// Two 2^k into one 2^(k+1).
    Merge(Denomination),
    /// The binary digits of an amount into the same.
    Renew(Amount),
}

/// Why a keyset cannot issue a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The amount is zero, or larger than the keyset's denominations reach.
    #[error("the amount is zero or larger than this keyset's tokens reach")]
    AmountOutOfRange,
    /// The keyset has no such bundle.
    #[error("the keyset has no such bundle")]
    UnknownBundle,
    /// The keyset has no such denomination, or a split of 1 was asked.
    #[error("the keyset has no tokens for this swap")]
    UnknownDenomination,
}

impl Shape {
    /// The outputs' denominations, ascending.
    ///
    /// # Errors
    /// A [`ShapeError`] when the keyset does not have them.
    pub fn outputs(&self, keyset: &Keyset) -> Result<Vec<Denomination>, ShapeError> {
        let (outputs, missing) = match self {
            Self::Withdrawal(amount) | Self::Renew(amount) => (amount.digits(), ShapeError::AmountOutOfRange),
            Self::Bundle(index) => {
                let bundle = keyset.terms().bundles.get(usize::from(*index)).ok_or(ShapeError::UnknownBundle)?;
                (bundle.denominations(), ShapeError::UnknownBundle)
            }
            Self::Split(k) => (split_outputs(*k), ShapeError::UnknownDenomination),
            Self::Merge(k) => {
                let sum = k.exponent().checked_add(1).and_then(Denomination::new);
                (sum.into_iter().collect(), ShapeError::UnknownDenomination)
            }
        };
        if outputs.is_empty() || outputs.iter().any(|d| keyset.key(*d).is_none()) { Err(missing) } else { Ok(outputs) }
    }

    /// The inputs' denominations, if this is a swap.
    pub fn inputs(&self) -> Option<Vec<Denomination>> {
        match self {
            Self::Withdrawal(_) | Self::Bundle(_) => None,
            Self::Split(k) => Some(vec![*k]),
            Self::Merge(k) => Some(vec![*k, *k]),
            Self::Renew(amount) => Some(amount.digits()),
        }
    }

    /// Whether tokens fund it.
    pub fn is_swap(&self) -> bool {
        matches!(self, Self::Split(_) | Self::Merge(_) | Self::Renew(_))
    }
}

/// 2^(k−1), …, 2, 1, 1, ascending; nothing for k = 0.
fn split_outputs(k: Denomination) -> Vec<Denomination> {
    match k.exponent() {
        0 => Vec::new(),
        k => core::iter::once(0).chain(0..k).filter_map(Denomination::new).collect(),
    }
}

/// Whether these inputs, in this order, are those of some swap: one token, two of one denomination, or
/// strictly ascending.
pub(crate) fn is_swap_input(inputs: &[Denomination]) -> bool {
    matches!(inputs, [a, b] if a == b) || (!inputs.is_empty() && inputs.is_sorted_by(|a, b| a < b))
}

impl Encode for Shape {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Withdrawal(amount) => {
                out.u8(1);
                out.part(amount);
            }
            Self::Bundle(index) => {
                out.u8(2);
                out.u8(*index);
            }
            Self::Split(k) => {
                out.u8(3);
                out.part(k);
            }
            Self::Merge(k) => {
                out.u8(4);
                out.part(k);
            }
            Self::Renew(amount) => {
                out.u8(5);
                out.part(amount);
            }
        }
    }
}

impl Decode for Shape {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => input.part().map(Self::Withdrawal),
            2 => input.u8().map(Self::Bundle),
            3 => input.part().map(Self::Split),
            4 => input.part().map(Self::Merge),
            5 => input.part().map(Self::Renew),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

wire_serde!(Shape);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_conserves_value() {
        for k in 1..Denomination::COUNT {
            let k = Denomination::new(k).unwrap();
            let outputs = split_outputs(k);
            assert_eq!(Amount::checked_sum(outputs.iter().map(|d| d.value())), Some(k.value()));
            assert_eq!(outputs.len(), k.index() + 1);
            assert!(outputs.is_sorted());
        }
        assert!(split_outputs(Denomination::new(0).unwrap()).is_empty());
    }
}
