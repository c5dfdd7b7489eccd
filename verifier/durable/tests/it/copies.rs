//! Copies of a moment, taken while the store goes on, put back, damaged; and fences, which tell an older copy of the folder.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
    sync::mpsc,
};

use farthing_durable::{
    CopyFault, Copying, Engine, OpenError, Partition, RestoreError, StoreFault, Txn, Unavailable, noted_at, restore,
};

use crate::{entry, find, open, options, run};

/// Everything that can be read of an engine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    small: Vec<(Vec<u8>, Vec<u8>)>,
    large: Vec<Option<Vec<u8>>>,
    pub(crate) entries: Vec<Vec<u8>>,
}

/// Small values have keys of two bytes, large ones of one.
pub(crate) fn contents(engine: &Engine) -> Contents {
    run(engine, |txn| read_contents(txn))
}

pub(crate) fn read_contents(txn: &Txn<'_>) -> Result<Contents, StoreFault> {
    let small = txn.scan_prefix(b"s", None, usize::MAX)?;
    let large = (0..8).map(|key| txn.get_large(&[key])).collect::<Result<_, _>>()?;
    let entries = txn.scan_entries(Partition(7), None, usize::MAX)?.into_iter().map(|(_, entry)| entry).collect();
    Ok(Contents { small, large, entries })
}

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn small_key(number: u64) -> Vec<u8> {
    [b"s".as_slice(), &number.to_be_bytes()].concat()
}

/// A few changes of every kind.
fn change(txn: &mut Txn<'_>, dice: &mut Dice) {
    for _ in 0..20 {
        let value = vec![dice.below(256) as u8; dice.below(4000) as usize];
        match dice.below(5) {
            0 => txn.delete(&small_key(dice.below(3000))).unwrap(),
            1 => txn.put_large(&[dice.below(8) as u8], &value.repeat(5)).unwrap(),
            2 => txn.delete_large(&[dice.below(8) as u8]).unwrap(),
            3 => txn.append(Partition(7), &entry(&[dice.below(1 << 40)], 500)).unwrap(),
            _ => txn.put(&small_key(dice.below(3000)), &value).unwrap(),
        }
    }
    if dice.below(20) == 0 {
        txn.drop_partition(Partition(7), 3).unwrap();
    }
}

pub(crate) fn change_often(engine: &Engine, dice: &mut Dice, times: usize) {
    for _ in 0..times {
        let mut own = Dice(dice.below(u64::MAX));
        run(engine, move |txn| {
            change(txn, &mut own);
            Ok(())
        });
    }
}

/// Takes a copy, with so many changes after each portion.
fn take(engine: &Engine, dice: &mut Dice, changes: usize) -> (Vec<u8>, usize) {
    let (mut copying, mut copy, mut portions) = (Copying::of(engine), Vec::new(), 0);
    loop {
        let portion = copying.portion().wait().unwrap().unwrap();
        copy.extend(portion.bytes);
        portions += 1;
        if portion.is_last {
            return (copy, portions);
        }
        change_often(engine, dice, changes);
    }
}

#[test]
fn a_copy_is_of_the_moment_at_which_it_began_whatever_happens_meanwhile() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(&folder.path().join("original"));
        let mut dice = Dice(seed);
        change_often(&engine, &mut dice, 200);
        let before = contents(&engine);
        let (copy, portions) = take(&engine, &mut dice, 10);
        assert!(portions > 3, "{portions}");
        assert_ne!(contents(&engine), before);
        let other = folder.path().join("copy");
        let groups = restore(&other, &mut copy.as_slice(), None).unwrap();
        // The copy goes on where it is, behind the original's groups of then.
        let engine = open(&other);
        assert_eq!(contents(&engine), before, "seed {seed}");
        assert_eq!(noted_at(&other.join("noted")).unwrap(), Some(groups + 1));
        change_often(&engine, &mut dice, 5);
        drop(engine);
        contents(&open(&other));
    }
}

