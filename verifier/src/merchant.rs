//! The payee's service: invoices out, payments in, receipts back.

mod books;
mod deposit;
mod door;
mod ended;
mod error;
mod keys;
mod pay;
mod record;
mod recoup;
mod refund;
mod retention;
mod sale;
pub(crate) mod values;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use farthing_durable::{Engine, StoreFault};
use farthing_http::client::BaseUrl;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{InvoiceRequest, MintHead, PayRequest, PayeeAnswer};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::{HttpBinding, PaymentId, RequestNonce};
use farthing_protocol::keyset::{ChainKey, Redemption};
use farthing_protocol::payment::PaymentKind;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{AcceptedMint, Invoice, InvoiceDraft, PaymentRequest};
use tokio::sync::Semaphore;

use crate::check::{CheckError, TokenClass};
use crate::keyring::{Keyring, KeyringError};
use crate::locks::KeyedLocks;
use crate::metrics::{Metrics, Standing};
use crate::offline::LockedLimits;
use crate::pipeline::{Demand, Knowledge, Pipeline, PipelineFigures, PipelineLimits};
use crate::store::{ClearingFigures, ClearingStore, NotDecided, SledStore, SpentStore, StoreError, check_start_up};
use crate::webhook::Webhooks;

use door::Door;
use pay::Submission;
use sale::Flights;

pub use books::{Books, LISTED};
pub use deposit::DepositReport;
pub use door::OfferTerms;
pub use error::{InvoiceError, PayError};
pub use keys::{Accepting, MerchantKeys};
pub use recoup::CreditedClaim;
pub use refund::RefundError;
pub use retention::{Keep, KeepError};
pub use sale::{KeptAnswer, MAX_KEPT, MAX_SERVED, Sale, Serving, Turn};

/// How long an invoice can be paid unless it says otherwise, in seconds.
pub const DEFAULT_EXPIRY: u32 = 900;

/// How many payments are worked on at once unless it is said otherwise.
pub const DEFAULT_AT_ONCE: usize = 256;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixTime::from_seconds(since.map(|since| since.as_secs()).unwrap_or_default())
    })
}

/// Which tokens a payee asks for in his invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Open ones, cleared with their mint.
    Open,
    /// Those of keysets closed to this payee, decided by his own store.
    Closed,
}

/// What a [`Merchant`] is made of.
pub struct MerchantParts {
    /// The payee's keys. Those for locked tokens MUST have no other store than this one.
    pub keys: MerchantKeys,
    /// The mint.
    pub mint: MintId,
    /// Which tokens are asked for.
    pub tokens: Tokens,
    /// The unit's code; if not given, the mint's only one.
    pub unit: Option<String>,
    /// Where payers send payments.
    pub endpoint: Option<BaseUrl>,
    /// What is known of the mint.
    pub keyring: Keyring,
    /// Clears open tokens. Without it nobody is ever asked, and only tokens locked to the payee are taken.
    pub clearing: Option<ClearingStore>,
    /// How much is taken in locked tokens before it is deposited.
    pub limits: LockedLimits,
    /// The engine of the payee's records and of his own store, opened with [`crate::spent::index_entry`] in its indexer.
    pub engine: Engine,
    /// The clock.
    pub clock: Clock,
    /// How many payments are worked on at once: [`DEFAULT_AT_ONCE`]. More are refused as [`StoreError::Busy`].
    pub at_once: usize,
    /// Who is told of accepted payments: for the same engine. Without it no event is written.
    pub webhooks: Option<Webhooks>,
}

/// A payee's service. Clones share it.
#[derive(Clone)]
pub struct Merchant {
    inner: Arc<Inner>,
}

struct Inner {
    keys: MerchantKeys,
    mint: MintId,
    redemption: Redemption,
    unit: Option<String>,
    endpoint: Option<BaseUrl>,
    keyring: Arc<Keyring>,
    pipeline: Pipeline,
    clearing: Option<ClearingStore>,
    /// Held while locked payments are deposited.
    depositing: tokio::sync::Mutex<()>,
    stores: Vec<Arc<dyn SpentStore>>,
    engine: Engine,
    clock: Clock,
    /// Since when this service is there.
    opened_at: UnixTime,
    locks: KeyedLocks,
    flights: Flights,
    at_once: usize,
    places: Arc<Semaphore>,
    metrics: Metrics,
    webhooks: Option<Webhooks>,
}

