//! `wallet get` as a command: prices asked, limits, budgets, files.

use std::time::Duration;

use farthing_protocol::identity::MintId;

use crate::harness::World;
use crate::purse::Purse;
use crate::terminal::{Terminal, possible};
use crate::x402::shop::{CONTENT, Mode, Setup, Shop};

const PRICE: &str = "0.37 EUR";

/// A wallet with 5.10, and what a shop of 0.37 needs.
pub(crate) fn town<'a>(world: &'a World, mint: &crate::harness::Server) -> (Purse<'a>, Setup) {
    let alice = Purse::filled(world, "alice", mint);
    let listed = alice.json("wallet-mint-list", &["mint", "list"]);
    std::fs::create_dir(world.path("shop")).unwrap();
    let setup = Setup {
        folder: world.path("shop"),
        secret: rand::random(),
        mint: MintId::from_text(listed["mints"][0]["mint"].as_str().unwrap()).unwrap(),
        mint_url: mint.url.clone(),
        price: 37,
        patience: Duration::from_secs(40),
    };
    (alice, setup)
}

#[test]
fn a_url_is_paid_for_within_what_was_allowed() {
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::Honest);
    let url = shop.url();
    let refused = alice.fails(8, "nobody_to_ask", &["get", &url]);
    assert!(refused.contains(PRICE), "{refused}");
    alice.fails(1, "price_not_allowed", &["get", &url, "--max-amount", "0.36"]);
    alice.fails(1, "bad_request", &["get", &url, "-H", "Host: elsewhere"]);
    alice.fails(1, "bad_text", &["get", &url, "-H", "nothing"]);
    alice.fails(1, "bad_request", &["get", &url, "-X", "A B"]);
    alice.fails(1, "bad_address", &["get", "nonsense"]);
    alice.fails(1, "bad_file", &["get", &url, "-d", "@/nowhere"]);
    alice.fails(1, "bad_file", &["get", &url, "-o", "/nowhere/file"]);
    alice.fails(6, "server_not_reached", &["get", "http://127.0.0.1:1/"]);

    let paid = alice.json("wallet-get", &["get", &url, "--max-amount", "0.37"]);
    assert_eq!(
        (&paid["payment"], &paid["amount"]["text"], &paid["status"]),
        (&"paid".into(), &PRICE.into(), &200.into())
    );
    assert_eq!((&paid["body"], &paid["body_base64"]), (&serde_json::Value::Null, &"AJ+Slg0K".into()));
    assert_eq!(alice.available(), 473);
    let entry = alice.json("wallet-history", &["history"])["finished"][0].clone();
    assert_eq!((&entry["kind"], entry["url"].as_str()), (&"payment".into(), Some(url.as_str())));

    let budget = alice.json("wallet-budget", &["budget", "set", &url, "0.50", "--window", "3600"]);
    assert_eq!(budget["budget"]["left"]["text"], "0.50 EUR");
    let file = world.path("report");
    let bought = alice.json("wallet-get", &["get", &url, "-o", file.to_str().unwrap()]);
    assert_eq!((&bought["payment"], &bought["body_base64"]), (&"paid".into(), &serde_json::Value::Null));
    assert_eq!(std::fs::read(&file).unwrap(), CONTENT);
    let budgets = alice.json("wallet-budget-list", &["budget", "list"]);
    assert_eq!(budgets["budgets"][0]["spent"]["text"], PRICE);
    alice.fails(1, "price_not_allowed", &["get", &url]);
    alice.fails(1, "bad_budget", &["budget", "set", &url, "1", "--window", "0"]);
    assert_eq!(alice.json("wallet-budget-remove", &["budget", "remove", &url])["removed"], true);
    assert_eq!(alice.json("wallet-budget-remove", &["budget", "remove", &url])["removed"], false);
    let (shown, _) = alice.shows(&["budget", "list"]);
    assert_eq!(shown, "none\n");
    world.audit();
}

#[test]
fn what_a_server_does_not_take_comes_back() {
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::RaisesThePrice);
    let refused = alice.json_with(1, "wallet-get", &["get", &shop.url(), "--max-amount", "1.00"]);
    assert_eq!((&refused["payment"], &refused["status"]), (&"taken_back".into(), &402.into()));
    assert_eq!(alice.available(), 510);
    shop.set(Mode::HandlerFails);
    let open =
        alice.json_with(3, "wallet-get", &["get", &shop.url(), "--max-amount", "1.00", "-X", "POST", "-d", "order"]);
    assert_eq!((&open["payment"], &open["status"]), (&"open".into(), &500.into()));
    assert_eq!(alice.held("reserved"), 37);
    let number = open["operation"].to_string();
    assert_eq!(alice.json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "taken_back");
    assert_eq!(alice.available(), 510);
    alice.fails(4, "insufficient_funds", &["get", &with_price(&setup), "--max-amount", "100"]);

    // An ordinary answer costs nothing, whatever its status.
    let missing = alice.json("wallet-get", &["get", &format!("{}/nothing", mint.url)]);
    assert_eq!((&missing["payment"], &missing["status"]), (&"none".into(), &404.into()));
    alice.json_with(1, "wallet-get", &["get", "-f", &format!("{}/nothing", mint.url)]);
    let dir = world.path("alice");
    let shown = world.run(&["wallet", "--dir", dir.to_str().unwrap(), "get", "-i", &format!("{}/nothing", mint.url)]);
    assert!(shown.starts_with("HTTP 404\n"), "{shown}");
    world.audit();
}

