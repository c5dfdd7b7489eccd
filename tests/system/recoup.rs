//! A key leaks: the mint revokes, wallets and a merchant claim what is theirs, and the books stay balanced.

use std::time::Duration;

use serde_json::Value;

use crate::harness::World;
use crate::offline::Fair;
use crate::purse::Purse;
use crate::schema::read;
use crate::stage::units;

/// Runs a command that answers with JSON and ends with this exit code.
fn answer(world: &World, exit: i32, name: &str, arguments: &[&str]) -> Value {
    let output = world.output(&[arguments, &["--json"]].concat());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {complaint}");
    read(name, std::str::from_utf8(&output.stdout).unwrap())
}

fn keyset(world: &World) -> String {
    let shown = world.run(&["mint", "keysets"]);
    let line = shown.lines().find(|line| line.starts_with("no. 0 is ")).unwrap();
    line.split(' ').nth(3).unwrap().to_owned()
}

/// Asks until the answer is as it should be.
fn until(ask: impl Fn() -> Value, good: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let answer = ask();
        if good(&answer) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("nothing was paid: {}", ask());
}

#[test]
fn holders_and_a_merchant_of_locked_tokens_get_back_what_is_theirs() {
    let (fair, files) = Fair::new(&["alice"]);
    let world = &fair.world;
    let stall = fair.stall();
    world.run(&["verifier", "import-keysets", &files[0]]);
    let alice = Purse::at(world, "alice");
    alice.json("wallet-pay", &["pay", &fair.invoice("0.37"), "--yes"]);
    drop(stall);
    fair.mint_is_back();
    let bob = Purse::at(world, "bob");
    bob.json("wallet-init", &["init", "--mint", &fair.to_mint.url(), "--yes", "--no-passphrase"]);
    let account = bob.json("wallet-account", &["account"]);
    world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
    bob.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    assert_eq!(fair.books(), (490 + 490, 510 + 510));
    let nothing = bob.json("wallet-recoup", &["recoup", "--list"]);
    assert!(nothing["claimable"].as_array().unwrap().is_empty());

    // What was issued in the second of the leak does not count.
    std::thread::sleep(Duration::from_millis(1100));
    let keyset = keyset(world);
    world.fails(8, &["mint", "revoke", &keyset]);
    let revoke = ["mint", "revoke", &keyset, "--claims-days", "0", "--yes"];
    let revoked = answer(world, 0, "mint-revoke", &revoke);
    assert_eq!(revoked["leaked_since"], revoked["revoked_at"]);
    assert_eq!(answer(world, 0, "mint-revoke", &revoke), revoked, "said again, it changes nothing");
    assert!(world.refused(&["mint", "revoke", &"A".repeat(43), "--yes"]).contains("no keyset"));

    let check = answer(world, 1, "mint-check-config", &["mint", "check-config"]);
    let says = |finding: &Value| finding["message"].as_str().unwrap().starts_with("no keyset issues now");
    assert!(check["findings"].as_array().unwrap().iter().any(says), "{check}");

    // The merchant cannot deposit any more, and files what he took.
    let refused = fair.deposit(0, &[]);
    assert_eq!(refused["refused"][0]["code"], "keyset_ended");
    let filed = answer(world, 3, "verifier-recoup", &["verifier", "recoup"]);
    assert_eq!((units(&filed["payments"][0]["amount"]), &filed["payments"][0]["unproven"]), (37, &3.into()));
    // Only who withdrew them can show where they came from.
    let shown = alice.json("wallet-recoup", &["recoup", "--for-payees", "--yes"]);
    assert_eq!(shown["shown"]["shown"], 3);
    let ask = || {
        let output = world.output(&["verifier", "recoup", "--json"]);
        read("verifier-recoup", std::str::from_utf8(&output.stdout).unwrap())
    };
    let paid = until(ask, |answer| answer["payments"][0]["paid"] == 3);
    assert_eq!(paid["payments"][0]["waiting"], 0);

    // A wallet that dies while it claims claims once.
    bob.fails(8, "nobody_to_ask", &["recoup"]);
    let dir = fair.path("bob");
    for moment in
        ["IssueStored:1", "RequestAnswered:2", "PaymentSettled:2", "BeforeWrite:1", "BeforeSync:1", "Synced:1"]
    {
        let recoup = ["wallet", "--dir", &dir, "recoup", "--yes"];
        let killed = world.farthing(&recoup).env("FARTHING_TEST_KILL", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment}: {}", String::from_utf8_lossy(&killed.stderr));
    }
    let list = || bob.json("wallet-recoup", &["recoup", "--list"]);
    let done = until(list, |answer| units(&answer["claimed"][0]["waiting"]) == 0);
    assert_eq!(done["claimed"].as_array().unwrap().len(), 1);
    assert_eq!((units(&done["claimed"][0]["paid"]), units(&done["claimed"][0]["lost"])), (510, 0));
    let history = bob.json("wallet-history", &["history"]);
    assert!(history["finished"].as_array().unwrap().iter().any(|entry| entry["state"] == "recouped"), "{history}");
    assert_eq!(bob.held("ended"), 0);

    // Every token was paid for once: what alice holds for the merchant is left.
    assert_eq!(fair.books(), (490 + 490 + 37 + 510, 510 - 37));
    let report = answer(world, 0, "mint-recoup", &["mint", "recoup"]);
    assert_eq!(units(&report["recoups"][0]["paid"]["amount"]), 37 + 510);
    let cover = ["mint", "recoup", "cover", &keyset, "1.00", "--reference", "loss"];
    world.fails(8, &cover);
    let cover = [&cover[..], &["--yes"]].concat();
    for known in [false, true] {
        let covered = answer(world, 0, "mint-recoup-cover", &cover);
        assert_eq!((units(&covered["outstanding"]), &covered["known"]), (510 - 37 + 100, &known.into()));
    }
    assert!(world.run(&["mint", "audit"]).contains("balanced"));

    // Another keyset takes its place, and the settings are in order: by its unit, a mint starts only if they are.
    world.run(&["mint", "new-keyset"]);
    answer(world, 0, "mint-check-config", &["mint", "check-config"]);
}

