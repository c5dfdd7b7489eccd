//! Bytes of the file that are not what was written: the store refuses, or shows what was last answered, and never anything else.

use std::{collections::BTreeMap, fs, path::Path};

use farthing_durable::{Engine, OpenError, Partition, StoreFault, Txn};

use crate::{entry, find, open, opening::open_sled, options, run};

/// How many groups a store gets: some segments.
const ROUNDS: u64 = 120;

/// At how many places of the file something is done to it.
const PLACES: usize = 60;

/// What a store holds, kept apart from it.
#[derive(Clone, Default)]
struct Truth {
    small: BTreeMap<Vec<u8>, Vec<u8>>,
    large: BTreeMap<Vec<u8>, Vec<u8>>,
    serials: Vec<u64>,
}

/// Groups of fresh values, overwritten ones and deletions, for some segments of the file.
fn fill(path: &Path, rounds: std::ops::Range<u64>, truth: &mut Truth) {
    let engine = open(path);
    for round in rounds {
        let mut now = truth.clone();
        for number in 0..6 {
            let key = (round * 6 + number).to_be_bytes().to_vec();
            now.small.insert(key, vec![round as u8; 200 + (number as usize) * 30]);
        }
        for number in 0..40_u64 {
            now.small.insert(
                [b"over".as_slice(), &(number * 7 % 40).to_be_bytes()].concat(),
                round.to_be_bytes().repeat(1 + (number as usize) % 9),
            );
        }
        if round > 8 {
            now.small.remove(((round - 8) * 6 + 1).to_be_bytes().as_slice());
        }
        now.large.insert(vec![b'a' + (round % 3) as u8], round.to_be_bytes().repeat(300 + (round as usize % 5) * 400));
        now.serials.push(round);
        let (before, after) = (std::mem::replace(truth, now.clone()), now);
        run(&engine, move |txn| {
            for (key, value) in after.small.iter().filter(|(key, value)| before.small.get(*key) != Some(value)) {
                txn.put(key, value)?;
            }
            for key in before.small.keys().filter(|key| !after.small.contains_key(*key)) {
                txn.delete(key)?;
            }
            for (key, value) in after.large.iter().filter(|(key, value)| before.large.get(*key) != Some(value)) {
                txn.put_large(key, value)?;
            }
            txn.append(Partition(1), &entry(&[round], 900))
        });
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &to.join(item.file_name()));
        } else {
            fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

/// Opens a store and compares all of it; the error where it says itself that it cannot.
fn opens_with(path: &Path, truth: &Truth) -> Result<(), OpenError> {
    let engine = Engine::open(path, options())?;
    let truth = truth.clone();
    let job = move |txn: &mut Txn<'_>| {
        let small: BTreeMap<_, _> = txn.scan_prefix(b"", None, usize::MAX)?.into_iter().collect();
        assert!(small == truth.small, "other values");
        for (key, value) in &truth.small {
            assert_eq!(txn.get(key)?.as_ref(), Some(value));
        }
        for (key, value) in &truth.large {
            assert!(txn.get_large(key)?.as_ref() == Some(value), "another large value");
        }
        for serial in &truth.serials {
            assert_eq!(find(txn, 1, *serial)?, Some(entry(&[*serial], 900)));
        }
        assert_eq!(txn.scan_entries(Partition(1), None, usize::MAX)?.len(), truth.serials.len());
        Ok::<_, StoreFault>(())
    };
    // All was read at opening, so nothing is left to be found damaged.
    engine.submit(job).wait().unwrap().unwrap();
    Ok(())
}

/// A store of some segments, written in so many openings.
fn filled(openings: u64) -> (tempfile::TempDir, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let mut truth = Truth::default();
    for opening in 0..openings {
        fill(&folder.path().join("store"), opening * ROUNDS / openings..(opening + 1) * ROUNDS / openings, &mut truth);
    }
    (folder, truth)
}

/// Does something to the file at many places, each time to a fresh copy. It must open with the truth or be refused; says how
/// often each happened.
fn with_damage(openings: u64, places: usize, damage: impl Fn(&mut Vec<u8>, usize)) -> (usize, usize) {
    let (folder, truth) = filled(openings);
    let (store, work) = (folder.path().join("store"), folder.path().join("work"));
    let whole = fs::read(store.join("db")).unwrap();
    let (mut harmless, mut refused) = (0, 0);
    for place in (1..whole.len()).step_by((whole.len() / places) | 1) {
        copy(&store, &work);
        let mut bytes = whole.clone();
        damage(&mut bytes, place);
        fs::write(work.join("db"), &bytes).unwrap();
        // sled works on what it opens: what was right must stay so, and what is wrong must not come to look right. (It panics
        // on some files once, and opens them whole the second time.)
        let opened = [(); 2].map(|()| match opens_with(&work, &truth) {
            Ok(()) => true,
            Err(OpenError::Truncated | OpenError::Damaged) => false,
            Err(error) => panic!("{error} at {place}"),
        });
        match opened {
            [true, true] => harmless += 1,
            [false, _] => refused += 1,
            [true, false] => panic!("refused after it was opened, at {place}"),
        }
        fs::remove_dir_all(&work).unwrap();
    }
    (harmless, refused)
}

