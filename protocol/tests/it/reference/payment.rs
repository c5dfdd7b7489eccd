//! Payments and their one authorization (section 5), locked tokens (section 9).

use super::signature::{Place, Trace};
use super::{G, RistrettoPoint, Scalar, cat, enc, hash, hash_to_scalar, transcript};

pub(crate) const PAY: u8 = 1;
pub(crate) const LOCKED: u8 = 2;
pub(crate) const SWAP: u8 = 3;
pub(crate) const RECOUP: u8 = 4;

/// A token with the scalar that spends it: p or, locked, t.
#[derive(Clone)]
pub(crate) struct Coin {
    pub(crate) trace: Trace,
    pub(crate) secret: Scalar,
    /// E of a locked token.
    pub(crate) ephemeral: Option<[u8; 32]>,
}

/// A payment before it is authorized.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) kind: u8,
    pub(crate) mint: [u8; 32],
    pub(crate) keyset: [u8; 32],
    pub(crate) request: [u8; 32],
    pub(crate) payee: [u8; 32],
    pub(crate) amount: u64,
    pub(crate) authorized_at: u64,
    pub(crate) coins: Vec<Coin>,
    /// 0, or 1 ‖ D, or 2 ‖ Q.
    pub(crate) binding: Vec<u8>,
}

/// An authorized payment.
pub(crate) struct Authorized {
    pub(crate) id: [u8; 32],
    pub(crate) k: Scalar,
    pub(crate) K: [u8; 32],
    pub(crate) e: Vec<Scalar>,
    pub(crate) s: Scalar,
    pub(crate) bytes: Vec<u8>,
}

impl Statement {
    /// payment_id = H(version, kind, mint, keyset id, [(d, P)], request hash, payee, amount).
    pub(crate) fn id(&self) -> [u8; 32] {
        let coins: Vec<u8> = self.coins.iter().flat_map(|coin| cat(&[&[coin.trace.d], &coin.trace.P])).collect();
        hash(
            b"farthing/v1/payment-id",
            &[
                (b"kind", &[self.kind]),
                (b"mint", &self.mint),
                (b"keyset", &self.keyset),
                (b"coins", &coins),
                (b"request", &self.request),
                (b"payee", &self.payee),
                (b"amount", &self.amount.to_le_bytes()),
            ],
        )
    }

    /// e_j, drawn all at once after K.
    pub(crate) fn challenges(&self, K: &[u8; 32]) -> Vec<Scalar> {
        let signatures: Vec<u8> = self.coins.iter().flat_map(|coin| coin.trace.signature()).collect();
        let ephemerals: Vec<u8> = self.coins.iter().filter_map(|coin| coin.ephemeral).flatten().collect();
        let mut transcript =
            transcript(b"farthing/v1/authorization", &[(b"payment", &self.id()), (b"signatures", &signatures)]);
        if self.kind == LOCKED {
            transcript.append_message(b"ephemerals", &ephemerals);
        }
        transcript.append_message(b"binding", &self.binding);
        transcript.append_message(b"authorized-at", &self.authorized_at.to_le_bytes());
        transcript.append_message(b"K", K);
        let mut out = vec![0; 64 * self.coins.len()];
        transcript.challenge_bytes(b"e", &mut out);
        out.chunks(64).map(|wide| Scalar::from_bytes_mod_order_wide(wide.try_into().unwrap())).collect()
    }

    /// K = kG, s = k + Σ e_j p_j.
    pub(crate) fn authorize(&self, k: Scalar) -> Authorized {
        let K = enc(&(G * k));
        let e = self.challenges(&K);
        let s = self.coins.iter().zip(&e).fold(k, |s, (coin, e)| s + e * coin.secret);
        Authorized { id: self.id(), k, K, bytes: self.bytes(&K, &s), e, s }
    }

    pub(crate) fn bytes(&self, K: &[u8; 32], s: &Scalar) -> Vec<u8> {
        let mut bytes = cat(&[
            &[1, self.kind],
            &self.mint,
            &self.keyset,
            &self.request,
            &self.payee,
            &self.amount.to_le_bytes(),
            &self.authorized_at.to_le_bytes(),
            &[u8::try_from(self.coins.len()).unwrap()],
        ]);
        bytes.extend(self.coins.iter().flat_map(|coin| coin.trace.token()));
        bytes.extend(self.coins.iter().filter_map(|coin| coin.ephemeral).flatten());
        bytes.extend(K);
        bytes.extend(s.as_bytes());
        bytes
    }
}

/// e, E, the shared point and t of a token locked to Q.
pub(crate) struct Lock {
    pub(crate) e: Scalar,
    pub(crate) E: [u8; 32],
    pub(crate) shared: [u8; 32],
    pub(crate) t: Scalar,
    pub(crate) P: RistrettoPoint,
}

impl Lock {
    pub(crate) fn new(place: &Place<'_>, Q: &RistrettoPoint) -> Self {
        let e = place.lock_ephemeral(Q);
        let (E, shared) = (enc(&(G * e)), enc(&(Q * e)));
        let t = hash_to_scalar(
            b"farthing/v1/lock-tweak",
            &[(b"Q", &enc(Q)), (b"E", &E), (b"eQ", &shared), (b"keyset", place.keyset), (b"denomination", &[place.d])],
        );
        Self { e, E, shared, t, P: Q + G * t }
    }
}

/// Request hash of the deposit of a locked payment.
pub(crate) fn deposit_request(locked: &[u8; 32]) -> [u8; 32] {
    hash(b"farthing/v1/locked-deposit", &[(b"payment", locked)])
}

/// Request hash of a swap.
pub(crate) fn swap_request(issuance: &[u8; 32]) -> [u8; 32] {
    hash(b"farthing/v1/swap-request", &[(b"issuance", issuance)])
}
