//! A copy of everything, as it was at one moment, taken while the engine goes on.
//!
//! The writer reads the copy in portions between other jobs. Whatever a group replaces in the part that was not read yet is kept aside, in memory,
//! until it has been read: so the copy is of the moment at which it began, and nobody waits for more than one portion.
//!
//! | bytes of a copy | |
//! |---|---|
//! | `farthing copy 1\n` | what it is |
//! | number of the last group (8) ‖ sum (16) | as the store has them |
//! | for each value, in the order of the keys: length of the key (2) ‖ key ‖ length of the value (2) ‖ value | |
//! | zero (2) ‖ number of values (8) | the end |
//!
//! All numbers are little-endian. The sum is over all values with their keys, and finds whatever is missing or another.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
    ops::Bound,
    path::Path,
    sync::{Arc, Weak},
};

use thiserror::Error;

use crate::{
    Engine, MAX_KEY, MAX_VALUE, OpenError, Pending, StoreFault,
    folder::Folder,
    store::Store,
    tally::{TALLY, Tally},
};

const HEAD: &[u8; 16] = b"farthing copy 1\n";

/// A portion is closed once it has so many bytes: a reader of a value holds up all others for no longer than that takes.
const PORTION: usize = 512 << 10;

/// So much that was replaced meanwhile is kept in memory at most.
const MOST_KEPT: usize = 256 << 20;

/// The longest key of the tree: that of a piece of a large value.
const LONGEST_KEY: usize = MAX_KEY + 5;

/// Into how many bytes a copy is cut when it is put back.
const BATCH: usize = 1 << 20;

/// A copy that is being taken. Dropped, it ends.
pub struct Copying {
    engine: Engine,
    handle: Arc<()>,
    begun: bool,
}

/// Why a copy does not go on. The engine itself does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CopyFault {
    /// Another copy is being taken.
    #[error("another copy is being taken")]
    Busy,
    /// It has ended: it was complete, or too much was replaced while it was taken.
    #[error("the copy has ended: more was changed meanwhile than can be kept in memory")]
    Ended,
    /// The store could not be read.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl Copying {
    /// A copy of the moment at which its first portion is asked for. One at a time is taken of an engine.
    pub fn of(engine: &Engine) -> Self {
        Self { engine: engine.clone(), handle: Arc::new(()), begun: false }
    }

    /// The next portion.
    pub fn portion(&mut self) -> Pending<Result<Portion, CopyFault>> {
        let (holder, begun) = (Arc::downgrade(&self.handle), std::mem::replace(&mut self.begun, true));
        self.engine.submit(
            move |txn| {
                if begun { txn.store().next_of_copy(&holder) } else { txn.store().begin_copy(holder) }
            },
        )
    }
}

/// A part of a copy, which is valid only as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Portion {
    /// Half a MiB or little more.
    pub bytes: Vec<u8>,
    /// Whether it is the last one.
    pub is_last: bool,
}

impl fmt::Debug for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portion").field("is_last", &self.is_last).finish_non_exhaustive()
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.handle = Arc::default();
        // Whatever becomes of this: a copy whose holder is gone ends with the next change, and gives way to another. This makes room sooner.
        let _ended = self.engine.submit(|txn| {
            txn.store().end_copy();
            Ok::<_, StoreFault>(())
        });
    }
}

impl fmt::Debug for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying").finish_non_exhaustive()
    }
}

/// How far a copy is.
pub(crate) struct Copy {
    /// Whoever takes it.
    holder: Weak<()>,
    /// The last key that was read.
    after: Vec<u8>,
    /// What stood under keys behind that when the copy began, for those that have changed since.
    kept: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    kept_bytes: usize,
    count: u64,
}

