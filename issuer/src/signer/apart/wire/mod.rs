//! What a mint and its signer say to each other.
//!
//! A frame is its length (4 bytes, little-endian; of all that follows), the version (1), a kind (1) and the body. The mint asks, the
//! signer answers each frame with one, in order. Bodies are made of the protocol's encodings; nothing may be left over.

mod document;
mod frame;
mod refusal;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use farthing_protocol::codec::DecodeError;

pub(crate) use document::{Document, Published};
pub(crate) use frame::Frame;
pub use refusal::Refusal;
pub(crate) use reply::{IssuedOf, Reply};
pub(crate) use request::{Purpose, Request};

mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const OPEN: u8 = 2;
    pub(super) const AUTHENTICATE: u8 = 3;
    pub(super) const CLAIM: u8 = 4;
    pub(super) const BURN: u8 = 5;
    pub(super) const DRAW: u8 = 6;
    pub(super) const SIGN: u8 = 7;
    pub(super) const REPORT: u8 = 8;
    pub(super) const LAST_LIST: u8 = 9;
    pub(super) const LAST_INDEX: u8 = 10;
    pub(super) const FORGET: u8 = 11;
    pub(super) const LOOK: u8 = 12;
    pub(super) const REFUSED: u8 = 255;
}

/// A list that must not be empty.
fn some<T>(list: Vec<T>) -> Result<Vec<T>, DecodeError> {
    if list.is_empty() { Err(DecodeError::Empty) } else { Ok(list) }
}
