//! What the mint owes and what backs it; and the watch that notices when its books go wrong while it runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{BackingReport, BackingRequest, path};
use farthing_issuer::{Alarm, FinishError, OpenError, RunningMint, run};
use farthing_protocol::api::{DepositOutcome, OpenRequest};
use farthing_protocol::shape::Shape;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{World, amount, pretend_issued};
use crate::wallet::{Wallet, deposit, pay};

async fn opened(world: &World, shape: Shape) -> Result<(), OpenError> {
    let keyset = *world.keyset().await.id();
    world.mint().open_issuance(&OpenRequest { keyset, shape }).await.map(drop)
}

async fn served(world: &World) -> (RunningMint, UnixClient) {
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    (running, UnixClient::new(world.home.control_socket()).unwrap())
}

/// Waits for something that the watch does.
pub(crate) async fn until(mut there: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if there().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_issued_while_more_is_owed_than_backed_and_the_rest_goes_on() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1_000).await;
    let (keyset, shop) = (world.keyset().await, Wallet::new(&world.id()));
    let coins = wallet.coins(&world, 600).await;
    let books = world.mint().books().clone();
    let report = books.backing().await.unwrap();
    assert_eq!((report.outstanding, report.owed, report.backing), (amount(600), amount(1_000), None));
    // As much as is owed is enough.
    assert!(books.declare_backing(Some(amount(1_000))).await.unwrap().is_backed());
    wallet.withdraw(&world, Shape::Withdrawal(amount(100))).await.unwrap();
    // Somebody gives himself money.
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(1))).await;
    world.mint().credit(wallet.key(), amount(1), "out of nothing").await.unwrap();
    // No look was taken yet: the transaction itself refuses.
    let refused = world.mint().finish(draft.by_account(&wallet.account, crate::wallet::operation())).await;
    assert_eq!(refused, Err(FinishError::NotBacked));
    assert!(!books.declare_backing(Some(amount(1_000))).await.unwrap().is_backed());
    assert_eq!(opened(&world, Shape::Withdrawal(amount(1))).await, Err(OpenError::NotBacked));
    assert_eq!(world.mint().alarms(), [Alarm::NotBacked]);
    let coins = wallet.swap(&world, &keyset, Shape::Renew(amount(600)), &coins).await.unwrap();
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    assert!(matches!(paid[..], [DepositOutcome::Accepted { .. }]));
    // It is still so after a restart: what was declared is in the ledger.
    drop(books);
    world.reopen().await;
    assert_eq!(world.mint().books().backing().await.unwrap().backing, Some(amount(1_000)));
    let refused = wallet.withdraw(&world, Shape::Withdrawal(amount(1))).await.map(drop);
    assert_eq!(refused, Err(FinishError::NotBacked));
    // Paid out, less is owed.
    world.mint().books().pay_out(shop.key(), amount(600), "bank").await.unwrap();
    wallet.withdraw(&world, Shape::Withdrawal(amount(1))).await.unwrap();
    assert_eq!(world.mint().books().declare_backing(None).await.unwrap().backing, None);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fee_income_is_not_owed() {
    let world = World::with_fees(100_000, 0).await;
    let mut wallet = Wallet::funded(&world, 1_100).await;
    wallet.coins(&world, 1_000).await;
    let report = world.mint().books().backing().await.unwrap();
    assert_eq!((report.outstanding, report.owed), (amount(1_000), amount(1_000)));
    let audited = world.audit().await.units.remove(0);
    assert_eq!((audited.owed(), audited.fees, audited.is_balanced()), (amount(1_000), amount(100), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_declares_over_the_control_socket() {
    let world = World::new().await;
    let (running, control) = served(&world).await;
    let declare =
        async |amount| -> BackingReport { control.post_json(path::BACKING, &BackingRequest { amount }).await.unwrap() };
    let declared = declare(Some(amount(5))).await;
    assert_eq!((declared.backing, declared.declared_at), (Some(amount(5)), Some(world.now())));
    world.clock.pass(60);
    // The same again changes nothing.
    assert_eq!(declare(Some(amount(5))).await, declared);
    assert_eq!(control.get_json::<BackingReport>(path::BACKING).await.unwrap(), declared);
    assert_eq!(declare(None).await.declared_at, None);
    running.stop().await.unwrap();
}

/// A program that writes down what it is told.
fn alert(folder: &Path) -> (Vec<String>, PathBuf) {
    let told = folder.join("told");
    let script = "echo \"$FARTHING_ALERT_STATE $FARTHING_ALERT: $FARTHING_ALERT_TEXT\" >> \"$0\"; env >> \"$0.env\"";
    let command = ["sh", "-c", script, told.to_str().unwrap()].map(str::to_owned);
    (command.to_vec(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_told_when_it_begins_and_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (command, told) = alert(folder.path());
    let world = World::with(|options| options.service.alert_command = command).await;
    let (running, control) = served(&world).await;
    let public = BaseUrl::parse(&format!("http://{}", running.local_addr)).unwrap();
    let client = HttpClient::builder().build().unwrap();
    let ready = async || client.get_json::<Value>(&public.join("/ready").unwrap()).await;
    assert_eq!(ready().await.unwrap(), json!({ "ready": true }));
    Wallet::funded(&world, 10).await;
    world.mint().books().declare_backing(Some(amount(9))).await.unwrap();
    match ready().await {
        Err(CallError::Refused(problem, 503)) => {
            assert_eq!(problem.detail(), Some(Alarm::NotBacked.sentence()));
        }
        other => panic!("{other:?}"),
    }
    // It can still work.
    assert_eq!(client.get_json::<Value>(&public.join("/health").unwrap()).await.unwrap(), json!({ "ok": true }));
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    until(async || lines().lines().count() == 1).await;
    assert_eq!(lines(), format!("began not_backed: {}\n", Alarm::NotBacked.sentence()));
    world.mint().books().declare_backing(Some(amount(10))).await.unwrap();
    until(async || lines().lines().count() == 2).await;
    assert!(lines().lines().nth(1).unwrap().starts_with("ended not_backed: This is over: "));
    assert_eq!(ready().await.unwrap(), json!({ "ready": true }));
    // It gets its own environment, and not this process's: cargo sets some of that.
    let environment = std::fs::read_to_string(folder.path().join("told.env")).unwrap();
    assert!(environment.contains("FARTHING_ALERT=not_backed") && !environment.contains("CARGO"), "{environment}");
    drop(control);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_are_not_right_are_told_and_deposits_go_on() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 37).await;
    let (id, unit) = (*keyset.id(), keyset.terms().unit.clone());
    world.tamper(move |txn| pretend_issued(txn, &id, &unit, amount(1_000))).await;
    assert_eq!(opened(&world, Shape::Withdrawal(amount(1))).await, Err(OpenError::Stopped));
    assert_eq!(opened(&world, Shape::Renew(amount(37))).await, Err(OpenError::Stopped));
    assert_eq!(world.mint().alarms(), [Alarm::BooksNotRight]);
    let (running, _control) = served(&world).await;
    let shop = Wallet::new(&world.id());
    let paid = world.mint().deposit(vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    assert!(matches!(paid[..], [DepositOutcome::Accepted { .. }]), "deposits go on");
    assert!(figures(&world).await.contains("farthing_mint_alarm{alarm=\"books_not_right\"} 1"));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyset_that_ended_is_told() {
    let world = World::new().await;
    assert!(world.mint().alarms().is_empty());
    world.clock.pass(90 * 86_400);
    assert_eq!(world.mint().alarms(), [Alarm::NoKeyset]);
    world.mint().new_keyset().await.unwrap();
    assert!(world.mint().alarms().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_stopped_is_told_and_is_not_healthy() {
    let world = World::new().await;
    let (running, control) = served(&world).await;
    world.fail_next(crate::common::Fault::NotPersisted);
    let wallet = Wallet::new(&world.id());
    world.mint().credit(wallet.key(), amount(1), "lost").await.unwrap_err();
    // Whoever waited is answered before the store has ended.
    until(async || world.mint().alarms().first() == Some(&Alarm::LedgerStopped)).await;
    for at in ["/health", "/ready"] {
        let answer = control.get_json::<Value>(at).await;
        assert!(matches!(answer, Err(CallError::Refused(_, 503))), "{at}: {answer:?}");
    }
    assert!(figures(&world).await.contains("farthing_mint_ledger_writable 0"));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn once_a_day_every_record_is_read_and_old_counts_are_erased() {
    let limits = farthing_issuer::IssueLimits { account_day: Some(amount(50)), ..Default::default() };
    let mut world = World::with(|options| options.limits = limits).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    wallet.coins(&world, 37).await;
    let counted = |txn: &mut farthing_durable::Txn<'_>| txn.scan_prefix(b"day/account/", None, 10).unwrap().len();
    world.tamper(move |txn| assert_eq!(counted(txn), 1)).await;
    let (running, _control) = served(&world).await;
    world.clock.pass(25 * 3600);
    // One audit was made when it was opened.
    until(async || figures(&world).await.contains("farthing_mint_audits_total{found=\"right\"} 2")).await;
    running.stop().await.unwrap();
    world.tamper(move |txn| assert_eq!(counted(txn), 0)).await;
    wallet.coins(&world, 37).await;
    world.audit().await;
}

/// The figures of a running mint.
pub(crate) async fn figures(world: &World) -> String {
    let mut socket = tokio::net::UnixStream::connect(world.home.control_socket()).await.unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: mint\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    text.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_count_and_name_nobody() {
    let world = World::with_fees(100_000, 0).await;
    let (running, _control) = served(&world).await;
    let mut wallet = Wallet::funded(&world, 1_000).await;
    let (keyset, shop) = (world.keyset().await, Wallet::new(&world.id()));
    let coins = wallet.coins(&world, 37).await;
    let coins = wallet.swap(&world, &keyset, Shape::Renew(amount(37)), &coins).await.unwrap();
    let payment = deposit(pay(&keyset, &coins, shop.payee(), world.now()));
    for _ in 0..2 {
        world.mint().deposit(vec![payment.clone()]).await.unwrap();
    }
    assert_eq!(
        wallet.withdraw(&world, Shape::Withdrawal(amount(2_000))).await.map(drop),
        Err(FinishError::InsufficientFunds)
    );
    world.mint().books().declare_backing(Some(amount(1_000))).await.unwrap();
    let text = figures(&world).await;
    for line in [
        "issuances_total{paid_by=\"account\"} 1",
        "issuances_total{paid_by=\"tokens\"} 1",
        "deposits_total{outcome=\"accepted\"} 1",
        "deposits_total{outcome=\"already_accepted\"} 1",
        "refused_total{work=\"finish\",code=\"insufficient_funds\"} 1",
        "work_seconds_count{work=\"deposit\"} 2",
        "funded_units{unit=\"EUR\"} 1000",
        "fees_units{unit=\"EUR\"} 4",
        "issued_units{unit=\"EUR\"} 74",
        "redeemed_units{unit=\"EUR\"} 74",
        "outstanding_units{unit=\"EUR\"} 0",
        "owed_units{unit=\"EUR\"} 996",
        "backing_units{unit=\"EUR\"} 1000",
        "alarm{alarm=\"not_backed\"} 0",
        "requests_at_work 0",
        "ledger_writable 1",
        "keyset_issues_seconds 7776000",
        "signer_reached 1",
        "signer_unreached_seconds 0",
    ] {
        assert!(text.lines().any(|found| found == format!("farthing_mint_{line}")), "{line} is not in\n{text}");
    }
    for private in [wallet.key().to_text(), shop.key().to_text(), payment.payment.id().to_text()] {
        assert!(!text.contains(&private), "{text}");
    }
    running.stop().await.unwrap();
}
