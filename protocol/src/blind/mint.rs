//! The mint's side: sessions without memory, and one answer for each nonce.
//!
//! Answering two different challenges for one (a, b, y) reveals the secret key. So a session is opened by
//! [`Sessions::open`], recognised again by [`Sessions::authenticate`], claimed once by [`Sessions::claim`],
//! and answered by [`ClaimedSession::respond`], which consumes the claim. A [`ClaimedSession`] can be had in no other way.
#![allow(non_snake_case, reason = "names follow the paper")]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::messages::{Challenge, Commitment, Response, SessionId, SessionSeal};
use crate::amount::{Denomination, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::group::{Element, fifth_power, zero_to_one};
use crate::ids::{InstanceId, KeysetId, id_type};
use crate::keyset::{SecretKeyset, SigningKey};
use crate::transcript::{Domain, TranscriptExt, label};

/// How long a session lasts, in seconds: slow proxies included.
pub const SESSION_SECONDS: u64 = 600;

/// How long a claim is remembered beyond its session's end, in seconds.
const CLAIM_GRACE_SECONDS: u64 = 60;

/// How many claims are remembered at most: about 250 MB. Beyond, no session is claimed until some are forgotten.
pub const MAX_CLAIMS: usize = 1 << 20;

id_type! {
    /// Hash of a session's keyset, denominations and challenges (32 bytes).
    ChallengesHash, 32, hidden
}

/// A key that lives in memory only and dies with the process.
#[derive(Zeroize, ZeroizeOnDrop)]
struct BootSecret([u8; 32]);

/// A transcript of one domain that has taken in a key, ready to be continued. Merlin zeroizes transcripts, this one
/// and each that is begun from it, when they are dropped.
struct Keyed(Transcript);

impl Keyed {
    fn new(domain: Domain, key: &BootSecret) -> Self {
        let mut transcript = Transcript::for_domain(domain);
        transcript.append_bytes(label::KEY, &key.0);
        Self(transcript)
    }

    fn begin(&self) -> Transcript {
        self.0.clone()
    }
}

/// The mint's sessions since its process began.
///
/// # Security
/// One `Sessions` belongs to one process. It MUST be dropped, and a new one made, when the process was
/// forked or resumed from a memory snapshot (section 2): there is no way to write it down or to clone it.
pub struct Sessions {
    mac: Keyed,
    seal: Keyed,
    nonces: Keyed,
    instance: InstanceId,
    table_H: Box<RistrettoBasepointTable>,
    claims: BTreeMap<SessionId, ChallengesHash>,
    claim_limit: usize,
    /// Claims by the time they can be forgotten.
    forget_at: BTreeMap<(UnixTime, SessionId), ()>,
    /// The highest time of any claim: a clock set back does not bring back a session whose claim was forgotten.
    latest: UnixTime,
}

/// What [`Sessions::open`] answers with.
#[derive(Debug)]
pub struct OpenedSession {
    /// The session.
    pub session: SessionId,
    /// The MAC over its commitments.
    pub seal: SessionSeal,
    /// A commitment for each token, in the order of the denominations.
    pub commitments: Vec<Commitment>,
}

/// Why a session is not this process's, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Another process opened it, or somebody made it up, or for other tokens.
    #[error("the session is not known here")]
    Unknown,
    /// Its time has passed.
    #[error("the session has expired")]
    Expired,
    /// It was claimed before.
    #[error("the session was answered or given up before")]
    Claimed,
    /// Too many claims are remembered.
    #[error("too many sessions are claimed at the moment")]
    Full,
    /// Challenges and tokens differ in number, or a key is missing.
    #[error("the challenges do not fit the session")]
    Mismatch,
}

/// A session whose MACs hold; not claimed yet.
#[derive(Debug)]
pub struct AuthenticSession {
    /// Whose session it is: another process's nonces are not those that were committed to.
    instance: InstanceId,
    id: SessionId,
    keyset: KeysetId,
    denominations: Vec<Denomination>,
}

