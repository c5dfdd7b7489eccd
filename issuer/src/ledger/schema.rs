//! Which layout a ledger has, and the way from each to the next.
//!
//! A layout is a number. Ledgers from before layouts were numbered have none, which counts as 0; a new ledger has the last one.
//! [`MIGRATIONS`] leads from each to the next, at opening and before anything else is read. A migration that was released never changes:
//! another one comes behind it.

use farthing_durable::{Engine, Txn};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::MintId;

use super::archive::begin_archive;
use super::records::{Table, get, put};
use super::{LedgerError, LedgerOpenError};

/// From layout `n` to `n + 1`, for each `n` from 0 on.
const MIGRATIONS: &[Migration] = &[
    Migration {
        what: "the log of issuances, and the layout's number",
        portion: |txn, _| begin_archive(txn).map(|()| None),
    },
    // Nothing is moved. But a version that does not know these rows would keep no limit, and leave them out of the books.
    Migration {
        what: "limits, backing, leaks and claims, vouchers in batches, quotes and what came in for them",
        portion: |_, _| Ok(None),
    },
    // So it is with these: a version that does not know them would issue of a forged keyset, or pay for what was forgotten.
    Migration {
        what: "forged keysets, time of service, accounts that were opened, foreign parts of the archive, buried recoups, what was forgotten of payments, sealed factors",
        portion: |_, _| Ok(None),
    },
];

/// One portion of a migration, in a transaction of its own together with the note of how far it is. It is given where the last portion
/// ended and answers where it ended itself: at most 255 bytes that it understands, or nothing when all is done.
///
/// A portion MUST do a bounded amount of work, and MUST NOT depend on what an earlier one had in memory: there may have been a crash in between.
type Portion = fn(&mut Txn<'_>, Option<&[u8]>) -> Result<Option<Vec<u8>>, LedgerError>;

struct Migration {
    /// What it brings, for the log.
    what: &'static str,
    portion: Portion,
}

/// What the ledger says of its layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Schema {
    /// How many migrations are complete.
    layout: u32,
    /// Where the next one stands, if it has begun.
    place: Option<Vec<u8>>,
}

/// This row is read by versions that know nothing else of the ledger, so its own layout stays.
impl Encode for Schema {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.layout);
        match &self.place {
            None => out.u8(0),
            Some(place) => {
                out.u8(1);
                out.u8(u8::try_from(place.len()).unwrap_or(u8::MAX));
                out.bytes(place);
            }
        }
    }
}

impl Decode for Schema {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let layout = input.u32()?;
        let place = match input.u8()? {
            0 => None,
            1 => {
                let length = usize::from(input.u8()?);
                Some(input.bytes(length)?.to_vec())
            }
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { layout, place })
    }
}

/// Why a ledger is not brought to the last layout. Nothing of it was changed by the step that says so.
#[derive(Debug)]
enum Refusal {
    OtherMint,
    Newer { found: u32, known: u32 },
    Ledger(LedgerError),
}

