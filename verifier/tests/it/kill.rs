//! A verifier in a process of its own, killed without warning while it is being paid.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use farthing_http::client::{BaseUrl, HttpClient};
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::Amount;
use farthing_protocol::api::{
    Deposit, DepositOutcome, InvoiceAnswer, InvoiceRequest, PayAnswer, PayRequest, PaymentsAnswer, verifier_path,
};
use farthing_protocol::ids::Claim;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::home::{VerifierHome, run_with_clock};

use crate::common::{NOW, amount, pay, request};
use crate::double::Running;
use crate::webhook::Receiver;

const FOLDER: &str = "FARTHING_TEST_KILL_FOLDER";

/// Not a test of its own: the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let home = VerifierHome::open(Path::new(&folder)).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let running = run_with_clock(home, listen, Arc::new(|| NOW), std::future::pending()).await.unwrap();
        writeln!(std::io::stdout(), "\nat {}", running.public_url).unwrap();
        running.wait().await.unwrap();
    });
}

/// The process, killed when dropped.
struct Process(Child, BaseUrl);

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::the_process_that_is_killed", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("at ").map(str::to_owned));
        Self(child, BaseUrl::parse(&url.unwrap()).unwrap())
    }

    async fn pay(&self, payment: &Payment, request: &PaymentRequest) -> Option<Receipt> {
        let url = self.1.join(verifier_path::PAY).unwrap();
        let body = PayRequest { payment: payment.clone(), request: request.clone() };
        let http = HttpClient::builder().build().unwrap();
        http.post_json(&url, &body).await.ok().map(|answer: PayAnswer| answer.receipt)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn invoice(control: &UnixClient, amount: Amount) -> Invoice {
    let request = InvoiceRequest { amount, memo: None, expires_in: None, reusable: false, http: None };
    let answer: InvoiceAnswer = control.post_json(verifier_path::INVOICES, &request).await.unwrap();
    answer.invoice
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_paid_twice() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("shop");
    let mint = Running::start(TestMint::new(NOW)).await;
    let receiver = Receiver::start().await;
    VerifierHome::init(&folder, &mint.url(), &mint.double.mint.id(), &receiver.options()).unwrap();
    std::fs::write(folder.join("webhook.secret"), crate::webhook::SECRET).unwrap();
    let control = UnixClient::new(folder.join("control.sock")).unwrap();
    let mut paid: Vec<(Payment, PaymentRequest, Receipt)> = Vec::new();
    for round in 0..4 {
        let process = Arc::new(Process::start(&folder));
        // Whatever was answered before the last kill is answered the same.
        for (payment, request, receipt) in &paid {
            assert_eq!(process.pay(payment, request).await.as_ref(), Some(receipt));
        }
        let mut begun = Vec::new();
        for units in 1..=12 {
            let invoice = invoice(&control, amount(units)).await;
            begun.push((pay(&mint.double.mint, &invoice), request(&invoice)));
        }
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for (place, (payment, request)) in begun.iter().cloned().enumerate() {
            let (process, tell) = (Arc::clone(&process), tell.clone());
            tokio::spawn(async move {
                let receipt = process.pay(&payment, &request).await;
                tell.send((place, receipt)).unwrap();
            });
        }
        drop(tell);
        // Killed while the others are on their way.
        let mut receipts = vec![None; begun.len()];
        for _ in 0..=round {
            let (place, receipt) = told.recv().await.unwrap();
            receipts[place] = receipt;
        }
        Command::new("kill").args(["-9", &process.0.id().to_string()]).status().unwrap();
        while let Some((place, receipt)) = told.recv().await {
            receipts[place] = receipt;
        }
        drop(process);

        let process = Process::start(&folder);
        for ((payment, request), receipt) in begun.into_iter().zip(receipts) {
            let again = process.pay(&payment, &request).await.unwrap();
            again.verify().unwrap();
            assert_eq!(receipt.unwrap_or(again), again);
            paid.push((payment, request, again));
        }
        let listed: PaymentsAnswer = control.get_json(verifier_path::PAYMENTS).await.unwrap();
        assert_eq!(listed.payments.len(), paid.len(), "each payment is recorded once");
        // And told: of each of them one event, whenever the process died.
        let told = |(payment, _, _): &(Payment, _, _)| receiver.has_taken(&payment.id());
        while !paid.iter().all(told) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(receiver.events(), paid.len());
    }
    // And the mint has each of them once, with the verifier's own claim.
    for (payment, _, _) in paid {
        let claim = Claim::from_bytes([0; 32]);
        let outcome = mint.double.decide(vec![Deposit { payment, claim }]).await.remove(0);
        assert_eq!(outcome, DepositOutcome::AlreadyAccepted { claim_matches: false, accepted_at: NOW });
    }
}
