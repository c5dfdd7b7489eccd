use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use crate::{
    OpenError, Options, Pending, Txn, Unavailable, folder::Folder, overlay::Overlay, pending::Promise, store::Store,
};

/// A group is closed once its jobs have written this much, so that memory stays bounded.
const GROUP_BYTES: usize = 8 << 20;

/// One folder, opened. Clones share it; the last one dropped lets the writer finish what is queued, waits for it, and
/// closes the folder.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
    unfenced: Arc<AtomicBool>,
}

impl Engine {
    /// Opens a folder, creating it if it is missing. On Unix it is its owner's alone: mode 0700, its files 0600, also
    /// where a folder that was there before allowed more. When this returns, the folder is locked against every other
    /// engine, everything found in it is durable, and the index is rebuilt.
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] when another engine has it open; the others when it cannot be read, written or understood.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let folder = Folder::prepare(path, options.fence.clone())?;
        let unfenced = folder.unfenced();
        let mut store = Store::open(folder, &options)?;
        let (queue, jobs) = sync_channel(options.queue_limit);
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let writer = thread::Builder::new().name("durable".to_owned()).spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(|| serve(&mut store, &jobs, options.group_limit)));
            if !matches!(ended, Ok(Ended::Closed)) {
                stop.store(true, Ordering::SeqCst);
                if ended.is_err() {
                    store.mark_suspect();
                }
                tracing::error!("the store has stopped; open it again");
            }
            drop(jobs);
            // sled syncs once more when it is dropped, and panics if that fails.
            let _closing = catch_unwind(AssertUnwindSafe(|| drop(store)));
        })?;
        Ok(Self { shared: Arc::new(Shared { queue: Some(queue), writer: Some(writer), stopped, unfenced }) })
    }

    /// Queues a job. Jobs run one after another in the order of these calls.
    ///
    /// When the answer arrives, all that the job wrote and all that it read is durable. A job that returns `Err`
    /// leaves nothing behind; its answer is held back as well, for what it read may not have been durable.
    ///
    /// The answer is [`Unavailable`] instead when the queue is full, the job panicked, or the engine has stopped.
    pub fn submit<T, E, F>(&self, job: F) -> Pending<Result<T, E>>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (promise, pending) = Pending::channel();
        let waiting = Waiting { job, promise };
        if let Some(queue) = &self.shared.queue
            && let Err(TrySendError::Full(job)) = queue.try_send(Box::new(waiting))
        {
            job.refuse(Unavailable::Busy);
        }
        pending
    }

    /// Whether jobs are still taken: false once a write, a sync or a read has failed.
    pub fn is_available(&self) -> bool {
        !self.shared.stopped.load(Ordering::SeqCst)
    }

    /// Whether the last group was noted at the [fence](Options::fence), if one is required: where it is not, an older copy of the folder could not
    /// be told from this one.
    pub fn is_fenced(&self) -> bool {
        !self.shared.unfenced.load(Ordering::SeqCst)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.queue.take());
        // A job may hold the last clone; the writer cannot wait for itself.
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != thread::current().id()
        {
            // The writer catches every panic.
            let _ended = writer.join();
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("available", &self.is_available()).finish_non_exhaustive()
    }
}

type Job = Box<dyn Queued>;
type Release = Box<dyn FnOnce(Result<(), Unavailable>)>;

/// A job whose types are forgotten.
trait Queued: Send {
    /// Runs the job; returns whether its writes stay, and its answer, to be released once its group is durable.
    fn run(self: Box<Self>, txn: &mut Txn<'_>) -> (bool, Release);

    /// Answers without running it.
    fn refuse(self: Box<Self>, why: Unavailable);
}

struct Waiting<F, R> {
    job: F,
    promise: Promise<R>,
}

impl<T, E, F> Queued for Waiting<F, Result<T, E>>
where
    F: FnOnce(&mut Txn<'_>) -> Result<T, E> + Send,
    T: Send + 'static,
    E: Send + 'static,
{
    fn run(self: Box<Self>, txn: &mut Txn<'_>) -> (bool, Release) {
        let Self { job, promise } = *self;
        // The transaction is rolled back after a panic, so nothing broken is seen again.
        let result = catch_unwind(AssertUnwindSafe(|| job(txn))).map_err(|_| Unavailable::Panicked);
        let keep = matches!(result, Ok(Ok(_)));
        let held = promise.ran(result);
        (keep, Box::new(move |fate| held.release(fate)))
    }

    fn refuse(self: Box<Self>, why: Unavailable) {
        self.promise.fail(why);
    }
}

/// Why the writer ended.
enum Ended {
    /// All engines are dropped, and all jobs done.
    Closed,
    /// Something failed; nothing more may be answered.
    Failed,
}

/// The writer: takes everything waiting, runs it, makes it durable, answers, and begins again.
fn serve(store: &mut Store, jobs: &Receiver<Job>, group_limit: usize) -> Ended {
    while let Ok(first) = jobs.recv() {
        let mut overlay = Overlay::default();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            let (keep, answer) = job.run(&mut Txn::new(store, &mut overlay));
            answers.push(answer);
            if keep {
                overlay.keep();
            } else {
                overlay.roll_back();
            }
            let full = answers.len() >= group_limit || overlay.bytes() >= GROUP_BYTES || store.has_failed();
            next = if full { None } else { jobs.try_recv().ok() };
        }
        // An answer dropped by a panic in here says that the outcome is unknown.
        let fate = store.commit(&overlay);
        for answer in answers {
            answer(fate);
        }
        if fate.is_err() {
            return Ended::Failed;
        }
    }
    Ended::Closed
}
