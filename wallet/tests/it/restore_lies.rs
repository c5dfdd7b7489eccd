//! Restoring from a mint that lies: files, filters and indexes that are not what they should be.

use std::collections::BTreeMap;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::mint_path;
use farthing_protocol::archive::{IssuanceFile, ListedSegment, Span, SpentFilter};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::Keypair;
use farthing_wallet::{BadFile, IssueError, MintError, RestoreError, RestoreState, StoreError, WithdrawWhat};

use crate::double::{amount, unit};
use crate::restore::{Lost, many_segments, sums};
use crate::world::World;

#[tokio::test]
async fn a_filter_that_is_not_the_mints_says_nothing() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    wallet.pay(world.invoice(1)).await.unwrap();
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let honest = lost.world.double.with(|state| state.archive.files.clone());
    let (path, filter) = honest.iter().find(|(path, _)| path.contains("/spent/")).unwrap();
    let mut altered = filter.clone();
    altered[100] ^= 1;
    lost.world.double.with(|state| state.archive.files.insert(path.clone(), altered));
    let refused = wallet.restore(&lost.world.double.id()).await;
    assert!(matches!(refused, Err(RestoreError::File(_))), "{refused:?}");
    assert_eq!(sums(&wallet).await, (0, 3, 0));
    assert_eq!(wallet.restores().await.unwrap()[0].state, RestoreState::Reading);
    lost.world.double.with(|state| state.archive.files.insert(path.clone(), filter.clone()));
    assert_eq!(lost.restore(&wallet).await.suspected, 1);
    assert_eq!(sums(&wallet).await, (0, 2, 1));
}

/// A filter that is not right keeps no other from being read.
#[tokio::test]
async fn the_other_filters_are_read() {
    let (world, wallet) = World::new().await;
    for units in [1, 2, 4] {
        world.withdraw(&wallet, units).await;
        wallet.pay(world.invoice(units)).await.unwrap();
        world.double.seal(0);
    }
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let honest = lost.world.double.with(|state| state.archive.files.clone());
    let path = honest.keys().filter(|path| path.contains("/spent/")).nth(1).unwrap();
    lost.world.double.with(|state| state.archive.files.insert(path.clone(), b"nothing".to_vec()));
    let refused = wallet.restore(&lost.world.double.id()).await;
    assert!(matches!(refused, Err(RestoreError::File(_))), "{refused:?}");
    let (_, waiting, suspected) = sums(&wallet).await;
    assert_eq!((waiting + suspected, waiting), (7, 2));
    lost.world.double.with(|state| state.archive.files.extend(honest));
    assert_eq!(lost.restore(&wallet).await.suspected, 3);
}

/// One file that never comes, or is never right, costs itself: the others are read, and the wallet can be used.
#[tokio::test]
async fn a_file_that_is_never_right_costs_only_itself() {
    for spoiled in [None, Some(b"<html>".to_vec())] {
        let (world, wallet) = many_segments(0).await;
        let lost = Lost::new(world, wallet);
        let wallet = lost.wallet().await;
        let id = lost.world.double.id();
        let honest = issued_files(&lost.world);
        let path = honest.keys().next().unwrap().clone();
        lost.world.double.with(|state| match spoiled {
            Some(bytes) => drop(state.archive.files.insert(path, bytes)),
            None => drop(state.archive.files.remove(&path)),
        });
        for _ in 0..2 {
            let refused = wallet.restore(&id).await;
            let is_told = matches!(refused, Err(RestoreError::File(_) | RestoreError::Mint(MintError::Call(_))));
            assert!(is_told, "{refused:?}");
            assert_eq!(wallet.restores().await.unwrap()[0].state, RestoreState::Reading);
            assert_eq!(sums(&wallet).await.1, 35, "the first segment is missing");
        }
        lost.world.withdraw(&wallet, 3).await;
        assert_eq!(sums(&wallet).await.0, 3);
        assert_eq!(lost.world.double.with(|state| state.violations), 0);
        lost.world.double.with(|state| state.archive.files.extend(honest));
        assert_eq!(lost.restore(&wallet).await.tokens, 13);
        assert_eq!(sums(&wallet).await, (3, 36, 0));
    }
}

