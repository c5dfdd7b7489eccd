//! Signatures, payments and issuance, one by one, beside Ed25519's figures on the same machine.
//!
//! `ratios` prints the two side by side, measured in turn.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a benchmark")]

mod fixture;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{BATCH, Ours, Peer, TOKENS};

fn single(criterion: &mut Criterion) {
    let (mut ours, mut peer) = (Ours::new(), Peer::new());
    let mut group = criterion.benchmark_group("single");
    group.bench_function("ed25519 verify", |bencher| bencher.iter(|| peer.single()));
    group.bench_function("ed25519 verify_strict", |bencher| bencher.iter(|| peer.strict()));
    group.bench_function("token, decoded", |bencher| bencher.iter(|| ours.single()));
    group.bench_function("token, from bytes", |bencher| bencher.iter(|| ours.single_bytes()));
    group.throughput(Throughput::Elements(TOKENS as u64));
    group.bench_function("payment of 4, from bytes", |bencher| bencher.iter(|| ours.one_payment_bytes()));
}

fn batch(criterion: &mut Criterion) {
    let (ours, mut peer) = (Ours::new(), Peer::new());
    let mut group = criterion.benchmark_group("batch of 256");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("ed25519 verify_batch", |bencher| bencher.iter(|| peer.batch()));
    group.bench_function("ed25519 verify_batch, keys from bytes", |bencher| bencher.iter(|| peer.batch_bytes()));
    group.bench_function("signatures, decoded", |bencher| bencher.iter(|| ours.batch()));
    group.bench_function("signatures, from bytes", |bencher| bencher.iter(|| ours.batch_bytes()));
    group.bench_function("payments, decoded", |bencher| {
        bencher.iter_batched(|| ours.copies(), |copies| ours.payments(copies), BatchSize::LargeInput);
    });
    group.bench_function("payments, from bytes", |bencher| bencher.iter(|| ours.payments_bytes()));
    group.bench_function("payments, decoding alone", |bencher| bencher.iter(|| ours.decode()));
}

fn issuance(criterion: &mut Criterion) {
    let mut ours = Ours::new();
    let mut group = criterion.benchmark_group("issuance");
    for tokens in [1, 16, 32] {
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(format!("mint, first move for {tokens}"), |bencher| bencher.iter(|| ours.open(tokens)));
        group.bench_function(format!("mint, second move for {tokens}"), |bencher| {
            let challenges = ours.challenges(tokens);
            bencher.iter_custom(|runs| {
                let sessions: Vec<_> = (0..runs).map(|_| (ours.open(tokens), challenges.clone())).collect();
                let start = std::time::Instant::now();
                sessions.into_iter().for_each(|(opened, challenges)| ours.finish(&opened, challenges));
                start.elapsed()
            });
        });
    }
    group.throughput(Throughput::Elements(16));
    group.bench_function("mint, second move for 16, from bytes", |bencher| {
        bencher.iter_custom(|runs| {
            let messages: Vec<_> = (0..runs).map(|_| ours.returned(&ours.open(16))).collect();
            let start = std::time::Instant::now();
            messages.into_iter().for_each(|message| ours.finish_bytes(message));
            start.elapsed()
        });
    });
    group.bench_function("wallet and mint, withdrawal of 16", |bencher| bencher.iter(|| ours.withdraw_sixteen()));
}

criterion_group!(benches, single, batch, issuance);
criterion_main!(benches);
