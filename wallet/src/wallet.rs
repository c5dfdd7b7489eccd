//! The wallet: its folder, its mints, its account at each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use farthing_http::client::{BaseUrl, CallError, Clients, HttpClient};
use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{AccountAnswer, AccountQuery, AccountRequest, KeysetsAnswer, UnitBalance, mint_path};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::Seed;
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::text;
use farthing_sealed::files;
use tokio::sync::OnceCell;

use crate::error::{MintError, OpenError, StoreError};
use crate::event::Event;
use crate::evidence::{self, Evidence};
use crate::lockbox::{self, Keys, Protection, Sealed, Unlock};
use crate::mints::{Mint, MintRecord, Rejection};
use crate::operation::{OpId, Operation};
use crate::options::Options;
use crate::restore::record;
use crate::vault::{Tx, Vault};
use crate::views::MintView;
use crate::words::Words;

/// Prefix of an account's text form.
pub const ACCOUNT_PREFIX: &str = "farthingaccount";

/// An open wallet. Clones share it.
///
/// # Guarantees
/// - One process has it open at a time.
/// - Whatever moves value is durable before the message that depends on it leaves, and the same bytes are sent again after a crash.
///   A future of it that is dropped is like a crash: [`Wallet::resume`] goes on.
/// - A token is reserved for one operation at a time, and never authorized for another payee before the first one is settled.
#[derive(Clone)]
pub struct Wallet {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    pub(crate) seed: Arc<Seed>,
    pub(crate) vault: Vault,
    clients: Clients,
    pub(crate) options: Options,
    pub(crate) mints: Mutex<BTreeMap<MintId, Arc<Mint>>>,
    /// One list at a time is fetched and compared.
    refreshing: tokio::sync::Mutex<()>,
    /// One restore at a time is worked on.
    pub(crate) restoring: tokio::sync::Mutex<()>,
    /// Operations are kept and taken to work on under a shared lock, and listed under an exclusive one: what is listed and not
    /// taken was left unfinished.
    creating: tokio::sync::RwLock<()>,
    /// Operations being worked on, each with its way to the network once it called somebody.
    working: Mutex<BTreeMap<OpId, Option<HttpClient>>>,
    pub(crate) resumed: OnceCell<()>,
}

impl Wallet {
    /// Makes a wallet of these words in a folder that has none.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when there is one; [`OpenError::Http`] for an unusable proxy; the others when the folder cannot be written.
    pub async fn create(
        folder: &Path,
        words: &Words,
        protection: Protection,
        options: Options,
    ) -> Result<Self, OpenError> {
        lockbox::refuse_old(folder)?;
        let clients = options.clients()?;
        let keys = Keys::of(words)?;
        // Before anything is made, for it may be refused.
        let (keys, sealed) = slowly(move || keys.seal(&protection).map(|sealed| (keys, sealed))).await?;
        let state = folder.join(STATE);
        // Closed to others even if the wallet's folder was there before and is open.
        files::create_folder(&state)?;
        // The state's lock comes first, so that of two only one makes the wallet.
        let vault = Vault::open(&state, keys.data(), options.hook.clone())?;
        lockbox::tidy(folder)?;
        if lockbox::exists(folder)? {
            return Err(OpenError::Exists);
        }
        let seed = keys.seed();
        check_fingerprint(&vault, &seed, false).await?;
        sealed.write_new(folder, &vault)?;
        check_fingerprint(&vault, &seed, true).await?;
        Self::assemble(folder, vault, seed, options, clients).await
    }

    /// Opens a wallet.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when there is none, [`OpenError::NeedsPassphrase`] and [`OpenError::WrongPassphrase`] before
    /// anything else of the folder is opened, [`OpenError::InUse`] when another process has it open, [`OpenError::Http`] for an
    /// unusable proxy, and others.
    pub async fn open(folder: &Path, unlock: Unlock, options: Options) -> Result<Self, OpenError> {
        let clients = options.clients()?;
        let (vault, keys) = unlocked(folder, unlock, &options).await?;
        Self::assemble(folder, vault, keys.seed(), options, clients).await
    }

