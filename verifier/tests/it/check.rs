//! Every reason for which a payment is refused before a store is asked.

use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{IssuanceId, Keypair, PayeeKey};
use farthing_protocol::ids::{IssuanceDigest, RequestHash, RequestNonce};
use farthing_protocol::keyset::{KeysetTerms, Redemption};
use farthing_protocol::locked::LockKey;
use farthing_protocol::payment::Payment;
use farthing_protocol::request::{Invoice, Offer, OfferDraft, PaymentRequest};
use farthing_verifier::check::{
    CheckError, KnownKeysets, MintRules, PayeeRules, Purpose, Requirements, SwapCheck, VerifiedPayment, check_deposits,
    check_offered, check_requested, check_swap,
};
use farthing_verifier::conformance::TestMint;

use crate::common::{NOW, draft, invoice, keypair, pay, pay_at, request};

/// A payee, his mint and what he knows.
struct Shop {
    key: Keypair,
    payee: PayeeKey,
    mint: TestMint,
    known: KnownKeysets,
    lock: Option<LockKey>,
    now: UnixTime,
}

impl Shop {
    fn new() -> Self {
        Self::with(|_, _| {})
    }

    fn with(change: impl FnOnce(PayeeKey, &mut KeysetTerms)) -> Self {
        let key = keypair();
        let payee = PayeeKey::from(&key);
        let mint = TestMint::with_terms(NOW, |terms| change(payee, terms));
        Self { key, payee, known: mint.known(), mint, lock: None, now: NOW }
    }

    fn check(&self, payment: Payment, request: PaymentRequest) -> Result<VerifiedPayment, CheckError> {
        let rules = PayeeRules {
            payee: &self.payee,
            now: self.now,
            as_of: self.now,
            keysets: &self.known,
            lock: self.lock.as_ref(),
        };
        let mut verdicts = check_requested(&mut rand::rng(), &rules, vec![(payment, request)]);
        assert_eq!(verdicts.len(), 1);
        verdicts.remove(0)
    }

    fn refuses(&self, payment: Payment, invoice: &Invoice, why: CheckError) {
        assert_eq!(self.check(payment, request(invoice)).err(), Some(why));
    }
}

/// Changes one byte of a payment.
fn altered(payment: &Payment, at: usize) -> Payment {
    let mut bytes = payment.to_bytes();
    bytes[at] ^= 1;
    Payment::from_bytes(&bytes).unwrap()
}

const REQUEST: usize = 66;
const PAYEE: usize = 98;
const AUTHORIZED_AT: usize = 138;

#[test]
fn a_payment_of_an_invoice_passes() {
    let shop = Shop::new();
    let invoice = invoice(&shop.key, &shop.mint, 37);
    let payment = pay(&shop.mint, &invoice);
    let verified = shop.check(payment.clone(), request(&invoice)).unwrap();
    assert_eq!(*verified.id(), payment.id());
    assert_eq!(*verified.payment(), payment);
    assert_eq!(verified.purpose(), Purpose::Requested);
}

#[test]
fn altered_payments_are_refused() {
    let shop = Shop::new();
    let invoice = invoice(&shop.key, &shop.mint, 5);
    let payment = pay(&shop.mint, &invoice);
    shop.refuses(altered(&payment, REQUEST), &invoice, CheckError::WrongRequest);
    shop.refuses(altered(&payment, PAYEE), &invoice, CheckError::WrongPayee);
    // A second more or less: everything fits but the authorization.
    shop.refuses(altered(&payment, AUTHORIZED_AT), &invoice, CheckError::InvalidAuthorization);
    let last = payment.to_bytes().len() - 32;
    shop.refuses(altered(&payment, last), &invoice, CheckError::InvalidAuthorization);
    // z̄ of the first token: after number, d, P, R̄.
    shop.refuses(altered(&payment, 146 + 1 + 1 + 32 + 32), &invoice, CheckError::InvalidToken);
}

#[test]
fn a_payment_of_another_amount_is_refused() {
    let shop = Shop::new();
    let invoice = invoice(&shop.key, &shop.mint, 5);
    let coins = shop.mint.coins(crate::common::amount(4));
    let less = shop.mint.pay(&[&coins[0]], shop.payee, invoice.hash(), None);
    shop.refuses(less, &invoice, CheckError::WrongRequest);
}

