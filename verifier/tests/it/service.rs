//! The payee's service over real sockets: honest payers, dishonest ones, and a mint of changing moods.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID};
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{
    Deposit, DepositOutcome, InvoiceAnswer, InvoiceRequest, KeysetsAnswer, PayAnswer, PayRequest, PayeeAnswer,
    PaymentAnswer, PaymentsAnswer, verifier_path,
};
use farthing_protocol::codec::{Wire, to_base64url};
use farthing_protocol::ids::{Claim, PaymentId, RequestHash};
use farthing_protocol::keyset::{KeysetList, ListedHead, Redemption, Revocation};
use farthing_protocol::locked::{LockKey, RecipientKey};
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{HomeOptions, RunningVerifier, VerifierHome, run_with_clock};
use farthing_verifier::merchant::Tokens;
use farthing_verifier::service::{HEALTH, Health, public_document};
use tokio::sync::oneshot;

use crate::common::{NOW, amount, pay, request};
use crate::double::{Mood, Running};

/// A mint, and a verifier in a folder.
pub(crate) struct Shop {
    pub(crate) mint: Running,
    pub(crate) folder: PathBuf,
    clock: Arc<AtomicU64>,
    pub(crate) http: HttpClient,
    running: Option<(RunningVerifier, oneshot::Sender<()>)>,
    _parent: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(TestMint::new(NOW), &HomeOptions::default()).await
    }

    pub(crate) async fn with(mint: TestMint, options: &HomeOptions) -> Self {
        Self::with_files(mint, options, &[]).await
    }

    /// With files in the folder besides.
    pub(crate) async fn with_files(mint: TestMint, options: &HomeOptions, files: &[(&str, &str)]) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("shop");
        let mint = Running::start(mint).await;
        VerifierHome::init(&folder, &mint.url(), &mint.double.mint.id(), options).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let clock = Arc::new(AtomicU64::new(NOW.seconds()));
        let http = HttpClient::builder().build().unwrap();
        let mut shop = Self { mint, folder, clock, http, running: None, _parent: parent };
        shop.start().await;
        shop
    }

    pub(crate) fn home(&self) -> VerifierHome {
        VerifierHome::open(&self.folder).unwrap()
    }

    pub(crate) async fn start(&mut self) {
        let home = self.home();
        let (stop, stopped) = oneshot::channel();
        let clock = Arc::clone(&self.clock);
        let clock = Arc::new(move || UnixTime::from_seconds(clock.load(Ordering::SeqCst)));
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let shutdown = async {
            let _stopped = stopped.await;
        };
        self.running = Some((run_with_clock(home, listen, clock, shutdown).await.unwrap(), stop));
    }

    pub(crate) async fn stop(&mut self) {
        let (verifier, stop) = self.running.take().unwrap();
        stop.send(()).unwrap();
        verifier.wait().await.unwrap();
    }

    pub(crate) fn verifier(&self) -> &RunningVerifier {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn mint(&self) -> &TestMint {
        &self.mint.double.mint
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    pub(crate) fn control(&self) -> UnixClient {
        UnixClient::new(self.control_socket()).unwrap()
    }

    pub(crate) fn at(&self, seconds: u64) {
        self.clock.store(NOW.plus(seconds).seconds(), Ordering::SeqCst);
    }

    /// The same after a restart, with what the mint says at that time.
    pub(crate) async fn later(&mut self, seconds: u64) {
        let keysets = vec![self.mint().keyset().document().clone()];
        self.mint.double.publish(KeysetsAnswer { list: self.mint().list(NOW.plus(seconds)), keysets });
        self.stop().await;
        self.at(seconds);
        self.start().await;
    }

    pub(crate) async fn invoice(&self, units: u64) -> Invoice {
        self.invoice_of(units, None, false).await
    }

    pub(crate) async fn invoice_for(&self, units: u64, seconds: u32) -> Invoice {
        self.invoice_of(units, Some(seconds), false).await
    }

    async fn invoice_of(&self, units: u64, expires_in: Option<u32>, reusable: bool) -> Invoice {
        let memo = Some(format!("{units} units"));
        self.invoice_as(InvoiceRequest { amount: amount(units), memo, expires_in, reusable, http: None }).await
    }

    pub(crate) async fn invoice_as(&self, request: InvoiceRequest) -> Invoice {
        let answer: InvoiceAnswer = self.control().post_json(verifier_path::INVOICES, &request).await.unwrap();
        answer.invoice.verify().unwrap();
        assert_eq!(Invoice::from_text(&answer.text).unwrap(), answer.invoice);
        answer.invoice
    }

    pub(crate) async fn pay(&self, payment: &Payment, invoice: &Invoice) -> Result<Receipt, CallError> {
        let url = self.verifier().public_url.join(verifier_path::PAY).unwrap();
        let body = PayRequest { payment: payment.clone(), request: request(invoice) };
        let answer = self.http.post_json(&url, &body).await.map(|answer: PayAnswer| answer.receipt);
        if let Some(code) = answer.as_ref().err().and_then(|error| error.problem()?.known()) {
            let described = public_document().codes("POST", verifier_path::PAY);
            assert!(described.contains(&code.as_str().to_owned()), "{code} is not described");
        }
        answer
    }

    pub(crate) async fn refuses(&self, payment: &Payment, invoice: &Invoice, code: Code) {
        assert_eq!(refused(self.pay(payment, invoice).await), code);
    }

    pub(crate) async fn receipt(&self, id: &PaymentId) -> Result<Receipt, CallError> {
        let path = verifier_path::PAYMENT.replace("{id}", &id.to_text());
        let url = self.verifier().public_url.join(&path).unwrap();
        self.http.get_json(&url).await.map(|answer: PaymentAnswer| answer.receipt)
    }

    pub(crate) async fn payments(&self) -> PaymentsAnswer {
        self.control().get_json(verifier_path::PAYMENTS).await.unwrap()
    }
}

pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, CallError>) -> Code {
    answer.unwrap_err().problem().unwrap().known().unwrap()
}