#[test]
fn entries_are_found_in_a_copy_as_in_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("original"));
    for key in 0..500 {
        run(&engine, move |txn| txn.append(Partition(7), &entry(&[key], 20)));
    }
    let (copy, _) = take(&engine, &mut Dice(1), 0);
    restore(&folder.path().join("copy"), &mut copy.as_slice(), None).unwrap();
    let copied = open(&folder.path().join("copy"));
    for key in [0, 250, 499] {
        assert_eq!(run(&copied, move |txn| find(txn, 7, key)), Some(entry(&[key], 20)));
    }
    assert_eq!(run(&copied, |txn| find(txn, 7, 500)), None);
}

#[test]
fn one_copy_is_taken_at_a_time_and_a_dropped_one_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    change_often(&engine, &mut Dice(1), 50);
    let mut first = Copying::of(&engine);
    first.portion().wait().unwrap().unwrap();
    assert_eq!(Copying::of(&engine).portion().wait().unwrap(), Err(CopyFault::Busy));
    first.portion().wait().unwrap().unwrap();
    drop(first);
    let mut second = Copying::of(&engine);
    while !second.portion().wait().unwrap().unwrap().is_last {}
    assert_eq!(second.portion().wait().unwrap(), Err(CopyFault::Ended));
    // The engine goes on, and another can be taken.
    take(&engine, &mut Dice(1), 1);
}

/// Under load there may be no place for the job that ends it.
#[test]
fn a_copy_that_was_dropped_while_the_queue_was_full_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), options().queue_limit(1)).unwrap();
    let mut first = Copying::of(&engine);
    first.portion().wait().unwrap().unwrap();
    let (started, begun) = mpsc::channel();
    let (release, wait) = mpsc::channel::<()>();
    let holding = engine.submit(move |_| {
        started.send(()).unwrap();
        wait.recv().unwrap();
        Ok::<_, StoreFault>(())
    });
    begun.recv().unwrap();
    let waiting = engine.submit(|txn| txn.put(b"sa", b"1"));
    assert_eq!(engine.submit(|txn| txn.put(b"sb", b"1")).wait(), Err(Unavailable::Busy));
    drop(first);
    release.send(()).unwrap();
    holding.wait().unwrap().unwrap();
    waiting.wait().unwrap().unwrap();
    assert!(Copying::of(&engine).portion().wait().unwrap().is_ok());
}

#[test]
fn a_damaged_copy_is_refused_wherever_the_damage_is() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("original"));
    run(&engine, |txn| {
        txn.put(b"a", b"value")?;
        txn.put_large(b"b", &[7; 5000])?;
        txn.append(Partition(7), &entry(&[1, 2], 50))
    });
    let (copy, _) = take(&engine, &mut Dice(1), 0);
    let refused = |bytes: &[u8], what: &str| {
        let to = tempfile::tempdir().unwrap();
        let restored = restore(to.path(), &mut &*bytes, None);
        assert!(matches!(restored, Err(RestoreError::Damaged)), "{what}: {restored:?}");
        // What was begun is not taken for anything.
        if to.path().join("db").exists() {
            let opened = Engine::open(to.path(), options()).map(|engine| contents(&engine).small);
            assert!(
                opened.as_ref().is_err_and(|error| matches!(error, OpenError::Damaged)) || opened.unwrap().is_empty()
            );
        }
    };
    for place in (0..copy.len()).step_by(7) {
        // The number of the last group may be any; the manifest of a backup has a hash of it all.
        if !(16..24).contains(&place) {
            let mut other = copy.clone();
            other[place] ^= 1 << (place % 8);
            refused(&other, "changed");
        }
    }
    for length in [0, 5, 16, 40, 100, copy.len() - 9, copy.len() - 1] {
        refused(&copy[..length], "cut");
    }
    refused(&[copy.as_slice(), b"x"].concat(), "longer");
    assert!(matches!(
        restore(&folder.path().join("original"), &mut copy.as_slice(), None),
        Err(RestoreError::NotEmpty)
    ));
}

