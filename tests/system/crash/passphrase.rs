//! A passphrase that is set, changed or taken away, killed at every step of the file `keys` and at any instant: afterwards either the
//! old one opens the wallet or the new one, and nothing else that would open it lies there.

use std::time::Duration;

use super::Dice;
use crate::stage::{Purse, Ran, Stage, ran_for};

/// What opens a wallet: a file with a passphrase, or nothing.
type Key = Option<String>;

/// A wallet, what opens it, and what is to open it next.
struct Locked<'a> {
    purse: Purse<'a>,
    now: Key,
    next: Key,
}

#[test]
fn a_change_that_is_killed_leaves_the_old_passphrase_or_the_new_one() {
    let stage = Stage::new();
    let [one, other] = ["one", "other"].map(|name| {
        let file = stage.world.path(name);
        std::fs::write(&file, format!("the passphrase {name}\n")).unwrap();
        Some(file.to_str().unwrap().to_owned())
    });
    let (mut dice, mut held) = (Dice::new(7), Vec::new());
    // Set and taken away in turn, and changed.
    for (now, next, times) in [(None, one.clone(), 2), (one, other, 1)] {
        let purse = stage.purse(200);
        purse.run(&["withdraw", "0.37"]).succeeded();
        let mut locked = Locked { purse, now: None, next: now };
        if locked.next.is_some() {
            locked.changed();
        }
        locked.next = next;
        let mut moments = Vec::new();
        for moment in 1.. {
            let mut interrupt = || locked.interrupted(|purse, change| purse.run_killed_at(change, &moment.to_string()));
            let killed: Vec<Ran> = (0..times).map(|_| interrupt()).collect();
            if killed[0].killed.is_none() {
                break;
            }
            moments.extend(killed.into_iter().map(|ran| ran.killed.unwrap()));
        }
        let steps = ["KeysWritten", "KeysSynced", "KeysPlaced", "KeysDurable"];
        assert!(moments.iter().eq(steps.iter().flat_map(|step| std::iter::repeat_n(step, times))), "{moments:?}");
        for _ in 0..3 {
            let time = Duration::from_millis(dice.below(400) as u64);
            locked.interrupted(|purse, change| ran_for(&mut purse.command(change), time));
        }
        locked.next = None;
        if locked.now.is_some() {
            locked.changed();
        }
        held.push(locked.purse.assert_whole("changes"));
    }
    stage.assert_conserved(&held);
}

impl Locked<'_> {
    /// A change that something happens to. Afterwards it is made, if it was not.
    fn interrupted(&mut self, how: impl Fn(&Purse<'_>, &[&str]) -> Ran) -> Ran {
        let ran = how(&self.purse, &words(&self.change()));
        let (old, new) = (self.open(&self.now), self.open(&self.next));
        assert!(old != new, "{ran:?}: {old} {new}");
        assert!(new || ran.code != Some(0), "{ran:?}");
        assert_eq!(self.purse.files(), ["keys", "state"], "{ran:?}");
        if old {
            self.changed();
        } else {
            std::mem::swap(&mut self.now, &mut self.next);
        }
        ran
    }

    fn changed(&mut self) {
        self.purse.run(&words(&self.change())).succeeded();
        std::mem::swap(&mut self.now, &mut self.next);
    }

    /// Whether something opens it.
    fn open(&self, key: &Key) -> bool {
        let ran = self.purse.run(&[&["account"], &words(&given("--passphrase-file", key))[..]].concat());
        assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
        ran.code == Some(0)
    }

    fn change(&self) -> Vec<String> {
        let none = self.next.is_none().then(|| "--no-passphrase".to_owned());
        let (old, new) = (given("--passphrase-file", &self.now), given("--new-passphrase-file", &self.next));
        ["passphrase".to_owned()].into_iter().chain(old).chain(new).chain(none).collect()
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn given(option: &str, key: &Key) -> Vec<String> {
    key.iter().flat_map(|file| [option.to_owned(), file.clone()]).collect()
}