#[tokio::test]
async fn an_invoice_is_paid_and_the_receipt_stays_the_same() {
    let mut shop = Shop::open().await;
    let payee: PayeeAnswer =
        shop.http.get_json(&shop.verifier().public_url.join(verifier_path::PAYEE).unwrap()).await.unwrap();
    assert_eq!((payee.mints[0].mint, payee.mints[0].head), (shop.mint().id(), shop.mint().keyset().head()));
    let invoice = shop.invoice(37).await;
    assert_eq!(invoice.draft().payee, payee.payee);
    assert_eq!(invoice.draft().endpoint.as_deref(), Some(shop.verifier().public_url.as_str()));
    let payment = pay(shop.mint(), &invoice);
    assert_eq!(refused(shop.receipt(&payment.id()).await), Code::NotFound);
    let receipt = shop.pay(&payment, &invoice).await.unwrap();
    receipt.verify().unwrap();
    let draft = receipt.draft();
    assert_eq!((draft.payment, draft.payee, draft.amount), (payment.id(), payee.payee, amount(37)));
    assert_eq!((draft.accepted_at, draft.head), (NOW, shop.mint().keyset().head()));

    // Asked again: long after the invoice expired, and in another life, the mint gone.
    shop.at(100_000);
    assert_eq!(shop.pay(&payment, &invoice).await.unwrap(), receipt);
    shop.stop().await;
    shop.mint.mood(Mood::Deaf);
    let asked = shop.mint.asked();
    shop.start().await;
    assert_eq!(shop.pay(&payment, &invoice).await.unwrap().to_bytes(), receipt.to_bytes());
    assert_eq!(shop.receipt(&payment.id()).await.unwrap(), receipt);
    assert_eq!(shop.mint.asked(), asked, "nothing was left to ask");
    let payments = shop.payments().await.payments;
    assert_eq!(payments.len(), 1);
    assert_eq!((payments[0].payment, payments[0].amount), (payment.id(), amount(37)));
    assert_eq!(payments[0].memo.as_deref(), Some("37 units"));
}

#[tokio::test]
async fn payments_are_listed_newest_first() {
    let shop = Shop::open().await;
    for units in [1, 2, 3] {
        let invoice = shop.invoice(units).await;
        shop.pay(&pay(shop.mint(), &invoice), &invoice).await.unwrap();
    }
    let listed: Vec<u64> = shop.payments().await.payments.iter().map(|payment| payment.amount.units()).collect();
    assert_eq!(listed, [3, 2, 1]);
}

#[tokio::test]
async fn an_expired_invoice_is_refused() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(5).await;
    let payment = pay(shop.mint(), &invoice);
    shop.at(900);
    shop.refuses(&payment, &invoice, Code::RequestExpired).await;
    assert_eq!(shop.mint.asked(), 0);
}

