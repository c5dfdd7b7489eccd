//! The watch over a served mint: its books are added up every second from the running totals, and computed anew once a day. What
//! is wrong is told in the log, in the figures, at `/ready`, and to a program of the operator's.

mod tell;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;
use tokio::task::JoinSet;

use crate::books::Halt;
use crate::ledger::AuditReport;
use crate::mint::Mint;
use tell::Teller;

/// The running totals are added up so often.
const EACH: Duration = Duration::from_secs(1);

/// An audit that was not made is tried again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What the operator must know of at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Alarm {
    /// The ledger has stopped: nothing is answered until the mint is started again.
    LedgerStopped,
    /// The books are not right, or could not be added up: nothing is issued, not even for tokens.
    BooksNotRight,
    /// The signer, a process of its own, is not reached: nothing is issued, not even for tokens.
    SignerUnreached,
    /// More is owed than was declared to be held against it: no withdrawals.
    NotBacked,
    /// No keyset issues now: no withdrawals.
    NoKeyset,
}

impl Alarm {
    /// Every alarm.
    pub const ALL: [Self; 5] =
        [Self::LedgerStopped, Self::BooksNotRight, Self::SignerUnreached, Self::NotBacked, Self::NoKeyset];

    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LedgerStopped => "ledger_stopped",
            Self::BooksNotRight => "books_not_right",
            Self::SignerUnreached => "signer_unreached",
            Self::NotBacked => "not_backed",
            Self::NoKeyset => "no_keyset",
        }
    }

    /// A plain sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::LedgerStopped => "The ledger has stopped: nothing is answered until the mint is started again.",
            Self::BooksNotRight => "The books are not right: nothing is issued until an audit finds them right.",
            Self::SignerUnreached => "The signer is not reached: nothing is issued until it is.",
            Self::NotBacked => "More is owed than was declared to be held against it: there are no withdrawals.",
            Self::NoKeyset => "No keyset issues now: there are no withdrawals.",
        }
    }
}

impl Mint {
    /// What is wrong now, the worst first. Empty when the mint does all its work.
    pub fn alarms(&self) -> Vec<Alarm> {
        let books = self.books();
        let halt = books.halt(false);
        let mut alarms = Vec::new();
        if !books.ledger().is_available() {
            alarms.push(Alarm::LedgerStopped);
        }
        if halt == Some(Halt::BooksNotRight) {
            alarms.push(Alarm::BooksNotRight);
        }
        if self.signer_unreached_since().is_some() {
            alarms.push(Alarm::SignerUnreached);
        }
        if halt == Some(Halt::NotBacked) {
            alarms.push(Alarm::NotBacked);
        }
        if self.issues_until().is_none() {
            alarms.push(Alarm::NoKeyset);
        }
        alarms
    }

    /// Until when the keyset issues that issues now.
    pub(crate) fn issues_until(&self) -> Option<UnixTime> {
        let (books, now) = (self.books(), self.books().clock().now());
        let (book, config) = (books.keyset_book(), books.home().config());
        let of_chain = |keyset: &&std::sync::Arc<farthing_protocol::keyset::Keyset>| {
            let terms = keyset.terms();
            terms.unit == config.unit && terms.redemption == config.redemption && book.is_issuing(keyset, now)
        };
        book.iter().find(of_chain).map(|keyset| keyset.terms().issue_until)
    }
}

/// Watches until `stopped` ends.
pub(crate) fn keep_watch(mint: Mint, stopped: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let service = mint.books().home().service().clone();
    let clock = std::sync::Arc::clone(mint.books().clock());
    let every = Duration::from_secs(service.audit_seconds);
    // An audit was made when the mint was opened: the next is due from here on, whenever this is polled first.
    let mut next_audit = clock.since_boot().saturating_add(every);
    async move {
        let mut teller = Teller::new(service.alert_command);
        let mut stopped = pin!(stopped);
        // It may take long, and the watch goes on beside it. It ends with the watch.
        let mut audit = JoinSet::new();
        loop {
            // What is wrong is logged there, and stops the issuing.
            let _standings = mint.books().watch().await;
            if clock.since_boot() >= next_audit && audit.is_empty() {
                next_audit = clock.since_boot().saturating_add(every);
                let mint = mint.clone();
                audit.spawn(async move { daily(&mint).await });
            }
            if let Some(ended) = audit.try_join_next()
                && !ended.unwrap_or_default()
            {
                next_audit = clock.since_boot().saturating_add(every.min(AGAIN));
            }
            teller.tell(&mint.alarms());
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(EACH) => {}
            }
        }
    }
}

/// Answers whether the books were audited.
async fn daily(mint: &Mint) -> bool {
    if let Err(error) = mint.books().erase_days().await {
        tracing::warn!(%error, "what was counted of accounts yesterday was not erased");
    }
    // What it finds is logged there, and stops the issuing.
    let report = mint.audit().await;
    if report.as_ref().is_ok_and(AuditReport::is_right) {
        tracing::info!("the books were audited and are right");
    }
    report.is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use farthing_durable::Options;
    use farthing_protocol::amount::{Amount, Unit};
    use farthing_protocol::identity::AccountKey;

    use super::*;
    use crate::books::Books;
    use crate::clock::SystemClock;
    use crate::home::{InitOptions, MintHome};
    use crate::keys::Protection;
    use crate::ledger::LedgerError;

    /// The running totals change by hand while the mint runs: a look at them is enough, and only an audit says that it is over.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_total_that_was_changed_by_hand_is_seen_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let protection = Protection::KeyFile(folder.path().join("key"));
        let options = InitOptions::new(Unit::new("EUR", 2).unwrap(), protection);
        let home = MintHome::init(folder.path().join("mint"), &options).unwrap();
        let books = Books::open_with(home, Options::new(), Arc::new(SystemClock)).unwrap();
        books.credit(AccountKey::from_bytes([7; 32]), Amount::new(100).unwrap(), "bank").await.unwrap();
        assert_eq!(books.watch().await.unwrap().len(), 1);
        assert_eq!(books.halt(false), None);
        let flip = |place: usize| {
            books.ledger().run(move |txn, _| {
                let (key, mut value) = txn.scan_prefix(b"unit/", None, 1)?.pop().ok_or(LedgerError::Damaged)?;
                *value.get_mut(place).ok_or(LedgerError::Damaged)? ^= 1;
                Ok::<_, LedgerError>(txn.put(&key, &value)?)
            })
        };
        // The balances' lowest byte: a format byte, funded, paid out, balances.
        flip(17).await.unwrap();
        let _standings = books.watch().await;
        assert_eq!(books.halt(true), Some(Halt::BooksNotRight));
        flip(17).await.unwrap();
        let _standings = books.watch().await;
        assert_eq!(books.halt(true), Some(Halt::BooksNotRight));
        assert!(books.audit().await.unwrap().is_right());
        assert_eq!(books.halt(false), None);
    }
}
