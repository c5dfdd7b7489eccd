//! Work that arrives at the same time, done together.
//!
//! What arrives while nobody is at work is begun at once. What arrives while everybody is at work waits in line and is
//! taken together, as much as a batch may hold, by whoever is free first: so nothing ever waits for company, and the more
//! arrives, the larger the batches become.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Bounds of a [`Gather`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Most items, and most weight, taken together. An item that is heavier is taken alone.
    pub(super) batch: Size,
    /// Most items, and most weight, waiting in line.
    pub(super) queue: Size,
    /// Most batches worked on at once.
    pub(super) parallel: usize,
}

/// How many items, and what they weigh together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) items: usize,
    pub(super) weight: usize,
}

impl Size {
    fn with(self, weight: usize) -> Self {
        Self { items: self.items.saturating_add(1), weight: self.weight.saturating_add(weight) }
    }

    fn without(self, weight: usize) -> Self {
        Self { items: self.items.saturating_sub(1), weight: self.weight.saturating_sub(weight) }
    }

    fn fits(self, bound: Self) -> bool {
        self.items <= bound.items && self.weight <= bound.weight
    }
}

/// The line is full: nothing was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What has been done so far.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) batches: AtomicU64,
    pub(super) items: AtomicU64,
    pub(super) largest: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// Does work in batches on threads made for it.
pub(super) struct Gather<T, R> {
    shared: Arc<Shared<T, R>>,
}

/// One answer for each item, in their order. A panic costs the item alone that panics by itself.
type Work<T, R> = dyn Fn(&[T]) -> Vec<R> + Send + Sync;

struct Shared<T, R> {
    bounds: Bounds,
    work: Box<Work<T, R>>,
    line: Mutex<Line<T, R>>,
    counts: Counts,
}

struct Line<T, R> {
    waiting: VecDeque<Waiting<T, R>>,
    size: Size,
    workers: usize,
}

struct Waiting<T, R> {
    item: T,
    weight: usize,
    answer: oneshot::Sender<R>,
}

impl<T: Send + 'static, R: Send + 'static> Gather<T, R> {
    pub(super) fn new(bounds: Bounds, work: impl Fn(&[T]) -> Vec<R> + Send + Sync + 'static) -> Self {
        let line = Mutex::new(Line { waiting: VecDeque::new(), size: Size::default(), workers: 0 });
        Self { shared: Arc::new(Shared { bounds, work: Box::new(work), line, counts: Counts::default() }) }
    }

    /// Puts an item in line. The answer is an error when the item made the work panic, or the runtime ends.
    ///
    /// Whoever drops the answer gives up: an item that nobody waits for any more is not begun.
    ///
    /// Must be called within a runtime.
    pub(super) fn submit(&self, item: T, weight: usize) -> Result<oneshot::Receiver<R>, Full> {
        let (answer, answered) = oneshot::channel();
        let mut line = self.shared.line();
        let size = line.size.with(weight);
        // An item that alone is heavier than the line may be gets its turn when the line is empty.
        if !size.fits(self.shared.bounds.queue) && !line.waiting.is_empty() {
            self.shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Full);
        }
        line.size = size;
        line.waiting.push_back(Waiting { item, weight, answer });
        if line.workers < self.shared.bounds.parallel {
            line.workers += 1;
            let worker = Worker { shared: Arc::clone(&self.shared), counted: true };
            drop(line);
            tokio::task::spawn_blocking(move || worker.work());
        }
        Ok(answered)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// How many are in line.
    pub(super) fn waiting(&self) -> usize {
        self.shared.line().waiting.len()
    }
}

impl<T, R> Shared<T, R> {
    fn line(&self) -> MutexGuard<'_, Line<T, R>> {
        // Nothing that can panic is done under this lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from the front what a batch may hold.
    fn take(&self, line: &mut Line<T, R>) -> Vec<Waiting<T, R>> {
        let (mut batch, mut size) = (Vec::new(), Size::default());
        while let Some(next) = line.waiting.pop_front() {
            if next.answer.is_closed() {
                line.size = line.size.without(next.weight);
                continue;
            }
            let larger = size.with(next.weight);
            if !batch.is_empty() && !larger.fits(self.bounds.batch) {
                line.waiting.push_front(next);
                break;
            }
            line.size = line.size.without(next.weight);
            size = larger;
            batch.push(next);
        }
        batch
    }

