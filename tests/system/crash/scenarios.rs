//! What a wallet is interrupted at.

use std::process::Command;
use std::time::{Duration, Instant};

use super::lost;
use crate::net::Fault;
use crate::stage::{Purse, Ran, Stage, money, ran};

/// Something that a wallet does, and how to get it there.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Where it does it.
    pub(crate) stage: fn() -> Stage,
    /// Makes a wallet that is about to do it.
    pub(crate) ready: for<'a> fn(&'a Stage) -> Task<'a>,
    /// So many are made at a time, and then wait together.
    pub(crate) at_once: usize,
    /// Its interruptions fall into so many parts. The short version makes one of them.
    pub(crate) parts: usize,
}

impl Scenario {
    const fn new(name: &'static str, ready: for<'a> fn(&'a Stage) -> Task<'a>) -> Self {
        Self { name, stage: Stage::new, ready, at_once: 1, parts: 8 }
    }

    /// With an invoice whose time must pass.
    const fn late(name: &'static str, ready: for<'a> fn(&'a Stage) -> Task<'a>) -> Self {
        Self { at_once: 4, ..Self::new(name, ready) }
    }

    /// With a mint that publishes what it signed.
    const fn published(name: &'static str, parts: usize, ready: for<'a> fn(&'a Stage) -> Task<'a>) -> Self {
        Self { at_once: 4, stage: Stage::sealing, parts, ..Self::new(name, ready) }
    }
}

/// A command that is going to be interrupted.
pub(crate) struct Task<'a> {
    pub(crate) purse: Purse<'a>,
    /// Somebody who gets or gave the money.
    pub(crate) other: Option<Purse<'a>>,
    arguments: Vec<String>,
    /// It is not begun before: an invoice's time has passed then, or the mint has published what it signed before.
    due: Instant,
    /// What must have been paid to the merchant at the end, whatever happened.
    pub(crate) pays: u64,
    /// What goes from one wallet to the other, if anything does.
    pub(crate) moves: u64,
    /// The merchant cannot be reached meanwhile.
    cut_off: bool,
    pub(crate) finish: Finish,
}

/// How what was interrupted is brought to an end once nothing is the matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The next command goes on by itself, and the same command can be given again.
    Again,
    /// The next command goes on by itself.
    Resume,
    /// The other one claims what was sent, and what is still out then is taken back.
    Deliver,
    /// The request is made again: it is paid for with the same payment, unless the one before was at its end.
    Fetch,
    /// The text is received after all, or was before; the sender then learns it.
    Claim,
    /// The voucher is redeemed after all, or was before.
    Redeem,
    /// The same command is given again until the mint has published everything, and what came back is renewed.
    Restore,
}

impl<'a> Task<'a> {
    fn new(purse: Purse<'a>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (due, finish) = (Instant::now(), Finish::Again);
        Self { purse, other: None, arguments, due, pays: 0, moves: 0, cut_off: false, finish }
    }

    /// Runs when nothing is the matter, and is paid once at the end.
    fn paying(purse: Purse<'a>, cents: u64) -> Self {
        let invoice = purse.stage.invoice(cents);
        Self { pays: cents, ..Self::new(purse, &["pay", &invoice, "--yes"]) }
    }

    /// A payment that was begun, met a fault, and is settled by the next command after the invoice's time.
    fn settling(purse: Purse<'a>, cents: u64, fault: Fault, pays: u64) -> Self {
        let stage = purse.stage;
        let invoice = stage.world.run(&["verifier", "request", &money(cents), "--expires-in", "2"]);
        let due = Instant::now() + Duration::from_millis(2_100);
        stage.to_merchant.fail(0, 1, fault);
        let left = purse.run(&["pay", &invoice, "--yes"]);
        assert_ne!(left.code, Some(0), "{left:?}");
        assert_eq!(stage.to_merchant.heal(), 1);
        Self { due, pays, ..Self::new(purse, &["balance"]) }
    }

    /// Something that gives money to another wallet.
    fn giving(purse: Purse<'a>, other: Purse<'a>, arguments: &[&str], moves: u64) -> Self {
        Self { other: Some(other), moves, finish: Finish::Deliver, ..Self::new(purse, arguments) }
    }

    /// Something that gets money from another wallet.
    fn claiming(purse: Purse<'a>, other: Purse<'a>, text: &str, moves: u64) -> Self {
        Self { other: Some(other), moves, finish: Finish::Claim, ..Self::new(purse, &["receive", text]) }
    }

    /// Something that brings back what the mint has published, or has not yet. The other one was given something before.
    pub(super) fn restoring(purse: Purse<'a>, other: Purse<'a>, arguments: &[&str], moves: u64) -> Self {
        let due = Instant::now() + Duration::from_millis(3_500);
        Self { other: Some(other), moves, due, finish: Finish::Restore, ..Self::new(purse, arguments) }
    }

    pub(crate) fn command(&self) -> Command {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.purse.command(&arguments)
    }

    /// What whoever comes next does. A restore is given again, for there may be no wallet yet; everything else goes on by itself.
    pub(crate) fn resume(&self, moment: Option<&str>) -> Ran {
        if self.finish == Finish::Restore {
            let again = ran(killed_at(&mut self.command(), moment));
            if again.code != Some(0) {
                return again;
            }
        }
        ran(killed_at(&mut self.purse.command(&["balance", "--json"]), moment))
    }

    /// What is wrong with the network while it runs, besides what the test does to it.
    pub(crate) fn set_the_stage(&self) {
        std::thread::sleep(self.due.saturating_duration_since(Instant::now()));
        if self.cut_off {
            self.purse.stage.to_merchant.fail(0, 1_000, Fault::HangUp);
        }
    }

