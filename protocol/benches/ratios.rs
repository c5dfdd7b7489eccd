//! Farthing beside Ed25519: medians and ratios, measured in turn so that a noisy machine disturbs both alike.
//!
//! `cargo bench -p farthing-protocol --bench ratios [-- ROUNDS]`. In every round each row runs for a few
//! milliseconds, directly after as long a run of its Ed25519 peer; a row's ratio is the median of its rounds' ratios. Times are
//! the thread's own processor time.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

mod fixture;

use fixture::{BATCH, Ours, Peer, TOKENS};
use rustix::time::{ClockId, clock_gettime};

/// Rounds, when none are asked for.
const ROUNDS: usize = 101;

/// What a row is held against.
#[derive(Clone, Copy)]
enum Against {
    Single,
    Batch,
}

/// Measures itself and returns nanoseconds for each signature or token.
type Work = fn(&mut Ours) -> f64;

struct Row {
    name: &'static str,
    against: Against,
    target: Option<f64>,
    work: Work,
    /// (peer, ours) of each round.
    samples: Vec<(f64, f64)>,
}

/// Single signatures or tokens in one run.
const SINGLES: usize = 64;

fn rows() -> Vec<Row> {
    let row = |name, against, target, work| Row { name, against, target, work, samples: Vec::new() };
    vec![
        row("signatures, batch of 256, decoded", Against::Batch, Some(0.85), |ours| {
            timed(1, BATCH, || (), |()| ours.batch())
        }),
        row("signatures, batch of 256, from bytes", Against::Batch, None, |ours| {
            timed(1, BATCH, || (), |()| ours.batch_bytes())
        }),
        row("payments of 4, 64 at once, decoded", Against::Batch, None, |ours| {
            timed(1, BATCH, || ours.copies(), |copies| ours.payments(copies))
        }),
        row("payments of 4, 64 at once, from bytes", Against::Batch, Some(1.6), |ours| {
            timed(1, BATCH, || (), |()| ours.payments_bytes())
        }),
        row("  of this, decoding alone", Against::Batch, None, |ours| timed(1, BATCH, || (), |()| drop(ours.decode()))),
        row("one payment of 4, from bytes", Against::Single, None, |ours| {
            timed(SINGLES / TOKENS, TOKENS, || (), |()| ours.one_payment_bytes())
        }),
        row("one token, decoded", Against::Single, Some(1.0), |ours| timed(SINGLES, 1, || (), |()| ours.single())),
        row("one token, from bytes", Against::Single, None, |ours| timed(SINGLES, 1, || (), |()| ours.single_bytes())),
        row("mint, both moves, session of 1", Against::Single, Some(1.4), |ours| mint(ours, 1)),
        row("mint, both moves, session of 16", Against::Single, Some(1.4), |ours| mint(ours, 16)),
        row("mint, both moves, session of 32", Against::Single, Some(1.4), |ours| mint(ours, 32)),
        row("  of this, the first move", Against::Single, None, |ours| {
            timed(SINGLES / 32, 32, || (), |()| drop(ours.open(32)))
        }),
        row("  the second move of 16, from bytes", Against::Single, None, second_move_from_bytes),
        row("wallet and mint, withdrawal of 16", Against::Single, None, |ours| {
            timed(SINGLES / 32, 16, || (), |()| ours.withdraw_sixteen())
        }),
    ]
}

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(ROUNDS);
    let (mut ours, mut peer) = (Ours::new(), Peer::new());
    let mut rows = rows();
    let (mut strict, mut unknown_keys) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let mut samples = Vec::new();
        for row in &mut rows {
            let peer = match row.against {
                Against::Single => timed(SINGLES, 1, || (), |()| peer.single()),
                Against::Batch => timed(1, BATCH, || (), |()| peer.batch()),
            };
            samples.push((peer, (row.work)(&mut ours)));
        }
        let (loose, tight) =
            (timed(SINGLES, 1, || (), |()| peer.single()), timed(SINGLES, 1, || (), |()| peer.strict()));
        let (known, unknown) =
            (timed(1, BATCH, || (), |()| peer.batch()), timed(1, BATCH, || (), |()| peer.batch_bytes()));
        // The first round warms up.
        if round > 0 {
            rows.iter_mut().zip(samples).for_each(|(row, sample)| row.samples.push(sample));
            strict.push((loose, tight));
            unknown_keys.push((known, unknown));
        }
    }
    print(&rows, rounds);
    line("Ed25519 verify_strict", "verify", &strict, None);
    line("Ed25519 verify_batch, keys from bytes", "verify_batch", &unknown_keys, None);
}

/// The mint's work for each token of a session, both moves.
fn mint(ours: &mut Ours, tokens: usize) -> f64 {
    let runs = SINGLES / tokens;
    let challenges: Vec<_> = (0..runs).map(|_| ours.challenges(tokens)).collect();
    let start = processor_time();
    for challenges in challenges {
        let opened = ours.open(tokens);
        ours.finish(&opened, challenges);
    }
    (processor_time() - start) / (runs * tokens) as f64
}

/// Nanoseconds for each of `units`; what `prepare` does is not counted.
fn timed<T>(runs: usize, units: usize, mut prepare: impl FnMut() -> T, mut work: impl FnMut(T)) -> f64 {
    let inputs: Vec<T> = (0..runs).map(|_| prepare()).collect();
    let start = processor_time();
    inputs.into_iter().for_each(&mut work);
    (processor_time() - start) / (runs * units) as f64
}

/// The mint's second move for each token of a session of 16, everything from bytes.
fn second_move_from_bytes(ours: &mut Ours) -> f64 {
    let messages: Vec<_> = (0..SINGLES / 16).map(|_| ours.returned(&ours.open(16))).collect();
    let start = processor_time();
    messages.into_iter().for_each(|message| ours.finish_bytes(message));
    (processor_time() - start) / SINGLES as f64
}

/// Nanoseconds this thread has run: waiting for other processes is not counted.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The value below which `quarters` of four lie.
fn quartile(values: impl Iterator<Item = f64>, quarters: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * quarters / 4]
}

fn print(rows: &[Row], rounds: usize) {
    println!("medians of {rounds} rounds; microseconds for each signature or token\n");
    println!("| work | µs | Ed25519 | µs | ratio | lower quartile | upper quartile | target |");
    println!("|---|---:|---|---:|---:|---:|---:|---:|");
    for row in rows {
        let peer = match row.against {
            Against::Single => "verify",
            Against::Batch => "verify_batch",
        };
        line(row.name, peer, &row.samples, row.target);
    }
}

fn line(name: &str, against: &str, samples: &[(f64, f64)], target: Option<f64>) {
    let ours = quartile(samples.iter().map(|(_, ours)| *ours), 2) / 1000.0;
    let peer = quartile(samples.iter().map(|(peer, _)| *peer), 2) / 1000.0;
    let [low, ratio, high] = [1, 2, 3].map(|q| quartile(samples.iter().map(|(peer, ours)| ours / peer), q));
    let target = target.map_or(String::new(), |target| format!("≤ {target}"));
    println!("| {name} | {ours:.2} | {against} | {peer:.2} | {ratio:.2} | {low:.2} | {high:.2} | {target} |");
}
