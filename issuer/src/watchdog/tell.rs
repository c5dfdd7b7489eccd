//! Telling the operator: each alarm once when it begins and once when it ends.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::Alarm;

/// Longest time that the operator's program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that fails is run again after so long, and so often in all.
const AGAIN: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 30;

/// So many messages wait while the program runs. What is more is in the log alone.
const WAITING: usize = 64;

/// Tells what has changed. Dropped, it tells nothing more.
#[derive(Debug)]
pub(super) struct Teller {
    begun: BTreeSet<Alarm>,
    program: Option<(Sender<Message>, JoinHandle<()>)>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    alarm: Alarm,
    begins: bool,
}

impl Teller {
    /// Tells by this program with its arguments, too, if it is one.
    pub(super) fn new(command: Vec<String>) -> Self {
        let program = (!command.is_empty()).then(|| {
            let (messages, waiting) = channel(WAITING);
            (messages, tokio::spawn(run_for_each(command, waiting)))
        });
        Self { begun: BTreeSet::new(), program }
    }

    /// Tells what has begun and what has ended since it was last asked.
    pub(super) fn tell(&mut self, alarms: &[Alarm]) {
        let now: BTreeSet<Alarm> = alarms.iter().copied().collect();
        for alarm in now.difference(&self.begun) {
            tracing::error!(alarm = alarm.as_str(), "{}", alarm.sentence());
            self.send(Message { alarm: *alarm, begins: true });
        }
        for alarm in self.begun.difference(&now) {
            tracing::warn!(alarm = alarm.as_str(), "this has ended: {}", alarm.sentence());
            self.send(Message { alarm: *alarm, begins: false });
        }
        self.begun = now;
    }

    fn send(&self, message: Message) {
        if let Some((messages, _)) = &self.program
            && messages.try_send(message).is_err()
        {
            tracing::error!("the alert program is behind: this is in the log alone");
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some((_, running)) = &self.program {
            running.abort();
        }
    }
}

async fn run_for_each(command: Vec<String>, mut waiting: Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        for attempt in 1..=ATTEMPTS {
            if run(&command, message).await {
                break;
            }
            tracing::error!(attempt, "the alert program failed");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Runs the program once. It gets nothing of this process's environment but where programs are: no passphrase, no credentials.
async fn run(command: &[String], Message { alarm, begins }: Message) -> bool {
    let Some((program, arguments)) = command.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    command.envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("FARTHING_ALERT", alarm.as_str());
    command.env("FARTHING_ALERT_STATE", if begins { "began" } else { "ended" });
    command.env("FARTHING_ALERT_TEXT", alarm.sentence());
    match tokio::time::timeout(PATIENCE, command.status()).await {
        Ok(Ok(status)) => status.success(),
        Ok(Err(error)) => {
            tracing::error!(kind = %error.kind(), "the alert program could not be started");
            false
        }
        Err(_) => false,
    }
}
