//! A gateway in front of a server, with a real mint behind both: what is sold, once, and what is told when something dies.

mod client;
mod races;
mod refuses;
mod retries;
mod sells;
mod upstream;

use std::fs;

use farthing_protocol::api::PayRequest;
use serde_json::Value;

use self::client::{Ask, Told};
use self::upstream::Upstream;
use crate::harness::{Server, World};
use crate::raw::RawWallet;

/// Prices of the tests' server: reports cost 5, orders 7, the page nothing.
const RULES: &str = r#"
[[rule]]
path = "/page"
free = true
[[rule]]
path = "/reports/**"
methods = ["GET"]
price = "0.05"
description = "One report"
[[rule]]
path = "/orders"
methods = ["POST"]
price = "0.07"
"#;

/// A payment is bound to this origin, whatever port a gateway has.
const ORIGIN: &str = "http://shop.example";

struct Street {
    world: World,
    mint: Option<Server>,
    mint_port: u16,
    upstream: Upstream,
    gateway: Option<Server>,
    pay_url: String,
    wallet: RawWallet,
}

impl Street {
    async fn new() -> Self {
        let world = World::new();
        let mint = world.mint();
        let upstream = Upstream::start().await;
        world.run(&["verifier", "init", "--mint", &mint.url]);
        fs::write(world.path("rules.toml"), RULES).unwrap();
        let wallet = RawWallet::new(&mint.url).await;
        wallet.fund(&world, 100_000);
        let mint_port = mint.port();
        let mut street =
            Self { world, mint: Some(mint), mint_port, upstream, gateway: None, pay_url: String::new(), wallet };
        street.open();
        street
    }

    fn arguments(&self, folder: &str) -> Vec<String> {
        let rules = self.world.path("rules.toml");
        let text = ["verifier", "gateway", "--upstream", &self.upstream.url, "--rules", rules.to_str().unwrap()];
        let rest = ["--listen", "127.0.0.1:0", "--origin", ORIGIN, "--dir", folder];
        text.iter().chain(&rest).map(|&part| part.to_owned()).collect()
    }

    fn serve(&self, folder: &str, more: &[&str]) -> Server {
        let arguments = self.arguments(folder);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        if !arguments.contains(&"--pay-listen") {
            arguments.extend(["--pay-listen", "127.0.0.1:0"]);
        }
        Server::start(self.world.farthing(&arguments))
    }

    fn folder(&self) -> String {
        self.world.path(".farthing/verifier").to_str().unwrap().to_owned()
    }

    fn open(&mut self) {
        // Where payments alone are taken is said on standard error.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        self.pay_url = format!("http://{port}");
        self.gateway = Some(self.serve(&self.folder(), &["--pay-listen", &port.to_string()]));
    }

    fn kill(&mut self) {
        self.gateway.take().unwrap().kill();
    }

    fn stop_mint(&mut self) {
        self.mint.take().unwrap().kill();
    }

    fn start_mint(&mut self) {
        self.mint = Some(self.world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{}", self.mint_port)]));
    }

    fn at(&self) -> std::net::SocketAddr {
        self.gateway.as_ref().unwrap().address()
    }

    async fn ask(&self, ask: &Ask) -> Told {
        ask.send(self.at()).await.expect("an answer")
    }

    /// Asks what it costs, and makes the payment.
    async fn paying(&mut self, ask: Ask) -> Ask {
        let demanded = self.ask(&ask).await;
        let invoice = demanded.invoice();
        let tokens = self.wallet.withdraw(invoice.draft().amount.units()).await;
        let paid: PayRequest = self.wallet.answer(&tokens, &invoice);
        ask.paid_with(&paid)
    }

    /// So many payments are in the merchant's books, and the mint's books balance.
    fn assert_paid(&self, count: usize) {
        let listed = self.world.run(&["verifier", "payments"]);
        let found = listed.lines().filter(|line| line.contains("EUR")).count();
        assert_eq!(found, count, "{listed}");
        self.world.audit();
    }
}

/// The JSON of a problem.
fn code(told: &Told) -> String {
    let body: Value = serde_json::from_slice(&told.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}
