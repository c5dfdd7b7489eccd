//! What is kept of a restore, so that it goes on from where it was.
//!
//! | key | value |
//! |---|---|
//! | `wm` ‖ mint | [`Restoring`] |
//! | `wi` ‖ mint (large) | the archive's index last accepted |
//! | `wk` ‖ keyset | [`Progress`] |
//! | `wd` ‖ keyset ‖ segment ‖ prefix | up to which number a file was searched; 0: to be read again |
//! | `wf` ‖ keyset ‖ period ‖ part | in which round a filter was looked at |
//! | `wl` ‖ keyset ‖ number ‖ position | [`PerhapsSent`] |
//! | `wx` ‖ mint | another wallet uses the words: in which round that was found |

use std::collections::{BTreeMap, BTreeSet};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::group::Element;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::locked::RecipientKey;
use farthing_protocol::token::Token;

use crate::error::StoreError;
use crate::operation::Count;
use crate::stock::TokenKey;
use crate::vault::Tx;

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Files are being read.
    Reading,
    /// Everything listed was read; what happened shortly before it began is not listed yet.
    Waiting,
    /// Everything was found.
    Finished,
    /// Everything was read that could be. Some of what is listed could not, or was wrong.
    Incomplete,
}

/// What is known of the numbers that were used with the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counters {
    /// Nothing yet: no number may be drawn.
    Unknown,
    /// The counters lie beyond what was found, and some files could not be read.
    Partly,
    /// The counters lie beyond whatever the mint had sealed.
    Known,
}

/// A restore from one mint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restoring {
    /// Whatever was issued before this is to be found.
    pub(crate) began_at: UnixTime,
    pub(crate) phase: Phase,
    /// Counts the times that the archive's index was fetched anew and searched.
    pub(crate) round: u32,
    /// When the first segment began in which tokens were found in this round.
    pub(crate) found_from: Option<UnixTime>,
    /// The mint was not asked yet.
    pub(crate) fresh: bool,
    pub(crate) counters: Counters,
}

impl Restoring {
    pub(crate) fn load(tx: &Tx<'_, '_>, mint: &MintId) -> Result<Option<Self>, StoreError> {
        tx.get(&of_mint(b'm', mint))
    }

    pub(crate) fn keep(&self, tx: &mut Tx<'_, '_>, mint: &MintId) -> Result<(), StoreError> {
        tx.put(&of_mint(b'm', mint), self)
    }

    /// Whether a number that turns out to be used may be one that the mint has not sealed yet. It may not if files were left out:
    /// then it may be any of the old ones.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.phase != Phase::Finished && self.counters != Counters::Partly
    }
}

/// How far the numbers of a keyset were found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// One beyond the last number that the mint has a record of.
    pub(crate) beyond: u64,
    /// Tokens found, those locked to others included.
    pub(crate) tokens: u64,
    /// When the first segment began in which any were found.
    pub(crate) first_from: Option<UnixTime>,
}

impl Progress {
    pub(crate) fn load(tx: &Tx<'_, '_>, keyset: &KeysetId) -> Result<Self, StoreError> {
        Ok(tx.get(&of_keyset(b'k', keyset))?.unwrap_or_default())
    }

    pub(crate) fn keep(&self, tx: &mut Tx<'_, '_>, keyset: &KeysetId) -> Result<(), StoreError> {
        tx.put(&of_keyset(b'k', keyset), self)
    }
}

/// A file's place among those of its keyset: segment and prefix.
pub(crate) type FilePlace = (u32, u16);

/// Up to which number the files of a keyset were searched. Of a segment with a file that is to be read again nothing counts: it is read
/// whole, or the mint would see which file it is.
pub(crate) fn searched(tx: &Tx<'_, '_>, keyset: &KeysetId) -> Result<BTreeMap<FilePlace, u64>, StoreError> {
    let prefix = of_keyset(b'd', keyset);
    let found = tx.scan::<Count>(&prefix)?;
    let found = found.into_iter().map(|(key, until)| Ok((place(&key, prefix.len())?, until.0)));
    let mut searched: BTreeMap<FilePlace, u64> = found.collect::<Result<_, StoreError>>()?;
    let is_again = searched.iter().filter(|(_, until)| **until == 0);
    let again: BTreeSet<u32> = is_again.map(|((segment, _), _)| *segment).collect();
    searched.retain(|(segment, _), _| !again.contains(segment));
    Ok(searched)
}