    fn answer(&self, batch: Vec<Waiting<T, R>>) {
        let (items, answers): (Vec<T>, Vec<_>) = batch.into_iter().map(|one| (one.item, one.answer)).unzip();
        let size = u64::try_from(items.len()).unwrap_or(u64::MAX);
        self.counts.batches.fetch_add(1, Ordering::Relaxed);
        self.counts.items.fetch_add(size, Ordering::Relaxed);
        self.counts.largest.fetch_max(size, Ordering::Relaxed);
        if let Some(results) = self.unless_panics(&items) {
            for (answer, result) in answers.into_iter().zip(results) {
                // Whoever went away does not need it.
                let _gone = answer.send(result);
            }
            return;
        }
        tracing::error!("a batch panicked; its parts are looked at one by one");
        for (item, answer) in items.iter().zip(answers) {
            if let Some(result) = self.unless_panics(std::slice::from_ref(item)).and_then(|mut results| results.pop()) {
                let _gone = answer.send(result);
            }
        }
    }

    fn unless_panics(&self, items: &[T]) -> Option<Vec<R>> {
        // The work keeps nothing from one call to the next.
        catch_unwind(AssertUnwindSafe(|| (self.work)(items))).ok()
    }
}

/// Somebody at work, who is counted until dropped: also when the runtime ends before he could begin.
struct Worker<T, R> {
    shared: Arc<Shared<T, R>>,
    counted: bool,
}

impl<T, R> Worker<T, R> {
    /// Works until the line is empty.
    fn work(mut self) {
        loop {
            let batch = {
                let mut line = self.shared.line();
                let batch = self.shared.take(&mut line);
                if batch.is_empty() {
                    // Under the same lock: whoever comes after this finds nobody at work, and calls somebody.
                    line.workers = line.workers.saturating_sub(1);
                    self.counted = false;
                    return;
                }
                batch
            };
            self.shared.answer(batch);
        }
    }
}

impl<T, R> Drop for Worker<T, R> {
    fn drop(&mut self) {
        if self.counted {
            let mut line = self.shared.line();
            line.workers = line.workers.saturating_sub(1);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Work that says what it was given, and waits to be let go.
    struct Case {
        gather: Gather<u32, u32>,
        begun: Receiver<Vec<u32>>,
        go: Sender<()>,
    }

    const BOUNDS: Bounds =
        Bounds { batch: Size { items: 4, weight: 100 }, queue: Size { items: 6, weight: 200 }, parallel: 1 };

    /// Doubles numbers; panics at 13.
    fn case(bounds: Bounds) -> Case {
        let ((begin, begun), (go, gone)) = (channel(), channel::<()>());
        let gone = Mutex::new(gone);
        let gather = Gather::new(bounds, move |items: &[u32]| {
            begin.send(items.to_vec()).unwrap();
            gone.lock().unwrap().recv().unwrap();
            items.iter().map(|item| item.checked_mul(2).filter(|_| *item != 13).unwrap()).collect()
        });
        Case { gather, begun, go }
    }

    impl Case {
        fn submit(&self, item: u32) -> oneshot::Receiver<u32> {
            self.gather.submit(item, 1).unwrap()
        }

        /// Lets the work go so many times, and asserts what it is given from then on.
        fn then(&self, batches: &[&[u32]]) {
            for batch in batches {
                self.go.send(()).unwrap();
                assert_eq!(self.begun.recv().unwrap(), *batch);
            }
        }
    }

    #[tokio::test]
    async fn a_lone_item_goes_at_once_and_others_meanwhile_gather_in_order() {
        let case = case(BOUNDS);
        let first = case.submit(1);
        assert_eq!(case.begun.recv().unwrap(), [1]);
        let rest: Vec<_> = (2..=7).map(|item| case.submit(item)).collect();
        case.then(&[&[2, 3, 4, 5], &[6, 7]]);
        case.go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), 2);
        for (answer, item) in rest.into_iter().zip(2..) {
            assert_eq!(answer.await.unwrap(), 2 * item);
        }
        let counts = case.gather.counts();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        assert_eq!((read(&counts.batches), read(&counts.items), read(&counts.largest)), (3, 7, 4));
    }

