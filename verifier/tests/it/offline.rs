//! Locked tokens: taken without a network, redeemed later.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farthing_http::client::{CallError, HttpClient};
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID};
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{
    InvoiceAnswer, InvoiceRequest, KeysetsAnswer, KeysetsTaken, LockedAnswer, LockedDeposit, PayAnswer, PayRequest,
    PaymentsAnswer, RecipientAnswer, verifier_path,
};
use farthing_protocol::identity::Keypair;
use farthing_protocol::keyset::{KeysetList, Revocation};
use farthing_protocol::locked::{LockKey, Recipient, RecipientKey, deposit_request};
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_verifier::conformance::{Coin, TestMint};
use farthing_verifier::home::{
    HomeError, HomeOptions, Network, OfflineOptions, RunningVerifier, VerifierHome, open_merchant, run_offline,
    run_with_clock,
};
use farthing_verifier::merchant::{DepositReport, Merchant};
use farthing_verifier::offline::{LockedLimits, Sum};
use tokio::sync::oneshot;

use crate::common::{NOW, amount, pay, request};
use crate::double::Running;
use crate::webhook::{Receiver, SECRET};

/// A mint, and a payee who has no network at first.
pub(crate) struct Fair {
    pub(crate) mint: Running,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<AtomicU64>,
    http: HttpClient,
    running: Option<(RunningVerifier, oneshot::Sender<()>)>,
    _parent: tempfile::TempDir,
}

impl Fair {
    pub(crate) async fn open() -> Self {
        Self::with(TestMint::new(NOW), LockedLimits { outstanding: Some(amount(100)), payment: Some(amount(60)) }).await
    }

    pub(crate) async fn with(mint: TestMint, limits: LockedLimits) -> Self {
        let offline = OfflineOptions { max_list_age_hours: 48, limits };
        Self::of(mint, HomeOptions { offline, ..HomeOptions::default() }, &[]).await
    }