/// A mint that keeps files back learns one old number, and not that many are of one wallet.
#[tokio::test]
async fn old_numbers_in_a_file_that_was_kept_back_are_not_walked_along() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 5).await;
    world.double.seal(0);
    for _ in 0..70 {
        world.withdraw(&wallet, 1).await;
    }
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let id = lost.world.double.id();
    let honest = issued_files(&lost.world);
    let (path, file) = honest.iter().max_by_key(|(_, file)| file.len()).unwrap();
    lost.world.double.with(|state| state.archive.files.remove(path));
    assert!(wallet.restore(&id).await.is_err());
    let before = lost.world.double.asked(mint_path::FINISH);
    let refused = wallet.withdraw(&id, &unit(), WithdrawWhat::Amount(amount(1))).await;
    assert!(matches!(refused, Err(IssueError::Store(StoreError::WordsUsedElsewhere))), "{refused:?}");
    assert_eq!(lost.world.double.asked(mint_path::FINISH), before + 1);
    lost.world.double.with(|state| state.archive.files.insert(path.clone(), file.clone()));
    assert_eq!(lost.restore(&wallet).await.tokens, 72);
    wallet.resume().await.unwrap();
    assert_eq!(sums(&wallet).await, (1, 75, 0));
    assert_eq!(lost.world.double.with(|state| state.violations), 1, "one number was seen twice");
}

/// A file with records left out is signed as well as another; but the index says how many there are.
#[tokio::test]
async fn a_segment_that_does_not_hold_what_is_listed_was_not_read() {
    let (world, wallet) = World::new().await;
    for units in [1, 2, 4, 8] {
        world.withdraw(&wallet, units).await;
    }
    world.double.seal(1);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let id = lost.world.double.id();
    let honest = issued_files(&lost.world);
    let (path, bytes) = honest.iter().max_by_key(|(_, file)| file.len()).unwrap();
    let file = IssuanceFile::from_bytes(bytes).unwrap();
    let mut records = file.records().to_vec();
    records.pop();
    lost.world.double.with(|state| {
        let file = IssuanceFile::sign(&state.identity, *file.head(), records).unwrap();
        state.archive.files.insert(path.clone(), file.to_bytes());
    });
    for _ in 0..2 {
        let refused = wallet.restore(&id).await;
        assert!(matches!(refused, Err(RestoreError::File(BadFile::OtherCount))), "{refused:?}");
        assert_eq!(wallet.restores().await.unwrap()[0].state, RestoreState::Reading);
    }
    lost.world.double.with(|state| state.archive.files.extend(honest));
    assert_eq!(lost.restore(&wallet).await.tokens, 4);
    assert_eq!(sums(&wallet).await, (0, 15, 0));
}

/// A filter that leaves a spent token out would say of it that it is not spent.
#[tokio::test]
async fn a_filter_that_does_not_hold_what_is_listed_says_nothing() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    wallet.pay(world.invoice(1)).await.unwrap();
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let honest = lost.world.double.with(|state| state.archive.files.clone());
    let (path, filter) = honest.iter().find(|(path, _)| path.contains("/spent/")).unwrap();
    let head = *SpentFilter::from_bytes(filter).unwrap().head();
    lost.world.double.with(|state| {
        let empty = SpentFilter::sign(&state.identity, head, Vec::new()).unwrap();
        state.archive.files.insert(path.clone(), empty.to_bytes());
    });
    let refused = wallet.restore(&lost.world.double.id()).await;
    assert!(matches!(refused, Err(RestoreError::File(BadFile::OtherCount))), "{refused:?}");
    lost.world.double.with(|state| state.archive.files.insert(path.clone(), filter.clone()));
    assert_eq!(lost.restore(&wallet).await.suspected, 1);
}

/// An index of few bytes can stand for more files than any machine holds the names of.
#[tokio::test]
async fn an_index_of_too_many_files_is_refused() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    let index = world.double.seal(8);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let times = (index.sealed_until(), index.filtered_until());
    lost.world.double.sign_index(times, |keysets| {
        let segment = keysets[0].segments[0];
        keysets[0].segments.resize(16_000, segment);
    });
    let refused = wallet.restore(&lost.world.double.id()).await;
    assert!(matches!(refused, Err(RestoreError::TooManyFiles)), "{refused:?}");
    assert!(lost.world.double.files_asked().is_empty());
}

/// Files of the archive, by path, without those of filters.
pub(crate) fn issued_files(world: &World) -> BTreeMap<String, Vec<u8>> {
    let all = world.double.with(|state| state.archive.files.clone());
    all.into_iter().filter(|(path, _)| path.contains("/issued/")).collect()
}

#[tokio::test]
async fn files_that_are_not_what_was_asked_for_are_refused() {
    let (world, wallet) = many_segments(0).await;
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let id = lost.world.double.id();
    let honest = issued_files(&lost.world);
    let files: Vec<_> = honest.iter().collect();
    let spoil = |place: usize, bytes: Vec<u8>| {
        lost.world.double.with(|state| {
            state.archive.files.extend(honest.clone());
            state.archive.files.insert(files[place].0.clone(), bytes);
        });
    };
    let stranger = Keypair::generate(&mut rand::rng());
    let mut altered = files[0].1.clone();
    let last = altered.len() - 65;
    altered[last] ^= 1;
    let foreign = {
        let file = IssuanceFile::from_bytes(files[0].1).unwrap();
        let mut head = *file.head();
        head.mint = (&stranger).into();
        IssuanceFile::sign(&stranger, head, file.records().to_vec()).unwrap().to_bytes()
    };
    for bytes in [files[1].1.clone(), altered, foreign, files[0].1[..100].to_vec(), b"<html>".to_vec()] {
        spoil(0, bytes);
        let refused = wallet.restore(&id).await;
        let is_bad = matches!(refused, Err(RestoreError::File(BadFile::Malformed(_) | BadFile::NotAccepted(_))));
        assert!(is_bad, "{refused:?}");
    }
    spoil(1, files[1].1.clone());
    assert_eq!(lost.restore(&wallet).await.tokens, 13);
}

