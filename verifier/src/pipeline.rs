//! Payments that are verified at the same time are verified together.
//!
//! A lone payment is verified at once. While batches are being verified, as many at once as there are processors, what
//! arrives waits in line, first come first served, and is taken together by the next batch, up to [`MAX_BATCH`] payments
//! and [`MAX_BATCH_TOKENS`] tokens: one multiplication for all, bisected when it fails. Verifying is done on threads on
//! which nothing else waits.

mod gather;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::locked::LockKey;
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_protocol::request::PaymentRequest;

use self::gather::{Bounds, Full, Gather, Size};
use crate::check::{
    Asked, CheckError, KnownKeysets, PayeeCheck, PayeeRules, Requirements, VerifiedPayment, check_answers,
};
use crate::merchant::{Accepting, OfferTerms};

/// The most payments verified together.
pub const MAX_BATCH: usize = 64;

/// The most tokens verified together. A payment of more is verified alone.
pub const MAX_BATCH_TOKENS: usize = 1024;

/// The most payments in line unless it is said otherwise.
pub const DEFAULT_QUEUE: usize = 512;

/// Tokens that a payment in line may hold on average: as many as the sum of all digits of a large amount.
const QUEUE_TOKENS: usize = 16;

/// Who is paid, in whose tokens.
#[derive(Debug)]
pub struct Party {
    /// The payee's keys, and until when what is made out to each is accepted.
    pub payees: Vec<(PayeeKey, Accepting)>,
    /// The mint whose tokens are asked for.
    pub mint: MintId,
    /// The payee's lock keys, if tokens locked to them are taken, the one in use first.
    pub locks: Vec<(Arc<LockKey>, Accepting)>,
}

impl Party {
    /// A payee with one key, and perhaps a lock key.
    pub fn of(payee: PayeeKey, mint: MintId, lock: Option<LockKey>) -> Self {
        let locks = lock.into_iter().map(|lock| (Arc::new(lock), Accepting::Always)).collect();
        Self { payees: vec![(payee, Accepting::Always)], mint, locks }
    }

    fn accepting(&self, payee: &PayeeKey, as_of: UnixTime) -> Option<&PayeeKey> {
        self.payees.iter().find(|(own, until)| own == payee && until.covers(as_of)).map(|(own, _)| own)
    }

    fn accepting_locks(&self, as_of: UnixTime) -> impl Iterator<Item = &LockKey> {
        self.locks.iter().filter(move |(_, until)| until.covers(as_of)).map(|(key, _)| key.as_ref())
    }
}

/// What is known at one moment: what a batch is judged by.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The time.
    pub now: UnixTime,
    /// The keysets; nothing when none are known well enough: then each is unknown.
    pub keysets: Option<Arc<KnownKeysets>>,
}

/// Bounds of a [`Pipeline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineLimits {
    /// The most payments in line; further ones are refused before anything is done for them.
    pub queue: usize,
    /// How many batches are verified at once.
    pub parallel: NonZeroUsize,
}

impl Default for PipelineLimits {
    /// [`DEFAULT_QUEUE`], and as many batches as there are processors.
    fn default() -> Self {
        Self { queue: DEFAULT_QUEUE, parallel: available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }
}

/// What a payment must answer, by the payee's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// An invoice of this payee.
    Invoice,
    /// An offer that says what the server demands.
    Offer(OfferTerms),
}

/// A payment to be verified.
#[derive(Clone, Debug)]
pub struct Question {
    /// The payment.
    pub payment: Payment,
    /// The request that it came with.
    pub request: PaymentRequest,
    /// What is asked for.
    pub demand: Demand,
    /// As of when expiry and the keyset's times are judged.
    pub as_of: UnixTime,
    /// The keysets that it is judged by, if not those known when its batch is closed.
    pub keysets: Option<Arc<KnownKeysets>>,
}

/// Why a payment was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// It is not in order.
    #[error("{0}")]
    Check(#[from] CheckError),
    /// Too many payments are in line. Nothing was begun.
    #[error("too many payments are waiting to be verified")]
    Overloaded,
    /// It could not be verified.
    #[error("the payment could not be verified")]
    Failed,
}

/// What a pipeline has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipelineFigures {
    /// Batches verified.
    pub batches: u64,
    /// Payments verified, in order or not.
    pub payments: u64,
    /// The most payments that one batch held.
    pub largest: u64,
    /// Payments refused because too many were in line.
    pub refused: u64,
    /// Payments in line now.
    pub waiting: usize,
}

/// Verifies one payee's payments, together what arrives together.
///
/// A caller who goes away, and a payment of whatever contents, costs the others nothing.
pub struct Pipeline {
    gather: Gather<Question, Result<VerifiedPayment, CheckError>>,
}

