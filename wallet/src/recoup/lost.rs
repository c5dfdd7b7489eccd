//! Why claimed tokens are not paid.

use farthing_protocol::amount::Amount;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// Why a claimed token is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LostBecause {
    /// It was spent before.
    Spent,
    /// It came of an issuance after the suspected leak, or of one that doubtful tokens paid for.
    IssuedAfterLeak,
    /// The mint does not know the issuance: its ledger was put back from a copy of before.
    UnknownIssuance,
    /// Somebody was paid for it who came before: a payee who had accepted it.
    PaidToAnother,
    /// The mint pays nothing for the keyset's tokens any more.
    TooLate,
    /// The mint does not decide about it.
    NotDecidedThere,
    /// The mint had not taken the claim, and the user gave it up.
    GivenUp,
}

impl LostBecause {
    /// A plain word for it, the same in every version.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spent => "spent",
            Self::IssuedAfterLeak => "issued_after_leak",
            Self::UnknownIssuance => "unknown_issuance",
            Self::PaidToAnother => "paid_to_another",
            Self::TooLate => "too_late",
            Self::NotDecidedThere => "not_decided_there",
            Self::GivenUp => "given_up",
        }
    }
}

/// A sum for each reason, in the order of the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons(Vec<(LostBecause, Amount)>);

/// A reason as it lies in the state.
struct Entry(LostBecause, Amount);

impl Reasons {
    /// With one token more, unless it is too much.
    pub(super) fn add(&mut self, why: LostBecause, worth: Amount) -> Option<()> {
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, sum)) => *sum = sum.checked_add(worth)?,
            None => {
                self.0.push((why, worth));
                self.0.sort_unstable();
            }
        }
        Some(())
    }

    pub(super) fn to_vec(&self) -> Vec<(LostBecause, Amount)> {
        self.0.clone()
    }
}

impl Encode for Entry {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self.0 {
            LostBecause::Spent => 1,
            LostBecause::IssuedAfterLeak => 2,
            LostBecause::UnknownIssuance => 3,
            LostBecause::PaidToAnother => 4,
            LostBecause::TooLate => 5,
            LostBecause::NotDecidedThere => 6,
            LostBecause::GivenUp => 7,
        });
        out.part(&self.1);
    }
}

impl Decode for Entry {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let why = match input.u8()? {
            1 => LostBecause::Spent,
            2 => LostBecause::IssuedAfterLeak,
            3 => LostBecause::UnknownIssuance,
            4 => LostBecause::PaidToAnother,
            5 => LostBecause::TooLate,
            6 => LostBecause::NotDecidedThere,
            7 => LostBecause::GivenUp,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self(why, input.part()?))
    }
}

impl Encode for Reasons {
    fn encode_to(&self, out: &mut Writer) {
        let entries: Vec<Entry> = self.0.iter().map(|(why, sum)| Entry(*why, *sum)).collect();
        out.list(&entries);
    }
}

impl Decode for Reasons {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entries: Vec<Entry> = input.list(16)?;
        Ok(Self(entries.into_iter().map(|Entry(why, sum)| (why, sum)).collect()))
    }
}