/// A session claimed for one list of challenges: the right to answer once.
///
/// Dropping it burns the session.
pub struct ClaimedSession {
    nonces: Vec<Nonces>,
    id: SessionId,
    keyset: KeysetId,
    hash: ChallengesHash,
    denominations: Vec<Denomination>,
    challenges: Vec<Challenge>,
}

/// (a, b, y) of one token. Neither cloned nor stored.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Nonces {
    a: Scalar,
    b: Scalar,
    y: Scalar,
}

impl Sessions {
    /// Draws the boot key and derives the keys for MACs and nonces from it separately.
    pub fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut boot = BootSecret([0; 32]);
        rng.fill_bytes(&mut boot.0);
        let mut instance = [0; 16];
        rng.fill_bytes(&mut instance);
        let subkey = |purpose: &[u8]| {
            let mut transcript = Transcript::for_domain(Domain::BootKey);
            transcript.append_bytes(label::KEY, &boot.0);
            transcript.append_bytes(label::PURPOSE, purpose);
            BootSecret(transcript.draw_bytes(label::OUTPUT))
        };
        Self {
            mac: Keyed::new(Domain::SessionMac, &subkey(b"mac")),
            seal: Keyed::new(Domain::SessionSeal, &subkey(b"seal")),
            nonces: Keyed::new(Domain::SessionNonces, &subkey(b"nonces")),
            instance: InstanceId::from_bytes(instance),
            table_H: Box::new(RistrettoBasepointTable::create(Element::second_generator().point())),
            claims: BTreeMap::new(),
            claim_limit: MAX_CLAIMS,
            forget_at: BTreeMap::new(),
            latest: UnixTime::default(),
        }
    }

    /// Opens a session for tokens of these denominations. Keeps no memory of it.
    pub fn open<R: CryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        keyset: &KeysetId,
        denominations: &[Denomination],
        now: UnixTime,
    ) -> OpenedSession {
        let mut randomness = [0; 32];
        rng.fill_bytes(&mut randomness);
        let expires_at = now.plus(SESSION_SECONDS);
        let mac = self.mac(&randomness, expires_at, keyset, denominations);
        let session = SessionId::assemble(&randomness, expires_at, &mac);
        let nonces = self.derive_nonces(&session, keyset, denominations);
        let commitments = self.commit(&nonces);
        let seal = self.seal(&session, &commitments);
        OpenedSession { session, seal, commitments }
    }

    /// Recognises a session that this process opened for these tokens with these commitments.
    ///
    /// # Errors
    /// [`SessionError::Unknown`] or [`SessionError::Expired`].
    pub fn authenticate(
        &self,
        session: &SessionId,
        seal: &SessionSeal,
        keyset: &KeysetId,
        denominations: &[Denomination],
        commitments: &[Commitment],
        now: UnixTime,
    ) -> Result<AuthenticSession, SessionError> {
        let (randomness, expires_at, mac) = session.parts();
        let fits = self.mac(&randomness, expires_at, keyset, denominations).ct_eq(&mac)
            & self.seal(session, commitments).as_bytes().ct_eq(seal.as_bytes());
        if !bool::from(fits) || commitments.len() != denominations.len() {
            return Err(SessionError::Unknown);
        }
        if now >= expires_at {
            return Err(SessionError::Expired);
        }
        let denominations = denominations.to_vec();
        Ok(AuthenticSession { instance: self.instance, id: *session, keyset: *keyset, denominations })
    }

    /// Claims a session for a list of challenges, once. From here on the session is answered with these
    /// challenges or never.
    ///
    /// # Errors
    /// [`SessionError::Claimed`] whenever it was claimed before, with these challenges or others;
    /// [`SessionError::Unknown`] for a session of other [`Sessions`], [`SessionError::Mismatch`] when the challenges are
    /// not one for each token, [`SessionError::Expired`] when a claim of this session could have been forgotten
    /// already, [`SessionError::Full`] when [`MAX_CLAIMS`] are remembered: nothing is claimed then.
    pub fn claim(
        &mut self,
        session: AuthenticSession,
        challenges: Vec<Challenge>,
        now: UnixTime,
    ) -> Result<ClaimedSession, SessionError> {
        if session.instance != self.instance {
            return Err(SessionError::Unknown);
        }
        if challenges.len() != session.denominations.len() {
            return Err(SessionError::Mismatch);
        }
        self.latest = self.latest.max(now);
        let forget_at = session.id.expires_at().plus(CLAIM_GRACE_SECONDS);
        if self.latest > forget_at {
            return Err(SessionError::Expired);
        }
        self.forget();
        if self.claims.contains_key(&session.id) {
            return Err(SessionError::Claimed);
        }
        if self.claims.len() >= self.claim_limit {
            return Err(SessionError::Full);
        }
        let hash = challenges_hash(&session.keyset, &session.denominations, &challenges);
        self.claims.insert(session.id, hash);
        self.forget_at.insert((forget_at, session.id), ());
        Ok(ClaimedSession {
            nonces: self.derive_nonces(&session.id, &session.keyset, &session.denominations),
            id: session.id,
            keyset: session.keyset,
            hash,
            denominations: session.denominations,
            challenges,
        })
    }

    /// The hash a session was claimed with, if it was and the claim is still remembered.
    pub fn claimed(&self, session: &SessionId) -> Option<ChallengesHash> {
        self.claims.get(session).copied()
    }

    /// Lowers the number of claims remembered, for tests.
    #[doc(hidden)]
    pub fn limit_claims(&mut self, limit: usize) {
        self.claim_limit = limit;
    }

    /// Which process's sessions these are.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    fn forget(&mut self) {
        while let Some(entry) = self.forget_at.first_entry() {
            if entry.key().0 >= self.latest {
                break;
            }
            let ((_, session), ()) = entry.remove_entry();
            self.claims.remove(&session);
        }
    }

    fn mac(
        &self,
        randomness: &[u8; 32],
        expires_at: UnixTime,
        keyset: &KeysetId,
        denominations: &[Denomination],
    ) -> [u8; 32] {
        let mut transcript = self.mac.begin();
        transcript.append_bytes(label::RANDOMNESS, randomness);
        transcript.append_number(label::EXPIRY, expires_at.seconds());
        transcript.append_bytes(label::KEYSET, keyset.as_bytes());
        transcript.append_bytes(label::DENOMINATIONS, &exponents(denominations));
        transcript.append_bytes(label::INSTANCE, self.instance.as_bytes());
        transcript.draw_bytes(label::OUTPUT)
    }

    fn seal(&self, session: &SessionId, commitments: &[Commitment]) -> SessionSeal {
        let mut body = Writer::default();
        commitments.iter().for_each(|commitment| body.part(commitment));
        let mut transcript = self.seal.begin();
        transcript.append_bytes(label::SESSION, session.as_bytes());
        transcript.append_bytes(label::COMMITMENTS, &body.finish());
        SessionSeal::from_bytes(transcript.draw_bytes(label::OUTPUT))
    }

    /// (a, b, y) = PRF(nonce key; sid, keyset id, d, position) for each token, y ≠ 0.
    fn derive_nonces(&self, session: &SessionId, keyset: &KeysetId, denominations: &[Denomination]) -> Vec<Nonces> {
        let mut prefix = self.nonces.begin();
        prefix.append_bytes(label::SESSION, session.as_bytes());
        prefix.append_bytes(label::KEYSET, keyset.as_bytes());
        (0_u64..)
            .zip(denominations)
            .map(|(position, denomination)| {
                let mut transcript = prefix.clone();
                transcript.append_bytes(label::DENOMINATION, &[denomination.exponent()]);
                transcript.append_number(label::POSITION, position);
                let mut wide = [[0_u8; 64]; 3];
                transcript.challenge_bytes(label::OUTPUT, wide.as_flattened_mut());
                let [a, b, y] = &wide;
                let nonces = Nonces {
                    a: Scalar::from_bytes_mod_order_wide(a),
                    b: Scalar::from_bytes_mod_order_wide(b),
                    y: zero_to_one(Scalar::from_bytes_mod_order_wide(y)),
                };
                wide.zeroize();
                nonces
            })
            .collect()
    }

    /// A = aG, B = bG + yH, all compressed together.
    fn commit(&self, nonces: &[Nonces]) -> Vec<Commitment> {
        // The batched compression doubles what it is given, so it is given halves. The fixed-base
        // multiplications are constant-time; the results are public.
        let mut halves: Vec<RistrettoPoint> = Vec::with_capacity(nonces.len().saturating_mul(2));
        for Nonces { a, b, y } in nonces {
            halves.push(RistrettoPoint::mul_base(&a.div_by_2()));
            halves.push(RistrettoPoint::mul_base(&b.div_by_2()) + &y.div_by_2() * &*self.table_H);
        }
        let encodings = RistrettoPoint::double_and_compress_batch(&halves);
        let elements: Vec<Element> = halves
            .iter()
            .zip(encodings)
            // The identity comes up with probability 2⁻²⁵² and is then replaced by G, which nobody can answer for.
            .map(|(half, encoding)| Element::from_parts(half + half, encoding).unwrap_or_else(Element::generator))
            .collect();
        let (pairs, _) = elements.as_chunks::<2>();
        pairs.iter().map(|[A, B]| Commitment { A: *A, B: *B }).collect()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("instance", &self.instance).finish_non_exhaustive()
    }
}