#[test]
fn a_flipped_byte_is_harmless_or_refused() {
    for openings in [1, 3] {
        let (harmless, refused) = with_damage(openings, PLACES, |bytes, place| bytes[place] ^= 1 << (place % 8));
        assert!(harmless > 0 && refused > 0, "{harmless}, {refused}");
    }
}

#[test]
fn a_block_of_zeros_is_harmless_or_refused() {
    let (_, refused) = with_damage(2, PLACES, |bytes, place| {
        let block = place / 4096 * 4096;
        let end = bytes.len().min(block + 4096);
        bytes[block..end].fill(0);
    });
    assert!(refused > 0);
}

#[test]
fn a_file_cut_short_is_refused() {
    let (_, refused) = with_damage(1, PLACES / 2, Vec::truncate);
    assert!(refused > 0);
}

#[test]
fn an_older_file_beside_a_newer_note_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, older) = (folder.path().join("store"), folder.path().join("older"));
    let mut truth = Truth::default();
    fill(&store, 0..5, &mut truth);
    copy(&store, &older);
    fill(&store, 5..6, &mut truth);
    opens_with(&store, &truth).unwrap();
    let note = fs::read(store.join("noted")).unwrap();
    fs::write(older.join("noted"), &note).unwrap();
    assert!(matches!(opens_with(&older, &truth), Err(OpenError::Truncated)));
    // Nor is one made anew in the place of one that is gone.
    fs::remove_file(store.join("db")).unwrap();
    for _ in 0..2 {
        assert!(matches!(opens_with(&store, &truth), Err(OpenError::Truncated)));
        assert!(!store.join("db").exists());
    }
}

#[test]
fn a_note_that_is_behind_or_cut_short_or_gone_is_brought_up() {
    let (folder, mut truth) = filled(1);
    let store = folder.path().join("store");
    let older = fs::read(store.join("noted")).unwrap();
    fill(&store, ROUNDS..ROUNDS + 1, &mut truth);
    let newest = fs::read(store.join("noted")).unwrap();
    assert_ne!(older, newest);
    // One place of two may be cut short by a power cut, at any byte.
    let torn = |place: usize, length: usize| {
        let mut note = older.clone();
        note[place..place + length].copy_from_slice(&newest[place..place + length]);
        Some(note)
    };
    let notes = (0..=16).flat_map(|length| [torn(0, length), torn(512, length)]);
    for note in notes.chain([Some(Vec::new()), Some(vec![0; 1024]), Some(vec![0xff; 3000]), None]) {
        match note {
            Some(note) => fs::write(store.join("noted"), note).unwrap(),
            None => fs::remove_file(store.join("noted")).unwrap(),
        }
        opens_with(&store, &truth).unwrap();
        let noted = fs::read(store.join("noted")).unwrap();
        assert_eq!(noted.len(), 1024);
        assert!([&noted[..16], &noted[512..528]].iter().any(|place| place[..8] == (ROUNDS + 1).to_le_bytes()));
    }
}

#[test]
fn a_folder_of_an_earlier_layout_opens_and_is_protected_from_then_on() {
    let (folder, mut truth) = filled(1);
    let (store, older) = (folder.path().join("store"), folder.path().join("older"));
    let tree = open_sled(&sled::Config::new().path(&store).flush_every_ms(None));
    assert!(tree.remove(b"c").unwrap().is_some());
    tree.flush().unwrap();
    drop(tree);
    assert!(matches!(opens_with(&store, &truth), Err(OpenError::Truncated)));
    fs::remove_file(store.join("noted")).unwrap();
    for _ in 0..2 {
        opens_with(&store, &truth).unwrap();
    }
    copy(&store, &older);
    fill(&store, ROUNDS..ROUNDS + 1, &mut truth);
    opens_with(&store, &truth).unwrap();
    fs::copy(older.join("db"), store.join("db")).unwrap();
    assert!(opens_with(&store, &truth).is_err());
}

#[test]
fn values_that_no_group_left_are_refused() {
    for change in 0..3 {
        let (folder, truth) = filled(1);
        let store = folder.path().join("store");
        let tree = open_sled(&sled::Config::new().path(&store).flush_every_ms(None));
        // An older value, as if its last change were lost; one that is gone; one too many.
        match change {
            0 => tree.insert([b"kover".as_slice(), &[0; 8]].concat(), 3_u64.to_be_bytes().to_vec()).unwrap(),
            1 => tree.remove([b"kover".as_slice(), &[0; 8]].concat()).unwrap(),
            _ => tree.insert(b"kagain", b"value").unwrap(),
        };
        tree.flush().unwrap();
        drop(tree);
        assert!(matches!(opens_with(&store, &truth), Err(OpenError::Damaged)));
    }
}