impl Merchant {
    /// Puts a service together. Keys of the engine that begin with `shop/` are its own.
    ///
    /// # Errors
    /// [`NotDecided`] when it would take tokens that none of its stores decides over.
    pub fn new(parts: MerchantParts) -> Result<Self, NotDecided> {
        let MerchantParts { keys, mint, tokens, unit, endpoint, .. } = parts;
        let MerchantParts { keyring, clearing, limits, engine, clock, at_once, webhooks, .. } = parts;
        let payee = *keys.payee();
        let own = SledStore::own_of(engine.clone(), keys.payees().collect(), keys.recipients().collect());
        let own = own.with_limits(limits);
        let redemption = match tokens {
            Tokens::Open => Redemption::Open,
            Tokens::Closed => Redemption::Closed(payee),
        };
        let pay = TokenClass { mint, redemption, kind: PaymentKind::Pay, recipient: None };
        let locked = keys.recipients().map(|to| TokenClass { kind: PaymentKind::Locked, recipient: Some(to), ..pay });
        let clears = clearing.as_ref().map(SpentStore::decides);
        let pay = Some(pay).filter(|_| clearing.is_some() || keys.lock().is_none());
        check_start_up(clears.into_iter().chain([own.decides()]), pay.into_iter().chain(locked))?;
        let cleared = clearing.clone().map(|clearing| Arc::new(clearing) as Arc<dyn SpentStore>);
        let stores: Vec<Arc<dyn SpentStore>> = cleared.into_iter().chain([Arc::new(own) as _]).collect();
        let locks = KeyedLocks::default();
        let keyring = Arc::new(keyring);
        let known = {
            // Whoever is at work for a moment longer must not keep the records open.
            let (keyring, clock) = (Arc::downgrade(&keyring), Arc::clone(&clock));
            move || {
                let now = clock();
                Knowledge { now, keysets: keyring.upgrade().and_then(|keyring| keyring.known(&mint, now).ok()) }
            }
        };
        let inner = Inner {
            pipeline: Pipeline::new(keys.party(mint), PipelineLimits::default(), known),
            keys,
            mint,
            redemption,
            unit,
            endpoint,
            keyring,
            clearing,
            depositing: tokio::sync::Mutex::new(()),
            stores,
            engine,
            opened_at: clock(),
            clock,
            locks,
            flights: Flights::default(),
            at_once,
            places: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            metrics: Metrics::default(),
            webhooks,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The payee.
    pub fn payee(&self) -> &PayeeKey {
        self.inner.keys.payee()
    }

    /// The mint whose tokens are taken.
    pub fn mint(&self) -> &MintId {
        &self.inner.mint
    }

    /// Whether the mint is asked about anything.
    pub fn asks_the_mint(&self) -> bool {
        self.inner.clearing.is_some()
    }

    /// Whether the records can be written.
    pub fn is_available(&self) -> bool {
        self.inner.engine.is_available()
    }

    /// Whether payments can be recorded, and enough is known of the mint to ask for them and to judge them.
    ///
    /// # Errors
    /// Why not, in a plain sentence.
    pub fn is_ready(&self) -> Result<(), &'static str> {
        if !self.is_available() {
            return Err("The records cannot be written.");
        }
        match self.about() {
            Ok(_) => Ok(()),
            Err(InvoiceError::Keysets(_)) => Err("There is no current list of the mint's keysets."),
            Err(_) => Err("The mint issues no tokens to be paid in."),
        }
    }

    /// What was counted and measured, in the text form of Prometheus and OpenMetrics.
    ///
    /// # Errors
    /// When it cannot be written, which does not happen.
    pub fn figures(&self) -> Result<String, fmt::Error> {
        let (inner, now) = (&self.inner, (self.inner.clock)());
        let list_issued_at = inner.keyring.list_issued_at(&inner.mint);
        let standing = Standing {
            at_work: inner.at_once.saturating_sub(inner.places.available_permits()),
            places: inner.at_once,
            writable: self.is_available(),
            list_current: inner.keyring.view(&inner.mint, now).is_ok(),
            list_issued_at,
            now,
        };
        inner.metrics.to_text(&standing)
    }

    /// Whether one more payment would be refused as [`StoreError::Busy`] now: worth asking before it is read.
    pub fn is_busy(&self) -> bool {
        self.inner.places.available_permits() == 0
    }

    /// How payments were verified.
    pub fn verified(&self) -> PipelineFigures {
        self.inner.pipeline.figures()
    }

    /// How open tokens were cleared with their mint.
    pub fn cleared(&self) -> ClearingFigures {
        self.inner.clearing.as_ref().map(ClearingStore::figures).unwrap_or_default()
    }

    /// The payee, and the mint with the head he knows.
    ///
    /// # Errors
    /// An [`InvoiceError`] when nothing current is known of the mint.
    pub fn about(&self) -> Result<PayeeAnswer, InvoiceError> {
        let (unit, AcceptedMint { mint, head }, _) = self.inner.asked_for((self.inner.clock)())?;
        Ok(PayeeAnswer {
            payee: *self.inner.keys.payee(),
            unit: unit.code().to_owned(),
            exponent: unit.exponent(),
            mints: vec![MintHead { mint, head }],
        })
    }

    /// The unit in which he is paid, if enough is known of the mint.
    pub fn unit(&self) -> Option<Unit> {
        self.inner.asked_for((self.inner.clock)()).ok().map(|(unit, ..)| unit)
    }

    /// Signs an invoice.
    ///
    /// # Errors
    /// An [`InvoiceError`].
    pub fn invoice(&self, request: InvoiceRequest) -> Result<Invoice, InvoiceError> {
        let inner = &self.inner;
        let now = (inner.clock)();
        let (unit, accepted, most) = inner.asked_for(now)?;
        let InvoiceRequest { amount, memo, expires_in, reusable, http } = request;
        if amount.is_zero() || amount > most {
            return Err(InvoiceError::Amount);
        }
        let expires_in = expires_in.unwrap_or(DEFAULT_EXPIRY);
        if expires_in == 0 {
            return Err(InvoiceError::Expiry);
        }
        // What buys an HTTP request is sent with it, and not to where payments are taken for a receipt.
        let endpoint = inner.endpoint.as_ref().filter(|_| http.is_none());
        let draft = InvoiceDraft {
            payee: *inner.keys.payee(),
            amount,
            unit,
            mints: vec![accepted],
            nonce: RequestNonce::from_bytes(crate::random::random()),
            expires_at: now.plus(expires_in.into()),
            reusable,
            memo,
            endpoint: endpoint.map(|base| base.as_str().to_owned()),
            http,
        };
        draft.sign(inner.keys.current()).map_err(InvoiceError::Text)
    }

    /// Accepts a payment, or says for good or for now why not.
    ///
    /// The payment id is looked up first: an accepted payment gets the same receipt again, whatever else holds. Then
    /// the payment is checked; a single-use invoice is durably reserved to it, with a claim; the store decides; the
    /// acceptance is recorded; the receipt is signed. A reservation is given back when it is certain that nothing became
    /// of the payment: on a definite refusal, or when it was never given to whoever decides.
    ///
    /// Begun, it is finished, even if this future is dropped. What was begun counts against
    /// [`MerchantParts::at_once`] until it ends, whoever still waits for it.
    ///
    /// # Errors
    /// A [`PayError`]; of [`StoreError::Busy`] when too many are being worked on.
    pub async fn pay(&self, request: PayRequest) -> Result<Receipt, PayError> {
        let PayRequest { payment, request } = request;
        let submission = Submission { payment, request, demand: Demand::Invoice, door: Door::Direct, price: None };
        self.begin(|inner| async move { Ok(inner.take_measured(submission).await?.receipt) }).await
    }

    /// Accepts a payment for one HTTP request, as [`pay`](Self::pay) does: of an invoice that is bound to it, or of an offer that says
    /// what the server demands. It buys this request and no other, and nothing at another door.
    ///
    /// Made again with the same payment, the request gets the same sale, of which [`Sale::turn`] says what is given for it.
    ///
    /// # Errors
    /// A [`PayError`]; [`PayError::AcceptedElsewhere`] also when it was given in for something else here.
    pub async fn sell(&self, request: PayRequest, terms: OfferTerms, http: HttpBinding) -> Result<Sale, PayError> {
        let PayRequest { payment, request } = request;
        let demand = match &request {
            PaymentRequest::Invoice(invoice) if invoice.draft().http != Some(http) => {
                return Err(CheckError::WrongRequest.into());
            }
            PaymentRequest::Invoice(_) => Demand::Invoice,
            PaymentRequest::Offer(_) => Demand::Offer(terms.clone()),
        };
        let submission = Submission { payment, request, demand, door: Door::Http(http), price: Some(terms) };
        self.begin(|inner| async move {
            let taken = inner.take_measured(submission).await?;
            Ok(Sale::new(inner, taken))
        })
        .await
    }

    /// Checks the payment of an offer for an x402 server, as often as it asks. Spends nothing, and promises nothing:
    /// whether the tokens are spent shows when it is settled.
    ///
    /// # Errors
    /// A [`PayError`]; [`PayError::Used`] when it was settled before.
    pub async fn verify_offer(&self, request: PayRequest, terms: OfferTerms) -> Result<(), PayError> {
        let submission = offered(request, terms)?;
        let id = submission.payment.id();
        self.begin(|inner| async move {
            inner.verify(submission).await?;
            let job = inner.engine.submit(move |txn| sale::was_answered(txn, &id));
            let answered = job.await.map_err(StoreError::from)?.map_err(|_: StoreFault| StoreError::Stopped)?;
            if answered { Err(PayError::Used) } else { Ok(()) }
        })
        .await
    }

    /// Accepts the payment of an offer for an x402 server, and says so **once**: a server that asks again and a payer who comes
    /// again look the same, and a second yes would give away what was paid for once. What is not known to be accepted is
    /// no yes, and can be asked again.
    ///
    /// It is taken to its end whoever waits for it, and noted as answered only while somebody does: who was told that nobody knows yet, or
    /// went away, is told when he asks again.
    ///
    /// # Errors
    /// A [`PayError`]; [`PayError::Used`] when it was said before; [`StoreError::Unavailable`] when it is not taken within `patience`.
    pub async fn settle_offer(
        &self,
        request: PayRequest,
        terms: OfferTerms,
        patience: Duration,
    ) -> Result<Receipt, PayError> {
        let submission = offered(request, terms)?;
        let id = submission.payment.id();
        let taken = self.begin(|inner| async move { Ok(inner.take_measured(submission).await?.receipt) });
        let taken = tokio::time::timeout(patience, taken).await;
        let receipt = taken.unwrap_or(Err(StoreError::Unavailable.into()))?;
        // It was accepted: that this cannot be noted now is no refusal.
        let job = self.inner.engine.submit(move |txn| sale::answer_once(txn, &id));
        let first = job.await.map_err(|_| StoreError::Unavailable)?;
        let first = first.map_err(|_: StoreFault| StoreError::Unavailable)?;
        if first { Ok(receipt) } else { Err(PayError::Used) }
    }

    /// Runs something to its end, whoever waits for it, if there is a place for it.
    async fn begin<T, F>(&self, what: impl FnOnce(Arc<Inner>) -> F) -> Result<T, PayError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, PayError>> + Send + 'static,
    {
        let place = Arc::clone(&self.inner.places).try_acquire_owned().map_err(|_| {
            let busy = PayError::Store(StoreError::Busy);
            self.inner.metrics.refused(&busy);
            busy
        })?;
        let work = what(Arc::clone(&self.inner));
        let task = tokio::spawn(async move {
            let _place = place;
            work.await
        });
        task.await.unwrap_or(Err(PayError::Store(StoreError::Unavailable)))
    }

    /// The receipt of an accepted payment.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<Receipt>, StoreError> {
        self.inner.receipt(id).await
    }

