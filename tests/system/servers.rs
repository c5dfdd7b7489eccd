//! Wallets, mints and merchants killed at arbitrary instants: afterwards the value is what it was.

use std::time::Duration;

use crate::harness::World;

const ROUNDS: u32 = 24;

#[test]
fn whoever_is_killed_value_is_conserved() {
    let world = World::new();
    let mut mint = world.mint();
    let mint_port = mint.port();
    let mut merchant = world.merchant(&mint);
    let merchant_port = merchant.port();
    world.run(&["wallet", "init", "--mint", &mint.url, "--yes", "--no-passphrase"]);
    let account = world.run(&["wallet", "account"]);
    world.run(&["mint", "credit", &account, "100.00"]);
    world.run(&["wallet", "withdraw", "--bundle", "0"]);

    let mut instant = Instants(0x9e37_79b9);
    for round in 0..ROUNDS {
        let invoice = world.run(&["verifier", "request", "0.37", "--expires-in", "3"]);
        let work: &[&str] =
            if round % 3 == 2 { &["wallet", "withdraw", "1.05"] } else { &["wallet", "pay", &invoice, "--yes"] };
        let mut child = world.quiet(work).spawn().unwrap();
        std::thread::sleep(instant.next(120));
        match round % 4 {
            0 | 2 => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            1 => {
                mint.kill();
                child.wait().unwrap();
                mint = world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{mint_port}")]);
            }
            _ => {
                merchant.kill();
                child.wait().unwrap();
                merchant = world.serve(&["verifier", "run", "--listen", &format!("127.0.0.1:{merchant_port}")]);
            }
        }
    }
    // Past every invoice's time everything can be settled, one way or the other.
    std::thread::sleep(Duration::from_secs(4));
    let mut balance = world.run(&["wallet", "balance"]);
    for _ in 0..5 {
        if !balance.contains("unfinished") {
            break;
        }
        balance = world.run(&["wallet", "balance"]);
    }
    let history = world.run(&["wallet", "history"]);
    assert!(!balance.contains("unfinished") && !history.contains("unfinished"), "{balance}\n{history}");

    let books = world.run(&["mint", "audit"]);
    assert!(books.contains("balanced"), "{books}");
    let figure = |name: &str| cents(books.lines().find(|line| line.trim_start().starts_with(name)).unwrap());
    let tokens = cents(balance.lines().find(|line| line.contains("tokens")).unwrap());
    let own = cents(balance.lines().find(|line| line.contains("in the account")).unwrap());
    assert_eq!(figure("funded"), 10_000);
    assert_eq!(tokens, figure("tokens issued") - figure("tokens redeemed"), "{books}\n{balance}");
    let paid = history.lines().filter(|line| line.contains("paid")).count() as u64;
    assert_eq!(figure("account balances") - own, 37 * paid, "{books}\n{balance}\n{history}");
    // The merchant counts exactly what was cleared for him.
    let counted = world.run(&["verifier", "payments"]).lines().filter(|line| line.contains("0.37 EUR")).count() as u64;
    assert_eq!(counted, paid, "{history}");
    drop((mint, merchant));
}

/// The amount in a line, in hundredths.
fn cents(line: &str) -> u64 {
    let amount = line.split_whitespace().find(|word| word.contains('.')).unwrap();
    amount.replace('.', "").parse().unwrap()
}

/// Instants spread over the first milliseconds of a command; always the same ones.
struct Instants(u32);

impl Instants {
    fn next(&mut self, below: u32) -> Duration {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis(u64::from((self.0 >> 8) % below))
    }
}