impl Copy {
    /// Whether nobody takes it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.holder.strong_count() == 0
    }

    /// Keeps what a group replaces, if it was not read yet.
    pub(crate) fn keep(&mut self, key: &[u8], old: Option<&[u8]>) {
        if key > self.after.as_slice() && !self.kept.contains_key(key) {
            self.kept_bytes += key.len() + old.map_or(0, <[u8]>::len) + 100;
            self.kept.insert(key.to_vec(), old.map(<[u8]>::to_vec));
        }
    }

    /// Whether more would have to be kept than there is room for.
    pub(crate) fn is_too_much(&self) -> bool {
        self.kept_bytes > MOST_KEPT
    }

    /// Takes what was kept of the keys before this one into a portion, or of all that are left.
    fn take_kept(&mut self, before: Option<&[u8]>, portion: &mut Vec<u8>) {
        while let Some(entry) = self.kept.first_entry()
            && before.is_none_or(|before| entry.key().as_slice() < before)
        {
            let (key, old) = entry.remove_entry();
            if let Some(old) = old {
                self.write(&key, &old, portion);
            }
        }
    }

    fn write(&mut self, key: &[u8], value: &[u8], portion: &mut Vec<u8>) {
        for part in [key, value] {
            // Keys and values of the tree are below 64 KiB.
            portion.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes());
            portion.extend_from_slice(part);
        }
        self.count += 1;
    }
}

impl Store {
    fn begin_copy(&self, holder: Weak<()>) -> Result<Portion, CopyFault> {
        let mut copy = self.copy().borrow_mut();
        if copy.as_ref().is_some_and(|copy| !copy.is_over()) {
            return Err(CopyFault::Busy);
        }
        // The tally comes before all other keys, and is not copied among them.
        *copy = Some(Copy { holder, after: TALLY.to_vec(), kept: BTreeMap::new(), kept_bytes: 0, count: 0 });
        let bytes = [HEAD.as_slice(), &self.tally().to_bytes()].concat();
        Ok(Portion { bytes, is_last: false })
    }

    fn next_of_copy(&self, holder: &Weak<()>) -> Result<Portion, CopyFault> {
        let mut current = self.copy().borrow_mut();
        let Some(copy) = current.as_mut().filter(|copy| copy.holder.ptr_eq(holder)) else {
            return Err(CopyFault::Ended);
        };
        let (mut portion, mut is_last) = (Vec::with_capacity(PORTION + 2 * MAX_VALUE), true);
        let range = (Bound::Excluded(copy.after.clone()), Bound::Unbounded);
        self.walk(range, |key, value| {
            copy.take_kept(Some(key), &mut portion);
            match copy.kept.remove(key) {
                None => copy.write(key, value, &mut portion),
                Some(Some(old)) => copy.write(key, &old, &mut portion),
                // It was not there when the copy began.
                Some(None) => {}
            }
            copy.after.clear();
            copy.after.extend_from_slice(key);
            is_last = portion.len() < PORTION;
            is_last
        })?;
        if is_last {
            copy.take_kept(None, &mut portion);
            portion.extend_from_slice(&0_u16.to_le_bytes());
            portion.extend_from_slice(&copy.count.to_le_bytes());
            *current = None;
        }
        Ok(Portion { bytes: portion, is_last })
    }

    fn end_copy(&self) {
        self.copy().borrow_mut().take_if(|copy| copy.is_over());
    }
}

/// Why a copy was not put back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The folder could not be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something in the folder already.
    #[error("the folder is not empty")]
    NotEmpty,
    /// The copy could not be read, or the folder not be written.
    #[error("the copy could not be read, or the folder not be written: {}", .0.kind())]
    Io(#[from] io::Error),
    /// It is no copy, or not whole, or something in it was changed.
    #[error("the copy is damaged, or not whole")]
    Damaged,
}

