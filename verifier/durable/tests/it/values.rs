use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use farthing_durable::{Engine, MAX_KEY, MAX_LARGE, MAX_VALUE, Options, Pending, StoreFault, Unavailable};

use crate::{open, options, run};

#[test]
fn values_are_read_back_by_the_job_by_later_jobs_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    run(&engine, |txn| {
        txn.put(b"a", b"1")?;
        assert_eq!(txn.get(b"a")?, Some(b"1".to_vec()));
        txn.put(b"b", b"")?;
        txn.put(b"gone", b"x")?;
        txn.delete(b"gone")?;
        assert_eq!(txn.get(b"gone")?, None);
        Ok(())
    });
    for _ in 0..2 {
        let engine = engine.clone();
        let (a, b, gone) = run(&engine, |txn| Ok((txn.get(b"a")?, txn.get(b"b")?, txn.get(b"gone")?)));
        assert_eq!((a, b, gone), (Some(b"1".to_vec()), Some(Vec::new()), None));
    }
    drop(engine);
    let engine = open(folder.path());
    assert_eq!(run(&engine, |txn| txn.get(b"a")), Some(b"1".to_vec()));
}

#[test]
fn an_answer_can_be_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let answer = runtime.block_on(async { engine.submit(|txn| txn.put(b"a", b"1").map(|()| 7)).await });
    assert_eq!(answer, Ok(Ok(7)));
}

#[test]
fn sizes_outside_the_limits_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    run(&engine, |txn| {
        let longest = vec![7; MAX_KEY];
        let too_long = vec![7; MAX_KEY + 1];
        for key in [&[][..], &too_long] {
            assert_eq!(txn.put(key, b""), Err(StoreFault::TooLarge));
            assert_eq!(txn.get(key), Err(StoreFault::TooLarge));
            assert_eq!(txn.delete(key), Err(StoreFault::TooLarge));
            assert_eq!(txn.put_large(key, b""), Err(StoreFault::TooLarge));
            assert_eq!(txn.get_large(key), Err(StoreFault::TooLarge));
        }
        assert_eq!(txn.put(b"a", &vec![0; MAX_VALUE + 1]), Err(StoreFault::TooLarge));
        assert_eq!(txn.put_large(b"a", &vec![0; MAX_LARGE + 1]), Err(StoreFault::TooLarge));
        assert_eq!(txn.get(b"a")?, None);
        assert_eq!(txn.get_large(b"a")?, None);
        txn.put(&longest, &vec![1; MAX_VALUE])
    });
    assert_eq!(run(&engine, |txn| txn.get(&[7; MAX_KEY])), Some(vec![1; MAX_VALUE]));
}

#[test]
fn many_of_the_greatest_keys_and_values_stay_in_the_synced_file() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let key = |number: u32| {
        let mut key = vec![0x55; MAX_KEY];
        key[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
        key
    };
    for round in 0..6_u32 {
        run(&engine, move |txn| {
            for number in round * 700..(round + 1) * 700 {
                txn.put(&key(number), &vec![number as u8; MAX_VALUE])?;
            }
            Ok(())
        });
    }
    drop(engine);
    let engine = open(folder.path());
    run(&engine, move |txn| {
        for number in 0..4200 {
            assert_eq!(txn.get(&key(number))?, Some(vec![number as u8; MAX_VALUE]));
        }
        Ok(())
    });
    assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
}

#[test]
fn large_values_grow_shrink_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path());
    for length in [0, 1, 4091, 4092, 4093, 100_000, MAX_LARGE, 5000, 8188, 8189, 0] {
        let value: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
        let expected = value.clone();
        run(&engine, move |txn| {
            txn.put_large(b"key", &value)?;
            // A key that begins with the other's bytes, and a small value of the same key, are their own.
            txn.put_large(b"key\0", b"other")?;
            txn.put(b"key", b"small")?;
            assert_eq!(txn.get_large(b"key")?.unwrap(), value);
            Ok(())
        });
        drop(engine);
        engine = open(folder.path());
        assert_eq!(run(&engine, |txn| txn.get_large(b"key")), Some(expected));
    }
    run(&engine, |txn| txn.delete_large(b"key"));
    assert_eq!(run(&engine, |txn| txn.get_large(b"key")), None);
    assert_eq!(run(&engine, |txn| txn.get_large(b"key\0")), Some(b"other".to_vec()));
    assert_eq!(run(&engine, |txn| txn.get(b"key")), Some(b"small".to_vec()));
}

#[test]
fn scans_merge_the_group_with_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let mut model = BTreeMap::new();
    let mut state = 1_u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    for _ in 0..40 {
        let changes: Vec<(Vec<u8>, Option<Vec<u8>>)> = (0..random(40))
            .map(|_| {
                let key = vec![b'a' + random(3) as u8, random(2) as u8 * 255, random(60) as u8];
                let value = (random(3) > 0).then(|| vec![random(256) as u8]);
                (key, value)
            })
            .collect();
        for (key, value) in changes.clone() {
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
        }
        let after = vec![b'a' + random(3) as u8, random(2) as u8 * 255, random(60) as u8];
        let (limit, expected) = (random(50) as usize, model.clone());
        run(&engine, move |txn| {
            for (key, value) in &changes {
                match value {
                    Some(value) => txn.put(key, value)?,
                    None => txn.delete(key)?,
                }
            }
            for prefix in [&b""[..], b"a", b"b", b"c", b"d", &[b'b', 255]] {
                let all: Vec<_> = expected
                    .iter()
                    .filter(|(key, _)| key.starts_with(prefix))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(txn.scan_prefix(prefix, None, usize::MAX)?, all);
                let part: Vec<_> = all.into_iter().filter(|(key, _)| *key > after).take(limit).collect();
                assert_eq!(txn.scan_prefix(prefix, Some(&after), limit)?, part);
            }
            Ok(())
        });
    }
}