/// Notes up to which number a file was searched; 0 when it is to be read again.
pub(crate) fn note_searched(
    tx: &mut Tx<'_, '_>,
    keyset: &KeysetId,
    place: FilePlace,
    until: u64,
) -> Result<(), StoreError> {
    tx.put(&of_place(b'd', keyset, place), &Count(until))
}

/// Notes how many records a file held.
pub(crate) fn note_held(
    tx: &mut Tx<'_, '_>,
    keyset: &KeysetId,
    place: FilePlace,
    records: u64,
) -> Result<(), StoreError> {
    tx.put(&of_place(b'h', keyset, place), &Count(records))
}

/// How many records each file held that was read.
pub(crate) fn held(tx: &Tx<'_, '_>, keyset: &KeysetId) -> Result<BTreeMap<FilePlace, u64>, StoreError> {
    let prefix = of_keyset(b'h', keyset);
    let found = tx.scan::<Count>(&prefix)?;
    found.into_iter().map(|(key, records)| Ok((place(&key, prefix.len())?, records.0))).collect()
}

/// In which round each part of a keyset's filters was looked at last.
pub(crate) fn filtered(tx: &Tx<'_, '_>, keyset: &KeysetId) -> Result<BTreeMap<FilePlace, u64>, StoreError> {
    let prefix = of_keyset(b'f', keyset);
    let found = tx.scan::<Count>(&prefix)?;
    found.into_iter().map(|(key, round)| Ok((place(&key, prefix.len())?, round.0))).collect()
}

pub(crate) fn note_filtered(
    tx: &mut Tx<'_, '_>,
    keyset: &KeysetId,
    place: FilePlace,
    round: u32,
) -> Result<(), StoreError> {
    tx.put(&of_place(b'f', keyset, place), &Count(round.into()))
}

/// The index last accepted.
pub(crate) fn load_index(tx: &Tx<'_, '_>, mint: &MintId) -> Result<Option<ArchiveIndex>, StoreError> {
    tx.get_large(&of_mint(b'i', mint))
}

pub(crate) fn keep_index(tx: &mut Tx<'_, '_>, index: &ArchiveIndex) -> Result<(), StoreError> {
    tx.put_large(&of_mint(b'i', index.mint()), index)
}

/// A token that was locked to somebody: he has it if its text was handed over.
pub(crate) struct PerhapsSent {
    pub(crate) mint: MintId,
    pub(crate) keyset: KeysetId,
    pub(crate) requested_at: UnixTime,
    pub(crate) to: RecipientKey,
    pub(crate) token: Token,
    /// E, which goes with the token.
    pub(crate) ephemeral: Element,
}

impl PerhapsSent {
    pub(crate) fn keep(&self, tx: &mut Tx<'_, '_>, key: TokenKey) -> Result<(), StoreError> {
        let mut out = Writer::default();
        out.bytes(b"wl");
        out.part(&key);
        tx.put(&out.finish(), self)
    }

    pub(crate) fn all(tx: &Tx<'_, '_>) -> Result<Vec<Self>, StoreError> {
        Ok(tx.scan(b"wl")?.into_iter().map(|(_, sent)| sent).collect())
    }
}

/// Notes that another wallet uses the same words, or that an old copy of the folder was put back, and in which round of a restore
/// that was found.
pub(crate) fn mark(tx: &mut Tx<'_, '_>, mint: &MintId) -> Result<(), StoreError> {
    let round = Restoring::load(tx, mint)?.map_or(0, |restoring| restoring.round);
    tx.put(&of_mint(b'x', mint), &Count(round.into()))
}

/// Takes the note away if it is older than a round that was read.
pub(crate) fn unmark(tx: &mut Tx<'_, '_>, mint: &MintId, round: u32) -> Result<(), StoreError> {
    match marked_in(tx, mint)? {
        Some(marked) if marked < u64::from(round) => tx.delete(&of_mint(b'x', mint)),
        _ => Ok(()),
    }
}

/// In which round it was noted that another wallet uses the words, if it is.
pub(crate) fn marked_in(tx: &Tx<'_, '_>, mint: &MintId) -> Result<Option<u64>, StoreError> {
    Ok(tx.get::<Count>(&of_mint(b'x', mint))?.map(|round| round.0))
}

