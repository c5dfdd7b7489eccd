//! How much was written to the state, noted outside of it.
//!
//! The store ends its log at the first record that does not decode: after a power cut that is what was never answered, but after
//! damage on the disk it may be months of answers. A wallet that has forgotten them would show less than it had, and draw numbers
//! twice. So each transaction that writes is counted in the state, and the count of the last answered one is noted here, behind
//! it and without a sync: the note may be older than the state, and never newer, unless something of the state is gone.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use farthing_sealed::files;

use super::sealer::{Sealer, Size};
use crate::error::OpenError;

const FILE: &str = "mark";
/// The associated name of the note: no key of the state has it, for theirs are longer.
const NAME: &[u8] = b"mark";
const MAX_FILE: usize = 256;

pub(super) struct Mark {
    file: Mutex<(File, u64)>,
}

impl Mark {
    /// Opens the note. One that is missing or cannot be read says nothing.
    pub(super) fn open(state: &Path, sealer: &Sealer) -> Result<Self, OpenError> {
        let path = state.join(FILE);
        let file = files::owner_only().create(true).truncate(false).write(true).open(&path)?;
        let noted = files::read_short(&path, MAX_FILE).ok().and_then(|sealed| {
            let count = sealer.unseal(NAME, Size::Small, &sealed).ok()?;
            Some(u64::from_le_bytes(count.as_slice().try_into().ok()?))
        });
        Ok(Self { file: Mutex::new((file, noted.unwrap_or_default())) })
    }

    /// Requires of the state that it has all that is noted.
    pub(super) fn check(&self, count: u64) -> Result<(), OpenError> {
        let noted = self.file.lock().unwrap_or_else(PoisonError::into_inner).1;
        if count < noted { Err(OpenError::StateTruncated) } else { Ok(()) }
    }

    /// Notes a count that is durable in the state. What fails here is only not noted.
    pub(super) fn note(&self, sealer: &Sealer, count: u64) {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, noted) = &mut *guard;
        if count <= *noted {
            return;
        }
        *noted = count;
        let Ok(sealed) = sealer.seal(NAME, Size::Small, &count.to_le_bytes()) else { return };
        // Always of the same length, within one block of the disk.
        if file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&sealed)).is_err() {
            tracing::warn!("how much was written to the wallet's state could not be noted");
        }
    }
}
