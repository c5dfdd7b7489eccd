//! The blind signature, one line for each equation of section 2, and what the wallet derives.

use super::{G, H, RistrettoPoint, Scalar, enc, hash, hash_to_scalar, pow5, transcript};

/// Which token of which issuance of which wallet.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) seed: &'a [u8; 64],
    pub(crate) mint: &'a [u8; 32],
    pub(crate) keyset: &'a [u8; 32],
    pub(crate) n: u64,
    pub(crate) position: u64,
    pub(crate) d: u8,
}

impl Place<'_> {
    /// p.
    pub(crate) fn coin_key(&self) -> Scalar {
        hash_to_scalar(
            b"farthing/v1/coin-key",
            &[
                (b"seed", self.seed),
                (b"mint", self.mint),
                (b"keyset", self.keyset),
                (b"n", &self.n.to_le_bytes()),
                (b"position", &self.position.to_le_bytes()),
                (b"denomination", &[self.d]),
            ],
        )
    }

    /// e of a token locked to Q.
    pub(crate) fn lock_ephemeral(&self, Q: &RistrettoPoint) -> Scalar {
        hash_to_scalar(
            b"farthing/v1/lock-ephemeral",
            &[
                (b"seed", self.seed),
                (b"mint", self.mint),
                (b"keyset", self.keyset),
                (b"n", &self.n.to_le_bytes()),
                (b"position", &self.position.to_le_bytes()),
                (b"denomination", &[self.d]),
                (b"Q", &enc(Q)),
            ],
        )
    }

    /// q_i, with n for i.
    pub(crate) fn lock_key(&self) -> Scalar {
        hash_to_scalar(b"farthing/v1/lock-key", &[(b"seed", self.seed), (b"n", &self.n.to_le_bytes())])
    }

    /// The secret key that signs what names Q_i.
    pub(crate) fn payee_key(&self) -> [u8; 32] {
        hash(b"farthing/v1/payee-key", &[(b"seed", self.seed), (b"n", &self.n.to_le_bytes())])
    }

    /// A merchant's secret key, with n for i.
    pub(crate) fn merchant_key(&self) -> [u8; 32] {
        hash(b"farthing/v1/merchant-key", &[(b"seed", self.seed), (b"n", &self.n.to_le_bytes())])
    }

    /// q of a merchant, with n for the second in which it was made.
    pub(crate) fn merchant_lock_key(&self) -> Scalar {
        hash_to_scalar(b"farthing/v1/merchant-lock-key", &[(b"seed", self.seed), (b"n", &self.n.to_le_bytes())])
    }

    /// The secret key of the issuance.
    pub(crate) fn issuance_key(&self) -> [u8; 32] {
        hash(
            b"farthing/v1/issuance-key",
            &[(b"seed", self.seed), (b"mint", self.mint), (b"keyset", self.keyset), (b"n", &self.n.to_le_bytes())],
        )
    }

    /// The key of the issuance's encrypted field.
    pub(crate) fn field_key(&self) -> [u8; 32] {
        hash(
            b"farthing/v1/field-key",
            &[(b"seed", self.seed), (b"mint", self.mint), (b"keyset", self.keyset), (b"n", &self.n.to_le_bytes())],
        )
    }

    /// The secret key of the wallet's account at the mint.
    pub(crate) fn account_key(&self) -> [u8; 32] {
        hash(b"farthing/v1/account-key", &[(b"seed", self.seed), (b"mint", self.mint)])
    }

    /// ρ.
    pub(crate) fn rho(&self, X: &[u8; 32], P: &[u8; 32], A: &[u8; 32], B: &[u8; 32]) -> [u8; 32] {
        hash(
            b"farthing/v1/blinding-root",
            &[
                (b"seed", self.seed),
                (b"mint", self.mint),
                (b"keyset", self.keyset),
                (b"denomination", &[self.d]),
                (b"X", X),
                (b"n", &self.n.to_le_bytes()),
                (b"position", &self.position.to_le_bytes()),
                (b"P", P),
                (b"A", A),
                (b"B", B),
            ],
        )
    }

    /// α, r, β: 192 bytes drawn at once, 64 for each.
    pub(crate) fn blinding(
        &self,
        rho: &[u8; 32],
        X: &[u8; 32],
        P: &[u8; 32],
        A: &[u8; 32],
        B: &[u8; 32],
    ) -> [Scalar; 3] {
        let mut transcript = transcript(
            b"farthing/v1/blinding-scalars",
            &[
                (b"rho", rho),
                (b"mint", self.mint),
                (b"keyset", self.keyset),
                (b"denomination", &[self.d]),
                (b"X", X),
                (b"n", &self.n.to_le_bytes()),
                (b"position", &self.position.to_le_bytes()),
                (b"P", P),
                (b"A", A),
                (b"B", B),
            ],
        );
        let mut out = [0; 192];
        transcript.challenge_bytes(b"output", &mut out);
        let part = |i: usize| Scalar::from_bytes_mod_order_wide(out[64 * i..64 * (i + 1)].try_into().unwrap());
        [part(0), part(1), part(2)]
    }
}

