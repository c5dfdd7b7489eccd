//! Commits that fail: nothing is answered as if they had not, nothing is tried again.

use std::{
    future::Future,
    path::Path,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Waker},
};

use farthing_durable::{Engine, Partition, Step, StoreFault, Unavailable, Verdict};

use crate::{entry, find, open, options, run};

/// Opens an engine whose commits go well until `trip` is set.
fn failing(path: &Path, at: Step, verdict: Verdict) -> (Engine, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (trip, tries) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (tripped, tried) = (Arc::clone(&trip), Arc::clone(&tries));
    let options = options().hook(move |step| {
        if tripped.load(Ordering::SeqCst) == 0 || step != at {
            return Verdict::Proceed;
        }
        tried.fetch_add(1, Ordering::SeqCst);
        verdict
    });
    (Engine::open(path, options).unwrap(), trip, tries)
}

fn write(txn: &mut farthing_durable::Txn<'_>, number: u64) -> Result<(), StoreFault> {
    txn.put(&number.to_be_bytes(), b"value")?;
    txn.append(Partition(1), &entry(&[number], 10))
}

fn there(engine: &Engine, number: u64) -> bool {
    let (value, entry) =
        run(engine, move |txn| Ok((txn.get(&number.to_be_bytes())?.is_some(), find(txn, 1, number)?.is_some())));
    assert_eq!(value, entry);
    value
}

#[test]
fn after_a_failed_commit_nothing_is_answered_until_reopened() {
    let cases = [
        (Step::Apply, Verdict::FailBefore, Some(false)),
        (Step::Apply, Verdict::FailAfter, Some(true)),
        (Step::Sync, Verdict::FailBefore, None),
        (Step::Sync, Verdict::FailAfter, Some(true)),
    ];
    for (step, verdict, persisted) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (engine, trip, tries) = failing(folder.path(), step, verdict);
        run(&engine, |txn| write(txn, 1));
        let (release, wait) = mpsc::channel::<()>();
        let reader = engine.submit(move |txn| {
            wait.recv().unwrap();
            txn.get(&1_u64.to_be_bytes())
        });
        trip.store(1, Ordering::SeqCst);
        let writer = engine.submit(|txn| write(txn, 2));
        let failed = engine.submit(|txn| txn.get(&2_u64.to_be_bytes()).and(Err::<(), _>(StoreFault::TooLarge)));
        release.send(()).unwrap();
        // One group: neither its reads nor its refusals may be believed.
        assert_eq!(reader.wait(), Err(Unavailable::Unknown));
        assert_eq!(writer.wait(), Err(Unavailable::Unknown));
        assert_eq!(failed.wait(), Err(Unavailable::Unknown));
        trip.store(0, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(engine.submit(|txn| txn.get(b"any")).wait(), Err(Unavailable::NotStored));
            assert_eq!(engine.submit(|txn| write(txn, 3)).wait(), Err(Unavailable::NotStored));
        }
        assert!(!engine.is_available());
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        drop(engine);
        let engine = open(folder.path());
        assert!(there(&engine, 1));
        let second = there(&engine, 2);
        assert!(persisted.is_none_or(|persisted| persisted == second));
        assert!(!there(&engine, 3));
        run(&engine, |txn| write(txn, 3));
    }
}

#[cfg(unix)]
#[test]
fn after_a_failed_sync_the_file_is_written_anew() {
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::tempdir().unwrap();
    let inode = || std::fs::metadata(folder.path().join("db")).unwrap().ino();
    let (engine, trip, _) = failing(folder.path(), Step::Sync, Verdict::FailBefore);
    run(&engine, |txn| write(txn, 1));
    let old = inode();
    trip.store(1, Ordering::SeqCst);
    assert_eq!(engine.submit(|txn| write(txn, 2)).wait(), Err(Unavailable::Unknown));
    drop(engine);
    let engine = open(folder.path());
    let new = inode();
    assert_ne!(old, new);
    assert!(there(&engine, 1));
    drop(engine);
    let engine = open(folder.path());
    assert_eq!(inode(), new);
    assert!(there(&engine, 1));
}

#[test]
fn a_commit_that_panics_leaves_the_outcome_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), options().hook(|_| panic!("sled gives up"))).unwrap();
    assert_eq!(engine.submit(|txn| write(txn, 1)).wait(), Err(Unavailable::Unknown));
    assert_eq!(engine.submit(|txn| txn.get(b"a")).wait(), Err(Unavailable::NotStored));
    assert!(!engine.is_available());
    drop(engine);
    assert!(!there(&open(folder.path()), 1));
}

fn is_waiting<R>(pending: &mut farthing_durable::Pending<R>) -> bool {
    pin!(pending).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn nothing_is_answered_before_the_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (reached, at_sync) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let options = options().hook(move |step| {
        if step == Step::Sync {
            reached.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        }
        Verdict::Proceed
    });
    let engine = Engine::open(folder.path(), options).unwrap();
    let (release, gate) = mpsc::channel::<()>();
    let mut before = engine.submit(move |txn| {
        gate.recv().unwrap();
        txn.get(b"a")
    });
    let mut writer = engine.submit(|txn| write(txn, 1));
    let mut reader = engine.submit(|txn| find(txn, 1, 1));
    let mut refused = engine.submit(|txn| match find(txn, 1, 1)? {
        Some(_) => Err(StoreFault::Full),
        None => Ok(()),
    });
    release.send(()).unwrap();
    at_sync.recv().unwrap();
    let mut later = engine.submit(|txn| find(txn, 1, 1));
    assert!(is_waiting(&mut before) && is_waiting(&mut writer) && is_waiting(&mut reader));
    assert!(is_waiting(&mut refused) && is_waiting(&mut later));
    go.send(()).unwrap();
    assert_eq!((before.wait(), writer.wait()), (Ok(Ok(None)), Ok(Ok(()))));
    assert_eq!(refused.wait(), Ok(Err(StoreFault::Full)));
    assert_eq!(reader.wait(), later.wait());
    // What only reads, or takes everything back, waits for no sync: the hook would block.
    run(&engine, |txn| txn.get(b"a"));
    let rolled_back = engine.submit(|txn| write(txn, 2).and(Err::<(), _>(StoreFault::TooLarge)));
    assert_eq!(rolled_back.wait(), Ok(Err(StoreFault::TooLarge)));
}
