//! One mint, one wallet, one payee and one recipient, always the same: what vectors and tests are about.

use std::sync::LazyLock;

use super::payment::{Coin, LOCKED, Lock, Statement};
use super::signature::{Place, Trace};
use super::{G, RistrettoPoint, Scalar, Stream, cat, ed25519_public, ed25519_sign, enc, hash, text};

/// The present, in every vector.
pub(crate) const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// A keyset's document.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) mint: [u8; 32],
    pub(crate) sequence: u64,
    pub(crate) predecessor: Option<[u8; 32]>,
    pub(crate) unit: (&'static str, u8),
    /// The payee of a closed keyset.
    pub(crate) closed: Option<[u8; 32]>,
    /// active_from, issue_until, spend_until, deposit_until.
    pub(crate) times: [u64; 4],
    pub(crate) fees: [u32; 2],
    pub(crate) bundles: Vec<Vec<(u8, u16)>>,
    pub(crate) keys: Vec<[u8; 32]>,
}

impl Document {
    /// Everything but version and signature: what the id is the hash of.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = cat(&[&self.mint, &self.sequence.to_le_bytes()]);
        body.extend(self.predecessor.map_or(vec![0], |id| cat(&[&[1], &id])));
        body.extend(cat(&[&text(self.unit.0), &[self.unit.1]]));
        body.extend(self.closed.map_or(vec![0], |payee| cat(&[&[1], &payee])));
        body.extend(self.times.iter().flat_map(|time| time.to_le_bytes()));
        body.extend(self.fees.iter().flat_map(|fee| fee.to_le_bytes()));
        body.extend(u16::try_from(self.bundles.len()).unwrap().to_le_bytes());
        for bundle in &self.bundles {
            body.push(u8::try_from(bundle.len()).unwrap());
            body.extend(bundle.iter().flat_map(|(d, count)| cat(&[&[*d], &count.to_le_bytes()])));
        }
        body.push(u8::try_from(self.keys.len()).unwrap());
        body.extend(self.keys.iter().flatten());
        body
    }

    pub(crate) fn id(&self) -> [u8; 32] {
        hash(b"farthing/v1/keyset-id", &[(b"keyset-body", &self.body())])
    }

    pub(crate) fn bytes(&self, mint_secret: &[u8; 32]) -> Vec<u8> {
        cat(&[&[1], &self.body(), &ed25519_sign(mint_secret, &self.id())])
    }
}

/// The parties.
pub(crate) struct World {
    pub(crate) mint_secret: [u8; 32],
    pub(crate) mint: [u8; 32],
    pub(crate) xs: Vec<Scalar>,
    pub(crate) document: Document,
    pub(crate) keyset: [u8; 32],
    pub(crate) seed: [u8; 64],
    pub(crate) payee_secret: [u8; 32],
    pub(crate) payee: [u8; 32],
    pub(crate) q: Scalar,
    pub(crate) Q: RistrettoPoint,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World::named("farthing vectors", 0, None));
static OTHER: LazyLock<World> = LazyLock::new(|| World::named("farthing vectors, another mint", 0, None));
static LATER: LazyLock<World> = LazyLock::new(|| World::named("farthing vectors", 1, Some(world().keyset)));

pub(crate) fn world() -> &'static World {
    &WORLD
}

/// Another mint with another wallet, payee and recipient.
pub(crate) fn other() -> &'static World {
    &OTHER
}

/// The same parties, with the mint's next keyset.
pub(crate) fn later() -> &'static World {
    &LATER
}

