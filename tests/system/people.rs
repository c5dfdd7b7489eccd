//! Money between people: texts, links, pictures, requests.

use crate::harness::World;
use crate::purse::Purse;

fn text(answer: &serde_json::Value) -> String {
    answer["text"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_is_sent_received_and_taken_back() {
    let world = World::new();
    let mint = world.mint();
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "bob", &mint));

    let sent = alice.json("wallet-send", &["send", "1.00", "--memo", "for tea"]);
    assert_eq!((alice.available(), alice.held("sent")), (410, 100));
    let listed = alice.json("wallet-sent", &["sent"]);
    assert_eq!((&listed["sent"][0]["state"], &listed["sent"][0]["memo"]), (&"out".into(), &"for tea".into()));
    alice.fails(1, "own_token", &["receive", &text(&sent)]);
    let received = bob.json("wallet-receive", &["receive", &text(&sent)]);
    assert_eq!((&received["amount"]["text"], &received["memo"]), (&"1.00 EUR".into(), &"for tea".into()));
    assert_eq!(bob.available(), 100);
    bob.fails(1, "received_before", &["receive", &text(&sent)]);
    let carol = Purse::new(&world, "carol", &mint);
    carol.fails(1, "already_spent", &["receive", &text(&sent)]);

    // The same text is shown again while it is out; afterwards it is taken back, or was claimed.
    let second = alice.json("wallet-send", &["send", "0.50"]);
    let number = second["operation"].to_string();
    assert_eq!(text(&alice.json("wallet-send", &["sent", &number])), text(&second));
    let taken = alice.json("wallet-send-reclaim", &["send", "--reclaim", "all"]);
    let outcomes: Vec<_> = taken["reclaimed"].as_array().unwrap().iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(outcomes, ["taken_back", "claimed"]);
    assert_eq!((alice.available(), alice.held("sent")), (410, 0));
    carol.fails(1, "already_spent", &["receive", &text(&second)]);
    alice.fails(1, "not_sent", &["send", "--reclaim", &number]);
    alice.fails(1, "not_sent", &["sent", &number]);
    alice.fails(1, "bad_number", &["send", "--reclaim", "some"]);
    alice.fails(4, "insufficient_funds", &["send", "100.00"]);
    alice.fails(1, "bad_amount", &["send", "0"]);
    alice.fails(1, "bad_memo", &["send", "0.01", "--memo", &"x".repeat(141)]);
    let kinds = alice.json("wallet-history", &["history"]);
    assert_eq!(kinds["finished"][0]["kind"], "send");
    world.audit();
}

#[test]
fn money_is_locked_to_its_recipient() {
    let world = World::new();
    let mint = world.mint();
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "bob", &mint));
    let carol = Purse::new(&world, "carol", &mint);

    let record = bob.json("wallet-recipient", &["recipient"]);
    alice.fails(8, "nobody_to_ask", &["send", "0.20", "--to", &text(&record)]);
    let sent = alice.json("wallet-send", &["send", "0.20", "--to", record["link"].as_str().unwrap(), "--yes"]);
    assert_eq!(sent["locked_to"], record["payee"]);
    carol.fails(1, "locked_to_another", &["receive", &text(&sent)]);
    let number = sent["operation"].to_string();
    alice.fails(1, "not_sent", &["send", "--reclaim", &number]);
    assert_eq!(bob.json("wallet-receive", &["receive", &text(&sent)])["locked"], true);

    let request = bob.json("wallet-request", &["request", "0.30", "--memo", "rent"]);
    alice.fails(8, "nobody_to_ask", &["pay", &text(&request)]);
    let answer = alice.json("wallet-send", &["pay", &text(&request), "--yes"]);
    assert_eq!((&answer["memo"], &answer["again"]), (&"rent".into(), &false.into()));
    let again = alice.json("wallet-send", &["pay", &text(&request), "--yes"]);
    assert_eq!((text(&again), &again["again"]), (text(&answer), &true.into()));
    bob.json("wallet-receive", &["receive", &text(&answer)]);
    assert_eq!((alice.available(), bob.available()), (460, 50));
    alice.fails(4, "insufficient_funds", &["send", "90", "--to", &text(&record), "--yes"]);

    // What is handed to the wrong command says where it belongs.
    let token = text(&alice.json("wallet-send", &["send", "0.01"]));
    assert!(bob.fails(1, "bad_text", &["pay", &token]).contains("wallet receive"));
    assert!(bob.fails(1, "bad_text", &["pay", &text(&record)]).contains("wallet send"));
    assert!(bob.fails(1, "bad_text", &["receive", &text(&request)]).contains("wallet pay"));
    assert!(bob.fails(1, "bad_text", &["send", "1", "--to", &text(&request)]).contains("wallet pay"));
    let damaged = token.replacen('q', "p", 1);
    assert!(bob.fails(1, "bad_text", &["receive", &damaged]).contains("damaged"));
    world.audit();
}

#[test]
fn texts_go_as_files_and_pictures() {
    let world = World::new();
    let mint = world.mint();
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "bob", &mint));
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();

    // Seven tokens do not fit one code.
    let sent = alice.json("wallet-send", &["send", "1.27", "--png", &path("money.png"), "--svg", &path("money.svg")]);
    let files: Vec<&str> = sent["files"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    let pictures: Vec<&str> = files.iter().copied().filter(|file| file.ends_with(".png")).collect();
    assert_eq!((&sent["text"], &sent["link"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert!(pictures.len() > 1 && files.len() == 2 * pictures.len(), "{files:?}");
    assert!(pictures[0].ends_with(&format!("money-1-of-{}.png", pictures.len())));
    bob.fails(1, "bad_parts", &["receive", "--image", pictures[0]]);
    let mut receive = vec!["receive"];
    receive.extend(pictures.iter().rev().flat_map(|picture| ["--image", picture]));
    assert_eq!(bob.json("wallet-receive", &receive)["amount"]["text"], "1.27 EUR");

    alice.shows(&["send", "0.64", "--file", &path("money.txt")]);
    let (shown, _) = bob.shows(&["receive", "--file", &path("money.txt")]);
    assert!(shown.starts_with("received 0.64 EUR"), "{shown}");
    bob.fails(1, "bad_file", &["receive", "--file", &path("nothing.txt")]);
    bob.fails(1, "bad_image", &["receive", "--image", &path("money.txt")]);

    let (request, notes) = bob.shows(&["request", "0.02", "--qr"]);
    assert!(request.contains('█') && request.contains("farthingrequest1"));
    assert!(notes.contains("to be answered before"), "{notes}");
    let request = request.lines().last().unwrap().to_owned();
    let (answer, notes) = alice.shows(&["pay", &request, "--yes", "--qr"]);
    assert!(notes.replace('\n', " ").contains("cannot be taken back"), "{notes}");
    let parts: Vec<&str> = answer.lines().filter(|line| line.starts_with("part ")).collect();
    assert!(!parts.is_empty() || answer.contains('█'));
    let (shown, _) = bob.shows(&["receive", answer.lines().last().unwrap()]);
    assert!(shown.starts_with("received 0.02 EUR"), "{shown}");
    world.audit();
}
