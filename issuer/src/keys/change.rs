//! All key files exchanged for others at once: another passphrase, or what a backup holds.
//!
//! The new files are written beside the old ones, in `keys.new`, and synced. Then `keys` is moved to `keys.old`, `keys.new` to `keys`, and
//! `keys.old` is removed. So after a crash at any instant all keys are there, and one secret opens all of them: the old one until
//! `keys` is moved, the new one from then on. Whoever finds `keys` missing finishes what was begun.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyError, KeyFolder, Protection, Unlock, sync_folder};

/// How far an exchange is, for a test that ends it there.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeStep {
    /// One of the new files is written.
    Written,
    /// All of them are durable.
    Synced,
    /// The old ones are out of the way.
    MovedOut,
    /// The new ones are in their place.
    MovedIn,
    /// The old ones are gone.
    Done,
}

/// A secret and its name.
pub(crate) type Named = (String, Zeroizing<Vec<u8>>);

/// What is told of every step, and can end the exchange there.
pub(crate) type Telling<'a> = &'a dyn Fn(ExchangeStep) -> io::Result<()>;

impl KeyFolder {
    /// All secrets.
    pub(crate) fn load_all(&self, unlock: &Unlock) -> Result<Vec<Named>, KeyError> {
        self.names()?.into_iter().map(|name| self.load_secret(unlock, &name).map(|secret| (name, secret))).collect()
    }

    /// Puts these secrets, protected like this, in the place of all that lie here. Nobody else MUST write here meanwhile.
    pub(crate) fn exchange(&self, secrets: &[Named], protection: &Protection, at: Telling<'_>) -> Result<(), KeyError> {
        self.settle()?;
        let (new, old) = (self.beside("new"), self.beside("old"));
        remove_folder(&new.folder)?;
        protection.prepare()?;
        new.create()?;
        for (name, secret) in secrets {
            new.store_secret(protection, name, secret)?;
            at(ExchangeStep::Written)?;
        }
        // What cannot be opened must not take the place of what can.
        let unlock = protection.unlock();
        for (name, secret) in secrets {
            if new.load_secret(&unlock, name)?.as_slice() != secret.as_slice() {
                return Err(KeyError::Damaged);
            }
        }
        at(ExchangeStep::Synced)?;
        if self.folder.try_exists()? {
            fs::rename(&self.folder, &old.folder)?;
            self.sync_parent()?;
        }
        at(ExchangeStep::MovedOut)?;
        self.move_in()?;
        at(ExchangeStep::MovedIn)?;
        remove_folder(&old.folder)?;
        self.sync_parent()?;
        Ok(at(ExchangeStep::Done)?)
    }

    /// Finishes an exchange that was cut short, and removes what it left. Nobody else MUST be exchanging keys.
    pub(crate) fn settle(&self) -> Result<(), KeyError> {
        self.finish()?;
        remove_folder(&self.beside("new").folder)?;
        Ok(remove_folder(&self.beside("old").folder)?)
    }

    /// Moves new keys in if the old ones are out of the way. Harmless at any time.
    pub(super) fn finish(&self) -> Result<(), KeyError> {
        if self.folder.try_exists()? || !self.beside("new").folder.try_exists()? {
            return Ok(());
        }
        Ok(self.move_in()?)
    }

    fn move_in(&self) -> io::Result<()> {
        match fs::rename(self.beside("new").folder, &self.folder) {
            // Somebody who found no keys was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.folder.try_exists()? => {}
            moved => moved?,
        }
        self.sync_parent()
    }

    fn beside(&self, what: &str) -> Self {
        Self { folder: self.folder.with_extension(what), mint: self.mint }
    }

    fn sync_parent(&self) -> io::Result<()> {
        self.folder.parent().map_or(Ok(()), sync_folder)
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::cell::Cell;

    use farthing_protocol::identity::{Keypair, MintId};

    use super::*;
    use crate::keys::{Cost, Passphrase};

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    fn protection(passphrase: &str) -> Protection {
        Protection::Passphrase { passphrase: Passphrase::new(passphrase), cost: CHEAP }
    }

    /// Which of the secrets open everything.
    fn opened_by(folder: &KeyFolder, secrets: &[&str]) -> Vec<String> {
        let opens = |secret: &&&str| {
            folder.names().unwrap().iter().all(|name| folder.load_secret(&protection(secret).unlock(), name).is_ok())
        };
        secrets.iter().filter(opens).map(|secret| (*secret).to_owned()).collect()
    }

    #[test]
    fn cut_short_anywhere_one_secret_opens_everything() {
        for end_at in 0..7 {
            let temporary = tempfile::tempdir().unwrap();
            let identity = Keypair::from_secret(&[1; 32]);
            let folder = KeyFolder::new(temporary.path().join("keys"), MintId::from(&identity));
            folder.create().unwrap();
            folder.store_identity(&protection("old"), &identity).unwrap();
            for name in ["keyset-a", "keyset-b"] {
                folder.store_secret(&protection("old"), name, name.as_bytes()).unwrap();
            }
            let secrets = folder.load_all(&protection("old").unlock()).unwrap();
            let (steps, moved) = (Cell::new(0), Cell::new(false));
            let telling = |step| {
                moved.set(moved.get() || step == ExchangeStep::MovedOut);
                steps.set(steps.get() + 1);
                if steps.get() > end_at { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
            };
            let changed = folder.exchange(&secrets, &protection("new"), &telling);
            assert!(changed.is_err(), "step {end_at}");
            let expected = if moved.get() { "new" } else { "old" };
            // Read as it was left, and again after the next opening has put it in order.
            assert_eq!(opened_by(&folder, &["old", "new"]), [expected], "step {end_at}");
            folder.settle().unwrap();
            assert_eq!(opened_by(&folder, &["old", "new"]), [expected], "step {end_at}");
            assert_eq!(folder.names().unwrap().len(), 3);
            assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1, "nothing is left beside");
            folder.exchange(&secrets, &protection("other"), &|_| Ok(())).unwrap();
            assert_eq!(opened_by(&folder, &["old", "new", "other"]), ["other"]);
            assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
        }
    }
}
