//! The embedded store alone: groups of 64 payments of 4 tokens each, durable.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_protocol::keyset::Redemption;
use farthing_verifier::check::{MintRules, VerifiedPayment, check_deposits};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::store::{Acceptance, Outcome, SledStore, SpentStore};

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const GROUP: usize = 64;
const GROUPS: usize = 40;

/// Real payments of 15 units each: four tokens.
fn payments(mint: &TestMint, payee: PayeeKey) -> Vec<VerifiedPayment> {
    let (id, known) = (mint.id(), mint.known());
    let rules = MintRules { mint: &id, now: NOW, keysets: &known };
    let make = |_| {
        let coins = mint.coins(Amount::new(15).unwrap());
        let coins: Vec<_> = coins.iter().collect();
        mint.pay(&coins, payee, RequestHash::from_bytes(rand::random()), None)
    };
    let payments = (0..GROUP * GROUPS).map(make).collect();
    check_deposits(&mut rand::rng(), &rules, payments).into_iter().map(Result::unwrap).collect()
}

fn store(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let payee = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
    let mint = TestMint::with_terms(NOW, |terms| terms.redemption = Redemption::Closed(payee));
    let payments = payments(&mint, payee);
    let groups: Vec<Vec<Acceptance>> = payments
        .chunks(GROUP)
        .map(|group| {
            let accept = |payment: &VerifiedPayment| Acceptance {
                payment: payment.clone(),
                claim: Claim::from_bytes(rand::random()),
                now: NOW,
            };
            group.iter().map(accept).collect()
        })
        .collect();

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements((GROUP * GROUPS) as u64));
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    // One group after another, each waiting for its own sync.
    group.bench_function("sled, 64 payments of 4 tokens at a time", |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations).map(|_| in_turn(&runtime, payee, groups.clone())).sum::<Duration>()
        });
    });
    // Eight callers with 64 payments each at once: what waits together shares a sync.
    group.bench_function("sled, 8 callers of 64 payments of 4 tokens", |bencher| {
        bencher.iter_custom(|iterations| {
            (0..iterations).map(|_| at_once(&runtime, payee, groups.clone())).sum::<Duration>()
        });
    });
    group.finish();
}

fn in_turn(runtime: &tokio::runtime::Runtime, payee: PayeeKey, groups: Vec<Vec<Acceptance>>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open_own(folder.path(), payee, None).unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        for group in groups {
            accepted(store.accept(group).await);
        }
        start.elapsed()
    })
}

fn at_once(runtime: &tokio::runtime::Runtime, payee: PayeeKey, groups: Vec<Vec<Acceptance>>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open_own(folder.path(), payee, None).unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let mut callers = tokio::task::JoinSet::new();
        for share in groups.chunks(GROUPS.div_ceil(8)) {
            let (store, share) = (store.clone(), share.to_vec());
            callers.spawn(async move {
                for group in share {
                    accepted(store.accept(group).await);
                }
            });
        }
        callers.join_all().await;
        start.elapsed()
    })
}

fn accepted(outcomes: Vec<Result<Outcome, farthing_verifier::store::StoreError>>) {
    for outcome in black_box(outcomes) {
        assert!(matches!(outcome, Ok(Outcome::Accepted { .. })));
    }
}

criterion_group!(benches, store);
criterion_main!(benches);
