use farthing_durable::Txn;
use farthing_protocol::VERSION;
use farthing_protocol::amount::{Amount, Denomination};
use farthing_protocol::codec::{Decode, DecodeError, Reader};
use farthing_protocol::identity::IssuanceId;
use farthing_protocol::ids::{FundingId, KeysetId};
use farthing_protocol::issuance::{Field, MAX_OUTPUTS};
use farthing_protocol::shape::Shape;

use crate::ledger::LedgerError;
use crate::ledger::records::Table;

/// A, B, c, b, y and z of an output: six times 32 bytes behind its denomination.
const ANSWER: usize = 6 * 32;

/// What the books need of an issuance's record. Points and scalars are left as they are: to decode them would take most of an audit's time, and
/// says nothing of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordSummary {
    pub(super) keyset: KeysetId,
    pub(super) issuance: IssuanceId,
    pub(super) funding: FundingId,
    pub(super) debit: Amount,
    /// Σ outputs.
    pub(super) worth: Amount,
}

impl RecordSummary {
    /// Of an issuance's record; nothing if it is missing, or none.
    pub(super) fn of(txn: &Txn<'_>, issuance: &IssuanceId) -> Result<Option<Self>, LedgerError> {
        let bytes = txn.get_large(&Table::Issuance.key(issuance.as_bytes()))?;
        Ok(bytes.and_then(|bytes| Self::read(&bytes).ok()))
    }

    fn read(record: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(record);
        if input.u8()? != VERSION {
            return Err(DecodeError::UnsupportedVersion);
        }
        let keyset = input.part()?;
        Shape::decode_from(&mut input)?;
        let (issuance, funding, debit) = (input.part()?, input.part()?, input.part()?);
        let outputs = input.u16()?;
        if usize::from(outputs) > MAX_OUTPUTS {
            return Err(DecodeError::TooLong);
        }
        let mut worth = Amount::ZERO;
        for _ in 0..outputs {
            let denomination: Denomination = input.part()?;
            worth = worth.checked_add(denomination.value()).ok_or(DecodeError::OutOfRange)?;
            input.bytes(ANSWER)?;
        }
        input.bytes(Field::LENGTH)?;
        input.finish()?;
        Ok(Self { keyset, issuance, funding, debit, worth })
    }
}