    pub(crate) fn uses_the_merchant(&self) -> bool {
        !self.cut_off
    }
}

fn killed_at<'c>(command: &'c mut Command, moment: Option<&str>) -> &'c mut Command {
    match moment {
        Some(moment) => command.env("FARTHING_TEST_KILL", moment),
        None => command,
    }
}

pub(crate) static ALL: [Scenario; 22] = [
    Scenario::published("restore", 32, lost::restored),
    Scenario::published("bring together", 16, lost::brought_together),
    Scenario::new("withdraw", |stage| Task::new(stage.purse(1_000), &["withdraw", "1.05"])),
    Scenario::new("withdraw a bundle", |stage| Task::new(stage.purse(1_200), &["withdraw", "--bundle", "0"])),
    Scenario::new("redeem a voucher", |stage| {
        let (purse, code) = stage.purse(1).given_voucher(105);
        let task = Task::new(purse, &["redeem", &code]);
        Task { finish: Finish::Redeem, ..task }
    }),
    Scenario::new("pay", |stage| Task::paying(holding(stage, &[37]), 37)),
    Scenario::new("pay after a split", |stage| Task::paying(holding(stage, &[64]), 37)),
    Scenario::new("pay after a merge", |stage| Task::paying(holding(stage, &[16, 16]), 32)),
    Scenario::late("settle what never arrived", |stage| {
        Task::settling(holding(stage, &[37]), 37, Fault::LoseRequest, 0)
    }),
    Scenario::late("settle what was accepted", |stage| {
        Task::settling(holding(stage, &[37]), 37, Fault::LoseAnswer, 37)
    }),
    Scenario::late("settle what was accepted without the payee", |stage| {
        let task = Task::settling(holding(stage, &[37]), 37, Fault::LoseAnswer, 37);
        Task { cut_off: true, ..task }
    }),
    Scenario::new("abandon a number", abandoned),
    Scenario::new("send", |stage| Task::giving(holding(stage, &[37]), stage.purse(1), &["send", "0.37"], 37)),
    Scenario::new("send after a split", |stage| {
        Task::giving(holding(stage, &[64]), stage.purse(1), &["send", "0.37"], 37)
    }),
    Scenario::new("send, locked", |stage| {
        let other = stage.purse(1);
        let record = text_of(&other, &["recipient"]);
        Task::giving(holding(stage, &[64]), other, &["send", "0.37", "--to", &record, "--yes"], 37)
    }),
    Scenario::new("answer a request", |stage| {
        let other = stage.purse(1);
        let request = text_of(&other, &["request", "0.37"]);
        Task::giving(holding(stage, &[37]), other, &["pay", &request, "--yes"], 37)
    }),
    Scenario::new("receive", |stage| {
        let other = holding(stage, &[37]);
        let text = text_of(&other, &["send", "0.37"]);
        Task::claiming(stage.purse(1), other, &text, 37)
    }),
    Scenario::new("receive what is locked", |stage| {
        let (purse, other) = (stage.purse(1), holding(stage, &[37]));
        let record = text_of(&purse, &["recipient"]);
        let text = text_of(&other, &["send", "0.37", "--to", &record, "--yes"]);
        Task::claiming(purse, other, &text, 37)
    }),
    Scenario::new("refresh the stock", |stage| {
        let purse = holding(stage, &[256]);
        purse.json(&["stock", "--up-to", "1.00", "--ahead", "2"]);
        Task::new(purse, &["refresh", "--pause", "0", "--max-swaps", "3"])
    }),
    Scenario::new("get what costs something, within a budget", |stage| {
        let purse = holding(stage, &[128]);
        let url = stage.shop_url();
        purse.json(&["budget", "set", &url, "1.00"]);
        let task = Task::new(purse, &["get", &url]);
        Task { pays: 37, finish: Finish::Fetch, ..task }
    }),
    Scenario::new("take back", |stage| {
        let purse = holding(stage, &[37]);
        text_of(&purse, &["send", "0.37"]);
        Task::new(purse, &["send", "--reclaim", "all"])
    }),
    Scenario::new("take back what was claimed", |stage| {
        let (purse, other) = (holding(stage, &[37]), stage.purse(1));
        let text = text_of(&purse, &["send", "0.37"]);
        other.json(&["receive", &text]);
        let task = Task::new(purse, &["send", "--reclaim", "all"]);
        Task { other: Some(other), moves: 37, ..task }
    }),
];

/// The text that a command gives.
pub(super) fn text_of(purse: &Purse<'_>, arguments: &[&str]) -> String {
    purse.json(arguments)["text"].as_str().unwrap().to_owned()
}

/// A wallet that withdrew these amounts.
fn holding<'a>(stage: &'a Stage, amounts: &[u64]) -> Purse<'a> {
    let purse = stage.purse(500);
    for &cents in amounts {
        purse.run(&["withdraw", &money(cents)]).succeeded();
    }
    purse
}

/// A wallet whose request is durable and never left; meanwhile the mint has forgotten the session.
fn abandoned(stage: &Stage) -> Task<'_> {
    let purse = stage.purse(500);
    let killed = purse.run_killed_at(&["withdraw", "1.05"], "RequestStored:1");
    assert_eq!(killed.killed.as_deref(), Some("RequestStored"), "{killed:?}");
    stage.restart_mint();
    Task { finish: Finish::Resume, ..Task::new(purse, &["balance"]) }
}