#[tokio::test]
async fn one_payment_takes_a_single_use_invoice() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(5).await;
    let payments: Vec<_> = (0..6).map(|_| pay(shop.mint(), &invoice)).collect();
    let mut answers = Vec::new();
    let (a, b, c, d, e, f) = tokio::join!(
        shop.pay(&payments[0], &invoice),
        shop.pay(&payments[1], &invoice),
        shop.pay(&payments[2], &invoice),
        shop.pay(&payments[3], &invoice),
        shop.pay(&payments[4], &invoice),
        shop.pay(&payments[5], &invoice),
    );
    answers.extend([a, b, c, d, e, f]);
    let (paid, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(paid.len(), 1);
    assert_eq!(others.into_iter().map(refused).collect::<Vec<_>>(), [Code::RequestTaken; 5]);
    // The tokens of the others are as good as before.
    let another = shop.invoice_of(5, None, true).await;
    for _ in 0..2 {
        assert!(shop.pay(&pay(shop.mint(), &another), &another).await.is_ok(), "a reusable one is paid often");
    }
}

#[tokio::test]
async fn one_payment_submitted_many_times_is_one_payment() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(5).await;
    let payment = pay(shop.mint(), &invoice);
    let (a, b, c, d) = tokio::join!(
        shop.pay(&payment, &invoice),
        shop.pay(&payment, &invoice),
        shop.pay(&payment, &invoice),
        shop.pay(&payment, &invoice),
    );
    let receipt = a.unwrap();
    assert_eq!([b.unwrap(), c.unwrap(), d.unwrap()], [receipt; 3]);
    assert_eq!(shop.payments().await.payments.len(), 1);
}

#[tokio::test]
async fn a_double_spend_names_the_earlier_payment_and_frees_the_invoice() {
    let shop = Shop::open().await;
    let (first, second) = (shop.invoice(4).await, shop.invoice(4).await);
    let coin = shop.mint().coin(2);
    let pay_with = |invoice: &Invoice| shop.mint().pay(&[&coin], invoice.draft().payee, invoice.hash(), None);
    let (earlier, double) = (pay_with(&first), pay_with(&second));
    shop.pay(&earlier, &first).await.unwrap();
    let error = shop.pay(&double, &second).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!(problem.known(), Some(Code::DoubleSpend));
    assert_eq!(problem.extension(EARLIER_PAYMENT_ID), Some(earlier.id().to_text().as_str()));
    assert!(shop.pay(&pay(shop.mint(), &second), &second).await.is_ok());
}

#[tokio::test]
async fn a_payment_accepted_elsewhere_buys_nothing_here() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(4).await;
    let payment = pay(shop.mint(), &invoice);
    let elsewhere = Deposit { payment: payment.clone(), claim: Claim::from_bytes([1; 32]) };
    assert_eq!(shop.mint.double.decide(vec![elsewhere]).await, [DepositOutcome::Accepted { accepted_at: NOW }]);
    for _ in 0..2 {
        shop.refuses(&payment, &invoice, Code::AcceptedElsewhere).await;
    }
    assert_eq!(refused(shop.receipt(&payment.id()).await), Code::NotFound);
    assert!(shop.payments().await.payments.is_empty());
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_invoice_and_is_settled_later() {
    for decided in [true, false] {
        let shop = Shop::open().await;
        let invoice = shop.invoice(6).await;
        let payment = pay(shop.mint(), &invoice);
        shop.mint.mood(if decided { Mood::Stumbles } else { Mood::Unavailable });
        shop.refuses(&payment, &invoice, Code::Unavailable).await;
        shop.refuses(&pay(shop.mint(), &invoice), &invoice, Code::RequestTaken).await;
        // Meanwhile the invoice expires; the question is still what became of a payment that came in time.
        shop.at(5000);
        shop.refuses(&payment, &invoice, Code::Unavailable).await;
        shop.mint.mood(Mood::Honest);
        let receipt = shop.pay(&payment, &invoice).await.unwrap();
        assert_eq!(shop.pay(&payment, &invoice).await.unwrap(), receipt);
    }
}