/// The mint's machine is lost with everything since its backup. All keysets are revoked, and holders and the merchant recoup what they had before.
#[test]
fn after_a_restore_with_loss_everybody_gets_back_what_is_on_record() {
    let (fair, files) = Fair::new(&["alice"]);
    let world = &fair.world;
    world.run(&["verifier", "import-keysets", &files[0]]);
    fair.mint_is_back();
    let alice = Purse::at(world, "alice");
    let [bob, carol] = ["bob", "carol"].map(|name| {
        let purse = Purse::at(world, name);
        purse.json("wallet-init", &["init", "--mint", &fair.to_mint.url(), "--yes", "--no-passphrase"]);
        let account = purse.json("wallet-account", &["account"]);
        world.run(&["mint", "credit", account["text"].as_str().unwrap(), "10.00"]);
        purse
    });
    bob.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    let backup = fair.path("backup");
    world.run(&["mint", "backup", &backup, "--with-keys"]);
    // Not in the copy: what carol withdraws. Nor does it matter to the mint what is paid at the stall.
    carol.json("wallet-withdraw", &["withdraw", "--bundle", "0"]);
    let stall = fair.stall();
    alice.json("wallet-pay", &["pay", &fair.invoice("0.37"), "--yes"]);
    drop(stall);
    fair.mint_is_lost();
    std::fs::rename(world.path(".farthing/mint"), world.path("lost")).unwrap();

    let restored = answer(world, 0, "mint-restore", &["mint", "restore", &backup]);
    assert_eq!(restored["went_on"], true);
    std::thread::sleep(Duration::from_millis(1100));
    let decided = answer(world, 0, "mint-restore-decided", &["mint", "restore", "--accept-loss", "--yes"]);
    let [keyset] = decided["revoked"].as_array().unwrap().as_slice() else { panic!("{decided}") };
    let keyset = keyset.as_str().unwrap();
    // How long claims are collected is for the operator to say.
    answer(world, 0, "mint-revoke", &["mint", "revoke", keyset, "--claims-days", "0", "--yes"]);
    world.run(&["mint", "new-keyset"]);
    fair.mint_is_back();
    // Carol's withdrawal never was, as far as the books know: her account holds it again.
    assert_eq!(fair.books(), (490 + 490 + 1000, 510 + 510));

    // The merchant files what he took, and alice shows where it came from.
    assert_eq!(fair.deposit(0, &[])["refused"][0]["code"], "keyset_ended");
    answer(world, 3, "verifier-recoup", &["verifier", "recoup"]);
    assert_eq!(alice.json("wallet-recoup", &["recoup", "--for-payees", "--yes"])["shown"]["shown"], 3);
    let ask = || {
        let output = world.output(&["verifier", "recoup", "--json"]);
        read("verifier-recoup", std::str::from_utf8(&output.stdout).unwrap())
    };
    until(ask, |answer| answer["payments"][0]["paid"] == 3);
    // Bob's tokens, of before the copy, are paid. Carol's came from nowhere that is on record, and she is told so.
    let claimed = world.output(&["wallet", "--dir", &fair.path("bob"), "recoup", "--yes"]);
    assert!(matches!(claimed.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&claimed.stderr));
    let list = |purse: &Purse<'_>| purse.json("wallet-recoup", &["recoup", "--list"]);
    until(|| list(&bob), |answer| units(&answer["claimed"][0]["waiting"]) == 0);
    assert_eq!(units(&list(&bob)["claimed"][0]["paid"]), 510);
    let claimed = carol.json("wallet-recoup", &["recoup", "--yes"]);
    assert_eq!(claimed["claimed"][0]["lost_because"][0]["reason"], "unknown_issuance", "{claimed}");
    let claimed = list(&carol);
    assert_eq!((units(&claimed["claimed"][0]["paid"]), units(&claimed["claimed"][0]["lost"])), (0, 510));

    // Nothing is there twice, and nothing is gone: what alice holds for the merchant is still out.
    assert_eq!(fair.books(), (490 + 490 + 510 + 1000 + 37, 510 - 37));
    for purse in [&bob, &carol] {
        purse.json("wallet-withdraw", &["withdraw", "1.00"]);
    }
    assert_eq!(fair.books(), (490 + 490 + 510 + 1000 + 37 - 200, 510 - 37 + 200));
    assert!(world.run(&["mint", "audit"]).contains("balanced"));
}

