//! The ledger as it stood at one moment, read in portions while it goes on: for what reads everything.
//!
//! No job of a reading takes longer than [`AT_ONCE`] but for the row at which it ends, and between two of them everybody else has his turn. All
//! of them see the same moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use farthing_durable::{Cursor, Cut, CutFault, Engine, Pending, Txn};
use farthing_protocol::codec::Decode;
use farthing_protocol::ids::KeysetId;
use farthing_verifier::spent::{self, SpentRecord};

use super::LedgerError;
use super::records::{Table, from_value};

/// So long the others wait for a portion.
const AT_ONCE: Duration = Duration::from_millis(1);

/// After so many rows it is looked how long they took.
const ROWS: usize = 32;

/// So much that changes meanwhile is kept in memory at most.
const MOST_KEPT: usize = 256 << 20;

/// A moment of the ledger, to be read by a thread that may wait.
pub(crate) struct Moment {
    cut: Cut,
    over: Arc<AtomicBool>,
}

/// Ends the reading of a moment when it is dropped.
pub(crate) struct Reading(Arc<AtomicBool>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is called for each row: the rest of its key, and its value.
type EachRow<'a, T> = &'a mut dyn FnMut(&[u8], T) -> Result<(), LedgerError>;

/// The same, and what was read with it.
type Each<'a, T, J> = &'a mut dyn FnMut(&[u8], T, J) -> Result<(), LedgerError>;

/// What else is read with a row, in the same job. The rest of its key, and its value.
pub(crate) type Join<T, J> = fn(&Txn<'_>, &[u8], &T) -> Result<J, LedgerError>;

impl Moment {
    pub(crate) fn of(engine: &Engine) -> Pending<Result<Cut, CutFault>> {
        Cut::of(engine, MOST_KEPT)
    }

    pub(crate) fn new(cut: Cut) -> Self {
        Self { cut, over: Arc::default() }
    }

    /// The right to go on reading: to be held by whoever waits for what comes of it.
    pub(crate) fn reading(&self) -> Reading {
        Reading(Arc::clone(&self.over))
    }

    /// Reads something short.
    pub(crate) fn read<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&Txn<'_>) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        self.begin(job)?.wait().map_err(LedgerError::from)?
    }

    fn begin<T, F>(&self, job: F) -> Result<Pending<Result<T, LedgerError>>, LedgerError>
    where
        F: FnOnce(&Txn<'_>) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        if self.over.load(Ordering::Relaxed) { Err(LedgerError::Busy) } else { Ok(self.cut.read(job)) }
    }

    /// Reads all of a table.
    pub(crate) fn scan<T: Decode + Send + 'static>(
        &self,
        table: Table,
        each: EachRow<'_, T>,
    ) -> Result<(), LedgerError> {
        self.scan_with(table, |_, _, _| Ok(()), &mut |key, value, ()| each(key, value))
    }

    /// Reads all of a table, and with each row what `join` reads.
    pub(crate) fn scan_with<T, J>(
        &self,
        table: Table,
        join: Join<T, J>,
        each: Each<'_, T, J>,
    ) -> Result<(), LedgerError>
    where
        T: Decode + Send + 'static,
        J: Send + 'static,
    {
        let portion = |after| self.begin(move |txn| rows(txn, table, after, join));
        self.in_portions(portion, |(key, value, joined)| {
            each(key.get(table.prefix().len()..).unwrap_or_default(), value, joined)
        })
    }

    /// Reads every accepted payment of a keyset that is not buried, in the order of acceptance.
    pub(crate) fn payments_of(
        &self,
        keyset: &KeysetId,
        each: &mut dyn FnMut(SpentRecord) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let keyset = *keyset;
        self.in_portions(|after| self.begin(move |txn| payments(txn, &keyset, after)), each)
    }

    /// Reads every accepted payment of keysets that are not buried.
    pub(crate) fn payments(
        &self,
        each: &mut dyn FnMut(SpentRecord) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let keysets = self.read(|txn| Ok(spent::keysets(txn)?))?;
        keysets.iter().try_for_each(|keyset| self.payments_of(keyset, each))
    }

    /// Asks for one portion after another. While one is worked on, the next is read.
    fn in_portions<R, P>(
        &self,
        portion: impl Fn(Option<P>) -> Result<Pending<Result<Portion<R, P>, LedgerError>>, LedgerError>,
        mut each: impl FnMut(R) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut coming = Some(portion(None)?);
        while let Some(next) = coming {
            let (rows, after) = next.wait().map_err(LedgerError::from)??;
            coming = after.map(|after| portion(Some(after))).transpose()?;
            rows.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    }
}

/// What was read, and behind what to go on; nothing at the end.
type Portion<R, P> = (Vec<R>, Option<P>);

/// A row's key, its value, and what was read with it.
type Row<T, J> = (Vec<u8>, T, J);

fn rows<T: Decode, J>(
    txn: &Txn<'_>,
    table: Table,
    mut after: Option<Vec<u8>>,
    join: Join<T, J>,
) -> Result<Portion<Row<T, J>, Vec<u8>>, LedgerError> {
    let (begun, mut found) = (Instant::now(), Vec::new());
    loop {
        let rows = txn.scan_prefix(table.prefix(), after.as_deref(), ROWS)?;
        let is_last = rows.len() < ROWS;
        for (key, value) in rows {
            let value: T = from_value(&value)?;
            let joined = join(txn, key.get(table.prefix().len()..).unwrap_or_default(), &value)?;
            found.push((key, value, joined));
        }
        if is_last {
            return Ok((found, None));
        }
        after = found.last().map(|(key, _, _)| key.clone());
        if begun.elapsed() >= AT_ONCE {
            return Ok((found, after));
        }
    }
}

fn payments(
    txn: &Txn<'_>,
    keyset: &KeysetId,
    mut after: Option<Cursor>,
) -> Result<Portion<SpentRecord, Cursor>, LedgerError> {
    let (begun, mut found) = (Instant::now(), Vec::new());
    loop {
        let mut records = spent::records(txn, keyset, after, ROWS)?;
        let is_last = records.len() < ROWS;
        found.append(&mut records);
        if is_last {
            return Ok((found, None));
        }
        after = found.last().map(|record| record.cursor);
        if begun.elapsed() >= AT_ONCE {
            return Ok((found, after));
        }
    }
}

impl From<CutFault> for LedgerError {
    fn from(fault: CutFault) -> Self {
        match fault {
            CutFault::Fault(fault) => fault.into(),
            // More changed than can be kept: it is to be begun again.
            CutFault::Ended | _ => Self::Busy,
        }
    }
}
