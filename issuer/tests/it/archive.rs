//! The archive: what is published, when, and that it never changes.

use std::fs;
use std::path::{Path, PathBuf};

use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::problem::Code;
use farthing_issuer::{ArchiveError, ArchiveTimes, LedgerError, RunningMint, run};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{ArchiveAnswer, mint_path};
use farthing_protocol::archive::{ArchiveIndex, FileHead, FilterHead, Fingerprinter, IssuanceFile, SpentFilter};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::shape::Shape;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{Fault, START, World, amount};
use crate::wallet::{Coin, Wallet, deposit, pay};

const HOUR: u64 = 3600;

async fn seal(world: &World) -> ArchiveIndex {
    world.mint().seal().await.unwrap()
}

fn file_path(world: &World, head: &FileHead) -> PathBuf {
    let name = format!("issued-{}-{}", head.segment, head.prefix.value());
    world.home.folder().join("archive").join(head.keyset.to_text()).join(name)
}

/// A listed file as it lies in the folder, accepted.
fn read_file(world: &World, index: &ArchiveIndex, keyset: &KeysetId, segment: u32) -> IssuanceFile {
    let head = index.file(keyset, segment, 0).unwrap();
    let file = IssuanceFile::from_bytes(&fs::read(file_path(world, &head)).unwrap()).unwrap();
    file.accept(&head).unwrap();
    file
}

fn filter_path(world: &World, head: &FilterHead) -> PathBuf {
    let name = format!("spent-{}-{}", head.period, head.part);
    world.home.folder().join("archive").join(head.keyset.to_text()).join(name)
}

fn read_filter(world: &World, index: &ArchiveIndex, keyset: &KeysetId, period: u32) -> SpentFilter {
    let head = index.filter(keyset, period, 0).unwrap();
    let filter = SpentFilter::from_bytes(&fs::read(filter_path(world, &head)).unwrap()).unwrap();
    filter.accept(&head).unwrap();
    filter
}

