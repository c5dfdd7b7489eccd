//! Who may change what only an administrator may change.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use serde::{Deserialize, Serialize};

/// The right to make one administrative change. The journal says whose it was.
///
/// It is not `Clone`, and a proven one is good for five minutes: who makes two changes proves himself twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Authority(Kind);

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Unproven,
    Proven { who: Who, at: UnixTime },
    Given(Who),
}

/// How long a proof is good, in seconds.
const PROOF_LASTS: u64 = 300;

impl Authority {
    /// That of whoever reaches the control socket or the folder. It suffices only as long as no second factor is enrolled.
    #[must_use]
    pub const fn local() -> Self {
        Self(Kind::Unproven)
    }

    /// That of the mint, for what it does by itself, such as the next keyset.
    pub(crate) const fn of_the_mint() -> Self {
        Self(Kind::Given(Who::Mint))
    }

    /// That of an account's owner, over his own account. His signature MUST have been verified.
    pub(crate) const fn of_the_owner() -> Self {
        Self(Kind::Given(Who::Owner))
    }

    /// That of whoever takes a copy: it needs no code, and the journal says it all the same.
    pub(crate) const fn of_a_reader() -> Self {
        Self(Kind::Given(Who::Operator))
    }

    /// That of who has opened the mint's keys just now.
    pub(crate) const fn of_the_keys() -> Self {
        Self(Kind::Given(Who::KeyHolder))
    }

    /// For `factor` alone, which has checked a code.
    pub(super) const fn proven(who: Who, at: UnixTime) -> Self {
        Self(Kind::Proven { who, at })
    }

    /// Whose it is, if it suffices. `enrolled` says whether a second factor is asked for.
    pub(super) fn judge(&self, now: UnixTime, enrolled: bool) -> Option<Who> {
        match self.0 {
            Kind::Unproven => (!enrolled).then_some(Who::Operator),
            Kind::Proven { who, at } => (now <= at.plus(PROOF_LASTS)).then_some(who),
            Kind::Given(who) => Some(who),
        }
    }
}

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Who {
    /// Somebody at the control socket or with the folder, where no code was needed.
    Operator,
    /// The administrator, with a code of his authenticator.
    Administrator,
    /// The administrator, with a recovery code.
    AdministratorRecovered,
    /// The mint by itself.
    Mint,
    /// The account's owner.
    Owner,
    /// Somebody who opened the mint's keys.
    KeyHolder,
}

impl Encode for Who {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Operator => 1,
            Self::Administrator => 2,
            Self::AdministratorRecovered => 3,
            Self::Mint => 4,
            Self::Owner => 5,
            Self::KeyHolder => 6,
        });
    }
}

impl Decode for Who {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Operator,
            2 => Self::Administrator,
            3 => Self::AdministratorRecovered,
            4 => Self::Mint,
            5 => Self::Owner,
            6 => Self::KeyHolder,
            _ => return Err(DecodeError::UnknownTag),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_ends_and_an_unproven_one_suffices_only_where_none_is_asked_for() {
        let at = UnixTime::from_seconds(1000);
        assert_eq!(Authority::local().judge(at, false), Some(Who::Operator));
        assert_eq!(Authority::local().judge(at, true), None);
        let proven = Authority::proven(Who::Administrator, at);
        assert_eq!(proven.judge(at.plus(PROOF_LASTS), true), Some(Who::Administrator));
        assert_eq!(proven.judge(at.plus(PROOF_LASTS + 1), true), None);
        assert_eq!(Authority::of_the_mint().judge(at, true), Some(Who::Mint));
    }
}
