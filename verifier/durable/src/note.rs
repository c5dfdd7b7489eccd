//! The number of the last durable group, noted in a file of its own.
//!
//! A state that sled has cut short is right in itself. Only something outside of it can tell that there was more. So each
//! group's number is noted here behind its fdatasync, and before its answers leave. The note is not synced: a power cut may
//! take back the last of it, and then it says less. It never says more than what is durable, so what is right always opens.
//!
//! Two places are written in turn, half a KiB apart, so that at most one of them is cut short by a power cut. The file appears
//! by renaming, whole and synced; after that its bytes are only replaced.
//!
//! A *fence* is the same outside of the folder: what is put back with the folder tells nothing of an older copy of all of it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf, absolute},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use blake2::{
    Blake2b,
    digest::{Digest, consts::U8},
};

use crate::folder::{create_private, private, sync_folder};

/// A folder's own note in it.
pub(crate) const FILE: &str = "noted";
/// How far apart the two places are, in bytes.
const APART: usize = 512;
const LENGTH: usize = 2 * APART;

/// The file, opened, and what its two places say.
pub(crate) struct Note {
    file: File,
    places: [Option<u64>; 2],
}

impl Note {
    /// Reads a note. There is none in new folders and in those of an earlier layout; one that makes no sense says nothing.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match private().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        (&mut file).take(LENGTH as u64).read_to_end(&mut bytes)?;
        let mut places = bytes.chunks(APART).map(number_of);
        let places = [places.next().flatten(), places.next().flatten()];
        if places == [None; 2] && !bytes.is_empty() {
            tracing::warn!("the note of what the store holds is damaged: whether all of it is there is not known");
        }
        Ok(Some(Self { file, places }))
    }

    /// Makes a note, or makes it anew. When this returns, it is on the disk.
    pub(crate) fn make(path: &Path, groups: u64) -> io::Result<Self> {
        let mut making = path.as_os_str().to_owned();
        making.push(".new");
        let making = PathBuf::from(making);
        let mut file = create_private(&making)?;
        let mut place = bytes_of(groups);
        place.resize(APART, 0);
        file.write_all(&place.repeat(2))?;
        file.sync_all()?;
        fs::rename(making, path)?;
        sync_folder(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        Ok(Self { file, places: [Some(groups); 2] })
    }

    /// The greatest number noted.
    pub(crate) fn groups(&self) -> Option<u64> {
        self.places.into_iter().max().flatten()
    }

    /// Notes the number of a group that is durable, over the smaller of the two.
    pub(crate) fn write(&mut self, groups: u64) -> io::Result<()> {
        let [first, second] = &mut self.places;
        let (offset, place) = if *first <= *second { (0, first) } else { (APART as u64, second) };
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(&bytes_of(groups))?;
        *place = Some(groups);
        Ok(())
    }
}

/// The number of the last group that was noted in a folder, or at its fence, if the file says one.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn noted_at(path: &Path) -> io::Result<Option<u64>> {
    Ok(Note::read(path)?.as_ref().and_then(Note::groups))
}

/// A note outside of the folder.
pub(crate) struct Fence {
    path: PathBuf,
    required: bool,
    note: Option<Note>,
    /// Whether it must be there, and could not be written when it was last tried.
    unwritten: Arc<AtomicBool>,
}

impl Fence {
    /// Reads it. One that is not required and cannot be read is not there.
    pub(crate) fn read(path: PathBuf, required: bool) -> io::Result<Self> {
        let path = absolute(path)?;
        let note = match Note::read(&path) {
            Err(error) if !required => {
                warn(&error);
                None
            }
            note => note?,
        };
        Ok(Self { path, required, note, unwritten: Arc::default() })
    }

    /// The greatest number noted.
    pub(crate) fn groups(&self) -> Option<u64> {
        self.note.as_ref().and_then(Note::groups)
    }

    /// Whether it should be there and is not. An empty file is there, and says nothing.
    pub(crate) fn is_missed(&self) -> bool {
        self.required && self.note.is_none()
    }

    /// Makes it say this number, durably.
    pub(crate) fn set(&mut self, groups: u64) -> io::Result<()> {
        if self.groups() == Some(groups) {
            return Ok(());
        }
        match Note::make(&self.path, groups) {
            Err(error) if !self.required => warn(&error),
            note => self.note = Some(note?),
        }
        Ok(())
    }

    /// Notes the number of a group that is durable.
    pub(crate) fn write(&mut self, groups: u64) {
        let Some(note) = &mut self.note else { return };
        let written = note.write(groups);
        self.unwritten.store(self.required && written.is_err(), Ordering::SeqCst);
        if let Err(error) = written {
            warn(&error);
        }
    }

    /// Where it says so if it must be there and cannot be written.
    pub(crate) fn unwritten(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.unwritten)
    }
}

fn warn(error: &io::Error) {
    tracing::warn!(kind = %error.kind(), "how much the store holds could not be noted outside of it");
}

/// The number (8 bytes, little-endian) ‖ its checksum (8).
fn bytes_of(groups: u64) -> Vec<u8> {
    let number = groups.to_le_bytes();
    [number, checksum(number)].concat()
}

fn number_of(place: &[u8]) -> Option<u64> {
    let (number, rest) = place.split_first_chunk()?;
    (*rest.first_chunk()? == checksum(*number)).then(|| u64::from_le_bytes(*number))
}

fn checksum(number: [u8; 8]) -> [u8; 8] {
    Blake2b::<U8>::digest(number).into()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn on_a_full_disk() -> Note {
        Note { file: File::options().write(true).open("/dev/full").unwrap(), places: [Some(1), Some(2)] }
    }

    #[test]
    fn a_fence_that_must_be_there_and_cannot_be_written_says_so_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fence");
        for required in [true, false] {
            let mut fence = Fence::read(path.clone(), required).unwrap();
            fence.note = Some(on_a_full_disk());
            fence.write(3);
            assert_eq!(fence.unwritten().load(Ordering::SeqCst), required);
            fence.note = Some(Note::make(&path, 3).unwrap());
            fence.write(4);
            assert!(!fence.unwritten().load(Ordering::SeqCst));
            assert_eq!(noted_at(&path).unwrap(), Some(4));
        }
    }
}