impl Pipeline {
    /// A pipeline for a payee.
    ///
    /// `known` is asked once for each batch, when the batch is closed: what is revoked by then is refused.
    pub fn new(party: Party, limits: PipelineLimits, known: impl Fn() -> Knowledge + Send + Sync + 'static) -> Self {
        let PipelineLimits { queue, parallel } = limits;
        let bounds = Bounds {
            batch: Size { items: MAX_BATCH, weight: MAX_BATCH_TOKENS },
            queue: Size { items: queue, weight: queue.saturating_mul(QUEUE_TOKENS) },
            parallel: parallel.get(),
        };
        let gather = Gather::new(bounds, move |questions: &[Question]| verify(questions, &party, &known()));
        Self { gather }
    }

    /// Verifies a payment: see [`check_answers`].
    ///
    /// The payment is in line, or refused, when this returns; a future that is dropped gives it up, if it was not
    /// begun. Must be called within a runtime.
    ///
    /// # Errors
    /// A [`PipelineError`].
    pub fn verify(
        &self,
        question: Question,
    ) -> impl Future<Output = Result<VerifiedPayment, PipelineError>> + Send + use<> {
        let tokens = question.payment.tokens().len();
        let submitted = self.gather.submit(question, tokens);
        async move {
            let answered = submitted.map_err(|Full| PipelineError::Overloaded)?;
            Ok(answered.await.map_err(|_| PipelineError::Failed)??)
        }
    }

    /// What it has done.
    pub fn figures(&self) -> PipelineFigures {
        let counts = self.gather.counts();
        PipelineFigures {
            batches: counts.batches.load(Ordering::Relaxed),
            payments: counts.items.load(Ordering::Relaxed),
            largest: counts.largest.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            waiting: self.gather.waiting(),
        }
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

/// The weights are drawn in here, when the batch is closed.
fn verify(questions: &[Question], party: &Party, known: &Knowledge) -> Vec<Result<VerifiedPayment, CheckError>> {
    let nothing = KnownKeysets::none_of(party.mint);
    let (now, keysets) = (known.now, known.keysets.as_deref().unwrap_or(&nothing));
    let first = |question: &Question| party.accepting_locks(question.as_of).next();
    let check = |question| check_of(question, party, first(question), now, keysets);
    let checks: Vec<_> = questions.iter().map(check).collect();
    // Whose payee is none of these is refused, and the others are checked together.
    let judged = checks.iter().flatten().cloned().collect();
    let mut verdicts = check_answers(&mut crate::random::system_rng(), judged).into_iter();
    let verdicts = checks.iter().map(|check| match check {
        Some(_) => verdicts.next().unwrap_or(Err(CheckError::WrongPayee)),
        None => Err(CheckError::WrongPayee),
    });
    let verdicts: Vec<_> = verdicts.collect();
    questions
        .iter()
        .zip(verdicts)
        .map(|(question, verdict)| match verdict {
            // Which key tokens are locked to shows when it opens them: the keys that were in use before come after.
            Err(CheckError::WrongPayee) if question.payment.kind() == PaymentKind::Locked => {
                let others = party.accepting_locks(question.as_of).skip(1);
                let again = others.filter_map(|lock| check_of(question, party, Some(lock), now, keysets));
                let mut answers = again.map(|check| check_answers(&mut crate::random::system_rng(), vec![check]).pop());
                let found = answers.find(|answer| !matches!(answer, Some(Err(CheckError::WrongPayee)) | None));
                found.flatten().unwrap_or(Err(CheckError::WrongPayee))
            }
            verdict => verdict,
        })
        .collect()
}

/// What one payment is judged by; nothing when it is made out to none of the payee's keys.
fn check_of<'a>(
    question: &'a Question,
    party: &'a Party,
    lock: Option<&'a LockKey>,
    now: UnixTime,
    keysets: &'a KnownKeysets,
) -> Option<PayeeCheck<'a>> {
    let Question { payment, request, demand, as_of, keysets: own } = question;
    let payee = party.accepting(payment.payee(), *as_of)?;
    let rules = PayeeRules { payee, now, as_of: *as_of, keysets: own.as_deref().unwrap_or(keysets), lock };
    let asked = match demand {
        Demand::Invoice => Asked::Invoice,
        Demand::Offer(OfferTerms { asset, amount, timeout_seconds }) => {
            let (mint, amount, timeout_seconds) = (&party.mint, *amount, *timeout_seconds);
            // A unit that is not named is nobody's.
            let asset = asset.as_deref().unwrap_or_default();
            Asked::Offer(Requirements { mint, payee, asset, amount, timeout_seconds })
        }
    };
    Some(PayeeCheck { rules, payment: payment.clone(), request, asked })
}
