use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::KeyError;

/// Creates a file with mode 0600 that is there whole or not at all, and stays after a power cut.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is one: nothing is ever replaced.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".{:016x}", u64::from_le_bytes(crate::random())));
    let unfinished = folder.join(unfinished);
    let written = write_synced(&unfinished, bytes)
        // A link, unlike a renaming, never takes the place of another file.
        .and_then(|()| fs::hard_link(&unfinished, path));
    let removed = fs::remove_file(&unfinished);
    written.and(removed)?;
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Creates a folder with mode 0700, its parents included, and makes its entry durable.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

pub(crate) fn refuse_if_readable_by_others(path: &Path) -> Result<(), KeyError> {
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 { Ok(()) } else { Err(KeyError::ReadableByOthers) }
}
