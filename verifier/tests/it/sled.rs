//! The embedded store.

use std::sync::Arc;

use farthing_durable::{Engine, Options};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::{Claim, RequestHash};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::{LockKey, deposit_request};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::token::Token;
use farthing_verifier::check::{MintRules, PayeeRules, VerifiedPayment, check_deposits, check_requested};
use farthing_verifier::conformance::{self, Coin, TestMint, TokenFactory};
use farthing_verifier::spent;
use farthing_verifier::store::{Acceptance, Outcome, SledStore, SpentStore, StoreError};

use crate::common::{NOW, invoice, keypair, request};

/// Tokens of a keyset closed to the payee; what his store does not decide over is open.
struct Closed {
    payee: PayeeKey,
    mint: TestMint,
    open: TestMint,
    key: Keypair,
    stranger: LockKey,
}

impl Closed {
    fn new() -> Self {
        let key = keypair();
        let payee = PayeeKey::from(&key);
        let mint = TestMint::with_terms(NOW, |terms| terms.redemption = Redemption::Closed(payee));
        Self { payee, mint, open: TestMint::new(NOW), key, stranger: LockKey::generate(&mut rand::rng()) }
    }
}

fn deposit(mint: &TestMint, coins: &[&Coin], payee: PayeeKey, request: RequestHash) -> VerifiedPayment {
    let (id, known) = (mint.id(), mint.known());
    let rules = MintRules { mint: &id, now: NOW, keysets: &known };
    check_deposits(&mut rand::rng(), &rules, vec![mint.pay(coins, payee, request, None)]).remove(0).unwrap()
}

/// A payment with tokens locked to a key, checked with that key.
fn locked(key: &Keypair, mint: &TestMint, lock: &LockKey) -> VerifiedPayment {
    let invoice = invoice(key, mint, 5);
    let coins = mint.locked_coins(invoice.draft().amount, lock.public());
    let payee = invoice.draft().payee;
    let payment = mint.pay(&coins.iter().collect::<Vec<_>>(), payee, invoice.hash(), Some(lock.public()));
    let known = mint.known();
    let rules = PayeeRules { payee: &payee, now: NOW, as_of: NOW, keysets: &known, lock: Some(lock) };
    check_requested(&mut rand::rng(), &rules, vec![(payment, request(&invoice))]).remove(0).unwrap()
}

impl TokenFactory for Closed {
    fn coin(&self, d: u8) -> Coin {
        self.mint.coin(d)
    }

    fn pay(&self, coins: &[&Coin], request: RequestHash) -> VerifiedPayment {
        deposit(&self.mint, coins, self.payee, request)
    }

    fn undecided(&self) -> Vec<VerifiedPayment> {
        vec![
            // Open and unlocked: each merchant could accept it once.
            deposit(&self.open, &[&self.open.coin(0)], self.payee, RequestHash::from_bytes(rand::random())),
            // Locked to a key that has another store.
            locked(&self.key, &self.open, &self.stranger),
        ]
    }

    fn now(&self) -> UnixTime {
        NOW
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payees_own_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let lock = *LockKey::generate(&mut rand::rng()).public();
    let open =
        || -> Arc<dyn SpentStore> { Arc::new(SledStore::open_own(folder.path(), tokens.payee, Some(lock)).unwrap()) };
    conformance::run(&open, &tokens).await;
}

/// Open tokens, decided by their mint; closed and locked ones are not.
struct Open(Closed);

impl TokenFactory for Open {
    fn coin(&self, d: u8) -> Coin {
        self.0.open.coin(d)
    }

    fn pay(&self, coins: &[&Coin], request: RequestHash) -> VerifiedPayment {
        deposit(&self.0.open, coins, self.0.payee, request)
    }

    fn undecided(&self) -> Vec<VerifiedPayment> {
        let request = RequestHash::from_bytes(rand::random());
        let other = TestMint::new(NOW);
        vec![
            deposit(&self.0.mint, &[&self.0.mint.coin(0)], self.0.payee, request),
            deposit(&other, &[&other.coin(0)], self.0.payee, request),
            locked(&self.0.key, &self.0.open, &self.0.stranger),
        ]
    }

