//! Issuance (section 7): funding ids, the digest D, requests and records.

use super::signature::Trace;
use super::{cat, ed25519_sign, hash};

pub(crate) fn account_funding(account: &[u8; 32], operation: &[u8; 16]) -> [u8; 32] {
    hash(b"farthing/v1/funding-id", &[(b"funding-kind", &[1]), (b"account", account), (b"operation", operation)])
}

pub(crate) fn voucher_funding(voucher: &[u8; 32]) -> [u8; 32] {
    hash(b"farthing/v1/funding-id", &[(b"funding-kind", &[2]), (b"key", voucher)])
}

pub(crate) fn token_funding(keyset: &[u8; 32], coins: &[[u8; 32]]) -> [u8; 32] {
    hash(b"farthing/v1/funding-id", &[(b"funding-kind", &[3]), (b"keyset", keyset), (b"coins", &coins.concat())])
}

/// What D binds, and what surrounds it.
#[derive(Clone)]
pub(crate) struct Issuance {
    pub(crate) mint: [u8; 32],
    pub(crate) keyset: [u8; 32],
    pub(crate) shape: Vec<u8>,
    pub(crate) issuance: [u8; 32],
    pub(crate) session: [u8; 72],
    pub(crate) seal: [u8; 32],
    pub(crate) amount: u64,
    pub(crate) debit: u64,
    pub(crate) outputs: Vec<Trace>,
    pub(crate) field: [u8; 128],
}

impl Issuance {
    /// D = H(version, mint, keyset, issuance id, sid, funding id, amount, debit, [(d, A, B, c)], field).
    pub(crate) fn digest(&self, funding: &[u8; 32]) -> [u8; 32] {
        hash(
            b"farthing/v1/issuance-digest",
            &[
                (b"mint", &self.mint),
                (b"keyset", &self.keyset),
                (b"issuance", &self.issuance),
                (b"sid", &self.session),
                (b"funding", funding),
                (b"amount", &self.amount.to_le_bytes()),
                (b"debit", &self.debit.to_le_bytes()),
                (b"outputs", &self.outputs.iter().flat_map(output).collect::<Vec<u8>>()),
                (b"field", &self.field),
            ],
        )
    }

    /// The request: `funding` in its encoding, signed under `funding_id`.
    pub(crate) fn request(&self, funding: &[u8], funding_id: &[u8; 32], issuance_secret: &[u8; 32]) -> Vec<u8> {
        cat(&[
            &[1],
            &self.mint,
            &self.keyset,
            &self.shape,
            &self.issuance,
            &self.session,
            &self.seal,
            &self.amount.to_le_bytes(),
            &self.debit.to_le_bytes(),
            &u16::try_from(self.outputs.len()).unwrap().to_le_bytes(),
            &self.outputs.iter().flat_map(output).collect::<Vec<u8>>(),
            &self.field,
            funding,
            &ed25519_sign(issuance_secret, &self.digest(funding_id)),
        ])
    }

    /// The mint's record of it.
    pub(crate) fn record(&self, funding_id: &[u8; 32]) -> Vec<u8> {
        cat(&[
            &[1],
            &self.keyset,
            &self.shape,
            &self.issuance,
            funding_id,
            &self.debit.to_le_bytes(),
            &u16::try_from(self.outputs.len()).unwrap().to_le_bytes(),
            &self.outputs.iter().flat_map(|trace| [output(trace), trace.response()].concat()).collect::<Vec<u8>>(),
            &self.field,
        ])
    }
}

/// d ‖ A ‖ B ‖ c.
fn output(trace: &Trace) -> Vec<u8> {
    cat(&[&[trace.d], &trace.A, &trace.B, trace.c.as_bytes()])
}

/// An account's funding in its encoding.
pub(crate) fn account(account: &[u8; 32], operation: &[u8; 16], signature: &[u8; 64]) -> Vec<u8> {
    cat(&[&[1], account, operation, signature])
}

/// A voucher's funding in its encoding.
pub(crate) fn voucher(voucher: &[u8; 32], signature: &[u8; 64]) -> Vec<u8> {
    cat(&[&[2], voucher, signature])
}

/// The tokens' funding in its encoding: a payment without its version byte.
pub(crate) fn tokens(payment: &[u8]) -> Vec<u8> {
    cat(&[&[3], &payment[1..]])
}
