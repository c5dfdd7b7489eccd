//! Accounts that are forgotten and references that are erased: nothing that names anybody is left, and every figure stays.

use std::fs;

use farthing_issuer::control::IncomeState;
use farthing_issuer::{Authority, ForgetError, IncomeError, MintHome, MovementError, PayoutError, QuoteError};
use farthing_protocol::api::{PayoutDraft, PermitPurpose, QuoteState, RecoupState, SettingsChange};
use farthing_protocol::identity::{AccountKey, Keypair};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::recoup::RecoupClaim;

use crate::common::{World, amount};
use crate::factors;
use crate::funding::{ask, books, receive, request};
use crate::recoup::{Held, claim, file, locked, redeemed, revoke, settle, states, withdraw};
use crate::wallet::{Wallet, deposit, operation, pay};

const DAY: u64 = 86_400;

/// Whether these bytes are anywhere in the ledger: in a key, in a value however large, in a record of spent tokens.
pub(crate) async fn is_named(world: &World, bytes: &[u8]) -> bool {
    let (mut copy, mut ledger) = (world.mint().books().copy_ledger(), Vec::new());
    loop {
        let portion = copy.portion().await.unwrap();
        ledger.extend_from_slice(&portion.bytes);
        if portion.is_last {
            return ledger.windows(bytes.len()).any(|window| window == bytes);
        }
    }
}

/// An account with something of everything, and nothing left in it but what this returns.
async fn used(world: &World, wallet: &mut Wallet, keyset: &Keyset) -> AccountKey {
    let account = wallet.key();
    wallet.coins(world, 1000).await;
    let coins = wallet.coins(world, 37).await;
    let shop = Wallet::new(&world.id());
    world.mint().deposit(vec![deposit(pay(keyset, &coins, shop.payee(), world.now()))]).await.unwrap();
    for (units, paid) in [(50, true), (60, false)] {
        let request = crate::payouts::payout(world, &wallet.account, units);
        world.mint().books().request_payout(&request).await.unwrap();
        let number = world.mint().books().payouts(false, None, 10).await.unwrap()[0].number;
        crate::payouts::approve(world, number).await.unwrap();
        let said =
            if paid { crate::payouts::paid(world, number).await } else { crate::payouts::reject(world, number).await };
        said.unwrap();
    }
    account
}

pub(crate) async fn empty(world: &World, account: AccountKey, reference: &str) {
    let held = world.balance(&account).await;
    world.mint().books().pay_out(account, amount(held), reference).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_holds_nothing_is_forgotten_and_the_books_stay_right() {
    let world = World::with_fees(1000, 1234).await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let account = used(&world, &mut wallet, &keyset).await;
    let before = world.audit().await;
    assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Holds));
    empty(&world, account, "all of it").await;
    assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Recent));
    world.audit().await;
    world.clock.pass(DAY + 3600);
    let erased = world.mint().books().forget(account).await.unwrap();
    assert!(!erased.is_payee && erased.rows == 7, "{erased:?}");
    let after = world.audit().await.units.remove(0);
    assert_eq!((after.funded, after.issued, after.fees), {
        let before = &before.units[0];
        (before.funded, before.issued, before.fees)
    });
    assert!(!is_named(&world, account.as_bytes()).await);
    assert!(!is_named(&world, b"all of it").await);
    world.audit().await;
    // Again, nothing is left to erase.
    assert_eq!(world.mint().books().forget(account).await.unwrap().rows, 0);
    // What was used is not used again, and the account can begin anew.
    let again = world.mint().books().pay_out(account, amount(1), "all of it").await;
    assert_eq!(again, Err(MovementError::ReferenceErased));
    world.mint().credit(account, amount(20), "anew").await.unwrap();
    wallet.coins(&world, 5).await;
    world.audit().await;
}