impl From<LedgerError> for Refusal {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Refusal> for LedgerOpenError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OtherMint => Self::OtherMint,
            Refusal::Newer { found, known } => Self::Newer { found, known },
            Refusal::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Requires that the ledger is this mint's, or nobody's yet, and brings it to the last layout. A ledger of a later one is not touched.
pub(super) fn bring_up_to_date(engine: &Engine, mint: MintId) -> Result<(), LedgerOpenError> {
    bring_through(engine, mint, MIGRATIONS)
}

fn bring_through(engine: &Engine, mint: MintId, migrations: &'static [Migration]) -> Result<(), LedgerOpenError> {
    loop {
        let step = engine.submit(move |txn| step(txn, mint, migrations)).wait().map_err(LedgerError::from)?;
        match step? {
            Step::Done => return Ok(()),
            Step::Portion => {}
            Step::Complete(layout, what) => tracing::info!(layout, what, "the ledger was brought to a newer layout"),
        }
    }
}

/// What a step did.
enum Step {
    /// Nothing was left to do.
    Done,
    /// A portion of a migration.
    Portion,
    /// The last portion of a migration.
    Complete(u32, &'static str),
}

fn step(txn: &mut Txn<'_>, mint: MintId, migrations: &[Migration]) -> Result<Step, Refusal> {
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    // Before anything else: a newer version may have changed that.
    let schema: Option<Schema> = get(txn, Table::Schema, &[])?;
    if let Some(Schema { layout: found, .. }) = schema
        && found > known
    {
        return Err(Refusal::Newer { found, known });
    }
    let (schema, owner) = match (schema, get::<MintId>(txn, Table::Mint, &[])?) {
        (None, None) => {
            put(txn, Table::Mint, &[], &mint)?;
            put(txn, Table::Schema, &[], &Schema { layout: known, place: None })?;
            return Ok(Step::Done);
        }
        (Some(_), None) => return Err(LedgerError::Damaged.into()),
        (schema, Some(owner)) => (schema.unwrap_or_default(), owner),
    };
    if owner != mint {
        return Err(Refusal::OtherMint);
    }
    let next = usize::try_from(schema.layout).ok().and_then(|layout| migrations.get(layout));
    let Some(Migration { what, portion }) = next else { return Ok(Step::Done) };
    match portion(txn, schema.place.as_deref())? {
        Some(place) if place.len() > usize::from(u8::MAX) => Err(LedgerError::Overflow.into()),
        Some(place) => {
            put(txn, Table::Schema, &[], &Schema { place: Some(place), ..schema })?;
            Ok(Step::Portion)
        }
        None => {
            let layout = schema.layout.saturating_add(1);
            put(txn, Table::Schema, &[], &Schema { layout, place: None })?;
            Ok(Step::Complete(layout, what))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use farthing_durable::{Options, StoreFault};
    use farthing_protocol::identity::Keypair;

    use super::*;

    fn open(folder: &Path) -> Engine {
        Engine::open(folder, Options::new()).unwrap()
    }

    fn mint(number: u8) -> MintId {
        MintId::from(&Keypair::from_secret(&[number; 32]))
    }

    fn rows(engine: &Engine) -> Vec<(Vec<u8>, Vec<u8>)> {
        engine.submit(|txn| txn.scan_prefix(b"", None, 1000)).wait().unwrap().unwrap()
    }

    fn count(engine: &Engine, prefix: &'static [u8]) -> usize {
        engine.submit(move |txn| txn.scan_prefix(prefix, None, 1000)).wait().unwrap().unwrap().len()
    }

    /// A ledger from before layouts were numbered, with ten rows that migrations move.
    fn unnumbered(engine: &Engine) {
        let written = engine.submit(|txn| {
            put(txn, Table::Mint, &[], &mint(1)).unwrap();
            (0..10_u8).try_for_each(|row| txn.put(&[b'a', row], &[row]))
        });
        written.wait().unwrap().unwrap();
    }

    fn rename(txn: &mut Txn<'_>, from: u8, to: u8, at_most: usize) -> Result<usize, StoreFault> {
        let rows = txn.scan_prefix(&[from], None, at_most)?;
        for (key, value) in &rows {
            txn.delete(key)?;
            txn.put(&[to, *key.last().unwrap()], value)?;
        }
        Ok(rows.len())
    }

    /// Two migrations: a to b in portions of four, whose place counts the portions; then b to c at once.
    const TWO: &[Migration] = &[
        Migration {
            what: "b",
            portion: |txn, place| {
                let portions = place.map_or(0, |place| *place.last().unwrap());
                assert_eq!(usize::from(portions) * 4, txn.scan_prefix(b"b", None, 100)?.len(), "a portion ran twice");
                Ok((rename(txn, b'a', b'b', 4)? == 4).then(|| vec![portions + 1]))
            },
        },
        Migration { what: "c", portion: |txn, _| Ok(rename(txn, b'b', b'c', 100).map(|_| None)?) },
    ];

    /// The same, but the second fails after it has written.
    const FAILING: &[Migration] = &[
        Migration { what: "b", portion: |txn, _| Ok(rename(txn, b'a', b'b', 100).map(|_| None)?) },
        Migration {
            what: "c",
            portion: |txn, _| {
                rename(txn, b'b', b'c', 5)?;
                Err(LedgerError::Damaged)
            },
        },
    ];

    #[test]
    fn migrations_run_in_order_each_once_and_go_on_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        unnumbered(&engine);
        // The process dies after each portion.
        let mut engine = Some(engine);
        for moved in [4, 8, 10] {
            let portion = engine.as_ref().unwrap().submit(|txn| step(txn, mint(1), TWO).map(drop)).wait().unwrap();
            portion.unwrap();
            drop(engine.take());
            engine = Some(open(folder.path()));
            assert_eq!(count(engine.as_ref().unwrap(), b"b"), moved);
        }
        let engine = engine.unwrap();
        bring_through(&engine, mint(1), TWO).unwrap();
        assert_eq!((count(&engine, b"a"), count(&engine, b"b"), count(&engine, b"c")), (0, 0, 10));
        let before = rows(&engine);
        bring_through(&engine, mint(1), TWO).unwrap();
        assert_eq!(rows(&engine), before);
    }

    #[test]
    fn a_migration_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        unnumbered(&engine);
        for _ in 0..2 {
            let refused = bring_through(&engine, mint(1), FAILING);
            assert!(matches!(refused, Err(LedgerOpenError::Ledger(LedgerError::Damaged))), "{refused:?}");
            assert_eq!((count(&engine, b"a"), count(&engine, b"b"), count(&engine, b"c")), (0, 10, 0));
        }
    }

    #[test]
    fn a_newer_or_another_mints_ledger_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        unnumbered(&engine);
        let before = rows(&engine);
        assert!(matches!(bring_through(&engine, mint(2), TWO), Err(LedgerOpenError::OtherMint)));
        assert_eq!(rows(&engine), before);
        bring_through(&engine, mint(1), TWO).unwrap();
        let before = rows(&engine);
        let refused = bring_through(&engine, mint(1), &TWO[..1]);
        assert!(matches!(refused, Err(LedgerOpenError::Newer { found: 2, known: 1 })), "{refused:?}");
        assert_eq!(rows(&engine), before);
    }

    #[test]
    fn a_new_ledger_has_the_last_layout_and_nothing_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        bring_through(&engine, mint(1), FAILING).unwrap();
        let schema: Option<Schema> = engine.submit(|txn| get(txn, Table::Schema, &[])).wait().unwrap().unwrap();
        assert_eq!(schema, Some(Schema { layout: 2, place: None }));
    }
}
