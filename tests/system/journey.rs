//! The tour of the README, as a newcomer types it.

use crate::harness::World;

#[test]
fn the_tour() {
    let world = World::new();
    let mint = world.mint();
    world.run(&["verifier", "init", "--mint", &mint.url]);
    let _merchant = world.serve(&["verifier", "run", "--listen", "127.0.0.1:0"]);
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes"]);
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
}