#[test]
fn an_altered_or_foreign_invoice_is_refused() {
    let shop = Shop::new();
    let honest = invoice(&shop.key, &shop.mint, 5);
    // The payer makes the price smaller and pays that.
    let mut bytes = honest.to_bytes();
    bytes[33] = 4;
    let forged = Invoice::from_bytes(&bytes).unwrap();
    assert_eq!(forged.draft().amount.units(), 4);
    shop.refuses(pay(&shop.mint, &forged), &forged, CheckError::InvalidRequest);
    // Another payee's invoice, and a payment for it.
    let other = keypair();
    let foreign = invoice(&other, &shop.mint, 5);
    shop.refuses(pay(&shop.mint, &foreign), &foreign, CheckError::WrongPayee);
    // A payment to this payee that answers the other's invoice.
    let coins = shop.mint.coins(crate::common::amount(5));
    let coins: Vec<_> = coins.iter().collect();
    let crossed = shop.mint.pay(&coins, shop.payee, foreign.hash(), None);
    shop.refuses(crossed, &foreign, CheckError::WrongPayee);
}

#[test]
fn expiry_and_times_are_judged() {
    let mut shop = Shop::new();
    let invoice = invoice(&shop.key, &shop.mint, 5);
    let payment = pay(&shop.mint, &invoice);
    shop.now = NOW.plus(899);
    assert!(shop.check(payment.clone(), request(&invoice)).is_ok());
    shop.now = NOW.plus(900);
    shop.refuses(payment, &invoice, CheckError::Expired);
    shop.now = NOW;
    shop.refuses(pay_at(&shop.mint, &invoice, NOW.plus(301)), &invoice, CheckError::NotYet);
    shop.refuses(pay_at(&shop.mint, &invoice, NOW.minus(86_400 + 301)), &invoice, CheckError::ImpossibleTime);
    assert!(shop.check(pay_at(&shop.mint, &invoice, NOW.plus(300)), request(&invoice)).is_ok());
}

#[test]
fn keysets_are_judged() {
    let mut shop = Shop::new();
    let long = |shop: &Shop| {
        let mut draft = draft(&shop.key, &shop.mint, 5);
        draft.expires_at = NOW.plus(1_000_000_000);
        draft.sign(&shop.key).unwrap()
    };
    let invoice = long(&shop);
    let payment = pay(&shop.mint, &invoice);
    let spend_until = shop.mint.keyset().terms().spend_until;
    shop.now = spend_until.minus(1);
    assert!(shop.check(payment.clone(), request(&invoice)).is_ok());
    shop.now = spend_until;
    shop.refuses(payment.clone(), &invoice, CheckError::KeysetEnded);

    shop.now = NOW;
    shop.known.revoke(shop.mint.keyset().id(), NOW.plus(10));
    assert!(shop.check(payment.clone(), request(&invoice)).is_ok());
    shop.now = NOW.plus(10);
    shop.refuses(payment.clone(), &invoice, CheckError::KeysetRevoked);

    // A second keyset of the same mint that the payee has not heard of, and a mint that he does not know.
    let stranger = Shop::new();
    shop.refuses(pay(&stranger.mint, &invoice), &invoice, CheckError::UnknownMint);
    let sibling = TestMint::of(Keypair::from_secret(&shop.mint.identity().secret()), NOW, |_| {});
    shop.refuses(pay(&sibling, &invoice), &invoice, CheckError::UnknownKeyset);
}

#[test]
fn the_invoice_names_mint_and_unit() {
    let mut shop = Shop::new();
    let other = TestMint::new(NOW);
    shop.known.merge(other.known());
    let invoice = invoice(&shop.key, &shop.mint, 5);
    shop.refuses(pay(&other, &invoice), &invoice, CheckError::UnknownMint);
    let mut draft = draft(&shop.key, &shop.mint, 5);
    draft.unit = Unit::new("USD", 2).unwrap();
    let dollars = draft.sign(&shop.key).unwrap();
    shop.refuses(pay(&shop.mint, &dollars), &dollars, CheckError::WrongRequest);
}