#[test]
fn a_folder_that_was_put_back_by_halves_does_not_open() {
    /// A disk that fails behind some bytes.
    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("the disk is gone")) } else { self.0.read(into) }
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder.path().join("original"));
    for number in 0..1000 {
        run(&engine, move |txn| txn.put(&small_key(number), &[1; 4000]));
    }
    let (copy, _) = take(&engine, &mut Dice(1), 0);
    let to = folder.path().join("copy");
    let restored = restore(&to, &mut Failing(&copy[..copy.len() * 3 / 4]), None);
    assert!(matches!(restored, Err(RestoreError::Io(_))), "{restored:?}");
    assert!(matches!(Engine::open(&to, options()), Err(OpenError::Damaged)));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            copy_folder(&item.path(), &to.join(item.file_name()));
        } else {
            fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

fn fenced(folder: &Path, fence: &Path, required: bool) -> Result<Engine, OpenError> {
    Engine::open(folder, options().fence(fence, required))
}

fn write(engine: &Engine, key: &'static [u8]) {
    run(engine, move |txn| txn.put(key, b"1"));
}

#[test]
fn an_older_copy_of_the_whole_folder_is_refused_because_of_the_fence() {
    for required in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (store, older, fence) =
            (folder.path().join("store"), folder.path().join("older"), folder.path().join("fence"));
        let engine = fenced(&store, &fence, required).unwrap();
        write(&engine, b"a");
        drop(engine);
        copy_folder(&store, &older);
        // An opening alone changes nothing.
        drop(fenced(&store, &fence, required).unwrap());
        drop(fenced(&older, &fence, required).unwrap());
        let engine = fenced(&store, &fence, required).unwrap();
        write(&engine, b"b");
        drop(engine);
        for _ in 0..2 {
            assert!(matches!(fenced(&older, &fence, required), Err(OpenError::RolledBack)));
        }
        // Nor is one made anew where something was answered.
        for path in ["none", "new"] {
            fs::create_dir_all(folder.path().join("new")).unwrap();
            assert!(matches!(fenced(&folder.path().join(path), &fence, required), Err(OpenError::RolledBack)));
        }
        let engine = fenced(&store, &fence, required).unwrap();
        assert_eq!(run(&engine, |txn| txn.get(b"b")), Some(b"1".to_vec()));
    }
}

#[test]
fn a_fence_that_must_be_there_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, fence) = (folder.path().join("store"), folder.path().join("fence"));
    write(&fenced(&store, &fence, true).unwrap(), b"a");
    let groups = noted_at(&fence).unwrap();
    assert!(groups > Some(0));
    fs::remove_file(&fence).unwrap();
    assert!(matches!(fenced(&store, &fence, true), Err(OpenError::FenceMissing)));
    assert!(!fence.exists());
    // Somebody says that it may be made anew.
    fs::write(&fence, b"").unwrap();
    drop(fenced(&store, &fence, true).unwrap());
    assert_eq!(noted_at(&fence).unwrap(), groups);
    // One that need not be there is made anew by itself, where it can be.
    fs::remove_file(&fence).unwrap();
    drop(fenced(&store, &fence, false).unwrap());
    assert_eq!(noted_at(&fence).unwrap(), groups);
    let nowhere = folder.path().join("missing/fence");
    drop(fenced(&store, &nowhere, false).unwrap());
    assert!(matches!(fenced(&store, &nowhere, true), Err(OpenError::FenceMissing)));
}

#[test]
fn a_copy_that_is_put_back_goes_on_behind_the_fence() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other, fence) = (folder.path().join("store"), folder.path().join("other"), folder.path().join("fence"));
    let engine = fenced(&store, &fence, false).unwrap();
    write(&engine, b"a");
    let (copy, _) = take(&engine, &mut Dice(1), 0);
    let before = noted_at(&fence).unwrap();
    write(&engine, b"b");
    drop(engine);
    let noted = noted_at(&fence).unwrap();
    assert!(noted > before);
    assert_eq!(Some(restore(&other, &mut copy.as_slice(), noted).unwrap()), before);
    // From now on it is the original that is behind.
    drop(fenced(&other, &fence, false).unwrap());
    assert!(matches!(fenced(&store, &fence, false), Err(OpenError::RolledBack)));
}

#[test]
fn contents_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let mut seen = BTreeMap::new();
    let mut dice = Dice(3);
    for round in 0..50 {
        change_often(&engine, &mut dice, 1);
        seen.insert(format!("{:?}", contents(&engine)), round);
    }
    assert!(seen.len() > 45, "contents that never differ would show nothing");
}
