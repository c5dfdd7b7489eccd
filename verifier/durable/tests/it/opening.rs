use std::fs;

use farthing_durable::{Engine, OpenError};

use crate::{child::output, entry, open, options, run};

fn refused(path: &std::path::Path) -> OpenError {
    Engine::open(path, options()).unwrap_err()
}

/// Opens a folder with sled itself. Its lock may outlive the engine that was just closed: another test's child process holds
/// a copy of it between its fork and its exec.
pub(crate) fn open_sled(config: &sled::Config) -> sled::Db {
    loop {
        match config.open() {
            Ok(db) => return db,
            Err(error) if error.to_string().contains("lock") => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_second_opener_is_refused_in_this_process_and_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    assert!(matches!(refused(folder.path()), OpenError::InUse));
    assert!(output("open", folder.path(), &[]).contains(&"in use".to_owned()));
    run(&engine, |txn| txn.put(b"still", b"working"));
    drop(engine);
    assert!(output("open", folder.path(), &[]).contains(&"opened".to_owned()));
    assert_eq!(run(&open(folder.path()), |txn| txn.get(b"still")), Some(b"working".to_vec()));
}

#[test]
fn a_folder_opened_by_sled_itself_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let _sled = open_sled(&sled::Config::new().path(folder.path()).flush_every_ms(None));
    assert!(matches!(refused(folder.path()), OpenError::InUse));
}

#[test]
fn missing_parents_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one/two/three");
    run(&open(&path), |txn| txn.put(b"a", b"1"));
    assert!(path.join("db").is_file());
}

#[test]
fn a_file_in_the_folders_place_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    assert!(matches!(refused(&path), OpenError::Io(_)));
}

#[test]
fn unfinished_snapshots_are_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    for garbage in [&b""[..], b"short", &[0x5a; 5000]] {
        for name in ["snap.0000000000000000.generating", "snap.FFFFFFFFFFFFFFFF.generating"] {
            fs::write(folder.path().join(name), garbage).unwrap();
        }
        let engine = open(folder.path());
        run(&engine, |txn| txn.put(b"a", b"1"));
        drop(engine);
        let left = fs::read_dir(folder.path())
            .unwrap()
            .filter(|item| item.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".generating"))
            .count();
        assert_eq!(left, 0);
    }
}

#[test]
fn values_outside_the_synced_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    fs::write(folder.path().join("blobs/0"), b"never synced").unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Unsynced));
}

#[test]
fn a_folder_of_other_settings_is_foreign() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_sled(&sled::Config::new().path(folder.path()).segment_size(1 << 16).flush_every_ms(None)));
    assert!(matches!(refused(folder.path()), OpenError::Foreign));
}

#[test]
fn damaged_and_missing_records_are_noticed() {
    for damage in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        run(&engine, |txn| {
            for number in 0..5 {
                txn.append(farthing_durable::Partition(1), &entry(&[number], 3000))?;
            }
            Ok(())
        });
        drop(engine);
        let tree = open_sled(&sled::Config::new().path(folder.path()).flush_every_ms(None));
        let key = [b'r', 0, 0, 0, 1, 0, 0, 0, 2];
        assert!(tree.contains_key(key).unwrap());
        match damage {
            0 => tree.remove(key).unwrap(),
            1 => tree.insert(key, b"\xff\xff").unwrap(),
            _ => tree.insert(b"r", b"").unwrap(),
        };
        tree.flush().unwrap();
        drop(tree);
        assert!(matches!(refused(folder.path()), OpenError::Damaged));
    }
}

#[test]
fn debug_output_tells_nothing_of_the_contents() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let pending = engine.submit(|txn| txn.put(b"secret", b"secret").map(|()| "secret"));
    let shown = format!("{engine:?} {pending:?} {:?}", options());
    assert!(!shown.contains("secret"));
    assert_eq!(pending.wait(), Ok(Ok("secret")));
}

#[cfg(unix)]
#[test]
fn a_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let check = |path: &std::path::Path| {
        assert_eq!(mode(path), 0o700);
        let names: Vec<_> = fs::read_dir(path).unwrap().map(|item| item.unwrap().path()).collect();
        for name in ["db", "conf", "lock", "blobs", "noted"] {
            assert!(names.contains(&path.join(name)), "{name}");
        }
        for name in names {
            assert_eq!(mode(&name), if name.is_dir() { 0o700 } else { 0o600 }, "{name:?}");
        }
    };
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = parent.path().join("home/store");
    let engine = open(&path);
    check(&path);
    assert_eq!((mode(&parent.path().join("home")), mode(parent.path())), (0o700, 0o755));
    drop(engine);

    // Of an earlier time, open to all.
    for item in fs::read_dir(&path).unwrap() {
        let item = item.unwrap().path();
        fs::set_permissions(&item, fs::Permissions::from_mode(if item.is_dir() { 0o755 } else { 0o644 })).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let _engine = open(&path);
    check(&path);
}

#[test]
fn files_cut_short_while_they_were_made_are_made_anew_and_no_others() {
    let cut_short = |marked: bool| {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        run(&engine, |txn| txn.put(b"key", b"value"));
        drop(engine);
        assert!(!folder.path().join("making").exists(), "the mark is gone once the folder is open");
        let conf = folder.path().join("conf");
        let whole = fs::read(&conf).unwrap();
        fs::write(&conf, &whole[..whole.len() / 2]).unwrap();
        if marked {
            fs::write(folder.path().join("making"), b"").unwrap();
            fs::remove_file(folder.path().join("noted")).unwrap();
        }
        folder
    };
    let begun = cut_short(true);
    assert_eq!(run(&open(begun.path()), |txn| txn.get(b"key")), None);
    assert_eq!(run(&open(begun.path()), |txn| txn.get(b"other")), None);
    let used = cut_short(false);
    assert!(matches!(refused(used.path()), OpenError::Damaged));
    fs::write(used.path().join("making"), b"").unwrap();
    assert!(matches!(refused(used.path()), OpenError::Truncated));
    assert!(used.path().join("db").metadata().unwrap().len() > 0, "nothing of it was taken away");
}