    /// With other settings, and files in the folder.
    async fn of(mint: TestMint, options: HomeOptions, files: &[(&str, &str)]) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("stall");
        let mint = Running::start(mint).await;
        let options = HomeOptions { locked: true, ..options };
        VerifierHome::init(&folder, &mint.url(), &mint.double.mint.id(), &options).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(name), content).unwrap();
        }
        let clock = Arc::new(AtomicU64::new(NOW.seconds()));
        let http = HttpClient::builder().build().unwrap();
        let mut fair = Self { mint, folder, clock, http, running: None, _parent: parent };
        fair.start().await;
        fair.import(fair.list(NOW, Vec::new())).await.unwrap();
        fair
    }

    pub(crate) fn now(&self) -> Arc<dyn Fn() -> UnixTime + Send + Sync> {
        let clock = Arc::clone(&self.clock);
        Arc::new(move || UnixTime::from_seconds(clock.load(Ordering::SeqCst)))
    }

    pub(crate) fn home(&self) -> VerifierHome {
        VerifierHome::open(&self.folder).unwrap()
    }

    pub(crate) async fn start(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _stopped = stopped.await;
        };
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        self.running = Some((run_offline(self.home(), listen, self.now(), shutdown).await.unwrap(), stop));
    }

    pub(crate) async fn stop(&mut self) {
        let (verifier, stop) = self.running.take().unwrap();
        stop.send(()).unwrap();
        verifier.wait().await.unwrap();
    }

    /// The last secret of this kind in `keys.toml`: `payee` or `lock`.
    fn secret(&self, kind: &str) -> Vec<u8> {
        let text = std::fs::read_to_string(self.folder.join("keys.toml")).unwrap();
        let keys: toml::Table = toml::from_str(&text).unwrap();
        let secret = keys[kind].as_array().unwrap().last().unwrap()["secret"].as_str().unwrap().to_owned();
        farthing_protocol::codec::from_base64url(&secret).unwrap()
    }

    pub(crate) fn payee_key(&self) -> Keypair {
        Keypair::from_secret(self.secret("payee").as_slice().try_into().unwrap())
    }

    pub(crate) fn lock_key(&self) -> LockKey {
        farthing_protocol::codec::Reader::new(&self.secret("lock")).part().unwrap()
    }

    /// The records of a verifier that is not running, with the mint in reach.
    pub(crate) async fn online(&self) -> Merchant {
        open_merchant(self.home(), Network::Mint, self.now()).await.unwrap()
    }

    pub(crate) fn mint(&self) -> &TestMint {
        &self.mint.double.mint
    }

    fn at(&self, seconds: u64) {
        self.clock.store(NOW.plus(seconds).seconds(), Ordering::SeqCst);
    }

    pub(crate) fn control(&self) -> UnixClient {
        UnixClient::new(self.folder.join("control.sock")).unwrap()
    }

    fn url(&self, path: &str) -> farthing_http::client::Endpoint {
        self.running.as_ref().unwrap().0.public_url.join(path).unwrap()
    }

    pub(crate) fn list(&self, issued_at: UnixTime, revocations: Vec<Revocation>) -> KeysetsAnswer {
        let mint = self.mint();
        let heads = mint.list(NOW).heads().to_vec();
        let list = KeysetList::sign(mint.identity(), issued_at, issued_at.plus(86_400), heads, revocations).unwrap();
        KeysetsAnswer { list, keysets: vec![mint.keyset().document().clone()] }
    }

    async fn import(&self, answer: KeysetsAnswer) -> Result<UnixTime, CallError> {
        self.control().post_json(verifier_path::KEYSETS, &answer).await.map(|taken: KeysetsTaken| taken.issued_at)
    }

    async fn recipient(&self) -> Recipient {
        let answer: RecipientAnswer = self.http.get_json(&self.url(verifier_path::RECIPIENT)).await.unwrap();
        answer.recipient.verify().unwrap();
        assert_eq!(Recipient::from_text(&answer.text).unwrap(), answer.recipient);
        answer.recipient
    }

    async fn invoice(&self, units: u64) -> Result<Invoice, CallError> {
        let request =
            InvoiceRequest { amount: amount(units), memo: None, expires_in: None, reusable: false, http: None };
        let answer: InvoiceAnswer = self.control().post_json(verifier_path::INVOICES, &request).await?;
        Ok(answer.invoice)
    }

    async fn pay(&self, payment: &Payment, invoice: &Invoice) -> Result<Receipt, CallError> {
        let body = PayRequest { payment: payment.clone(), request: request(invoice) };
        self.http.post_json(&self.url(verifier_path::PAY), &body).await.map(|answer: PayAnswer| answer.receipt)
    }

    /// Pays with fresh coins locked to the payee; what was paid.
    pub(crate) async fn take(&self, units: u64) -> Result<Payment, CallError> {
        let invoice = self.invoice(units).await?;
        let payment = self.payment(&invoice).await;
        self.pay(&payment, &invoice).await.map(|_| payment)
    }

    async fn payment(&self, invoice: &Invoice) -> Payment {
        let key = *self.recipient().await.key();
        let coins = self.mint().locked_coins(invoice.draft().amount, &key);
        self.payment_of(&coins, &key, invoice)
    }

    fn payment_of(&self, coins: &[Coin], key: &RecipientKey, invoice: &Invoice) -> Payment {
        let coins: Vec<_> = coins.iter().collect();
        self.mint().pay(&coins, invoice.draft().payee, invoice.hash(), Some(key))
    }

    async fn locked(&self) -> LockedAnswer {
        self.control().get_json(verifier_path::LOCKED).await.unwrap()
    }

    async fn outstanding(&self) -> u64 {
        self.locked().await.open.iter().map(|sum| sum.amount.units()).sum()
    }
}

pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, CallError>) -> Code {
    answer.unwrap_err().problem().unwrap().known().unwrap()
}

