//! Every command of a wallet with `--json`, against its schema.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::World;
use crate::purse::{failure, json};

#[test]
fn answers_and_failures_are_as_documented() {
    let world = World::new();
    let mint = world.mint();
    let merchant = world.merchant(&mint);
    failure(&world, 1, "wallet_missing", &["balance"]);
    failure(&world, 8, "nobody_to_ask", &["init", "--mint", &mint.url]);
    unseen_words_are_refused(&world, &mint.url);
    let made = json(&world, "wallet-init", &["init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    failure(&world, 1, "wallet_exists", &["init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    let account = json(&world, "wallet-account", &["account", "--png", world.path("account.png").to_str().unwrap()]);
    // What went into a file is not said as well, unless somebody wants to see it.
    assert_eq!((&account["text"], &account["link"]), (&Value::Null, &Value::Null));
    let account = json(&world, "wallet-account", &["account", "--qr"]);
    assert_eq!(account["text"], made["account"]);
    assert!(world.path("account.png").exists());

    failure(&world, 4, "insufficient_funds", &["withdraw", "1.00"]);
    world.run(&["mint", "credit", made["account"].as_str().unwrap(), "10.00"]);
    let bundles = json(&world, "wallet-withdraw-bundles", &["withdraw", "--bundle", "list"]);
    assert_eq!(bundles["bundles"][0]["worth"]["text"], "5.10 EUR");
    let withdrawn = json(&world, "wallet-withdraw", &["withdraw", "--bundle", "0"]);
    assert_eq!(
        withdrawn["amount"],
        serde_json::json!({"units": "510", "unit": "EUR", "exponent": 2, "text": "5.10 EUR"})
    );
    failure(&world, 1, "bad_amount", &["withdraw", "1.005"]);
    failure(&world, 1, "ambiguous", &["withdraw", "1", "--mint", "http://127.0.0.1:1"]);

    let invoice = world.run(&["verifier", "request", "0.37", "--memo", "tea"]);
    failure(&world, 8, "nobody_to_ask", &["pay", &invoice]);
    let link = format!("FARTHING:{}", invoice.to_uppercase());
    let paid = json(&world, "wallet-pay", &["pay", &link, "--yes"]);
    assert_eq!((&paid["paid_before"], &paid["memo"]), (&Value::Bool(false), &Value::from("tea")));
    assert_eq!(json(&world, "wallet-pay", &["pay", &invoice, "--yes"])["paid_before"], true);
    let balance = json(&world, "wallet-balance", &["balance"]);
    assert_eq!(balance["balances"][0]["available"]["units"], "473");
    assert_eq!(balance["accounts"][0]["balance"]["units"], "490");
    let history = json(&world, "wallet-history", &["history"]);
    assert_eq!(history["finished"][0]["receipt"], paid["receipt"]);

    let dear = world.run(&["verifier", "request", "50.00"]);
    failure(&world, 4, "insufficient_funds", &["pay", &dear, "--yes"]);
    let late = world.run(&["verifier", "request", "0.01"]);
    merchant.kill();
    failure(&world, 6, "payee_not_reached", &["pay", &late, "--yes"]);
    mint.kill();
    failure(&world, 6, "mint_not_reached", &["withdraw", "1.00"]);
    let alone = json(&world, "wallet-balance", &["balance"]);
    assert_eq!(alone["warnings"][0]["code"], "mint_not_asked");
}

#[test]
fn an_invoice_goes_by_file_standard_input_and_picture() {
    use std::io::Write;
    use std::process::Stdio;

    let world = World::new();
    let mint = world.mint();
    let _merchant = world.merchant(&mint);
    let account = world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    world.run(&["mint", "credit", &account, "10.00"]);
    world.run(&["wallet", "withdraw", "--bundle", "0"]);

    let (file, png) = (world.path("invoice.txt"), world.path("invoice.png"));
    let (file, png) = (file.to_str().unwrap(), png.to_str().unwrap());
    assert_eq!(world.run(&["verifier", "request", "0.01", "--file", file]), "");
    assert!(world.run(&["wallet", "pay", "--file", file, "--yes"]).contains("paid 0.01 EUR"));
    world.run(&["verifier", "request", "0.02", "--png", png]);
    assert!(world.run(&["wallet", "pay", "--image", png, "--yes"]).contains("paid 0.02 EUR"));
    // A file that is there is not written over.
    assert!(world.refused(&["verifier", "request", "0.02", "--png", png]).contains("cannot be written"));

    let invoice = world.run(&["verifier", "request", "0.04", "--qr"]);
    let (code, invoice) = invoice.rsplit_once('\n').unwrap();
    assert!(code.contains('█'));
    let (first, second) = invoice.split_at(70);
    let mut command = world.farthing(&["wallet", "pay", "--file", "-", "--yes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("\n  {first}\n  {second}\n\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("paid 0.04 EUR"));
}

/// Words are shown at a terminal, or go into a new file that somebody named; nowhere else.
fn unseen_words_are_refused(world: &World, mint: &str) {
    let init = |more: &[&str]| {
        let mut command = world.farthing(&["wallet"]);
        command.args(["init", "--mint", mint, "--yes", "--no-passphrase"]).args(more).output().unwrap()
    };
    let refused = init(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(8) && said.contains("--words-file FILE"), "{said}");
    let file = world.path("something else");
    std::fs::write(&file, "precious").unwrap();
    let kept = init(&["--words-file", file.to_str().unwrap()]);
    assert_eq!(kept.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert!(!world.path(".farthing/wallet/keys").exists());
    let (dir, file) = (world.path("other"), world.path("paper"));
    let made = init(&["--dir", dir.to_str().unwrap(), "--words-file", file.to_str().unwrap()]);
    assert!(made.status.success());
    let words = std::fs::read_to_string(&file).unwrap();
    let said = [made.stdout, made.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(words.split_whitespace().count() == 12 && said.contains("paper"), "{said}");
    assert!(!said.contains(words.split_once(' ').unwrap().1.trim()), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
