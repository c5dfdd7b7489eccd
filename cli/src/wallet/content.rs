//! The body of an answer that may have been paid for: into a file, onto the screen, and never lost.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use farthing_protocol::codec::is_plain;
use tempfile::{NamedTempFile, env};

use crate::exit::{Fault, Trouble, fault};

/// A file beside the one that is meant, which takes its place when everything is in it.
pub(super) struct Prepared {
    draft: NamedTempFile,
    path: PathBuf,
}

/// Why a body did not get where it was meant to go, and where it is instead, if in a file at all.
pub(super) struct Unkept {
    pub(super) why: String,
    pub(super) rescued: Option<PathBuf>,
}

/// Before anything is paid for, so that what is paid for can be kept.
pub(super) fn prepare(path: &Path) -> Result<Prepared, Fault> {
    let refused = |why: String| fault(Trouble::BadFile, why).next("nothing was paid; name another file");
    if path.is_dir() {
        return Err(refused(format!("{} is a folder", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = NamedTempFile::new_in(folder).map_err(|error| refused(unwritable(path, &error)))?;
    Ok(Prepared { draft, path: path.to_owned() })
}

impl Prepared {
    /// Puts the body into the file that was meant; if that fails, into another.
    pub(super) fn keep(mut self, body: &[u8]) -> Result<PathBuf, Unkept> {
        let written = self.draft.write_all(body).and_then(|()| self.draft.as_file().sync_all());
        if let Err(error) = written {
            return Err(Unkept { why: unwritable(&self.path, &error), rescued: rescue(body) });
        }
        match self.draft.persist(&self.path) {
            Ok(_) => Ok(self.path),
            Err(failed) => {
                let why = unwritable(&self.path, &failed.error);
                Err(Unkept { why, rescued: failed.file.keep().map(|(_, path)| path).ok() })
            }
        }
    }
}

/// A private file in the folder for temporary ones.
pub(super) fn rescue(body: &[u8]) -> Option<PathBuf> {
    let mut file = tempfile::Builder::new().prefix("farthing-").tempfile_in(env::temp_dir()).ok()?;
    file.write_all(body).and_then(|()| file.as_file().sync_all()).ok()?;
    file.keep().map(|(_, path)| path).ok()
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}

/// Whether standard output is a terminal, which obeys what is written to it.
pub(super) fn to_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a body is nothing but text: plain characters, tabs and ends of lines.
pub(super) fn is_text(body: &[u8]) -> bool {
    let is_plain_line = |line: &str| line.strip_suffix('\r').unwrap_or(line).split('\t').all(is_plain);
    std::str::from_utf8(body).is_ok_and(|text| text.split('\n').all(is_plain_line))
}

/// A server's words for a line of the screen.
pub(super) fn presentable(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !to_terminal() { Cow::Borrowed(text) } else { Cow::Owned(text.escape_debug().to_string()) }
}

/// Writes a body to standard output as it is. A reader who has gone away is no error of ours.
pub(super) fn write_out(body: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(body).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_text_only() {
        for text in ["", "one\n", "one\r\ntwo\tthree", "grün\n"] {
            assert!(is_text(text.as_bytes()), "{text:?}");
        }
        for text in ["\x1b[2J", "one\rtwo", "\0", "\x07", "a\u{9b}31m", "paid \u{202e}73.0", "a\r\r\n", "\x7f"] {
            assert!(!is_text(text.as_bytes()), "{text:?}");
        }
        assert!(!is_text(&[0xff]));
    }

    #[test]
    fn what_cannot_be_kept_in_its_place_is_kept_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        assert_eq!(prepare(&path).unwrap().keep(b"first").ok(), Some(path.clone()));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let prepared = prepare(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let unkept = prepared.keep(b"second").err().unwrap();
        assert!(unkept.why.contains("report cannot be written"), "{}", unkept.why);
        assert_eq!(std::fs::read(unkept.rescued.unwrap()).unwrap(), b"second");
        // Known before anything is paid.
        assert!(prepare(&path).is_err());
    }
}
