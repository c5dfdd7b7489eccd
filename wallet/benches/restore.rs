//! Restoring a wallet of ten thousand tokens from its words: the whole process's processor time, which is the wallet's and that of a
//! server that hands out bytes made before.
//!
//! ```text
//! cargo bench -p farthing-wallet --bench restore
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farthing_protocol::amount::{Amount, Fees, Unit, UnixTime};
use farthing_protocol::api::{ArchiveAnswer, KeysetsAnswer, mint_path};
use farthing_protocol::archive::{
    ArchiveIndex, ArchivedKeyset, FileHead, FiledRecord, FilterHead, Fingerprinter, IssuanceFile, IssuanceHasher,
    ListedFilter, ListedSegment, Prefix, SegmentSalt, Span, SpentFilter,
};
use farthing_protocol::blind::mint::Sessions;
use farthing_protocol::blind::wallet::AwaitingResponse;
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{IssuanceId, Keypair};
use farthing_protocol::ids::FundingId;
use farthing_protocol::issuance::{FIELD_PLAINTEXT, IssuanceRecord, Output, RecordedOutput};
use farthing_protocol::keyset::{Keyset, KeysetList, KeysetTerms, ListedHead, Redemption, SecretKeyset};
use farthing_protocol::shape::Shape;
use farthing_wallet::{Options, Protection, Wallet, WordCount, Words};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Issuances of ten tokens each.
const ISSUANCES: u64 = 1000;
/// Segments over which they lie.
const SEGMENTS: u32 = 100;
/// Records of others in each segment.
const OTHERS: usize = 200;
/// Filters, and fingerprints in each.
const FILTERS: u32 = 30;
const FINGERPRINTS: u64 = 10_000;

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 3600;

struct Mint {
    identity: Keypair,
    keys: SecretKeyset,
    keyset: Keyset,
    sessions: Sessions,
}