pub(crate) fn worth(sums: &[(farthing_protocol::amount::Unit, Sum)]) -> (u64, u64) {
    match sums {
        [] => (0, 0),
        [(unit, sum)] => {
            assert_eq!((unit.code(), unit.exponent()), ("EUR", 2));
            (sum.payments, sum.amount.units())
        }
        more => panic!("{more:?}"),
    }
}

#[tokio::test]
async fn locked_tokens_are_taken_offline_and_credited_later() {
    let mut fair = Fair::open().await;
    let mut paid = Vec::new();
    for units in [5, 37, 1] {
        paid.push(fair.take(units).await.unwrap());
    }
    let locked = fair.locked().await;
    assert_eq!(locked.open.len(), 1);
    assert_eq!((locked.open[0].payments, locked.open[0].amount), (3, amount(43)));
    assert_eq!(fair.mint.asked(), 0);
    assert_eq!(fair.mint.double.keysets_asked.load(Ordering::SeqCst), 0);
    // It asks nobody, also when it is told to.
    let answer: Result<LockedAnswer, _> =
        fair.control().post_json(verifier_path::LOCKED_DEPOSIT, &LockedDeposit::default()).await;
    assert_eq!(refused(answer), Code::Offline);
    fair.stop().await;

    let merchant = fair.online().await;
    let report = merchant.deposit().await.unwrap();
    assert_eq!((worth(&report.credited), worth(&report.open)), ((3, 43), (0, 0)));
    assert_eq!((report.refused.len(), report.cause), (0, None));
    assert_eq!(fair.mint.asked(), 1, "in one request");
    // Each is at the mint with the request hash that follows from it, for the payee's account.
    for payment in &paid {
        let stored = fair.mint.double.find(&deposit_request(&payment.id())).await.unwrap();
        assert_eq!((stored.amount, stored.payee), (payment.amount(), *payment.payee()));
    }
    // Nothing is left to be asked.
    assert_eq!(merchant.deposit().await.unwrap(), DepositReport::default());
    assert_eq!(fair.mint.asked(), 1);
}

#[tokio::test]
async fn a_locked_token_is_spent_once() {
    let fair = Fair::open().await;
    let (first, second) = (fair.invoice(4).await.unwrap(), fair.invoice(4).await.unwrap());
    let key = *fair.recipient().await.key();
    let coins = fair.mint().locked_coins(amount(4), &key);
    let (payment, double) = (fair.payment_of(&coins, &key, &first), fair.payment_of(&coins, &key, &second));
    let receipt = fair.pay(&payment, &first).await.unwrap();
    let error = fair.pay(&double, &second).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(problem.known(), Some(Code::DoubleSpend));
    assert_eq!(problem.extension(EARLIER_PAYMENT_ID), Some(payment.id().to_text().as_str()));
    assert_eq!(fair.outstanding().await, 4);
    // The same payment gets the same receipt, and counts once.
    assert_eq!(fair.pay(&payment, &first).await.unwrap(), receipt);
    assert_eq!(fair.outstanding().await, 4);
}

#[tokio::test]
async fn tokens_of_others_and_unlocked_ones_are_refused() {
    let fair = Fair::open().await;
    let invoice = fair.invoice(5).await.unwrap();
    assert_eq!(refused(fair.pay(&pay(fair.mint(), &invoice), &invoice).await), Code::NotDecidedHere);
    let other = *LockKey::generate(&mut rand::rng()).public();
    let foreign = fair.payment_of(&fair.mint().locked_coins(amount(5), &other), &other, &invoice);
    assert_eq!(refused(fair.pay(&foreign, &invoice).await), Code::WrongPayee);
    let stranger = TestMint::new(NOW);
    let key = *fair.recipient().await.key();
    let coins = stranger.locked_coins(amount(5), &key);
    let unknown = stranger.pay(&coins.iter().collect::<Vec<_>>(), invoice.draft().payee, invoice.hash(), Some(&key));
    assert_eq!(refused(fair.pay(&unknown, &invoice).await), Code::UnknownMint);
    assert_eq!(fair.outstanding().await, 0);
}

