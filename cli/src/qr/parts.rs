//! A text too large for one QR code, in parts.
//!
//! A part is a text itself: Bech32m with the prefix `farthingpart`, so that each has its own checksum, of
//!
//! ```text
//! version 1 (1 byte) ‖ id (8) ‖ index from 0 (2, big-endian) ‖ total (2, big-endian) ‖ a piece of the body
//! body = length of the text's prefix (1) ‖ the prefix ‖ the text's bytes
//! id   = the first 8 bytes of SHA-256 of the body
//! ```
//!
//! Pieces have equal lengths, the last may be shorter. They are taken in any order and more than once; parts of two texts are never
//! put together, and what is put together must have the id.

use std::collections::BTreeMap;

use farthing_protocol::text;
use sha2::{Digest, Sha256};

use crate::exit::{Fault, Trouble, fault};

const PREFIX: &str = "farthingpart";
const VERSION: u8 = 1;
const ID: usize = 8;
/// Version, id, index, total.
const HEADER: usize = 1 + ID + 2 + 2;
/// More parts than anybody scans.
const MAX_TOTAL: u16 = 128;
/// Scheme, prefix, separator and checksum of a part's link.
const AROUND: usize = "farthing:".len() + PREFIX.len() + 1 + 6;

/// One part.
#[derive(Debug)]
pub(super) struct Part {
    id: [u8; ID],
    index: u16,
    total: u16,
    piece: Vec<u8>,
}

pub(super) fn is_part(text: &str) -> bool {
    let prefix = text.rsplit_once('1').map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
}

/// The text in parts whose links have at most `room` characters; the text itself if its link fits.
pub(super) fn split(text: &str, room: usize) -> Result<Vec<String>, Fault> {
    if super::link(text).len() <= room {
        return Ok(vec![text.to_owned()]);
    }
    let too_large = || fault(Trouble::BadText, "the text is too large for QR codes").next("write it to a file: --file");
    let body = body_of(text)?;
    // 8 characters carry 5 bytes.
    let most =
        (room.saturating_sub(AROUND) * 5 / 8).checked_sub(HEADER).filter(|most| *most > 0).ok_or_else(too_large)?;
    let total =
        u16::try_from(body.len().div_ceil(most)).ok().filter(|total| *total <= MAX_TOTAL).ok_or_else(too_large)?;
    let id = id_of(&body);
    let even = body.len().div_ceil(usize::from(total)).max(1);
    let write = |(index, piece): (usize, &[u8])| {
        let mut bytes = vec![VERSION];
        bytes.extend(id);
        bytes.extend(u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(total.to_be_bytes());
        bytes.extend(piece);
        text::encode(PREFIX, &bytes)
    };
    Ok(body.chunks(even).enumerate().map(write).collect())
}

/// Prefix and bytes of a text.
fn body_of(text: &str) -> Result<Vec<u8>, Fault> {
    let unreadable = || fault(Trouble::BadText, "the text is damaged");
    let (prefix, _) = text.rsplit_once('1').ok_or_else(unreadable)?;
    let bytes = text::decode(prefix, text).map_err(|_| unreadable())?;
    let mut body = vec![u8::try_from(prefix.len()).map_err(|_| unreadable())?];
    body.extend(prefix.to_ascii_lowercase().bytes());
    body.extend(bytes);
    Ok(body)
}

fn text_of(body: &[u8]) -> Option<String> {
    let (length, rest) = body.split_first()?;
    let (prefix, bytes) = rest.split_at_checked(usize::from(*length))?;
    let text = text::encode(std::str::from_utf8(prefix).ok()?, bytes);
    if text.is_empty() { None } else { Some(text) }
}

fn id_of(body: &[u8]) -> [u8; ID] {
    let mut id = [0; ID];
    id.iter_mut().zip(Sha256::digest(body)).for_each(|(to, from)| *to = from);
    id
}

impl Part {
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let damaged = || fault(Trouble::BadParts, "a part of the text is damaged").next("copy or scan it again");
        let bytes = text::decode(PREFIX, text).map_err(|_| damaged())?;
        let (header, piece) = bytes.split_first_chunk::<HEADER>().ok_or_else(damaged)?;
        let (version, rest) = header.split_first().ok_or_else(damaged)?;
        let (id, numbers) = rest.split_first_chunk::<ID>().ok_or_else(damaged)?;
        let [a, b, c, d] = <[u8; 4]>::try_from(numbers).map_err(|_| damaged())?;
        let part = Self {
            id: *id,
            index: u16::from_be_bytes([a, b]),
            total: u16::from_be_bytes([c, d]),
            piece: piece.to_vec(),
        };
        let plausible = part.index < part.total && part.total <= MAX_TOTAL && !part.piece.is_empty();
        if *version == VERSION && plausible { Ok(part) } else { Err(damaged()) }
    }
}

