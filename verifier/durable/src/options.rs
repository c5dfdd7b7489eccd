use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::Arc,
};

use crate::Partition;

/// Says which keys an entry is found under: calls the last argument once for each.
///
/// It must be a pure function of the partition and the entry, and must not change between two openings of
/// the same folder: it rebuilds the index at opening and confirms what the index proposes.
pub type Indexer = Arc<dyn Fn(Partition, &[u8], &mut dyn FnMut(&[u8])) + Send + Sync>;

/// Keyed fingerprint of an index key.
pub(crate) type Fingerprint = Arc<dyn Fn(&[u8]) -> u64 + Send + Sync>;

/// Where a test may interfere with a commit.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before the group's batch is given to sled.
    Apply,
    /// Before the fdatasync that makes it durable.
    Sync,
}

/// What a test wants to happen at a [`Step`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing out of the ordinary.
    Proceed,
    /// The step fails and was not done.
    FailBefore,
    /// The step was done, and fails all the same.
    FailAfter,
}

pub(crate) type Hook = Arc<dyn Fn(Step) -> Verdict + Send + Sync>;

/// How to open an [`Engine`](crate::Engine).
#[derive(Clone)]
pub struct Options {
    pub(crate) cache_bytes: u64,
    pub(crate) group_limit: usize,
    pub(crate) queue_limit: usize,
    pub(crate) indexer: Indexer,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) hook: Option<Hook>,
    /// Where the fence is, and whether it must be there.
    pub(crate) fence: Option<(PathBuf, bool)>,
}

impl Default for Options {
    fn default() -> Self {
        let state = RandomState::new();
        Self {
            cache_bytes: 64 << 20,
            group_limit: 512,
            queue_limit: 65_536,
            indexer: Arc::new(|_, _, _| {}),
            fingerprint: Arc::new(move |key| state.hash_one(key)),
            hook: None,
            fence: None,
        }
    }
}

impl Options {
    /// 64 MiB of cache, groups of at most 512 jobs, a queue of at most 65,536, entries without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes of pages sled keeps in memory.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets how many jobs share one sync at most (at least 1).
    pub fn group_limit(mut self, jobs: usize) -> Self {
        self.group_limit = jobs.max(1);
        self
    }

    /// Sets how many jobs may wait (at least 1). Further ones are answered
    /// [`Unavailable::Busy`](crate::Unavailable::Busy) at once.
    pub fn queue_limit(mut self, jobs: usize) -> Self {
        self.queue_limit = jobs.max(1);
        self
    }

    /// Sets the function that names the keys of appended entries.
    pub fn indexer(mut self, indexer: Indexer) -> Self {
        self.indexer = indexer;
        self
    }

    /// Notes the number of each group in a file outside of the folder, too, so that an older copy of the whole folder is refused
    /// ([`OpenError::RolledBack`](crate::OpenError::RolledBack)). It should lie where it is not put back together with the folder.
    ///
    /// A file that is missing is made anew, if it can be; with `required`, a folder that was used is then refused
    /// ([`OpenError::FenceMissing`](crate::OpenError::FenceMissing)). An empty file says that it may be.
    pub fn fence(mut self, path: impl Into<PathBuf>, required: bool) -> Self {
        self.fence = Some((path.into(), required));
        self
    }

    /// Replaces the fingerprint function, so that tests can make keys collide.
    #[doc(hidden)]
    pub fn fingerprint(mut self, of: impl Fn(&[u8]) -> u64 + Send + Sync + 'static) -> Self {
        self.fingerprint = Arc::new(of);
        self
    }

    /// Lets a test make a commit fail or wait.
    #[doc(hidden)]
    pub fn hook(mut self, hook: impl Fn(Step) -> Verdict + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("cache_bytes", &self.cache_bytes)
            .field("group_limit", &self.group_limit)
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}
