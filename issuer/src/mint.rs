//! The whole mint.

mod adopt;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use farthing_durable::Options;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{AccountAnswer, AccountQuery, PayoutAnswer, PayoutRequest};
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetTerms};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::archive::{ArchiveKeeper, Limits};
use crate::books::{Books, BooksError};
use crate::clock::{Clock, SystemClock};
use crate::control::{AlarmView, SignerIssued, SignerReportAnswer, SignerView, StatusReport};
use crate::home::{Config, HomeError, MintHome, SignerPlace};
use crate::keys::Unlock;
use crate::keysets::KeysetSummary;
use crate::ledger::{
    self, AuditReport, Authority, ClockWord, Credited, LedgerError, LedgerOpenError, MovementError, Opened, PayoutError,
};
use crate::limits::{Rates, TooOften};
use crate::list::{ListError, ListKeeper};
use crate::metrics::{Limited, Metrics, Now};
use crate::recoup::{Leak, RevokeError};
use crate::signer::{Reach, Remote, Signer, SigningError, Strongbox};
use crate::watchdog::{Alarm, Health};

/// Why a mint cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// Its folder or keys.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerOpenError),
}

impl From<BooksError> for MintError {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Home(error) => Self::Home(error),
            BooksError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Why an account's owner got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The owner did not sign this question to this mint.
    #[error("the question is not signed by the account's owner")]
    InvalidSignature,
    /// It was asked too long ago, or in the future.
    #[error("the question was not asked now")]
    NotNow,
    /// The owner asked too often.
    #[error(transparent)]
    TooOften(#[from] TooOften),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::InvalidSignature => Self::new(Code::InvalidSignature),
            AccountError::NotNow => {
                Self::new(Code::RequestExpired).with_detail("The question must be asked within five minutes of now.")
            }
            AccountError::TooOften(error) => error.into(),
            AccountError::Ledger(error) => Self::new(error.code()),
        }
    }
}

/// Why the keysets were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysetChangeError {
    /// The folder or the keys.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The signer.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl From<ListError> for KeysetChangeError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Ledger(error) => Self::Ledger(error),
            ListError::Signing(error) => Self::Signing(error),
        }
    }
}

/// A mint's surroundings: what its operator says of them, and what a test replaces.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How the ledger is opened.
    pub ledger: Options,
    /// How many bytes a file of issuance records may have; nothing for as many as the protocol allows.
    pub archive_file: Option<usize>,
    /// The operator's word on the clock, if he gave it.
    pub clock_word: Option<ClockWord>,
    /// Whether it waits for a day of service before it does what cannot be undone.
    pub patient: bool,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ledger: Options::new(),
            archive_file: None,
            clock_word: None,
            patient: true,
        }
    }
}

/// A mint whose keys are open. Clones share it.
#[derive(Clone)]
pub struct Mint(Arc<Inner>);

struct Inner {
    books: Books,
    signer: Signer,
    list: ListKeeper,
    archive: ArchiveKeeper,
    /// One keyset is made at a time.
    making: tokio::sync::Mutex<()>,
    /// Work that goes on when its asker has gone away.
    work: Arc<Semaphore>,
    rates: Rates,
    metrics: Metrics,
    health: Health,
    first_audit: std::sync::OnceLock<Result<AuditReport, LedgerError>>,
}

fn remote(home: &MintHome, place: SignerPlace, clock: &Arc<dyn Clock>) -> Result<Remote, HomeError> {
    Ok(Remote::new(*home.mint_id(), place, Arc::clone(clock))?)
}

/// The right to make a keyset.
type Making<'a> = tokio::sync::MutexGuard<'a, ()>;

/// How many requests are worked on at once, those included whose askers have gone away.
const AT_WORK: usize = 256;

