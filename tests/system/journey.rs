//! The tour of the README, as a newcomer types it.

use crate::harness::World;

#[test]
fn the_tour() {
    let world = World::new();
    let mint = world.mint();
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let _merchant = world.serve(&["verifier", "run", "--listen", "127.0.0.1:0"]);
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    let account = world.run(&["wallet", "account"]);
    world.run(&["mint", "credit", &account, "10.00"]);
    world.run(&["wallet", "withdraw", "--bundle", "0"]);
    let invoice = world.run(&["verifier", "request", "0.37"]);
    assert!(invoice.starts_with("farthinginvoice1"), "{invoice}");
    let paid = world.run(&["wallet", "pay", &invoice, "--yes"]);
    assert!(paid.contains("0.37 EUR"), "{paid}");
    assert!(world.run(&["verifier", "payments"]).contains("0.37 EUR"));
    assert!(world.run(&["wallet", "history"]).contains("0.37 EUR"));
    assert!(world.run(&["mint", "audit"]).contains("balanced"));

    // Paid again, it costs nothing.
    assert!(world.run(&["wallet", "pay", &invoice, "--yes"]).contains("paid before"));
    // What goes wrong says so, and changes nothing.
    assert!(world.refused(&["verifier", "request", "0"]).contains("the amount is zero"));
    assert!(world.refused(&["verifier", "request", "0.375"]).contains("at most 2 decimals"));
    assert!(world.fails(4, &["wallet", "withdraw", "1000.00"]).contains("does not hold so much"));
    assert!(world.refused(&["wallet", "withdraw", "--bundle", "9"]).contains("no such bundle"));
    assert!(world.refused(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]).contains("already"));
    assert!(world.refused(&["mint", "credit", &account[..40], "1.00"]).contains("not an account"));
    let dear = world.run(&["verifier", "request", "50.00"]);
    assert!(world.fails(4, &["wallet", "pay", &dear, "--yes"]).contains("do not cover"));
    world.audit();
}