#[tokio::test]
async fn no_more_is_taken_than_is_allowed() {
    let mut fair = Fair::open().await;
    assert_eq!(refused(fair.take(61).await), Code::OfflineLimit, "too much at once");
    fair.take(60).await.unwrap();
    let invoice = fair.invoice(41).await.unwrap();
    let over = fair.payment(&invoice).await;
    assert_eq!(refused(fair.pay(&over, &invoice).await), Code::OfflineLimit);
    // The invoice is free again, and the tokens as good as before.
    let paid = fair.take(40).await.unwrap();
    assert_eq!(fair.outstanding().await, 100);
    assert_eq!(refused(fair.take(1).await), Code::OfflineLimit);
    // What is accepted gets its receipt whatever the limit says.
    let id = paid.id();
    let path = verifier_path::PAYMENT.replace("{id}", &id.to_text());
    let answer: farthing_protocol::api::PaymentAnswer = fair.http.get_json(&fair.url(&path)).await.unwrap();
    assert_eq!(answer.receipt.draft().payment, id);
    // Deposited, there is room again.
    fair.stop().await;
    let merchant = fair.online().await;
    assert_eq!(worth(&merchant.deposit().await.unwrap().credited), (2, 100));
    drop(merchant);
    fair.start().await;
    fair.pay(&over, &invoice).await.unwrap();
    assert_eq!(fair.outstanding().await, 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_at_once_cannot_get_past_the_limit() {
    let fair = Arc::new(Fair::open().await);
    let mut tasks = Vec::new();
    for _ in 0..32 {
        let fair = Arc::clone(&fair);
        tasks.push(tokio::spawn(async move { fair.take(9).await }));
    }
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(error) => assert_eq!(error.problem().unwrap().known(), Some(Code::OfflineLimit)),
        }
    }
    assert_eq!(taken, 11, "eleven times nine are not more than a hundred");
    assert_eq!(fair.outstanding().await, 99);
    let listed: PaymentsAnswer = fair.control().get_json(verifier_path::PAYMENTS).await.unwrap();
    assert_eq!(listed.payments.len(), 11);
}

