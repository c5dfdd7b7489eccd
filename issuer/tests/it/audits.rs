//! The audit finds whatever was changed behind the mint's back, and stops the issuing.

use farthing_durable::{Partition, Txn};
use farthing_issuer::{Figure, FinishError, OpenError};
use farthing_protocol::api::OpenRequest;
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, operation, pay};

/// A mint where something of every kind has happened.
async fn busy() -> (World, Wallet) {
    let world = World::with_fees(1000, 1234).await;
    let mut wallet = Wallet::funded(&world, 10_000).await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let (paid, swapped) = (wallet.coins(&world, 1000).await, wallet.coins(&world, 37).await);
    world.mint().deposit(vec![deposit(pay(&keyset, &paid, shop.payee(), world.now()))]).await.unwrap();
    wallet.swap(&world, &keyset, Shape::Renew(amount(37)), &swapped).await.unwrap();
    world.mint().books().pay_out(shop.key(), amount(5), "out").await.unwrap();
    for units in [3, 4] {
        let request = crate::payouts::payout(&world, &wallet.account, units);
        world.mint().books().request_payout(&request).await.unwrap();
    }
    crate::payouts::approve(&world, 0).await.unwrap();
    crate::payouts::paid(&world, 0).await.unwrap();
    let voucher = (&farthing_protocol::identity::Keypair::generate(&mut rand::rng())).into();
    world.mint().books().create_voucher(voucher, amount(50)).await.unwrap();
    let batch = crate::vouchers::batch(&world, &[farthing_protocol::identity::Keypair::generate(&mut rand::rng())], 5);
    world.mint().books().create_vouchers(batch).await.unwrap();
    crate::funding::receive(&world, "p1", "of nobody", 9).await.unwrap();
    world.audit().await;
    (world, wallet)
}

/// Changes one byte of the first value below a prefix.
fn flip(txn: &mut Txn<'_>, prefix: &[u8], place: usize) {
    let (key, mut value) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
    value[place] ^= 1;
    txn.put(&key, &value).unwrap();
}

fn remove(txn: &mut Txn<'_>, prefix: &[u8]) {
    let (key, _) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
    txn.delete(&key).unwrap();
}

