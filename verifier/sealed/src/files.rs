//! Files and folders of their owner alone, durable and never there by halves.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf, absolute};

use zeroize::Zeroizing;

/// How far the writing of a file is, for a test that ends it there.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The new file lies beside its place, and is not synced.
    Written,
    /// It is durable beside its place.
    Synced,
    /// It is in its place, and the folder is not synced.
    Placed,
    /// It is durable in its place.
    Done,
}

/// Creates a file with mode 0600 that is there whole or not at all, and stays after a power cut.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is one: nothing is ever replaced.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_telling(path, bytes, |_| Ok(()))
}

/// The same, telling every step.
///
/// # Errors
/// The same, or what is answered to a step.
#[doc(hidden)]
pub fn write_new_telling(path: &Path, bytes: &[u8], at: impl Fn(Step) -> io::Result<()>) -> io::Result<()> {
    let (folder, unfinished) = beside(path)?;
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let written = write_synced(&unfinished, bytes, &at)
        // A link, unlike a renaming, never takes the place of another file.
        .and_then(|()| fs::hard_link(&unfinished, path))
        .and_then(|()| at(Step::Placed));
    let removed = remove_if_there(&unfinished);
    written.and(removed)?;
    sync_folder(&folder)?;
    at(Step::Done)
}

/// Puts a file with mode 0600 into the place of another: after a crash at any instant either is there, whole.
///
/// # Errors
/// When the file cannot be written; the other is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_telling(path, bytes, |_| Ok(()))
}

/// The same, telling every step.
///
/// # Errors
/// The same, or what is answered to a step.
#[doc(hidden)]
pub fn replace_telling(path: &Path, bytes: &[u8], at: impl Fn(Step) -> io::Result<()>) -> io::Result<()> {
    let (folder, unfinished) = beside(path)?;
    let written = write_synced(&unfinished, bytes, &at).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _what_went_wrong_first_counts = remove_if_there(&unfinished);
    }
    written?;
    at(Step::Placed)?;
    sync_folder(&folder)?;
    at(Step::Done)
}

/// Reads a file that is no longer than so many bytes. What was read is zeroized when dropped.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for a longer one, else what the operating system says.
pub fn read_short(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes) }
}

/// Creates a folder with mode 0700 unless it is there, its parents included, and makes the new entries durable.
///
/// # Errors
/// When it cannot be created or synced.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let path = absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    let mut builder = DirBuilder::new();
    private_folder(&mut builder);
    builder.recursive(true).create(&path)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}

/// Settings for files that nobody but their owner can read.
pub fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    private_file(&mut options);
    options
}

/// Makes the entries of a folder durable.
///
/// # Errors
/// When the operating system refuses. On systems other than Unix nothing is done.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The folder of a file, and a name in it that nobody uses.
fn beside(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".{:016x}", u64::from_le_bytes(crate::random())));
    Ok((folder.to_owned(), folder.join(unfinished)))
}

fn write_synced(path: &Path, bytes: &[u8], at: impl Fn(Step) -> io::Result<()>) -> io::Result<()> {
    let mut file = owner_only().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    at(Step::Written)?;
    file.sync_all()?;
    at(Step::Synced)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(unix)]
fn private_folder(builder: &mut DirBuilder) {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
}

#[cfg(not(unix))]
fn private_file(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn private_folder(_: &mut DirBuilder) {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_private_whole_and_replaced_on_purpose_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        write_new(&path, b"one").unwrap();
        assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["keys"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        // A folder in the file's place cannot be replaced by a file.
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"two").is_err());
        assert!(write_new(&path, b"two").is_err());
        assert_eq!(names(folder.path()), ["keys"]);
    }

    #[test]
    fn no_more_is_read_than_a_file_may_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        write_new(&path, &[7; 10]).unwrap();
        assert_eq!(read_short(&path, 10).unwrap().as_slice(), [7; 10]);
        assert_eq!(read_short(&path, 9).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
