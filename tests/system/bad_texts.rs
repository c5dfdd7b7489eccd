//! Texts that a wallet must not take: damaged, of another version, of a stranger's mint, spent, forged. Each is refused with a code
//! and a sentence, and changes nothing.

use std::collections::BTreeMap;

use farthing_protocol::text;

use crate::stage::{Purse, Stage};

/// How a command was refused: the code of its JSON answer.
fn refused(purse: &Purse<'_>, arguments: &[&str]) -> String {
    let ran = purse.run(&[&["--json"], arguments].concat());
    assert!(matches!(ran.code, Some(1 | 4)), "{arguments:?}: {ran:?}");
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let error = &answer["error"];
    assert!(!error["message"].as_str().unwrap().is_empty(), "{answer}");
    error["code"].as_str().unwrap().to_owned()
}

/// Texts that are not quite this one.
fn misspelled(good: &str) -> Vec<String> {
    let mut texts =
        vec![good[..good.len() - 1].to_owned(), format!("{good}q"), String::new(), good.replacen('1', "11", 1)];
    for at in (0..good.len()).step_by(good.len() / 12) {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'q' { b'p' } else { b'q' };
        texts.push(String::from_utf8(bytes).unwrap());
        texts.push(format!("{}{}", &good[..at], good[at..].to_uppercase()));
    }
    // Upper case as a whole is the same text.
    texts.retain(|text| text != good && text.to_lowercase() != good);
    texts
}

/// The same with its bytes changed and the checksum right.
fn rewritten(prefix: &str, good: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = text::decode(prefix, good).unwrap();
    change(&mut bytes);
    text::encode(prefix, &bytes)
}

#[test]
fn a_text_that_is_not_right_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    let (alice, bob) = (stage.purse(500), stage.purse(1));
    alice.run(&["withdraw", "1.28"]).succeeded();
    let good = alice.json(&["send", "0.37"])["text"].as_str().unwrap().to_owned();
    let before = (alice.holdings(), bob.holdings());

    for bad in misspelled(&good) {
        let code = refused(&bob, &["receive", "--", &bad]);
        assert!(code == "bad_text" || code == "bad_parts", "{bad}: {code}");
    }
    let version = rewritten("farthingtoken", &good, |bytes| bytes[0] = 2);
    assert_eq!(refused(&bob, &["receive", &version]), "bad_text");
    // Every part of it forged, with the checksum right: mint, keyset, denomination, coin, signature, key.
    let length = text::decode("farthingtoken", &good).unwrap().len();
    let mut codes = BTreeMap::<String, usize>::new();
    for at in (1..length).step_by(9) {
        let forged = rewritten("farthingtoken", &good, |bytes| bytes[at] ^= 1);
        *codes.entry(refused(&bob, &["receive", &forged])).or_default() += 1;
    }
    let cut = rewritten("farthingtoken", &good, |bytes| bytes.truncate(length - 5));
    assert_eq!(refused(&bob, &["receive", &cut]), "bad_text");
    assert!(codes.len() >= 3, "{codes:?}");
    assert_eq!((alice.holdings(), bob.holdings()), before);

    // It is still good, once.
    bob.json(&["receive", &good]);
    assert_eq!(refused(&bob, &["receive", &good]), "received_before");
    assert_eq!(refused(&stage.purse(1), &["receive", &good]), "already_spent");
    alice.json(&["send", "--reclaim", "all"]);
    let held = [alice.holdings(), bob.holdings()];
    assert_eq!(held.map(|held| held.worth()), [463, 38]);
}

#[test]
fn money_of_a_mint_that_nobody_here_knows_is_refused() {
    let (stage, elsewhere) = (Stage::new(), Stage::new());
    let (stranger, bob) = (elsewhere.purse(500), stage.purse(1));
    stranger.run(&["withdraw", "0.64"]).succeeded();
    let text = stranger.json(&["send", "0.64"])["text"].as_str().unwrap().to_owned();
    assert_eq!(refused(&bob, &["receive", &text]), "mint_unknown");
    assert_eq!(bob.holdings().worth(), 1);
    // Nothing is lost: known and trusted, it is taken.
    bob.run(&["mint", "add", &elsewhere.to_mint.url(), "--yes"]).succeeded();
    bob.json(&["receive", &text]);
    let taken = stranger.json(&["send", "--reclaim", "all"]);
    assert_eq!(taken["reclaimed"][0]["outcome"], "claimed");
}

#[test]
fn an_invoice_or_a_request_that_is_not_right_is_not_paid() {
    let stage = Stage::new();
    let (alice, bob) = (stage.purse(500), stage.purse(1));
    alice.run(&["withdraw", "1.28"]).succeeded();
    let before = alice.holdings();
    let invoice = stage.invoice(37);
    let request = bob.json(&["request", "0.37"])["text"].as_str().unwrap().to_owned();
    for (prefix, good) in [("farthinginvoice", &invoice), ("farthingrequest", &request)] {
        for bad in misspelled(good) {
            let code = refused(&alice, &["pay", "--yes", "--", &bad]);
            assert!(code == "bad_text" || code == "bad_parts", "{bad}: {code}");
        }
        let length = text::decode(prefix, good).unwrap().len();
        for at in (0..length).step_by(9) {
            let forged = rewritten(prefix, good, |bytes| bytes[at] ^= 1);
            refused(&alice, &["pay", &forged, "--yes"]);
        }
    }
    assert_eq!(alice.holdings(), before);
    alice.run(&["pay", &invoice, "--yes"]).succeeded();
    assert_eq!(alice.assert_whole("paid").paid, 37);
}