/// Makes a folder of a copy. When this returns, it is durable, and an [`Engine`] opens it with exactly what was there when the copy began. Returns the
/// number of the original's last group in it.
///
/// Its groups go on behind the copy's, and behind `noted`: the greatest number that is known of the original, if one is.
///
/// # Errors
/// A [`RestoreError`]. What was written until then stays: a folder that an engine refuses, or takes for a new one. Remove it.
///
/// # Security
/// What was answered after the copy began is not in it. Whoever goes on with it accepts again what was accepted meanwhile.
pub fn restore(path: &Path, copy: &mut dyn Read, noted: Option<u64>) -> Result<u64, RestoreError> {
    if path.try_exists()? && std::fs::read_dir(path)?.next().is_some() {
        return Err(RestoreError::NotEmpty);
    }
    let mut reader = CopyReader::open(copy)?;
    let mut folder = Folder::prepare(path, None)?;
    let db = folder.open_sled(16 << 20)?;
    let tally = reader.tally.behind(noted.unwrap_or_default()).ok_or(RestoreError::Damaged)?;
    // From here on until the end it is refused: its sum is that of all.
    let mut batch = sled::Batch::default();
    batch.insert(&TALLY, tally.to_bytes());
    let mut bytes = 0;
    while let Some((key, value)) = reader.row()? {
        bytes += key.len() + value.len();
        batch.insert(key, value);
        if bytes >= BATCH {
            write(&db, &folder, std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    write(&db, &folder, batch)?;
    folder.require(tally.groups())?;
    drop(db);
    folder.sync()?;
    Ok(reader.tally.groups())
}

fn write(db: &sled::Db, folder: &Folder, batch: sled::Batch) -> Result<(), RestoreError> {
    let failed = |_| RestoreError::Io(io::ErrorKind::Other.into());
    db.apply_batch(batch).map_err(failed)?;
    db.flush().map_err(failed)?;
    if !folder.blobs_are_empty()? {
        return Err(OpenError::Unsynced.into());
    }
    Ok(folder.sync()?)
}

/// A key and its value.
type Row = (Vec<u8>, Vec<u8>);

/// Reads a copy's values, and requires at the end that they are all.
struct CopyReader<'a> {
    input: &'a mut dyn Read,
    tally: Tally,
    found: Tally,
    last: Vec<u8>,
    count: u64,
}

impl<'a> CopyReader<'a> {
    fn open(input: &'a mut dyn Read) -> Result<Self, RestoreError> {
        let mut head = [0; HEAD.len()];
        read(input, &mut head)?;
        let mut tally = [0; 24];
        read(input, &mut tally)?;
        if head != *HEAD {
            return Err(RestoreError::Damaged);
        }
        let tally = Tally::from_bytes(&tally).ok_or(RestoreError::Damaged)?;
        Ok(Self { input, tally, found: Tally::default(), last: TALLY.to_vec(), count: 0 })
    }

    /// The next key and value; nothing at the end of a copy that is whole.
    fn row(&mut self) -> Result<Option<Row>, RestoreError> {
        let length = self.length()?;
        if length == 0 {
            return self.end().map(|()| None);
        }
        let key = self.part(length, LONGEST_KEY)?;
        let length = self.length()?;
        let value = self.part(length, MAX_VALUE)?;
        if key <= self.last {
            return Err(RestoreError::Damaged);
        }
        self.last.clone_from(&key);
        self.found.add(&key, &value);
        self.count += 1;
        Ok(Some((key, value)))
    }

    fn end(&mut self) -> Result<(), RestoreError> {
        let mut count = [0; 8];
        read(self.input, &mut count)?;
        let more = self.input.read(&mut [0])?;
        if more > 0 || u64::from_le_bytes(count) != self.count || !self.tally.agrees_with(self.found) {
            return Err(RestoreError::Damaged);
        }
        Ok(())
    }

    fn length(&mut self) -> Result<usize, RestoreError> {
        let mut length = [0; 2];
        read(self.input, &mut length)?;
        Ok(u16::from_le_bytes(length).into())
    }

    fn part(&mut self, length: usize, at_most: usize) -> Result<Vec<u8>, RestoreError> {
        if length > at_most {
            return Err(RestoreError::Damaged);
        }
        let mut part = vec![0; length];
        read(self.input, &mut part)?;
        Ok(part)
    }
}

fn read(input: &mut dyn Read, into: &mut [u8]) -> Result<(), RestoreError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => RestoreError::Damaged,
        _ => RestoreError::Io(error),
    })
}
