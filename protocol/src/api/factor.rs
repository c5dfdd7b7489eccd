//! The second factor: time-based codes (RFC 6238), and recovery codes for when the device that shows them is lost.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::identity::MintId;

/// A code that an authenticator shows: six decimal digits, good once and for about a minute.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TimeCode(u32);

impl TimeCode {
    const DIGITS: usize = 6;
    const END: u32 = 1_000_000;

    /// Reads six digits; blanks between them are passed over.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`].
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let digits = compact(text);
        if digits.len() != Self::DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DecodeError::NonCanonicalText);
        }
        digits.parse().map(Self).map_err(|_| DecodeError::NonCanonicalText)
    }

    /// The six digits.
    pub fn digits(&self) -> String {
        format!("{:06}", self.0)
    }
}

/// One of the codes that are written down when a second factor is enrolled: 10 random bytes, each good once.
///
/// For people it is 16 letters and digits of base 32 (RFC 4648) in four groups: `ABCD-EFGH-IJKL-MNOP`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; 10]);

impl RecoveryCode {
    /// Length in bytes.
    pub const LENGTH: usize = 10;
    /// How many there are at first.
    pub const COUNT: usize = 10;

    /// Draws a code.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads the form for people, in upper or lower case, with or without hyphens and blanks.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`].
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        let mut letters = compact(text).to_ascii_uppercase();
        let read = BASE32_NOPAD.decode(letters.as_bytes());
        letters.zeroize();
        let bytes = read.map_err(|_| DecodeError::NonCanonicalText)?;
        bytes.try_into().map(Self).map_err(|_| DecodeError::NonCanonicalText)
    }

    /// The form for people.
    pub fn to_text(&self) -> String {
        let letters = BASE32_NOPAD.encode(&self.0);
        let mut text = String::with_capacity(19);
        for (place, letter) in letters.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// The bytes, of which a verifier keeps a salted hash.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl PartialEq for RecoveryCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RecoveryCode {}

/// What proves the second factor once.
#[derive(Clone, PartialEq, Eq)]
pub enum SecondFactor {
    /// The code that the authenticator shows.
    Time(TimeCode),
    /// A recovery code.
    Recovery(RecoveryCode),
}

impl SecondFactor {
    /// Reads what somebody types: six digits, or a recovery code.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`].
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        TimeCode::parse(text).map(Self::Time).or_else(|_| RecoveryCode::parse(text).map(Self::Recovery))
    }

    /// As it is typed.
    pub fn to_text(&self) -> String {
        match self {
            Self::Time(code) => code.digits(),
            Self::Recovery(code) => code.to_text(),
        }
    }
}

/// The secret from which an authenticator makes its codes: 20 random bytes (HMAC-SHA-1, six digits, steps of 30 seconds).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FactorSecret([u8; 20]);

impl FactorSecret {
    /// Length in bytes.
    pub const LENGTH: usize = 20;

