//! The watch over a served mint: its books are added up every second from the running totals, and computed anew once a day; its clock is
//! looked at, and what it does by itself. What is wrong is told in the log, in the figures, at `/ready`, and to a program of the operator's.

mod health;
mod tell;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::keyset::Keyset;
use tokio::task::JoinSet;

use crate::ledger::{AuditReport, LedgerError};
use crate::mint::Mint;
pub(crate) use health::{Health, Task};
use tell::Teller;

/// The running totals are added up so often.
const EACH: Duration = Duration::from_secs(1);

/// For so long the ledger may keep the watch waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// An audit that was not made is tried again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What the operator must know of at once, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Alarm {
    /// The ledger has stopped, or does not answer.
    LedgerStopped,
    /// The ledger does not believe its clock: nothing is taken and nothing issued.
    Clock,
    /// More would have been redeemed of a keyset than was issued: nothing is issued, not even for tokens.
    KeysetForged,
    /// The books are not right, or could not be added up: nothing is issued, not even for tokens.
    BooksNotRight,
    /// The signer, a process of its own, is not reached: nothing is issued, not even for tokens.
    SignerUnreached,
    /// No list of keysets can be signed: the one that is out will end, and with it all payments.
    ListNotSigned,
    /// More is owed than was declared to be held against it: no withdrawals.
    NotBacked,
    /// No keyset issues now: no withdrawals.
    NoKeyset,
    /// The fence that `mint.toml` names cannot be written: an older copy of the ledger would not be noticed.
    NotFenced,
    /// A payment processor's messages cannot be verified: what it reports is not credited.
    Webhook,
    /// What the mint does by itself has failed for an hour.
    TaskFails,
}

impl Alarm {
    /// Every alarm.
    pub const ALL: [Self; 11] = [
        Self::LedgerStopped,
        Self::Clock,
        Self::KeysetForged,
        Self::BooksNotRight,
        Self::SignerUnreached,
        Self::ListNotSigned,
        Self::NotBacked,
        Self::NoKeyset,
        Self::NotFenced,
        Self::Webhook,
        Self::TaskFails,
    ];

    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LedgerStopped => "ledger_stopped",
            Self::Clock => "clock",
            Self::KeysetForged => "keyset_forged",
            Self::BooksNotRight => "books_not_right",
            Self::SignerUnreached => "signer_unreached",
            Self::ListNotSigned => "list_not_signed",
            Self::NotBacked => "not_backed",
            Self::NoKeyset => "no_keyset",
            Self::NotFenced => "not_fenced",
            Self::Webhook => "webhook",
            Self::TaskFails => "task_fails",
        }
    }

    /// A plain sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::LedgerStopped => {
                "The ledger has stopped or does not answer: nothing is done until it answers, or the mint is started again."
            }
            Self::Clock => {
                "The clock is behind what the ledger has seen, or was set forward: nothing is taken or issued until it is right."
            }
            Self::KeysetForged => "Somebody else has the key of a keyset: nothing is issued until it is revoked.",
            Self::BooksNotRight => "The books are not right: nothing is issued until an audit finds them right.",
            Self::SignerUnreached => "The signer is not reached: nothing is issued until it is.",
            Self::ListNotSigned => {
                "No list of keysets can be signed: a day after the last one was, nobody pays any more with this mint's tokens."
            }
            Self::NotBacked => "More is owed than was declared to be held against it: there are no withdrawals.",
            Self::NoKeyset => "No keyset issues now: there are no withdrawals.",
            Self::NotFenced => "The fence cannot be written: an older copy of the ledger would not be noticed.",
            Self::Webhook => {
                "The secrets shared with the payment processor cannot be read: what it reports is not credited."
            }
            Self::TaskFails => "Something that the mint does by itself has failed for an hour: the log says what.",
        }
    }
}

impl Mint {
    /// What is wrong now, the worst first. Empty when the mint does all its work.
    pub fn alarms(&self) -> Vec<Alarm> {
        let (books, health) = (self.books(), self.health());
        let fails = health.fails(books.clock().since_boot());
        let wrong = |alarm: &Alarm| match alarm {
            Alarm::LedgerStopped => !books.ledger().is_available() || !health.answers(),
            Alarm::Clock => !health.clock_is_believed(),
            Alarm::KeysetForged => books.is_forged(),
            Alarm::BooksNotRight => !books.are_right(),
            Alarm::SignerUnreached => self.signer_unreached_since().is_some(),
            Alarm::ListNotSigned => self.list_is_blocked(),
            Alarm::NotBacked => books.are_right() && !books.is_forged() && !books.are_backed(),
            Alarm::NoKeyset => self.issues_until().is_none(),
            Alarm::NotFenced => fails.contains(&Task::Fence),
            Alarm::Webhook => fails.contains(&Task::Webhook),
            Alarm::TaskFails => fails.iter().any(|task| !matches!(task, Task::Fence | Task::Webhook)),
        };
        Alarm::ALL.into_iter().filter(wrong).collect()
    }

    /// Whether the ledger takes deposits and issuances.
    pub(crate) fn is_healthy(&self) -> bool {
        self.books().ledger().is_available() && self.health().answers() && self.health().clock_is_believed()
    }