/// Puts parts together, whatever their order.
pub(super) fn assemble(parts: &[Part]) -> Result<String, Fault> {
    let first = parts.first().ok_or_else(|| fault(Trouble::BadParts, "there are no parts"))?;
    let mut pieces: BTreeMap<u16, &[u8]> = BTreeMap::new();
    for part in parts {
        if part.id != first.id || part.total != first.total {
            return Err(
                fault(Trouble::BadParts, "these are parts of different texts").next("give the parts of one text")
            );
        }
        if pieces.insert(part.index, &part.piece).is_some_and(|other| other != part.piece) {
            return Err(fault(Trouble::BadParts, format!("there are two different parts {}", part.index + 1)));
        }
    }
    let missing: Vec<String> =
        (0..first.total).filter(|index| !pieces.contains_key(index)).map(|index| (index + 1).to_string()).collect();
    if !missing.is_empty() {
        let message = format!("of {} parts these are missing: {}", first.total, missing.join(", "));
        return Err(fault(Trouble::BadParts, message).next("give all parts together, in any order"));
    }
    let body = pieces.into_values().collect::<Vec<_>>().concat();
    let whole = if id_of(&body) == first.id { text_of(&body) } else { None };
    whole.ok_or_else(|| fault(Trouble::BadParts, "the parts do not make a text").next("ask for them again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: u16) -> String {
        let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
        text::encode("farthingtest", &bytes)
    }

    fn read(parts: &[String]) -> Vec<Part> {
        parts.iter().map(|part| Part::read(part).unwrap()).collect()
    }

    #[test]
    fn parts_fit_and_make_the_text_in_any_order() {
        for (length, room) in [(300, 200), (3000, 600), (3001, 599), (100, 60)] {
            let text = sample(length);
            let parts = split(&text, room).unwrap();
            assert!(parts.len() > 1);
            assert!(parts.iter().all(|part| super::super::link(part).len() <= room && is_part(part)));
            let mut shuffled = parts.clone();
            shuffled.reverse();
            shuffled.push(parts[0].to_uppercase());
            assert_eq!(assemble(&read(&shuffled)).unwrap(), text);
        }
        let small = sample(20);
        assert_eq!(split(&small, 600).unwrap(), [small]);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let parts = split(&sample(1000), 400).unwrap();
        let others = split(&sample(1001), 400).unwrap();
        let missing = assemble(&read(&parts[1..])).unwrap_err();
        assert!(missing.to_string().ends_with("missing: 1"), "{missing}");
        assert!(assemble(&read(&[parts[0].clone(), others[1].clone()])).is_err());
        let mut damaged = parts[0].clone().into_bytes();
        damaged[40] = if damaged[40] == b'q' { b'p' } else { b'q' };
        assert!(Part::read(std::str::from_utf8(&damaged).unwrap()).is_err());
        // A part that was made to fit another text.
        let mut forged = read(&parts);
        forged[1].piece[3] ^= 1;
        assert!(assemble(&forged).is_err());
        let twice = [read(&parts), forged].concat_parts();
        assert!(assemble(&twice).is_err());
        for bytes in [[VERSION; HEADER].as_slice(), &[], &[2; 40], &[VERSION; 400]] {
            assert!(Part::read(&text::encode(PREFIX, bytes)).is_err());
        }
        assert!(split(&sample(9000), 70).is_err());
        assert!(split(&sample(300), 40).is_err());
        assert!(split("farthingtest1qqqqqqqqqqqqqqqqq", 20).is_err());
    }

    trait ConcatParts {
        fn concat_parts(self) -> Vec<Part>;
    }

    impl ConcatParts for [Vec<Part>; 2] {
        fn concat_parts(self) -> Vec<Part> {
            self.into_iter().flatten().collect()
        }
    }
}