type Tampering = fn(&mut Txn<'_>);

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_compared_with_the_records() {
    // A value is a format byte and then its fields, amounts in eight bytes, the lowest first.
    let cases: [(Tampering, &[Figure]); 40] = [
        (|txn| flip(txn, b"account/", 1), &[Figure::AccountBalance]),
        (|txn| flip(txn, b"account/", 9), &[Figure::AccountFee]),
        (|txn| remove(txn, b"account/"), &[Figure::AccountBalance]),
        (|txn| flip(txn, b"unit/", 1), &[Figure::Funded, Figure::Identity]),
        (|txn| flip(txn, b"unit/", 9), &[Figure::PaidOut, Figure::Identity]),
        (|txn| flip(txn, b"unit/", 17), &[Figure::Balances, Figure::Identity]),
        (|txn| flip(txn, b"unit/", 25), &[Figure::Fees, Figure::Identity]),
        (|txn| flip(txn, b"unit/", 33), &[Figure::Vouchers, Figure::Identity]),
        (|txn| flip(txn, b"keyset/", 7), &[Figure::Issued, Figure::Identity]),
        (|txn| flip(txn, b"keyset/", 15), &[Figure::Redeemed, Figure::Identity]),
        (|txn| remove(txn, b"credit/"), &[Figure::Funded, Figure::AccountBalance]),
        (|txn| remove(txn, b"payout/"), &[Figure::PaidOut]),
        (|txn| flip(txn, b"pending/", 1), &[Figure::Pending, Figure::Identity]),
        (|txn| remove(txn, b"unpaid/"), &[Figure::Pending]),
        // Lists say nothing that is not in the records, either.
        (|txn| add_row(txn, b"unpaid/"), &[Figure::Pending]),
        (|txn| remove(txn, b"asked/"), &[Figure::PayoutRequest]),
        (|txn| add_row(txn, b"asked/"), &[Figure::PayoutRequest]),
        (|txn| remove(txn, b"income-held/"), &[Figure::Income]),
        (|txn| add_row(txn, b"income-held/"), &[Figure::Income]),
        (|txn| add_row(txn, b"income-id/"), &[Figure::Income]),
        (|txn| remove(txn, b"batch-due/"), &[Figure::VoucherBatch]),
        (|txn| add_row(txn, b"batch-due/"), &[Figure::VoucherBatch]),
        (|txn| remove(txn, b"payouts/"), &[Figure::PaidOut, Figure::AccountBalance]),
        // After format, account, mint and operation comes the amount; the last 17 bytes say how it ended.
        (|txn| flip(txn, b"payouts/", 81), &[Figure::PaidOut, Figure::AccountBalance]),
        (|txn| unsettle(txn), &[Figure::PaidOut, Figure::Pending]),
        (|txn| remove(txn, b"voucher/"), &[Figure::Funded, Figure::Vouchers]),
        (|txn| remove(txn, b"issuance/"), &[Figure::Issued]),
        (|txn| remove(txn, b"funding/"), &[Figure::IssuanceIndex]),
        (|txn| remove(txn, b"session/"), &[Figure::IssuanceIndex]),
        (|txn| remove(txn, b"issued/"), &[Figure::IssuanceLog]),
        (|txn| flip(txn, b"issued/", 40), &[Figure::IssuanceLog]),
        (|txn| flip(txn, b"meta/issued", 1), &[Figure::IssuanceLog]),
        (|txn| drop_spent(txn), &[Figure::Redeemed, Figure::Swap]),
        // The deposit's record alone, and that of the swap alone.
        (|txn| remove_spent(txn, 0), &[Figure::Redeemed, Figure::AccountBalance]),
        (|txn| remove_spent(txn, 1), &[Figure::Redeemed, Figure::Swap]),
        // A record that is there twice, in another order, or that leads nowhere.
        (|txn| add_row(txn, b"session/"), &[Figure::IssuanceIndex]),
        (|txn| swap_log(txn), &[Figure::IssuanceLog]),
        // Behind version, keyset, shape, issuance and funding comes what was debited.
        (|txn| flip_record(txn, 1 + 32 + 9 + 32 + 32), &[Figure::IssuanceRecord]),
        // The last byte of an entry is that of a spent token's coin key; the byte at 150 is in the request's hash.
        (|txn| exchange_spent(txn, |entry| entry.len() - 1), &[Figure::SpentRecord]),
        (|txn| exchange_spent(txn, |_| 150), &[Figure::SpentRecord]),
    ];
    for (number, (tampering, expected)) in cases.into_iter().enumerate() {
        let (mut world, mut wallet) = busy().await;
        world.tamper(tampering).await;
        let found = world.differing().await;
        for figure in expected {
            assert!(found.contains(figure), "case {number}: {figure:?} not in {found:?}");
        }
        assert_stopped(&world, &mut wallet).await;
    }
}

/// A paid payout that pretends to be pending.
fn unsettle(txn: &mut Txn<'_>) {
    let (key, mut value) = txn.scan_prefix(b"payouts/", None, 1).unwrap().pop().unwrap();
    value.truncate(value.len() - 17);
    value.push(0);
    txn.put(&key, &value).unwrap();
}

fn drop_spent(txn: &mut Txn<'_>) {
    assert!(!txn.drop_partition(Partition(1 << 31), 1000).unwrap());
}

/// Writes all spent records anew but one.
fn remove_spent(txn: &mut Txn<'_>, place: usize) {
    let spent = Partition(1 << 31);
    let mut entries = txn.scan_entries(spent, None, 1000).unwrap();
    entries.remove(place);
    drop_spent(txn);
    entries.iter().for_each(|(_, entry)| txn.append(spent, entry).unwrap());
}

/// A row more, with the value of another.
fn add_row(txn: &mut Txn<'_>, prefix: &[u8]) {
    let (mut key, value) = txn.scan_prefix(prefix, None, 1).unwrap().pop().unwrap();
    *key.last_mut().unwrap() ^= 1;
    txn.put(&key, &value).unwrap();
}

/// The first two entries of the log, each in the place of the other.
fn swap_log(txn: &mut Txn<'_>) {
    let rows = txn.scan_prefix(b"issued/", None, 2).unwrap();
    let [(first, one), (second, other)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    // A second later, so that the order shows.
    let mut later = one.clone();
    let at = later.len() - 8;
    later[at] += 1;
    txn.put(first, &later).unwrap();
    txn.put(second, other).unwrap();
}

/// Changes one byte of the first issuance's record.
fn flip_record(txn: &mut Txn<'_>, place: usize) {
    let (key, _) = txn.scan_prefix(b"issuance/", None, 1).unwrap().pop().unwrap();
    let mut record = txn.get_large(&key).unwrap().unwrap();
    record[place] ^= 1;
    txn.put_large(&key, &record).unwrap();
}

/// Writes all spent records anew, with one byte of each changed.
fn exchange_spent(txn: &mut Txn<'_>, place: fn(&[u8]) -> usize) {
    let spent = Partition(1 << 31);
    let entries = txn.scan_entries(spent, None, 1000).unwrap();
    drop_spent(txn);
    for (_, mut entry) in entries {
        let place = place(&entry);
        entry[place] ^= 1;
        txn.append(spent, &entry).unwrap();
    }
}

/// Audits while everybody works: each is of one moment, and finds the books right.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_of_a_busy_mint_sees_one_moment() {
    let (world, mut wallet) = busy().await;
    let keyset = world.keyset().await;
    let shop = Wallet::new(&world.id());
    let audits = async {
        let mut found = Vec::new();
        for _ in 0..20 {
            found.push(world.audit().await.units.remove(0));
        }
        found
    };
    let work = async {
        for round in 0..15 {
            let (paid, swapped) = (wallet.coins(&world, 7).await, wallet.coins(&world, 3).await);
            world.mint().deposit(vec![deposit(pay(&keyset, &paid, shop.payee(), world.now()))]).await.unwrap();
            wallet.swap(&world, &keyset, Shape::Renew(amount(3)), &swapped).await.unwrap();
            world.mint().books().pay_out(shop.key(), amount(1), format!("round {round}")).await.unwrap();
        }
    };
    let (found, ()) = tokio::join!(audits, work);
    // They did not all see the same.
    assert_ne!(found.first(), found.last());
    world.audit().await;
}

async fn assert_stopped(world: &World, wallet: &mut Wallet) {
    let keyset = *world.keyset().await.id();
    let opened = world.mint().open_issuance(&OpenRequest { keyset, shape: Shape::Withdrawal(amount(1)) }).await;
    assert_eq!(opened.map(drop), Err(OpenError::Stopped));
    assert!(world.balance(&wallet.key()).await <= 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inserted_issuance_is_found() {
    let (mut world, wallet) = busy().await;
    world
        .tamper(|txn| {
            let (key, value) = txn.scan_prefix(b"issuance/", None, 1).unwrap().pop().unwrap();
            let record = txn.get_large(&key).unwrap().unwrap();
            let mut other = key.clone();
            *other.last_mut().unwrap() ^= 1;
            txn.put(&other, &value).unwrap();
            txn.put_large(&other, &record).unwrap();
        })
        .await;
    let found = world.differing().await;
    for figure in [Figure::Issued, Figure::IssuanceRecord, Figure::IssuanceIndex] {
        assert!(found.contains(&figure), "{figure:?} not in {found:?}");
    }
    drop(wallet);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_record_is_found() {
    let (mut world, _wallet) = busy().await;
    world
        .tamper(|txn| {
            let (key, _) = txn.scan_prefix(b"issuance/", None, 1).unwrap().pop().unwrap();
            txn.delete_large(&key).unwrap();
        })
        .await;
    assert!(world.differing().await.contains(&Figure::IssuanceRecord));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_before_is_not_finished_and_a_repaired_ledger_issues_again() {
    let (mut world, mut wallet) = busy().await;
    world.tamper(|txn| flip(txn, b"unit/", 1)).await;
    assert!(!world.mint().audit().await.unwrap().is_right());
    world.tamper(|txn| flip(txn, b"unit/", 1)).await;
    let keyset = world.keyset().await;
    let draft = wallet.draft(&world, &keyset, Shape::Withdrawal(amount(5))).await;
    let request = draft.by_account(&wallet.account, operation());
    let record = world.mint().finish(request.clone()).await.unwrap();
    world.tamper(|txn| flip(txn, b"unit/", 1)).await;
    // What is recorded is still answered.
    assert_eq!(world.mint().finish(request).await.unwrap(), record);
    let late = wallet.draft_as(&keyset, Shape::Withdrawal(amount(5)), &opened(&draft), farther());
    let refused = world.mint().finish(late.by_account(&wallet.account, operation())).await;
    assert_eq!(refused, Err(FinishError::Stopped));
}

/// The session of a draft, as the mint opened it.
fn opened(draft: &crate::wallet::Draft) -> farthing_protocol::blind::mint::OpenedSession {
    farthing_protocol::blind::mint::OpenedSession {
        session: draft.terms.session,
        seal: draft.seal,
        commitments: draft.terms.outputs.iter().map(|output| output.commitment).collect(),
    }
}

fn farther() -> farthing_protocol::derive::IssuanceNumber {
    farthing_protocol::derive::IssuanceNumber::new(77)
}
