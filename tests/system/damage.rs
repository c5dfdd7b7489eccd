//! A wallet's folder with bytes changed or missing: either it makes no difference, or the wallet says what is damaged and what to
//! do. Never is there another balance, or a panic.

use std::fs;
use std::path::{Path, PathBuf};

use crate::crash::Dice;
use crate::stage::{Purse, Ran, Stage};

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// A byte is another one.
    Flip(u64),
    /// The file ends early.
    Cut(u64),
    /// Some bytes are zero.
    Blank(u64),
    Gone,
}

impl Damage {
    fn to(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Flip(at) => bytes[at as usize] ^= 0x10,
            Self::Cut(at) => bytes.truncate(at as usize),
            Self::Blank(at) => {
                let end = bytes.len().min(at as usize + 64);
                bytes[at as usize..end].fill(0);
            }
            Self::Gone => return fs::remove_file(path).unwrap(),
        }
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_damaged_folder_is_named_and_never_believed() {
    let stage = Stage::new();
    let purse = stage.purse(2_000);
    for cents in ["0.64", "1.05", "0.32"] {
        purse.run(&["withdraw", cents]).succeeded();
    }
    let invoice = stage.invoice(37);
    purse.run(&["pay", &invoice, "--yes"]).succeeded();
    // A payment of which the wallet does not know yet what became of it lies in it too.
    stage.to_merchant.fail(0, 1, crate::net::Fault::LoseRequest);
    let open = stage.invoice(64);
    assert_ne!(purse.run(&["pay", &open, "--yes"]).code, Some(0));
    stage.to_merchant.heal();
    // Nobody is paid meanwhile.
    let (harmless, named) = stage.to_merchant.closed_during(|| every_damage(&purse));
    assert!(harmless > 0 && named > 20, "{harmless} made no difference, {named} were named");
    let whole = purse.run(&["balance"]).succeeded();
    purse.assert_whole(&whole.err);
}

fn every_damage(purse: &Purse<'_>) -> (u32, u32) {
    let right = look(purse).expect("an undamaged wallet");
    let mut dice = Dice::new(7);
    let (mut harmless, mut named, mut wrongs) = (0, 0, Vec::new());
    for file in files(&purse.folder) {
        let size = used(&purse.folder.join(&file));
        let mut damages = vec![Damage::Gone, Damage::Cut(0)];
        for _ in 0..count_for(size) {
            let at = dice.below(size.max(1) as usize) as u64;
            damages.extend([Damage::Flip(at), Damage::Cut(at), Damage::Blank(at)]);
        }
        if size == 0 {
            damages.truncate(1);
        }
        for damage in damages {
            match with(purse, &file, damage, &right) {
                Ok(true) => harmless += 1,
                Ok(false) => named += 1,
                Err(wrong) => wrongs.push(format!("{damage:?} of {}: {wrong}", file.display())),
            }
        }
    }
    assert!(wrongs.is_empty(), "{} wrong, such as\n{}", wrongs.len(), wrongs.join("\n"));
    (harmless, named)
}

/// What the wallet holds and did; or how it failed.
fn look(purse: &Purse<'_>) -> Result<String, Ran> {
    let mut all = String::new();
    for arguments in [["balance"], ["history"]] {
        let ran = purse.run(&arguments);
        if ran.code != Some(0) {
            return Err(ran);
        }
        all.push_str(&ran.out);
    }
    Ok(all)
}

/// Whether it made no difference; or what went wrong.
fn with(purse: &Purse<'_>, file: &Path, damage: Damage, right: &str) -> Result<bool, String> {
    let copy = purse.stage.empty_purse();
    copy_folder(&purse.folder, &copy.folder);
    damage.to(&copy.folder.join(file));
    let failed = match look(&copy) {
        Ok(shown) if shown == right => return Ok(true),
        Ok(shown) => return Err(format!("another balance or history: {shown}")),
        Err(failed) => failed,
    };
    let says = ["damaged", "there is no wallet", "does not belong", "cannot be read", "is gone"];
    let advises = ["a copy of", "words", "wallet init"];
    let said = |any: &[&str]| any.iter().any(|text| failed.err.contains(text));
    if failed.code == Some(1) && said(&says) && said(&advises) { Ok(false) } else { Err(format!("{failed:?}")) }
}

fn count_for(size: u64) -> u64 {
    (size / 400).clamp(6, 40)
}

/// How much of a file is not padding.
fn used(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn copy_folder(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
    fs::create_dir_all(to.join("state/blobs")).unwrap();
}
