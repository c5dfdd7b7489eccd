//! Which store may decide over which tokens (protocol section 8).

use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::RecipientKey;
use farthing_protocol::payment::PaymentKind;

use crate::check::TokenClass;

/// What a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreRole {
    /// A payee's own store, shared with nobody: decides over keysets closed to him, and over tokens locked to
    /// his key. Never over open, unlocked tokens: each could be spent once with every payee.
    Own {
        /// The payee's keys.
        payees: Vec<PayeeKey>,
        /// The public keys of his lock keys, which have exactly this store.
        locks: Vec<RecipientKey>,
    },
    /// A mint's ledger: decides over the mint's open keysets, and over keysets closed to a payee who is one
    /// operator with the mint and has no other store.
    Mint {
        /// The mint.
        mint: MintId,
        /// Such payees.
        closed_to: Vec<PayeeKey>,
    },
    /// Asks the mint about its open keysets.
    Clearing {
        /// The mint.
        mint: MintId,
    },
}

/// Which tokens a store decides over: follows from its [`StoreRole`] and from nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decides {
    role: StoreRole,
}

impl Decides {
    /// What a store of this role decides over.
    pub const fn new(role: StoreRole) -> Self {
        Self { role }
    }

    /// The store's role.
    pub const fn role(&self) -> &StoreRole {
        &self.role
    }

    /// Whether the store decides over such tokens.
    pub fn covers(&self, class: &TokenClass) -> bool {
        match &self.role {
            StoreRole::Own { payees, locks } => {
                let closed_to_him = match class.redemption {
                    Redemption::Open => None,
                    Redemption::Closed(payee) => Some(payees.contains(&payee)),
                };
                match class.kind {
                    PaymentKind::Pay => closed_to_him == Some(true),
                    PaymentKind::Locked => {
                        closed_to_him != Some(false) && class.recipient.is_some_and(|to| locks.contains(&to))
                    }
                    PaymentKind::Swap | PaymentKind::Recoup => false,
                }
            }
            StoreRole::Mint { mint, closed_to } => {
                let here = match class.redemption {
                    Redemption::Open => true,
                    Redemption::Closed(payee) => closed_to.contains(&payee),
                };
                class.mint == *mint && here && class.kind != PaymentKind::Locked
            }
            StoreRole::Clearing { mint } => {
                class.mint == *mint && class.redemption == Redemption::Open && class.kind == PaymentKind::Pay
            }
        }
    }
}

/// Tokens that a service would take, and that none of its stores, or more than one, decides over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", if *.stores == 0 {
    "no store decides over tokens that would be taken: open tokens must be cleared with their mint"
} else {
    "more than one store would decide over the same tokens"
})]
pub struct NotDecided {
    /// The tokens.
    pub class: Box<TokenClass>,
    /// How many stores would decide over them.
    pub stores: usize,
}

/// Requires, before a service begins, that exactly one of its stores decides over each class of tokens it takes.
///
/// # Errors
/// [`NotDecided`] for the first class of which that is not so.
pub fn check_start_up<'a>(
    stores: impl IntoIterator<Item = &'a Decides> + Clone,
    taken: impl IntoIterator<Item = TokenClass>,
) -> Result<(), NotDecided> {
    for class in taken {
        let stores = stores.clone().into_iter().filter(|decides| decides.covers(&class)).count();
        if stores != 1 {
            return Err(NotDecided { class: Box::new(class), stores });
        }
    }
    Ok(())
}