#[test]
fn tokens_closed_to_another_payee_are_refused() {
    let stranger = PayeeKey::from(&keypair());
    let shop = Shop::with(|_, terms| terms.redemption = Redemption::Closed(stranger));
    let bill = invoice(&shop.key, &shop.mint, 5);
    shop.refuses(pay(&shop.mint, &bill), &bill, CheckError::ClosedToAnother);
    let own = Shop::with(|payee, terms| terms.redemption = Redemption::Closed(payee));
    let bill = invoice(&own.key, &own.mint, 5);
    assert!(own.check(pay(&own.mint, &bill), request(&bill)).is_ok());
}

#[test]
fn locked_tokens_pay_their_recipient_alone() {
    let mut shop = Shop::new();
    let (own, other) = (LockKey::generate(&mut rand::rng()), LockKey::generate(&mut rand::rng()));
    let invoice = invoice(&shop.key, &shop.mint, 5);
    let pay_locked = |lock: &LockKey| {
        let coins = shop.mint.locked_coins(crate::common::amount(5), lock.public());
        shop.mint.pay(&coins.iter().collect::<Vec<_>>(), shop.payee, invoice.hash(), Some(lock.public()))
    };
    let (mine, foreign) = (pay_locked(&own), pay_locked(&other));
    shop.refuses(mine.clone(), &invoice, CheckError::UnsupportedKind);
    shop.lock = Some(own);
    shop.refuses(foreign, &invoice, CheckError::WrongPayee);
    assert!(shop.check(mine.clone(), request(&invoice)).is_ok());
    // A mint takes no locked payment.
    let (mint, known) = (shop.mint.id(), shop.mint.known());
    let rules = MintRules { mint: &mint, now: NOW, keysets: &known };
    let verdict = check_deposits(&mut rand::rng(), &rules, vec![mine]);
    assert_eq!(verdict[0].as_ref().err(), Some(&CheckError::UnsupportedKind));
}

fn offer_with(shop: &Shop, change: impl FnOnce(&mut OfferDraft)) -> Offer {
    let mut draft = OfferDraft {
        mint: shop.mint.id(),
        payee: shop.payee,
        asset: "EUR".into(),
        amount: crate::common::amount(5),
        resource: "https://shop.example/a".into(),
        nonce: RequestNonce::from_bytes(rand::random()),
        offered_at: NOW,
        timeout_seconds: 60,
    };
    change(&mut draft);
    draft.make().unwrap()
}

fn pay_offer(shop: &Shop, offer: &Offer) -> Payment {
    let coins = shop.mint.coins(offer.draft().amount);
    shop.mint.pay(&coins.iter().collect::<Vec<_>>(), offer.draft().payee, offer.hash(), None)
}