    /// Something that a served mint does by itself was done, or failed.
    pub(crate) fn did(&self, task: Task, well: bool) {
        self.health().did(task, well, self.books().clock().since_boot());
    }

    /// Until when the keyset issues that issues now. One without its secret keys does not.
    pub(crate) fn issues_until(&self) -> Option<UnixTime> {
        self.issuing_keyset()
            .filter(|keyset| self.signer().issues(keyset.id()))
            .map(|keyset| keyset.terms().issue_until)
    }

    /// The keyset whose time to issue it is.
    pub(crate) fn issuing_keyset(&self) -> Option<Arc<Keyset>> {
        let (books, now) = (self.books(), self.books().clock().now());
        let (book, config) = (books.keyset_book(), books.home().config());
        let of_chain = |keyset: &&Arc<Keyset>| {
            let terms = keyset.terms();
            terms.unit == config.unit && terms.redemption == config.redemption && book.is_issuing(keyset, now)
        };
        book.iter().find(of_chain).cloned()
    }
}

/// Watches until `stopped` ends.
pub(crate) fn keep_watch(mint: Mint, stopped: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let service = mint.books().home().service().clone();
    let clock = Arc::clone(mint.books().clock());
    let every = Duration::from_secs(service.audit_seconds);
    // An audit was made when the mint was opened: the next is due from here on, whenever this is polled first.
    let mut next_audit = clock.since_boot().saturating_add(every);
    async move {
        let mut teller = Teller::new(service.alert_command);
        let mut stopped = pin!(stopped);
        // It may take long, and the watch goes on beside it. It ends with the watch.
        let mut audit = JoinSet::new();
        loop {
            look(&mint, PATIENCE).await;
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

/// Looks at the books, the clock and the fence. A ledger that says nothing for so long is taken for stopped until it answers.
async fn look(mint: &Mint, patience: Duration) {
    let looked = async {
        // What is wrong is logged there, and stops the issuing.
        let _standings = mint.books().watch().await;
        mint.books().ledger().times().await
    };
    let looked = tokio::time::timeout(patience, looked).await;
    mint.health().set_answers(looked.is_ok());
    match looked {
        Ok(Ok(_)) => mint.health().set_clock_believed(true),
        Ok(Err(LedgerError::ClockBehind | LedgerError::ClockAhead)) => mint.health().set_clock_believed(false),
        Ok(Err(_)) | Err(_) => {}
    }
    mint.did(Task::Fence, mint.books().ledger().is_fenced());
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
    use std::sync::atomic::{AtomicBool, Ordering};

    use farthing_durable::{Options, Verdict};
    use farthing_protocol::amount::{Amount, Unit};
    use farthing_protocol::identity::AccountKey;

    use super::*;
    use crate::books::{Books, Halt};
    use crate::clock::SystemClock;
    use crate::home::{InitOptions, MintHome};
    use crate::keys::Protection;
    use crate::ledger::{LedgerError, Opened};
    use crate::mint::Surroundings;

    /// The running totals change by hand while the mint runs: a look at them is enough, and only an audit says that it is over.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_total_that_was_changed_by_hand_is_seen_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let protection = Protection::KeyFile(folder.path().join("key"));
        let options = InitOptions::new(Unit::new("EUR", 2).unwrap(), protection);
        let home = MintHome::init(folder.path().join("mint"), &options).unwrap();
        let books = Books::open_with(home, Options::new(), Opened::by(Arc::new(SystemClock))).unwrap();
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

    /// A disk that does not answer keeps the watch from nothing.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_ledger_that_does_not_answer_is_told_and_is_not_healthy() {
        let folder = tempfile::tempdir().unwrap();
        let protection = Protection::KeyFile(folder.path().join("key"));
        let (unlock, hangs) = (protection.unlock(), Arc::new(AtomicBool::new(false)));
        let options = InitOptions::new(Unit::new("EUR", 2).unwrap(), protection);
        let home = MintHome::init(folder.path().join("mint"), &options).unwrap();
        let hanging = Arc::clone(&hangs);
        let ledger = Options::new().hook(move |_| {
            while hanging.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Verdict::Proceed
        });
        let mint = Mint::open_in(&home, unlock, Surroundings { ledger, ..Surroundings::default() }).await.unwrap();
        look(&mint, PATIENCE).await;
        assert!(mint.alarms().is_empty() && mint.is_healthy());
        hangs.store(true, Ordering::SeqCst);
        let credited = tokio::spawn({
            let mint = mint.clone();
            async move { mint.credit(AccountKey::from_bytes([7; 32]), Amount::new(1).unwrap(), "bank").await }
        });
        while mint.alarms() != [Alarm::LedgerStopped] {
            look(&mint, Duration::from_millis(20)).await;
        }
        assert!(!mint.is_healthy());
        hangs.store(false, Ordering::SeqCst);
        credited.await.unwrap().unwrap();
        look(&mint, PATIENCE).await;
        assert!(mint.alarms().is_empty() && mint.is_healthy());
    }
}
