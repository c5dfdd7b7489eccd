//! Quotes, and what a payment processor reports: each payment is credited once, whatever becomes of its message.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use data_encoding::BASE64;
use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::problem::Code;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{AssignIncomeRequest, IncomeReport, IncomeState, IncomeView, path};
use farthing_issuer::{
    Authority, Figure, FundingSettingsError, HomeError, IncomeError, LedgerError, MintHome, MovementError, QuoteError,
    VoucherError, WEBHOOK, WebhookAnswer, run,
};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{QuoteAnswer, QuoteCall, QuoteDraft, QuoteId, QuoteRequest, QuoteState, mint_path};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, Keypair, MintId};
use farthing_protocol::ids::OperationId;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{Fault, World, amount};
use crate::wallet::Wallet;

const DAY: u64 = 86_400;

/// A mint that gives quotes, and takes reports somewhere.
pub(crate) async fn world() -> World {
    let mut world = World::new().await;
    configure(
        &mut world,
        "payment = \"Pay {amount} ({units}), name {quote}\"\nmost_open = 40\nwebhook_listen = \"127.0.0.1:0\"",
    )
    .await;
    world
}

/// Sets what stands under `[funding]`.
async fn configure(world: &mut World, lines: &str) {
    world.close();
    let file = world.home.folder().join("mint.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[funding]").unwrap();
    std::fs::write(&file, format!("{before}[funding]\n{lines}\n")).unwrap();
    world.home = MintHome::open(world.home.folder()).unwrap();
    world.reopen().await;
}

fn draft(world: &World, key: &Keypair, units: u64) -> QuoteDraft {
    QuoteDraft {
        account: AccountKey::from(key),
        mint: world.id(),
        operation: OperationId::from_bytes(rand::random()),
        amount: amount(units),
        unit: Unit::new("EUR", 2).unwrap(),
        requested_at: world.now(),
    }
}

pub(crate) fn request(world: &World, key: &Keypair, units: u64) -> QuoteRequest {
    draft(world, key, units).sign(key).unwrap()
}

pub(crate) async fn ask(world: &World, request: &QuoteRequest) -> Result<QuoteAnswer, QuoteError> {
    world.mint().books().request_quote(request).await
}

pub(crate) async fn receive(
    world: &World,
    id: &str,
    quote: &str,
    units: u64,
) -> Result<(IncomeState, bool), IncomeError> {
    world.mint().books().receive(id, quote, amount(units)).await.map(|(view, known)| (view.state, known))
}