/// A mint is put back from a copy: it has forgotten a payment, and a withdrawal.
#[test]
fn after_a_loss_a_merchant_claims_what_he_was_credited_and_wallets_are_told_what_is_lost() {
    let world = World::new();
    let mint = world.mint();
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::filled(&world, "bob", &mint));
    let backup = world.path("backup");
    let backup = backup.to_str().unwrap();
    world.run(&["mint", "backup", backup, "--with-keys"]);
    std::thread::sleep(Duration::from_millis(1100));
    let merchant = world.merchant(&mint);
    let invoice = world.run(&["verifier", "request", "0.37"]);
    let invoice = invoice.lines().find(|line| line.starts_with("farthing")).unwrap();
    alice.json("wallet-pay", &["pay", invoice, "--yes"]);
    bob.json("wallet-withdraw", &["withdraw", "1.00"]);
    let port = mint.port();
    mint.kill();
    std::fs::rename(world.path(".farthing/mint"), world.path("lost")).unwrap();
    world.run(&["mint", "restore", backup]);
    world.run(&["mint", "restore", "--accept-loss", "--yes"]);
    let mint = world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{port}")]);
    world.run(&["mint", "new-keyset"]);

    // He is paid when his payer shows where the tokens came from.
    let filed = answer(&world, 3, "verifier-recoup", &["verifier", "recoup"]);
    assert_eq!((units(&filed["payments"][0]["amount"]), &filed["payments"][0]["unproven"]), (37, &3.into()));
    assert_eq!((filed["payments"].as_array().unwrap().len(), &filed["in_the_books"]), (1, &0.into()));
    let shown = alice.json_with(3, "wallet-recoup", &["recoup", "--for-payees", "--yes"]);
    assert_eq!((&shown["shown"]["shown"], units(&shown["claimed"][0]["waiting"])), (&3.into(), 510 - 37));
    drop(merchant);
    let filed = answer(&world, 3, "verifier-recoup", &["verifier", "recoup"]);
    assert_eq!(filed["payments"][0]["waiting"], 3);

    // The wallet says what can be claimed, gets tokens of the next keyset at once, and ends what the mint does not know.
    let balance = bob.json("wallet-balance", &["balance"]);
    let warned = balance["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "recoupable");
    assert!(warned, "{balance}");
    let claimed = bob.json_with(3, "wallet-recoup", &["recoup", "--yes"]);
    let of = |answer: &Value, what: &str| units(&answer["claimed"][0][what]);
    assert_eq!((of(&claimed, "claimed"), of(&claimed, "waiting"), of(&claimed, "lost")), (610, 510, 100));
    assert_eq!(claimed["claimed"][0]["lost_because"][0]["reason"], "unknown_issuance");
    let list = bob.json("wallet-recoup", &["recoup", "--list"]);
    assert_eq!((of(&list, "waiting"), of(&list, "lost")), (510, 100));
    let report = answer(&world, 0, "mint-recoup", &["mint", "recoup"]);
    assert_eq!(units(&report["recoups"][0]["waiting"]["amount"]), 510 + 510);
    world.audit();
    drop(mint);
}

/// A wallet whose list is of before the revocation.
#[test]
fn a_withdrawal_after_a_revocation_is_made_with_the_next_keyset() {
    let world = World::new();
    let mint = world.mint();
    let bob = Purse::filled(&world, "bob", &mint);
    world.run(&["mint", "revoke", &keyset(&world), "--yes"]);
    world.run(&["mint", "new-keyset"]);
    let withdrawn = bob.json("wallet-withdraw", &["withdraw", "1.00"]);
    assert_eq!(units(&withdrawn["amount"]), 100);
    assert!(withdrawn["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "recoupable"));
}
