//! What is told before a payment, and that it comes true. Nobody is asked.

use farthing_protocol::api::mint_path;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::request::TransferRequest;
use farthing_wallet::{Ask, PayError, Remark, SendError, Severity, Wallet, WordCount, Words};
use rand::{RngExt, SeedableRng};

use crate::double::{DAY, Double, amount, unit};
use crate::world::{World, protection};

#[tokio::test]
async fn a_payment_is_foretold() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    let (wallet, id) = (&wallet, &id);
    let outlook = async |units| wallet.payment_outlook(id, &unit(), amount(units)).await;
    assert_eq!(outlook(5).await.unwrap().remarks, [Remark::NotEnough]);
    assert_eq!(outlook(5).await.unwrap().worst(), Some(Severity::Obstacle));
    world.double.pass(20 * DAY);
    wallet.refresh_mint(id).await.unwrap();
    let asked = world.double.asked(mint_path::KEYSETS);
    world.withdraw(wallet, 37).await;
    let at_once = outlook(37).await.unwrap();
    assert_eq!(at_once.remarks, [Remark::IssuedMomentsAgo(0)]);
    assert_eq!(at_once.worst(), Some(Severity::Warning));
    assert_eq!(at_once.keyset.unwrap().age_days, 21);
    world.double.pass(599);
    world.withdraw(wallet, 2).await;
    assert_eq!(outlook(36).await.unwrap().remarks, [Remark::IssuedMomentsAgo(599)]);
    assert_eq!(outlook(3).await.unwrap().remarks, [Remark::IssuedMomentsAgo(0)]);
    world.double.pass(600);
    let quiet = outlook(37).await.unwrap();
    assert_eq!((quiet.remarks.as_slice(), quiet.worst(), quiet.swaps), (&[][..], None, 0));
    let (oldest, newest) = quiet.tokens_since.unwrap();
    assert_eq!((oldest, world.double.now().seconds() - newest.seconds()), (newest, 1199));
    // Of 1, 2, 4 and 32: eight needs a split.
    let swaps = outlook(8).await.unwrap();
    assert_eq!((swaps.swaps, swaps.tokens_since), (1, None));
    assert_eq!(swaps.remarks, [Remark::SwapsFirst(1)]);
    assert_eq!(wallet.pay(world.invoice(8)).await.unwrap().swaps, 1);
    // The list is over, and the tokens end soon.
    world.double.pass(380 * DAY);
    let late = outlook(4).await.unwrap();
    assert_eq!(late.remarks[0], Remark::ListFirst);
    assert!(matches!(late.remarks[1], Remark::EndsSoon(_)));
    assert_eq!(world.double.asked(mint_path::KEYSETS), asked, "somebody was asked");
}

#[tokio::test]
async fn how_many_swaps_come_first_is_foretold_rightly() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(3);
    for _ in 0..6 {
        let (world, wallet) = World::new().await;
        let id = world.double.id();
        for _ in 0..3 {
            world.withdraw(&wallet, rng.random_range(1..200)).await;
        }
        world.double.with(|state| state.add_keyset());
        world.double.pass(90 * DAY);
        wallet.refresh_mint(&id).await.unwrap();
        for _ in 0..2 {
            world.withdraw(&wallet, rng.random_range(1..200)).await;
        }
        let (held, _) = world.balance(&wallet).await;
        let price = rng.random_range(1..=held);
        let foretold = wallet.payment_outlook(&id, &unit(), amount(price)).await.unwrap();
        let paid = wallet.pay(world.invoice(price)).await.unwrap();
        assert_eq!(paid.swaps, foretold.swaps, "{price} of {held}");
    }
}

#[tokio::test]
async fn an_invoice_is_foretold_without_asking() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    world.double.pass(20 * DAY);
    wallet.refresh_mint(&id).await.unwrap();
    world.withdraw(&wallet, 37).await;
    world.double.pass(3600);
    let asked = world.double.asked(mint_path::KEYSETS);
    let calm = wallet.invoice_outlook(&world.invoice(37)).await.unwrap();
    assert_eq!((calm.remarks.as_slice(), calm.mint, calm.swaps), (&[][..], id, 0));
    let too_much = wallet.invoice_outlook(&world.invoice(38)).await.unwrap();
    assert_eq!(too_much.worst(), Some(Severity::Obstacle));
    // The payee knows a newer keyset.
    world.double.with(|state| state.add_keyset());
    let newer = wallet.invoice_outlook(&world.invoice(37)).await.unwrap();
    assert_eq!(newer.remarks, [Remark::ListFirst]);
    let differing = world.invoice_with(37, |draft| {
        draft.mints[0].head.sequence = 0;
        draft.mints[0].head.keyset = KeysetId::from_bytes([9; 32]);
    });
    let differing = wallet.invoice_outlook(&differing).await.unwrap();
    assert_eq!(differing.remarks, [Remark::OtherKeysets]);
    let foreign = world.invoice_with(37, |draft| draft.mints[0].mint = Double::new().id());
    assert!(matches!(wallet.invoice_outlook(&foreign).await, Err(PayError::NoCommonMint)));
    assert_eq!(world.double.asked(mint_path::KEYSETS), asked, "somebody was asked");
    assert!(world.evidence().is_empty());
}

#[tokio::test]
async fn what_was_held_longest_is_paid_first() {
    let (world, wallet) = World::new().await;
    let id = world.double.id();
    for _ in 0..3 {
        world.withdraw(&wallet, 1).await;
        world.double.pass(1000);
    }
    for age in [3000, 2000, 1000] {
        let (since, _) = wallet.payment_outlook(&id, &unit(), amount(1)).await.unwrap().tokens_since.unwrap();
        assert_eq!(world.double.now().seconds() - since.seconds(), age);
        wallet.pay(world.invoice(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_transfer_is_foretold_and_an_altered_request_refused() {
    let (world, alice) = World::new().await;
    world.double.pass(20 * DAY);
    alice.refresh_mint(&world.double.id()).await.unwrap();
    world.withdraw(&alice, 64).await;
    world.double.pass(3600);
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let bob = Wallet::create(folder.path(), &words, protection(), world.options()).await.unwrap();
    bob.add_mint(&world.url).await.unwrap();
    bob.pin_mint(&world.double.id()).await.unwrap();
    let ask = Ask { amount: amount(37), unit: unit(), mint: None, memo: None, expires_in: 3600 };
    let request = bob.request(ask).await.unwrap();
    let outlook = alice.transfer_outlook(&request).await.unwrap();
    assert_eq!((outlook.remarks.as_slice(), outlook.amount), (&[Remark::SwapsFirst(1)][..], amount(37)));
    assert_eq!(alice.answer(&request).await.unwrap().swaps, outlook.swaps);
    let mut altered = request.to_bytes();
    *altered.last_mut().unwrap() ^= 1;
    let altered = TransferRequest::from_bytes(&altered).unwrap();
    assert!(matches!(alice.transfer_outlook(&altered).await, Err(SendError::InvalidSignature)));
}
