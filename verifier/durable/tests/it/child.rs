//! The test binary as another process: told what to do by the environment, it prints one line for each answer.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use farthing_durable::{Engine, OpenError, StoreFault};

use crate::{kill, open, options};

const ROLE: &str = "FARTHING_DURABLE_ROLE";
const FOLDER: &str = "FARTHING_DURABLE_FOLDER";

/// Not a test of its own: the entry of the other process, and nothing without its environment.
#[test]
fn child() {
    let (Ok(role), Some(folder)) = (std::env::var(ROLE), std::env::var_os(FOLDER)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    // The harness has begun a line.
    say("");
    match role.as_str() {
        "open" => match Engine::open(&folder, options()) {
            Ok(_) => say("opened"),
            Err(OpenError::InUse) => say("in use"),
            Err(_) => say("failed"),
        },
        "write" => kill::write_for_ever(&folder),
        "one by one" => one_by_one(&folder),
        _ => panic!("no such role"),
    }
}

/// Prints a line with one system call.
pub(crate) fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Starts this binary again, behind `wrapper` if there is one.
pub(crate) fn spawn(role: &str, folder: &Path, wrapper: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    let mut child = command
        .args(["child::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Runs a role to its end and returns what it said.
pub(crate) fn output(role: &str, folder: &Path, wrapper: &[&str]) -> Vec<String> {
    let (mut child, output) = spawn(role, folder, wrapper);
    let lines = output.lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    lines
}

/// Jobs of all sorts, each answered before the next is submitted.
fn one_by_one(folder: &Path) {
    let engine = open(folder);
    for number in 0..30_u64 {
        let key = number.to_be_bytes();
        let wrote = engine.submit(move |txn| txn.put(&key, b"small")).wait();
        assert_eq!(wrote, Ok(Ok(())));
        say("ack put");
        let wrote = engine.submit(move |txn| {
            txn.append(farthing_durable::Partition(1), &crate::entry(&[number], 100))?;
            txn.put_large(b"large", &vec![1; 20_000 * (number as usize % 9)])?;
            txn.delete(&key)
        });
        assert_eq!(wrote.wait(), Ok(Ok(())));
        say("ack append");
        let read = engine.submit(move |txn| crate::find(txn, 1, number));
        assert!(matches!(read.wait(), Ok(Ok(Some(_)))));
        say("ack read");
        let failed = engine.submit(move |txn| {
            txn.put(&key, b"small")?;
            Err::<(), _>(StoreFault::TooLarge)
        });
        assert!(matches!(failed.wait(), Ok(Err(StoreFault::TooLarge))));
        say("ack failed");
    }
}
