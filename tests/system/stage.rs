//! A mint, a merchant and wallets, with a network between them that can fail, and the count of what all of them hold.

mod purse;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use farthing_protocol::identity::MintId;
use serde_json::Value;

use crate::harness::{Server, World};
use crate::net::Proxy;
use crate::restore::hurry;
use crate::x402::shop::{Mode, Setup, Shop};

pub(crate) use purse::{Holdings, Purse};

/// A mint and a merchant in a world of their own.
pub(crate) struct Stage {
    pub(crate) world: World,
    mint: Mutex<Server>,
    merchant: Mutex<Server>,
    /// From wallets to the mint.
    pub(crate) to_mint: Proxy,
    /// From wallets to the merchant.
    pub(crate) to_merchant: Proxy,
    /// From the merchant, and the shop, to the mint.
    pub(crate) clearing: Proxy,
    /// From wallets to the shop.
    to_shop: Proxy,
    shop: OnceLock<Shop>,
    wallets: AtomicU32,
    funded: AtomicU64,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    /// It was killed, and at which moment if it knew.
    pub(crate) killed: Option<String>,
    pub(crate) took: Duration,
}

impl Ran {
    fn of(output: Output, took: Duration) -> Self {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let moment = err.lines().rev().find_map(|line| line.strip_prefix("killed at ")).unwrap_or("any instant");
        let killed = output.status.signal().map(|signal| {
            assert_eq!(signal, 9, "{err}");
            moment.to_owned()
        });
        assert!(!err.contains("panicked"), "{err}");
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            killed,
            err,
            took,
        }
    }

    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |world, arguments| world.serve(arguments))
    }

    /// Its mint seals its archive and closes its filters every few seconds. Every index is signed a second after the last one or later:
    /// of more than one each second the last would soon be of a time that wallets refuse.
    pub(crate) fn sealing() -> Self {
        Self::with(|world| hurry(world, 2, 3), |world, arguments| world.serve(arguments))
    }

    /// Its servers log everything there is.
    pub(crate) fn logging() -> Self {
        let serve = |world: &World, arguments: &[&str]| {
            let log = world.path(&format!("{}.log", arguments[0]));
            let script = "exec \"$0\" \"$@\" 2>\"$LOG\"";
            let mut command = world.farthing_under("bash", &["-c", script], arguments);
            Server::start_of(command.env("LOG", log).env("FARTHING_LOG", "trace"))
        };
        Self::with(|_| {}, serve)
    }

    fn with(set_up: impl Fn(&World), serve: impl Fn(&World, &[&str]) -> Server) -> Self {
        let world = World::new();
        world.run(&["mint", "init"]);
        set_up(&world);
        let mint = serve(&world, &["mint", "run", "--listen", "127.0.0.1:0"]);
        let (to_mint, clearing) = (Proxy::new(mint.address()), Proxy::new(mint.address()));
        world.run(&["verifier", "init", "--mint", &clearing.url()]);
        // The proxy's address comes first, so that invoices name it.
        let to_merchant = Proxy::new(mint.address());
        let merchant = serve(&world, &merchant_at(&to_merchant.url()).each_ref().map(String::as_str));
        to_merchant.leads_to(merchant.address());
        let to_shop = Proxy::new(mint.address());
        let (wallets, funded) = (AtomicU32::new(0), AtomicU64::new(0));
        let (mint, merchant) = (Mutex::new(mint), Mutex::new(merchant));
        Self { world, mint, merchant, to_mint, to_merchant, clearing, to_shop, shop: OnceLock::new(), wallets, funded }
    }

    /// A wallet whose account holds so much.
    pub(crate) fn purse(&self, cents: u64) -> Purse<'_> {
        self.empty_purse().made().credited(cents)
    }

    /// The same in a folder somewhere else.
    pub(crate) fn purse_in(&self, folder: &Path, cents: u64) -> Purse<'_> {
        let purse = Purse { folder: folder.to_owned(), ..self.empty_purse() };
        purse.made().credited(cents)
    }

    /// A folder in which a wallet may be made.
    pub(crate) fn empty_purse(&self) -> Purse<'_> {
        let number = self.wallets.fetch_add(1, Ordering::SeqCst);
        Purse { stage: self, folder: self.world.path(&format!("wallet-{number}")), passphrase: None, funded: 0 }
    }

    /// What its servers logged.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        ["mint.log", "verifier.log"].map(|name| self.world.path(name))
    }

    pub(crate) fn mint_url(&self) -> String {
        self.mint.lock().unwrap().url.clone()
    }

    pub(crate) fn invoice(&self, cents: u64) -> String {
        self.world.run(&["verifier", "request", &money(cents)])
    }

    /// SIGKILL to the mint, which comes back at another port.
    pub(crate) fn restart_mint(&self) {
        let mut mint = self.mint.lock().unwrap();
        mint.end();
        *mint = self.world.mint();
        self.to_mint.leads_to(mint.address());
        self.clearing.leads_to(mint.address());
    }

    /// SIGKILL to the merchant, who comes back at another port.
    pub(crate) fn restart_merchant(&self) {
        let mut merchant = self.merchant.lock().unwrap();
        merchant.end();
        *merchant = self.world.serve(&merchant_at(&self.to_merchant.url()).each_ref().map(String::as_str));
        self.to_merchant.leads_to(merchant.address());
    }

    /// Something at a shop that costs 0.37.
    pub(crate) fn shop_url(&self) -> String {
        let shop = self.shop.get_or_init(|| {
            let folder = self.world.path("shop");
            std::fs::create_dir(&folder).unwrap();
            let keysets = self.world.run(&["mint", "keysets"]);
            let mint = MintId::from_text(keysets.lines().next().unwrap().trim_start_matches("mint ")).unwrap();
            let (mint_url, secret, patience) = (self.clearing.url(), rand::random(), Duration::from_secs(40));
            Shop::open(&Setup { folder, secret, mint, mint_url, price: 37, patience }, 0, Mode::Honest)
        });
        self.to_shop.leads_to(shop.address);
        shop.url().replace(&shop.address.to_string(), self.to_shop.url().trim_start_matches("http://"))
    }

    pub(crate) fn proxies(&self) -> [(&'static str, &Proxy); 4] {
        [
            ("wallet–mint", &self.to_mint),
            ("wallet–merchant", &self.to_merchant),
            ("merchant–mint", &self.clearing),
            ("wallet–shop", &self.to_shop),
        ]
    }

    /// The figures of the mint's books, which must balance.
    pub(crate) fn books(&self) -> impl Fn(&str) -> u64 {
        let books = self.world.run(&["mint", "audit"]);
        assert!(books.contains("balanced"), "{books}");
        move |name| cents(books.lines().find(|line| line.trim_start().starts_with(name)).unwrap())
    }

    /// What the merchant counts as paid to him.
    pub(crate) fn merchant_counts(&self) -> u64 {
        let mut socket = UnixStream::connect(self.world.path(".farthing/verifier/control.sock")).unwrap();
        socket
            .write_all(b"GET /v1/payments?limit=1000 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        let payments = answer["payments"].as_array().unwrap();
        assert!(payments.len() < 1_000, "more than the service lists");
        payments.iter().map(|payment| payment["amount"].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Everything there is, over all these wallets, is what was put in.
    pub(crate) fn assert_conserved(&self, purses: &[Holdings]) {
        let figure = self.books();
        let funded = self.funded.load(Ordering::SeqCst);
        let sum = |part: fn(&Holdings) -> u64| purses.iter().map(part).sum::<u64>();
        assert_eq!(figure("funded"), funded);
        let tokens = sum(|p| p.tokens + p.reserved + p.out);
        assert_eq!(tokens, figure("tokens issued") - figure("tokens redeemed"), "{purses:?}");
        let merchant = figure("account balances") - sum(|p| p.account);
        assert_eq!(sum(|p| p.paid), merchant, "{purses:?}");
        // A shop counts for itself.
        let counted = self.merchant_counts();
        assert!(counted == merchant || (counted < merchant && self.shop.get().is_some()), "{counted} of {merchant}");
        assert_eq!(tokens + sum(|p| p.account) + merchant, funded);
    }
}

/// Whole smallest units of an amount.
pub(crate) fn units(money: &Value) -> u64 {
    money["units"].as_str().unwrap().parse().unwrap()
}

/// Runs a command to its end.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let begun = Instant::now();
    Ran::of(command.output().unwrap(), begun.elapsed())
}

/// Runs a command, and kills it after a while if it has not ended.
pub(crate) fn ran_for(command: &mut Command, time: Duration) -> Ran {
    let begun = Instant::now();
    let stdio = std::process::Stdio::piped;
    let mut child = command.stdout(stdio()).stderr(stdio()).spawn().unwrap();
    std::thread::sleep(time);
    // One that ended meanwhile is not killed.
    let _gone = child.kill();
    Ran::of(child.wait_with_output().unwrap(), begun.elapsed())
}

fn merchant_at(public: &str) -> [String; 6] {
    ["verifier", "run", "--listen", "127.0.0.1:0", "--public-url", public].map(str::to_owned)
}

pub(crate) fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The amount in a line, in hundredths: the word before the unit.
pub(crate) fn cents(line: &str) -> u64 {
    let is_amount = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_amount).unwrap().replace('.', "").parse().unwrap()
}
