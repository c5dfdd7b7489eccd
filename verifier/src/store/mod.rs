//! Stores of spent tokens: where it is decided, once for each token, what it was spent on.

mod clearing;
mod decides;
mod error;
mod sled;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{Claim, KeysetId, PaymentId, RequestHash};

use crate::check::VerifiedPayment;

pub use self::sled::SledStore;
pub use clearing::{ClearingFigures, ClearingStore, MAX_DEPOSITS, MAX_WAITING, Resumed};
pub(crate) use clearing::{
    Credited, Old, credited_after, credited_payment, forget_credited, forget_old, forget_settled, note_locked,
    was_begun,
};
pub use decides::{Decides, NotDecided, StoreRole, check_start_up};
pub use error::StoreError;

/// A future of a store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A payment to be accepted.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The payment.
    pub payment: VerifiedPayment,
    /// A random value by which the caller recognises its own acceptance; the store keeps the first.
    pub claim: Claim,
    /// The time.
    pub now: UnixTime,
}

/// What was decided about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted now: all its tokens are spent on it.
    Accepted {
        /// When.
        accepted_at: UnixTime,
    },
    /// This very payment was accepted before. Nothing changed.
    AlreadyAccepted {
        /// When.
        accepted_at: UnixTime,
        /// Whether the claim is the one stored then. If not, **somebody else** accepted it: serve nothing.
        claim_matches: bool,
    },
    /// A token of it is spent on another payment. Nothing changed.
    DoubleSpend {
        /// That payment.
        earlier: PaymentId,
    },
}

/// An accepted payment as the store keeps it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcceptedPayment {
    /// The payment's id.
    pub payment: PaymentId,
    /// The keyset of its tokens.
    pub keyset: KeysetId,
    /// Who was paid.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
    /// For which request.
    pub request: RequestHash,
    /// When.
    pub accepted_at: UnixTime,
    /// The claim given then.
    pub claim: Claim,
}

impl fmt::Debug for AcceptedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptedPayment(<redacted>)")
    }
}

/// Decides, once for each token, what it was spent on.
///
/// # Guarantees
///
/// Every implementation runs the conformance suite, which holds it to these:
///
/// - **Atomic for each payment**: all of its tokens are spent on it, or nothing changed. Payments of one call are
///   decided in their order, each by itself: one that is refused costs the others nothing.
/// - **Durable**: when a future ends, what it says stays true after a crash at any later instant. That holds for
///   `AlreadyAccepted`, `DoubleSpend` and [`find`](Self::find) as well: nothing is read back before it is durable.
/// - **One winner**: of any number of payments with a token in common, from any number of threads (and processes
///   and machines, for stores that are shared), one is accepted; the others are told its id.
/// - **Idempotent by payment id**: a payment accepted before is `AlreadyAccepted`, always with the same
///   `accepted_at`, and is never a double spend of itself.
/// - **The first claim is kept**; `claim_matches` says whether the one given now is that.
/// - **Only what it decides**: a payment of a [class](crate::check::TokenClass) outside [`decides`](Self::decides)
///   is [`StoreError::NotDecidedHere`], whatever was configured.
/// - **Forgets nothing alive**: a payment stays known until its keyset's `deposit_until`; afterwards its keyset is
///   refused for good. A clock set back revives nothing: see [`StoreError::ClockBehind`].
/// - **An unknown outcome is an error of its own**, [`StoreError::Unavailable`]: ask again with the same payment
///   and claim. Every other error means that nothing changed.
///
/// Dropping a future does not undo what was begun: the outcome is then as good as unknown.
pub trait SpentStore: Send + Sync + fmt::Debug {
    /// Which tokens this store decides over.
    fn decides(&self) -> &Decides;

    /// Accepts payments; answers in their order.
    fn accept(&self, acceptances: Vec<Acceptance>) -> StoreFuture<'_, Vec<Result<Outcome, StoreError>>>;

    /// The payment with this id, if this store knows it as accepted.
    fn find(&self, payment: &PaymentId) -> StoreFuture<'_, Result<Option<AcceptedPayment>, StoreError>>;
}