/// The tables whose rows hold these bytes.
async fn tables_with(world: &mut World, bytes: &[u8]) -> Vec<String> {
    let (told, found) = std::sync::mpsc::channel();
    let bytes = bytes.to_vec();
    world
        .tamper(move |txn| {
            let has = |part: &[u8]| part.windows(bytes.len()).any(|window| window == bytes);
            for (key, value) in txn.scan_prefix(b"", None, usize::MAX).unwrap() {
                if has(&key) || has(&value) {
                    let table = key.split(|byte| *byte == b'/').next().unwrap();
                    told.send(String::from_utf8(table.to_vec()).unwrap()).unwrap();
                }
            }
        })
        .await;
    let mut tables: Vec<String> = found.into_iter().collect();
    tables.sort();
    tables.dedup();
    tables
}

/// A payout that goes to another account.
async fn send(world: &World, from: &Keypair, to: AccountKey, units: u64) {
    let draft = PayoutDraft { to: Some(to), ..crate::payouts::payout(world, from, units).draft().clone() };
    world.mint().books().request_payout(&draft.sign(from).unwrap()).await.unwrap();
}

/// Gives an account something in each table of the ledger that can name it, but for payments and claims.
async fn live(world: &World, ann: &mut Wallet, ben: &Wallet) {
    let books = world.mint().books();
    books.open_account(Authority::local(), ann.key()).await.unwrap();
    let mut names = Vec::new();
    for owner in [&ann.account, &ann.account, &ann.account, &ben.account] {
        let quote = ask(world, &request(world, owner, 1000)).await.unwrap();
        names.push(quote.quote.to_text());
    }
    receive(world, "p0", &names[0], 400).await.unwrap();
    world.clock.pass(DAY);
    books.expire_quotes().await.unwrap();
    receive(world, "p1", &names[1], 50).await.unwrap();
    receive(world, "p2", "rent of Ann", 7).await.unwrap();
    books.assign_income(2, ann.key()).await.unwrap();
    receive(world, "p3", &names[3], 90).await.unwrap();
    let open = ask(world, &request(world, &ann.account, 30)).await.unwrap();
    assert_eq!(open.state, QuoteState::Open);
    world.mint().credit(ann.key(), amount(5000), "DE02 Ann").await.unwrap();

    let authenticator = factors::enrol(world, &ann.account, 4000, None).await;
    let permit = (PermitPurpose::Withdrawal, operation());
    factors::permit(world, &ann.account, permit, 4500, authenticator.code(world.now())).await.unwrap();
    world.clock.pass(60);
    let another =
        SettingsChange::Enrol { unit: factors::eur(), limit: amount(1), code: Some(authenticator.code(world.now())) };
    factors::change(world, &ann.account, another).await.unwrap();
    ann.coins(world, 37).await;
    send(world, &ann.account, ben.key(), 200).await;
    send(world, &ben.account, ann.key(), 20).await;
    let refused = books.request_payout(&crate::payouts::payout(world, &ann.account, 9000)).await;
    assert_eq!(refused, Err(PayoutError::InsufficientFunds));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_names_an_account_that_was_forgotten() {
    let mut world = crate::funding::world().await;
    world.close();
    world.configure(|text| text.replace("# max_issue_account_day =", "max_issue_account_day ="));
    world.reopen().await;
    let (mut ann, ben) = (Wallet::new(&world.id()), Wallet::new(&world.id()));
    live(&world, &mut ann, &ben).await;
    let account = ann.key();
    empty(&world, account, "out to Ann").await;
    let before = books(&world).await;
    // Whoever adds a table that can name an account gives it a row in `live`, and a place here.
    let everywhere = [
        "account",
        "asked",
        "credit",
        "day",
        "factor",
        "factor-new",
        "income",
        "issuance",
        "journal-details",
        "judged",
        "outflow",
        "owner",
        "owner-changes",
        "payout",
        "payouts",
        "permits",
        "quote",
        "quote-open",
        "quoted",
        "refused",
        "refused-until",
        "registered",
    ];
    assert_eq!(tables_with(&mut world, account.as_bytes()).await, everywhere);
    for _ in 0..2 {
        assert!(is_named(&world, account.as_bytes()).await);
        assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Recent));
        // The last request that was refused could still be sent in again.
        world.clock.pass(DAY - 3600);
        world.audit().await;
        let refused = world.mint().books().request_payout(&crate::payouts::payout(&world, &ann.account, 9000)).await;
        assert_eq!(refused, Err(PayoutError::InsufficientFunds));
    }
    world.clock.pass(DAY + 3600);
    let erased = world.mint().books().forget(account).await.unwrap();
    assert!(!erased.is_payee, "{erased:?}");
    for name in [account.as_bytes().as_slice(), b"DE02 Ann", b"out to Ann", b"rent of Ann"] {
        assert!(!is_named(&world, name).await);
    }
    assert!(is_named(&world, ben.key().as_bytes()).await);
    assert_eq!(books(&world).await, before);
    assert_eq!(world.mint().books().forget(account).await.unwrap().rows, 0);

    let incomes = world.mint().books().incomes(true, None, 10).await.unwrap();
    let incomes: Vec<_> = incomes.into_iter().map(|one| (one.state, one.account)).collect();
    let ours = [IncomeState::Credited, IncomeState::Late, IncomeState::Assigned].map(|state| (state, None));
    assert_eq!(incomes[..3], ours);
    assert_eq!(incomes[3], (IncomeState::Late, Some(ben.key())));
    // What was reported is known for ever, and money for a quote that is gone waits for the operator.
    assert_eq!(receive(&world, "p0", "as it was written", 400).await, Ok((IncomeState::Credited, true)));
    assert_eq!(receive(&world, "p0", "as it was written", 401).await, Err(IncomeError::IdUsed));
    world.clock.pass(200 * DAY);
    world.mint().books().expire_quotes().await.unwrap();
    world.reopen().await;
    assert_eq!(books(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_quote_of_an_account_that_was_forgotten_is_held() {
    let world = crate::funding::world().await;
    let ann = Wallet::new(&world.id());
    let mut names = Vec::new();
    for _ in 0..16 {
        names.push(ask(&world, &request(&world, &ann.account, 10)).await.unwrap().quote.to_text());
    }
    assert_eq!(ask(&world, &request(&world, &ann.account, 10)).await, Err(QuoteError::TooMany));
    assert_eq!(world.mint().books().forget(ann.key()).await.unwrap().rows, 16);
    assert!(!is_named(&world, ann.key().as_bytes()).await);
    assert_eq!(receive(&world, "p0", &names[0], 10).await, Ok((IncomeState::Held, false)));
    // They are not counted any more.
    for _ in 0..16 {
        ask(&world, &request(&world, &ann.account, 10)).await.unwrap();
    }
    world.mint().books().assign_income(0, ann.key()).await.unwrap();
    assert_eq!(world.balance(&ann.key()).await, 10);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_claims_tokens_of_a_revoked_keyset_is_forgotten_when_it_is_settled() {
    let mut world = World::with_fees(1_000, 10_000).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let (account, keyset) = (wallet.key(), world.keyset().await);
    let tokens = withdraw(&world, &mut wallet, &keyset, 37).await;
    let (other, payee) = (Wallet::new(&world.id()), Wallet::new(&world.id()));
    let unshown = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 5).await;
    // Where this one came from may still be shown, and then its payee is paid: nobody but him.
    let payment = redeemed(&keyset, &[&unshown[0]], payee.payee(), world.now());
    file(&world, &RecoupClaim::redeeming(payment, locked(), Vec::new()).unwrap()).await.unwrap();
    assert_eq!(world.mint().books().forget(payee.key()).await, Err(ForgetError::Claims));
    let all: Vec<&Held> = tokens.iter().collect();
    let claimed = claim(&keyset, &all, wallet.payee(), world.now());
    // Two claim the last one; whoever came first is paid.
    let second = claim(&keyset, &all[2..], other.payee(), world.now());
    assert_eq!(states(&world, &claimed).await, [RecoupState::Waiting; 3]);
    assert_eq!(states(&world, &second).await, [RecoupState::Waiting]);
    empty(&world, account, "out").await;
    for waits in [account, other.key()] {
        assert_eq!(world.mint().books().forget(waits).await, Err(ForgetError::Claims));
    }
    world.audit().await;
    settle(&world).await;
    assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Holds));
    empty(&world, account, "recouped").await;
    let before = world.audit().await.units.remove(0);
    for gone in [account, other.key()] {
        assert!(is_named(&world, gone.as_bytes()).await);
        assert!(!world.mint().books().forget(gone).await.unwrap().is_payee);
        assert!(!is_named(&world, gone.as_bytes()).await);
        assert_eq!(world.audit().await.units.remove(0), before);
        world.reopen().await;
    }
    // What was filed is answered for ever, and nothing is paid twice.
    assert_eq!(states(&world, &claimed).await, [RecoupState::Paid; 3]);
    settle(&world).await;
    assert_eq!(world.balance(&account).await, 0);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_is_named_by_what_he_was_paid_alone_and_can_be_paid_again() {
    let mut world = World::with_fees(0, 12_345).await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let shop = Keypair::generate(&mut rand::rng());
    let (account, payee) = (AccountKey::from(&shop), (&shop).into());
    for units in [100, 37] {
        let coins = wallet.coins(&world, units).await;
        world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
    }
    empty(&world, account, "rent").await;
    let erased = world.mint().books().forget(account).await.unwrap();
    assert!(erased.is_payee);
    world.audit().await;
    assert!(!is_named(&world, b"rent").await);
    for round in 0..3 {
        let coins = wallet.coins(&world, 81).await;
        world.mint().deposit(vec![deposit(pay(&keyset, &coins, payee, world.now()))]).await.unwrap();
        assert!(world.balance(&account).await >= 80);
        world.audit().await;
        assert_eq!(world.mint().books().forget(account).await, Err(ForgetError::Holds));
        empty(&world, account, &format!("rent {round}")).await;
        world.mint().books().forget(account).await.unwrap();
        world.audit().await;
        world.reopen().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_references_are_erased_and_credit_nothing_twice() {
    let mut world = World::new().await;
    let path = world.home.folder().join("mint.toml");
    let text = fs::read_to_string(&path).unwrap().replace("\n[data]\n", "\n[data]\nkeep_seconds = 864000\n");
    fs::write(&path, text).unwrap();
    world.home = MintHome::open(world.home.folder()).unwrap();
    world.reopen().await;
    let account = AccountKey::from(&Keypair::generate(&mut rand::rng()));
    world.mint().credit(account, amount(100), "DE02 old").await.unwrap();
    world.clock.pass(10 * DAY);
    world.mint().credit(account, amount(50), "DE02 new").await.unwrap();
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 0);
    world.clock.pass(1);
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 1);
    assert_eq!(world.mint().books().erase_references().await.unwrap(), 0);
    assert_eq!(world.audit().await.units[0].funded.units(), 150);
    assert!(!is_named(&world, b"DE02 old").await && is_named(&world, b"DE02 new").await);
    let again = world.mint().credit(account, amount(100), "DE02 old").await;
    assert_eq!(again, Err(MovementError::ReferenceErased));
    assert!(world.mint().credit(account, amount(50), "DE02 new").await.unwrap().known);
    // A payment to the outside may have the same reference.
    world.mint().books().pay_out(account, amount(1), "DE02 old").await.unwrap();
    assert_eq!(world.balance(&account).await, 149);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_erased_rows_came_to_is_audited_too() {
    let mut world = World::new().await;
    let (mut wallet, keyset) = (Wallet::funded(&world, 10_000).await, world.keyset().await);
    let account = wallet.key();
    let coins = wallet.coins(&world, 64).await;
    world.mint().deposit(vec![deposit(pay(&keyset, &coins, wallet.payee(), world.now()))]).await.unwrap();
    empty(&world, account, "all").await;
    world.mint().books().forget(account).await.unwrap();
    world.audit().await;
    for (prefix, figure) in [
        (b"summed/".as_slice(), farthing_issuer::Figure::AccountBalance),
        (b"summed-unit/", farthing_issuer::Figure::Funded),
    ] {
        let prefix = prefix.to_vec();
        let flip = move |txn: &mut farthing_durable::Txn<'_>| {
            let (key, mut value) = txn.scan_prefix(&prefix, None, 1).unwrap().pop().unwrap();
            value[1] ^= 1;
            txn.put(&key, &value).unwrap();
        };
        world.tamper(flip.clone()).await;
        assert!(world.differing().await.contains(&figure));
        world.tamper(flip).await;
        world.audit().await;
    }
}
