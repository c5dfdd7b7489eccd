//! Strict binary encoding: fixed layouts, integers little-endian, exact length, nothing left over.
//!
//! A *wire object* ([`Wire`]) begins with the version byte and is read whole; its parts ([`Encode`],
//! [`Decode`]) carry no version of their own.

use alloc::vec::Vec;

use crate::VERSION;

/// Why bytes are not a wire object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("the data ends too early")]
    Truncated,
    /// Bytes are left over.
    #[error("there are bytes after the end")]
    TrailingBytes,
    /// The first byte names another version of the protocol.
    #[error("this version of the protocol is not supported")]
    UnsupportedVersion,
    /// A kind or tag that version 1 does not have.
    #[error("unknown kind")]
    UnknownTag,
    /// A scalar is not reduced modulo ℓ.
    #[error("a scalar is not in canonical form")]
    NonCanonicalScalar,
    /// A scalar that must not be zero is.
    #[error("a scalar is zero")]
    ZeroScalar,
    /// A point is not a canonical ristretto255 encoding.
    #[error("a point is not in canonical form")]
    NonCanonicalPoint,
    /// A point is the identity.
    #[error("a point is the identity")]
    IdentityPoint,
    /// A text is not UTF-8, holds control characters, or has a wrong prefix, alphabet or checksum.
    #[error("the text form is damaged or of another kind")]
    NonCanonicalText,
    /// A list or text is longer than allowed.
    #[error("a part is longer than allowed")]
    TooLong,
    /// A number, time or key is outside its range.
    #[error("a value is out of range")]
    OutOfRange,
    /// Denominations are not in the one canonical order or shape.
    #[error("the tokens are not in canonical order or shape")]
    NonCanonicalShape,
    /// A coin key or commitment stands twice.
    #[error("a token is repeated")]
    Repeated,
    /// The tokens' values do not add up to the amount.
    #[error("the tokens do not add up to the amount")]
    AmountMismatch,
    /// A list that must not be empty is.
    #[error("a required part is empty")]
    Empty,
}

/// Collects the bytes of an encoding.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Appends two bytes, little-endian.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends four bytes, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends a part.
    pub fn part<T: Encode + ?Sized>(&mut self, part: &T) {
        part.encode_to(self);
    }

    /// Appends a list's length (two bytes) and its parts. Constructors keep lists below 2¹⁶.
    pub fn list<T: Encode>(&mut self, parts: &[T]) {
        self.u16(u16::try_from(parts.len()).unwrap_or(u16::MAX));
        for part in parts {
            part.encode_to(self);
        }
    }

    /// Appends a text's length (two bytes) and its UTF-8 bytes. Constructors keep texts below 2¹⁶.
    pub fn text(&mut self, text: &str) {
        self.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.bytes(text.as_bytes());
    }

    /// Appends a presence byte (0 or 1) and the part if there is one.
    pub fn optional<T: Encode>(&mut self, part: Option<&T>) {
        match part {
            None => self.u8(0),
            Some(part) => {
                self.u8(1);
                part.encode_to(self);
            }
        }
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads an encoding from the front.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.0.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A part.
    ///
    /// # Errors
    /// Whatever the part refuses.
    pub fn part<T: Decode>(&mut self) -> Result<T, DecodeError> {
        T::decode_from(self)
    }

    /// A list written by [`Writer::list`], of at most `at_most` parts.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], or whatever a part refuses.
    pub fn list<T: Decode>(&mut self, at_most: usize) -> Result<Vec<T>, DecodeError> {
        let count = usize::from(self.u16()?);
        if count > at_most {
            return Err(DecodeError::TooLong);
        }
        // A part has at least one byte, so a lying length cannot reserve more than was sent.
        let mut parts = Vec::with_capacity(count.min(self.remaining()));
        for _ in 0..count {
            parts.push(T::decode_from(self)?);
        }
        Ok(parts)
    }

    /// A [plain](is_plain) text written by [`Writer::text`], of at most `at_most` bytes.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] or [`DecodeError::NonCanonicalText`].
    pub fn text(&mut self, at_most: usize) -> Result<&'a str, DecodeError> {
        let count = usize::from(self.u16()?);
        if count > at_most {
            return Err(DecodeError::TooLong);
        }
        let text = core::str::from_utf8(self.bytes(count)?).map_err(|_| DecodeError::NonCanonicalText)?;
        if is_plain(text) { Ok(text) } else { Err(DecodeError::NonCanonicalText) }
    }

    /// A presence byte and, if it is 1, a part.
    ///
    /// # Errors
    /// [`DecodeError::UnknownTag`] for another presence byte.
    pub fn optional<T: Decode>(&mut self) -> Result<Option<T>, DecodeError> {
        match self.u8()? {
            0 => Ok(None),
            1 => T::decode_from(self).map(Some),
            _ => Err(DecodeError::UnknownTag),
        }
    }

    /// Requires that everything was read.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`].
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// Whether a text shows what it says: no control characters, and none that change the direction of writing, by which a
/// note could be made to read as another.
pub fn is_plain(text: &str) -> bool {
    let turns =
        |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.chars().any(|c| c.is_control() || turns(c))
}