    fn now(&self) -> UnixTime {
        NOW
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mints_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Open(Closed::new());
    let mint = tokens.0.open.id();
    let open = || -> Arc<dyn SpentStore> { Arc::new(SledStore::open_mint(folder.path(), mint).unwrap()) };
    conformance::run(&open, &tokens).await;
}

#[tokio::test]
async fn tokens_locked_to_the_own_key_are_decided_here() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let lock = LockKey::generate(&mut rand::rng());
    let store = SledStore::open_own(folder.path(), tokens.payee, Some(*lock.public())).unwrap();
    let payment = locked(&tokens.key, &tokens.open, &lock);
    assert!(matches!(accept(&store, &payment, NOW).await, Ok(Outcome::Accepted { .. })));
    drop(store);
    // Without the key, the same store decides nothing about such tokens.
    let store = SledStore::open_own(folder.path(), tokens.payee, None).unwrap();
    let payment = locked(&tokens.key, &tokens.open, &lock);
    assert_eq!(accept(&store, &payment, NOW).await, Err(StoreError::NotDecidedHere));
}

#[tokio::test]
async fn a_locked_payment_can_be_deposited_from_what_the_store_kept() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let lock = LockKey::generate(&mut rand::rng());
    let open = || SledStore::open_own(folder.path(), tokens.payee, Some(*lock.public())).unwrap();
    let store = open();
    let unlocked = tokens.pay(&[&tokens.coin(0)], RequestHash::from_bytes([4; 32]));
    let payments: Vec<_> = (0..3).map(|_| locked(&tokens.key, &tokens.open, &lock)).collect();
    for payment in payments.iter().chain([&unlocked]) {
        assert!(matches!(accept(&store, payment, NOW).await, Ok(Outcome::Accepted { .. })));
    }
    drop(store);

    // Of the whole payment the folder alone is left: what the payer sent is gone.
    let (store, mut kept) = (open(), Vec::<Payment>::new());
    while let Some(next) = store.locked(kept.last().map(Payment::id), 1).await.unwrap().pop() {
        kept.push(next);
    }
    let mut ids: Vec<_> = payments.iter().map(|payment| *payment.id()).collect();
    ids.sort();
    assert_eq!(kept.iter().map(Payment::id).collect::<Vec<_>>(), ids);
    let (mint, known) = (tokens.open.id(), tokens.open.known());
    for payment in kept {
        let open = |(token, ephemeral): (&Token, &_)| {
            let key = lock.open(payment.keyset(), token.denomination, &token.coin, ephemeral).unwrap();
            (*token, key)
        };
        let coins: Vec<_> = payment.tokens().iter().zip(payment.ephemerals()).map(open).collect();
        assert_eq!(coins.len(), payment.tokens().len());
        let witnesses: Vec<_> = coins.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
        let terms = PaymentTerms {
            kind: PaymentKind::Pay,
            mint,
            keyset: *payment.keyset(),
            request: deposit_request(&payment.id()),
            payee: *payment.payee(),
            amount: payment.amount(),
        };
        let deposit = Payment::authorize(&mut rand::rng(), terms, &witnesses, Binding::None, NOW).unwrap();
        let rules = MintRules { mint: &mint, now: NOW, keysets: &known };
        assert!(check_deposits(&mut rand::rng(), &rules, vec![deposit]).remove(0).is_ok());
    }
}

#[tokio::test]
async fn a_clock_set_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let pay = || tokens.pay(&[&tokens.coin(0)], RequestHash::from_bytes(rand::random()));
    let store = SledStore::open_own(folder.path(), tokens.payee, None).unwrap();
    let first = pay();
    accept(&store, &first, NOW.plus(100)).await.unwrap();
    drop(store);
    let store = SledStore::open_own(folder.path(), tokens.payee, None).unwrap();
    assert_eq!(accept(&store, &pay(), NOW.plus(94)).await, Err(StoreError::ClockBehind));
    assert!(matches!(accept(&store, &pay(), NOW.plus(95)).await, Ok(Outcome::Accepted { .. })));
    let again = accept(&store, &first, NOW).await;
    assert!(matches!(again, Ok(Outcome::AlreadyAccepted { accepted_at, .. }) if accepted_at == NOW.plus(100)));
}

#[tokio::test]
async fn a_clock_that_jumps_years_ahead_does_not_become_the_highest_time() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let pay = || tokens.pay(&[&tokens.coin(0)], RequestHash::from_bytes(rand::random()));
    let engine = Engine::open(folder.path(), Options::new().indexer(spent::indexer())).unwrap();
    let store = SledStore::own(engine.clone(), tokens.payee, None);
    accept(&store, &pay(), NOW).await.unwrap();
    let wrong = UnixTime::from_seconds(4_070_908_800);
    let payment = pay();
    assert_eq!(accept(&store, &payment, wrong).await, Err(StoreError::ClockAhead));
    assert_eq!(store.find(payment.id()).await, Ok(None));
    let keyset = Arc::clone(tokens.mint.keyset());
    let buried = engine.submit(move |txn| spent::bury(txn, &keyset, wrong)).await.unwrap();
    assert_eq!(buried, Err(spent::RecordError::ClockAhead));
    // The clock is put right, and nothing stands in the way.
    assert!(matches!(accept(&store, &payment, NOW.plus(1)).await, Ok(Outcome::Accepted { .. })));
    // Up to the longest step it is a clock like any other.
    let last = NOW.plus(1 + spent::CLOCK_STEP);
    assert_eq!(accept(&store, &pay(), last.plus(1)).await, Err(StoreError::ClockAhead));
    assert_eq!(accept(&store, &pay(), last).await, Err(StoreError::KeysetEnded));
}