impl Mint {
    /// Opens a mint: decrypts its keys, opens its ledger and audits it. A mint whose books are not right opens all
    /// the same, and refuses to issue.
    ///
    /// # Errors
    /// A [`MintError`].
    pub async fn open(home: &MintHome, unlock: Unlock) -> Result<Self, MintError> {
        Self::open_in(home, unlock, Surroundings::default()).await
    }

    /// As [`open`](Self::open), in other surroundings.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[doc(hidden)]
    pub async fn open_in(home: &MintHome, unlock: Unlock, surroundings: Surroundings) -> Result<Self, MintError> {
        Self::open_as(home, Some(unlock), surroundings).await
    }

    /// Opens a mint whose keys are with its signer, a process of its own. It is not asked for anything yet.
    ///
    /// # Errors
    /// A [`MintError`]: [`HomeError::KeysHere`] when the mint has no signer.
    pub async fn open_with_signer(home: &MintHome) -> Result<Self, MintError> {
        Self::open_with_signer_in(home, Surroundings::default()).await
    }

    /// As [`open_with_signer`](Self::open_with_signer), in other surroundings.
    ///
    /// # Errors
    /// As [`open_with_signer`](Self::open_with_signer).
    #[doc(hidden)]
    pub async fn open_with_signer_in(home: &MintHome, surroundings: Surroundings) -> Result<Self, MintError> {
        Self::open_as(home, None, surroundings).await
    }

    async fn open_as(home: &MintHome, unlock: Option<Unlock>, surroundings: Surroundings) -> Result<Self, MintError> {
        let home = home.clone();
        let opened = tokio::task::spawn_blocking(move || Self::open_now(home, unlock, surroundings));
        let mint = opened.await.map_err(|_| LedgerOpenError::Ledger(LedgerError::Stopped))??;
        // What it finds is logged, and stops the issuing.
        let report = mint.audit().await;
        if report.is_err() {
            mint.books().doubt();
        }
        // It is set here alone.
        let _first = mint.0.first_audit.set(report);
        Ok(mint)
    }

    fn open_now(home: MintHome, unlock: Option<Unlock>, surroundings: Surroundings) -> Result<Self, MintError> {
        let Surroundings { clock, ledger, archive_file, clock_word: word, patient } = surroundings;
        let rates = Rates::new(home.config().rates);
        // The keys first: a wrong passphrase is told before anything is touched.
        let signer = match (unlock, home.config().signer.clone()) {
            (Some(unlock), None) => {
                let strongbox = Strongbox::open(home.keys(), unlock, &home.load_keysets()?, Arc::clone(&clock));
                Signer::here(strongbox.map_err(HomeError::from)?)
            }
            (None, Some(place)) => {
                if home.keys().path().exists() {
                    tracing::error!(
                        "the mint has a signer, and its secret keys all the same: repeat `farthing mint signer init`, which removes them when the signer has every one"
                    );
                }
                Signer::apart(remote(&home, place, &clock)?)
            }
            (Some(_), Some(_)) => return Err(HomeError::KeysApart.into()),
            (None, None) => return Err(HomeError::KeysHere.into()),
        };
        let keys = home.keys();
        let books = Books::open_with(home, ledger, Opened { clock: Arc::clone(&clock), word, patient })?;
        // The ledger is this process's: nobody is exchanging keys.
        keys.settle().map_err(HomeError::from)?;
        Ok(Self(Arc::new(Inner {
            books,
            signer,
            list: ListKeeper::default(),
            archive: ArchiveKeeper::new(archive_file.map_or_else(Limits::default, Limits::of)),
            making: tokio::sync::Mutex::new(()),
            work: Arc::new(Semaphore::new(AT_WORK)),
            rates,
            metrics: Metrics::default(),
            first_audit: std::sync::OnceLock::new(),
            health: Health::default(),
        })))
    }

    /// The mint's identity.
    pub fn id(&self) -> &MintId {
        self.0.books.home().mint_id()
    }

    /// Its books.
    pub fn books(&self) -> &Books {
        &self.0.books
    }

