//! What the second move of an issuance costs a mint, ledger and disk included: `cargo bench -p farthing-issuer --bench finish [-- ROUNDS]`.
//!
//! Withdrawals whose challenges are made beforehand are finished by 1 and by 64 callers at once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, and what it says"
)]

use std::time::Instant;

use farthing_issuer::{Cost, InitOptions, Mint, MintHome, Passphrase, Protection, Unlock};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::OpenRequest;
use farthing_protocol::blind::wallet::AwaitingResponse;
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{AccountKey, Keypair};
use farthing_protocol::ids::OperationId;
use farthing_protocol::issuance::{FIELD_PLAINTEXT, Funding, FundingSource, IssuanceRequest, IssuanceTerms, Output};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

/// One token, and eight.
const AMOUNTS: [u64; 2] = [128, 255];
const EACH: usize = 1024;

fn main() {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(5_usize);
    let folder = tempfile::tempdir().unwrap();
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let protection = Protection::Passphrase { passphrase: Passphrase::new("bench"), cost };
    let options = InitOptions::new(Unit::new("EUR", 2).unwrap(), protection);
    let home = MintHome::init(folder.path().join("mint"), &options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mint = Mint::open(&home, Unlock::Passphrase(Passphrase::new("bench"))).await.unwrap();
        let mut wallet = Wallet::new(&home);
        for units in AMOUNTS {
            for callers in [1, 64] {
                let mut figures = Vec::new();
                for _ in 0..rounds {
                    let each = if callers == 1 { EACH / 8 } else { EACH };
                    figures.push(wallet.finish(&mint, units, each, callers).await);
                }
                let median = |of: fn(&(f64, f64)) -> f64| {
                    let mut sorted: Vec<f64> = figures.iter().map(of).collect();
                    sorted.sort_by(f64::total_cmp);
                    sorted[sorted.len() / 2]
                };
                let (time, cpu) = (median(|figure| figure.0), median(|figure| figure.1));
                println!(
                    "{} tokens, {callers} callers: {time:.0} µs each, {cpu:.0} µs of processor time",
                    units.count_ones()
                );
            }
        }
    });
}

struct Wallet {
    seed: Seed,
    keyset: Keyset,
    next: IssuanceNumber,
    operation: u64,
}

impl Wallet {
    fn new(home: &MintHome) -> Self {
        let seed = Seed::from_bytes([7; 64]);
        let path = std::fs::read_dir(home.folder().join("keysets")).unwrap().next().unwrap().unwrap().path();
        let keyset = Keyset::from_bytes(&std::fs::read(path).unwrap()).unwrap();
        Self { seed, keyset, next: IssuanceNumber::FIRST, operation: 0 }
    }

    /// Finishes so many withdrawals: the time and the processor time that each took, in microseconds.
    async fn finish(&mut self, mint: &Mint, units: u64, number: usize, callers: usize) -> (f64, f64) {
        let mut requests = Vec::new();
        for _ in 0..number {
            requests.push(self.request(mint, Shape::Withdrawal(Amount::new(units).unwrap())).await);
        }
        let mut shares: Vec<Vec<IssuanceRequest>> = (0..callers).map(|_| Vec::new()).collect();
        for (place, request) in requests.into_iter().enumerate() {
            shares[place % callers].push(request);
        }
        let (begun, before) = (Instant::now(), cpu());
        let calling: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let mint = mint.clone();
                tokio::spawn(async move {
                    for request in share {
                        mint.finish(request).await.unwrap();
                    }
                })
            })
            .collect();
        for caller in calling {
            caller.await.unwrap();
        }
        let each = 1e6 / number as f64;
        (begun.elapsed().as_secs_f64() * each, (cpu() - before) * each)
    }

    async fn request(&mut self, mint: &Mint, shape: Shape) -> IssuanceRequest {
        let opened = mint.open_issuance(&OpenRequest { keyset: *self.keyset.id(), shape }).await.unwrap().opened;
        let context = IssuanceContext { mint: *mint.id(), keyset: *self.keyset.id(), number: self.next };
        self.next = self.next.next().unwrap();
        self.operation += 1;
        let key = self.seed.issuance_key(&context);
        let issuance = (&key).into();
        let denominations = shape.outputs(&self.keyset).unwrap();
        let outputs: Vec<Output> = (0..)
            .zip(denominations.iter().zip(&opened.commitments))
            .map(|(position, (denomination, commitment))| {
                let context = CoinContext { issuance: context, position, denomination: *denomination };
                let coin = *self.seed.coin_key(&context).public();
                let key = self.keyset.key(*denomination).unwrap();
                let (_, challenge) = AwaitingResponse::new(&self.seed, &context, key, coin, *commitment);
                Output { denomination: *denomination, commitment: *commitment, challenge }
            })
            .collect();
        let amount = Amount::checked_sum(denominations.iter().map(|denomination| denomination.value())).unwrap();
        let terms = IssuanceTerms {
            mint: context.mint,
            keyset: context.keyset,
            shape,
            issuance,
            session: opened.session,
            amount,
            debit: self.keyset.terms().fees.debit(amount).unwrap(),
            outputs,
            field: self.seed.field_key(&context).encrypt(&mut rand::rng(), &issuance, &[0; FIELD_PLAINTEXT]),
        };
        // An account for each, for one owner's requests are limited.
        let mut secret = [8; 32];
        secret[..8].copy_from_slice(&self.operation.to_le_bytes());
        let owner = Keypair::from_secret(&secret);
        let (account, operation) = (AccountKey::from(&owner), OperationId::from_bytes([1; 16]));
        mint.credit(account, terms.debit, format!("for {}", self.operation)).await.unwrap();
        let digest = terms.digest(&FundingSource::Account(account, operation).id());
        let funding = Funding::Account { account, operation, signature: owner.sign(digest.as_bytes()) };
        IssuanceRequest::sign(terms, opened.seal, funding, &key).unwrap()
    }
}

/// Processor time of the process so far, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