#[tokio::test]
async fn a_list_is_good_for_as_long_as_is_allowed() {
    let mut fair = Fair::open().await;
    let hours = |hours: u64| hours * 3600;
    let invoice = fair.invoice(5).await.unwrap();
    let payment = fair.payment(&invoice).await;
    // The mint gave it a day; the payee allows two.
    fair.at(hours(48) - 1);
    fair.take(5).await.unwrap();
    fair.at(hours(48));
    assert_eq!(refused(fair.invoice(5).await), Code::ListOutdated);
    assert_eq!(refused(fair.pay(&payment, &invoice).await), Code::ListOutdated);
    // An old one is of no use; nor is one that goes back.
    let old = fair.list(NOW, Vec::new());
    assert_eq!(refused(fair.import(old).await), Code::ListOutdated);
    assert_eq!(refused(fair.import(fair.list(NOW.minus(1), Vec::new())).await), Code::ListOutdated);
    assert_eq!(refused(fair.invoice(5).await), Code::ListOutdated);
    let fresh = NOW.plus(hours(47));
    assert_eq!(fair.import(fair.list(fresh, Vec::new())).await.unwrap(), fresh);
    fair.take(6).await.unwrap();
    // Also after a restart.
    fair.stop().await;
    fair.start().await;
    fair.take(7).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_was_set_back_takes_nothing() {
    let fair = Fair::open().await;
    fair.at(3600);
    fair.take(5).await.unwrap();
    fair.at(0);
    assert_eq!(refused(fair.take(5).await), Code::ClockBehind);
    // Nor one that is behind the list.
    fair.import(fair.list(NOW.plus(300), Vec::new())).await.unwrap();
    assert_eq!(refused(fair.import(fair.list(NOW.plus(301), Vec::new())).await), Code::ClockBehind);
    fair.clock.store(NOW.minus(1).seconds(), Ordering::SeqCst);
    assert_eq!(refused(fair.invoice(5).await), Code::ClockBehind);
    assert_eq!(fair.outstanding().await, 5);
}

#[tokio::test]
async fn lists_of_others_are_not_taken_over() {
    let fair = Fair::open().await;
    let stranger = TestMint::new(NOW);
    let foreign = KeysetsAnswer { list: stranger.list(NOW), keysets: vec![stranger.keyset().document().clone()] };
    assert_eq!(refused(fair.import(foreign).await), Code::UnknownMint);
    // The pinned mint's name over another's signature.
    let mut forged = fair.list(NOW.plus(1), Vec::new());
    let mut bytes = farthing_protocol::codec::Wire::to_bytes(&forged.list);
    *bytes.last_mut().unwrap() ^= 1;
    forged.list = farthing_protocol::codec::Wire::from_bytes(&bytes).unwrap();
    assert_eq!(refused(fair.import(forged).await), Code::InvalidSignature);
    // Revocations are taken over and never taken back.
    let revoked = Revocation { keyset: *fair.mint().keyset().id(), revoked_at: NOW };
    fair.import(fair.list(NOW.plus(1), vec![revoked])).await.unwrap();
    assert_eq!(refused(fair.take(5).await), Code::KeysetEnded);
    assert_eq!(refused(fair.import(fair.list(NOW.plus(2), Vec::new())).await), Code::InvalidShape);
    assert_eq!(refused(fair.take(5).await), Code::KeysetEnded);
}

#[tokio::test]
async fn without_a_lock_key_or_a_list_nothing_is_taken() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("stall");
    let mint = Running::start(TestMint::new(NOW)).await;
    VerifierHome::init(&folder, &mint.url(), &mint.double.mint.id(), &HomeOptions::default()).unwrap();
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let home = VerifierHome::open(&folder).unwrap();
    let ran = run_offline(home, listen, Arc::new(|| NOW), std::future::pending()).await;
    assert!(matches!(ran, Err(HomeError::NoLockKey)));

    let folder = parent.path().join("other");
    let options = HomeOptions { locked: true, ..HomeOptions::default() };
    let home = VerifierHome::init(&folder, &mint.url(), &mint.double.mint.id(), &options).unwrap();
    let _running = run_offline(home, listen, Arc::new(|| NOW), std::future::pending()).await.unwrap();
    let control = UnixClient::new(folder.join("control.sock")).unwrap();
    let body = serde_json::json!({ "amount": "1" });
    let answer: Result<InvoiceAnswer, _> = control.post_json(verifier_path::INVOICES, &body).await;
    assert_eq!(refused(answer), Code::ListOutdated);
    assert_eq!(mint.double.keysets_asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_handed_over_is_whole_or_nothing() {
    use farthing_protocol::codec::Wire;
    let fair = Fair::open().await;
    let invoice = fair.invoice(5).await.unwrap();
    let handed = PayRequest { payment: fair.payment(&invoice).await, request: request(&invoice) };
    let text = handed.to_text();
    assert!(text.starts_with("farthingpay1"));
    let read = PayRequest::from_text(&text.to_uppercase()).unwrap();
    assert_eq!((read.payment, read.request.to_bytes()), (handed.payment.clone(), handed.request.to_bytes()));
    for place in [13, text.len() / 2, text.len() - 1] {
        let mut damaged = text.clone().into_bytes();
        damaged[place] = if damaged[place] == b'q' { b'p' } else { b'q' };
        assert!(PayRequest::from_text(std::str::from_utf8(&damaged).unwrap()).is_err(), "{place}");
    }
    let bytes = handed.to_bytes();
    assert!(PayRequest::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(PayRequest::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    // By way of the control socket, as a merchant who was given it does.
    let answer: PayAnswer = fair.control().post_json(verifier_path::PAY, &handed).await.unwrap();
    assert_eq!(answer.receipt.draft().payment, handed.payment.id());
    assert_eq!(fair.outstanding().await, 5);
}

#[tokio::test]
async fn what_the_mint_must_say_is_left_alone_while_there_is_no_network() {
    let mut fair = Fair::open().await;
    fair.stop().await;
    let merchant = fair.online().await;
    let ask = InvoiceRequest { amount: amount(5), memo: None, expires_in: None, reusable: false, http: None };
    let invoice = merchant.invoice(ask).unwrap();
    let asked = PayRequest { payment: pay(fair.mint(), &invoice), request: request(&invoice) };
    fair.mint.mood(crate::double::Mood::Stumbles);
    assert_eq!(merchant.pay(asked.clone()).await.unwrap_err().code(), Code::Unavailable);
    drop(merchant);
    // A round without a network gives nothing back, and refuses nothing.
    fair.start().await;
    let stall = &fair.running.as_ref().unwrap().0.merchant;
    assert_eq!(stall.resume().await, Ok(1));
    assert_eq!(stall.pay(asked.clone()).await.unwrap_err().code(), Code::Unavailable);
    fair.stop().await;
    fair.mint.mood(crate::double::Mood::Honest);
    let merchant = fair.online().await;
    assert_eq!(merchant.resume().await, Ok(0));
    merchant.pay(asked).await.unwrap().verify().unwrap();
}

#[tokio::test]
async fn events_of_what_was_taken_wait_for_a_network() {
    let receiver = Receiver::start().await;
    let mut fair = Fair::of(TestMint::new(NOW), receiver.options(), &[("webhook.secret", SECRET)]).await;
    let paid = fair.take(5).await.unwrap();
    fair.stop().await;
    assert_eq!(receiver.events(), 0);
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _stopped = stopped.await;
    };
    let online = run_with_clock(fair.home(), "127.0.0.1:0".parse().unwrap(), fair.now(), shutdown).await.unwrap();
    while !receiver.has_taken(&paid.id()) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stop.send(()).unwrap();
    online.wait().await.unwrap();
}

/// A keyset's records stay as long as something of it waits for its deposit, and go then, with a mark that stays.
#[tokio::test]
async fn what_has_ended_is_dropped_when_nothing_of_it_waits() {
    let mut fair = Fair::open().await;
    let paid = fair.take(5).await.unwrap();
    fair.stop().await;
    let (id, end) = (*fair.mint().keyset().id(), fair.mint().keyset().terms().deposit_until);
    fair.clock.store(end.seconds() - 1, Ordering::SeqCst);
    let merchant = fair.online().await;
    assert_eq!(merchant.drop_ended().await, Ok(0));
    fair.clock.store(end.seconds(), Ordering::SeqCst);
    assert_eq!(merchant.drop_ended().await, Ok(0), "it waits");
    assert_eq!(merchant.drop_ended().await, Ok(0));
    assert_eq!(worth(&merchant.deposit().await.unwrap().credited), (1, 5));
    assert_eq!(merchant.drop_ended().await, Ok(1));
    assert_eq!(merchant.drop_ended().await, Ok(0));
    // The merchant's own records are his: see `keep`.
    assert!(merchant.payment(&paid.id()).await.unwrap().is_some());
    drop(merchant);
    let options = farthing_durable::Options::new().indexer(farthing_verifier::spent::indexer());
    let engine = farthing_durable::Engine::open(&fair.folder.join("store"), options).unwrap();
    let left = engine.submit(move |txn| {
        let found = farthing_verifier::spent::find(txn, &paid.id())?;
        Ok::<_, farthing_durable::StoreFault>((found.is_some(), farthing_verifier::spent::is_buried(txn, &id)?))
    });
    assert_eq!(left.await.unwrap(), Ok((false, true)));
}
