//! The verifier's view of its mints: keysets, chains, the signed list.
//!
//! Only what a mint signed, and what continues everything it signed before, is taken over. A mint that signs two
//! histories is refused for good, and the proof kept.

mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use farthing_durable::{Engine, StoreFault};
use farthing_http::client::{BaseUrl, CallError, Endpoint, HttpClient, UrlError};
use farthing_http::problem::Code;
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::{KeysetsAnswer, mint_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{InvalidSignature, MintId};
use farthing_protocol::keyset::{ChainError, ChainHead, ChainKey, Keyset, KeysetList, ListError, Misconduct};

use crate::check::KnownKeysets;
use crate::files;
use crate::store::StoreError;

pub use view::MintView;

/// A mint is asked again no sooner than this because of an unknown keyset.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// A mint whose list is fresh is asked again after this, for revocations.
pub const NEWS_INTERVAL: Duration = Duration::from_secs(300);

const VIEWS: &[u8] = b"keyring/view/";
const REFUSED: &[u8] = b"keyring/refused/";

/// Why a mint's keysets could not be taken over. What was known before stays known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The mint is not one of this keyring's.
    #[error("the mint is not one of those configured")]
    UnknownMint,
    /// The mint could not be asked.
    #[error("the mint's keysets could not be fetched: {0}")]
    Call(#[from] CallError),
    /// The mint was asked a moment ago.
    #[error("the mint was asked a moment ago")]
    TooSoon,
    /// The signed list is refused.
    #[error("the mint's list is refused: {0}")]
    List(#[from] ListError),
    /// A keyset is not signed by the mint.
    #[error("a keyset is not signed by the mint")]
    Keyset(#[from] InvalidSignature),
    /// A keyset does not continue its chain.
    #[error("a keyset does not continue its chain: {0}")]
    Chain(#[source] ChainError),
    /// The list and the keysets do not fit together.
    #[error("the mint's list and its keysets do not fit together")]
    Inconsistent,
    /// The mint signed two histories; the proof was kept, and the mint is refused from now on.
    #[error("the mint signed two different keysets with one sequence number")]
    Misconduct(Box<Misconduct>),
    /// The mint was refused for good.
    #[error("the mint is refused: it signed two different keysets with one sequence number")]
    Refused,
    /// No list of the mint is valid now.
    #[error("there is no current list of the mint's keysets")]
    NotCurrent,
    /// There is no list of the mint, or one that is older than is allowed.
    #[error("there is no list of the mint's keysets, or it is too old")]
    Outdated,
    /// The list was signed later than this clock says it is.
    #[error("the clock is behind the mint's list of keysets")]
    ClockBehind,
    /// The keyring asks nobody.
    #[error("the mint is not asked: this verifier runs without a network")]
    Offline,
    /// The record could not be read or written.
    #[error("the record of the mint's keysets is not available")]
    Store(#[from] StoreError),
    /// The proof could not be written.
    #[error("the proof of misconduct could not be written: {0}")]
    Evidence(#[from] std::io::Error),
}

impl KeyringError {
    /// The stable code under which it is told to clients.
    pub const fn code(&self) -> Code {
        match self {
            Self::UnknownMint | Self::Misconduct(_) | Self::Refused => Code::UnknownMint,
            Self::Outdated => Code::ListOutdated,
            Self::ClockBehind => Code::ClockBehind,
            Self::Call(_)
            | Self::TooSoon
            | Self::List(_)
            | Self::Keyset(_)
            | Self::Chain(_)
            | Self::Inconsistent
            | Self::NotCurrent
            | Self::Offline
            | Self::Store(_)
            | Self::Evidence(_) => Code::Unavailable,
        }
    }

    /// The stable code under which it is told to whoever carried a list in. Nothing was taken over.
    pub const fn import_code(&self) -> Code {
        match self {
            Self::List(ListError::InvalidSignature) | Self::Keyset(_) => Code::InvalidSignature,
            Self::List(ListError::Older | ListError::NotCurrent) => Code::ListOutdated,
            Self::List(_) | Self::Chain(_) | Self::Inconsistent => Code::InvalidShape,
            error => error.code(),
        }
    }
}

/// What is known of a few mints, kept in an engine under keys that begin with `keyring/`.
#[derive(Debug)]
pub struct Keyring {
    engine: Engine,
    evidence: PathBuf,
    source: Source,
    mints: BTreeMap<MintId, Mint>,
}

/// Where lists come from, and until when one is good.
#[derive(Debug)]
enum Source {
    /// Fetched; good for as long as the mint says.
    Fetched(HttpClient),
    /// Carried in; good for so many seconds after it was signed.
    Carried { max_age: u64 },
}

#[derive(Debug)]
struct Mint {
    /// Where it is asked, if it is.
    keysets: Option<Endpoint>,
    view: RwLock<Arc<MintView>>,
    /// When it was last asked. Held while it is asked, so that it is asked by one at a time.
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Keyring {
    /// Reads what is kept of these mints; asks none. Proofs of misconduct go to the folder `evidence`.
    ///
    /// # Errors
    /// A [`KeyringError`] when the record cannot be read or is damaged.
    pub async fn open(
        engine: Engine,
        evidence: PathBuf,
        client: HttpClient,
        mints: impl IntoIterator<Item = (MintId, BaseUrl)>,
    ) -> Result<Self, KeyringError> {
        let mut known = BTreeMap::new();
        for (id, base) in mints {
            let keysets = base.join(mint_path::KEYSETS).map_err(|_: UrlError| KeyringError::UnknownMint)?;
            known.insert(id, Mint::read(&engine, &id, Some(keysets)).await?);
        }
        Ok(Self { engine, evidence, source: Source::Fetched(client), mints: known })
    }

    /// The same, without any network: lists are [carried in](Self::import), and good for `max_age` seconds after they were
    /// signed, whatever they say themselves.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    ///
    /// # Security
    /// A keyset that was revoked since the list was signed is not known to be.
    pub async fn open_offline(
        engine: Engine,
        evidence: PathBuf,
        max_age: u64,
        mints: impl IntoIterator<Item = MintId>,
    ) -> Result<Self, KeyringError> {
        let mut known = BTreeMap::new();
        for id in mints {
            known.insert(id, Mint::read(&engine, &id, None).await?);
        }
        Ok(Self { engine, evidence, source: Source::Carried { max_age }, mints: known })
    }

    /// The mints.
    pub fn mints(&self) -> impl Iterator<Item = &MintId> {
        self.mints.keys()
    }

    /// What is known of a mint.
    ///
    /// # Errors
    /// [`KeyringError::UnknownMint`], [`KeyringError::Refused`]; when it has no list that is valid now
    /// [`KeyringError::NotCurrent`] or, [offline](Self::open_offline), [`KeyringError::Outdated`] or
    /// [`KeyringError::ClockBehind`].
    pub fn view(&self, mint: &MintId, now: UnixTime) -> Result<Arc<MintView>, KeyringError> {
        let view = self.mint(mint)?.view();
        if view.is_refused() {
            return Err(KeyringError::Refused);
        }
        match self.source {
            Source::Fetched(_) if view.is_current(now) => Ok(view),
            Source::Fetched(_) => Err(KeyringError::NotCurrent),
            Source::Carried { max_age } => {
                judge_age(view.list_issued_at().ok_or(KeyringError::Outdated)?, max_age, now).map(|()| view)
            }
        }
    }

    /// Takes over a list that was carried in, as if the mint had been asked when it was signed: its signatures, and that it
    /// continues everything known, are required all the same. Returns when it was signed.
    ///
    /// # Errors
    /// A [`KeyringError`]; [`KeyringError::Outdated`] when it would be of no use, [`KeyringError::ClockBehind`] when it was
    /// signed later than this clock says it is.
    pub async fn import(&self, answer: KeysetsAnswer, now: UnixTime) -> Result<UnixTime, KeyringError> {
        let (id, issued_at) = (*answer.list.mint(), answer.list.issued_at());
        let mint = self.mint(&id)?;
        let as_of = match self.source {
            Source::Fetched(_) => now,
            Source::Carried { .. } => issued_at,
        };
        // One at a time, as for those that are fetched.
        let _asked = mint.asked.lock().await;
        if mint.view().is_refused() {
            return Err(KeyringError::Refused);
        }
        // Proof of misconduct is kept from a list of any age.
        let next = self.follow(&id, mint, answer, as_of).await?;
        if let Source::Carried { max_age } = self.source {
            judge_age(issued_at, max_age, now)?;
        }
        self.keep(&id, mint, next).await?;
        Ok(issued_at)
    }

    /// The keysets of a mint, for the checks.
    ///
    /// # Errors
    /// As [`Keyring::view`].
    pub fn known(&self, mint: &MintId, now: UnixTime) -> Result<Arc<KnownKeysets>, KeyringError> {
        Ok(Arc::clone(self.view(mint, now)?.known()))
    }

    /// The keysets of a mint as they were signed, without revocations and however old its list is: for payments that were accepted.
    ///
    /// # Errors
    /// [`KeyringError::UnknownMint`].
    pub fn ever_known(&self, mint: &MintId) -> Result<Arc<KnownKeysets>, KeyringError> {
        let view = self.mint(mint)?.view();
        let mut known = KnownKeysets::new();
        for state in view.known().iter() {
            known.insert(Arc::clone(&state.keyset), None);
        }
        Ok(Arc::new(known))
    }

    /// When the list that is known of a mint was signed, current or not.
    pub fn list_issued_at(&self, mint: &MintId) -> Option<UnixTime> {
        self.mints.get(mint)?.view().list_issued_at()
    }

    /// The head of the chain that a keyset belongs to.
    pub fn head_of(&self, keyset: &Keyset) -> ChainHead {
        let key: ChainKey = keyset.terms().chain_key();
        let view = self.mints.get(&key.mint).map(Mint::view);
        view.and_then(|view| view.chain(&key).map(|chain| chain.head())).unwrap_or_else(|| keyset.head())
    }

    /// Units in which a mint issues tokens of this redemption.
    ///
    /// # Errors
    /// As [`Keyring::view`].
    pub fn chains(&self, mint: &MintId, now: UnixTime) -> Result<Vec<(Unit, ChainHead)>, KeyringError> {
        let view = self.view(mint, now)?;
        Ok(view.chains().map(|chain| (chain.key().unit, chain.head())).collect())
    }

    /// Asks a mint now, unless it was asked within [`REFRESH_INTERVAL`].
    ///
    /// # Errors
    /// A [`KeyringError`]; [`KeyringError::TooSoon`] when it was asked a moment ago.
    pub async fn refresh_soon(&self, mint: &MintId, now: UnixTime) -> Result<(), KeyringError> {
        self.refresh_after(mint, now, REFRESH_INTERVAL).await
    }

    /// Asks a mint now if its list is ageing (at most once in [`REFRESH_INTERVAL`]) or it was not asked within
    /// [`NEWS_INTERVAL`]: so soon a revocation becomes known.
    ///
    /// # Errors
    /// A [`KeyringError`]; [`KeyringError::TooSoon`] when there was no need.
    pub async fn refresh_if_due(&self, mint: &MintId, now: UnixTime) -> Result<(), KeyringError> {
        let fresh = !self.mint(mint)?.view().is_ageing(now);
        self.refresh_after(mint, now, if fresh { NEWS_INTERVAL } else { REFRESH_INTERVAL }).await
    }

    async fn refresh_after(&self, mint: &MintId, now: UnixTime, interval: Duration) -> Result<(), KeyringError> {
        let mut asked = self.mint(mint)?.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < interval) {
            return Err(KeyringError::TooSoon);
        }
        *asked = Some(Instant::now());
        self.ask(mint, now).await
    }

    /// Asks a mint now, whenever it was asked before.
    ///
    /// # Errors
    /// A [`KeyringError`].
    pub async fn refresh(&self, mint: &MintId, now: UnixTime) -> Result<(), KeyringError> {
        let mut asked = self.mint(mint)?.asked.lock().await;
        *asked = Some(Instant::now());
        self.ask(mint, now).await
    }

    async fn ask(&self, id: &MintId, now: UnixTime) -> Result<(), KeyringError> {
        let mint = self.mint(id)?;
        if mint.view().is_refused() {
            return Err(KeyringError::Refused);
        }
        let (Source::Fetched(client), Some(keysets)) = (&self.source, &mint.keysets) else {
            return Err(KeyringError::Offline);
        };
        let answer: KeysetsAnswer = client.get_json(keysets).await?;
        let next = self.follow(id, mint, answer, now).await?;
        self.keep(id, mint, next).await
    }

    /// What is known after an answer. A mint that signed two histories is refused from then on.
    async fn follow(
        &self,
        id: &MintId,
        mint: &Mint,
        answer: KeysetsAnswer,
        as_of: UnixTime,
    ) -> Result<MintView, KeyringError> {
        match mint.view().follow(id, answer, as_of) {
            Err(KeyringError::Misconduct(proof)) => {
                self.refuse(id, mint, &proof).await?;
                Err(KeyringError::Misconduct(proof))
            }
            next => next,
        }
    }

    async fn keep(&self, id: &MintId, mint: &Mint, next: MintView) -> Result<(), KeyringError> {
        let (key, bytes) = ([VIEWS, id.as_bytes()].concat(), next.to_bytes());
        let job = self.engine.submit(move |txn| txn.put_large(&key, &bytes));
        // Known to the checks only once it cannot be forgotten.
        job.await.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)?;
        mint.set(next);
        Ok(())
    }

    /// Keeps the proof, and refuses the mint for good.
    async fn refuse(&self, id: &MintId, mint: &Mint, proof: &Misconduct) -> Result<(), KeyringError> {
        tracing::error!(mint = %id, "the mint signed two different keysets with one sequence number and is refused");
        mint.set(MintView::refused());
        let key = [REFUSED, id.as_bytes()].concat();
        let job = self.engine.submit(move |txn| txn.put(&key, &[1]));
        job.await.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)?;
        write_evidence(&self.evidence, id, proof)?;
        Ok(())
    }

    fn mint(&self, id: &MintId) -> Result<&Mint, KeyringError> {
        self.mints.get(id).ok_or(KeyringError::UnknownMint)
    }
}

impl Mint {
    /// Reads what is kept of a mint.
    async fn read(engine: &Engine, id: &MintId, keysets: Option<Endpoint>) -> Result<Self, KeyringError> {
        let id = *id;
        let job = engine.submit(move |txn| {
            let view = txn.get_large(&[VIEWS, id.as_bytes()].concat())?;
            Ok::<_, StoreFault>((view, txn.get(&[REFUSED, id.as_bytes()].concat())?.is_some()))
        });
        let (bytes, refused) = job.await.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)?;
        let view = match bytes {
            _ if refused => MintView::refused(),
            None => MintView::default(),
            Some(bytes) => MintView::from_bytes(&id, &bytes)?,
        };
        Ok(Self { keysets, view: RwLock::new(Arc::new(view)), asked: tokio::sync::Mutex::new(None) })
    }

    fn view(&self) -> Arc<MintView> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, view: MintView) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }
}

/// Whether a list that was carried in is good now.
fn judge_age(issued_at: UnixTime, max_age: u64, now: UnixTime) -> Result<(), KeyringError> {
    if issued_at > now.plus(KeysetList::MAX_SKEW) {
        Err(KeyringError::ClockBehind)
    } else if now >= issued_at.plus(max_age) {
        Err(KeyringError::Outdated)
    } else {
        Ok(())
    }
}

/// One file for each mint is proof enough; the first is kept.
fn write_evidence(folder: &Path, mint: &MintId, proof: &Misconduct) -> std::io::Result<()> {
    files::create_folder(folder)?;
    match files::create_private(&folder.join(format!("{mint}.misconduct")), &proof.to_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        written => written,
    }
}
