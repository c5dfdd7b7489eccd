//! Telling the operator: each alarm once when it begins and once when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Alarm;

/// Longest time that the operator's program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that fails is run again after so long, and so often in all.
const AGAIN: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 30;

/// Tells what has changed. Dropped, it tells nothing more.
#[derive(Debug)]
pub(super) struct Teller {
    begun: BTreeSet<Alarm>,
    program: Option<(Arc<Waiting>, JoinHandle<()>)>,
}

/// What the program is to be told. Of each alarm only the last word waits: what it has overtaken is told no more.
#[derive(Debug, Default)]
struct Waiting {
    words: Mutex<BTreeMap<Alarm, Word>>,
    more: Notify,
}

/// Whether an alarm has begun or ended, and how often the program has failed to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    begins: bool,
    failed: u32,
}

impl Waiting {
    fn words(&self) -> MutexGuard<'_, BTreeMap<Alarm, Word>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, Message { alarm, begins }: Message) {
        self.words().insert(alarm, Word { begins, failed: 0 });
        self.more.notify_one();
    }

    /// What comes next: of those that failed least often, the worst.
    fn next(&self) -> Option<Message> {
        let words = self.words();
        let least = words.values().map(|word| word.failed).min()?;
        let mut next = words.iter().filter(|(_, word)| word.failed == least);
        next.next().map(|(alarm, word)| Message { alarm: *alarm, begins: word.begins })
    }

    /// The program has taken a message, or not: then it is tried again, but not for ever.
    fn tried(&self, Message { alarm, begins }: Message, taken: bool) {
        let mut words = self.words();
        let Some(word) = words.get_mut(&alarm).filter(|word| word.begins == begins) else { return };
        word.failed = word.failed.saturating_add(1);
        if taken || word.failed >= ATTEMPTS {
            words.remove(&alarm);
        }
    }
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
            let waiting = Arc::new(Waiting::default());
            (Arc::clone(&waiting), tokio::spawn(run_for_each(command, waiting)))
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
        if let Some((waiting, _)) = &self.program {
            waiting.put(message);
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

async fn run_for_each(command: Vec<String>, waiting: Arc<Waiting>) {
    loop {
        let Some(message) = waiting.next() else {
            waiting.more.notified().await;
            continue;
        };
        let taken = run(&command, message).await;
        waiting.tried(message, taken);
        if !taken {
            tracing::error!(alarm = message.alarm.as_str(), "the alert program failed");
            // Something else is told at once.
            let _more = tokio::time::timeout(AGAIN, waiting.more.notified()).await;
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
    let ended = format!("This is over: {}", alarm.sentence());
    command.env("FARTHING_ALERT_TEXT", if begins { alarm.sentence() } else { ended.as_str() });
    match tokio::time::timeout(PATIENCE, command.status()).await {
        Ok(Ok(status)) => status.success(),
        Ok(Err(error)) => {
            tracing::error!(kind = %error.kind(), "the alert program could not be started");
            false
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn word(alarm: Alarm, begins: bool) -> Message {
        Message { alarm, begins }
    }

    fn next(waiting: &Waiting) -> (Alarm, bool) {
        let Message { alarm, begins } = waiting.next().unwrap();
        (alarm, begins)
    }

    #[test]
    fn the_worst_comes_first_and_what_was_overtaken_is_not_told() {
        let waiting = Waiting::default();
        assert!(waiting.next().is_none());
        waiting.put(word(Alarm::NotBacked, true));
        waiting.put(word(Alarm::LedgerStopped, true));
        assert_eq!(next(&waiting), (Alarm::LedgerStopped, true));
        waiting.put(word(Alarm::LedgerStopped, false));
        // What was being told meanwhile is overtaken, and counts for nothing.
        waiting.tried(word(Alarm::LedgerStopped, true), true);
        assert_eq!(next(&waiting), (Alarm::LedgerStopped, false));
        waiting.tried(word(Alarm::LedgerStopped, false), true);
        assert_eq!(next(&waiting), (Alarm::NotBacked, true));
        waiting.tried(word(Alarm::NotBacked, true), true);
        assert!(waiting.next().is_none());
    }

    #[test]
    fn what_the_program_does_not_take_holds_nothing_else_up_and_is_given_up_at_last() {
        let waiting = Waiting::default();
        waiting.put(word(Alarm::KeysetForged, true));
        waiting.tried(word(Alarm::KeysetForged, true), false);
        waiting.put(word(Alarm::NoKeyset, true));
        assert_eq!(next(&waiting), (Alarm::NoKeyset, true));
        waiting.tried(word(Alarm::NoKeyset, true), true);
        for _ in 1..ATTEMPTS {
            assert_eq!(next(&waiting), (Alarm::KeysetForged, true));
            waiting.tried(word(Alarm::KeysetForged, true), false);
        }
        assert!(waiting.next().is_none());
    }
}