#[tokio::test]
async fn what_was_surely_not_begun_leaves_the_invoice_free() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    shop.mint.mood(Mood::Busy);
    shop.refuses(&pay(shop.mint(), &invoice), &invoice, Code::Overloaded).await;
    // Once sent, that the mint is busy later says nothing of what became of it.
    let sent = pay(shop.mint(), &invoice);
    shop.mint.mood(Mood::Unavailable);
    shop.refuses(&sent, &invoice, Code::Unavailable).await;
    shop.mint.mood(Mood::Busy);
    shop.refuses(&sent, &invoice, Code::Unavailable).await;
    assert_eq!(shop.verifier().merchant.resume().await, Ok(1));
    shop.mint.mood(Mood::Honest);
    shop.refuses(&pay(shop.mint(), &invoice), &invoice, Code::RequestTaken).await;
    assert!(shop.pay(&sent, &invoice).await.is_ok());
}

#[tokio::test]
async fn a_refusal_that_is_learnt_later_frees_the_invoice() {
    for refusal in [Some(Mood::Refuses(Code::KeysetEnded)), None] {
        let shop = Shop::open().await;
        let invoice = shop.invoice(4).await;
        let coin = shop.mint().coin(2);
        let pay_with = |request| shop.mint().pay(&[&coin], invoice.draft().payee, request, None);
        let (payment, other) = (pay_with(invoice.hash()), pay_with(RequestHash::from_bytes([1; 32])));
        shop.mint.mood(Mood::Unavailable);
        shop.refuses(&payment, &invoice, Code::Unavailable).await;
        assert_eq!(shop.verifier().merchant.resume().await, Ok(1));
        shop.refuses(&pay(shop.mint(), &invoice), &invoice, Code::RequestTaken).await;
        // The payer may have spent the token elsewhere in the meantime.
        let elsewhere = Deposit { payment: other, claim: Claim::from_bytes([1; 32]) };
        assert_eq!(shop.mint.double.decide(vec![elsewhere]).await, [DepositOutcome::Accepted { accepted_at: NOW }]);
        shop.mint.mood(refusal.unwrap_or(Mood::Honest));
        assert_eq!(shop.verifier().merchant.resume().await, Ok(0));
        shop.mint.mood(Mood::Honest);
        assert!(shop.pay(&pay(shop.mint(), &invoice), &invoice).await.is_ok());
        // What it ended is not judged as of then any more.
        shop.at(900);
        shop.refuses(&payment, &invoice, Code::RequestExpired).await;
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_after_a_restart_without_the_payer() {
    let mut shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    let payment = pay(shop.mint(), &invoice);
    shop.mint.mood(Mood::Stumbles);
    shop.refuses(&payment, &invoice, Code::Unavailable).await;
    shop.stop().await;
    shop.at(5000);
    shop.mint.mood(Mood::Honest);
    shop.start().await;
    assert_eq!(shop.verifier().merchant.resume().await, Ok(0));
    let receipt = shop.receipt(&payment.id()).await.unwrap();
    receipt.verify().unwrap();
    assert_eq!(receipt.draft().accepted_at, NOW, "the time is the mint's");
    assert_eq!(shop.payments().await.payments[0].memo.as_deref(), Some("6 units"));
    assert_eq!(shop.pay(&payment, &invoice).await.unwrap(), receipt);
}

#[tokio::test]
async fn a_revocation_does_not_undo_what_may_have_been_decided() {
    let mut shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    let payment = pay(shop.mint(), &invoice);
    shop.mint.mood(Mood::Stumbles);
    shop.refuses(&payment, &invoice, Code::Unavailable).await;
    shop.stop().await;
    // Revoked as of before the payment, so that as of then it is not in order any more.
    let mint = shop.mint();
    let heads = mint.list(NOW).heads().to_vec();
    let revoked = Revocation { keyset: *mint.keyset().id(), revoked_at: NOW.minus(60) };
    let list = KeysetList::sign(mint.identity(), NOW.plus(1), NOW.plus(86_400), heads, vec![revoked]).unwrap();
    let keysets = vec![mint.keyset().document().clone()];
    shop.mint.double.publish(KeysetsAnswer { list, keysets });
    shop.mint.mood(Mood::Unavailable);
    shop.start().await;
    shop.refuses(&payment, &invoice, Code::Unavailable).await;
    let fresh = shop.invoice(6).await;
    shop.refuses(&pay(shop.mint(), &fresh), &fresh, Code::KeysetEnded).await;
    shop.mint.mood(Mood::Honest);
    assert_eq!(shop.verifier().merchant.resume().await, Ok(0));
    assert_eq!(shop.pay(&payment, &invoice).await.unwrap().draft().payment, payment.id());
}

#[tokio::test]
async fn a_mint_that_lies_gets_nothing_served() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    let payment = pay(shop.mint(), &invoice);
    for mood in [Mood::Empty, Mood::Ouroboros, Mood::Babbles] {
        shop.mint.mood(mood);
        shop.refuses(&payment, &invoice, Code::Unavailable).await;
        assert_eq!(refused(shop.receipt(&payment.id()).await), Code::NotFound);
    }
}

#[tokio::test]
async fn a_keyset_not_heard_of_is_asked_for() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(6).await;
    let mint = shop.mint();
    let (head, until) = (mint.keyset().head(), mint.keyset().terms().issue_until);
    let identity = farthing_protocol::identity::Keypair::from_secret(&mint.identity().secret());
    let next = TestMint::of(identity, NOW, |terms| {
        (terms.sequence, terms.predecessor) = (1, Some(head.keyset));
        (terms.active_from, terms.issue_until) = (until, until.plus(1000));
    });
    // Nobody has a token of it yet; what counts here is that the keyset becomes known.
    let payment = pay(&next, &invoice);
    shop.refuses(&payment, &invoice, Code::UnknownKeyset).await;
    let terms = next.keyset().terms();
    let heads = vec![ListedHead { unit: terms.unit.clone(), redemption: Redemption::Open, head: next.keyset().head() }];
    let list = KeysetList::sign(mint.identity(), NOW.plus(1), NOW.plus(86_400), heads, vec![]).unwrap();
    shop.mint.double.add(next.keyset().document().clone(), list);
    // Asked a moment ago: not again so soon.
    let asked = shop.mint.double.keysets_asked.load(Ordering::SeqCst);
    shop.refuses(&payment, &invoice, Code::UnknownKeyset).await;
    assert_eq!(shop.mint.double.keysets_asked.load(Ordering::SeqCst), asked);
    tokio::time::sleep(farthing_verifier::keyring::REFRESH_INTERVAL).await;
    // The keyset is known now, and so it is known that nobody can have signed with it yet.
    shop.refuses(&payment, &invoice, Code::InvalidShape).await;
    assert_eq!(shop.mint.double.keysets_asked.load(Ordering::SeqCst), asked + 1);
}