/// The mints at which another wallet used the words.
pub(crate) fn marked(tx: &Tx<'_, '_>, mints: &[MintId]) -> Result<Vec<MintId>, StoreError> {
    let is_marked = |mint: &MintId| Ok(marked_in(tx, mint)?.map(|_| *mint));
    mints.iter().filter_map(|mint| is_marked(mint).transpose()).collect()
}

/// The mints with which nothing is moved, and why: see [`require_alone`].
pub(crate) fn stopped(tx: &Tx<'_, '_>, mints: &[MintId]) -> Result<BTreeMap<MintId, StoreError>, StoreError> {
    let mut stopped = BTreeMap::new();
    for mint in mints {
        match require_alone(tx, mint) {
            Ok(()) => {}
            Err(why @ (StoreError::WordsUsedElsewhere | StoreError::RestoreFirst)) => drop(stopped.insert(*mint, why)),
            Err(error) => return Err(error),
        }
    }
    Ok(stopped)
}

/// Requires that no other wallet is known to use the words at a mint, and that a restore that was begun knows which numbers were used:
/// a wallet that drew those again would show the mint that they are of one wallet.
pub(crate) fn require_alone(tx: &Tx<'_, '_>, mint: &MintId) -> Result<(), StoreError> {
    if marked_in(tx, mint)?.is_some() {
        return Err(StoreError::WordsUsedElsewhere);
    }
    match Restoring::load(tx, mint)? {
        Some(restoring) if restoring.counters == Counters::Unknown => Err(StoreError::RestoreFirst),
        _ => Ok(()),
    }
}

fn of_mint(kind: u8, mint: &MintId) -> Vec<u8> {
    [[b'w', kind].as_slice(), mint.as_bytes()].concat()
}

/// A keyset id is the hash of everything in it, its mint included.
fn of_keyset(kind: u8, keyset: &KeysetId) -> Vec<u8> {
    [[b'w', kind].as_slice(), keyset.as_bytes()].concat()
}

fn of_place(kind: u8, keyset: &KeysetId, (first, second): FilePlace) -> Vec<u8> {
    [of_keyset(kind, keyset).as_slice(), &first.to_be_bytes(), &second.to_be_bytes()].concat()
}

fn place(key: &[u8], after: usize) -> Result<FilePlace, StoreError> {
    let mut input = Reader::new(key.get(after..).unwrap_or_default());
    let place = (u32::from_be_bytes(input.array()?), u16::from_be_bytes(input.array()?));
    input.finish()?;
    Ok(place)
}

impl Encode for Restoring {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.began_at);
        out.u8(match self.phase {
            Phase::Reading => 1,
            Phase::Waiting => 2,
            Phase::Finished => 3,
            Phase::Incomplete => 4,
        });
        out.u32(self.round);
        out.optional(self.found_from.as_ref());
        out.u8(u8::from(self.fresh));
        out.u8(match self.counters {
            Counters::Unknown => 1,
            Counters::Partly => 2,
            Counters::Known => 3,
        });
    }
}

impl Decode for Restoring {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let began_at = input.part()?;
        let phase = match input.u8()? {
            1 => Phase::Reading,
            2 => Phase::Waiting,
            3 => Phase::Finished,
            4 => Phase::Incomplete,
            _ => return Err(DecodeError::UnknownTag),
        };
        let (round, found_from) = (input.u32()?, input.optional()?);
        let fresh = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::UnknownTag),
        };
        let counters = match input.u8()? {
            1 => Counters::Unknown,
            2 => Counters::Partly,
            3 => Counters::Known,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { began_at, phase, round, found_from, fresh, counters })
    }
}

impl Wire for Restoring {}

impl Encode for Progress {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.beyond);
        out.u64(self.tokens);
        out.optional(self.first_from.as_ref());
    }
}

impl Decode for Progress {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { beyond: input.u64()?, tokens: input.u64()?, first_from: input.optional()? })
    }
}

impl Wire for Progress {}

impl Encode for PerhapsSent {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.keyset);
        out.part(&self.requested_at);
        out.part(&self.to);
        out.part(&self.token);
        out.part(&self.ephemeral);
    }
}

impl Decode for PerhapsSent {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mint: input.part()?,
            keyset: input.part()?,
            requested_at: input.part()?,
            to: input.part()?,
            token: input.part()?,
            ephemeral: input.part()?,
        })
    }
}

impl Wire for PerhapsSent {}