    #[tokio::test]
    async fn weight_closes_a_batch_and_the_heaviest_goes_alone() {
        let case = case(BOUNDS);
        let _first = case.submit(1);
        assert_eq!(case.begun.recv().unwrap(), [1]);
        let answers =
            [(2, 60), (3, 40), (4, 1), (5, 99)].map(|(item, weight)| case.gather.submit(item, weight).unwrap());
        case.then(&[&[2, 3], &[4, 5]]);
        // Heavier than any batch, and than the line.
        let heavy = case.gather.submit(6, 1000).unwrap();
        case.then(&[&[6]]);
        case.go.send(()).unwrap();
        assert_eq!(heavy.await.unwrap(), 12);
        drop(answers);
    }

    #[tokio::test]
    async fn a_full_line_refuses_and_is_free_again() {
        let case = case(BOUNDS);
        let _first = case.submit(1);
        assert_eq!(case.begun.recv().unwrap(), [1]);
        let answers: Vec<_> = (2..=7).map(|item| case.submit(item)).collect();
        assert_eq!(case.gather.submit(8, 1).err(), Some(Full));
        assert_eq!(case.gather.waiting(), 6);
        case.then(&[&[2, 3, 4, 5]]);
        let last = case.gather.submit(9, 1).unwrap();
        assert_eq!(case.gather.submit(10, 198).err(), Some(Full), "too heavy");
        case.then(&[&[6, 7, 9]]);
        case.go.send(()).unwrap();
        assert_eq!(last.await.unwrap(), 18);
        assert_eq!(case.gather.counts().refused.load(Ordering::Relaxed), 2);
        drop(answers);
    }

    #[tokio::test]
    async fn whoever_panics_harms_nobody_else() {
        let case = case(BOUNDS);
        let first = case.submit(1);
        assert_eq!(case.begun.recv().unwrap(), [1]);
        let answers = [2, 13, 4].map(|item| case.submit(item));
        case.then(&[&[2, 13, 4], &[2], &[13], &[4]]);
        case.go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), 2);
        let [two, thirteen, four] = answers;
        assert_eq!((two.await, four.await), (Ok(4), Ok(8)));
        assert!(thirteen.await.is_err());
        let next = case.submit(5);
        case.go.send(()).unwrap();
        assert_eq!(next.await.unwrap(), 10);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let case = case(BOUNDS);
        let _first = case.submit(1);
        assert_eq!(case.begun.recv().unwrap(), [1]);
        let [two, three, four] = [2, 3, 4].map(|item| case.submit(item));
        drop(three);
        case.then(&[&[2, 4]]);
        case.go.send(()).unwrap();
        assert_eq!((two.await, four.await), (Ok(4), Ok(8)));
        assert_eq!(case.gather.waiting(), 0);
    }

    #[tokio::test]
    async fn as_many_batches_at_once_as_allowed() {
        let case = case(Bounds { parallel: 2, ..BOUNDS });
        let mut answers = vec![case.submit(1)];
        assert_eq!(case.begun.recv().unwrap(), [1]);
        answers.push(case.submit(2));
        assert_eq!(case.begun.recv().unwrap(), [2]);
        answers.extend([3, 4].map(|item| case.submit(item)));
        assert!(case.begun.try_recv().is_err());
        case.then(&[&[3, 4]]);
        case.go.send(()).unwrap();
        case.go.send(()).unwrap();
        for answer in answers {
            assert!(answer.await.is_ok());
        }
    }

    #[test]
    fn a_runtime_that_ends_leaves_nobody_counted() {
        let case = case(BOUNDS);
        let build = || tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, released) = channel::<()>();
        let ending = build();
        let mut lost = None;
        ending.block_on(async {
            // The one thread is taken, so that the work never begins.
            tokio::task::spawn_blocking(move || released.recv());
            lost = Some(case.submit(1));
        });
        ending.shutdown_background();
        release.send(()).unwrap();
        case.go.send(()).unwrap();
        case.go.send(()).unwrap();
        drop(lost);
        // The worker that never was is uncounted when the old runtime lets go of it, on a thread of its own.
        while case.gather.shared.line().workers > 0 {
            std::thread::yield_now();
        }
        build().block_on(async { assert_eq!(case.submit(2).await.unwrap(), 4) });
    }
}
