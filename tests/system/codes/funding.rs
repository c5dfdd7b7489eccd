//! Vouchers that are not redeemed, and quotes that are not given.

use super::Provoked;
use crate::funding::configure;
use crate::harness::World;
use crate::purse::Purse;

pub(super) fn that_does_not_come(seen: &mut Provoked) {
    let (world, elsewhere) = (World::new(), World::new());
    let mint = world.mint();
    let _another = elsewhere.mint();
    let (alice, bob) = (Purse::new(&world, "alice", &mint), Purse::new(&world, "bob", &mint));
    let [used, revoked] = [world.vouchers(1, 100).remove(0), world.vouchers(1, 100).remove(0)];
    alice.json("wallet-redeem", &["redeem", &used]);
    seen.by("received_before", &alice, &["redeem", &used]);
    seen.by("voucher_used", &bob, &["redeem", &used]);
    world.run(&["mint", "vouchers", "revoke", "1", "--yes"]);
    seen.by("voucher_ended", &bob, &["redeem", &revoked]);
    seen.by("mint_unknown", &bob, &["redeem", &elsewhere.vouchers(1, 100).remove(0)]);
    seen.by("bad_text", &bob, &["redeem", &used[..60]]);
    // Of this mint, and drawn by nobody that it knows.
    seen.by("voucher_unknown", &bob, &["redeem", &crate::funding::made_up(&used)]);

    seen.by("no_quotes", &bob, &["fund", "1.00"]);
    drop(mint);
    configure(&world, "payment = \"{quote}\"");
    let mint = world.mint();
    bob.json("wallet-mint", &["mint", "add", &mint.url, "--yes"]);
    for _ in 0..16 {
        bob.json("wallet-fund", &["fund", "1.00"]);
    }
    seen.by("too_many_quotes", &bob, &["fund", "1.00"]);
    world.audit();
}
