//! `keys.toml`: the payee's keys, each with its time.

use std::io;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Encode, Reader, Writer, from_base64url, to_base64url};
use farthing_protocol::derive::{MerchantIndex, Seed};
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::locked::{LockKey, Recipient, RecipientKey};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::HomeError;
use crate::files;
use crate::merchant::{Accepting, MerchantKeys};

const KEYS: &str = "keys.toml";
const GUARD: &str = "keys.toml.lock";

/// The keys of a folder: those in use, and those before them, the oldest first.
pub(super) struct Keys {
    payee: PayeeEntry,
    retired_payees: Vec<PayeeEntry>,
    lock: LockEntry,
    retired_locks: Vec<LockEntry>,
}

struct PayeeEntry {
    /// Which key of its words.
    index: MerchantIndex,
    key: Keypair,
    since: UnixTime,
    until: Accepting,
}

struct LockEntry {
    key: LockKey,
    /// When it was made: by this it derives from its words.
    made_at: UnixTime,
    until: Accepting,
}

/// One of a payee's keys, as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// The payee that it makes.
    pub payee: PayeeKey,
    /// Which key of its words.
    pub index: MerchantIndex,
    /// Since when it is in use.
    pub since: UnixTime,
    /// Until when payments of its invoices are accepted.
    pub until: Accepting,
}

/// One of a payee's lock keys, as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockView {
    /// The public half.
    pub recipient: RecipientKey,
    /// When it was made.
    pub made_at: UnixTime,
    /// Until when tokens that are locked to it are accepted.
    pub until: Accepting,
}

/// What is changed when keys are rotated.
#[derive(Debug)]
pub struct Rotation<'a> {
    /// The words of the payee key in use: the next key of them takes its place. Or other words, whose first key does.
    pub seed: &'a Seed,
    /// Whether these are other words.
    pub new_words: bool,
    /// Whether the lock key is rotated too.
    pub lock: bool,
    /// When.
    pub now: UnixTime,
    /// Until when what is out for the keys before is still accepted.
    pub accept_until: UnixTime,
}

impl Keys {
    /// The first keys, from words. The payee's is the one of this index, those before it are retired.
    pub(super) fn derive(seed: &Seed, index: MerchantIndex, now: UnixTime) -> Self {
        let entry = |index: MerchantIndex, until: Accepting| PayeeEntry {
            index,
            key: seed.merchant_key(index),
            since: now,
            until,
        };
        let before = (0..index.get()).map(|before| entry(MerchantIndex::new(before), Accepting::Until(now)));
        let retired_payees = before.collect();
        let payee = entry(index, Accepting::Always);
        Self { payee, retired_payees, lock: LockEntry::derive(seed, now), retired_locks: Vec::new() }
    }

    /// Reads a folder's keys.
    pub(super) fn read(folder: &Path) -> Result<Self, HomeError> {
        let text = match fs::read_to_string(path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(HomeError::Keys),
            text => Zeroizing::new(text?),
        };
        // What the parser says quotes the text.
        let file: File = toml::from_str(&text).map_err(|_| HomeError::Keys)?;
        let mut retired_payees: Vec<_> = file.payee.into_iter().map(PayeeText::entry).collect::<Result<_, _>>()?;
        let mut retired_locks: Vec<_> = file.lock.into_iter().map(LockText::entry).collect::<Result<_, _>>()?;
        let payee = retired_payees.pop().ok_or(HomeError::Keys)?;
        let lock = retired_locks.pop().ok_or(HomeError::Keys)?;
        Ok(Self { payee, retired_payees, lock, retired_locks })
    }

    pub(super) fn exist(folder: &Path) -> io::Result<bool> {
        path(folder).try_exists()
    }

    /// Writes the keys of a folder that has none. Durable when this returns.
    pub(super) fn write_new(&self, folder: &Path) -> io::Result<()> {
        files::create_private(&path(folder), self.to_text().as_bytes())
    }

    /// Rotates the keys of a folder: durable when this returns, so that nothing is made out to a key that could be forgotten.
    pub(super) fn rotate(folder: &Path, rotation: &Rotation<'_>) -> Result<Self, HomeError> {
        let _guard = files::guard(&folder.join(GUARD))?;
        let mut keys = Self::read(folder)?;
        keys.turn(rotation)?;
        files::replace_private(&path(folder), keys.to_text().as_bytes())?;
        Ok(keys)
    }

