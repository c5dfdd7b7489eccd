//! Bech32m (BIP-350) without its length limit.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn polymod(values: impl IntoIterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.into_iter().fold(1, |checksum, value| {
        let top = checksum >> 25;
        let shifted = (checksum & 0x01ff_ffff) << 5 ^ u32::from(value);
        (0..5).filter(|i| top >> i & 1 == 1).fold(shifted, |checksum, i| checksum ^ GENERATOR[i])
    })
}

/// `prefix1…` of these five-bit groups.
pub(crate) fn of_groups(prefix: &str, groups: &[u8]) -> String {
    let expanded = prefix.bytes().map(|b| b >> 5).chain([0]).chain(prefix.bytes().map(|b| b & 31));
    let checksum = polymod(expanded.chain(groups.iter().copied()).chain([0; 6])) ^ 0x2bc8_30a3;
    let checksum = (0..6).map(|i| (checksum >> (5 * (5 - i)) & 31) as u8);
    let letters = groups.iter().copied().chain(checksum).map(|group| char::from(ALPHABET[usize::from(group)]));
    format!("{prefix}1{}", letters.collect::<String>())
}

/// Bytes as five-bit groups, the last one filled up with zero bits.
pub(crate) fn groups(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).collect();
    bits.chunks(5).map(|group| (0..5).fold(0, |sum, i| sum << 1 | group.get(i).unwrap_or(&0))).collect()
}

/// The text form of an object.
pub(crate) fn bech32m(prefix: &str, bytes: &[u8]) -> String {
    of_groups(prefix, &groups(bytes))
}