#[tokio::test]
async fn tokens_locked_to_the_payee_are_taken_while_the_mint_is_gone() {
    let mut shop = Shop::with(TestMint::new(NOW), &HomeOptions { locked: true, ..HomeOptions::default() }).await;
    let recipient = recipient(&shop);
    let invoice = shop.invoice(5).await;
    let pay_to = |recipient: &RecipientKey| {
        let coins = shop.mint().locked_coins(amount(5), recipient);
        let coins: Vec<_> = coins.iter().collect();
        shop.mint().pay(&coins, invoice.draft().payee, invoice.hash(), Some(recipient))
    };
    let (own, foreign) = (pay_to(&recipient), pay_to(LockKey::generate(&mut rand::rng()).public()));
    shop.mint.mood(Mood::Deaf);
    shop.refuses(&foreign, &invoice, Code::WrongPayee).await;
    let receipt = shop.pay(&own, &invoice).await.unwrap();
    assert_eq!(shop.mint.asked(), 0);
    shop.stop().await;
    shop.start().await;
    assert_eq!(shop.pay(&own, &invoice).await.unwrap(), receipt);
}

/// The public key of the folder's lock key.
pub(crate) fn recipient(shop: &Shop) -> RecipientKey {
    VerifierHome::open(&shop.folder).unwrap().lock_keys()[0].recipient
}

#[tokio::test]
async fn closed_tokens_are_decided_by_the_own_store() {
    // The mint issues for a payee who must exist before it.
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("shop");
    let identity = crate::common::keypair();
    let mint_id = farthing_protocol::identity::MintId::from(&identity);
    let options = HomeOptions { tokens: Tokens::Closed, ..HomeOptions::default() };
    let placeholder = BaseUrl::parse("http://127.0.0.1:9").unwrap();
    let payee = VerifierHome::init(&folder, &placeholder, &mint_id, &options).unwrap().payee();
    let mint = TestMint::of(identity, NOW, |terms| terms.redemption = Redemption::Closed(payee));
    let mint = Running::start(mint).await;
    let config = folder.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace(placeholder.as_str(), mint.url().as_str());
    std::fs::write(&config, text).unwrap();
    let clock = Arc::new(AtomicU64::new(NOW.seconds()));
    let http = HttpClient::builder().build().unwrap();
    let mut shop = Shop { mint, folder, clock, http, running: None, _parent: parent };
    shop.start().await;

    let (first, second) = (shop.invoice(4).await, shop.invoice(4).await);
    let coin = shop.mint().coin(2);
    let pay_with = |invoice: &Invoice| shop.mint().pay(&[&coin], invoice.draft().payee, invoice.hash(), None);
    let (payment, double) = (pay_with(&first), pay_with(&second));
    shop.pay(&payment, &first).await.unwrap();
    shop.refuses(&double, &second, Code::DoubleSpend).await;
    assert_eq!(shop.mint.asked(), 0, "the mint has no say");
}

