//! The ledger as a store of spent tokens.

use std::sync::{Arc, Mutex};

use farthing_issuer::Mint;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::RequestHash;
use farthing_protocol::keyset::Redemption;
use farthing_verifier::check::{KnownKeysets, MintRules, VerifiedPayment, check_deposits};
use farthing_verifier::conformance::{self, Coin, TestMint, TokenFactory};
use farthing_verifier::store::SpentStore;

use crate::common::{World, amount};
use crate::wallet::Wallet;

/// Coins of a test mint of the same identity, whose keyset the ledger knows by its books alone.
struct Tokens {
    own: TestMint,
    foreign: TestMint,
    closed: TestMint,
    payee: PayeeKey,
    now: UnixTime,
}

impl Tokens {
    fn check(&self, mint: &TestMint, coins: &[&Coin], request: RequestHash) -> VerifiedPayment {
        let mut known = KnownKeysets::new();
        known.insert(Arc::clone(mint.keyset()), None);
        let (id, payment) = (mint.id(), mint.pay(coins, self.payee, request, None));
        let rules = MintRules { mint: &id, now: self.now, keysets: &known };
        check_deposits(&mut rand::rng(), &rules, vec![payment]).remove(0).unwrap()
    }
}

impl TokenFactory for Tokens {
    fn coin(&self, d: u8) -> Coin {
        self.own.coin(d)
    }

    fn pay(&self, coins: &[&Coin], request: RequestHash) -> VerifiedPayment {
        self.check(&self.own, coins, request)
    }

    fn undecided(&self) -> Vec<VerifiedPayment> {
        let request = || RequestHash::from_bytes(rand::random());
        vec![
            self.check(&self.foreign, &[&self.foreign.coin(0)], request()),
            // Closed to a payee who has a store of his own.
            self.check(&self.closed, &[&self.closed.coin(0)], request()),
        ]
    }

    fn now(&self) -> UnixTime {
        self.now
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_conforms() {
    let mut world = World::new().await;
    let now = world.now();
    let secret = Keypair::generate(&mut rand::rng());
    let payee = PayeeKey::from(&secret);
    let identity = world.identity();
    let copy = || Keypair::from_secret(&identity.secret());
    let tokens = Tokens {
        own: TestMint::of(copy(), now, |_| {}),
        foreign: TestMint::new(now),
        closed: TestMint::of(copy(), now, |terms| terms.redemption = Redemption::Closed(payee)),
        payee,
        now,
    };
    // The books must have issued what is to be redeemed: nothing else is ever accepted.
    let (keyset, unit) = (*tokens.own.keyset().id(), tokens.own.keyset().terms().unit.clone());
    world.tamper(move |txn| crate::common::pretend_issued(txn, &keyset, &unit, amount(1 << 40))).await;
    let held: Mutex<Option<Mint>> = Mutex::new(Some(world.take()));
    let runtime = tokio::runtime::Handle::current();
    let open = || -> Arc<dyn SpentStore> {
        // What was opened before is dropped by now, but for the one held here.
        drop(held.lock().unwrap().take());
        let mint = tokio::task::block_in_place(|| runtime.block_on(world.open_mint()));
        Arc::new(mint.books().clone())
    };
    conformance::run(&open, &tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_issued_is_not_redeemed() {
    let world = World::new().await;
    let stranger = TestMint::of(world.identity(), world.now(), |_| {});
    let shop = Wallet::new(&world.id());
    let mut known = KnownKeysets::new();
    known.insert(Arc::clone(stranger.keyset()), None);
    let (id, coin) = (world.id(), stranger.coin(3));
    let payment = stranger.pay(&[&coin], shop.payee(), RequestHash::from_bytes([1; 32]), None);
    let rules = MintRules { mint: &id, now: world.now(), keysets: &known };
    let payment = check_deposits(&mut rand::rng(), &rules, vec![payment]).remove(0).unwrap();
    let claim = crate::wallet::claim();
    let acceptance = farthing_verifier::store::Acceptance { payment: payment.clone(), claim, now: world.now() };
    let outcome = world.mint().books().accept(vec![acceptance]).await.remove(0);
    assert!(outcome.is_err());
    assert!(world.mint().books().find(payment.id()).await.unwrap().is_none());
    assert_eq!(world.balance(&shop.key()).await, 0);
    world.audit().await;
}
