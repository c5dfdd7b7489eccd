//! A mint that contradicts itself, as the owner of a wallet meets it: the exit code, the evidence, and what goes on all the same.

use std::sync::{Arc, Mutex};

use farthing_protocol::amount::{Denomination, Fees, Unit};
use farthing_protocol::api::{AccountAnswer, KeysetsAnswer, UnitBalance, mint_path};
use farthing_protocol::identity::{Keypair, MintId};
use farthing_protocol::keyset::{
    Bundle, Keyset, KeysetList, KeysetTerms, ListedHead, Misconduct, Redemption, SecretKeyset,
};

use crate::fake;
use crate::harness::World;
use crate::purse::Purse;
use crate::raw::{amount, now};

pub(crate) const DAY: u64 = 86_400;

/// Something that signs keysets as a mint does, and shows whatever it was told to. In every account lie 10.00.
pub(crate) struct Cheat {
    identity: Keypair,
    shown: Arc<Mutex<String>>,
    pub(crate) url: String,
}

impl Cheat {
    pub(crate) fn new() -> Self {
        let shown: Arc<Mutex<String>> = Arc::default();
        let body = Arc::clone(&shown);
        let balance = UnitBalance { unit: "EUR".to_owned(), exponent: 2, balance: amount(1000), free: None };
        let account = serde_json::to_string(&AccountAnswer { balances: vec![balance] }).unwrap();
        let url = fake::serve(move |request| {
            let is_account = request.starts_with(&format!("POST {} ", mint_path::ACCOUNT));
            Some(fake::json(if is_account { account.clone() } else { body.lock().unwrap().clone() }))
        });
        Self { identity: Keypair::from_secret(&rand::random()), shown, url }
    }

    /// One whose identity begins like an option.
    fn with_a_hyphen() -> Self {
        let mut cheat = Self::new();
        while !MintId::from(&cheat.identity).to_text().starts_with('-') {
            cheat.identity = Keypair::from_secret(&rand::random());
        }
        cheat
    }

    /// A first keyset; each is another one.
    pub(crate) fn keyset(&self) -> Keyset {
        self.keyset_with(|_| {})
    }

    /// The same with other terms.
    pub(crate) fn keyset_with(&self, change: impl FnOnce(&mut KeysetTerms)) -> Keyset {
        let from = now().minus(DAY);
        let mut terms = KeysetTerms {
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
        change(&mut terms);
        SecretKeyset::generate(&mut rand::rng(), terms, 16, &self.identity).unwrap().1
    }

    /// Shows these keysets, with the head of the last in the list, which is so many seconds later.
    pub(crate) fn show(&self, keysets: &[&Keyset], later: u64) {
        let last = keysets.last().unwrap();
        let (unit, redemption) = (last.terms().unit.clone(), last.terms().redemption);
        let listed = ListedHead { unit, redemption, head: last.head() };
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
    assert!(caught.contains("keep the evidence"), "{caught}");
    let proof: Misconduct = serde_json::from_value(evidence(&caught)["misconduct"].clone()).unwrap();
    assert!(proof.proves());
    assert_eq!(alice.json("wallet-mint-list", &["mint", "list"])["mints"].as_array().unwrap().len(), 1);
}

#[test]
fn a_mint_is_named_like_others_though_its_identity_begins_like_an_option() {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    let hyphen = Cheat::with_a_hyphen();
    hyphen.show(&[&hyphen.keyset()], 0);
    let id = &MintId::from(&hyphen.identity).to_text();
    alice.fails(8, "nobody_to_ask", &["mint", "add", &hyphen.url]);
    alice.json("wallet-mint-refresh", &["mint", "refresh", id]);
    assert_eq!(alice.json("wallet-mint", &["mint", "trust", id, "--yes"])["mint"]["trusted"], true);
    assert_eq!(alice.json("wallet-mint", &["mint", "add", &hyphen.url, "--mint-id", id])["mint"]["mint"], **id);
    assert_eq!(alice.json("wallet-account", &["account", "--mint", id])["mint"], **id);
    alice.fails(1, "no_such_shape", &["withdraw", "--bundle", "99", "--mint", id]);
    world.run(&["verifier", "init", "--mint", &hyphen.url, "--mint-id", id]);
    // What is an option stays one.
    alice.json("wallet-mint-refresh", &["mint", "refresh", "--quiet"]);
}
