//! Headers: standard base64, with padding, of JSON.

use data_encoding::BASE64;
use farthing_protocol::codec::is_plain;
use serde::de::DeserializeOwned;

use super::DemandError;

/// The longest value of a header that is read, in characters. Servers on Node send 16 KiB at most.
pub(super) const MAX_HEADER: usize = 32 << 10;

/// The longest text of somebody else's that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// Reads a header's value.
pub(super) fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, DemandError> {
    if value.len() > MAX_HEADER {
        return Err(DemandError::TooLarge);
    }
    let json = BASE64.decode(value).map_err(|_| DemandError::Encoding)?;
    // serde reads a list as a structure without names.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(DemandError::Json);
    }
    serde_json::from_slice(&json).map_err(|_| DemandError::Json)
}

/// Writes a header's value.
pub(super) fn write(json: &[u8]) -> String {
    BASE64.encode(json)
}

/// How long [`write`] makes so many bytes.
pub(super) fn written(bytes: usize) -> usize {
    BASE64.encode_len(bytes)
}

/// Somebody else's text, short, and without characters that would make it look like something else.
pub(super) fn presentable(text: &str) -> String {
    let mut buffer = [0; 4];
    text.chars().filter(|c| is_plain(c.encode_utf8(&mut buffer))).take(MAX_SHOWN).collect()
}
