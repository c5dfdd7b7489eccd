//! Money between people that does not arrive, and what is wrong about words and numbers.

use farthing_protocol::ids::KeysetId;
use farthing_protocol::text::{self, TextForm};
use farthing_protocol::token::{TextToken, TextTokenContent};

use super::Provoked;
use crate::harness::World;
use crate::purse::Purse;

/// After the tokens of today have ended.
const LATER: [(&str, &str); 1] = [("FARTHING_TEST_CLOCK", "42000000")];

fn text(answer: &serde_json::Value) -> String {
    answer["text"].as_str().unwrap().to_owned()
}

pub(super) fn that_is_not_sent(seen: &mut Provoked) {
    let world = World::new();
    let mint = world.mint();
    let alice = Purse::filled(&world, "alice", &mint);
    seen.by("bad_amount", &alice, &["send", "0"]);
    seen.by("bad_memo", &alice, &["send", "0.01", "--memo", &"x".repeat(141)]);
    seen.by("insufficient_funds", &alice, &["send", "100.00"]);
    seen.by("not_sent", &alice, &["sent", "99"]);
    seen.by("bad_number", &alice, &["send", "--reclaim", "some"]);
    seen.by("bad_date", &alice, &["forget", "--before", "yesterday"]);
    seen.by("bad_policy", &alice, &["stock", "--up-to", "1.00", "--ahead", "17"]);
    seen.by("bad_budget", &alice, &["budget", "set", "https://shop.example", "1.00", "--window", "0"]);
    let request = text(&alice.json("wallet-request", &["request", "0.05"]));
    let mut bytes = text::decode("farthingrequest", &request).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    seen.by("invalid_signature", &alice, &["pay", &text::encode("farthingrequest", &bytes), "--yes"]);
    let sent = alice.json("wallet-send", &["send", "0.01"]);
    let number = sent["operation"].to_string();
    seen.with("tokens_ended", &alice, &["send", "--reclaim", &number], &LATER);
}

pub(super) fn that_is_not_received(seen: &mut Provoked) {
    let (world, elsewhere) = (World::new(), World::new());
    let (mint, another) = (world.mint(), elsewhere.mint());
    let (alice, bob) = (Purse::filled(&world, "alice", &mint), Purse::new(&world, "bob", &mint));
    let sent = text(&alice.json("wallet-send", &["send", "0.03"]));
    let mut receive = |code: &str, purse: &Purse<'_>, text: &str| seen.by(code, purse, &["receive", text]);
    receive("own_token", &alice, &sent);

    let token = TextToken::from_text(&sent).unwrap();
    let (mint_id, keyset) = (*token.mint(), *token.keyset());
    let TextTokenContent::Bearer(mut tokens) = token.into_content() else { panic!("locked to nobody") };
    (tokens[0].0.signature, tokens[1].0.signature) = (tokens[1].0.signature, tokens[0].0.signature);
    let made = |keyset, tokens| TextToken::new(mint_id, keyset, None, TextTokenContent::Bearer(tokens)).unwrap();
    receive("forged", &bob, &made(keyset, tokens).to_text());
    let TextTokenContent::Bearer(tokens) = TextToken::from_text(&sent).unwrap().into_content() else { panic!() };
    receive("keyset_unknown", &bob, &made(KeysetId::from_bytes([5; 32]), tokens).to_text());
    let stranger = Purse::filled(&elsewhere, "stranger", &another);
    receive("mint_unknown", &bob, &text(&stranger.json("wallet-send", &["send", "0.01"])));

    let record = text(&bob.json("wallet-recipient", &["recipient"]));
    let locked = text(&alice.json("wallet-send", &["send", "0.04", "--to", &record, "--yes"]));
    receive("locked_to_another", &Purse::new(&world, "carol", &mint), &locked);
    seen.with("keyset_ended", &bob, &["receive", &sent], &LATER);
    bob.json("wallet-receive", &["receive", &sent]);
    seen.by("received_before", &bob, &["receive", &sent]);
    seen.by("already_spent", &Purse::new(&world, "dave", &mint), &["receive", &sent]);
    world.audit();
}
