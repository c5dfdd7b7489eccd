//! The folder on disk: its lock, its leftovers, and what has to be synced besides sled's file.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf, absolute},
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};

use crate::{
    OpenError,
    note::{self, Fence, Note},
};

/// Fixed for good: sled refuses a folder written with another.
const SEGMENT: usize = 512 * 1024;

/// Present when sled's file may look different from what is on the disk.
const SUSPECT: &str = "suspect";

/// Present while sled's files are made for the first time: until it is gone, nothing was ever answered from them.
const MAKING: &str = "making";

/// A locked folder.
pub(crate) struct Folder {
    path: PathBuf,
    /// sled's file, opened before sled writes to it: a failed write-back is reported once to each handle.
    file: File,
    lock: File,
    note: Option<Note>,
    fence: Option<Fence>,
}

impl Folder {
    /// Creates what is missing, locks the folder and clears away what a crash left behind. `fence` is where more is noted, and whether that must be
    /// there.
    pub(crate) fn prepare(path: &Path, fence: Option<(PathBuf, bool)>) -> Result<Self, OpenError> {
        let path = absolute(path)?;
        create_synced(&path)?;
        for_owner_alone(&path)?;
        let lock = private().create(true).truncate(false).write(true).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Io(error),
        })?;
        let note = Note::read(&path.join(note::FILE))?;
        let fence = fence.map(|(path, required)| Fence::read(path, required)).transpose()?;
        // What was answered from is not made anew.
        if path.join(MAKING).try_exists()? || !path.join("db").try_exists()? {
            if note.as_ref().and_then(Note::groups) > Some(0) {
                return Err(OpenError::Truncated);
            }
            if fence.as_ref().and_then(Fence::groups) > Some(0) {
                return Err(OpenError::RolledBack);
            }
        }
        begin_again_if_unfinished(&path)?;
        remove_unfinished_snapshots(&path)?;
        rewrite_if_suspect(&path)?;
        let file = private().create(true).truncate(false).read(true).write(true).open(path.join("db"))?;
        Ok(Self { path, file, lock, note, fence })
    }

    /// Opens sled. When this returns, everything it recovered is durable, whoever wrote it: what a killed
    /// process left in the page cache may not have reached the disk.
    pub(crate) fn open_sled(&self, cache_bytes: u64) -> Result<sled::Db, OpenError> {
        let config = sled::Config::new()
            .path(&self.path)
            .segment_size(SEGMENT)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .use_compression(false);
        let mut attempts = 0;
        let db = loop {
            // sled panics on some damaged files.
            let opened = catch_unwind(AssertUnwindSafe(|| config.open())).map_err(|_| OpenError::Damaged)?;
            match opened {
                Ok(db) => break db,
                // We hold the folder's lock, so sled's own can only be that of an engine just closed, whose
                // last background write is ending or whose copy a child process is about to close, or that
                // of a stranger.
                Err(error) if is_locked(&error) => {
                    attempts += 1;
                    if attempts > 100 {
                        return Err(OpenError::InUse);
                    }
                    thread::sleep(Duration::from_millis(20));
                }
                Err(sled::Error::Io(error)) => return Err(OpenError::Io(error)),
                Err(sled::Error::Unsupported(_)) => return Err(OpenError::Foreign),
                Err(_) => return Err(OpenError::Damaged),
            }
        };
        if !self.blobs_are_empty()? {
            return Err(OpenError::Unsynced);
        }
        db.flush().map_err(|_| OpenError::Damaged)?;
        for item in fs::read_dir(&self.path)? {
            for_owner_alone(&item?.path())?;
        }
        self.sync()?;
        File::open(self.path.join("conf"))?.sync_all()?;
        sync_folder(&self.path.join("blobs"))?;
        sync_folder(&self.path)?;
        finish_making(&self.path)?;
        Ok(db)
    }

    /// Requires that so many groups are all that were noted, and makes the note where it is missing or behind.
    pub(crate) fn require(&mut self, groups: u64) -> Result<(), OpenError> {
        let noted = self.note.as_ref().and_then(Note::groups);
        if noted > Some(groups) {
            return Err(OpenError::Truncated);
        }
        if let Some(fence) = &mut self.fence {
            if fence.groups() > Some(groups) {
                return Err(OpenError::RolledBack);
            }
            if fence.is_missed() && groups > 0 {
                return Err(OpenError::FenceMissing);
            }
        }
        if noted != Some(groups) {
            self.note = Some(Note::make(&self.path.join(note::FILE), groups)?);
        }
        if let Some(fence) = &mut self.fence {
            fence.set(groups)?;
        }
        Ok(())
    }

    /// Notes the number of a group that is durable. What fails here is only not noted.
    pub(crate) fn note(&mut self, groups: u64) {
        if let Some(note) = &mut self.note
            && let Err(error) = note.write(groups)
        {
            tracing::warn!(kind = %error.kind(), "how much the store holds could not be noted");
        }
        if let Some(fence) = &mut self.fence {
            fence.write(groups);
        }
    }

    /// Where the fence says so if it must be there and cannot be written.
    pub(crate) fn unfenced(&self) -> Arc<AtomicBool> {
        self.fence.as_ref().map(Fence::unwritten).unwrap_or_default()
    }

    /// fdatasync of sled's file. When this returns, all that sled has flushed is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Leaves word for the next opening that a write or a sync has failed.
    ///
    /// The kernel may have dropped the failed pages from its list of what is to be written while still showing them to
    /// readers: the next opening would read them, sync successfully, and answer from what is not on the disk. It
    /// therefore writes the whole file anew. After a restart of the machine readers see the disk, and no word is needed:
    /// so it does no harm that this file may be lost with the rest.
    pub(crate) fn mark_suspect(&self) {
        if let Err(error) = create_private(&self.path.join(SUSPECT)) {
            tracing::error!(kind = %error.kind(), "restart the machine before the store is opened again");
        }
    }

    /// Whether sled has put nothing beside its file.
    pub(crate) fn blobs_are_empty(&self) -> io::Result<bool> {
        Ok(fs::read_dir(self.path.join("blobs"))?.next().is_none())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing would do, were it not for a child process between its fork and its exec, which holds a copy.
        // What fails here ends with the process.
        let _unlocked = self.lock.unlock();
    }
}