impl Shop {
    /// What an honest server of this shop demands.
    fn demands<R>(&self, then: impl FnOnce(Requirements<'_>) -> R) -> R {
        let mint = self.mint.id();
        let amount = crate::common::amount(5);
        then(Requirements { mint: &mint, payee: &self.payee, asset: "EUR", amount, timeout_seconds: 60 })
    }

    fn check_offer(
        &self,
        payment: Payment,
        offer: Offer,
        demanded: Requirements<'_>,
    ) -> Result<VerifiedPayment, CheckError> {
        let lock = self.lock.as_ref();
        let rules = PayeeRules { payee: &self.payee, now: self.now, as_of: self.now, keysets: &self.known, lock };
        check_offered(&mut rand::rng(), &rules, vec![(payment, offer, demanded)]).remove(0)
    }
}

#[test]
fn offers_are_not_taken_for_invoices() {
    let shop = Shop::new();
    let offer = offer_with(&shop, |_| {});
    let verdict = shop.check(pay_offer(&shop, &offer), PaymentRequest::Offer(offer));
    assert_eq!(verdict.err(), Some(CheckError::UnsupportedRequest));
}

#[test]
fn an_offer_is_held_against_what_the_server_demands() {
    let shop = Shop::new();
    let offer = offer_with(&shop, |_| {});
    let payment = pay_offer(&shop, &offer);
    let verified = shop.demands(|demanded| shop.check_offer(payment.clone(), offer.clone(), demanded)).unwrap();
    assert_eq!((verified.id(), verified.purpose()), (&payment.id(), Purpose::Requested));

    // The payer's own idea of price, unit, time, mint and payee, each paid as it says.
    let mint = Shop::new().mint.id();
    type Change = Box<dyn FnOnce(&mut OfferDraft)>;
    let changes: [(Change, CheckError); 6] = [
        (Box::new(|draft| draft.amount = crate::common::amount(4)), CheckError::WrongRequest),
        (Box::new(|draft| draft.amount = crate::common::amount(6)), CheckError::WrongRequest),
        (Box::new(|draft| draft.asset = "XXX".into()), CheckError::WrongRequest),
        (Box::new(|draft| draft.timeout_seconds = 61), CheckError::WrongRequest),
        (Box::new(move |draft| draft.mint = mint), CheckError::UnknownMint),
        (Box::new(|draft| draft.payee = PayeeKey::from(&keypair())), CheckError::WrongPayee),
    ];
    for (change, why) in changes {
        let changed = offer_with(&shop, change);
        let payment = pay_offer(&shop, &changed);
        assert_eq!(shop.demands(|demanded| shop.check_offer(payment, changed, demanded)).err(), Some(why));
    }
    // A payment of an offer that the server would take, shown with another one of the same words.
    let other = offer_with(&shop, |_| {});
    let verdict = shop.demands(|demanded| shop.check_offer(payment.clone(), other, demanded));
    assert_eq!(verdict.err(), Some(CheckError::WrongRequest));
    // What the server demands decides, and not what the offer says.
    let demanded = |change: fn(&mut Requirements<'_>)| {
        shop.demands(|mut demanded| {
            change(&mut demanded);
            shop.check_offer(payment.clone(), offer.clone(), demanded).err()
        })
    };
    assert_eq!(demanded(|demanded| demanded.amount = crate::common::amount(4)), Some(CheckError::WrongRequest));
    assert_eq!(demanded(|demanded| demanded.timeout_seconds = 59), Some(CheckError::WrongRequest));
    assert_eq!(demanded(|demanded| demanded.asset = "USD"), Some(CheckError::WrongRequest));
    let stranger = PayeeKey::from(&keypair());
    let verdict = shop.demands(|demanded| {
        shop.check_offer(payment.clone(), offer.clone(), Requirements { payee: &stranger, ..demanded })
    });
    assert_eq!(verdict.err(), Some(CheckError::WrongPayee));
}

#[test]
fn an_offer_is_of_its_time() {
    let mut shop = Shop::new();
    let offer = offer_with(&shop, |_| {});
    let payment = pay_offer(&shop, &offer);
    let at = |shop: &Shop| shop.demands(|d| shop.check_offer(payment.clone(), offer.clone(), d)).err();
    for (now, why) in [
        (NOW.plus(59), None),
        (NOW.plus(60), Some(CheckError::Expired)),
        (NOW.minus(300), None),
        (NOW.minus(301), Some(CheckError::NotYet)),
    ] {
        shop.now = now;
        assert_eq!(at(&shop), why, "{now:?}");
    }
}

#[test]
fn a_payment_of_an_offer_is_verified_like_any_other() {
    let mut shop = Shop::new();
    let offer = offer_with(&shop, |_| {});
    let good = pay_offer(&shop, &offer);
    let check = |shop: &Shop, payment: Payment| shop.demands(|d| shop.check_offer(payment, offer.clone(), d)).err();
    assert_eq!(check(&shop, altered(&good, AUTHORIZED_AT)), Some(CheckError::InvalidAuthorization));
    assert_eq!(check(&shop, altered(&good, 146 + 1 + 1 + 32 + 32)), Some(CheckError::InvalidToken));
    assert_eq!(check(&shop, altered(&good, PAYEE)), Some(CheckError::WrongPayee));
    let coins = shop.mint.coins(crate::common::amount(4));
    let less = shop.mint.pay(&[&coins[0]], shop.payee, offer.hash(), None);
    assert_eq!(check(&shop, less), Some(CheckError::WrongRequest));
    shop.known.revoke(shop.mint.keyset().id(), NOW);
    assert_eq!(check(&shop, good), Some(CheckError::KeysetRevoked));
    // A keyset closed to somebody else.
    let closed = Shop::with(|_, terms| terms.redemption = Redemption::Closed(PayeeKey::from(&keypair())));
    let offer = offer_with(&closed, |_| {});
    let payment = pay_offer(&closed, &offer);
    let verdict = closed.demands(|demanded| closed.check_offer(payment, offer, demanded));
    assert_eq!(verdict.err(), Some(CheckError::ClosedToAnother));
}

#[test]
fn a_bad_payment_costs_the_others_nothing() {
    let shop = Shop::new();
    let mut batch = Vec::new();
    for units in 1..=8 {
        let invoice = invoice(&shop.key, &shop.mint, units);
        batch.push((pay(&shop.mint, &invoice), request(&invoice)));
    }
    batch[2].0 = altered(&batch[2].0, AUTHORIZED_AT);
    batch[5].0 = altered(&batch[5].0, REQUEST);
    let rules = PayeeRules { payee: &shop.payee, now: NOW, as_of: NOW, keysets: &shop.known, lock: None };
    let ids: Vec<_> = batch.iter().map(|(payment, _)| payment.id()).collect();
    let verdicts = check_requested(&mut rand::rng(), &rules, batch);
    for (place, verdict) in verdicts.iter().enumerate() {
        match place {
            2 => assert_eq!(verdict.as_ref().err(), Some(&CheckError::InvalidAuthorization)),
            5 => assert_eq!(verdict.as_ref().err(), Some(&CheckError::WrongRequest)),
            _ => assert_eq!(*verdict.as_ref().unwrap().id(), ids[place]),
        }
    }
}

#[test]
fn deposits_are_checked() {
    let shop = Shop::new();
    let (mint, mut known) = (shop.mint.id(), shop.mint.known());
    let invoice = invoice(&shop.key, &shop.mint, 6);
    let payment = pay(&shop.mint, &invoice);
    let deposit = |now: UnixTime, known: &KnownKeysets, payment: &Payment| {
        let rules = MintRules { mint: &mint, now, keysets: known };
        check_deposits(&mut rand::rng(), &rules, vec![payment.clone()]).remove(0)
    };
    let verified = deposit(NOW, &known, &payment).unwrap();
    assert_eq!(verified.purpose(), Purpose::Deposit);
    let until = shop.mint.keyset().terms().deposit_until;
    assert!(deposit(until.minus(1), &known, &payment).is_ok());
    assert_eq!(deposit(until, &known, &payment).err(), Some(CheckError::KeysetEnded));
    assert_eq!(
        deposit(NOW, &known, &altered(&payment, PAYEE)).err(),
        Some(CheckError::InvalidAuthorization),
        "nobody can turn the credit to another account"
    );
    let other = TestMint::new(NOW);
    assert_eq!(deposit(NOW, &known, &pay(&other, &invoice)).err(), Some(CheckError::UnknownMint));
    known.revoke(shop.mint.keyset().id(), NOW);
    assert_eq!(deposit(NOW, &known, &payment).err(), Some(CheckError::KeysetRevoked));
}

#[test]
fn a_swap_is_bound_to_its_issuance() {
    let mint = TestMint::new(NOW);
    let (id, known) = (mint.id(), mint.known());
    let rules = MintRules { mint: &id, now: NOW, keysets: &known };
    let issuance = IssuanceId::from(&keypair());
    let digest = IssuanceDigest::from_bytes([7; 32]);
    let swap = mint.swap(&mint.coins(crate::common::amount(5)), &issuance, &digest);
    let check = |issuance: &IssuanceId, digest: &IssuanceDigest| {
        check_swap(&mut rand::rng(), &rules, swap.clone(), SwapCheck { issuance, digest })
    };
    assert_eq!(check(&issuance, &digest).unwrap().purpose(), Purpose::Swap);
    let other = IssuanceId::from(&keypair());
    assert_eq!(check(&other, &digest).err(), Some(CheckError::WrongRequest));
    let spoiled = IssuanceDigest::from_bytes([8; 32]);
    assert_eq!(check(&issuance, &spoiled).err(), Some(CheckError::InvalidAuthorization));
    let coins = mint.coins(crate::common::amount(5));
    let plain = mint.pay(&coins.iter().collect::<Vec<_>>(), id.as_payee(), RequestHash::from_bytes([1; 32]), None);
    let refused = check_swap(&mut rand::rng(), &rules, plain, SwapCheck { issuance: &issuance, digest: &digest });
    assert_eq!(refused.err(), Some(CheckError::UnsupportedKind));
}
