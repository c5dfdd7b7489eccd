//! Checking payments: pure, batched, with time and randomness as arguments.
//!
//! Nothing here remembers anything. Whether a payment was accepted before is the store's to say, and is asked
//! **before** a request's expiry is judged (protocol section 5): an accepted payment gets its receipt, expired
//! or not.

mod error;
mod keysets;
mod mint;
mod payee;

use std::fmt;
use std::sync::Arc;

use farthing_protocol::identity::MintId;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::keyset::{Keyset, Redemption};
use farthing_protocol::locked::{LockKey, RecipientKey};
use farthing_protocol::payment::{
    AuthenticPayment, CheckBinding, Payment, PaymentCheck, PaymentError, PaymentKind, verify_payments,
};
use rand_core::CryptoRng;

pub use error::CheckError;
pub use keysets::{KeysetState, KnownKeysets};
pub use mint::{MintRules, SwapCheck, check_deposits, check_swap, check_swaps};
pub(crate) use payee::check_redemptions;
pub use payee::{
    Asked, MAX_SKEW, PayeeCheck, PayeeRules, Requirements, check_answers, check_offered, check_requested, judge_expiry,
};

/// Which of the check functions passed a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// [`check_requested`] or [`check_offered`]: it answers what the payee who checked it asked for.
    Requested,
    /// [`check_deposits`]: it is to be credited to its payee at its mint.
    Deposit,
    /// [`check_swap`]: it funds an issuance at its mint.
    Swap,
}

/// A payment of which everything was checked that can be checked without a store: kind, mint, keyset and its
/// times, payee, request, amount, the mint's signature on every token, and the holder's authorization.
///
/// Only the check functions of this module make one.
#[derive(Clone)]
pub struct VerifiedPayment {
    authentic: AuthenticPayment,
    keyset: Arc<Keyset>,
    purpose: Purpose,
    recipient: Option<RecipientKey>,
}

impl VerifiedPayment {
    /// The payment.
    pub fn payment(&self) -> &Payment {
        self.authentic.payment()
    }

    /// Its id.
    pub fn id(&self) -> &PaymentId {
        self.authentic.id()
    }

    /// The keyset of its tokens.
    pub fn keyset(&self) -> &Arc<Keyset> {
        &self.keyset
    }

    /// What it was checked for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What decides which store may accept it.
    pub fn class(&self) -> TokenClass {
        let terms = self.keyset.terms();
        TokenClass {
            mint: terms.mint,
            redemption: terms.redemption,
            kind: self.payment().kind(),
            recipient: self.recipient,
        }
    }
}

impl fmt::Debug for VerifiedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedPayment").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Everything on which it depends which store decides over tokens (protocol section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenClass {
    /// The mint.
    pub mint: MintId,
    /// Where the keyset's tokens may be spent.
    pub redemption: Redemption,
    /// The payment's kind.
    pub kind: PaymentKind,
    /// For kind `locked`: the key that the tokens were found to be locked to.
    pub recipient: Option<RecipientKey>,
}

/// A payment whose cryptography is all that is left to check.
struct Candidate<'a> {
    payment: Payment,
    keyset: Arc<Keyset>,
    binding: CheckBinding<'a>,
}

/// Verifies the cryptography of all candidates together. Answers are in their order; what was refused stays refused.
fn verify_all<R: CryptoRng + ?Sized>(
    rng: &mut R,
    purpose: Purpose,
    candidates: Vec<Result<Candidate<'_>, CheckError>>,
) -> Vec<Result<VerifiedPayment, CheckError>> {
    let mut facts = Vec::with_capacity(candidates.len());
    let mut payments = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match candidate {
            Ok(Candidate { payment, keyset, binding }) => {
                let recipient = match binding {
                    CheckBinding::Recipient(lock) => Some(*LockKey::public(lock)),
                    CheckBinding::None | CheckBinding::Issuance(_) => None,
                };
                facts.push(Ok((Arc::clone(&keyset), recipient)));
                payments.push((payment, keyset, binding));
            }
            Err(error) => facts.push(Err(error)),
        }
    }
    let (payments, rest): (Vec<Payment>, Vec<_>) = payments.into_iter().map(|(p, k, b)| (p, (k, b))).unzip();
    let checks = payments
        .into_iter()
        .zip(&rest)
        .map(|(payment, (keyset, binding))| PaymentCheck { payment, keyset, binding: *binding })
        .collect();
    let mut verdicts = verify_payments(rng, checks).into_iter();
    facts
        .into_iter()
        .map(|fact| {
            let (keyset, recipient) = fact?;
            let authentic = verdicts.next().unwrap_or(Err(PaymentError::InvalidAuthorization))?;
            Ok(VerifiedPayment { authentic, keyset, purpose, recipient })
        })
        .collect()
}