    /// Settles what was open: asks the mint about payments whose outcome is not known, writes the receipts of those
    /// that turn out to be accepted, and gives back the invoices of those that turn out to be refused or were never
    /// sent. Once after a start, and now and then. Returns how many payments are still open.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let cleared = match &self.inner.clearing {
            Some(clearing) => clearing.resume((self.inner.clock)()).await.map(drop),
            None => Ok(()),
        };
        let mut open: usize = 0;
        let mut after: Option<PaymentId> = None;
        loop {
            let last = after;
            let job = self.inner.engine.submit(move |txn| record::attempts_after(txn, last.as_ref(), 64));
            let attempts = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
            after = attempts.last().copied();
            if attempts.is_empty() {
                self.inner.metrics.open(open);
                return cleared.map(|()| open);
            }
            for id in attempts {
                let inner = Arc::clone(&self.inner);
                let task = tokio::spawn(async move { inner.end_if_known(&id).await });
                if !task.await.unwrap_or(Err(StoreError::Unavailable))? {
                    open = open.saturating_add(1);
                }
            }
        }
    }

    /// Forgets answers that were kept to be repeated and are older than so many seconds.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be written.
    pub async fn forget_answers(&self, older_than: u64) -> Result<(), StoreError> {
        let before = (self.inner.clock)().minus(older_than);
        loop {
            let job = self.inner.engine.submit(move |txn| sale::forget_answers(txn, before, 64));
            if !job.await?.map_err(|_| StoreError::Stopped)? {
                return Ok(());
            }
        }
    }

    /// Fetches the mint's keysets if it is time to: see [`Keyring::refresh_if_due`]. Does nothing where nobody is asked.
    pub async fn refresh(&self) {
        let inner = &self.inner;
        if inner.clearing.is_none() {
            return;
        }
        match inner.keyring.refresh_if_due(&inner.mint, (inner.clock)()).await {
            Ok(()) | Err(KeyringError::TooSoon) => {}
            Err(error) => tracing::warn!(%error, "the mint's keysets were not refreshed"),
        }
    }
}

