use std::fmt;

use farthing_protocol::amount::{Amount, Denomination};
use farthing_protocol::blind::{Commitment, SessionId, SessionSeal};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::issuance::IssuanceRequest;

/// A session as a request presents it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) session: SessionId,
    pub(crate) seal: SessionSeal,
    pub(crate) keyset: KeysetId,
    pub(crate) denominations: Vec<Denomination>,
    pub(crate) commitments: Vec<Commitment>,
}

impl Presented {
    pub(crate) fn by(request: &IssuanceRequest) -> Self {
        let terms = request.terms();
        Self {
            session: terms.session,
            seal: *request.seal(),
            keyset: terms.keyset,
            denominations: terms.outputs.iter().map(|output| output.denomination).collect(),
            commitments: terms.outputs.iter().map(|output| output.commitment).collect(),
        }
    }

    /// What its tokens are worth together; nothing if that is more than there can be.
    pub(crate) fn value(&self) -> Option<Amount> {
        Amount::checked_sum(self.denominations.iter().map(|denomination| denomination.value()))
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("keyset", &self.keyset).finish_non_exhaustive()
    }
}
