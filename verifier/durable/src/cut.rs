//! What stood in the store at one moment, for readers that take long.
//!
//! A job reads everything at one moment, but all others wait meanwhile. A [`Cut`] lets many short jobs read the same moment: whatever a group replaces
//! is kept aside, in memory, until the cut is dropped, and these jobs find it in place of the newer value.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use thiserror::Error;

use crate::{
    Engine, Pending, StoreFault, Txn,
    overlay::Overlay,
    records::{Extent, record_key},
    store::Store,
};

/// What a kept value costs beside its bytes, roughly.
const EACH_KEPT: usize = 100;

/// The store as it was at one moment. Dropped, it ends.
pub struct Cut {
    engine: Engine,
    mark: Arc<Mark>,
}

/// Tells one cut from another, and its readers from nobody.
struct Mark;

/// Why a cut was not read. The engine itself goes on, but for the store's faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CutFault {
    /// It has ended.
    #[error("the moment is over: more was changed since than can be kept in memory")]
    Ended,
    /// The store could not be read.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl Cut {
    /// A cut of the moment at which the writer comes to it: with all that was answered before this is called. It ends when about so many bytes were
    /// replaced.
    pub fn of(engine: &Engine, most_kept: usize) -> Pending<Result<Self, CutFault>> {
        let own = engine.clone();
        engine.submit(move |txn| {
            let mark = Arc::new(Mark);
            txn.store().begin_cut(&mark, most_kept);
            Ok(Self { engine: own, mark })
        })
    }

    /// Queues a job that reads what stood at the moment of the cut. Other jobs wait while it runs: it should be short.
    ///
    /// What was dropped from a partition since is found by [`Txn::scan_entries`], and no longer by [`Txn::find`].
    pub fn read<T, E, F>(&self, job: F) -> Pending<Result<T, E>>
    where
        F: FnOnce(&Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<CutFault> + Send + 'static,
    {
        let mark = Arc::clone(&self.mark);
        self.engine.submit(move |txn| txn.store().at_cut(&mark, job))
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut").finish_non_exhaustive()
    }
}

/// What has changed since a cut.
pub(crate) struct Kept {
    mark: Weak<Mark>,
    /// What stood under keys that have changed, and how far partitions went that have grown.
    old: Overlay,
    bytes: usize,
    most: usize,
}

impl Kept {
    /// Whether anybody still reads it, and it has room for more.
    pub(crate) fn goes_on(&self) -> bool {
        let has_room = self.bytes <= self.most;
        if !has_room {
            tracing::warn!("so much changed while the store was read as it was that this reading has ended");
        }
        has_room && self.mark.strong_count() > 0
    }

    /// Keeps what a group replaces.
    pub(crate) fn keep(&mut self, key: &[u8], old: Option<&[u8]>) {
        if self.old.set_if_absent(key, old) {
            self.bytes += key.len() + old.map_or(0, <[u8]>::len) + EACH_KEPT;
        }
    }

    /// Keeps how far a partition went that a group appends to or drops from.
    pub(crate) fn keep_extent(&mut self, partition: u32, extent: Extent) {
        self.old.set_extent_if_absent(partition, extent);
    }

    /// Keeps a record that a group drops, if it was there already.
    pub(crate) fn keep_record(&mut self, partition: u32, number: u32, old: &[u8]) {
        if self.old.extent(partition).is_some_and(|extent| number < extent.next) {
            self.keep(&record_key(partition, number), Some(old));
        }
    }
}

impl Store {
    /// Begins a cut of what is durable: what the running group has written is not.
    fn begin_cut(&self, mark: &Arc<Mark>, most: usize) {
        self.cuts().borrow_mut().push(Kept { mark: Arc::downgrade(mark), old: Overlay::default(), bytes: 0, most });
    }

    fn at_cut<T, E: From<CutFault>>(
        &self,
        mark: &Arc<Mark>,
        job: impl FnOnce(&Txn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut cuts = self.cuts().borrow_mut();
        let kept = cuts.iter_mut().find(|kept| std::ptr::eq(kept.mark.as_ptr(), Arc::as_ptr(mark)));
        let kept = kept.ok_or(CutFault::Ended)?;
        job(&Txn::new(self, &mut kept.old))
    }
}