/// Funded, paid out, Σ balances.
pub(crate) async fn books(world: &World) -> [u64; 3] {
    let report = world.audit().await.units.remove(0);
    [report.funded, report.paid_out, report.balances].map(|amount| amount.units())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_paid_and_credited_once() {
    let mut world = world().await;
    let ann = Wallet::new(&world.id());
    let request = request(&world, &ann.account, 1250);
    let quote = ask(&world, &request).await.unwrap();
    let name = quote.quote.to_text();
    assert_eq!(quote.payment, format!("Pay 12.50 EUR (1250), name {name}"));
    assert_eq!((quote.state, quote.credited, quote.expires_at), (QuoteState::Open, amount(0), world.now().plus(DAY)));
    assert_eq!(ask(&world, &request).await.unwrap(), quote);
    assert_eq!(receive(&world, "p1", &name, 1250).await, Ok((IncomeState::Credited, false)));
    world.reopen().await;
    assert_eq!(receive(&world, "p1", &name, 1250).await, Ok((IncomeState::Credited, true)));
    assert_eq!(world.balance(&ann.key()).await, 1250);
    world.clock.pass(10 * DAY);
    let paid = ask(&world, &request).await.unwrap();
    assert_eq!((paid.state, paid.credited), (QuoteState::Paid, amount(1250)));
    // The name of a payment is the processor's: it stands for one amount and quote.
    assert_eq!(receive(&world, "p1", &name, 1251).await, Err(IncomeError::IdUsed));
    assert_eq!(receive(&world, "p1", "", 1250).await, Err(IncomeError::IdUsed));
    assert_eq!(books(&world).await, [1250, 0, 1250]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_credited_as_it_comes() {
    let world = world().await;
    let ann = Wallet::new(&world.id());
    let request = request(&world, &ann.account, 1000);
    let name = ask(&world, &request).await.unwrap().quote.to_text();
    // Too little, in another writing; then the rest and more; then a day late.
    let written = format!("{}-{}", name[..9].to_lowercase(), &name[9..]);
    assert_eq!(receive(&world, "p1", &written, 400).await, Ok((IncomeState::Credited, false)));
    assert_eq!(receive(&world, "p2", &name, 700).await, Ok((IncomeState::Credited, false)));
    world.clock.pass(DAY);
    assert_eq!(receive(&world, "p3", &name, 5).await, Ok((IncomeState::Late, false)));
    assert_eq!(world.balance(&ann.key()).await, 1105);
    assert_eq!(ask(&world, &request).await.unwrap().credited, amount(1105));
    let reported = world.mint().books().incomes(true, None, 10).await.unwrap();
    assert_eq!(reported.iter().map(|one| one.state).collect::<Vec<_>>(), {
        [IncomeState::Credited, IncomeState::Credited, IncomeState::Late]
    });
    assert!(world.mint().books().incomes(false, None, 10).await.unwrap().is_empty());
    assert_eq!(books(&world).await, [1105, 0, 1105]);
    for (id, quote) in [("", "FQ"), (&"x".repeat(129), "FQ"), ("p\n", "FQ")] {
        assert_eq!(receive(&world, id, quote, 1).await, Err(IncomeError::Text), "{id:?} {quote:?}");
    }
    assert_eq!(receive(&world, "p4", &name, 0).await, Err(IncomeError::Zero));
}

/// His money is his, whatever he wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_cannot_be_shown_is_held_as_it_can() {
    let world = world().await;
    let ann = Wallet::new(&world.id());
    let name = ask(&world, &request(&world, &ann.account, 1000)).await.unwrap().quote.to_text();
    let long = "\u{7}".repeat(300);
    for (id, quote) in [("p1", "rent\u{202e}\u{0}!"), ("p2", &long), ("p3", &format!("{name}\u{7}"))] {
        for known in [false, true] {
            assert_eq!(receive(&world, id, quote, 3).await, Ok((IncomeState::Held, known)), "{quote:?}");
        }
    }
    assert_eq!(receive(&world, "p1", "rent", 3).await, Err(IncomeError::IdUsed));
    // A bank breaks lines where it likes.
    let broken = format!("{}\r\n{}", &name[..9], &name[9..]);
    assert_eq!(receive(&world, "p4", &broken, 1000).await, Ok((IncomeState::Credited, false)));
    assert_eq!(world.balance(&ann.key()).await, 1000);
    let held = world.mint().books().incomes(false, None, 10).await.unwrap();
    let shown: Vec<_> = held.iter().map(|one| one.quote.clone()).collect();
    assert_eq!(shown, ["rent??!".to_owned(), "?".repeat(256), format!("{name}?")]);
    assert_eq!(books(&world).await, [1009, 0, 1009]);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_is_credited_until_the_quote_is_forgotten_and_then_held() {
    let world = world().await;
    let ann = Wallet::new(&world.id());
    let request = request(&world, &ann.account, 1000);
    let name = ask(&world, &request).await.unwrap().quote.to_text();
    world.clock.pass(DAY);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(ask(&world, &request).await.unwrap().state, QuoteState::Expired);
    world.clock.pass(90 * DAY - 1);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(receive(&world, "p1", &name, 10).await, Ok((IncomeState::Late, false)));
    world.clock.pass(1);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(receive(&world, "p2", &name, 20).await, Ok((IncomeState::Held, false)));
    assert_eq!(ask(&world, &request).await, Err(QuoteError::NotNow), "it is not given anew");
    // What was credited stays known.
    assert_eq!(receive(&world, "p1", &name, 10).await, Ok((IncomeState::Late, true)));
    assert_eq!(world.balance(&ann.key()).await, 10);
    assert_eq!(books(&world).await, [30, 0, 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_nobody_known_waits_for_the_operator() {
    let mut world = world().await;
    let (ann, bob) = (Wallet::new(&world.id()), Wallet::new(&world.id()));
    let unknown = QuoteId::from_bytes([9; 10]).to_text();
    for (id, quote, units) in [("p1", unknown.as_str(), 100), ("p2", "rent, thanks", 20), ("p3", "", 3)] {
        assert_eq!(receive(&world, id, quote, units).await, Ok((IncomeState::Held, false)));
        assert_eq!(receive(&world, id, quote, units).await, Ok((IncomeState::Held, true)));
    }
    let held = world.mint().books().incomes(false, None, 2).await.unwrap();
    assert_eq!((held.len(), held[1].quote.as_str(), held[1].number), (2, "rent, thanks", 1));
    assert_eq!(world.mint().books().incomes(false, Some(1), 10).await.unwrap().len(), 1);
    assert_eq!(books(&world).await, [123, 0, 123]);
    world.clock.pass(10);
    for _ in 0..2 {
        let assigned = world.mint().books().assign_income(0, ann.key()).await.unwrap();
        assert_eq!((assigned.state, assigned.account), (IncomeState::Assigned, Some(ann.key())));
        let returned = world.mint().books().return_income(1).await.unwrap();
        assert_eq!((returned.state, returned.settled_at), (IncomeState::Returned, Some(held[1].received_at.plus(10))));
        world.reopen().await;
    }
    let again = async |number, to| world.mint().books().assign_income(number, to).await.map(drop);
    assert_eq!(again(0, bob.key()).await, Err(IncomeError::NotHeld));
    assert_eq!(again(1, ann.key()).await, Err(IncomeError::NotHeld));
    assert_eq!(again(3, ann.key()).await, Err(IncomeError::Unknown));
    assert_eq!(world.mint().books().return_income(0).await.map(drop), Err(IncomeError::NotHeld));
    assert_eq!((world.balance(&ann.key()).await, world.balance(&bob.key()).await), (100, 0));
    assert_eq!(books(&world).await, [123, 20, 103]);
    assert_eq!(receive(&world, "p2", "rent, thanks", 20).await, Ok((IncomeState::Returned, true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_alone_asks_now_and_not_for_too_much() {
    let mut world = world().await;
    let (ann, bob) = (Wallet::new(&world.id()), Wallet::new(&world.id()));
    let honest = request(&world, &ann.account, 5);
    let mut bytes = honest.to_bytes();
    bytes[1..33].copy_from_slice(bob.key().as_bytes());
    let forged = QuoteRequest::from_bytes(&bytes).unwrap();
    assert_eq!(ask(&world, &forged).await, Err(QuoteError::InvalidSignature));
    let elsewhere = QuoteDraft { mint: MintId::from_bytes([7; 32]), ..draft(&world, &ann.account, 5) };
    let elsewhere = elsewhere.sign(&ann.account).unwrap();
    assert_eq!(ask(&world, &elsewhere).await, Err(QuoteError::InvalidSignature));
    let dollars = QuoteDraft { unit: Unit::new("USD", 2).unwrap(), ..draft(&world, &ann.account, 5) };
    assert_eq!(ask(&world, &dollars.sign(&ann.account).unwrap()).await, Err(QuoteError::NotOffered));
    let at = |requested_at| QuoteDraft { requested_at, ..draft(&world, &ann.account, 5) }.sign(&ann.account).unwrap();
    for late in [world.now().plus(301), world.now().minus(301)] {
        assert_eq!(ask(&world, &at(late)).await, Err(QuoteError::NotNow));
    }
    let first = ask(&world, &honest).await.unwrap();
    let other = QuoteDraft { amount: amount(6), ..honest.draft().clone() }.sign(&ann.account).unwrap();
    assert_eq!(ask(&world, &other).await, Err(QuoteError::OperationUsed));

    // Sixteen of one account wait, twenty of all accounts that never held anything, forty of all of them.
    let open = async |key: &Keypair| ask(&world, &request(&world, key, 1)).await;
    for _ in 1..16 {
        open(&ann.account).await.unwrap();
    }
    assert_eq!(open(&ann.account).await.map(drop), Err(QuoteError::TooMany));
    for _ in 0..4 {
        open(&bob.account).await.unwrap();
    }
    assert_eq!(open(&bob.account).await.map(drop), Err(QuoteError::TooMany));
    let (carol, dave) = (Wallet::funded(&world, 5).await, Wallet::funded(&world, 5).await);
    for _ in 0..16 {
        open(&carol.account).await.unwrap();
    }
    assert_eq!(open(&carol.account).await.map(drop), Err(QuoteError::TooMany));
    for _ in 0..4 {
        open(&dave.account).await.unwrap();
    }
    assert_eq!(open(&dave.account).await.map(drop), Err(QuoteError::TooMany));
    // What was given before is told, and what is paid waits no longer.
    assert_eq!(ask(&world, &honest).await.unwrap(), first);
    receive(&world, "p1", &first.quote.to_text(), 5).await.unwrap();
    open(&ann.account).await.unwrap();
    assert_eq!(open(&ann.account).await.map(drop), Err(QuoteError::TooMany));
    // Nor what has expired.
    world.clock.pass(DAY);
    world.mint().books().expire_quotes().await.unwrap();
    open(&ann.account).await.unwrap();
    open(&bob.account).await.unwrap();

    configure(&mut world, "").await;
    assert_eq!(ask(&world, &request(&world, &ann.account, 1)).await, Err(QuoteError::NotOffered));
    assert_eq!(ask(&world, &honest).await.unwrap().state, QuoteState::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_under_many_keys_keeps_nobody_out_for_long() {
    let mut world = world().await;
    let ann = Wallet::new(&world.id());
    let first = request(&world, &ann.account, 100);
    let name = ask(&world, &first).await.unwrap().quote.to_text();
    world.clock.pass(1);
    let stranger = async |world: &World| ask(world, &request(world, &Wallet::new(&world.id()).account, 1)).await;
    let mut flood = Vec::new();
    for _ in 1..20 {
        flood.push(stranger(&world).await.unwrap().quote.to_text());
    }
    assert_eq!(stranger(&world).await.map(drop), Err(QuoteError::TooMany));
    // Whoever holds something here has places that no stranger takes.
    let known = [Wallet::funded(&world, 5).await, Wallet::funded(&world, 5).await];
    for number in 0..20 {
        ask(&world, &request(&world, &known[number / 16].account, 1)).await.unwrap();
    }
    assert_eq!(ask(&world, &request(&world, &known[1].account, 1)).await.map(drop), Err(QuoteError::TooMany));

    // What has waited an hour gives way, the oldest first, and nothing else does.
    world.clock.pass(3599);
    world.reopen().await;
    stranger(&world).await.unwrap();
    assert_eq!(stranger(&world).await.map(drop), Err(QuoteError::TooMany));
    let ended = ask(&world, &first).await.unwrap();
    assert_eq!((ended.state, ended.expires_at), (QuoteState::Expired, world.now()));
    // Its payer's money is his all the same.
    assert_eq!(receive(&world, "p1", &name, 100).await, Ok((IncomeState::Late, false)));
    assert_eq!(world.balance(&ann.key()).await, 100);
    world.clock.pass(1);
    // A stranger gives way to a known account too, and never the other way round.
    ask(&world, &request(&world, &known[1].account, 1)).await.unwrap();
    for _ in 0..18 {
        stranger(&world).await.unwrap();
    }
    assert_eq!(stranger(&world).await.map(drop), Err(QuoteError::TooMany));
    for wallet in &known {
        let asked = ask(&world, &request(&world, &wallet.account, 1)).await.map(drop);
        assert_eq!(asked, if wallet.key() == known[0].key() { Err(QuoteError::TooMany) } else { Ok(()) });
    }

    // One that gave way is known for a day, and then money for it is held.
    world.clock.pass(DAY - 1);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(receive(&world, "p2", &flood[0], 7).await, Ok((IncomeState::Late, false)));
    world.clock.pass(1);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(receive(&world, "p3", &flood[1], 8).await, Ok((IncomeState::Held, false)));
    assert_eq!(books(&world).await, [125, 0, 125]);
    // All places are free again.
    for _ in 0..20 {
        stranger(&world).await.unwrap();
    }
    assert_eq!(stranger(&world).await.map(drop), Err(QuoteError::TooMany));
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_from_before_there_was_a_queue_end_and_are_paid_as_ever() {
    let mut world = world().await;
    let ann = Wallet::new(&world.id());
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(ask(&world, &request(&world, &ann.account, 1)).await.unwrap().quote.to_text());
    }
    world
        .tamper(|txn| {
            for (key, _) in txn.scan_prefix(b"quote-queue/", None, 10).unwrap() {
                txn.delete(&key).unwrap();
            }
            txn.delete(b"meta/quotes/strangers").unwrap();
        })
        .await;
    assert_eq!(receive(&world, "p1", &names[0], 10).await, Ok((IncomeState::Credited, false)));
    world.clock.pass(DAY);
    world.mint().books().expire_quotes().await.unwrap();
    assert_eq!(receive(&world, "p2", &names[1], 10).await, Ok((IncomeState::Late, false)));
    for _ in 0..16 {
        ask(&world, &request(&world, &ann.account, 1)).await.unwrap();
    }
    assert_eq!(ask(&world, &request(&world, &ann.account, 1)).await.map(drop), Err(QuoteError::TooMany));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_unknown_outcome_is_asked_again() {
    for fault in [Fault::NotPersisted, Fault::Persisted] {
        let mut world = world().await;
        let ann = Wallet::new(&world.id());
        let request = request(&world, &ann.account, 100);
        world.fail_next(fault);
        assert_eq!(ask(&world, &request).await, Err(QuoteError::Ledger(LedgerError::Unavailable)));
        world.reopen().await;
        let name = ask(&world, &request).await.unwrap().quote.to_text();
        let lost = Err(IncomeError::Ledger(LedgerError::Unavailable));
        world.fail_next(fault);
        assert_eq!(receive(&world, "p1", &name, 100).await, lost);
        world.reopen().await;
        let known = matches!(fault, Fault::Persisted);
        assert_eq!(receive(&world, "p1", &name, 100).await, Ok((IncomeState::Credited, known)));
        receive(&world, "p2", "", 7).await.unwrap();
        world.fail_next(fault);
        assert_eq!(world.mint().books().assign_income(1, ann.key()).await.map(drop), lost.map(drop));
        world.reopen().await;
        world.mint().books().assign_income(1, ann.key()).await.unwrap();
        assert_eq!(world.balance(&ann.key()).await, 107);
        assert_eq!(books(&world).await, [107, 0, 107]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_report_from_many_at_once_is_one_credit() {
    let world = world().await;
    let ann = Wallet::new(&world.id());
    let name = ask(&world, &request(&world, &ann.account, 100)).await.unwrap().quote.to_text();
    let mut reporting = tokio::task::JoinSet::new();
    for number in 0..32 {
        let (books, name) = (world.mint().books().clone(), name.clone());
        reporting.spawn(async move { books.receive(format!("p{}", number % 4), name, amount(100)).await.unwrap().1 });
    }
    let fresh = reporting.join_all().await.into_iter().filter(|known| !known).count();
    assert_eq!((fresh, world.balance(&ann.key()).await), (4, 400));
    assert_eq!(books(&world).await, [400, 0, 400]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tampered_with_is_found() {
    type Tampering = fn(&mut farthing_durable::Txn<'_>);
    fn first(txn: &farthing_durable::Txn<'_>, prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
        txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap()
    }
    fn remove(txn: &mut farthing_durable::Txn<'_>, prefix: &[u8]) {
        txn.delete(&first(txn, prefix).0).unwrap();
    }
    let cases: [(Tampering, &[Figure]); 5] = [
        (|txn| remove(txn, b"income/"), &[Figure::Income, Figure::Funded, Figure::AccountBalance]),
        (|txn| remove(txn, b"income-id/"), &[Figure::Income]),
        (|txn| remove(txn, b"income-held/"), &[Figure::Income]),
        (|txn| remove(txn, b"meta/income"), &[Figure::Income]),
        (
            |txn| {
                // The last nine bytes of one that is held are 2; of one that was returned 4 and the time.
                let key = [b"income/".as_slice(), &1_u64.to_be_bytes()].concat();
                let mut value = txn.get(&key).unwrap().unwrap();
                assert_eq!(value.pop(), Some(2));
                value.extend([4, 0, 0, 0, 0, 0, 0, 0, 0]);
                txn.put(&key, &value).unwrap();
            },
            &[Figure::Income, Figure::PaidOut, Figure::AccountBalance],
        ),
    ];
    for (number, (tampering, expected)) in cases.into_iter().enumerate() {
        let mut world = world().await;
        let ann = Wallet::new(&world.id());
        let name = ask(&world, &request(&world, &ann.account, 100)).await.unwrap().quote.to_text();
        receive(&world, "p1", &name, 100).await.unwrap();
        receive(&world, "p2", "", 7).await.unwrap();
        world.audit().await;
        world.tamper(tampering).await;
        let found = world.differing().await;
        for figure in expected {
            assert!(found.contains(figure), "case {number}: {figure:?} not in {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_work_are_named() {
    let world = World::new().await;
    let file = world.home.folder().join("mint.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[funding]\n", "[funding]\npayment = \"send money\"\n")).unwrap();
    let opened = MintHome::open(world.home.folder()).map(drop);
    assert!(matches!(opened, Err(HomeError::Funding(FundingSettingsError::NoQuote))), "{opened:?}");
    // A file from before there was such a section.
    let (before, _) = text.split_once("# How money comes into accounts").unwrap();
    std::fs::write(&file, before).unwrap();
    MintHome::open(world.home.folder()).unwrap();
}

/// A mint that is being served, and its processor.
struct Served {
    world: World,
    running: farthing_issuer::RunningMint,
    secret: String,
}

impl Served {
    async fn new() -> Self {
        let world = world().await;
        let secret = world.mint().books().new_webhook_secret(Authority::local()).await.unwrap().to_string();
        let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
        Self { world, running, secret }
    }

    fn payment(id: &str, quote: &str, units: u64) -> String {
        json!({ "id": id, "quote": quote, "amount": units.to_string(), "unit": "EUR" }).to_string()
    }

    /// The headers of an honest message of now.
    fn headers(&self, body: &str) -> [(String, String); 3] {
        self.headers_at(&self.secret, body, self.world.now().seconds())
    }

    fn headers_at(&self, secret: &str, body: &str, at: u64) -> [(String, String); 3] {
        let id = "msg_1";
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
        [("webhook-id", id.to_owned()), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)]
            .map(|(name, value)| (name.to_owned(), value))
    }

    /// Status and body of the answer.
    async fn post(&self, headers: &[(String, String)], body: &str) -> (u16, Value) {
        let address = self.running.webhook.unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let text = format!(
            "POST {WEBHOOK} HTTP/1.1\r\nhost: mint\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
    }

    async fn take(&self, headers: &[(String, String)], body: &str) -> WebhookAnswer {
        let (status, answer) = self.post(headers, body).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    async fn refused(&self, headers: &[(String, String)], body: &str) -> Code {
        let (_, answer) = self.post(headers, body).await;
        Code::parse(answer["code"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
    }

    async fn quote(&self, wallet: &Wallet) -> String {
        ask(&self.world, &request(&self.world, &wallet.account, 100)).await.unwrap().quote.to_text()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_taken_once_however_often_and_in_whatever_order_it_comes() {
    let served = Served::new().await;
    let ann = Wallet::new(&served.world.id());
    let (early, later) = (served.quote(&ann).await, served.quote(&ann).await);
    // The later payment's message comes first; each is sent again, by the processor and by somebody who saw it.
    for (id, quote, units) in [("p2", &later, 30), ("p1", &early, 100)] {
        let body = Served::payment(id, quote, units);
        let headers = served.headers(&body);
        assert_eq!(served.take(&headers, &body).await, WebhookAnswer { state: IncomeState::Credited, known: false });
        assert_eq!(served.take(&headers, &body).await, WebhookAnswer { state: IncomeState::Credited, known: true });
        // With another time, and another order of the fields, it is the same payment.
        served.world.clock.pass(100);
        let again = format!("{{\"unit\":\"EUR\",\"amount\":\"{units}\",\"quote\":\"{quote}\",\"id\":\"{id}\"}}");
        let known = served.take(&served.headers(&again), &again).await.known;
        assert!(known);
    }
    let late = served.quote(&ann).await;
    served.world.clock.pass(DAY);
    let body = Served::payment("p3", &late, 7);
    let known = served.take(&served.headers(&body), &body).await;
    assert_eq!(known, WebhookAnswer { state: IncomeState::Late, known: false });
    let body = Served::payment("p4", "nobody", 1);
    assert_eq!(served.take(&served.headers(&body), &body).await.state, IncomeState::Held);
    let body = Served::payment("p1", &early, 101);
    assert_eq!(served.refused(&served.headers(&body), &body).await, Code::FundingUsed);
    assert_eq!(served.world.balance(&ann.key()).await, 137);
    assert_eq!(books(&served.world).await, [138, 0, 138]);
    served.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_stale_or_no_report_credits_nothing() {
    let served = Served::new().await;
    let ann = Wallet::new(&served.world.id());
    let name = served.quote(&ann).await;
    let body = Served::payment("p1", &name, 100);
    let honest = served.headers(&body);
    let now = served.world.now().seconds();
    let other = farthing_verifier::webhook::Secrets::generate();
    let mut unsigned = vec![Vec::new(), honest[..2].to_vec(), honest[1..].to_vec()];
    unsigned.extend([
        vec![honest[0].clone(), honest[2].clone()],
        served.headers_at(&other, &body, now).to_vec(),
        served.headers_at(&served.secret, &body, now - 301).to_vec(),
        served.headers_at(&served.secret, &body, now + 301).to_vec(),
        served.headers_at(&served.secret, &Served::payment("p1", &name, 1), now).to_vec(),
    ]);
    for headers in unsigned {
        assert_eq!(served.refused(&headers, &body).await, Code::Unauthorized, "{headers:?}");
    }
    let mut other_id = honest.clone();
    other_id[0].1 = "msg_2".to_owned();
    assert_eq!(served.refused(&other_id, &body).await, Code::Unauthorized);
    // An honest one that somebody kept.
    served.world.clock.pass(301);
    assert_eq!(served.refused(&honest, &body).await, Code::Unauthorized);

    let signed = async |body: &str| served.refused(&served.headers(body), body).await;
    assert_eq!(signed("").await, Code::BadRequest);
    assert_eq!(signed("{}").await, Code::BadRequest);
    assert_eq!(signed(&body.replace("EUR", "USD")).await, Code::UnsupportedKind);
    assert_eq!(signed(&body.replace("\"100\"", "100")).await, Code::BadRequest);
    assert_eq!(signed(&body.replace("\"100\"", "\"-100\"")).await, Code::BadRequest);
    assert_eq!(signed(&body.replace("\"100\"", "\"0\"")).await, Code::AmountOutOfRange);
    assert_eq!(signed(&body.replace("{", "{\"more\":1,")).await, Code::UnknownField);
    assert_eq!(signed(&"x".repeat(17 << 10)).await, Code::BodyTooLarge);
    assert_eq!(served.world.balance(&ann.key()).await, 0);
    assert!(served.world.mint().books().incomes(true, None, 10).await.unwrap().is_empty());
    // Nothing else is served there, and nothing of it elsewhere.
    let base = BaseUrl::parse(&format!("http://{}", served.running.local_addr)).unwrap();
    let client = HttpClient::builder().build().unwrap();
    let public = client.post_json::<_, Value>(&base.join(WEBHOOK).unwrap(), &json!({})).await;
    assert!(matches!(public, Err(CallError::Refused(_, 404))));
    served.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_losing_a_message() {
    let served = Served::new().await;
    let first = served.secret.clone();
    let second = served.world.mint().books().new_webhook_secret(Authority::local()).await.unwrap();
    let third = served.world.mint().books().new_webhook_secret(Authority::local()).await.unwrap();
    let file = served.world.home.webhook_secret_file();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n{}\n", *third, *second));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let now = served.world.now().seconds();
    for (number, secret) in [(1, &*second), (2, &*third)] {
        let body = Served::payment(&format!("p{number}"), "", 1);
        assert!(!served.take(&served.headers_at(secret, &body, now), &body).await.known);
    }
    let body = Served::payment("p3", "", 1);
    assert_eq!(served.refused(&served.headers_at(&first, &body, now), &body).await, Code::Unauthorized);
    // Who reads it can have anything credited: a file that others read verifies nothing.
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(served.refused(&served.headers_at(&third, &body, now), &body).await, Code::Unavailable);
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert!(served.take(&served.headers_at(&third, &body, now), &body).await.state == IncomeState::Held);
    // A file that holds nothing that can be used verifies nothing, and is not written over.
    std::fs::write(&file, "hunter2\n").unwrap();
    assert_eq!(served.refused(&served.headers_at(&third, &body, now), &body).await, Code::Unavailable);
    assert!(served.world.mint().books().new_webhook_secret(Authority::local()).await.is_err());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(served.refused(&served.headers_at(&third, &body, now), &body).await, Code::Unavailable);
    served.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_and_held_money_over_their_sockets() {
    let served = Served::new().await;
    let world = &served.world;
    let ann = Wallet::new(&world.id());
    let base = BaseUrl::parse(&format!("http://{}", served.running.local_addr)).unwrap();
    let client = HttpClient::builder().build().unwrap();
    let url = base.join(mint_path::QUOTE).unwrap();
    let call = QuoteCall { request: request(world, &ann.account, 100) };
    let quote: QuoteAnswer = client.post_json(&url, &call).await.unwrap();
    let refused = async |call: &QuoteCall| match client.post_json::<_, Value>(&url, call).await {
        Err(CallError::Refused(problem, _)) => problem.known().unwrap(),
        other => panic!("{other:?}"),
    };
    let old = QuoteDraft { requested_at: world.now().minus(301), ..draft(world, &ann.account, 1) };
    assert_eq!(refused(&QuoteCall { request: old.sign(&ann.account).unwrap() }).await, Code::RequestExpired);
    let other = QuoteDraft { amount: amount(1), ..call.request.draft().clone() };
    assert_eq!(refused(&QuoteCall { request: other.sign(&ann.account).unwrap() }).await, Code::FundingUsed);
    for _ in 1..16 {
        let call = QuoteCall { request: request(world, &ann.account, 100) };
        client.post_json::<_, QuoteAnswer>(&url, &call).await.unwrap();
    }
    let call = QuoteCall { request: request(world, &ann.account, 100) };
    assert_eq!(refused(&call).await, Code::RateLimited);

    for (id, name) in [("p1", quote.quote.to_text()), ("p2", String::new())] {
        let body = Served::payment(id, &name, 5);
        served.take(&served.headers(&body), &body).await;
    }
    let control = UnixClient::new(world.home.control_socket()).unwrap();
    let held: IncomeReport = control.get_json(path::INCOME).await.unwrap();
    assert_eq!((held.payments.len(), held.payments[0].number, held.next), (1, 1, None));
    let all: IncomeReport = control.get_json_with(path::INCOME, &[("all", "true")]).await.unwrap();
    assert_eq!(all.payments.len(), 2);
    let assign = AssignIncomeRequest { number: 1, account: Some(ann.key()) };
    let assigned: IncomeView = control.post_json(path::ASSIGN_INCOME, &assign).await.unwrap();
    assert_eq!(assigned.state, IncomeState::Assigned);
    let returned = AssignIncomeRequest { number: 1, account: None };
    let refused = control.post_json::<_, Value>(path::ASSIGN_INCOME, &returned).await;
    assert!(matches!(refused, Err(CallError::Refused(_, 409))));
    assert_eq!(world.balance(&ann.key()).await, 10);
    served.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_without_a_webhook_listens_for_none() {
    let world = World::new().await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    assert_eq!(running.webhook, None);
    tokio::time::timeout(Duration::from_secs(30), running.stop()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_cannot_be_read_are_told_before_money_comes() {
    let world = world().await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    crate::watch::until(async || world.mint().alarms() == [farthing_issuer::Alarm::Webhook]).await;
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_single_payment_uses_the_books_up() {
    let mut world = world().await;
    let (key, too_much) = (Keypair::generate(&mut rand::rng()), Err(IncomeError::Ledger(LedgerError::TooMuch)));
    let name = ask(&world, &request(&world, &key, 500)).await.unwrap().quote.to_text();
    let most = 1 << 40;
    for (id, quote, units) in [("p1", name.as_str(), most + 1), ("p2", "nobody", u64::MAX >> 1)] {
        assert_eq!(receive(&world, id, quote, units).await, too_much);
    }
    let account = AccountKey::from(&key);
    let credited = world.mint().books().credit(account, amount(most + 1), "bank").await;
    assert_eq!(credited, Err(MovementError::Ledger(LedgerError::TooMuch)));
    // Each is worth less; all of them are not.
    let keys = [Keypair::generate(&mut rand::rng()), Keypair::generate(&mut rand::rng())];
    let batch = crate::vouchers::batch(&world, &keys, 600);
    world.configure(|text| format!("{text}\n[accounts]\nmost_payment = 1000\n"));
    world.reopen().await;
    let refused = world.mint().books().create_vouchers(batch).await;
    assert_eq!(refused.unwrap_err(), VoucherError::Ledger(LedgerError::TooMuch));
    assert!(world.audit().await.units.is_empty());
    // Up to it, everything is as before.
    receive(&world, "p1", &name, 1000).await.unwrap();
    // What is known already stays known, whatever is set since.
    world.configure(|text| text.replace("most_payment = 1000", "most_payment = 10"));
    world.reopen().await;
    assert!(receive(&world, "p1", &name, 1000).await.unwrap().1);
    assert_eq!(receive(&world, "p3", &name, 11).await, too_much);
    world.audit().await;
}