    /// Whether a passphrase is needed to open the wallet in a folder.
    ///
    /// # Errors
    /// [`OpenError::Missing`], [`OpenError::Unencrypted`], [`OpenError::KeysDamaged`], [`OpenError::Io`].
    pub fn needs_passphrase(folder: &Path) -> Result<bool, OpenError> {
        Sealed::read(folder)?.needs_passphrase()
    }

    /// Changes what protects a wallet that nobody has open. After a crash it opens with the old passphrase or with the new one. The
    /// options are those that it would be opened with: nothing is sent.
    ///
    /// # Errors
    /// As [`open`](Self::open). The wallet then opens as before; after [`OpenError::Io`] either passphrase may be the right one.
    ///
    /// # Security
    /// The keys themselves stay the same: whoever has a copy of the folder from before opens it with the old passphrase, and with
    /// its keys whatever is written later. Against one who had both only a new wallet helps, to which the money is moved.
    pub async fn change_passphrase(
        folder: &Path,
        unlock: Unlock,
        protection: Protection,
        options: &Options,
    ) -> Result<(), OpenError> {
        let (alone, keys) = unlocked(folder, unlock, options).await?;
        slowly(move || keys.seal(&protection)).await?.replace(folder, &alone)
    }

    async fn assemble(
        folder: &Path,
        vault: Vault,
        seed: Seed,
        options: Options,
        clients: Clients,
    ) -> Result<Self, OpenError> {
        let mints = vault.run::<_, StoreError>(|tx| Mint::load_all(tx)).await?;
        let mints = mints.into_iter().map(|mint| (mint.id, Arc::new(mint))).collect();
        let inner = Inner {
            folder: folder.to_owned(),
            seed: Arc::new(seed),
            vault,
            clients,
            options,
            mints: Mutex::new(mints),
            refreshing: tokio::sync::Mutex::new(()),
            restoring: tokio::sync::Mutex::new(()),
            creating: tokio::sync::RwLock::new(()),
            working: Mutex::default(),
            resumed: OnceCell::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Asks who answers at an address, and checks its keysets: what an owner wants to see before there is a wallet. It goes the way
    /// that the options say, proxy included; nothing is remembered.
    ///
    /// # Errors
    /// A [`MintError`].
    pub async fn look_at_mint(url: &str, options: &Options) -> Result<MintView, MintError> {
        let (url, now) = (BaseUrl::parse(url)?, (options.clock)());
        let answer = options.clients()?.fresh()?.get_json(&url.join(mint_path::KEYSETS)?).await?;
        match Mint::accept(None, &url, answer, now) {
            Ok(mint) => Ok(MintView::of(&mint, now)),
            Err(Rejection::Refused(error)) => Err(error),
            Err(Rejection::Misconduct(_) | Rejection::Lists | Rejection::Chain) => Err(MintError::BadKeysets),
        }
    }

    /// Fetches a mint's keysets and remembers it, **without trusting it**: its owner must compare the identity shown
    /// and [`pin_mint`](Self::pin_mint) it. A mint known already is fetched again, from now on at this address.
    ///
    /// # Errors
    /// A [`MintError`]; nothing is remembered then.
    pub async fn add_mint(&self, url: &str) -> Result<MintView, MintError> {
        let url = BaseUrl::parse(url)?;
        let _alone = self.inner.refreshing.lock().await;
        let answer = self.inner.fetch_keysets(&url).await?;
        let known = self.inner.find_mint(answer.list.mint());
        let mint = self.inner.accept(known, url, answer).await?;
        Ok(MintView::of(&mint, self.inner.now()))
    }

    /// Confirms a mint's identity: from now on it is used, and must never contradict itself.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::Refused`].
    pub async fn pin_mint(&self, mint: &MintId) -> Result<MintView, MintError> {
        let _alone = self.inner.refreshing.lock().await;
        let known = self.inner.mint(mint)?;
        if known.refused {
            return Err(MintError::Refused);
        }
        let pinned = self.inner.replace(&known, |record| record.pinned = true).await?;
        Ok(MintView::of(&pinned, self.inner.now()))
    }

    /// Fetches a mint's list now, and requires that it extends what is known.
    ///
    /// # Errors
    /// A [`MintError`]; [`MintError::Misconduct`] when the mint contradicts itself: it is refused from then on.
    pub async fn refresh_mint(&self, mint: &MintId) -> Result<MintView, MintError> {
        let mint = self.inner.refresh(mint).await?;
        Ok(MintView::of(&mint, self.inner.now()))
    }

    /// All mints.
    pub fn mints(&self) -> Vec<MintView> {
        let now = self.inner.now();
        self.inner.all_mints().iter().map(|mint| MintView::of(mint, now)).collect()
    }

    /// The account that a mint's operator credits. [`account_text`] gives the form for people.
    pub fn account(&self, mint: &MintId) -> AccountKey {
        AccountKey::from(&self.inner.seed.account_key(mint))
    }

    /// Asks a mint what the account holds, in every unit it ever held.
    ///
    /// # Errors
    /// A [`MintError`].
    pub async fn account_balance(&self, mint: &MintId) -> Result<Vec<UnitBalance>, MintError> {
        let mint = self.inner.mint(mint)?;
        mint.usable()?;
        self.inner.account_balance(&mint).await
    }
}

impl Inner {
    pub(crate) fn now(&self) -> UnixTime {
        (self.options.clock)()
    }

    pub(crate) fn tell(&self, event: &Event) {
        tracing::debug!(?event);
        (self.options.observer)(event);
    }

    pub(crate) fn find_mint(&self, id: &MintId) -> Option<Arc<Mint>> {
        self.mints.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn mint(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        self.find_mint(id).ok_or(MintError::Unknown)
    }

    pub(crate) fn all_mints(&self) -> Vec<Arc<Mint>> {
        self.mints.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Fetches a known mint's list.
    pub(crate) async fn refresh(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        let mint = self.refresh_even_refused(id).await?;
        if mint.refused { Err(MintError::Refused) } else { Ok(mint) }
    }

    /// Fetches a known mint's list, though it was caught cheating: for what was begun before.
    pub(crate) async fn refresh_even_refused(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        let _alone = self.refreshing.lock().await;
        let known = self.mint(id)?;
        let answer = self.fetch_keysets(&known.url).await?;
        let url = known.url.clone();
        self.accept(Some(known), url, answer).await
    }

    /// A mint whose list is current, fetched if need be.
    pub(crate) async fn current_mint(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        let mint = self.mint(id)?;
        if mint.is_current(self.now()) { Ok(mint) } else { self.refresh(id).await }
    }

    pub(crate) async fn account_balance(&self, mint: &Mint) -> Result<Vec<UnitBalance>, MintError> {
        let key = self.seed.account_key(&mint.id);
        let query = AccountQuery::sign(&key, mint.id, to_the_minute(self.now()));
        let url = mint.url.join(mint_path::ACCOUNT)?;
        let answer: AccountAnswer = self.http_once()?.post_json(&url, &AccountRequest { query }).await?;
        Ok(answer.balances)
    }

    /// What the account holds in one unit, nothing if it never held any; and how much of it may leave without a code, if not all.
    pub(crate) async fn funds_in(&self, mint: &Mint, unit: &Unit) -> Result<(Amount, Option<Amount>), MintError> {
        let balances = self.account_balance(mint).await;
        let code = |error: &MintError| match error {
            MintError::Call(call) => call.problem().and_then(|problem| problem.known()),
            _ => None,
        };
        match balances {
            Ok(balances) => {
                let is_its = |b: &&UnitBalance| b.unit == unit.code() && b.exponent == unit.exponent();
                Ok(balances.iter().find(is_its).map_or((Amount::ZERO, None), |b| (b.balance, b.free)))
            }
            Err(error) if code(&error) == Some(Code::UnknownAccount) => Ok((Amount::ZERO, None)),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write_evidence(&self, evidence: &Evidence<'_>) -> std::io::Result<PathBuf> {
        evidence::write(&self.folder, evidence)
    }

    pub(crate) fn count_evidence(&self) -> (usize, usize) {
        evidence::count(&self.folder)
    }

    /// The way to the network of one operation: the same for all its calls while it is worked on, and no other's.
    pub(crate) fn http_for(&self, op: OpId) -> Result<HttpClient, CallError> {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = working.get_mut(&op) else { return self.http_once() };
        match kept {
            Some(client) => Ok(client.clone()),
            None => Ok(kept.insert(self.clients.fresh()?).clone()),
        }
    }

    /// A way to the network for one call that belongs to no operation.
    pub(crate) fn http_once(&self) -> Result<HttpClient, CallError> {
        self.clients.fresh()
    }

    /// Takes an operation to work on, unless somebody works on it already.
    pub(crate) fn work_on(self: &Arc<Self>, op: OpId) -> Result<Working, StoreError> {
        match self.working.lock().unwrap_or_else(PoisonError::into_inner).entry(op) {
            Entry::Occupied(_) => Err(StoreError::Busy),
            Entry::Vacant(place) => {
                place.insert(None);
                Ok(Working { inner: Arc::clone(self), op })
            }
        }
    }

    /// Keeps an operation, and takes it to work on before anybody else can.
    pub(crate) async fn create<E>(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Tx<'_, '_>) -> Result<Option<OpId>, E> + Send + 'static,
    ) -> Result<Option<Working>, E>
    where
        E: From<StoreError> + Send + 'static,
    {
        let _creating = self.creating.read().await;
        let job = move |tx: &mut Tx<'_, '_>| {
            let op = job(tx)?;
            if let Some(op) = op {
                // One mint cannot stop what is done with the others.
                record::require_alone(tx, &Operation::load(tx, op)?.mint)?;
            }
            Ok::<_, E>(op)
        };
        match self.vault.run(job).await? {
            Some(op) => Ok(Some(self.work_on(op)?)),
            None => Ok(None),
        }
    }

    /// Every unfinished operation that there is something to do about, with everything just created already taken.
    pub(crate) async fn unfinished(&self) -> Result<Vec<OpId>, StoreError> {
        let _alone = self.creating.write().await;
        let live = self.vault.run::<_, StoreError>(|tx| Operation::all_live(tx)).await?;
        let now = self.now();
        let waits = |operation: &&Operation| operation.is_out() || operation.is_handed(now) || operation.is_filed(now);
        Ok(live.iter().filter(|operation| !waits(operation)).map(|operation| operation.id).collect())
    }

    async fn fetch_keysets(&self, url: &BaseUrl) -> Result<KeysetsAnswer, MintError> {
        Ok(self.http_once()?.get_json(&url.join(mint_path::KEYSETS)?).await?)
    }

    /// Accepts an answer, or keeps the evidence against the mint and refuses it from now on.
    async fn accept(
        &self,
        known: Option<Arc<Mint>>,
        url: BaseUrl,
        answer: KeysetsAnswer,
    ) -> Result<Arc<Mint>, MintError> {
        let (list, keysets) = (answer.list.clone(), answer.keysets.clone());
        let rejection = match Mint::accept(known.as_deref(), &url, answer, self.now()) {
            Ok(mint) => {
                let mint = self.keep(mint).await?;
                self.tell(&Event::Refreshed { mint: mint.id });
                return Ok(mint);
            }
            Err(rejection) => rejection,
        };
        let evidence = match (&rejection, &known) {
            (Rejection::Misconduct(misconduct), _) => Evidence::Keysets { misconduct },
            (Rejection::Lists, Some(known)) => Evidence::Lists { earlier: &known.list, later: &list },
            (Rejection::Chain | Rejection::Lists, _) => Evidence::Chain { list: &list, keysets: &keysets },
            (Rejection::Refused(_), _) => {
                return Err(match rejection {
                    Rejection::Refused(error) => error,
                    _ => MintError::BadKeysets,
                });
            }
        };
        let evidence = self.write_evidence(&evidence)?;
        if let Some(known) = known {
            self.replace(&known, |record| record.refused = true).await?;
        }
        Err(MintError::Misconduct { evidence })
    }

    /// Refuses a mint from now on.
    pub(crate) async fn refuse(&self, mint: &MintId) -> Result<(), MintError> {
        let known = self.mint(mint)?;
        self.replace(&known, |record| record.refused = true).await.map(drop)
    }

    async fn replace(&self, known: &Mint, change: impl FnOnce(&mut MintRecord)) -> Result<Arc<Mint>, MintError> {
        let mut record = known.to_record();
        change(&mut record);
        self.keep(Mint::from_record(record)?).await
    }

    async fn keep(&self, mint: Mint) -> Result<Arc<Mint>, MintError> {
        let (id, record) = (mint.id, mint.to_record());
        self.vault.run::<_, StoreError>(move |tx| Mint::store(tx, &id, &record)).await?;
        let mint = Arc::new(mint);
        self.mints.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&mint));
        Ok(mint)
    }
}

/// An operation being worked on, by nobody else.
pub(crate) struct Working {
    inner: Arc<Inner>,
    pub(crate) op: OpId,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.inner.working.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.op);
    }
}

/// An account in the form for people: `farthingaccount1…`, with a checksum.
pub fn account_text(account: &AccountKey) -> String {
    text::encode(ACCOUNT_PREFIX, account.as_bytes())
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wallet(<redacted>)")
    }
}

