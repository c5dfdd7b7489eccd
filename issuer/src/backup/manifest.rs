//! What is in a copy.

use std::path::{Path, PathBuf};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::to_base64url;
use farthing_protocol::identity::MintId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, BackupSummary};
use crate::keys::FACTORS;

/// The form of this version's copies.
const FORMAT: u32 = 1;

/// The manifest's own name.
pub(super) const MANIFEST: &str = "manifest";

/// What is in a copy. The file has two lines: this in JSON, and the hash of the first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub(super) mint: MintId,
    pub(super) taken_at: UnixTime,
    pub(super) is_last: bool,
    pub(super) with_keys: bool,
    pub(super) files: Vec<Entry>,
}

/// A file of a copy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// The name of a file within a mint's folder or a copy of it: up to three parts of letters, digits, `-`, `_` and dots within, the first of them known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Name(String);

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ledger,
    Config,
    Keyset,
    Archive,
    Key,
    /// The key under which secrets of second factors lie.
    Factors,
}

impl Name {
    pub(super) fn ledger() -> Self {
        Self("ledger".to_owned())
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = Self(name.to_owned());
        name.kind().map(|_| name)
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        let parts: Vec<&str> = self.0.split('/').collect();
        let is_plain = |part: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        if !parts.iter().all(is_plain) {
            return None;
        }
        match parts.as_slice() {
            ["ledger"] => Some(Kind::Ledger),
            ["mint.toml"] => Some(Kind::Config),
            ["keysets", _] => Some(Kind::Keyset),
            ["keys", _] => Some(Kind::Key),
            [FACTORS] => Some(Kind::Factors),
            ["archive", _, _] => Some(Kind::Archive),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn in_folder(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or("not the name of a file in a backup")
    }
}

impl From<Name> for String {
    fn from(Name(name): Name) -> Self {
        name
    }
}

impl Manifest {
    pub(super) fn new(mint: MintId, taken_at: UnixTime, (is_last, with_keys): (bool, bool), files: Vec<Entry>) -> Self {
        Self { format: FORMAT, mint, taken_at, is_last, with_keys, files }
    }

    /// The file, and the fingerprint of the copy.
    pub(super) fn to_file(&self) -> Result<(String, String), BackupError> {
        let line = serde_json::to_string(self).map_err(std::io::Error::other)?;
        let fingerprint = hash(line.as_bytes());
        Ok((format!("{line}\n{fingerprint}\n"), fingerprint))
    }

    /// Reads the file, and the fingerprint of the copy.
    pub(super) fn parse(text: &str) -> Result<(Self, String), BackupError> {
        let damaged = || BackupError::Damaged(MANIFEST.to_owned());
        let (line, rest) = text.split_once('\n').ok_or_else(damaged)?;
        let fingerprint = hash(line.as_bytes());
        if rest.strip_suffix('\n') != Some(fingerprint.as_str()) {
            return Err(damaged());
        }
        let manifest: Self = match serde_json::from_str(line) {
            Ok(manifest) => manifest,
            Err(_) => {
                // A later format may have other fields.
                let format = serde_json::from_str::<OnlyFormat>(line).map_err(|_| damaged())?.format;
                return Err(if format > FORMAT { BackupError::Newer } else { damaged() });
            }
        };
        match manifest.format {
            FORMAT => {}
            later if later > FORMAT => return Err(BackupError::Newer),
            _ => return Err(damaged()),
        }
        let mut names: Vec<&Name> = manifest.files.iter().map(|entry| &entry.name).collect();
        names.sort_unstable();
        let is_whole = manifest.has(Kind::Ledger) && manifest.has(Kind::Config) && manifest.has(Kind::Keyset);
        if !is_whole || !names.is_sorted_by(|a, b| a < b) {
            return Err(damaged());
        }
        Ok((manifest, fingerprint))
    }

    fn has(&self, kind: Kind) -> bool {
        self.files.iter().any(|entry| entry.name.kind() == Some(kind))
    }

    pub(super) fn summary(&self, fingerprint: String) -> BackupSummary {
        let Self { mint, taken_at, is_last, with_keys, ref files, .. } = *self;
        let bytes = files.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes));
        BackupSummary { mint, taken_at, is_last, with_keys, files: files.len(), bytes, fingerprint }
    }
}

#[derive(Deserialize)]
struct OnlyFormat {
    format: u32,
}

/// SHA-256 in base64url.
pub(super) fn hash(bytes: &[u8]) -> String {
    digest_text(Sha256::new_with_prefix(bytes))
}

pub(super) fn digest_text(digest: Sha256) -> String {
    to_base64url(&digest.finalize())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_protocol::identity::Keypair;

    use super::*;

    fn manifest(names: &[&str]) -> Manifest {
        let entry = |name: &&str| Entry { name: Name((*name).to_owned()), bytes: 1, sha256: hash(b"") };
        let mint = MintId::from(&Keypair::from_secret(&[1; 32]));
        Manifest::new(mint, UnixTime::from_seconds(5), (false, true), names.iter().map(entry).collect())
    }

    const WHOLE: [&str; 4] = ["ledger", "mint.toml", "keysets/00000000-a.keyset", "archive/AbC_-/issued-0-1"];

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_in_no_other_way() {
        let (text, fingerprint) = manifest(&WHOLE).to_file().unwrap();
        let (read, same) = Manifest::parse(&text).unwrap();
        assert_eq!((read.files.len(), same), (4, fingerprint));
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Manifest::parse(&changed).is_err(), "{place}");
            assert!(Manifest::parse(&text[..place]).is_err(), "{place}");
        }
        assert!(Manifest::parse(&format!("{text}\n")).is_err());
    }

    #[test]
    fn names_lead_nowhere_else_and_stand_there_once() {
        for name in [
            "../mint.toml",
            "/etc/passwd",
            "keysets/../x",
            "keys/.x",
            "archive/a",
            "archive/a/b/c",
            "keys/",
            "ledger/db",
            "x",
            "",
            "keysets/a b",
            "keysets/a\\b",
        ] {
            assert!(Name::parse(name).is_none(), "{name}");
            let names = [&WHOLE[..], &[name]].concat();
            let (text, _) = manifest(&names).to_file().unwrap();
            assert!(matches!(Manifest::parse(&text), Err(BackupError::Damaged(_))), "{name}");
        }
        for names in [&WHOLE[1..], &["ledger", "mint.toml"], &["ledger", "ledger", "mint.toml", "keysets/a"]] {
            assert!(Manifest::parse(&manifest(names).to_file().unwrap().0).is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_later_format_is_told_from_damage() {
        for line in ["{\"format\":2,\"other\":true}", "{\"format\":0}", "{}"] {
            let parsed = Manifest::parse(&format!("{line}\n{}\n", hash(line.as_bytes())));
            assert_eq!(matches!(parsed, Err(BackupError::Newer)), line.contains("2,"), "{line}");
        }
    }
}
