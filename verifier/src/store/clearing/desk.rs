//! Callers who have something to ask at the same time ask in one request.
//!
//! What is to be asked while few requests are under way goes at once. What comes meanwhile waits, first come first served,
//! and goes together with the next request, up to [`MAX_DEPOSITS`] payments; a full one goes even if several are under
//! way. What one caller asks stays together and in its order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::PaymentId;
use tokio::sync::oneshot;

use super::mint::{Asked, Mint, Verdict};
use super::record::Begun;
use super::{ClearingFigures, MAX_DEPOSITS};

/// So many requests are under way before anything waits.
const FEW: usize = 2;

/// So many requests are under way at most.
const MOST: usize = 8;

/// What is known of each payment asked about: its id, whether this was the first attempt, and the verdict.
pub(super) type Verdicts = Vec<(PaymentId, bool, Verdict)>;

/// Gathers questions to the mint.
#[derive(Clone)]
pub(super) struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    mint: Mint,
    line: Mutex<Line>,
    requests: AtomicU64,
    payments: AtomicU64,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Question>,
    /// How many payments that is.
    payments: usize,
    under_way: usize,
}

struct Question {
    begun: Vec<(PaymentId, Begun)>,
    now: UnixTime,
    answer: oneshot::Sender<Verdicts>,
}

impl Desk {
    pub(super) fn new(mint: Mint) -> Self {
        let (requests, payments) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { mint, line: Mutex::default(), requests, payments }) }
    }

    /// Asks the mint about payments, at most [`MAX_DEPOSITS`], in their order. Once called it is asked, even if the
    /// future is dropped.
    pub(super) async fn ask(&self, begun: Vec<(PaymentId, Begun)>, now: UnixTime) -> Verdicts {
        if begun.is_empty() {
            return Vec::new();
        }
        let unknown: Verdicts = begun.iter().map(|(id, begun)| (*id, begun.fresh, Verdict::Unknown)).collect();
        // No answer means that the runtime ends: it may have been sent.
        self.submit(begun, now).await.unwrap_or(unknown)
    }

    fn submit(&self, begun: Vec<(PaymentId, Begun)>, now: UnixTime) -> oneshot::Receiver<Verdicts> {
        let (answer, answered) = oneshot::channel();
        let mut line = self.shared.line();
        line.payments = line.payments.saturating_add(begun.len());
        line.waiting.push_back(Question { begun, now, answer });
        if line.under_way < FEW || (line.payments >= MAX_DEPOSITS && line.under_way < MOST) {
            line.under_way += 1;
            let courier = Courier { shared: Arc::clone(&self.shared), counted: true };
            drop(line);
            tokio::spawn(courier.work());
        }
        answered
    }

    pub(super) fn figures(&self) -> ClearingFigures {
        ClearingFigures {
            requests: self.shared.requests.load(Ordering::Relaxed),
            payments: self.shared.payments.load(Ordering::Relaxed),
            waiting: self.shared.line().payments,
        }
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that can panic is done under this lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, and every question's answer.
    async fn send(self: Arc<Self>, questions: Vec<Question>) {
        let now = questions.iter().map(|question| question.now).max().unwrap_or_default();
        let (mut all, mut answers) = (Vec::new(), Vec::new());
        for Question { begun, answer, .. } in questions {
            answers.push((begun.len(), answer));
            all.extend(begun);
        }
        let mut verdicts = self.ask(&all, now).await.into_iter();
        for (count, answer) in answers {
            // Whoever went away left a record that says pending: it is asked again.
            let _gone = answer.send(verdicts.by_ref().take(count).collect());
        }
    }

    /// A request that is refused for what is in it is asked again in halves, one after the other: whatever the mint does not
    /// like about one payment must not cost the others anything.
    async fn ask(&self, all: &[(PaymentId, Begun)], now: UnixTime) -> Verdicts {
        let (mut verdicts, mut left) = (Vec::with_capacity(all.len()), vec![all]);
        while let Some(part) = left.pop() {
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.payments.fetch_add(u64::try_from(part.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
            match self.mint.ask(part, now).await {
                Asked::RefusedWhole(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.extend([second, first]);
                }
                Asked::RefusedWhole(told) | Asked::Told(told) => verdicts.extend(told),
            }
        }
        verdicts
    }
}

impl Line {
    /// Takes from the front what fits into a request.
    fn take(&mut self) -> Vec<Question> {
        let (mut taken, mut payments) = (Vec::new(), 0_usize);
        while let Some(next) = self.waiting.front() {
            payments = payments.saturating_add(next.begun.len());
            if !taken.is_empty() && payments > MAX_DEPOSITS {
                break;
            }
            self.payments = self.payments.saturating_sub(next.begun.len());
            taken.extend(self.waiting.pop_front());
        }
        taken
    }
}

/// Sends requests one after another, and is counted until dropped.
struct Courier {
    shared: Arc<Shared>,
    counted: bool,
}

impl Courier {
    async fn work(mut self) {
        loop {
            let questions = {
                let mut line = self.shared.line();
                // Those who came because much was waiting stay only as long as it is.
                if line.waiting.is_empty() || (line.under_way > FEW && line.payments < MAX_DEPOSITS) {
                    // Under the same lock: whoever comes after this finds one less under way.
                    line.under_way = line.under_way.saturating_sub(1);
                    self.counted = false;
                    return;
                }
                line.take()
            };
            // In a task of its own: whatever became of it, the next goes on.
            if tokio::spawn(Arc::clone(&self.shared).send(questions)).await.is_err() {
                tracing::error!("a request to the mint was cut short");
            }
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        if self.counted {
            let mut line = self.shared.line();
            line.under_way = line.under_way.saturating_sub(1);
        }
    }
}
