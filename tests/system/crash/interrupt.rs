//! How a wallet is interrupted, and what must be true afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenarios::{Finish, Scenario, Task};
use crate::net::Fault;
use crate::stage::{Holdings, Purse, Ran, Stage, ran, ran_for, units};

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, what: impl Into<String>, times: usize) {
        if times > 0 {
            *self.counts.entry(what.into()).or_default() += times;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            self.add(what.clone(), *times);
        }
    }

    /// Wallets killed, and messages lost. What was only slow or came twice, and servers that were killed, are not counted.
    pub(crate) fn total(&self) -> usize {
        let lesser = ["Slow", "Twice", "mint killed", "merchant killed"];
        let counts = self.counts.iter().filter(|(what, _)| !lesser.iter().any(|lesser| what.ends_with(lesser)));
        counts.map(|(_, times)| times).sum()
    }

    fn killed(&mut self, ran: &Ran) -> bool {
        if let Some(moment) = &ran.killed {
            self.add(format!("killed at {moment}"), 1);
        }
        ran.killed.is_some()
    }
}

/// One stage's work: every wallet that was on it, and what was done to them.
pub(crate) struct Trial<'a> {
    stage: &'a Stage,
    pub(crate) tally: Tally,
    pub(crate) held: Vec<Holdings>,
    waiting: Vec<Task<'a>>,
    /// What needs time to come to its end, and what was done to it.
    later: Vec<(String, Task<'a>)>,
    dice: Dice,
    /// Which of the scenario's parts this is.
    part: usize,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(stage: &'a Stage, part: usize, dice: Dice) -> Self {
        let (tally, held, waiting, later) = (Tally::default(), Vec::new(), Vec::new(), Vec::new());
        Self { stage, tally, held, waiting, later, dice, part }
    }

    /// Every kind of interruption of one scenario.
    pub(crate) fn run(&mut self, scenario: &Scenario) {
        let (took, requests) = self.uninterrupted(scenario);
        self.moments(scenario);
        self.instants(scenario, took);
        self.network(scenario, requests);
        self.servers(scenario, took);
        while let Some(task) = self.waiting.pop() {
            task.set_the_stage();
            self.afterwards("nothing", scenario, task);
        }
        while let Some((name, task)) = self.later.pop() {
            self.settled(&name, &task);
        }
    }

    fn next(&mut self, scenario: &Scenario) -> Task<'a> {
        if self.waiting.is_empty() {
            self.waiting.extend((0..scenario.at_once).map(|_| (scenario.ready)(self.stage)));
        }
        self.waiting.remove(0)
    }

    /// How long it takes, and how many requests go over each link.
    fn uninterrupted(&mut self, scenario: &Scenario) -> (Duration, [usize; 4]) {
        let task = self.next(scenario);
        let _before = self.stage.proxies().map(|(_, proxy)| proxy.seen());
        task.set_the_stage();
        let ran = ran(&mut task.command()).succeeded();
        let requests = self.stage.proxies().map(|(_, proxy)| proxy.seen());
        self.afterwards("nothing", scenario, task);
        (ran.took, requests)
    }

    /// Killed at each moment in turn; every other time whoever goes on is killed as well.
    fn moments(&mut self, scenario: &Scenario) {
        let mut moment = 1 + self.part;
        loop {
            let task = self.next(scenario);
            task.set_the_stage();
            let killed = ran(task.command().env("FARTHING_TEST_KILL", moment.to_string()));
            if !self.tally.killed(&killed) {
                self.afterwards("nothing", scenario, task);
                return;
            }
            if moment.is_multiple_of(2) {
                let again = task.resume(Some(&(1 + self.dice.below(moment.max(12))).to_string()));
                self.tally.killed(&again);
            }
            self.afterwards(&format!("killed at moment {moment}"), scenario, task);
            moment += scenario.parts;
        }
    }

    fn instants(&mut self, scenario: &Scenario, took: Duration) {
        for _ in 0..(12 / scenario.parts).max(1) {
            let task = self.next(scenario);
            task.set_the_stage();
            let killed = ran_for(&mut task.command(), self.dice.duration(took));
            self.tally.killed(&killed);
            self.afterwards("killed at an instant", scenario, task);
        }
    }

    /// Each request over each link that is used meets each fault, once or several times in a row.
    fn network(&mut self, scenario: &Scenario, requests: [usize; 4]) {
        for (link, requests) in requests.into_iter().enumerate().filter(|(_, requests)| *requests > 0) {
            self.refuse(scenario, link);
            for healthy in 0..requests {
                for (number, fault) in Fault::ALL.into_iter().enumerate() {
                    // Other faults for the next request, so that each part has all of them.
                    let turn = link + healthy * (Fault::ALL.len() + 1) + number;
                    if turn % scenario.parts == self.part {
                        self.lose(scenario, link, healthy, fault);
                    }
                }
            }
        }
    }

    /// Nobody listens.
    fn refuse(&mut self, scenario: &Scenario, link: usize) {
        let task = self.next(scenario);
        task.set_the_stage();
        let (name, proxy) = self.stage.proxies()[link];
        let ended = proxy.closed_during(|| ran(&mut task.command()));
        assert!(matches!(ended.code, Some(0..=6)), "{}: {ended:?}", scenario.name);
        self.tally.add(format!("{name}: nobody listens"), 1);
        self.afterwards(&format!("nobody listens on {name}"), scenario, task);
    }

    fn lose(&mut self, scenario: &Scenario, link: usize, healthy: usize, fault: Fault) {
        let task = self.next(scenario);
        let (name, proxy) = self.stage.proxies()[link];
        if link == 1 && !task.uses_the_merchant() {
            return self.afterwards("nothing", scenario, task);
        }
        task.set_the_stage();
        proxy.fail(healthy, 1 + self.dice.below(6), fault);
        let ended = ran(&mut task.command());
        assert!(matches!(ended.code, Some(0..=6)), "{}: {ended:?}", scenario.name);
        self.tally.add(format!("{name}: {fault:?}"), proxy.heal());
        self.afterwards(&format!("{name}: {fault:?} of request {healthy}"), scenario, task);
    }

    /// Mint or merchant killed at a random instant.
    fn servers(&mut self, scenario: &Scenario, took: Duration) {
        for round in 0..(8 / scenario.parts).max(1) {
            let task = self.next(scenario);
            task.set_the_stage();
            let mut command = task.command();
            let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            let mut child = child.spawn().unwrap();
            std::thread::sleep(self.dice.duration(took));
            if round % 2 == 0 {
                self.stage.restart_mint();
                self.tally.add("mint killed", 1);
            } else {
                self.stage.restart_merchant();
                self.tally.add("merchant killed", 1);
            }
            child.wait().unwrap();
            self.afterwards("a server killed", scenario, task);
        }
    }

    /// The next command goes on, nothing is missing or held back, and the work can be done after all.
    fn afterwards(&mut self, interruption: &str, scenario: &Scenario, task: Task<'a>) {
        let name = format!("{}, {interruption}", scenario.name);
        for (_, proxy) in self.stage.proxies() {
            proxy.heal();
        }
        let resumed = task.resume(None);
        assert_eq!(resumed.code, Some(0), "{name}: {resumed:?}");
        for (_, proxy) in self.stage.proxies() {
            proxy.settle();
        }
        let balance: Value = serde_json::from_str(&resumed.out).unwrap();
        let warned = balance["warnings"].as_array().into_iter().flatten().any(|one| one["code"] == "still_unfinished");
        // What a server was asked for is asked again only when the request is made again.
        assert!(!warned || task.finish == Finish::Fetch, "{name}: {resumed:?}");
        let reserved: u64 = balance["balances"].as_array().unwrap().iter().map(|one| units(&one["reserved"])).sum();
        assert_eq!(reserved > 0, warned, "{name}: {resumed:?}");
        match task.finish {
            Finish::Restore => self.later.push((name, task)),
            _ => self.settled(&name, &task),
        }
    }

    /// It is brought to its end, and everything is there.
    fn settled(&mut self, name: &str, task: &Task<'_>) {
        bring_to_an_end(name, task);
        let held = task.purse.holdings();
        held.assert_settled(name);
        assert_eq!(task.purse.files(), ["keys", "state"], "{name}");
        // Whoever was killed with the answer in his hands pays for another one.
        let twice = task.finish == Finish::Fetch && held.paid == 2 * task.pays;
        assert!(held.paid == task.pays || twice, "{name}: {held:?}");
        assert_eq!(held.out, 0, "{name}");
        let other = task.other.as_ref().map(Purse::holdings);
        if let Some(other) = &other {
            other.assert_settled(name);
        }
        let funded = task.purse.funded() + task.other.as_ref().map_or(0, Purse::funded);
        let moved = held.worth().abs_diff(task.purse.funded());
        assert_eq!(held.worth() + other.map_or(0, |other| other.worth()), funded, "{name}: {held:?} {other:?}");
        // What never began to be sent did not move.
        assert!(moved == task.moves || (moved == 0 && task.finish == Finish::Deliver), "{name}: {held:?} {other:?}");
        self.held.push(held);
        self.held.extend(other);
    }
}

