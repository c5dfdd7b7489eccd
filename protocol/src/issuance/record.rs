//! What the mint keeps of an issuance, and answers with whenever it is asked for it again.

use alloc::vec::Vec;
use core::fmt;

use super::{Field, MAX_OUTPUTS, Output};
use crate::amount::Amount;
use crate::blind::Response;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::IssuanceId;
use crate::ids::{FundingId, KeysetId};
use crate::shape::Shape;

/// One output with its answer: d, A, B, c, b, y, z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedOutput {
    /// What was asked.
    pub output: Output,
    /// What was answered.
    pub response: Response,
}

impl Encode for RecordedOutput {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.output);
        out.part(&self.response);
    }
}

impl Decode for RecordedOutput {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { output: input.part()?, response: input.part()? })
    }
}

/// A recorded issuance. Publishing it harms neither unforgeability nor blindness (section 11).
#[derive(Clone, PartialEq, Eq)]
pub struct IssuanceRecord {
    /// The keyset.
    pub keyset: KeysetId,
    /// What was made.
    pub shape: Shape,
    /// The issuance id.
    pub issuance: IssuanceId,
    /// What paid.
    pub funding: FundingId,
    /// What the funding was debited.
    pub debit: Amount,
    /// Outputs and answers.
    pub outputs: Vec<RecordedOutput>,
    /// The wallet's encrypted field.
    pub field: Field,
}

impl Encode for IssuanceRecord {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.part(&self.shape);
        out.part(&self.issuance);
        out.part(&self.funding);
        out.part(&self.debit);
        out.list(&self.outputs);
        out.part(&self.field);
    }
}

impl Decode for IssuanceRecord {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            keyset: input.part()?,
            shape: input.part()?,
            issuance: input.part()?,
            funding: input.part()?,
            debit: input.part()?,
            outputs: input.list(MAX_OUTPUTS)?,
            field: input.part()?,
        })
    }
}

wire_serde!(IssuanceRecord);

impl fmt::Debug for IssuanceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuanceRecord").field("keyset", &self.keyset).finish_non_exhaustive()
    }
}