/// An engine whose writer waits inside a job, so that all jobs queued meanwhile make one group.
fn held(engine: &Engine) -> (mpsc::Sender<()>, Pending<Result<(), StoreFault>>) {
    let (release, wait) = mpsc::channel::<()>();
    let first = engine.submit(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    (release, first)
}

#[test]
fn failed_and_panicked_jobs_leave_nothing_and_their_group_stays() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    run(&engine, |txn| txn.put(b"kept", b"old"));
    let (release, first) = held(&engine);
    let good = engine.submit(|txn| txn.put(b"good", b"1"));
    let failed = engine.submit(|txn| {
        txn.put(b"good", b"2")?;
        txn.put(b"bad", b"2")?;
        txn.delete(b"kept")?;
        txn.put_large(b"bad", &[0; 10_000])?;
        txn.put(b"", b"").map(|()| 1)
    });
    let panicked = engine.submit(|txn| -> Result<(), StoreFault> {
        txn.put(b"good", b"3")?;
        txn.put(b"good", b"4")?;
        txn.delete(b"good")?;
        panic!("a mistake in a job");
    });
    let last = engine.submit(|txn| txn.get(b"good"));
    release.send(()).unwrap();
    assert_eq!(first.wait(), Ok(Ok(())));
    assert_eq!(good.wait(), Ok(Ok(())));
    assert_eq!(failed.wait(), Ok(Err(StoreFault::TooLarge)));
    assert_eq!(panicked.wait(), Err(Unavailable::Panicked));
    assert_eq!(last.wait(), Ok(Ok(Some(b"1".to_vec()))));
    drop(engine);
    let engine = open(folder.path());
    assert!(engine.is_available());
    let state =
        run(&engine, |txn| Ok((txn.get(b"good")?, txn.get(b"bad")?, txn.get(b"kept")?, txn.get_large(b"bad")?)));
    assert_eq!(state, (Some(b"1".to_vec()), None, Some(b"old".to_vec()), None));
}

#[test]
fn a_full_queue_refuses_at_once_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), Options::new().queue_limit(2)).unwrap();
    let (started, begun) = mpsc::channel();
    let (release, wait) = mpsc::channel::<()>();
    let first = engine.submit(move |_| {
        started.send(()).unwrap();
        wait.recv().unwrap();
        Ok::<_, StoreFault>(())
    });
    begun.recv().unwrap();
    let waiting = [engine.submit(|txn| txn.put(b"a", b"1")), engine.submit(|txn| txn.put(b"b", b"1"))];
    let refused = engine.submit(|txn| txn.put(b"c", b"1"));
    assert_eq!(refused.wait(), Err(Unavailable::Busy));
    release.send(()).unwrap();
    assert_eq!(first.wait(), Ok(Ok(())));
    for each in waiting {
        assert_eq!(each.wait(), Ok(Ok(())));
    }
    assert_eq!(run(&engine, |txn| txn.get(b"c")), None);
}

#[test]
fn jobs_of_many_threads_run_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let count = |value: Option<Vec<u8>>| value.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let pending: Vec<_> = (0..50)
                    .map(|_| {
                        engine.submit(move |txn| {
                            let next = count(txn.get(b"count")?) + 1;
                            txn.put(b"count", &next.to_be_bytes())?;
                            Ok::<_, StoreFault>(next)
                        })
                    })
                    .collect();
                let answers: Vec<u64> = pending.into_iter().map(|each| each.wait().unwrap().unwrap()).collect();
                assert!(answers.is_sorted());
            });
        }
    });
    drop(engine);
    assert_eq!(count(run(&open(folder.path()), |txn| txn.get(b"count"))), 400);
}

#[test]
fn the_last_clone_dropped_finishes_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let done = Arc::new(AtomicBool::new(false));
    let (release, first) = held(&engine);
    let seen = Arc::clone(&done);
    let clone = engine.clone();
    let last = engine.submit(move |txn| {
        // A job may own an engine, even the last.
        drop(clone);
        seen.store(true, Ordering::SeqCst);
        txn.put(b"last", b"1")
    });
    release.send(()).unwrap();
    drop(engine);
    assert_eq!(first.wait(), Ok(Ok(())));
    assert_eq!(last.wait(), Ok(Ok(())));
    assert!(done.load(Ordering::SeqCst));
    // The writer may be closing still when a job held the last engine.
    let engine = loop {
        match Engine::open(folder.path(), options()) {
            Ok(engine) => break engine,
            Err(farthing_durable::OpenError::InUse) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(run(&engine, |txn| txn.get(b"last")), Some(b"1".to_vec()));
}