/// A part that can be written.
pub trait Encode {
    /// Appends the encoding.
    fn encode_to(&self, out: &mut Writer);
}

/// A part that can be read.
pub trait Decode: Sized {
    /// Reads the part from the front.
    ///
    /// # Errors
    /// A [`DecodeError`] that says what is wrong.
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// A whole wire object: the version byte, the fields, nothing else.
pub trait Wire: Encode + Decode {
    /// The object's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        self.encode_to(&mut out);
        out.finish()
    }

    /// Reads an object from exactly these bytes.
    ///
    /// # Errors
    /// A [`DecodeError`] that says what is wrong.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(DecodeError::UnsupportedVersion);
        }
        let object = Self::decode_from(&mut input)?;
        input.finish()?;
        Ok(object)
    }
}

/// Gives a [`Wire`] object its JSON form: the same bytes, base64url without padding.
macro_rules! wire_serde {
    ($type:ty) => {
        impl $crate::codec::Wire for $type {}

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$crate::codec::to_base64url(&$crate::codec::Wire::to_bytes(self)))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = $crate::codec::base64url_in(deserializer)?;
                <Self as $crate::codec::Wire>::from_bytes(&bytes).map_err($crate::codec::malformed)
            }
        }
    };
}
pub(crate) use wire_serde;

/// How the message of a JSON error begins when a string in it is not the wire object it should be.
pub const MALFORMED: &str = "malformed object: ";

/// The serde error for a string that is not the wire object it should be. It never repeats the input.
pub(crate) fn malformed<E: serde::de::Error>(error: DecodeError) -> E {
    E::custom(format_args!("{MALFORMED}{error}"))
}

/// Unpadded base64url (RFC 4648, section 5).
pub fn to_base64url(bytes: &[u8]) -> alloc::string::String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// Reads unpadded base64url strictly: no padding, no other alphabet, zero trailing bits.
///
/// # Errors
/// [`DecodeError::NonCanonicalText`].
pub fn from_base64url(text: &str) -> Result<Vec<u8>, DecodeError> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| DecodeError::NonCanonicalText)
}

/// Reads a base64url string from any serde format. The error never repeats the input.
pub(crate) fn base64url_in<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a base64url string without padding")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
            from_base64url(text).map_err(malformed)
        }
    }
    deserializer.deserialize_str(Visitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_strict() {
        assert_eq!(from_base64url("AA").unwrap(), [0]);
        for bad in ["AA==", "AB", "A", "A+", "A A", "AA\n"] {
            assert_eq!(from_base64url(bad), Err(DecodeError::NonCanonicalText), "{bad:?}");
        }
    }

    #[test]
    fn a_lying_list_length_is_refused_without_reserving() {
        let mut input = Reader::new(&[0xff, 0xff, 1]);
        assert_eq!(input.list::<crate::ids::KeysetId>(usize::MAX).err(), Some(DecodeError::Truncated));
    }

    #[test]
    fn texts_that_do_not_show_what_they_say_are_refused() {
        assert!(is_plain("Tee für zwei, 3 € – שלום"));
        for bad in ["a\nb", "a\0", "\u{7f}", "\u{85}", "pay \u{202e}37", "\u{2066}x", "\u{200f}", "\u{61c}"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