#[test]
fn money_for_nothing_is_no_success() {
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::SettlesAndFails);
    let paid = alice.json_with(1, "wallet-get", &["get", &shop.url(), "--max-amount", "0.37"]);
    assert_eq!((&paid["payment"], &paid["status"], &paid["body"]), (&"paid".into(), &500.into(), &"out of tea".into()));
    assert!(paid["receipt"].is_string());
    assert_eq!(alice.available(), 473);
    world.audit();
}

/// Exit code, and what stands on the screen, whatever the lines.
fn ended(terminal: &Terminal) -> (i32, String) {
    let (code, screen) = terminal.end();
    (code, screen.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn what_was_bought_is_not_lost_with_the_file_it_was_to_go_into() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::Honest);
    let (dir, url, place) = (world.path("alice"), shop.url(), world.path("place"));
    let get = ["wallet", "--dir", dir.to_str().unwrap(), "get", &url];
    std::fs::create_dir(&place).unwrap();
    alice.fails(1, "bad_file", &["get", &url, "-o", place.to_str().unwrap(), "--max-amount", "0.37"]);
    assert_eq!((alice.available(), shop.seen().len()), (510, 0));

    // Something takes the file's place while somebody thinks about the price.
    let file = place.join("report");
    let terminal = Terminal::run(&world, &[&get[..], &["-o", file.to_str().unwrap()]].concat());
    terminal.wait_for("asks 0.37 EUR, to be paid to");
    std::fs::create_dir(&file).unwrap();
    terminal.type_line("y");
    let (code, screen) = ended(&terminal);
    assert_eq!(code, 1, "{screen}");
    for words in ["cannot be written", "it is in", "Paid 0.37 EUR", "receipt: farthingreceipt1"] {
        assert!(screen.contains(words), "{screen}");
    }
    std::fs::remove_dir(&file).unwrap();
    let kept = std::fs::read_dir(&place).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read(kept).unwrap(), CONTENT);

    // Nor is what a terminal must not be shown.
    let temporary = world.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let environment = format!("TMPDIR={}", temporary.display());
    let terminal = Terminal::run_with(&world, &[&get[..], &["--max-amount", "0.37"]].concat(), &[&environment]);
    let (code, screen) = ended(&terminal);
    assert_eq!(code, 0, "{screen}");
    for words in ["6 bytes are no text for a terminal", "--output - shows it", "Paid 0.37 EUR"] {
        assert!(screen.contains(words), "{screen}");
    }
    let kept = std::fs::read_dir(&temporary).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read(kept).unwrap(), CONTENT);
    assert_eq!(alice.available(), 436);
    world.audit();
}

#[test]
fn an_answer_that_was_lost_is_told_before_the_same_command_pays_again() {
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::FailsAfterSettling);
    let url = shop.url();
    let command = ["get", &url, "--max-amount", "0.37"];
    let open = alice.json_with(3, "wallet-get", &command);
    assert_eq!((&open["payment"], &open["status"]), (&"open".into(), &500.into()));
    shop.set(Mode::Honest);
    let number = open["operation"].to_string();
    assert_eq!(alice.json("wallet-give-up", &["give-up", &number, "--yes"])["outcome"], "paid");
    assert_eq!(alice.available(), 473);
    let seen = shop.seen().len();
    let told = alice.fails(1, "answer_lost", &command);
    for words in [&format!("operation {number} was paid"), "farthing wallet history", "may pay anew"] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!((shop.seen().len(), alice.available()), (seen, 473));
    assert_eq!(alice.json("wallet-get", &command)["payment"], "paid");
    assert_eq!((shop.payments().len(), alice.available()), (2, 436));
    world.audit();
}

/// A shop that is too dear, which stays until the test ends.
fn with_price(setup: &Setup) -> String {
    let folder = setup.folder.join("dear");
    std::fs::create_dir(&folder).unwrap();
    let shop = Shop::open(&Setup { price: 9000, folder, ..setup.clone() }, 0, Mode::Honest);
    let url = shop.url();
    Box::leak(Box::new(shop));
    url
}

#[test]
fn a_person_is_asked_about_a_price() {
    if !possible() {
        return;
    }
    let world = World::new();
    let mint = world.mint();
    let (alice, setup) = town(&world, &mint);
    let shop = Shop::open(&setup, 0, Mode::Honest);
    let (dir, url) = (world.path("alice"), shop.url());
    for (answer, code, left) in [("n", 1, 510), ("y", 0, 473)] {
        let file = world.path(answer);
        let arguments = ["wallet", "--dir", dir.to_str().unwrap(), "get", &url, "-o", file.to_str().unwrap()];
        let terminal = Terminal::run(&world, &arguments);
        terminal.wait_for("asks 0.37 EUR, to be paid to");
        terminal.type_line(answer);
        assert_eq!(terminal.end().0, code);
        assert_eq!((file.exists(), alice.available()), (answer == "y", left));
    }
}