    fn turn(&mut self, rotation: &Rotation<'_>) -> Result<(), HomeError> {
        let Rotation { seed, new_words, lock, now, accept_until } = *rotation;
        let index = if new_words {
            MerchantIndex::FIRST
        } else if self.is_of(seed) {
            self.payee.index.next().ok_or(HomeError::Keys)?
        } else {
            return Err(HomeError::OtherWords);
        };
        let next = PayeeEntry { index, key: seed.merchant_key(index), since: now, until: Accepting::Always };
        if self.payees().any(|entry| entry.payee() == next.payee()) {
            return Err(HomeError::OtherWords);
        }
        let before = std::mem::replace(&mut self.payee, next);
        self.retired_payees.push(before);
        // Those before it are not accepted any longer either: what was found out about one key is often true of all.
        for entry in &mut self.retired_payees {
            entry.until = entry.until.at_most(accept_until);
        }
        if lock {
            // Of another second than the one before, whatever the clock says.
            let next = LockEntry::derive(seed, now.max(self.lock.made_at.plus(1)));
            let before = std::mem::replace(&mut self.lock, next);
            self.retired_locks.push(before);
            for entry in &mut self.retired_locks {
                entry.until = entry.until.at_most(accept_until);
            }
        }
        Ok(())
    }

    /// The one in use first.
    fn payees(&self) -> impl Iterator<Item = &PayeeEntry> {
        std::iter::once(&self.payee).chain(self.retired_payees.iter().rev())
    }

    /// The payees' keys, the one in use first.
    pub(super) fn signers(&self) -> impl Iterator<Item = &Keypair> {
        std::iter::once(&self.payee).chain(self.retired_payees.iter().rev()).map(|entry| &entry.key)
    }

    /// The payee's key in use.
    pub(super) fn payee(&self) -> PayeeKey {
        self.payee.payee()
    }

    /// The payee's keys, the one in use first.
    pub(super) fn views(&self) -> Vec<KeyView> {
        let view = |entry: &PayeeEntry| KeyView {
            payee: entry.payee(),
            index: entry.index,
            since: entry.since,
            until: entry.until,
        };
        self.payees().map(view).collect()
    }

    /// The lock keys, the one in use first.
    pub(super) fn lock_views(&self) -> Vec<LockView> {
        let view =
            |entry: &LockEntry| LockView { recipient: *entry.key.public(), made_at: entry.made_at, until: entry.until };
        std::iter::once(&self.lock).chain(self.retired_locks.iter().rev()).map(view).collect()
    }

    /// What a merchant is made of.
    pub(super) fn into_merchant(self, locked: bool) -> MerchantKeys {
        let mut keys = MerchantKeys::of(self.payee.key);
        for entry in self.retired_payees {
            keys = keys.retired(entry.key, entry.until);
        }
        if locked {
            keys = keys.locked(self.lock.key);
            for entry in self.retired_locks {
                keys = keys.retired_lock(entry.key, entry.until);
            }
        }
        keys
    }

    /// The record by which tokens are locked to the lock key in use.
    pub(super) fn recipient(&self, mint: MintId) -> Option<Recipient> {
        // One mint is neither none nor too many.
        Recipient::sign(&self.payee.key, *self.lock.key.public(), vec![mint]).ok()
    }

    /// Whether the key in use is one of these words.
    pub(super) fn is_of(&self, seed: &Seed) -> bool {
        PayeeKey::from(&seed.merchant_key(self.payee.index)) == self.payee.payee()
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from(HEADER));
        for PayeeEntry { index, key, since, until } in self.retired_payees.iter().chain([&self.payee]) {
            let secret = Zeroizing::new(to_base64url(key.secret().as_ref()));
            text.push_str(&format!("\n[[payee]]\npublic = \"{}\"\nindex = {}\n", PayeeKey::from(key), index.get()));
            text.push_str(&format!("since = {}\n", since.seconds()));
            push_end(&mut text, *until);
            push_secret(&mut text, &secret);
        }
        for LockEntry { key, made_at, until } in self.retired_locks.iter().chain([&self.lock]) {
            let mut out = Writer::default();
            key.encode_to(&mut out);
            let secret = Zeroizing::new(to_base64url(&Zeroizing::new(out.finish())));
            text.push_str(&format!("\n[[lock]]\nmade_at = {}\n", made_at.seconds()));
            push_end(&mut text, *until);
            push_secret(&mut text, &secret);
        }
        text
    }
}

const HEADER: &str = "\
# The secret keys of a Farthing verifier: whoever has them has what it is paid. Written by `farthing verifier init` and
# `rotate-key`; nothing in here is to be edited. The last of each kind is in use, those before it are retired.
";

fn push_end(text: &mut String, until: Accepting) {
    if let Accepting::Until(time) = until {
        text.push_str(&format!("accept_until = {}\n", time.seconds()));
    }
}

