//! The number of the last durable group, noted in a file of its own.
//!
//! A state that sled has cut short is right in itself. Only something outside of it can tell that there was more. So each
//! group's number is noted here behind its fdatasync, and before its answers leave. The note is not synced: a power cut may
//! take back the last of it, and then it says less. It never says more than what is durable, so what is right always opens.
//!
//! Two places are written in turn, half a KiB apart, so that at most one of them is cut short by a power cut. The file appears
//! by renaming, whole and synced; after that its bytes are only replaced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
};

use blake2::{
    Blake2b,
    digest::{Digest, consts::U8},
};

use crate::folder::{create_private, private, sync_folder};

const FILE: &str = "noted";
const MAKING: &str = "noted.new";
/// How far apart the two places are, in bytes.
const APART: usize = 512;
const LENGTH: usize = 2 * APART;

/// The file, opened, and what its two places say.
pub(crate) struct Note {
    file: File,
    places: [Option<u64>; 2],
}

impl Note {
    /// Reads the note of a folder. There is none in new folders and in those of an earlier layout; one that makes no sense
    /// says nothing.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let mut file = match private().read(true).write(true).open(folder.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        (&mut file).take(LENGTH as u64).read_to_end(&mut bytes)?;
        let mut places = bytes.chunks(APART).map(number_of);
        let places = [places.next().flatten(), places.next().flatten()];
        if places == [None; 2] {
            tracing::warn!("the note of what the store holds is damaged: whether all of it is there is not known");
        }
        Ok(Some(Self { file, places }))
    }

    /// Makes the note of a folder, or makes it anew. When this returns, it is on the disk.
    pub(crate) fn make(folder: &Path, groups: u64) -> io::Result<Self> {
        let mut file = create_private(&folder.join(MAKING))?;
        let mut place = bytes_of(groups);
        place.resize(APART, 0);
        file.write_all(&place.repeat(2))?;
        file.sync_all()?;
        fs::rename(folder.join(MAKING), folder.join(FILE))?;
        sync_folder(folder)?;
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