fn bring_to_an_end(name: &str, task: &Task<'_>) {
    match (task.finish, &task.other) {
        (Finish::Again, _) => done_again(name, task),
        (Finish::Fetch, _) => {
            // That the answer to what was paid is lost is told once, before another one is paid for.
            let told = ran(&mut task.command());
            if told.err.contains("its answer was lost") {
                done_again(name, task);
            } else {
                told.succeeded();
            }
            let budget = &task.purse.json(&["budget", "list"])["budgets"][0];
            assert_eq!(units(&budget["spent"]), task.purse.holdings().paid, "{name}: {budget}");
        }
        (Finish::Restore, _) => restore_to_the_end(name, &task.purse),
        (Finish::Deliver, Some(other)) => {
            let sent = task.purse.json(&["sent", "--all"]);
            for sent in sent["sent"].as_array().unwrap().iter().filter(|sent| sent["state"] != "failed") {
                assert!(["out", "locked"].iter().any(|state| sent["state"] == *state), "{name}: {sent}");
                let text = task.purse.json(&["sent", &sent["operation"].to_string()]);
                other.json(&["receive", text["text"].as_str().unwrap()]);
            }
            task.purse.json(&["send", "--reclaim", "all"]);
        }
        (Finish::Claim, Some(other)) => {
            let again = ran(task.command().arg("--json"));
            assert!(again.code == Some(0) || again.out.contains("\"received_before\""), "{name}: {again:?}");
            other.json(&["send", "--reclaim", "all"]);
        }
        (Finish::Redeem, _) => {
            let again = ran(task.command().arg("--json"));
            assert!(again.code == Some(0) || again.out.contains("\"received_before\""), "{name}: {again:?}");
        }
        (Finish::Resume | Finish::Deliver | Finish::Claim, _) => {}
    }
}

fn done_again(name: &str, task: &Task<'_>) {
    let again = ran(&mut task.command());
    assert_eq!(again.code, Some(0), "{name}: {again:?}");
}

/// Goes on until the mint has published everything; then nothing comes back any more.
fn restore_to_the_end(name: &str, purse: &Purse<'_>) {
    let go_on = || purse.json(&["restore", "--renew-now"])["mints"][0].take();
    for _ in 0..600 {
        if go_on()["state"] == "finished" {
            let mint = go_on();
            assert_eq!(
                (&mint["state"], &mint["tokens"], &mint["suspected"]),
                (&json!("finished"), &json!(0), &json!(0))
            );
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{name}: the mint does not publish");
}

/// Numbers that look random and are always the same.
pub(crate) struct Dice(u32);

impl Dice {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % limit
    }

    /// Within the time that something takes, or just after.
    fn duration(&mut self, took: Duration) -> Duration {
        let micros = took.as_micros() as usize * 11 / 10;
        Duration::from_micros(self.below(micros.max(1)) as u64)
    }
}