impl World {
    fn named(name: &str, sequence: u64, predecessor: Option<[u8; 32]>) -> Self {
        let mut stream = Stream::new(name);
        let (mint_secret, seed, payee_secret) = (stream.bytes(), stream.bytes(), stream.bytes());
        let q = stream.scalar();
        let mut stream = Stream::new(&format!("{name}, keyset {sequence}"));
        let xs: Vec<Scalar> = (0..8).map(|_| stream.scalar()).collect();
        let (mint, start) = (ed25519_public(&mint_secret), NOW - DAY + sequence * 90 * DAY);
        let document = Document {
            mint,
            sequence,
            predecessor,
            unit: ("EUR", 2),
            closed: None,
            times: [start, start + 90 * DAY, start + 455 * DAY, start + 485 * DAY],
            fees: [2_000, 10_000],
            bundles: vec![(0..8).map(|d| (d, 2)).collect(), vec![(0, 10), (3, 1)]],
            keys: xs.iter().map(|x| enc(&(G * x))).collect(),
        };
        let keyset = document.id();
        let payee = ed25519_public(&payee_secret);
        Self { mint_secret, mint, xs, document, keyset, seed, payee_secret, payee, q, Q: G * q }
    }

    pub(crate) fn document_bytes(&self) -> Vec<u8> {
        self.document.bytes(&self.mint_secret)
    }

    pub(crate) fn secrets(&self) -> Vec<u8> {
        self.xs.iter().flat_map(|x| x.to_bytes()).collect()
    }

    pub(crate) fn place(&self, n: u64, position: u64, d: u8) -> Place<'_> {
        Place { seed: &self.seed, mint: &self.mint, keyset: &self.keyset, n, position, d }
    }

    /// Signs P as the mint would.
    pub(crate) fn sign(&self, place: &Place<'_>, P: &RistrettoPoint) -> Trace {
        let mut stream = Stream::new(&format!("nonces {} {} {}", place.n, place.position, place.d));
        let nonces = [stream.scalar(), stream.scalar(), stream.scalar()];
        Trace::sign(place, self.xs[usize::from(place.d)], P, nonces)
    }

    /// The wallet's token at a place.
    pub(crate) fn coin(&self, n: u64, position: u64, d: u8) -> Coin {
        let place = self.place(n, position, d);
        let secret = place.coin_key();
        Coin { trace: self.sign(&place, &(G * secret)), secret, ephemeral: None }
    }

    /// The wallet's token at a place, locked to Q.
    pub(crate) fn locked_coin(&self, n: u64, position: u64, d: u8, Q: &RistrettoPoint) -> Coin {
        let place = self.place(n, position, d);
        let lock = Lock::new(&place, Q);
        Coin { trace: self.sign(&place, &lock.P), secret: lock.t, ephemeral: Some(lock.E) }
    }

    /// Tokens for the binary digits of an amount.
    pub(crate) fn coins(&self, n: u64, amount: u64) -> Vec<Coin> {
        digits(amount).zip(0..).map(|(d, position)| self.coin(n, position, d)).collect()
    }

    /// Tokens for the binary digits of an amount, locked to this world's recipient.
    pub(crate) fn locked_coins(&self, n: u64, amount: u64) -> Vec<Coin> {
        digits(amount).zip(0..).map(|(d, position)| self.locked_coin(n, position, d, &self.Q)).collect()
    }

    /// A payment of these tokens to this world's payee, bound to nothing, or to Q for kind `locked`.
    pub(crate) fn statement(&self, kind: u8, coins: Vec<Coin>) -> Statement {
        Statement {
            kind,
            mint: self.mint,
            keyset: self.keyset,
            request: hash(b"farthing/v1/test", &[(b"request", b"a request")]),
            payee: self.payee,
            amount: coins.iter().map(|coin| 1_u64 << coin.trace.d).sum(),
            authorized_at: NOW,
            binding: if kind == LOCKED { cat(&[&[2], &enc(&self.Q)]) } else { vec![0] },
            coins,
        }
    }

    /// The same, authorized under a nonce of its own.
    pub(crate) fn payment(&self, kind: u8, coins: Vec<Coin>) -> Vec<u8> {
        let statement = self.statement(kind, coins);
        statement.authorize(nonce(&statement.id())).bytes
    }
}

/// A nonce k that depends on what it is for. Good enough for keys that everybody knows.
pub(crate) fn nonce(context: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&super::sha512(context))
}

/// The binary digits of an amount, ascending.
pub(crate) fn digits(amount: u64) -> impl Iterator<Item = u8> {
    (0..63).filter(move |d| amount >> d & 1 == 1)
}