    /// See [`Books::credit`].
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn credit(
        &self,
        account: AccountKey,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<Credited, MovementError> {
        self.0.books.credit(account, amount, reference).await
    }

    /// See [`Books::audit`].
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn audit(&self) -> Result<AuditReport, LedgerError> {
        let report = self.0.books.audit().await;
        self.0.metrics.audited(&report);
        report
    }

    /// What the audit found that was made when the mint was opened.
    ///
    /// # Errors
    /// As [`audit`](Self::audit).
    pub fn first_audit(&self) -> Result<AuditReport, LedgerError> {
        self.0.first_audit.get().cloned().unwrap_or(Err(LedgerError::Stopped))
    }

    /// See [`Books::keysets`].
    pub fn keysets(&self) -> Vec<KeysetSummary> {
        self.0.books.keysets()
    }

    /// See [`Books::account`].
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn account(&self, account: &AccountKey) -> Result<AccountAnswer, LedgerError> {
        self.0.books.account(account).await
    }

    /// Answers an account's owner.
    ///
    /// # Errors
    /// An [`AccountError`].
    pub async fn answer_account(&self, query: &AccountQuery) -> Result<AccountAnswer, AccountError> {
        let account = query.verify(self.id()).map_err(|_| AccountError::InvalidSignature)?;
        let (now, asked_at) = (self.0.books.clock().now(), query.asked_at());
        if asked_at > now.plus(AccountQuery::MAX_SKEW) || now > asked_at.plus(AccountQuery::MAX_SKEW) {
            return Err(AccountError::NotNow);
        }
        self.heed_owner(&account)?;
        Ok(self.0.books.account(&account).await?)
    }

    /// The JSON of a [`KeysetsAnswer`](farthing_protocol::api::KeysetsAnswer): the same bytes for everyone, signed
    /// anew at most every ten minutes or when something changed, and never going back.
    ///
    /// # Errors
    /// A [`ListError`].
    pub async fn keysets_answer(&self) -> Result<Bytes, ListError> {
        let answer = match self.0.list.body(&self.0.books, &self.0.signer).await {
            Err(error) if error.contradicts() && self.adopt_last_list().await => {
                self.0.list.body(&self.0.books, &self.0.signer).await
            }
            answer => answer,
        };
        self.0.list.note(&answer);
        answer
    }

    /// Whether no list could be signed when one was last asked for.
    pub(crate) fn list_is_blocked(&self) -> bool {
        self.0.list.is_blocked()
    }

    /// Makes the next keyset of the configured chain, published now. It issues when the last one ends; or, if none
    /// issues now because it ended or was revoked, at once and until the next announced one.
    ///
    /// # Errors
    /// A [`KeysetChangeError`].
    pub async fn new_keyset(&self) -> Result<KeysetId, KeysetChangeError> {
        self.new_keyset_by(Authority::local()).await
    }

    /// As [`new_keyset`](Self::new_keyset), on somebody's authority.
    ///
    /// # Errors
    /// A [`KeysetChangeError`].
    pub async fn new_keyset_by(&self, authority: Authority) -> Result<KeysetId, KeysetChangeError> {
        // Refuses when keysets that were published are missing here: two with one number would prove misconduct.
        self.keysets_answer().await?;
        let mint = self.clone();
        // It goes on to its end even if this future is dropped.
        let made = tokio::spawn(async move { mint.make_keyset(authority).await });
        made.await.map_err(|_| LedgerError::Stopped)?
    }

    /// Makes the next keyset of the configured chain if it is due. Returns it, if it was.
    pub(crate) async fn make_due(&self) -> Result<Option<KeysetId>, KeysetChangeError> {
        if !self.is_due() {
            return Ok(None);
        }
        // The ledger's time: a clock that was set makes none. And what was published must be here, as above.
        self.0.books.ledger().run(|_, now| Ok::<_, LedgerError>(now)).await?;
        self.keysets_answer().await?;
        let mint = self.clone();
        // It goes on to its end even if this future is dropped.
        let made = tokio::spawn(async move {
            let making = mint.0.making.lock().await;
            // Somebody may have made it meanwhile.
            if mint.is_due() { mint.make_next(&making, Authority::of_the_mint()).await.map(Some) } else { Ok(None) }
        });
        made.await.map_err(|_| LedgerError::Stopped)?
    }

    fn is_due(&self) -> bool {
        let (books, now) = (&self.0.books, self.0.books.clock().now());
        let Config { unit, redemption, ahead, .. } = books.home().config();
        books.keyset_book().next_due(unit, redemption, *ahead).is_some_and(|due| due <= now)
    }

    /// Revokes a keyset from now on: it issues no more, and its tokens are neither deposited nor swapped. Its honest tokens are
    /// recouped, as if its key had leaked at this moment; [`Books::revoke`] says that it leaked before.
    ///
    /// # Errors
    /// A [`RevokeError`].
    pub async fn revoke(&self, keyset: KeysetId) -> Result<UnixTime, RevokeError> {
        Ok(self.0.books.revoke(keyset, Leak::default()).await?.revoked_at)
    }

    /// What a signer that is a process of its own has issued, by its own count, beside what the ledger holds; nothing for a mint that
    /// holds its keys itself.
    ///
    /// # Errors
    /// A [`SigningError`].
    pub async fn signer_report(&self) -> Result<Option<SignerReportAnswer>, SigningError> {
        let Some(report) = self.0.signer.report().await? else { return Ok(None) };
        let (book, mut keysets) = (self.0.books.keyset_book(), Vec::with_capacity(report.len()));
        for issued in report {
            let keyset = issued.keyset;
            // The signer makes keysets of one unit.
            let (made, own) = (book.get(&keyset), &self.0.books.home().config().unit);
            let unit = made.map_or(own, |made| &made.terms().unit);
            if made.is_none() {
                tracing::error!(%keyset, "the signer has made a keyset that this mint did not order");
            }
            let recorded = self.0.books.ledger().read(move |txn| ledger::issued_of(txn, &keyset)).await;
            keysets.push(SignerIssued {
                keyset,
                known: made.is_some(),
                unit: unit.code().to_owned(),
                exponent: unit.exponent(),
                withdrawn: issued.withdrawn,
                swapped: issued.swapped,
                withdrawn_in_hour: issued.withdrawn_in_hour,
                swapped_in_hour: issued.swapped_in_hour,
                recorded: recorded.map_err(|_| SigningError::Failed)?,
            });
        }
        Ok(Some(SignerReportAnswer { keysets }))
    }

    /// Since when its signer, a process of its own, has not been reached; nothing while it is, and for a mint that holds its keys itself.
    pub fn signer_unreached_since(&self) -> Option<UnixTime> {
        match self.0.signer.reach() {
            Reach::UnreachedSince(since) => Some(since),
            Reach::Here | Reach::Reached => None,
        }
    }

    /// How it stands.
    pub fn status(&self) -> StatusReport {
        let alarm =
            |alarm: Alarm| AlarmView { alarm: alarm.as_str().to_owned(), sentence: alarm.sentence().to_owned() };
        StatusReport {
            mint: *self.id(),
            alarms: self.alarms().into_iter().map(alarm).collect(),
            issues_until: self.issues_until(),
            signer: match self.0.signer.reach() {
                Reach::Here => SignerView::Here {},
                Reach::Reached => SignerView::Reached {},
                Reach::UnreachedSince(since) => SignerView::Unreached { since },
            },
        }
    }

    async fn make_keyset(&self, authority: Authority) -> Result<KeysetId, KeysetChangeError> {
        self.make_next(&self.0.making.lock().await, authority).await
    }

    async fn make_next(
        &self,
        _one_at_a_time: &Making<'_>,
        authority: Authority,
    ) -> Result<KeysetId, KeysetChangeError> {
        let count = self.0.books.home().config().denominations;
        let keyset = self.0.signer.draw_keyset(self.next_terms()?, count).await?;
        // Before it is published: nothing is that the journal does not know.
        self.0.books.journal_keyset(authority, *keyset.id()).await?;
        let mint = self.clone();
        let published = tokio::task::spawn_blocking(move || mint.publish(keyset));
        published.await.map_err(|_| LedgerError::Stopped)?
    }

    /// The terms of the keyset that is made next.
    fn next_terms(&self) -> Result<KeysetTerms, KeysetChangeError> {
        let (books, now) = (&self.0.books, self.0.books.clock().now());
        let home = books.home();
        let book = books.keyset_book();
        let last = book.last_of(&home.config().unit, &home.config().redemption).map(|last| &**last);
        let window = book.next_window(last, now, home.config().windows.issue);
        Ok(home.next_terms(last, window)?)
    }

    /// Makes a keyset known whose secret keys are durable.
    fn publish(&self, keyset: Keyset) -> Result<KeysetId, KeysetChangeError> {
        let (books, keyset) = (&self.0.books, Arc::new(keyset));
        // What does not fit must not reach the folder.
        books.keyset_book().as_ref().clone().add(Arc::clone(&keyset)).map_err(HomeError::from)?;
        books.home().store_keyset(&keyset)?;
        let id = *keyset.id();
        books.change_keysets(|book| {
            let mut book = book.clone();
            book.add(keyset).map_err(HomeError::from)?;
            Ok::<_, HomeError>(book)
        })?;
        tracing::info!(keyset = %id, "a keyset was made");
        Ok(id)
    }

    /// Takes a payout request of an account's owner: see [`Books::request_payout`].
    ///
    /// # Errors
    /// A [`PayoutError`].
    pub async fn request_payout(&self, request: &PayoutRequest) -> Result<PayoutAnswer, PayoutError> {
        request.verify(self.id()).map_err(|_| PayoutError::InvalidSignature)?;
        self.heed_owner(&request.draft().account)?;
        self.0.books.request_payout(request).await
    }

    /// Counts a request of an account's owner, whose signature was verified.
    pub(crate) fn heed_owner(&self, account: &AccountKey) -> Result<(), TooOften> {
        self.0.rates.owner(account, Instant::now()).inspect_err(|_| self.0.metrics.limited(Limited::Account))
    }

    /// Counts a request of anybody.
    pub(crate) fn heed_anybody(&self) -> Result<(), TooOften> {
        self.0.rates.anybody(Instant::now()).inspect_err(|_| self.0.metrics.limited(Limited::All))
    }

    /// All figures, as Prometheus reads them.
    pub(crate) async fn figures(&self) -> Result<String, fmt::Error> {
        let books = &self.0.books;
        // Those of a ledger that says nothing stay as they were.
        let standings = books.ledger().read(ledger::standings).await.unwrap_or_default();
        let now = books.clock().now().seconds();
        self.0.metrics.to_text(&Now {
            standings: &standings,
            alarms: &self.alarms(),
            at_work: AT_WORK.saturating_sub(self.0.work.available_permits()),
            places: AT_WORK,
            writable: books.ledger().is_available(),
            keyset_seconds: self.issues_until().map(|until| until.seconds().saturating_sub(now)),
            signer_unreached_seconds: self.signer_unreached_since().map(|since| now.saturating_sub(since.seconds())),
        })
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Waits until all work has ended whose askers went away.
    pub(crate) async fn finished(&self) {
        let all = u32::try_from(AT_WORK).unwrap_or(u32::MAX);
        // An error would mean that it was closed, which nobody does.
        let _all = self.0.work.acquire_many(all).await;
    }

    /// The right to begin work that nobody can call off; none when there is too much of it.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.work).try_acquire_owned().ok()
    }

    pub(crate) fn archive(&self) -> &ArchiveKeeper {
        &self.0.archive
    }

    /// What holds the secret keys.
    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("id", self.id()).finish_non_exhaustive()
    }
}
