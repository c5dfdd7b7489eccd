//! Whether a ledger may be served: it may not when it was put back from a copy, until somebody has said what became of the original, and not when
//! it was given away itself.
//!
//! A copy does not know what was answered after it was taken. A mint that goes on with it takes tokens again that were spent meanwhile.

use std::collections::BTreeSet;

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::KeysetList;

use super::acts::{Act, Number};
use super::authority::Authority;
use super::lists::{adopt_revocation, revoke, store_list};
use super::records::{Table, get, put};
use super::recoup::{collect_again, note_forgotten, note_published};
use super::{LedgerError, factor, journal};

/// Whether a ledger may be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Duty {
    #[default]
    Serving,
    /// Its last copy was taken at that time, to go on in its place.
    Given(UnixTime),
    /// It is a copy, and what the original answered after it was taken is not known.
    Undecided {
        copied_at: UnixTime,
        /// Whether the original certainly answered something.
        went_on: bool,
    },
}

impl Encode for Duty {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Serving => out.u8(0),
            Self::Given(at) => {
                out.u8(1);
                out.part(at);
            }
            Self::Undecided { copied_at, went_on } => {
                out.u8(if *went_on { 3 } else { 2 });
                out.part(copied_at);
            }
        }
    }
}

impl Decode for Duty {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Serving),
            1 => input.part().map(Self::Given),
            2 => Ok(Self::Undecided { copied_at: input.part()?, went_on: false }),
            3 => Ok(Self::Undecided { copied_at: input.part()?, went_on: true }),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// How often a ledger was put back, and whether it may be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lineage {
    pub(crate) generation: u32,
    pub(crate) duty: Duty,
}

impl Encode for Lineage {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.generation);
        out.part(&self.duty);
    }
}

impl Decode for Lineage {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { generation: input.u32()?, duty: input.part()? })
    }
}

/// A ledger says so from its first copy on; before that it is the original.
pub(crate) fn lineage(txn: &Txn<'_>) -> Result<Lineage, LedgerError> {
    Ok(get(txn, Table::Lineage, &[])?.unwrap_or_default())
}

/// Takes a ledger out of service for good: its last copy goes on in its place.
pub(crate) fn give_away(txn: &mut Txn<'_>, now: UnixTime, authority: &Authority) -> Result<(), LedgerError> {
    journal::record(txn, now, authority, &Act::GivenAway {})?;
    set_duty(txn, Duty::Given(now))
}

/// Lets a copy be served whose original answered nothing after it was taken.
pub(crate) fn nothing_lost(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    copied_at: UnixTime,
) -> Result<(), LedgerError> {
    journal::record(txn, now, authority, &Act::NothingLost { copied_at })?;
    set_duty(txn, Duty::Serving)
}

fn set_duty(txn: &mut Txn<'_>, duty: Duty) -> Result<(), LedgerError> {
    let lineage = Lineage { duty, ..lineage(txn)? };
    put(txn, Table::Lineage, &[], &lineage)
}

/// Notes in a ledger that was just put back that it is a copy: it is not served before somebody says what became of the original. That goes for the last
/// copy of an original that is out of service, too: it may have been put back before, and what that mint answered is not in it.
pub(crate) fn put_back(txn: &mut Txn<'_>, copied_at: UnixTime, went_on: bool) -> Result<(), LedgerError> {
    let Lineage { generation, duty } = lineage(txn)?;
    let duty = match duty {
        // A copy of a copy is no better.
        Duty::Undecided { copied_at, went_on: before } => Duty::Undecided { copied_at, went_on: went_on || before },
        Duty::Serving | Duty::Given(_) => Duty::Undecided { copied_at, went_on },
    };
    let lineage = Lineage { generation: generation.checked_add(1).ok_or(LedgerError::Overflow)?, duty };
    put(txn, Table::Lineage, &[], &lineage)
}

/// What is given up when a ledger goes on from a copy.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) copied_at: UnixTime,
    /// Keysets whose tokens may have been spent since.
    pub(crate) keysets: Vec<KeysetId>,
    /// The last list that the original signed, if somebody has kept it.
    pub(crate) list: Option<KeysetList>,
}

/// Lets a copy be served. All keysets are revoked in the same transaction, and codes of which it is not known whether they were used are void: nothing is
/// redeemed or accepted twice. For each keyset it is noted what was forgotten of it, so that payees can claim what they had been credited.
pub(crate) fn accept_loss(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    loss: &Loss,
) -> Result<(), LedgerError> {
    let keysets = Number(u64::try_from(loss.keysets.len()).unwrap_or(u64::MAX));
    journal::record(txn, now, authority, &Act::LossAccepted { copied_at: loss.copied_at, keysets })?;
    factor::distrust(txn, now)?;
    let published = || loss.list.iter().flat_map(KeysetList::revocations);
    let revoked: BTreeSet<KeysetId> = published().map(|one| one.keyset).chain(loss.keysets.iter().copied()).collect();
    for keyset in &revoked {
        collect_again(txn, now, keyset)?;
    }
    for revocation in published() {
        let revoked_at = adopt_revocation(txn, revocation)?;
        note_published(txn, now, &revocation.keyset, revoked_at)?;
        note_forgotten(txn, &revocation.keyset, loss.copied_at, revoked_at)?;
    }
    for keyset in &loss.keysets {
        let revoked_at = revoke(txn, now, keyset)?;
        note_forgotten(txn, keyset, loss.copied_at, revoked_at)?;
    }
    if let Some(list) = &loss.list {
        store_list(txn, list)?;
    }
    set_duty(txn, Duty::Serving)
}