#[tokio::test]
async fn refusals_have_stable_codes() {
    let shop = Shop::open().await;
    let invoice = shop.invoice(5).await;
    let payment = pay(shop.mint(), &invoice);
    let url = |path: &str| shop.verifier().public_url.join(path).unwrap();
    let post = async |path: &str, body: serde_json::Value| -> Code {
        let answer: Result<serde_json::Value, _> = shop.http.post_json(&url(path), &body).await;
        refused(answer)
    };
    let mut bytes = payment.to_bytes();
    bytes.pop();
    let (good, bad) = (to_base64url(&payment.to_bytes()), to_base64url(&bytes));
    let invoice_text = to_base64url(&request(&invoice).to_bytes());
    let body = |payment: &str| serde_json::json!({ "payment": payment, "request": invoice_text });
    assert_eq!(post(verifier_path::PAY, body(&bad)).await, Code::MalformedObject);
    assert_eq!(post(verifier_path::PAY, body("=")).await, Code::MalformedObject);
    assert_eq!(post(verifier_path::PAY, serde_json::json!({ "payment": good })).await, Code::BadRequest);
    let mut extra = body(&good);
    extra["tip"] = serde_json::json!(1);
    assert_eq!(post(verifier_path::PAY, extra).await, Code::UnknownField);
    // What is the payee's alone is not there for the public.
    assert_eq!(post(verifier_path::INVOICES, serde_json::json!({ "amount": "5" })).await, Code::NotFound);
    let listed: Result<PaymentsAnswer, _> = shop.http.get_json(&url(verifier_path::PAYMENTS)).await;
    assert_eq!(refused(listed), Code::NotFound);
    let answer: Result<PaymentAnswer, _> = shop.http.get_json(&url("/v1/payments/abc")).await;
    assert_eq!(refused(answer), Code::BadRequest);
    let health: Health = shop.http.get_json(&url(HEALTH)).await.unwrap();
    assert!(health.ok);
    // On the control socket.
    for (units, code) in [("0", Code::AmountOutOfRange), ("4294967296", Code::AmountOutOfRange)] {
        let body = serde_json::json!({ "amount": units });
        let answer: Result<InvoiceAnswer, _> = shop.control().post_json(verifier_path::INVOICES, &body).await;
        assert_eq!(refused(answer), code);
    }
    for body in
        [serde_json::json!({ "amount": "1", "expires_in": 0 }), serde_json::json!({ "amount": "1", "memo": "a\nb" })]
    {
        let answer: Result<InvoiceAnswer, _> = shop.control().post_json(verifier_path::INVOICES, &body).await;
        assert_eq!(refused(answer), Code::InvalidShape);
    }
    assert!(shop.pay(&payment, &invoice).await.is_ok(), "none of it stood in the way");
}

#[tokio::test]
async fn a_verifier_starts_without_its_mint_and_says_so() {
    let mut shop = Shop::open().await;
    shop.stop().await;
    // Another folder, whose mint nobody hosts.
    let folder = tempfile::tempdir().unwrap();
    let nowhere = BaseUrl::parse("http://127.0.0.1:9").unwrap();
    shop.folder = folder.path().join("shop");
    VerifierHome::init(&shop.folder, &nowhere, &shop.mint().id(), &HomeOptions::default()).unwrap();
    shop.start().await;
    let body = serde_json::json!({ "amount": "1" });
    let answer: Result<InvoiceAnswer, _> = shop.control().post_json(verifier_path::INVOICES, &body).await;
    assert_eq!(refused(answer), Code::Unavailable);
    // A second one on the same folder is refused.
    let second = VerifierHome::open(&shop.folder).unwrap();
    let clock = Arc::new(|| NOW);
    assert!(run_with_clock(second, "127.0.0.1:0".parse().unwrap(), clock, std::future::pending()).await.is_err());
}