/// c̄ = Hsig(version, keyset id, d, X, P, R̄).
pub(crate) fn c_bar(keyset: &[u8; 32], d: u8, X: &[u8; 32], P: &[u8; 32], R: &[u8; 32]) -> Scalar {
    let mut transcript = transcript(
        b"farthing/v1/blind-signature",
        &[(b"keyset", keyset), (b"denomination", &[d]), (b"X", X), (b"P", P), (b"R", R)],
    );
    let mut out = [0; 64];
    transcript.challenge_bytes(b"challenge", &mut out);
    Scalar::from_bytes_mod_order_wide(&out)
}

/// Everything that comes up while one token is signed.
#[derive(Clone)]
pub(crate) struct Trace {
    pub(crate) d: u8,
    pub(crate) n: u64,
    pub(crate) position: u64,
    pub(crate) x: Scalar,
    pub(crate) X: [u8; 32],
    pub(crate) P: [u8; 32],
    pub(crate) a: Scalar,
    pub(crate) b: Scalar,
    pub(crate) y: Scalar,
    pub(crate) A: [u8; 32],
    pub(crate) B: [u8; 32],
    pub(crate) rho: [u8; 32],
    pub(crate) alpha: Scalar,
    pub(crate) r: Scalar,
    pub(crate) beta: Scalar,
    pub(crate) R: [u8; 32],
    pub(crate) c_bar: Scalar,
    pub(crate) c: Scalar,
    pub(crate) z: Scalar,
    pub(crate) z_bar: Scalar,
    pub(crate) y_bar: Scalar,
}

impl Trace {
    /// Signs P under x with the nonces (a, b, y), both parties played.
    pub(crate) fn sign(place: &Place<'_>, x: Scalar, P: &RistrettoPoint, nonces: [Scalar; 3]) -> Self {
        let [a, b, y] = nonces;
        let X = G * x;
        let A = G * a;
        let B = G * b + H() * y;
        let (X_, P_, A_, B_) = (enc(&X), enc(P), enc(&A), enc(&B));
        let rho = place.rho(&X_, &P_, &A_, &B_);
        let [alpha, r, beta] = place.blinding(&rho, &X_, &P_, &A_, &B_);
        let R = G * r + A * pow5(alpha) + X * (pow5(alpha) * beta) + B * alpha;
        let c_bar = c_bar(place.keyset, place.d, &X_, &P_, &enc(&R));
        let c = c_bar * pow5(alpha).invert() + beta;
        let z = a + (c + pow5(y)) * x;
        let z_bar = r + pow5(alpha) * z + alpha * b;
        let y_bar = alpha * y;
        assert_eq!(R + X * (c_bar + pow5(y_bar)), G * z_bar + H() * y_bar, "the signature verifies");
        let (d, n, position, R) = (place.d, place.n, place.position, enc(&R));
        Self {
            d,
            n,
            position,
            x,
            X: X_,
            P: P_,
            a,
            b,
            y,
            A: A_,
            B: B_,
            rho,
            alpha,
            r,
            beta,
            R,
            c_bar,
            c,
            z,
            z_bar,
            y_bar,
        }
    }

    pub(crate) fn commitment(&self) -> Vec<u8> {
        super::cat(&[&self.A, &self.B])
    }

    pub(crate) fn response(&self) -> Vec<u8> {
        super::cat(&[self.b.as_bytes(), self.y.as_bytes(), self.z.as_bytes()])
    }

    /// σ = R̄ ‖ z̄ ‖ ȳ.
    pub(crate) fn signature(&self) -> Vec<u8> {
        super::cat(&[&self.R, self.z_bar.as_bytes(), self.y_bar.as_bytes()])
    }

    /// d ‖ P ‖ σ.
    pub(crate) fn token(&self) -> Vec<u8> {
        super::cat(&[&[self.d], &self.P, &self.signature()])
    }
}