#[tokio::test]
async fn a_keyset_that_ended_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let keyset = Arc::clone(tokens.mint.keyset());
    let until = keyset.terms().deposit_until;
    let pay = || tokens.pay(&[&tokens.coin(1)], RequestHash::from_bytes(rand::random()));
    let engine = Engine::open(folder.path(), Options::new().indexer(spent::indexer())).unwrap();
    let store = SledStore::own(engine.clone(), tokens.payee, None);
    let spent = tokens.coin(3);
    let earlier = tokens.pay(&[&spent], RequestHash::from_bytes([1; 32]));
    accept(&store, &earlier, NOW).await.unwrap();

    // Too early: nothing is buried, and so nothing dropped.
    let early = {
        let keyset = Arc::clone(&keyset);
        engine.submit(move |txn| spent::bury(txn, &keyset, until.minus(1)))
    };
    assert_eq!(early.await.unwrap(), Err(spent::RecordError::ClockBehind));
    let id = *keyset.id();
    assert_eq!(engine.submit(move |txn| spent::drop_buried(txn, &id, 10)).await.unwrap(), Ok(false));
    assert!(store.find(earlier.id()).await.unwrap().is_some());

    assert_eq!(accept(&store, &pay(), until).await, Err(StoreError::KeysetEnded));
    engine.submit(move |txn| spent::bury(txn, &keyset, until)).await.unwrap().unwrap();
    while engine.submit(move |txn| spent::drop_buried(txn, &id, 1)).await.unwrap().unwrap() {}
    assert!(store.find(earlier.id()).await.unwrap().is_none());
    drop((store, engine));

    // The records are gone, and a clock set back does not make their tokens fresh.
    let store = SledStore::open_own(folder.path(), tokens.payee, None).unwrap();
    let double = tokens.pay(&[&spent], RequestHash::from_bytes([2; 32]));
    for now in [NOW, until.plus(1000)] {
        assert_eq!(accept(&store, &double, now).await, Err(StoreError::KeysetEnded));
    }
}

/// The same for a store that is alone with its payments, and knows each keyset's end from them.
#[tokio::test]
async fn what_ended_is_buried_by_what_the_store_knows() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let (id, until) = (*tokens.mint.keyset().id(), tokens.mint.keyset().terms().deposit_until);
    let engine = Engine::open(folder.path(), Options::new().indexer(spent::indexer())).unwrap();
    let store = SledStore::own(engine.clone(), tokens.payee, None);
    let spent = tokens.coin(3);
    accept(&store, &tokens.pay(&[&spent], RequestHash::from_bytes([1; 32])), NOW).await.unwrap();
    let bury = |now| engine.submit(move |txn| spent::bury_ended(txn, now));
    assert_eq!(bury(until.minus(1)).await.unwrap(), Ok(vec![]));
    // A clock that is years ahead buries nothing.
    let wrong = NOW.plus(spent::CLOCK_STEP + 1);
    assert_eq!(bury(wrong).await.unwrap(), Err(spent::RecordError::ClockAhead));
    for now in [until, NOW] {
        // Said again until it is dropped, wherever the clock is.
        assert_eq!(bury(now).await.unwrap(), Ok(vec![id]));
    }
    let double = tokens.pay(&[&spent], RequestHash::from_bytes([2; 32]));
    assert_eq!(accept(&store, &double, NOW).await, Err(StoreError::KeysetEnded));
    while engine.submit(move |txn| spent::drop_buried(txn, &id, 1)).await.unwrap().unwrap() {}
    assert_eq!(bury(until).await.unwrap(), Ok(vec![]));
    assert_eq!(accept(&store, &double, NOW).await, Err(StoreError::KeysetEnded));
}

#[tokio::test]
async fn nothing_is_said_once_a_sync_has_failed() {
    use farthing_durable::{Step, Verdict};
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = tempfile::tempdir().unwrap();
    let tokens = Closed::new();
    let broken = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&broken);
    let options = Options::new().indexer(spent::indexer()).hook(move |step| {
        if step == Step::Sync && hook.load(Ordering::SeqCst) { Verdict::FailAfter } else { Verdict::Proceed }
    });
    let store = SledStore::own(Engine::open(folder.path(), options).unwrap(), tokens.payee, None);
    let payment = tokens.pay(&[&tokens.coin(2)], RequestHash::from_bytes([3; 32]));
    broken.store(true, Ordering::SeqCst);
    assert_eq!(accept(&store, &payment, NOW).await, Err(StoreError::Unavailable));
    assert_eq!(store.find(payment.id()).await, Err(StoreError::Stopped));
    drop(store);
    // Asked again after reopening, with the same payment and claim, the answer is definite.
    let store = SledStore::open_own(folder.path(), tokens.payee, None).unwrap();
    let outcome = accept(&store, &payment, NOW).await;
    assert!(matches!(outcome, Ok(Outcome::Accepted { .. } | Outcome::AlreadyAccepted { claim_matches: true, .. })));
}

async fn accept(store: &SledStore, payment: &VerifiedPayment, now: UnixTime) -> Result<Outcome, StoreError> {
    let claim = Claim::from_bytes([9; 32]);
    store.accept(vec![Acceptance { payment: payment.clone(), claim, now }]).await.remove(0)
}