#[tokio::test]
async fn a_file_of_another_prefix_is_refused() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    world.double.seal(1);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let files = issued_files(&lost.world);
    let exchanged: Vec<_> = files.keys().cloned().zip(files.values().rev().cloned()).collect();
    lost.world.double.with(|state| state.archive.files.extend(exchanged));
    let refused = wallet.restore(&lost.world.double.id()).await;
    assert!(matches!(refused, Err(RestoreError::File(BadFile::NotAccepted(_)))), "{refused:?}");
    lost.world.double.with(|state| state.archive.files.extend(files));
    assert_eq!(lost.restore(&wallet).await.tokens, 2);
}

#[tokio::test]
async fn a_record_of_ours_that_is_wrong_and_signed_is_evidence() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    world.withdraw(&wallet, 4).await;
    world.double.with(|state| {
        // z of the second token in the place of the first's.
        let response = state.records[0].outputs[1].response;
        state.records[0].outputs[0].response = response;
    });
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let refused = wallet.restore(&lost.world.double.id()).await;
    let Err(RestoreError::Lie { evidence }) = refused else { panic!("{refused:?}") };
    let text = std::fs::read_to_string(evidence).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(evidence["evidence"], "archive_file");
    let file = farthing_protocol::codec::from_base64url(evidence["file"].as_str().unwrap()).unwrap();
    let file = IssuanceFile::from_bytes(&file).unwrap();
    file.accept(file.head()).unwrap();
    // The other record of the same file is ours, and right; whoever read the file again would say that he is meant by it.
    assert_eq!(sums(&wallet).await, (0, 4, 0));
    lost.world.withdraw(&wallet, 1).await;
    let asked = lost.world.double.files_asked();
    assert_eq!(lost.restore(&wallet).await.tokens, 1);
    assert_eq!(lost.world.double.files_asked(), asked);
    assert_eq!(sums(&wallet).await, (1, 4, 0));
}

#[tokio::test]
async fn records_under_our_numbers_that_are_not_ours_bring_nothing() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 3).await;
    world.withdraw(&wallet, 4).await;
    world.double.with(|state| {
        let challenge = state.records[0].outputs[1].output.challenge;
        state.records[0].outputs[0].output.challenge = challenge;
    });
    world.double.seal(0);
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    assert_eq!(lost.restore(&wallet).await.tokens, 1);
    assert_eq!(sums(&wallet).await, (0, 4, 0));
}

#[tokio::test]
async fn an_index_that_takes_something_back_is_misconduct() {
    let (world, wallet) = many_segments(0).await;
    let lost = Lost::new(world, wallet);
    let wallet = lost.wallet().await;
    let id = lost.world.double.id();
    let first = lost.world.double.with(|state| state.archive.index.clone().unwrap());
    lost.restore(&wallet).await;
    lost.world.double.pass(60);
    let times = (first.sealed_until(), first.filtered_until());
    // An older one proves nothing.
    lost.world.double.with(|state| {
        let older = UnixTime::from_seconds(first.issued_at().seconds() - 1);
        let early = (older, older);
        let index = farthing_protocol::archive::ArchiveIndex::sign(&state.identity, older, early, Vec::new());
        state.archive.index = Some(index.unwrap());
    });
    assert!(matches!(wallet.restore(&id).await, Err(RestoreError::Index(_))));
    lost.world.double.with(|state| state.archive.index = Some(first.clone()));
    lost.world.double.sign_index(times, |keysets| {
        let last = keysets[0].segments.pop().unwrap();
        let span = Span::new(last.span.from(), last.span.until()).unwrap();
        keysets[0].segments.push(ListedSegment { span, bits: 1, ..last });
    });
    let refused = wallet.restore(&id).await;
    let Err(RestoreError::Mint(MintError::Misconduct { evidence })) = refused else { panic!("{refused:?}") };
    let text = std::fs::read_to_string(evidence).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(evidence["evidence"], "archive");
    assert!(evidence["earlier"].is_string() && evidence["later"].is_string());
    assert!(matches!(wallet.restore(&id).await, Err(RestoreError::Mint(MintError::Refused))));
}