fn holds(filter: &SpentFilter, coin: &Coin) -> bool {
    let head = filter.head();
    filter.holds(Fingerprinter::new(&head.keyset, head.period).of(coin.0.coin.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_is_sealed_when_it_is_over_and_not_before() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = *world.keyset().await.id();
    let first = wallet.withdraw(&world, Shape::Withdrawal(amount(5))).await.unwrap();
    let index = seal(&world).await;
    assert!(index.keysets().is_empty());
    assert_eq!(index.sealed_until(), UnixTime::from_seconds(START));

    world.clock.pass(HOUR - 1);
    wallet.coins(&world, 3).await;
    assert!(seal(&world).await.keysets().is_empty(), "the hour is not over");
    world.clock.pass(1);
    wallet.coins(&world, 1).await;
    let index = seal(&world).await;
    assert_eq!(index.sealed_until(), UnixTime::from_seconds(START + HOUR));
    let listed = index.keyset(&keyset).unwrap();
    assert_eq!((listed.segments.len(), listed.segments[0].count, listed.segments[0].bits), (1, 2, 0));
    let file = read_file(&world, &index, &keyset, 0);
    let issued: Vec<_> = file.records().iter().map(|record| record.open().unwrap().outputs.len()).collect();
    assert_eq!(issued, [2, 2], "what was issued at the very end of the hour belongs to the next one");

    // Hours in which nothing is issued make no segment.
    world.clock.pass(5 * HOUR);
    wallet.coins(&world, 7).await;
    let index = seal(&world).await;
    let spans: Vec<_> =
        index.keyset(&keyset).unwrap().segments.iter().map(|s| (s.span.from(), s.span.until(), s.count)).collect();
    let at = |hours: u64| UnixTime::from_seconds(START + hours * HOUR);
    assert_eq!(spans, [(at(0), at(1), 2), (at(1), at(6), 1)]);
    world.clock.pass(2 * HOUR);
    seal(&world).await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    assert_eq!((index.sealed_until(), index.keyset(&keyset).unwrap().segments.len()), (at(9), 3));
    assert_eq!(first.len(), 2);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_holds_payments_and_swaps_of_its_day_and_nothing_else() {
    let world = World::with(|options| options.archive = ArchiveTimes { seal: HOUR, filter: 2 * HOUR }).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let (paid, swapped) = (wallet.coins(&world, 1).await, wallet.coins(&world, 2).await);
    let (later, kept) = (wallet.coins(&world, 4).await, wallet.coins(&world, 8).await);
    world.mint().deposit(vec![deposit(pay(&keyset, &paid, wallet.payee(), world.now()))]).await.unwrap();
    world.clock.pass(2 * HOUR - 1);
    wallet.swap(&world, &keyset, Shape::Renew(amount(2)), &swapped).await.unwrap();
    world.clock.pass(1);
    wallet.swap(&world, &keyset, Shape::Renew(amount(4)), &later).await.unwrap();
    let index = seal(&world).await;
    assert_eq!(index.filtered_until(), UnixTime::from_seconds(START + 2 * HOUR));
    let filter = read_filter(&world, &index, keyset.id(), 0);
    assert_eq!(filter.fingerprints().len(), 2);
    assert!(holds(&filter, &paid[0]) && holds(&filter, &swapped[0]));
    assert!(!holds(&filter, &later[0]) && !holds(&filter, &kept[0]));
    world.clock.pass(20 * HOUR);
    let index = seal(&world).await;
    assert_eq!(index.keyset(keyset.id()).unwrap().filters.len(), 2, "none for a time in which nothing was spent");
    let second = read_filter(&world, &index, keyset.id(), 1);
    assert!(holds(&second, &later[0]) && !holds(&second, &paid[0]));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_between_the_files_and_their_listing_the_same_bytes_are_made() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = *world.keyset().await.id();
    wallet.coins(&world, 5).await;
    world.clock.pass(HOUR);
    let archive = world.home.folder().join("archive");
    fs::write(&archive, b"in the way").unwrap();
    assert!(matches!(world.mint().seal().await, Err(ArchiveError::Io(_))));
    fs::remove_file(&archive).unwrap();
    world.close();
    let (ledger, aside) = (world.home.folder().join("ledger"), world.home.folder().join("aside"));
    copy(&ledger, &aside);

    world.reopen().await;
    let index = seal(&world).await;
    let made = fs::read(file_path(&world, &index.file(&keyset, 0, 0).unwrap())).unwrap();
    world.close();
    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    world.unfence();

    // Only the decision is in the ledger. By now more hours are over, and more was issued.
    world.reopen().await;
    world.clock.pass(3 * HOUR);
    wallet.coins(&world, 6).await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    assert_eq!(fs::read(file_path(&world, &index.file(&keyset, 0, 0).unwrap())).unwrap(), made, "the salt too");
    assert_eq!(index.sealed_until(), UnixTime::from_seconds(START + HOUR));
    let index = seal(&world).await;
    let counts: Vec<u32> = index.keyset(&keyset).unwrap().segments.iter().map(|segment| segment.count).collect();
    assert_eq!(counts, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_did_not_take_is_not_given_out() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    wallet.coins(&world, 5).await;
    seal(&world).await;
    world.clock.pass(HOUR);
    for fault in [Fault::NotPersisted, Fault::Persisted] {
        world.fail_next(fault);
        assert!(matches!(world.mint().seal().await, Err(ArchiveError::Ledger(LedgerError::Unavailable))));
        let served: ArchiveAnswer = serde_json::from_slice(&world.mint().archive_answer().await.unwrap()).unwrap();
        assert!(served.index.keysets().is_empty());
        world.reopen().await;
        let served = world.mint().archive_answer().await.unwrap();
        let served: ArchiveAnswer = serde_json::from_slice(&served).unwrap();
        assert!(served.index.keysets().is_empty());
    }
    assert_eq!(seal(&world).await.keysets().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_out_or_made_for_askers_before_it_was_sealed() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    wallet.coins(&world, 5).await;
    world.clock.pass(HOUR);
    assert!(matches!(world.mint().archive_answer().await, Err(ArchiveError::NotSealed)));
    assert!(!world.home.folder().join("archive").exists());
    seal(&world).await;
    world.mint().archive_answer().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_segment_has_a_salt_of_its_own() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = *world.keyset().await.id();
    for units in [1, 2, 3] {
        wallet.coins(&world, units).await;
        world.clock.pass(HOUR);
        seal(&world).await;
    }
    let index = seal(&world).await;
    let salts: Vec<_> = index.keyset(&keyset).unwrap().segments.iter().map(|segment| segment.salt).collect();
    let [one, two, three] = salts.try_into().unwrap();
    assert!(one != two && two != three && one != three);
    assert_eq!(read_file(&world, &index, &keyset, 2).head().salt, three);
}

/// Records of which no cut makes files short enough never stop the archive.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cut_is_sealed_all_the_same() {
    let mut world = World::new().await;
    // Not even a single record fits.
    world.archive_file = Some(1);
    world.reopen().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = *world.keyset().await.id();
    // All within one second, so that no segment could end earlier.
    for units in 1..=5 {
        wallet.coins(&world, units).await;
    }
    world.clock.pass(HOUR);
    let first = seal(&world).await;
    let segments = &first.keyset(&keyset).unwrap().segments;
    assert_eq!(segments.iter().map(|segment| segment.count).collect::<Vec<_>>(), [1; 5]);
    assert!(segments.iter().all(|segment| segment.span == segments[0].span));
    let records: std::collections::BTreeSet<_> = (0..5)
        .flat_map(|segment| read_file(&world, &first, &keyset, segment).records().to_vec())
        .map(|record| *record.issuance())
        .collect();
    assert_eq!(records.len(), 5);

    wallet.coins(&world, 6).await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    index.accept(&world.id(), Some(&first), &|_| None, world.now()).unwrap();
    assert_eq!(index.keyset(&keyset).unwrap().segments.len(), 6);

    // Each is made again the same, also by a mint that would cut otherwise.
    world.archive_file = None;
    world.reopen().await;
    let served = Served::of(world, wallet).await;
    for segment in 0..6 {
        let head = index.file(&keyset, segment, 0).unwrap();
        let path = file_path(&served.world, &head);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(served.get(&mint_path::issued(&head)).await.1, bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_closed_when_segments_cannot_be_sealed() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    world.clock.pass(24 * HOUR);
    world
        .tamper(|txn| {
            let (key, _) = txn.scan_prefix(b"issuance/", None, 1).unwrap().pop().unwrap();
            // Not a record.
            txn.put_large(&key, &[9]).unwrap();
        })
        .await;
    assert!(matches!(world.mint().seal().await, Err(ArchiveError::Rules(_))));
    let answer: ArchiveAnswer = serde_json::from_slice(&world.mint().archive_answer().await.unwrap()).unwrap();
    assert!(answer.index.keyset(keyset.id()).unwrap().segments.is_empty());
    assert!(holds(&read_filter(&world, &answer.index, keyset.id(), 0), &coins[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_by_a_clock_that_went_back() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    wallet.coins(&world, 5).await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    world.clock.set_wall(UnixTime::from_seconds(START + 60));
    assert!(matches!(world.mint().seal().await, Err(ArchiveError::Ledger(LedgerError::ClockBehind))));
    // A little behind is the time seen last.
    world.clock.set_wall(UnixTime::from_seconds(START + HOUR - 3));
    assert_eq!(seal(&world).await, index);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_keyset_has_its_own_files() {
    let world = World::with(|options| options.windows.issue = HOUR).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let first = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    world.mint().new_keyset().await.unwrap();
    world.clock.pass(HOUR + 60);
    let second = world.keyset().await;
    wallet.swap(&world, &first, Shape::Renew(amount(4)), &coins).await.unwrap();
    world.clock.pass(24 * HOUR);
    let index = seal(&world).await;
    assert_eq!(index.keysets().len(), 2);
    assert_eq!(read_file(&world, &index, first.id(), 0).records().len(), 1);
    assert_eq!(read_file(&world, &index, second.id(), 0).records().len(), 1);
    assert!(holds(&read_filter(&world, &index, first.id(), 0), &coins[0]));
    assert!(index.keyset(second.id()).unwrap().filters.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keysets_closed_to_a_payee_are_archived_too() {
    let payee = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
    let world = World::with(|options| {
        options.redemption = Redemption::Closed(payee);
        options.closed_to = vec![payee];
    })
    .await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let coins = wallet.coins(&world, 4).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
    world.clock.pass(24 * HOUR);
    let index = seal(&world).await;
    assert_eq!(read_file(&world, &index, keyset.id(), 0).records().len(), 1);
    assert!(holds(&read_filter(&world, &index, keyset.id(), 0), &coins[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_without_a_log_gets_one() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    for units in [5, 6, 7] {
        wallet.coins(&world, units).await;
        world.clock.pass(60);
    }
    world
        .tamper(|txn| {
            for (key, _) in txn.scan_prefix(b"issued/", None, 10).unwrap() {
                txn.delete(&key).unwrap();
            }
            txn.delete(b"meta/issued").unwrap();
            // As before there were logs.
            txn.delete(b"meta/schema").unwrap();
        })
        .await;
    world.audit().await;
    wallet.coins(&world, 8).await;
    world.audit().await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    assert_eq!(read_file(&world, &index, world.keyset().await.id(), 0).records().len(), 4);
}

struct Served {
    world: World,
    wallet: Wallet,
    running: RunningMint,
    client: HttpClient,
    base: BaseUrl,
}

impl Served {
    /// A mint with one segment and one filter.
    async fn new() -> Self {
        let world = World::new().await;
        let mut wallet = Wallet::funded(&world, 1000).await;
        let keyset = world.keyset().await;
        let coins = wallet.coins(&world, 4).await;
        world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
        world.clock.pass(24 * HOUR);
        seal(&world).await;
        Self::of(world, wallet).await
    }

    async fn of(world: World, wallet: Wallet) -> Self {
        let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", running.local_addr)).unwrap();
        let client = HttpClient::builder().build().unwrap();
        Self { world, wallet, running, client, base }
    }

    async fn index(&self) -> ArchiveIndex {
        let answer: ArchiveAnswer = self.client.get_json(&self.base.join(mint_path::ARCHIVE).unwrap()).await.unwrap();
        answer.index
    }

    /// The head and the body of an answer.
    async fn get(&self, path: &str) -> (String, Vec<u8>) {
        let mut stream = tokio::net::TcpStream::connect(self.running.local_addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: mint\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_as_they_are_listed_and_may_be_kept_for_ever() {
    let served = Served::new().await;
    let (index, keyset) = (served.index().await, *served.world.keyset().await.id());
    index.accept(&served.world.id(), None, &|_| None, served.world.now()).unwrap();
    let (file, filter) = (index.file(&keyset, 0, 0).unwrap(), index.filter(&keyset, 0, 0).unwrap());
    let (head, body) = served.get(&mint_path::issued(&file)).await;
    IssuanceFile::from_bytes(&body).unwrap().accept(&file).unwrap();
    let (other_head, other_body) = served.get(&mint_path::spent(&filter)).await;
    SpentFilter::from_bytes(&other_body).unwrap().accept(&filter).unwrap();
    for head in [head, other_head] {
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: application/octet-stream"));
        assert!(head.contains("cache-control: public, max-age=31536000, immutable"));
        assert!(!head.contains("etag") && !head.contains("set-cookie"));
    }
    let (head, body) = served.get(mint_path::ARCHIVE).await;
    assert!(head.contains("cache-control: no-store") && head.contains("content-type: application/json"));
    assert_eq!(served.get(mint_path::ARCHIVE).await.1, body, "the same bytes for everyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_file_that_is_missing_or_damaged_is_made_again_the_same() {
    let served = Served::new().await;
    let (index, keyset) = (served.index().await, *served.world.keyset().await.id());
    let (file, filter) = (index.file(&keyset, 0, 0).unwrap(), index.filter(&keyset, 0, 0).unwrap());
    let paths = [
        (mint_path::issued(&file), file_path(&served.world, &file)),
        (mint_path::spent(&filter), filter_path(&served.world, &filter)),
    ];
    for (url, path) in paths {
        let bytes = fs::read(&path).unwrap();
        let mut damaged = bytes.clone();
        damaged[100] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(served.get(&url).await.1, bytes);
        assert_eq!(fs::read(&path).unwrap(), bytes);
        fs::remove_file(&path).unwrap();
        assert_eq!(served.get(&url).await.1, bytes);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

/// Takes one off the number that a row of the ledger ends with.
fn shorten(txn: &mut farthing_durable::Txn<'_>, table: &[u8]) {
    let (key, mut row) = txn.scan_prefix(table, None, 1).unwrap().pop().unwrap();
    let last = row.len() - 8;
    let number = u64::from_le_bytes(row[last..].try_into().unwrap());
    row[last..].copy_from_slice(&(number - 1).to_le_bytes());
    txn.put(&key, &row).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_than_the_one_that_was_listed_is_never_signed() {
    let Served { mut world, mut wallet, running, .. } = Served::new().await;
    wallet.coins(&world, 3).await;
    world.clock.pass(HOUR);
    let index = seal(&world).await;
    running.stop().await.unwrap();
    let keyset = *world.keyset().await.id();
    // The books now say that less was issued and spent.
    world
        .tamper(|txn| {
            shorten(txn, b"archive/segment/");
            let (key, mut row) = txn.scan_prefix(b"archive/filter/", None, 1).unwrap().pop().unwrap();
            // Behind the format, the span, the parts and the count: from the start, up to the start.
            row.truncate(1 + 16 + 2 + 4);
            row.extend([0, 0]);
            txn.put(&key, &row).unwrap();
        })
        .await;
    let served = Served::of(world, wallet).await;
    let (file, filter) = (index.file(&keyset, 0, 0).unwrap(), index.filter(&keyset, 0, 0).unwrap());
    let paths = [
        (mint_path::issued(&file), file_path(&served.world, &file)),
        (mint_path::spent(&filter), filter_path(&served.world, &filter)),
    ];
    for (url, path) in paths {
        assert!(served.get(&url).await.0.starts_with("http/1.1 200"));
        fs::remove_file(&path).unwrap();
        let (head, _) = served.get(&url).await;
        assert!(head.starts_with("http/1.1 5"), "{head}");
        assert!(!path.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_at_other_addresses_nor_of_what_is_not_sealed() {
    let mut served = Served::new().await;
    served.wallet.coins(&served.world, 9).await;
    let keyset = served.world.keyset().await.id().to_text();
    let unknown = KeysetId::from_bytes([1; 32]).to_text();
    let paths = [
        format!("issued/{keyset}/1/0"),
        format!("issued/{keyset}/0/1"),
        format!("issued/{keyset}/00/0"),
        format!("issued/{keyset}/+0/0"),
        format!("issued/{keyset}/0/00"),
        format!("issued/{keyset}/0/65536"),
        format!("issued/{keyset}/-1/0"),
        format!("issued/{keyset}/4294967296/0"),
        format!("issued/{keyset}/0"),
        format!("issued/{keyset}/0/0/0"),
        format!("issued/{keyset}=/0/0"),
        format!("issued/{}/0/0", &keyset[1..]),
        format!("issued/{unknown}/0/0"),
        format!("issued/{keyset}/%30/0%00"),
        "issued/%ff%fe/0/0".to_owned(),
        "issued/..%2f..%2fkeys/0/0".to_owned(),
        format!("spent/{keyset}/1/0"),
        format!("spent/{keyset}/0/1"),
        format!("spent/{unknown}/0/0"),
        format!("spent/{keyset}/0/x"),
        "spent".to_owned(),
    ];
    for path in paths {
        let url = served.base.join(&format!("/v1/archive/{path}"));
        let Ok(url) = url else { continue };
        match served.client.get_json::<serde_json::Value>(&url).await {
            Err(CallError::Refused(problem, _)) => {
                assert!(matches!(problem.known(), Some(Code::NotFound | Code::BadRequest)), "{path}: {problem:?}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_mint_seals_by_itself() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    wallet.coins(&world, 4).await;
    world.clock.pass(HOUR);
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let base = BaseUrl::parse(&format!("http://{}", running.local_addr)).unwrap();
    let client = HttpClient::builder().build().unwrap();
    let url = base.join(mint_path::ARCHIVE).unwrap();
    let answer: ArchiveAnswer = loop {
        match client.get_json(&url).await {
            Ok(answer) => break answer,
            // Not sealed for the first time yet.
            Err(CallError::Refused(problem, 503)) if problem.known() == Some(Code::Unavailable) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(answer.index.sealed_until(), UnixTime::from_seconds(START + HOUR));
    assert_eq!(answer.index.keysets().len(), 1);
    running.stop().await.unwrap();
}
