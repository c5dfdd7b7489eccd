//! Text forms for people: Bech32m with a readable prefix, without the standard's length limit.

use alloc::string::String;
use alloc::vec::Vec;

use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};

use crate::codec::{DecodeError, Wire};

/// Bech32m (BIP-350) for texts of any length: the same generator and constant.
///
/// Beyond 1023 characters the code no longer guarantees to find every three wrong characters; a random error
/// still passes with probability 2⁻³⁰, and every object carries signatures besides.
enum LongBech32m {}

impl Checksum for LongBech32m {
    type MidstateRepr = <Bech32m as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32m as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32m::ROOT_GENERATOR;
    const ROOT_EXPONENTS: core::ops::RangeInclusive<usize> = Bech32m::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = usize::MAX;
    const CHECKSUM_LENGTH: usize = Bech32m::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32m::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32m::TARGET_RESIDUE;
}

/// A wire object that people copy, print and scan.
pub trait TextForm: Wire {
    /// The readable prefix, before the separator `1`.
    const PREFIX: &'static str;

    /// The text: lower case, `PREFIX1…`.
    fn to_text(&self) -> String {
        encode(Self::PREFIX, &self.to_bytes())
    }

    /// Reads the text, in lower or upper case (QR codes are smaller in upper case).
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`] for another prefix or a wrong checksum, or what the object refuses.
    fn from_text(text: &str) -> Result<Self, DecodeError> {
        Self::from_bytes(&decode(Self::PREFIX, text)?)
    }
}

/// Writes bytes under a prefix.
pub fn encode(prefix: &str, bytes: &[u8]) -> String {
    // A prefix is a constant of this crate or of a caller, checked by tests; a bad one gives an empty text, which no
    // reader accepts.
    Hrp::parse(prefix).ok().and_then(|hrp| bech32::encode::<LongBech32m>(hrp, bytes).ok()).unwrap_or_default()
}

/// Reads bytes under a prefix.
///
/// # Errors
/// [`DecodeError::NonCanonicalText`].
pub fn decode(prefix: &str, text: &str) -> Result<Vec<u8>, DecodeError> {
    let checked = CheckedHrpstring::new::<LongBech32m>(text).map_err(|_| DecodeError::NonCanonicalText)?;
    let same = checked.hrp().as_str().eq_ignore_ascii_case(prefix);
    if !same || checked.validate_segwit_padding().is_err() {
        return Err(DecodeError::NonCanonicalText);
    }
    Ok(checked.byte_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_round_trip_and_damage_is_found() {
        LongBech32m::sanity_check();
        let bytes: Vec<u8> = (0..3000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let text = encode("farthingtoken", &bytes);
        assert!(text.len() > 4096);
        assert_eq!(decode("farthingtoken", &text).unwrap(), bytes);
        assert_eq!(decode("farthingtoken", &text.to_uppercase()).unwrap(), bytes);
        assert!(decode("farthinginvoice", &text).is_err());
        for position in [15, 100, 2000, text.len() - 1] {
            let mut damaged = text.clone().into_bytes();
            damaged[position] = if damaged[position] == b'q' { b'p' } else { b'q' };
            assert!(decode("farthingtoken", core::str::from_utf8(&damaged).unwrap()).is_err());
        }
        assert!(decode("farthingtoken", "").is_err());
    }
}
