//! Files of a copy: written whole and durably, read whole and compared.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use farthing_sealed::files::{create_folder, owner_only, sync_folder};
use sha2::{Digest, Sha256};

use super::BackupError;
use super::manifest::{Entry, Name, digest_text};

/// A file that is being written, in a folder that nobody reads yet.
pub(super) struct Writing {
    file: File,
    name: Name,
    digest: Sha256,
    bytes: u64,
}

impl Writing {
    pub(super) fn create(folder: &Path, name: Name) -> io::Result<Self> {
        let path = name.in_folder(folder);
        if let Some(parent) = path.parent() {
            create_folder(parent)?;
        }
        let file = owner_only().write(true).create_new(true).open(path)?;
        Ok(Self { file, name, digest: Sha256::new(), bytes: 0 })
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// When this returns, the file's contents are durable; its name is when its folder is synced.
    pub(super) fn finish(self) -> io::Result<Entry> {
        self.file.sync_all()?;
        Ok(Entry { name: self.name, bytes: self.bytes, sha256: digest_text(self.digest) })
    }
}

/// Copies a file.
pub(super) fn copy(from: &Path, name: Name, folder: &Path) -> io::Result<Entry> {
    let mut source = File::open(name.in_folder(from))?;
    let mut writing = Writing::create(folder, name)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = source.read(&mut buffer)?;
        if length == 0 {
            return writing.finish();
        }
        writing.add(buffer.get(..length).unwrap_or_default())?;
    }
}

/// Requires that a file is what a manifest says of it.
pub(super) fn require(folder: &Path, entry: &Entry) -> Result<(), BackupError> {
    let damaged = || BackupError::Damaged(entry.name.as_str().to_owned());
    let mut file = match File::open(entry.name.in_folder(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged()),
        opened => opened?,
    };
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        digest.update(buffer.get(..length).unwrap_or_default());
        bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
    if (bytes, digest_text(digest)) == (entry.bytes, entry.sha256.clone()) { Ok(()) } else { Err(damaged()) }
}

/// The files right in a folder below a mint's or a copy's, by name; those whose names are no part of a copy are left out.
pub(super) fn names(folder: &Path, below: &str) -> io::Result<Vec<Name>> {
    let entries = match fs::read_dir(folder.join(below)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.ends_with(".unfinished")) else { continue };
        let name = format!("{below}/{name}");
        if entry.file_type()?.is_dir() {
            found.extend(names(folder, &name)?);
        } else {
            found.extend(Name::parse(&name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A folder that gets its own name when it is finished. Dropped before that, it is taken away.
pub(super) struct Unfinished {
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Unfinished {
    /// A new folder beside one that is missing or empty.
    pub(super) fn beside(target: &Path) -> Result<Self, BackupError> {
        let target = std::path::absolute(target)?;
        if target.try_exists()? && (!target.is_dir() || fs::read_dir(&target)?.next().is_some()) {
            return Err(BackupError::NotEmpty(target));
        }
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(BackupError::NotEmpty(target));
        };
        let mut unfinished = std::ffi::OsString::from(".");
        unfinished.push(name);
        unfinished.push(format!(".{:016x}.unfinished", u64::from_le_bytes(crate::random())));
        let path = parent.join(unfinished);
        create_folder(&path)?;
        Ok(Self { path, target, finished: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes all names in it durable, and gives it its own. When this returns, it is there whole and durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        sync_all(&self.path)?;
        if self.target.try_exists()? {
            fs::remove_dir(&self.target)?;
        }
        fs::rename(&self.path, &self.target)?;
        self.finished = true;
        self.target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be taken away is no finished copy and no mint.
            let _left = fs::remove_dir_all(&self.path);
        }
    }
}

fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        }
    }
    sync_folder(folder)
}
