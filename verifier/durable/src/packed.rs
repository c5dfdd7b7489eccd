//! The inside of a record: entries one after another, each behind its length (two bytes, little-endian).

use crate::StoreFault;

/// A record is closed once it is this long, so that a full one stays below 4 KiB.
const FULL: usize = 3500;

/// Whether the entry still goes into this record.
pub(crate) fn fits(record: &[u8], entry: &[u8]) -> bool {
    record.is_empty() || record.len() + 2 + entry.len() <= FULL
}

/// Adds an entry at the end.
pub(crate) fn push(record: &mut Vec<u8>, entry: &[u8]) -> Result<(), StoreFault> {
    let length = u16::try_from(entry.len()).map_err(|_| StoreFault::TooLarge)?;
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(entry);
    Ok(())
}

/// The entries of a record in order; ends with a fault where the bytes do not decode.
pub(crate) fn entries(record: &[u8]) -> impl Iterator<Item = Result<&[u8], StoreFault>> {
    let mut rest = record;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = rest
            .split_first_chunk()
            .and_then(|(length, after)| after.split_at_checked(u16::from_le_bytes(*length).into()));
        Some(match entry {
            Some((entry, after)) => {
                rest = after;
                Ok(entry)
            }
            None => {
                rest = &[];
                Err(StoreFault::Damaged)
            }
        })
    })
}
