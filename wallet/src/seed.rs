//! The seed file: a text with a checksum, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, absolute};

use farthing_protocol::derive::Seed;
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::text;
use zeroize::Zeroizing;

use crate::error::OpenError;

const FILE: &str = "seed";
const UNFINISHED: &str = "seed.unfinished";
const PREFIX: &str = "farthingseed";
const VERSION: u8 = 1;

pub(crate) fn exists(folder: &Path) -> Result<bool, OpenError> {
    Ok(folder.join(FILE).try_exists()?)
}

/// Writes the seed file whole or not at all, durably, and never over another.
pub(crate) fn write(folder: &Path, seed: &[u8; 64]) -> Result<(), OpenError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(65));
    bytes.push(VERSION);
    bytes.extend_from_slice(seed);
    let mut line = Zeroizing::new(text::encode(PREFIX, &bytes));
    line.push('\n');

    let unfinished = folder.join(UNFINISHED);
    remove_if_there(&unfinished)?;
    let mut file = owner_only().create_new(true).write(true).open(&unfinished)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    // A link, unlike a rename, never replaces a file.
    let linked = fs::hard_link(&unfinished, folder.join(FILE));
    fs::remove_file(&unfinished)?;
    linked.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => OpenError::Exists,
        _ => OpenError::Io(error),
    })?;
    sync_folder(folder)?;
    Ok(())
}

/// Reads the seed file.
pub(crate) fn read(folder: &Path) -> Result<Seed, OpenError> {
    let mut file = File::open(folder.join(FILE)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::Missing,
        _ => OpenError::Io(error),
    })?;
    let mut line = Zeroizing::new(String::with_capacity(512));
    (&mut file).take(512).read_to_string(&mut line).map_err(|_| OpenError::SeedDamaged)?;
    let bytes = Zeroizing::new(text::decode(PREFIX, line.trim()).map_err(|_| OpenError::SeedDamaged)?);
    match bytes.split_first() {
        Some((&VERSION, seed)) => {
            let seed: Zeroizing<[u8; 64]> = Zeroizing::new(seed.try_into().map_err(|_| OpenError::SeedDamaged)?);
            Ok(Seed::from_bytes(*seed))
        }
        _ => Err(OpenError::SeedDamaged),
    }
}

/// Something public that tells seeds apart: the account key at a mint that cannot exist.
pub(crate) fn fingerprint(seed: &Seed) -> AccountKey {
    AccountKey::from(&seed.account_key(&MintId::from_bytes([0; 32])))
}

pub(crate) fn owner_only() -> OpenOptions {
    #[allow(unused_mut, reason = "changed on Unix only")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder that only its owner can enter, durably, unless it is there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let path = absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    #[allow(unused_mut, reason = "changed on Unix only")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(&path)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}

#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(OpenError::Missing)));
        write(folder.path(), &[7; 64]).unwrap();
        assert!(matches!(write(folder.path(), &[8; 64]), Err(OpenError::Exists)));
        let seed = read(folder.path()).unwrap();
        assert_eq!(fingerprint(&seed), fingerprint(&Seed::from_bytes([7; 64])));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE]);
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[7; 64]).unwrap();
        let path = folder.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        text[40] = if text[40] == b'q' { b'p' } else { b'q' };
        fs::write(&path, &text).unwrap();
        assert!(matches!(read(folder.path()), Err(OpenError::SeedDamaged)));
        fs::write(&path, vec![0xff; 4000]).unwrap();
        assert!(matches!(read(folder.path()), Err(OpenError::SeedDamaged)));
    }
}