impl ClaimedSession {
    /// The session.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The hash it was claimed with, to be recorded beside it.
    pub fn hash(&self) -> ChallengesHash {
        self.hash
    }

    /// Answers each challenge and is gone.
    ///
    /// # Security
    /// The responses MUST NOT leave the process before the record of this session is durable.
    ///
    /// # Errors
    /// [`SessionError::Mismatch`] when the keys are another keyset's, or one is missing; the session is burned.
    pub fn respond(self, keys: &SecretKeyset) -> Result<Vec<Response>, SessionError> {
        if *keys.keyset() != self.keyset {
            return Err(SessionError::Mismatch);
        }
        self.nonces
            .iter()
            .zip(&self.denominations)
            .zip(&self.challenges)
            .map(|((nonces, denomination), challenge)| {
                let key = keys.key(*denomination).ok_or(SessionError::Mismatch)?;
                Ok(answer(nonces, key, challenge))
            })
            .collect()
    }
}

impl fmt::Debug for ClaimedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimedSession(<redacted>)")
    }
}

fn answer(nonces: &Nonces, key: &SigningKey, challenge: &Challenge) -> Response {
    let Nonces { a, b, y } = nonces;
    // z = a + (c + y⁵)x
    let z = a + (challenge.0 + fifth_power(y)) * key.scalar();
    Response { b: *b, y: *y, z }
}

fn exponents(denominations: &[Denomination]) -> Vec<u8> {
    denominations.iter().map(|d| d.exponent()).collect()
}

fn challenges_hash(keyset: &KeysetId, denominations: &[Denomination], challenges: &[Challenge]) -> ChallengesHash {
    let mut body = Writer::default();
    challenges.iter().for_each(|challenge| body.part(challenge));
    let mut transcript = Transcript::for_domain(Domain::SessionChallenges);
    transcript.append_bytes(label::KEYSET, keyset.as_bytes());
    transcript.append_bytes(label::DENOMINATIONS, &exponents(denominations));
    transcript.append_bytes(label::CHALLENGES, &body.finish());
    ChallengesHash::from_bytes(transcript.draw_bytes(label::OUTPUT))
}

impl Encode for OpenedSession {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.session);
        out.part(&self.seal);
        out.list(&self.commitments);
    }
}

impl Decode for OpenedSession {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (session, seal) = (input.part()?, input.part()?);
        let commitments: Vec<Commitment> = input.list(crate::issuance::MAX_OUTPUTS)?;
        if commitments.is_empty() { Err(DecodeError::Empty) } else { Ok(Self { session, seal, commitments }) }
    }
}

wire_serde!(OpenedSession);