    /// Draws a secret.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = [0; Self::LENGTH];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// As it is typed into an authenticator: 32 letters and digits of base 32.
    pub fn to_text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// Reads the form of [`to_text`](Self::to_text).
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`].
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| DecodeError::NonCanonicalText)?;
        bytes.try_into().map(Self).map_err(|_| DecodeError::NonCanonicalText)
    }

    /// The `otpauth` address that authenticators read from a QR code. It names the mint by the beginning of its identity.
    pub fn to_uri(&self, mint: &MintId, of: FactorOf) -> String {
        // Nothing in it has to be escaped.
        let (issuer, mint): (&str, String) = ("Farthing", mint.to_text().chars().take(8).collect());
        let of = match of {
            FactorOf::Administrator => "administrator",
            FactorOf::Account => "account",
        };
        format!("otpauth://totp/{issuer}:{mint}-{of}?secret={}&issuer={issuer}", self.to_text())
    }
}

impl PartialEq for FactorSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for FactorSecret {}

/// Whose second factor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorOf {
    /// Of a mint's administrator.
    Administrator,
    /// Of the owner of an account.
    Account,
}

/// How far a second factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorState {
    /// There is none.
    None,
    /// One was drawn and waits for its first code. Until then nothing needs it.
    Pending,
    /// It is asked for.
    Active,
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-')).collect()
}

impl Encode for TimeCode {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.0);
    }
}

impl Decode for TimeCode {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = input.u32()?;
        if code < Self::END { Ok(Self(code)) } else { Err(DecodeError::OutOfRange) }
    }
}

impl Encode for RecoveryCode {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for RecoveryCode {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl Encode for FactorSecret {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for FactorSecret {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl Encode for SecondFactor {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Time(code) => {
                out.u8(1);
                out.part(code);
            }
            Self::Recovery(code) => {
                out.u8(2);
                out.part(code);
            }
        }
    }
}

impl Decode for SecondFactor {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => input.part().map(Self::Time),
            2 => input.part().map(Self::Recovery),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// Gives a secret its JSON form, the one for people, and hides it from `Debug`.
macro_rules! told_once {
    ($name:ident, $to_text:ident, $from_text:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.$to_text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut text = String::deserialize(deserializer)?;
                let read = Self::$from_text(&text);
                text.zeroize();
                read.map_err(|_| serde::de::Error::custom("not a code"))
            }
        }
    };
}

told_once!(TimeCode, digits, parse);
told_once!(RecoveryCode, to_text, parse);
told_once!(FactorSecret, to_text, from_text);
told_once!(SecondFactor, to_text, parse);

/// What an owner or administrator is told once, when a second factor is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// For the authenticator.
    pub secret: FactorSecret,
    /// To be written down. Each is good once, for anything that needs a code.
    pub recovery_codes: Vec<RecoveryCode>,
}

impl Enrolment {
    /// Draws a secret and its recovery codes.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let secret = FactorSecret::generate(rng);
        Self { secret, recovery_codes: recovery_codes(rng) }
    }
}

/// Draws new recovery codes.
pub fn recovery_codes<R: CryptoRng + ?Sized>(rng: &mut R) -> Vec<RecoveryCode> {
    (0..RecoveryCode::COUNT).map(|_| RecoveryCode::generate(rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        for text in ["012345", "012 345", " 012345 "] {
            assert_eq!(TimeCode::parse(text).unwrap().digits(), "012345", "{text:?}");
        }
        for bad in ["", "12345", "1234567", "+12345", "12345a", "０12345"] {
            assert!(TimeCode::parse(bad).is_err(), "{bad:?}");
        }
        let code = RecoveryCode([0xfb, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(code.to_text(), "7MAQ-EAYE-AUDA-OCAJ");
        for text in ["7MAQ-EAYE-AUDA-OCAJ", "7maqeayeaudaocaj", "7maq eaye auda ocaj"] {
            assert!(RecoveryCode::parse(text).unwrap() == code, "{text:?}");
        }
        for bad in ["", "7MAQ-EAYE-AUDA", "7MAQ-EAYE-AUDA-OCA1", "7MAQ-EAYE-AUDA-OCAJ-AAAA"] {
            assert!(RecoveryCode::parse(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(SecondFactor::parse("012345"), Ok(SecondFactor::Time(_))));
        assert!(matches!(SecondFactor::parse("7MAQ-EAYE-AUDA-OCAJ"), Ok(SecondFactor::Recovery(_))));
        assert!(SecondFactor::parse("hello").is_err());
    }

    #[test]
    fn nothing_of_a_code_is_shown() {
        let enrolment = Enrolment { secret: FactorSecret([7; 20]), recovery_codes: alloc::vec![RecoveryCode([7; 10])] };
        let shown = format!("{enrolment:?} {:?}", SecondFactor::parse("424242").unwrap());
        assert!(!shown.contains("424242") && !shown.contains(&enrolment.secret.to_text()), "{shown}");
        assert!(!shown.contains(&RecoveryCode([7; 10]).to_text()), "{shown}");
        assert_eq!(shown.matches("<redacted>").count(), 3, "{shown}");
    }

    #[test]
    fn an_address_for_authenticators_holds_what_they_need() {
        let mint = MintId::from_bytes([1; 32]);
        let uri = FactorSecret([0; 20]).to_uri(&mint, FactorOf::Account);
        let secret = "A".repeat(32);
        assert_eq!(uri, format!("otpauth://totp/Farthing:AQEBAQEB-account?secret={secret}&issuer=Farthing"));
        assert_eq!(FactorSecret::from_text(&secret).unwrap(), FactorSecret([0; 20]));
    }
}
