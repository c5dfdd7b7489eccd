//! One issuance: what is recorded, what is debited, what is refused.

use farthing_issuer::FinishError;
use farthing_protocol::api::OpenRequest;
use farthing_protocol::codec::{Encode, Wire, Writer};
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::identity::{Keypair, VoucherKey};
use farthing_protocol::issuance::IssuanceRequest;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::{Shape, ShapeError};

use crate::common::{World, amount, denomination};
use crate::wallet::{Draft, Wallet, finish, operation};

fn bytes(part: &impl Encode) -> Vec<u8> {
    let mut out = Writer::default();
    out.part(part);
    out.finish()
}

/// The request with one part exchanged, as somebody between wallet and mint would do it.
fn exchanged(request: &IssuanceRequest, old: &[u8], new: &[u8]) -> IssuanceRequest {
    let mut all = request.to_bytes();
    let place = all.windows(old.len()).position(|window| window == old).unwrap();
    all[place..place + old.len()].copy_from_slice(new);
    IssuanceRequest::from_bytes(&all).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_debit_and_one_record_however_often_it_is_asked() {
    let mut world = World::with_fees(10_000, 0).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(300))).await;
    let request = draft.by_account(&wallet.account, operation());
    let asked: Vec<_> = (0..16).map(|_| finish(world.mint(), &request)).collect();
    let mut records = Vec::new();
    for each in asked {
        records.push(each.await.unwrap().unwrap());
    }
    records.push(world.mint().finish(request.clone()).await.unwrap());
    world.reopen().await;
    records.push(world.mint().finish(request).await.unwrap());
    assert!(records.iter().all(|record| *record == records[0]));
    assert_eq!(wallet.adopt(&keyset, &draft, &records[0]).len(), amount(300).digits().len());
    assert_eq!(world.balance(&wallet.key()).await, 1000 - 303);
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.issued.units(), books.fees.units(), books.balances.units()), (300, 3, 697));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_issuance_id_gets_its_record_whatever_is_asked() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    // The same number for another session, shape and funding.
    let shape = Shape::Withdrawal(amount(77));
    let opened = world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.unwrap().opened;
    let other = wallet.draft_as(&keyset, shape, &opened, draft.context.number);
    let again = world.mint().finish(other.by_account(&wallet.account, operation())).await.unwrap();
    assert_eq!(again, record);
    // Even when nobody signed it.
    let request = other.by_account(&wallet.account, operation());
    let unsigned = exchanged(&request, other.terms.field.as_bytes(), &[7; 128]);
    assert_eq!(world.mint().finish(unsigned).await.unwrap(), record);
    assert_eq!(world.balance(&wallet.key()).await, 995);
    // The other session was not touched: it can still be finished.
    let number = IssuanceNumber::new(50);
    let third = wallet.draft_as(&keyset, shape, &opened, number);
    world.mint().finish(third.by_account(&wallet.account, operation())).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_between_can_exchange_a_part() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let mut thief = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shape = Shape::Withdrawal(amount(8));
    let draft = wallet.draft(&world, &keyset, shape).await;
    let request = draft.by_account(&wallet.account, operation());
    let theirs = thief.draft(&world, &keyset, shape).await;
    let (own, other) = (&draft.terms, &theirs.terms);
    let fundings = (bytes(request.funding()), bytes(&theirs.account_funding(&thief.account, operation())));
    let changed = [
        exchanged(&request, &bytes(&own.outputs[0].challenge), &bytes(&other.outputs[0].challenge)),
        exchanged(&request, own.issuance.as_bytes(), other.issuance.as_bytes()),
        exchanged(&request, &fundings.0, &fundings.1),
        exchanged(&request, own.field.as_bytes(), other.field.as_bytes()),
        exchanged(&request, own.mint.as_bytes(), &[1; 32]),
    ];
    for request in changed {
        assert_eq!(world.mint().finish(request).await, Err(FinishError::InvalidSignature));
    }
    let unsealed = [
        exchanged(&request, own.session.as_bytes(), other.session.as_bytes()),
        exchanged(&request, &bytes(&own.outputs[0].commitment), &bytes(&other.outputs[0].commitment)),
    ];
    for request in unsealed {
        assert_eq!(world.mint().finish(request).await, Err(FinishError::UnknownSession));
    }
    // The whole issuance taken over, but for the funding.
    let stolen = theirs.request(request.funding().clone());
    assert_eq!(world.mint().finish(stolen).await, Err(FinishError::InvalidSignature));
    // None of it hurt the wallet.
    world.mint().finish(request).await.unwrap();
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&thief.key()).await), (992, 1000));
}

