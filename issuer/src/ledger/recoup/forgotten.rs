//! What a ledger that was put back from a copy has forgotten of its keysets' tokens.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;

use crate::ledger::LedgerError;
use crate::ledger::records::{Table, get, put};

/// A stretch of time of which it is not known what was accepted of a keyset's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForgottenRow {
    /// When the copy was taken.
    pub(crate) since: UnixTime,
    /// From then on nothing was accepted any more: the keyset was revoked.
    pub(crate) until: UnixTime,
}

impl Encode for ForgottenRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.since);
        out.part(&self.until);
    }
}

impl Decode for ForgottenRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { since: input.part()?, until: input.part()? })
    }
}

/// Notes it, in the transaction that revokes the keyset because of it. Nothing was forgotten of one that was revoked before the copy was taken.
pub(in crate::ledger) fn note_forgotten(
    txn: &mut Txn<'_>,
    keyset: &KeysetId,
    copied_at: UnixTime,
    revoked_at: UnixTime,
) -> Result<(), LedgerError> {
    if revoked_at < copied_at || forgotten(txn, keyset)?.is_some() {
        return Ok(());
    }
    put(txn, Table::Forgotten, keyset.as_bytes(), &ForgottenRow { since: copied_at, until: revoked_at })
}

/// What was forgotten of a keyset's tokens, if anything.
pub(crate) fn forgotten(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<ForgottenRow>, LedgerError> {
    get(txn, Table::Forgotten, keyset.as_bytes())
}
