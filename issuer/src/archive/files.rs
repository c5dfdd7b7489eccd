//! The archive's folder: one file for each object, there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use farthing_protocol::archive::{FileHead, FilterHead};
use farthing_protocol::ids::KeysetId;

use crate::keys::create_folder;

/// Where a file of issuance records lies in the folder.
pub(super) fn issued_name(head: &FileHead) -> PathBuf {
    let FileHead { segment, prefix, .. } = head;
    Path::new(&head.keyset.to_text()).join(format!("issued-{segment}-{}", prefix.value()))
}

/// Where a part of a filter lies in the folder.
pub(super) fn spent_name(head: &FilterHead) -> PathBuf {
    let FilterHead { period, part, .. } = head;
    Path::new(&head.keyset.to_text()).join(format!("spent-{period}-{part}"))
}

/// Writes a file, whatever was there before. When this returns, it is durable but for its folder's entry: see [`sync`].
pub(super) fn write(folder: &Path, name: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if !parent.is_dir() {
        create_folder(folder)?;
        create_folder(parent)?;
    }
    // One task at a time writes here, so the name is free, or left over from a crash.
    let unfinished = path.with_extension("unfinished");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)
}

/// Makes the entries of all files in these files' folders durable.
pub(super) fn sync<'a>(folder: &Path, names: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    let mut parents: Vec<&Path> = names.filter_map(Path::parent).collect();
    parents.sort_unstable();
    parents.dedup();
    parents.into_iter().try_for_each(|parent| File::open(folder.join(parent))?.sync_all())
}

/// Removes all files of a keyset, if there are any. Durable when this returns.
pub(super) fn remove(folder: &Path, keyset: &KeysetId) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(keyset.to_text())) {
        Ok(()) => File::open(folder)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads a file; nothing if it is missing.
pub(super) fn read(folder: &Path, name: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(folder.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
