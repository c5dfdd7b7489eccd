//! Mints that cannot be reached, answer wrongly, or do not have what is wanted.

use farthing_protocol::amount::Fees;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::keyset::Redemption;

use super::Provoked;
use crate::cheat::{Cheat, DAY};
use crate::fake;
use crate::harness::World;
use crate::net::{Fault, Proxy};
use crate::purse::Purse;
use crate::raw::now;

/// One attempt for each message.
const ONCE: (&str, &str) = ("FARTHING_TEST_ATTEMPTS", "1");

/// The identity of a mint that was just made known and trusted.
fn added(purse: &Purse<'_>, url: &str) -> String {
    purse.json("wallet-mint", &["mint", "add", url, "--yes"])["mint"]["mint"].as_str().unwrap().to_owned()
}

pub(super) fn that_answer_wrongly(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    assert!(seen.by("bad_address", &alice, &["mint", "add", "nonsense"]).contains("an address is like"));
    for (code, url) in [
        ("mint_not_reached", "http://127.0.0.1:1".to_owned()),
        ("mint_unavailable", fake::serve(|_| Some(fake::problem(503, "unavailable")))),
        ("mint_refused", fake::serve(|_| Some(fake::problem(404, "not_found")))),
        ("mint_bad_answer", fake::serve(|_| Some(fake::json("{}")))),
    ] {
        seen.by(code, &alice, &["mint", "add", &url, "--yes"]);
    }
    seen.by("mint_is_another", &alice, &["mint", "add", &mint.url, "--mint-id", &"A".repeat(43)]);

    let cheat = Cheat::new();
    let (first, second) = (cheat.keyset(), cheat.keyset());
    cheat.show(&[&first], 60);
    seen.by("nobody_to_ask", &alice, &["mint", "add", &cheat.url]);
    seen.by("mint_not_confirmed", &alice, &["withdraw", "1.00", "--mint", &cheat.url]);
    let id = added(&alice, &cheat.url);
    seen.by("ambiguous", &alice, &["withdraw", "1.00"]);
    // Older than the one that was shown.
    cheat.show(&[&first], 0);
    seen.by("mint_list_refused", &alice, &["mint", "refresh", &id]);
    cheat.show(&[&first, &second], 120);
    seen.by("misconduct", &alice, &["mint", "refresh", &id]);
    seen.by("mint_distrusted", &alice, &["withdraw", "1.00", "--mint", &id]);
    let behind = [("FARTHING_TEST_CLOCK", "-3600")];
    seen.with("mint_list_not_current", &alice, &["mint", "refresh", &mint.url], &behind);
    let ahead = [("FARTHING_TEST_CLOCK", "3600")];
    seen.with("clock_refused", &alice, &["withdraw", "1.00", "--mint", &mint.url], &ahead);
}

pub(super) fn that_have_not_what_is_wanted(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::new(&world, "alice", &mint);
    seen.by("no_such_shape", &alice, &["withdraw", "--bundle", "99"]);
    seen.by("insufficient_funds", &alice, &["withdraw", "1.00"]);

    let (strict, settings) = (World::new(), ".farthing/mint/mint.toml");
    strict.run(&["mint", "init"]);
    let text = std::fs::read_to_string(strict.path(settings)).unwrap();
    std::fs::write(strict.path(settings), text.replace("# max_issue = 50000", "max_issue = 100")).unwrap();
    let strict_mint = strict.mint();
    let bob = Purse::new(&strict, "bob", &strict_mint);
    let account = bob.json("wallet-account", &["account"]);
    strict.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    seen.by("over_limit", &bob, &["withdraw", "1.01"]);

    let payee = PayeeKey::from(&Keypair::from_secret(&rand::random()));
    let one_payee = Cheat::new();
    one_payee.show(&[&one_payee.keyset_with(|terms| terms.redemption = Redemption::Closed(payee))], 0);
    let id = added(&alice, &one_payee.url);
    seen.by("unit_unknown", &alice, &["withdraw", "1.00", "--mint", &id]);

    let late = Cheat::new();
    late.show(&[&late.keyset_with(|terms| terms.issue_until = now().minus(60))], 0);
    let id = added(&alice, &late.url);
    seen.by("nothing_issued", &alice, &["withdraw", "1.00", "--mint", &id]);
    seen.by("nothing_issued", &alice, &["withdraw", "--bundle", "list", "--mint", &id]);

    // The next keyset, which is dearer, issues from the moment on at which the withdrawal is kept.
    let dearer = Cheat::new();
    let first = dearer.keyset_with(|terms| terms.issue_until = now().plus(DAY));
    let second = dearer.keyset_with(|terms| {
        (terms.sequence, terms.predecessor) = (1, Some(*first.id()));
        terms.active_from = first.terms().issue_until;
        terms.fees = Fees { withdrawal_ppm: 100_000, deposit_ppm: 0 };
    });
    dearer.show(&[&first, &second], 0);
    let id = added(&alice, &dearer.url);
    let jump = [("FARTHING_TEST_CLOCK", "172800"), ("FARTHING_TEST_CLOCK_FROM", "IssueStored:1")];
    seen.with("fee_rose", &alice, &["withdraw", "1.00", "--mint", &id], &jump);
}

pub(super) fn that_cannot_finish(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let proxy = Proxy::new(mint.address());
    let alice = Purse::at(&world, "alice");
    let paper = world.path("paper");
    let words = ["--words-file", paper.to_str().unwrap()];
    alice.json("wallet-init", &[&["init", "--mint", &proxy.url(), "--yes", "--no-passphrase"], &words[..]].concat());
    let account = alice.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    // The account is asked for, a session opened, and the answer to what finishes it lost.
    proxy.fail(2, 1, Fault::LoseAnswer);
    seen.with("unfinished", &alice, &["withdraw", "1.00"], &[ONCE]);
    assert_eq!(proxy.heal(), 1);
    let number = proxy.closed_during(|| {
        let history = alice.json("wallet-history", &["history"]);
        let number = history["unfinished"][0]["operation"].to_string();
        seen.with("busy", &alice, &["give-up", &number, "--yes"], &[ONCE]);
        number
    });
    alice.json("wallet-balance", &["balance"]);
    seen.by("no_such_operation", &alice, &["give-up", &number, "--yes"]);
    assert_eq!(alice.available(), 100);
}
