//! Deposits cut short at every step that is written down, and killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farthing_durable::{Engine, Options, Step, Verdict};
use farthing_http::client::HttpClient;
use farthing_protocol::locked::deposit_request;
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{Network, VerifierHome, open_merchant};
use farthing_verifier::keyring::Keyring;
use farthing_verifier::merchant::{Merchant, MerchantKeys, MerchantParts, Tokens};
use farthing_verifier::offline::LockedLimits;
use farthing_verifier::spent;
use farthing_verifier::store::ClearingStore;

use crate::common::NOW;
use crate::double::Mood;
use crate::offline::Fair;

/// The fair's payee, whose commits go through `hook`.
async fn merchant(fair: &Fair, hook: impl Fn(Step) -> Verdict + Send + Sync + 'static) -> Merchant {
    let options = Options::new().indexer(spent::indexer()).hook(hook);
    let engine = Engine::open(&fair.folder.join("store"), options).unwrap();
    let (client, mint) = (HttpClient::builder().build().unwrap(), fair.mint().id());
    let mints = [(mint, fair.mint.url())];
    let keyring = Keyring::open(engine.clone(), fair.folder.join("evidence"), client.clone(), mints).await.unwrap();
    let parts = MerchantParts {
        keys: MerchantKeys::of(fair.payee_key()).locked(fair.lock_key()),
        mint,
        tokens: Tokens::Open,
        unit: None,
        endpoint: None,
        keyring,
        clearing: Some(ClearingStore::new(engine.clone(), mint, &fair.mint.url(), client).unwrap()),
        limits: LockedLimits::default(),
        engine,
        clock: Arc::new(|| NOW),
        at_once: 4,
        webhooks: None,
    };
    Merchant::new(parts).unwrap()
}

#[tokio::test]
async fn a_deposit_cut_short_at_any_commit_is_finished_with_the_same_bytes() {
    for (step, verdict) in [
        (Step::Apply, Verdict::FailBefore),
        (Step::Apply, Verdict::FailAfter),
        (Step::Sync, Verdict::FailBefore),
        (Step::Sync, Verdict::FailAfter),
    ] {
        let mut cut = 0;
        for at in 0.. {
            let mut fair = Fair::open().await;
            let paid = [fair.take(5).await.unwrap(), fair.take(12).await.unwrap()];
            fair.stop().await;
            let commits = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&commits);
            let cutting = move |now: Step| {
                if now == step && counted.fetch_add(1, Ordering::SeqCst) == at { verdict } else { Verdict::Proceed }
            };
            let merchant = merchant(&fair, cutting).await;
            let ran = merchant.deposit().await;
            drop(merchant);
            if commits.load(Ordering::SeqCst) <= at {
                assert!(ran.is_ok(), "nothing stood in the way");
                break;
            }
            cut += 1;
            let sent = fair.mint.double.sent();
            let merchant = fair.online().await;
            let report = merchant.deposit().await.unwrap();
            assert_eq!(
                (report.open.len(), report.refused.len(), report.cause),
                (0, 0, None),
                "{step:?} {verdict:?} {at}"
            );
            // What was sent before is what is sent again, and the mint has each once.
            let again = fair.mint.double.sent();
            let mut later = again[sent.len()..].to_vec();
            later.retain(|bytes| !sent.contains(bytes));
            assert!(sent.is_empty() || later.is_empty(), "{step:?} {verdict:?} {at}");
            for payment in &paid {
                let stored = fair.mint.double.find(&deposit_request(&payment.id())).await.unwrap();
                assert_eq!(stored.amount, payment.amount());
            }
            assert_eq!(merchant.deposit().await.unwrap().credited, []);
        }
        assert!(cut >= 3, "begun, answered, put away: each was cut short");
    }
}

const FOLDER: &str = "FARTHING_TEST_DEPOSIT_FOLDER";

/// Not a test of its own: the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let home = VerifierHome::open(Path::new(&folder)).unwrap();
        let merchant = open_merchant(home, Network::Mint, Arc::new(|| NOW)).await.unwrap();
        writeln!(std::io::stdout(), "\ndepositing").unwrap();
        merchant.deposit().await.unwrap();
    });
}

fn start(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "deposit_faults::the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "depositing"));
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_killed_is_finished_with_the_same_bytes() {
    for decided in [false, true] {
        let mut fair = Fair::with(TestMint::new(NOW), LockedLimits::default()).await;
        let paid = fair.take(21).await.unwrap();
        fair.stop().await;
        fair.mint.mood(Mood::Waits);
        let mut child = start(&fair.folder);
        while fair.mint.asked() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if decided {
            // The mint heard it, and decides after its caller is gone.
            fair.mint.double.gate.notify_one();
        }
        fair.mint.mood(Mood::Honest);
        let merchant = fair.online().await;
        let report = merchant.deposit().await.unwrap();
        assert_eq!((report.open.len(), report.refused.len(), report.cause), (0, 0, None));
        let sent = fair.mint.double.sent();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0], sent[1]);
        let stored = fair.mint.double.find(&deposit_request(&paid.id())).await.unwrap();
        assert_eq!(stored.amount, paid.amount());
    }
}