/// Without a copy of the secret in between.
fn push_secret(text: &mut String, secret: &str) {
    text.push_str("secret = \"");
    text.push_str(secret);
    text.push_str("\"\n");
}

impl PayeeEntry {
    fn payee(&self) -> PayeeKey {
        PayeeKey::from(&self.key)
    }
}

impl LockEntry {
    fn derive(seed: &Seed, made_at: UnixTime) -> Self {
        Self { key: seed.merchant_lock_key(made_at), made_at, until: Accepting::Always }
    }
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(KEYS)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    payee: Vec<PayeeText>,
    #[serde(default)]
    lock: Vec<LockText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeText {
    public: PayeeKey,
    index: u32,
    since: u64,
    accept_until: Option<u64>,
    secret: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockText {
    made_at: u64,
    accept_until: Option<u64>,
    secret: Secret,
}

struct Secret(Zeroizing<[u8; 32]>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let damaged = || serde::de::Error::custom("a key is damaged");
        let bytes = Zeroizing::new(from_base64url(&text).map_err(|_| damaged())?);
        let secret = bytes.as_slice().try_into().map_err(|_| damaged())?;
        Ok(Self(Zeroizing::new(secret)))
    }
}

impl PayeeText {
    fn entry(self) -> Result<PayeeEntry, HomeError> {
        let Self { public, index, since, accept_until, secret } = self;
        let key = Keypair::from_secret(&secret.0);
        if PayeeKey::from(&key) != public {
            return Err(HomeError::Keys);
        }
        let (index, since) = (MerchantIndex::new(index), UnixTime::from_seconds(since));
        Ok(PayeeEntry { index, key, since, until: accepting(accept_until) })
    }
}

impl LockText {
    fn entry(self) -> Result<LockEntry, HomeError> {
        let key = Reader::new(self.secret.0.as_ref()).part().map_err(|_| HomeError::Keys)?;
        let made_at = UnixTime::from_seconds(self.made_at);
        Ok(LockEntry { key, made_at, until: accepting(self.accept_until) })
    }
}

fn accepting(until: Option<u64>) -> Accepting {
    until.map_or(Accepting::Always, |until| Accepting::Until(UnixTime::from_seconds(until)))
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("payees", &self.views()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(byte: u8) -> Seed {
        Seed::from_bytes([byte; 64])
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    fn rotation(seed: &Seed, new_words: bool, now: u64) -> Rotation<'_> {
        Rotation { seed, new_words, lock: true, now: at(now), accept_until: at(now + 100) }
    }

    #[test]
    fn keys_are_rotated_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::derive(&seed(1), MerchantIndex::FIRST, at(1000));
        keys.write_new(folder.path()).unwrap();
        assert!(matches!(Keys::rotate(folder.path(), &rotation(&seed(2), false, 1)), Err(HomeError::OtherWords)));
        Keys::rotate(folder.path(), &rotation(&seed(1), false, 2000)).unwrap();
        // In the same second: a lock key of its own all the same.
        let keys = Keys::rotate(folder.path(), &rotation(&seed(2), true, 2000)).unwrap();
        let read = Keys::read(folder.path()).unwrap();
        assert_eq!((read.views(), read.lock_views()), (keys.views(), keys.lock_views()));
        let index = |n: usize| (keys.views()[n].index.get(), keys.views()[n].until);
        assert_eq!(index(0), (0, Accepting::Always));
        assert_eq!(index(1), (1, Accepting::Until(at(2100))));
        assert_eq!(index(2), (0, Accepting::Until(at(2100))));
        assert_eq!(keys.views()[1].payee, PayeeKey::from(&seed(1).merchant_key(MerchantIndex::new(1))));
        let made: Vec<u64> = keys.lock_views().iter().map(|lock| lock.made_at.seconds()).collect();
        assert_eq!(made, [2001, 2000, 1000]);
        assert!(keys.is_of(&seed(2)) && !keys.is_of(&seed(1)));
        // Words whose first key was in use before are no new ones.
        assert!(matches!(Keys::rotate(folder.path(), &rotation(&seed(1), true, 3000)), Err(HomeError::OtherWords)));
        assert_eq!(Keys::read(folder.path()).unwrap().views(), keys.views());
    }

    #[test]
    fn keys_that_came_back_accept_nothing_for_those_before() {
        let keys = Keys::derive(&seed(1), MerchantIndex::new(2), at(50));
        let until: Vec<_> = keys.views().iter().map(|key| (key.index.get(), key.until.covers(at(50)))).collect();
        assert_eq!(until, [(2, true), (1, false), (0, false)]);
    }
}
