//! A wallet that is killed, or whose messages are lost, at whatever point of whatever it does: afterwards wallet, mint and
//! merchant hold what there was, and nothing is stuck.
//!
//! A wallet whose folder is lost comes back from its words, and an old copy of one is brought together with it, under the same
//! conditions. Wallets being made, changes of a passphrase, and commands that move nothing have tests of their own.
//!
//! `FARTHING_LONG=1 cargo test -p farthing-tests --test system crash -- --nocapture` makes every interruption there is, in rounds
//! of other random instants until there were a thousand; with `FARTHING_LONG_LOG=file` it notes each round, and goes on after the
//! last one noted. `FARTHING_ONLY=receive` makes those alone whose name contains it.

mod commands;
mod interrupt;
mod lost;
mod made;
mod passphrase;
mod scenarios;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

pub(crate) use interrupt::Dice;
use interrupt::{Tally, Trial};
use scenarios::Scenario;

/// At least so many interruptions in the long version.
const MANY: usize = 1_000;

#[test]
fn whatever_is_interrupted_value_is_conserved_and_nothing_is_stuck() {
    if std::env::var_os("FARTHING_LONG").is_some_and(|value| value == "1") {
        return long();
    }
    let tally = round(0, false);
    // Past the test harness, which hides what a passing test writes.
    let _gone = writeln!(std::fs::File::create("/dev/stderr").unwrap(), "crash: {} interruptions", tally.total());
    assert!(tally.total() >= 100 || std::env::var_os("FARTHING_ONLY").is_some(), "{tally:?}");
}

#[allow(clippy::print_stdout, reason = "the report of a long run")]
fn long() {
    let begun = Instant::now();
    let file = std::env::var_os("FARTHING_LONG_LOG").map(PathBuf::from);
    let noted = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let count = |line: &str| line.split(' ').nth(3).and_then(|count| count.parse::<usize>().ok()).unwrap();
    let mut all: usize = noted.lines().map(count).sum();
    let mut number = noted.lines().count() as u32;
    let mut tally = Tally::default();
    println!("{all} interruptions in {number} rounds noted before");
    loop {
        let made = round(number, true);
        tally.merge(&made);
        all += made.total();
        let line = format!("round {number}: {} interruptions", made.total());
        println!("{line}; {all} in all, {} s", begun.elapsed().as_secs());
        if let Some(file) = &file {
            let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
            writeln!(file, "{line}").unwrap();
        }
        number += 1;
        if all >= MANY {
            break;
        }
    }
    for (what, times) in &tally.counts {
        println!("{times:>6}  {what}");
    }
}

/// Every scenario, some side by side: each of its parts, or one of them.
fn round(number: u32, all: bool) -> Tally {
    let only = std::env::var("FARTHING_ONLY").unwrap_or_default();
    let mut work = Vec::new();
    for (index, scenario) in scenarios::ALL.iter().enumerate().filter(|(_, scenario)| scenario.name.contains(&only)) {
        let seed = number * 10_000 + index as u32 * 100;
        let one = Dice::new(seed).below(scenario.parts);
        let parts = if all { 0..scenario.parts } else { one..one + 1 };
        work.extend(parts.map(|part| (scenario, part, Dice::new(seed + part as u32))));
    }
    let work = Mutex::new(work.into_iter());
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| worker(&work))).collect();
        for worker in workers {
            tally.merge(&worker.join().unwrap());
        }
    });
    tally
}

/// Does one part after the other, each on a stage of its own.
fn worker(work: &Mutex<impl Iterator<Item = (&'static Scenario, usize, Dice)>>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let next = work.lock().unwrap().next();
        let Some((scenario, part, dice)) = next else { return tally };
        let stage = (scenario.stage)();
        let mut trial = Trial::new(&stage, part, dice);
        trial.run(scenario);
        stage.assert_conserved(&trial.held);
        tally.merge(&trial.tally);
    }
}
