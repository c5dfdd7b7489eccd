//! The archive (section 11): hashes, fingerprints, files and the index.

use super::{cat, ed25519_sign, hash};

/// H(salt, issuance id).
pub(crate) fn issuance_hash(salt: &[u8; 16], issuance: &[u8; 32]) -> [u8; 32] {
    hash(b"farthing/v1/issuance-hash", &[(b"salt", salt), (b"issuance", issuance)])
}

/// The first four bytes of the hash of (keyset, period, P), as a number.
pub(crate) fn fingerprint(keyset: &[u8; 32], period: u32, coin: &[u8; 32]) -> u32 {
    let period = u64::from(period).to_le_bytes();
    let hash = hash(b"farthing/v1/spent-fingerprint", &[(b"keyset", keyset), (b"period", &period), (b"P", coin)]);
    u32::from_le_bytes(hash[..4].try_into().unwrap())
}

/// A filter, of which tests change what they like.
#[derive(Clone)]
pub(crate) struct Filter {
    pub(crate) mint: [u8; 32],
    pub(crate) keyset: [u8; 32],
    pub(crate) period: u32,
    pub(crate) span: [u64; 2],
    pub(crate) part: [u16; 2],
    pub(crate) fingerprints: Vec<u32>,
}

impl Filter {
    pub(crate) fn head(&self) -> Vec<u8> {
        cat(&[
            &self.mint,
            &self.keyset,
            &self.period.to_le_bytes(),
            &self.span.map(u64::to_le_bytes).concat(),
            &self.part.map(u16::to_le_bytes).concat(),
        ])
    }

    pub(crate) fn bytes(&self, secret: &[u8; 32]) -> Vec<u8> {
        let count = u32::try_from(self.fingerprints.len()).unwrap().to_le_bytes();
        let fingerprints: Vec<u8> = self.fingerprints.iter().flat_map(|f| f.to_le_bytes()).collect();
        signed(secret, b"farthing/v1/spent-filter", b"filter-body", &cat(&[&self.head(), &count, &fingerprints]))
    }
}

/// A file of issuance records.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) mint: [u8; 32],
    pub(crate) keyset: [u8; 32],
    pub(crate) segment: u32,
    pub(crate) span: [u64; 2],
    pub(crate) salt: [u8; 16],
    pub(crate) prefix: (u8, u16),
    /// Without their version bytes.
    pub(crate) records: Vec<Vec<u8>>,
}

impl File {
    pub(crate) fn head(&self) -> Vec<u8> {
        cat(&[
            &self.mint,
            &self.keyset,
            &self.segment.to_le_bytes(),
            &self.span.map(u64::to_le_bytes).concat(),
            &self.salt,
            &[self.prefix.0],
            &self.prefix.1.to_le_bytes(),
        ])
    }

    pub(crate) fn bytes(&self, secret: &[u8; 32]) -> Vec<u8> {
        let record = |record: &Vec<u8>| cat(&[&u16::try_from(record.len()).unwrap().to_le_bytes(), record]);
        let records: Vec<u8> = self.records.iter().flat_map(record).collect();
        let count = u16::try_from(self.records.len()).unwrap().to_le_bytes();
        signed(secret, b"farthing/v1/issuance-file", b"file-body", &cat(&[&self.head(), &count, &records]))
    }
}

/// (from, until, salt, bits, count).
pub(crate) type Segment = (u64, u64, [u8; 16], u8, u32);

/// What an index lists of a keyset: segments, filters as (from, until, parts, count).
pub(crate) type Listed = ([u8; 32], Vec<Segment>, Vec<(u64, u64, u16, u32)>);

/// An index.
#[derive(Clone)]
pub(crate) struct Index {
    pub(crate) mint: [u8; 32],
    /// Issued at, sealed until, filtered until.
    pub(crate) times: [u64; 3],
    pub(crate) keysets: Vec<Listed>,
}

impl Index {
    pub(crate) fn body(&self) -> Vec<u8> {
        let count = |count: usize| u16::try_from(count).unwrap().to_le_bytes();
        let keyset = |(id, segments, filters): &Listed| {
            let segment = |(from, until, salt, bits, count): &Segment| {
                cat(&[&from.to_le_bytes(), &until.to_le_bytes(), salt, &[*bits], &count.to_le_bytes()])
            };
            let filter = |(from, until, parts, count): &(u64, u64, u16, u32)| {
                cat(&[&from.to_le_bytes(), &until.to_le_bytes(), &parts.to_le_bytes(), &count.to_le_bytes()])
            };
            cat(&[
                id,
                &count(segments.len()),
                &segments.iter().flat_map(segment).collect::<Vec<u8>>(),
                &count(filters.len()),
                &filters.iter().flat_map(filter).collect::<Vec<u8>>(),
            ])
        };
        let keysets: Vec<u8> = self.keysets.iter().flat_map(keyset).collect();
        cat(&[&self.mint, &self.times.map(u64::to_le_bytes).concat(), &count(self.keysets.len()), &keysets])
    }

    pub(crate) fn bytes(&self, secret: &[u8; 32]) -> Vec<u8> {
        signed(secret, b"farthing/v1/archive-index", b"index-body", &self.body())
    }
}

fn signed(secret: &[u8; 32], domain: &'static [u8], label: &'static [u8], body: &[u8]) -> Vec<u8> {
    cat(&[&[1], body, &ed25519_sign(secret, &hash(domain, &[(label, body)]))])
}
