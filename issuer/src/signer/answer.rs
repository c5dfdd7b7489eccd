use std::fmt;

use farthing_protocol::blind::Response;
use farthing_protocol::blind::mint::{ChallengesHash, ClaimedSession, SessionError};
use farthing_protocol::keyset::SecretKeyset;

/// What a claimed session is answered with, once.
///
/// # Security
/// The responses MUST NOT leave before the record of the session is durable. Dropped, the session is burned.
pub(crate) struct Answer {
    hash: ChallengesHash,
    responses: Vec<Response>,
}

impl Answer {
    /// Answers a claim.
    pub(crate) fn to(claimed: ClaimedSession, keys: &SecretKeyset) -> Result<Self, SessionError> {
        Ok(Self { hash: claimed.hash(), responses: claimed.respond(keys)? })
    }

    /// What a signer that is a process of its own has answered.
    pub(crate) fn received(hash: ChallengesHash, responses: Vec<Response>) -> Self {
        Self { hash, responses }
    }

    /// The hash of the challenges, and a response for each: for the transaction that records them.
    pub(crate) fn into_record(self) -> (ChallengesHash, Vec<Response>) {
        (self.hash, self.responses)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(<redacted>)")
    }
}