/// sled writes its first files without care: killed while it does, it never opens them again. So a new folder is marked
/// first, and what is found under the mark is taken away. When this returns for a new folder, the mark is on the disk.
fn begin_again_if_unfinished(path: &Path) -> io::Result<()> {
    let mark = path.join(MAKING);
    if mark.try_exists()? {
        for item in fs::read_dir(path)? {
            let item = item?;
            let name = item.file_name();
            let name = name.as_encoded_bytes();
            if name == b"blobs" {
                fs::remove_dir_all(item.path())?;
            } else if name == b"db" || name == b"conf" || name.starts_with(b"snap.") {
                fs::remove_file(item.path())?;
            }
        }
    } else if !path.join("db").try_exists()? {
        create_private(&mark)?.sync_all()?;
    }
    sync_folder(path)
}

/// Takes the mark of a new folder away. When this returns, it is gone from the disk.
fn finish_making(path: &Path) -> io::Result<()> {
    match fs::remove_file(path.join(MAKING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_folder(path),
    }
}

/// A snapshot that was being written when the process died makes sled refuse to open; it is of no use.
fn remove_unfinished_snapshots(path: &Path) -> io::Result<()> {
    for item in fs::read_dir(path)? {
        let item = item?;
        let name = item.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b"snap.") && name.ends_with(b".generating") {
            fs::remove_file(item.path())?;
        }
    }
    Ok(())
}

/// After a failed sync: writes all that can be read of sled's file to a new one, and puts that in its place.
fn rewrite_if_suspect(path: &Path) -> io::Result<()> {
    let (suspect, original, copy) = (path.join(SUSPECT), path.join("db"), path.join("db.copy"));
    if !suspect.try_exists()? {
        return Ok(());
    }
    tracing::warn!("a sync had failed: the store's file is being written anew");
    if original.try_exists()? {
        let (mut from, mut to) = (File::open(&original)?, create_private(&copy)?);
        // Not `io::copy`: the kernel may then share the blocks on the disk, the failed ones among them.
        let mut buffer = vec![0; SEGMENT];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            to.write_all(buffer.get(..length).unwrap_or_default())?;
        }
        to.sync_all()?;
        fs::rename(&copy, &original)?;
        sync_folder(path)?;
    }
    fs::remove_file(&suspect)
}

/// Opens files that, where they are new, only their owner can read.
pub(crate) fn private() -> OpenOptions {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "permissions are set on Unix alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    private().create(true).truncate(true).write(true).open(path)
}

/// Takes away what others may do with a file or a folder that was there before, or that sled made.
#[cfg(unix)]
fn for_owner_alone(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))
}

#[cfg(not(unix))]
fn for_owner_alone(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a folder with its parents, for their owner alone. When this returns, the names of those it made are on the disk.
fn create_synced(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    for made in missing {
        sync_folder(made)?;
        if let Some(parent) = made.parent() {
            sync_folder(parent)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
