//! The keys a payee is paid to: one in use, and those that were before it.

use std::fmt;
use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::locked::{LockKey, RecipientKey};

use crate::pipeline::Party;

/// Until when what is made out to a key is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// The key is in use.
    Always,
    /// The key is retired: what is out for it is accepted before this time.
    Until(UnixTime),
}

impl Accepting {
    /// No longer than until a time.
    #[must_use]
    pub fn at_most(self, end: UnixTime) -> Self {
        match self {
            Self::Until(sooner) if sooner < end => self,
            Self::Always | Self::Until(_) => Self::Until(end),
        }
    }

    /// Whether it is accepted then.
    pub fn covers(self, time: UnixTime) -> bool {
        match self {
            Self::Always => true,
            Self::Until(end) => time < end,
        }
    }
}

/// A payee's keys. Invoices are made out to the one in use. A retired one signs the receipts of what was paid to it, for ever, and
/// accepts what is out for it, until a time.
///
/// # Security
/// The lock keys MUST have no other store than the merchant's who is made of these.
pub struct MerchantKeys {
    current: Own,
    retired: Vec<Own>,
    locks: Vec<(Arc<LockKey>, Accepting)>,
}

struct Own {
    key: Keypair,
    payee: PayeeKey,
    until: Accepting,
}

impl MerchantKeys {
    /// The key in use, without any before it, and without a lock key.
    pub fn of(key: Keypair) -> Self {
        Self { current: Own::new(key, Accepting::Always), retired: Vec::new(), locks: Vec::new() }
    }

    /// With a key that was in use before.
    #[must_use]
    pub fn retired(mut self, key: Keypair, until: Accepting) -> Self {
        self.retired.push(Own::new(key, until));
        self
    }

    /// With the key to which tokens may be locked.
    #[must_use]
    pub fn locked(mut self, key: LockKey) -> Self {
        self.locks.insert(0, (Arc::new(key), Accepting::Always));
        self
    }

    /// With one that was in use before.
    #[must_use]
    pub fn retired_lock(mut self, key: LockKey, until: Accepting) -> Self {
        self.locks.push((Arc::new(key), until));
        self
    }

    /// The payee of new invoices.
    pub(super) fn payee(&self) -> &PayeeKey {
        &self.current.payee
    }

    /// Signs for the key in use.
    pub(super) fn current(&self) -> &Keypair {
        &self.current.key
    }

    /// All payees, the current one first.
    pub(super) fn payees(&self) -> impl Iterator<Item = PayeeKey> + '_ {
        self.each().map(|own| own.payee)
    }

    /// All lock keys, the current one first.
    pub(super) fn locks(&self) -> Vec<Arc<LockKey>> {
        self.locks.iter().map(|(key, _)| Arc::clone(key)).collect()
    }

    /// The lock key in use.
    pub(super) fn lock(&self) -> Option<&LockKey> {
        self.locks.iter().find(|(_, until)| *until == Accepting::Always).map(|(key, _)| key.as_ref())
    }

    /// All lock keys' public halves, the current one first.
    pub(super) fn recipients(&self) -> impl Iterator<Item = RecipientKey> + '_ {
        self.locks.iter().map(|(key, _)| *key.public())
    }

    /// Whom payments are judged for.
    pub(super) fn party(&self, mint: MintId) -> Party {
        let payees = self.each().map(|own| (own.payee, own.until)).collect();
        Party { payees, mint, locks: self.locks.clone() }
    }

    /// Signs for a payee whose key is here, retired or not.
    pub(super) fn signer(&self, payee: &PayeeKey) -> Option<&Keypair> {
        self.each().find(|own| own.payee == *payee).map(|own| &own.key)
    }

    fn each(&self) -> impl Iterator<Item = &Own> {
        std::iter::once(&self.current).chain(&self.retired)
    }
}

impl Own {
    fn new(key: Keypair, until: Accepting) -> Self {
        Self { payee: PayeeKey::from(&key), key, until }
    }
}

impl fmt::Debug for MerchantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MerchantKeys").field("payee", self.payee()).finish_non_exhaustive()
    }
}
