//! HTTP requests that are not paid for, or whose answer is lost.

use data_encoding::BASE64;

use super::Provoked;
use super::folder::file;
use crate::fake;
use crate::get::town;
use crate::harness::World;
use crate::x402::shop::{Mode, Shop};

pub(super) fn that_are_not_paid_for(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::FailsAfterSettling);
    let url = shop.url();
    seen.by("bad_request", &alice, &["get", &url, "-X", "A B"]);
    let large = format!("@{}", file(&world, "large", vec![b'x'; (2 << 20) + 1]));
    let demand = |demand: &str| {
        let header = format!("payment-required: {}\r\n", BASE64.encode(demand.as_bytes()));
        fake::serve(move |_| Some(fake::with("402 Payment Required", &header, "")))
    };
    let entry = serde_json::json!({"x402Version": 2, "accepts": [shop.entry()]}).to_string();
    seen.by("request_too_large", &alice, &["get", &demand(&entry), "-d", &large, "--max-amount", "1.00"]);
    seen.by("demand_unusable", &alice, &["get", &demand("{}")]);
    seen.by("server_not_reached", &alice, &["get", "http://127.0.0.1:1/"]);
    let huge = fake::serve(|_| Some(fake::with("200 OK", "", &"x".repeat(65 << 20))));
    seen.by("server_bad_answer", &alice, &["get", &huge]);
    seen.by("price_not_allowed", &alice, &["get", &url, "--max-amount", "0.36"]);

    // It takes the money and fails.
    let get = ["get", &url, "--max-amount", "0.37"];
    let open = alice.json_with(3, "wallet-get", &get);
    let number = open["operation"].to_string();
    assert_eq!(alice.json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "paid");
    seen.by("answer_lost", &alice, &get);
    world.audit();
}