fn time(seconds: u64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

impl Mint {
    fn new() -> Self {
        let mut rng = rand::rng();
        let identity = Keypair::generate(&mut rng);
        let from = time(NOW - 10 * 86_400);
        let terms = KeysetTerms {
            mint: (&identity).into(),
            sequence: 0,
            predecessor: None,
            unit: Unit::new("EUR", 2).unwrap(),
            redemption: Redemption::Open,
            active_from: from,
            issue_until: from.plus(90 * 86_400),
            spend_until: from.plus(455 * 86_400),
            deposit_until: from.plus(485 * 86_400),
            fees: Fees::default(),
            bundles: Vec::new(),
        };
        let (keys, keyset) = SecretKeyset::generate(&mut rng, terms, 16, &identity).unwrap();
        let sessions = Sessions::new(&mut rng);
        Self { identity, keys, keyset, sessions }
    }

    /// One of the wallet's issuances, as the mint records it.
    fn issue(&mut self, seed: &Seed, number: u64) -> IssuanceRecord {
        let (shape, now) = (Shape::Withdrawal(Amount::new(1023).unwrap()), time(NOW));
        let outputs = shape.outputs(&self.keyset).unwrap();
        let opened = self.sessions.open(&mut rand::rng(), self.keyset.id(), &outputs, now);
        let mint = (&self.identity).into();
        let context = IssuanceContext { mint, keyset: *self.keyset.id(), number: IssuanceNumber::new(number) };
        let outputs: Vec<Output> = (0..)
            .zip(outputs.iter().zip(&opened.commitments))
            .map(|(position, (denomination, commitment))| {
                let context = CoinContext { issuance: context, position, denomination: *denomination };
                let coin = *seed.coin_key(&context).public();
                let key = self.keyset.key(*denomination).unwrap();
                let (_, challenge) = AwaitingResponse::new(seed, &context, key, coin, *commitment);
                Output { denomination: *denomination, commitment: *commitment, challenge }
            })
            .collect();
        let ds: Vec<_> = outputs.iter().map(|output| output.denomination).collect();
        let (session, seal) = (&opened.session, &opened.seal);
        let authentic =
            self.sessions.authenticate(session, seal, self.keyset.id(), &ds, &opened.commitments, now).unwrap();
        let challenges = outputs.iter().map(|output| output.challenge).collect();
        let responses = self.sessions.claim(authentic, challenges, now).unwrap().respond(&self.keys).unwrap();
        let issuance = IssuanceId::from(&seed.issuance_key(&context));
        let mut text = [0; FIELD_PLAINTEXT];
        text[..2].copy_from_slice(&[1, 1]);
        let field = seed.field_key(&context).encrypt(&mut rand::rng(), &issuance, &text);
        let outputs = outputs.into_iter().zip(responses);
        IssuanceRecord {
            keyset: *self.keyset.id(),
            shape,
            issuance,
            funding: FundingId::from_bytes(rand::random()),
            debit: Amount::new(1023).unwrap(),
            outputs: outputs.map(|(output, response)| RecordedOutput { output, response }).collect(),
            field,
        }
    }

    /// Every answer, by path.
    fn publish(mut self, seed: &Seed) -> BTreeMap<String, Vec<u8>> {
        let (mint, keyset, mut answers) = ((&self.identity).into(), *self.keyset.id(), BTreeMap::new());
        let span = |number: u32| {
            let from = NOW - HOUR * 200 + u64::from(number) * HOUR;
            Span::new(time(from), time(from + HOUR)).unwrap()
        };
        let (mut segments, mut filters) = (Vec::new(), Vec::new());
        for segment in 0..SEGMENTS {
            let each = ISSUANCES / u64::from(SEGMENTS);
            let first = u64::from(segment) * each;
            let mut records: Vec<_> = (first..first + each).map(|number| self.issue(seed, number)).collect();
            let mut other = records[0].clone();
            for _ in 0..OTHERS {
                other.issuance = IssuanceId::from_bytes(rand::random());
                records.push(other.clone());
            }
            let mut filed: Vec<_> =
                records.iter().map(|record| FiledRecord::from_wire(&record.to_bytes()).unwrap()).collect();
            let salt = SegmentSalt::from_bytes(rand::random());
            let hasher = IssuanceHasher::new(&salt);
            filed.sort_by_key(|record| hasher.of(record.issuance()));
            let count = u32::try_from(filed.len()).unwrap();
            segments.push(ListedSegment { span: span(segment), salt, bits: 0, count });
            let prefix = Prefix::new(0, 0).unwrap();
            let head = FileHead { mint, keyset, segment, span: span(segment), salt, prefix };
            let file = IssuanceFile::sign(&self.identity, head, filed).unwrap();
            answers.insert(mint_path::issued(&head), file.to_bytes());
        }
        for period in 0..FILTERS {
            let printer = Fingerprinter::new(&keyset, period);
            let coin = |number: u64| {
                let mut coin = [0; 32];
                coin[..8].copy_from_slice(&number.to_le_bytes());
                printer.of(&coin)
            };
            let mut prints: Vec<_> = (0..FINGERPRINTS).map(coin).collect();
            prints.sort_unstable();
            prints.dedup();
            let count = u32::try_from(prints.len()).unwrap();
            filters.push(ListedFilter { span: span(period), parts: 1, count });
            let head = FilterHead { mint, keyset, period, span: span(period), part: 0, parts: 1 };
            answers
                .insert(mint_path::spent(&head), SpentFilter::sign(&self.identity, head, prints).unwrap().to_bytes());
        }
        let archived = ArchivedKeyset { keyset, segments, filters };
        let times = (time(NOW), time(NOW));
        let index = ArchiveIndex::sign(&self.identity, time(NOW), times, vec![archived]).unwrap();
        answers.insert(mint_path::ARCHIVE.to_owned(), serde_json::to_vec(&ArchiveAnswer { index }).unwrap());
        let terms = self.keyset.terms();
        let head = ListedHead { unit: terms.unit.clone(), redemption: Redemption::Open, head: self.keyset.head() };
        let list = KeysetList::sign(&self.identity, time(NOW), time(NOW + 86_400), vec![head], Vec::new()).unwrap();
        let keysets = KeysetsAnswer { list, keysets: vec![self.keyset.document().clone()] };
        answers.insert(mint_path::KEYSETS.to_owned(), serde_json::to_vec(&keysets).unwrap());
        answers
    }
}

async fn answer(mut stream: TcpStream, answers: Arc<BTreeMap<String, Vec<u8>>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = &answers[path];
    let kind = if body.first() == Some(&b'{') { "application/json" } else { "application/octet-stream" };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(body).await.ok();
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[tokio::main]
async fn main() {
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let answers = Arc::new(Mint::new().publish(&words.seed()));
    let bytes: usize = answers.values().map(Vec::len).sum();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&answers)));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new().clock(|| time(NOW));
    let wallet = Wallet::create(folder.path(), &words, Protection::NoPassphrase, options).await.unwrap();
    let mint = wallet.add_mint(&url).await.unwrap().id;
    wallet.pin_mint(&mint).await.unwrap();

    let (began, before) = (std::time::Instant::now(), processor_time());
    let restored = wallet.restore(&mint).await.unwrap();
    let (passed, used) = (began.elapsed(), processor_time() - before);
    // Of ten thousand tokens and three hundred thousand fingerprints of 32 bits, one hits by chance now and then.
    assert_eq!(restored.tokens + restored.suspected, 10_000);
    println!(
        "{} tokens from {SEGMENTS} files and {FILTERS} filters, {:.1} MB: {:.2} s of processor time, {:.2} s in all",
        restored.tokens + restored.suspected,
        bytes as f64 / 1e6,
        used.as_secs_f64(),
        passed.as_secs_f64(),
    );
}