/// Finishes with terms changed by the wallet itself, signatures and all.
async fn changed(world: &World, wallet: &Wallet, mut draft: Draft, change: impl FnOnce(&mut Draft)) -> FinishError {
    change(&mut draft);
    world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap_err()
}

type Change = fn(&mut Draft);

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_burns_nothing() {
    let world = World::with_fees(10_000, 0).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let shape = Shape::Withdrawal(amount(300));
    let opened = world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.unwrap().opened;
    let mut next = 0;
    let mut draft = |wallet: &Wallet| {
        next += 1;
        wallet.draft_as(&keyset, shape, &opened, IssuanceNumber::new(1000 + next))
    };
    let cases: [(Change, FinishError); 9] = [
        (|d| d.terms.debit = amount(302), FinishError::Mismatch),
        (|d| d.terms.debit = amount(304), FinishError::Mismatch),
        (|d| d.terms.debit = amount(0), FinishError::Mismatch),
        (|d| d.terms.amount = amount(299), FinishError::Mismatch),
        (|d| d.terms.shape = Shape::Withdrawal(amount(299)), FinishError::Mismatch),
        (|d| d.terms.shape = Shape::Renew(amount(300)), FinishError::Mismatch),
        (|d| d.terms.outputs.truncate(1), FinishError::UnknownSession),
        (|d| d.terms.outputs[0].denomination = denomination(5), FinishError::UnknownSession),
        (|d| d.terms.mint = (&Keypair::from_secret(&[3; 32])).into(), FinishError::UnknownMint),
    ];
    for (change, expected) in cases {
        let error = changed(&world, &wallet, draft(&wallet), change).await;
        assert_eq!(error, expected);
    }
    let swapped = changed(&world, &wallet, draft(&wallet), |d| {
        let (first, second) = (d.terms.outputs[0].commitment, d.terms.outputs[1].commitment);
        (d.terms.outputs[0].commitment, d.terms.outputs[1].commitment) = (second, first);
    });
    assert_eq!(swapped.await, FinishError::UnknownSession, "commitments are sealed");
    // The session is as good as new.
    let good = draft(&wallet);
    world.mint().finish(good.by_account(&wallet.account, operation())).await.unwrap();
    let poor = wallet.withdraw(&world, Shape::Withdrawal(amount(691))).await;
    assert!(matches!(poor, Err(FinishError::InsufficientFunds)), "697 do not cover 691 and a fee of 7");
    assert_eq!(wallet.withdraw(&world, Shape::Withdrawal(amount(690))).await.unwrap().len(), 5);
    assert_eq!(world.balance(&wallet.key()).await, 0);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_funding_pays_once_and_the_winner_is_named() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let operation = operation();
    let mut drafts = Vec::new();
    for units in [5, 6, 5] {
        drafts.push(wallet.draft(&world, &keyset, Shape::Withdrawal(amount(units))).await);
    }
    let asked: Vec<_> =
        drafts.iter().map(|draft| finish(world.mint(), &draft.by_account(&wallet.account, operation))).collect();
    let mut results = Vec::new();
    for each in asked {
        results.push(each.await.unwrap());
    }
    let winners: Vec<_> = results.iter().flatten().map(|record| record.issuance).collect();
    assert_eq!(winners.len(), 1);
    let losers = results.iter().filter(|result| **result == Err(FinishError::FundingUsed(winners[0])));
    assert_eq!(losers.count(), 2);
    let debited = 1000 - world.balance(&wallet.key()).await;
    assert!(debited == 5 || debited == 6);
    world.reopen().await;
    let late = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let refused = world.mint().finish(late.by_account(&wallet.account, operation)).await;
    assert_eq!(refused, Err(FinishError::FundingUsed(winners[0])));
    // The same operation of another account is another funding.
    let mut other = Wallet::funded(&world, 10).await;
    let draft = other.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    world.mint().finish(draft.by_account(&other.account, operation)).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_is_redeemed_whole_and_once() {
    let world = World::with_fees(10_000, 0).await;
    let mut wallet = Wallet::new(&world.id());
    let keyset: Keyset = world.keyset().await;
    let voucher = Keypair::generate(&mut rand::rng());
    world.mint().books().create_voucher(VoucherKey::from(&voucher), amount(100)).await.unwrap();
    let voucher_draft = async |wallet: &mut Wallet, units: u64| {
        let mut draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(units))).await;
        draft.terms.debit = amount(units);
        draft
    };
    assert_eq!(world.audit().await.units[0].vouchers, amount(100));
    let part = voucher_draft(&mut wallet, 99).await;
    assert_eq!(world.mint().finish(part.by_voucher(&voucher)).await, Err(FinishError::Mismatch));
    let unknown = voucher_draft(&mut wallet, 100).await;
    let made_up = Keypair::generate(&mut rand::rng());
    assert_eq!(world.mint().finish(unknown.by_voucher(&made_up)).await, Err(FinishError::InsufficientFunds));
    let whole = voucher_draft(&mut wallet, 100).await;
    let record = world.mint().finish(whole.by_voucher(&voucher)).await.unwrap();
    assert_eq!(wallet.adopt(&keyset, &whole, &record).len(), 3);
    let again = voucher_draft(&mut wallet, 100).await;
    let refused = world.mint().finish(again.by_voucher(&voucher)).await;
    assert_eq!(refused, Err(FinishError::FundingUsed(record.issuance)));
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.vouchers, books.issued, books.fees), (amount(0), amount(100), amount(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_possible_shapes_are_opened() {
    use farthing_issuer::OpenError;
    let world = World::new().await;
    let keyset = *world.keyset().await.id();
    let open = async |keyset, shape| world.mint().open_issuance(&OpenRequest { keyset, shape }).await.map(drop);
    for (shape, error) in [
        (Shape::Withdrawal(amount(0)), ShapeError::AmountOutOfRange),
        (Shape::Withdrawal(amount(1 << 32)), ShapeError::AmountOutOfRange),
        (Shape::Bundle(200), ShapeError::UnknownBundle),
        (Shape::Split(denomination(0)), ShapeError::UnknownDenomination),
        (Shape::Merge(denomination(31)), ShapeError::UnknownDenomination),
    ] {
        assert_eq!(open(keyset, shape).await, Err(OpenError::Shape(error)));
    }
    let unknown = farthing_protocol::ids::KeysetId::from_bytes([9; 32]);
    assert_eq!(open(unknown, Shape::Withdrawal(amount(1))).await, Err(OpenError::UnknownKeyset));
    for shape in [Shape::Bundle(0), Shape::Bundle(2), Shape::Split(denomination(31)), Shape::Merge(denomination(30))] {
        open(keyset, shape).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finish_that_nobody_waits_for_goes_on_to_its_end() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let mut asked = Box::pin(world.mint().finish(draft.by_account(&wallet.account, operation())));
    let first = std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context).is_pending())).await;
    assert!(first, "it waits for the disk");
    drop(asked);
    // Nobody asks again: the balance alone tells.
    while world.balance(&wallet.key()).await == 1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.balance(&wallet.key()).await, 995);
    world.audit().await;
}