impl Inner {
    /// The unit, the mint with its head, and the most that one invoice can ask.
    fn asked_for(&self, now: UnixTime) -> Result<(Unit, AcceptedMint, Amount), InvoiceError> {
        let view = self.keyring.view(&self.mint, now)?;
        let mut chains = view.chains().filter(|chain| {
            let ChainKey { unit, redemption, .. } = chain.key();
            redemption == self.redemption && self.unit.as_deref().is_none_or(|code| code == unit.code())
        });
        let chain = chains.next().ok_or(InvoiceError::Unit)?;
        if chains.next().is_some() {
            return Err(InvoiceError::Unit);
        }
        let accepted = AcceptedMint { mint: self.mint, head: chain.head() };
        Ok((chain.key().unit, accepted, chain.last().max_amount()))
    }
}

/// A payment for an x402 server, if it is for what that server demands now. It says yes for each of its prices: so what was begun for
/// one must not be finished for another.
fn offered(request: PayRequest, terms: OfferTerms) -> Result<Submission, PayError> {
    let PayRequest { payment, request } = request;
    let PaymentRequest::Offer(offer) = &request else { return Err(CheckError::UnsupportedRequest.into()) };
    if !terms.are_of(offer.draft()) {
        return Err(CheckError::WrongRequest.into());
    }
    Ok(Submission { payment, request, demand: Demand::Offer(terms), door: Door::Facilitator, price: None })
}

impl fmt::Debug for Merchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merchant").field("payee", self.inner.keys.payee()).finish_non_exhaustive()
    }
}

impl fmt::Debug for MerchantParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MerchantParts").field("mint", &self.mint).field("tokens", &self.tokens).finish_non_exhaustive()
    }
}
