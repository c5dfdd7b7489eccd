//! What the ledger keeps of a payout.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{PayoutDraft, PayoutState};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

use super::LedgerError;

/// A payout's place in the order in which they were taken, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PayoutNumber(pub(crate) u64);

impl PayoutNumber {
    /// Numbers order as their keys do.
    pub(crate) const fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(key: &[u8]) -> Result<Self, LedgerError> {
        key.try_into().map(|key| Self(u64::from_be_bytes(key))).map_err(|_| LedgerError::Damaged)
    }

    pub(crate) fn next(self) -> Result<Self, LedgerError> {
        self.0.checked_add(1).map(Self).ok_or(LedgerError::Overflow)
    }
}

/// A payout that an account's owner asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PayoutRow {
    pub(crate) draft: PayoutDraft,
    pub(crate) taken_at: UnixTime,
    pub(crate) progress: Progress,
}

/// How far a payout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The money left the account.
    Requested,
    /// The operator says that it is to be paid.
    Approved(UnixTime),
    /// He says that it was paid outside, and under which reference; or it went to another account.
    Paid(UnixTime, Option<String>),
    /// He does not pay it, and why: the money is in the account again.
    Rejected(UnixTime, Option<String>),
}

impl Progress {
    /// Whether the money waits to be paid.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Requested | Self::Approved(_))
    }
}

/// What may be told of a payout's progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) state: PayoutState,
    pub(crate) settled_at: Option<UnixTime>,
    /// Under which reference it was paid, or why not.
    pub(crate) note: Option<String>,
}

impl PayoutRow {
    /// How far it is, and since when if it is settled.
    pub(crate) fn told(&self) -> Told {
        let (state, settled_at, note) = match &self.progress {
            Progress::Requested => (PayoutState::Pending, None, None),
            Progress::Approved(_) => (PayoutState::Approved, None, None),
            Progress::Paid(at, note) => (PayoutState::Paid, Some(*at), note.clone()),
            Progress::Rejected(at, note) => (PayoutState::Rejected, Some(*at), note.clone()),
        };
        Told { state, settled_at, note }
    }

    /// How much of it is in the pending payouts, was paid outside, and is missing in the account.
    pub(crate) fn amounts(&self) -> (Amount, Amount, Amount) {
        let (amount, none) = (self.draft.amount, Amount::ZERO);
        match self.progress {
            Progress::Requested | Progress::Approved(_) => (amount, none, amount),
            Progress::Paid(..) if self.draft.to.is_some() => (none, none, amount),
            Progress::Paid(..) => (none, amount, amount),
            Progress::Rejected(..) => (none, none, none),
        }
    }
}

impl Encode for PayoutNumber {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for PayoutNumber {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

/// The longest reference or reason, in bytes.
pub(crate) const MAX_NOTE: usize = 256;

/// Tags 1 and 2 are all that there was before references and reasons were kept.
impl Encode for Progress {
    fn encode_to(&self, out: &mut Writer) {
        let (tag, at, note) = match self {
            Self::Requested => (0, None, None),
            Self::Paid(at, None) => (1, Some(at), None),
            Self::Rejected(at, None) => (2, Some(at), None),
            Self::Approved(at) => (3, Some(at), None),
            Self::Paid(at, Some(note)) => (4, Some(at), Some(note)),
            Self::Rejected(at, Some(note)) => (5, Some(at), Some(note)),
        };
        out.u8(tag);
        at.into_iter().for_each(|at| out.part(at));
        note.into_iter().for_each(|note| out.text(note));
    }
}

impl Decode for Progress {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = input.u8()?;
        if tag == 0 {
            return Ok(Self::Requested);
        }
        let at = input.part()?;
        Ok(match tag {
            1 => Self::Paid(at, None),
            2 => Self::Rejected(at, None),
            3 => Self::Approved(at),
            4 => Self::Paid(at, Some(input.text(MAX_NOTE)?.to_owned())),
            5 => Self::Rejected(at, Some(input.text(MAX_NOTE)?.to_owned())),
            _ => return Err(DecodeError::UnknownTag),
        })
    }
}

impl Encode for PayoutRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.taken_at);
        out.part(&self.progress);
    }
}

impl Decode for PayoutRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, taken_at: input.part()?, progress: input.part()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_progress_is_read_as_it_was_written_and_so_are_the_first_ones() {
        let at = UnixTime::from_seconds(7);
        let all = [
            Progress::Requested,
            Progress::Approved(at),
            Progress::Paid(at, None),
            Progress::Paid(at, Some("bank 7".to_owned())),
            Progress::Rejected(at, None),
            Progress::Rejected(at, Some("no such account".to_owned())),
        ];
        for progress in all {
            let mut out = Writer::default();
            progress.encode_to(&mut out);
            let bytes = out.finish();
            let mut input = Reader::new(&bytes);
            assert_eq!(Progress::decode_from(&mut input).unwrap(), progress);
            input.finish().unwrap();
        }
        for (bytes, progress) in [
            (vec![0], Progress::Requested),
            (vec![1, 7, 0, 0, 0, 0, 0, 0, 0], Progress::Paid(at, None)),
            (vec![2, 7, 0, 0, 0, 0, 0, 0, 0], Progress::Rejected(at, None)),
        ] {
            assert_eq!(Progress::decode_from(&mut Reader::new(&bytes)).unwrap(), progress);
        }
    }
}