/// What others are told of the time: nobody knows a wallet again by how far its clock is off. They allow five minutes.
pub(crate) fn to_the_minute(now: UnixTime) -> UnixTime {
    now.minus(now.seconds() % 60)
}

/// Unseals the keys, and only then opens the state.
async fn unlocked(folder: &Path, unlock: Unlock, options: &Options) -> Result<(Vault, Keys), OpenError> {
    let sealed = Sealed::read(folder)?;
    let keys = slowly(move || sealed.open(&unlock)).await?;
    // It was made before the keys. A new one would be an empty wallet, without a word of what is gone.
    if !folder.join(STATE).join("db").try_exists()? {
        return Err(OpenError::StateMissing);
    }
    let vault = Vault::open(&folder.join(STATE), keys.data(), options.hook.clone())?;
    lockbox::tidy(folder)?;
    check_fingerprint(&vault, &keys.seed(), true).await?;
    Ok((vault, keys))
}

/// Computes what takes long where nothing waits for it.
async fn slowly<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(job).await.unwrap_or_else(|_| Err(std::io::Error::other("interrupted").into()))
}

/// Requires that the state was made with these keys. A new state remembers the seed if told to, once the file `keys` is there.
async fn check_fingerprint(vault: &Vault, seed: &Seed, remember: bool) -> Result<(), OpenError> {
    let own = Fingerprint(lockbox::fingerprint(seed));
    let stored = vault
        .run::<_, StoreError>(move |tx| {
            // A scan finds it under any key of the state, and reads it under the right one only.
            let stored = tx.scan::<Fingerprint>(FINGERPRINT)?.pop().map(|(_, stored)| stored);
            if stored.is_none() && remember {
                tx.put(FINGERPRINT, &own)?;
            }
            Ok(stored.is_none_or(|stored| stored.0 == own.0))
        })
        .await;
    match stored {
        Ok(true) => Ok(()),
        Ok(false) | Err(StoreError::Damaged) => Err(OpenError::KeysMismatch),
        Err(error) => Err(error.into()),
    }
}

/// Everything but the keys.
const STATE: &str = "state";
/// Of a kind of its own, for at each opening all entries of its kind are read.
const FINGERPRINT: &[u8] = b"!fingerprint";

struct Fingerprint(AccountKey);

impl Encode for Fingerprint {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.0);
    }
}

impl Decode for Fingerprint {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.part().map(Self)
    }
}

impl Wire for Fingerprint {}
