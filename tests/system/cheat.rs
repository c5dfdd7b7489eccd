//! A mint that contradicts itself, as the owner of a wallet meets it: the exit code, the evidence, and what goes on all the same.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use farthing_protocol::amount::{Denomination, Fees, Unit};
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{
    Bundle, Keyset, KeysetList, KeysetTerms, ListedHead, Misconduct, Redemption, SecretKeyset,
};

use crate::harness::World;
use crate::purse::Purse;
use crate::raw::now;

const DAY: u64 = 86_400;

/// Something that signs keysets as a mint does, and shows whatever it was told to.
struct Cheat {
    identity: Keypair,
    shown: Arc<Mutex<String>>,
    url: String,
}

impl Cheat {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shown: Arc<Mutex<String>> = Arc::default();
        let body = Arc::clone(&shown);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _request = stream.read(&mut [0; 4096]);
                let body = body.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _closed = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { identity: Keypair::from_secret(&rand::random()), shown, url }
    }

    /// A first keyset; each is another one.
    fn keyset(&self) -> Keyset {
        let from = now().minus(DAY);
        let terms = KeysetTerms {
            mint: MintId::from(&self.identity),
            sequence: 0,
            predecessor: None,
            unit: Unit::new("EUR", 2).unwrap(),
            redemption: Redemption::Open,
            active_from: from,
            issue_until: from.plus(90 * DAY),
            spend_until: from.plus(455 * DAY),
            deposit_until: from.plus(485 * DAY),
            fees: Fees { withdrawal_ppm: 0, deposit_ppm: 0 },
            bundles: vec![Bundle::new(vec![(Denomination::new(0).unwrap(), 1)]).unwrap()],
        };
        SecretKeyset::generate(&mut rand::rng(), terms, 16, &self.identity).unwrap().1
    }

    /// Shows these keysets, with the head of the last in the list, which is so many seconds later.
    fn show(&self, keysets: &[&Keyset], later: u64) {
        let head = keysets.last().unwrap().head();
        let listed = ListedHead { unit: Unit::new("EUR", 2).unwrap(), redemption: Redemption::Open, head };
        let (from, until) = (now().plus(later), now().plus(7 * DAY));
        let list = KeysetList::sign(&self.identity, from, until, vec![listed], Vec::new()).unwrap();
        let keysets = keysets.iter().map(|keyset| keyset.document().clone()).collect();
        *self.shown.lock().unwrap() = serde_json::to_string(&KeysetsAnswer { list, keysets }).unwrap();
    }
}

/// The evidence that a failure names.
fn evidence(said: &str) -> serde_json::Value {
    let file = said.split("evidence is in ").nth(1).unwrap().split('"').next().unwrap();
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn a_mint_that_contradicts_itself_is_refused_with_evidence() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    let cheat = Cheat::new();
    let (first, second) = (cheat.keyset(), cheat.keyset());
    cheat.show(&[&first], 0);
    let known = alice.json("wallet-mint", &["mint", "add", &cheat.url, "--yes"]);
    let id = known["mint"]["mint"].as_str().unwrap();

    // Two keysets in one place of its chain, both signed.
    cheat.show(&[&first, &second], 60);
    let caught = alice.fails(7, "misconduct", &["mint", "refresh", id]);
    let evidence = evidence(&caught);
    assert_eq!(evidence["evidence"], "lists");
    assert_ne!(evidence["earlier"], evidence["later"]);

    // It stays refused, whatever it shows from now on; the other mint is not touched by it.
    cheat.show(&[&first], 120);
    alice.fails(1, "mint_distrusted", &["mint", "refresh", id]);
    alice.fails(1, "mint_distrusted", &["withdraw", "1.00", "--mint", id]);
    let listed = alice.json("wallet-mint-list", &["mint", "list"]);
    let refused: Vec<_> = listed["mints"].as_array().unwrap().iter().filter(|mint| mint["refused"] == true).collect();
    assert_eq!((refused.len(), refused[0]["mint"].as_str()), (1, Some(id)));
    alice.json("wallet-withdraw", &["withdraw", "1.00"]);
    let sick = alice.json_with(1, "wallet-doctor", &["doctor"]);
    assert_eq!((&sick["well"], &sick["evidence"]), (&false.into(), &1.into()));
    let (shown, _) = alice.shows(&["mint", "list"]);
    assert!(shown.contains("contradicted"), "{shown}");
}

#[test]
fn a_mint_that_contradicts_itself_at_first_sight_is_not_added() {
    let world = World::new();
    let cheat = Cheat::new();
    cheat.show(&[&cheat.keyset(), &cheat.keyset()], 0);
    let output = world.output(&["wallet", "init", "--mint", &cheat.url, "--yes", "--no-passphrase"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(!world.path(".farthing/wallet").join("keys").exists());
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let caught = alice.fails(7, "misconduct", &["mint", "add", &cheat.url, "--yes"]);
    let proof: Misconduct = serde_json::from_value(evidence(&caught)["misconduct"].clone()).unwrap();
    assert!(proof.proves());
    assert_eq!(alice.json("wallet-mint-list", &["mint", "list"])["mints"].as_array().unwrap().len(), 1);
}
