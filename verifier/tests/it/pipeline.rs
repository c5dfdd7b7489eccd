//! Payments verified together.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{Keypair, PayeeKey};
use farthing_protocol::ids::RequestNonce;
use farthing_protocol::locked::{LockKey, RecipientKey};
use farthing_protocol::payment::Payment;
use farthing_protocol::request::{OfferDraft, PaymentRequest};
use farthing_verifier::check::{CheckError, KnownKeysets};
use farthing_verifier::conformance::TestMint;
use farthing_verifier::merchant::OfferTerms;
use farthing_verifier::pipeline::{
    Demand, Knowledge, Party, Pipeline, PipelineError, PipelineFigures, PipelineLimits, Question,
};

use crate::common::{NOW, amount, invoice, keypair, pay, pay_at, request};

/// A pipeline of one batch at a time, which begins when it is let go.
struct Case {
    key: Keypair,
    payee: PayeeKey,
    mint: TestMint,
    lock: RecipientKey,
    known: Arc<Mutex<Option<KnownKeysets>>>,
    now: Arc<Mutex<UnixTime>>,
    pipeline: Pipeline,
    asked: Receiver<()>,
    go: Sender<()>,
}

impl Case {
    fn new() -> Self {
        let (key, mint) = (keypair(), TestMint::new(NOW));
        let payee = PayeeKey::from(&key);
        let secret = LockKey::generate(&mut rand::rng());
        let lock = *secret.public();
        let known = Arc::new(Mutex::new(Some(mint.known())));
        let now = Arc::new(Mutex::new(NOW));
        let ((ask, asked), (go, gone)) = (channel(), channel::<()>());
        let knowledge = {
            let (known, now, gone) = (Arc::clone(&known), Arc::clone(&now), Mutex::new(gone));
            move || {
                ask.send(()).unwrap();
                gone.lock().unwrap().recv().unwrap();
                Knowledge { now: *now.lock().unwrap(), keysets: known.lock().unwrap().clone().map(Arc::new) }
            }
        };
        let limits = PipelineLimits { queue: 16, parallel: NonZeroUsize::MIN };
        let pipeline = Pipeline::new(Party::of(payee, mint.id(), Some(secret)), limits, knowledge);
        Self { key, payee, mint, lock, known, now, pipeline, asked, go }
    }

    fn of_invoice(&self, units: u64) -> Question {
        let invoice = invoice(&self.key, &self.mint, units);
        let payment = pay(&self.mint, &invoice);
        Question { payment, request: request(&invoice), demand: Demand::Invoice, as_of: NOW, keysets: None }
    }

    /// A payment of an offer of so much, where the server demands so much.
    fn of_offer(&self, units: u64, demanded: u64) -> Question {
        let (mint, payee, asset) = (self.mint.id(), self.payee, "EUR".to_owned());
        let draft = OfferDraft {
            mint,
            payee,
            asset: asset.clone(),
            amount: amount(units),
            resource: "https://shop.example/a".into(),
            timeout_seconds: 60,
            nonce: RequestNonce::from_bytes(rand::random()),
            offered_at: NOW,
        };
        let offer = draft.make().unwrap();
        let coins = self.mint.coins(amount(units));
        let payment = self.mint.pay(&coins.iter().collect::<Vec<_>>(), payee, offer.hash(), None);
        let demand = Demand::Offer(OfferTerms { asset: Some(asset), amount: amount(demanded), timeout_seconds: 60 });
        Question { payment, request: PaymentRequest::Offer(offer), demand, as_of: NOW, keysets: None }
    }

    /// Of tokens locked to this payee, or to a stranger.
    fn of_locked(&self, lock: &RecipientKey) -> Question {
        let invoice = invoice(&self.key, &self.mint, 3);
        let coins = self.mint.locked_coins(amount(3), lock);
        let coins: Vec<_> = coins.iter().collect();
        let payment = self.mint.pay(&coins, self.payee, invoice.hash(), Some(lock));
        Question { payment, request: request(&invoice), demand: Demand::Invoice, as_of: NOW, keysets: None }
    }
}

/// Changes the last byte but 31: a part of the authorization.
fn spoilt(question: Question) -> Question {
    let mut bytes = question.payment.to_bytes();
    let place = bytes.len() - 32;
    bytes[place] ^= 1;
    Question { payment: Payment::from_bytes(&bytes).unwrap(), ..question }
}

#[tokio::test]
async fn a_batch_of_every_kind_is_verified_together_and_each_by_itself() {
    let case = Case::new();
    let first = case.pipeline.verify(case.of_invoice(1));
    case.asked.recv().unwrap();
    let early = NOW.minus(10);
    let stranger = *LockKey::generate(&mut rand::rng()).public();
    let questions = [
        (case.of_invoice(37), None),
        (case.of_offer(5, 5), None),
        (case.of_offer(4, 5), Some(CheckError::WrongRequest)),
        (spoilt(case.of_invoice(15)), Some(CheckError::InvalidAuthorization)),
        (Question { demand: Demand::Invoice, ..case.of_offer(5, 5) }, Some(CheckError::UnsupportedRequest)),
        (Question { demand: case.of_offer(7, 7).demand, ..case.of_invoice(7) }, Some(CheckError::UnsupportedRequest)),
        (case.of_locked(&case.lock), None),
        (case.of_locked(&stranger), Some(CheckError::WrongPayee)),
        (Question { as_of: early, ..case.of_invoice(8) }, None),
        (Question { as_of: NOW.plus(900), ..case.of_invoice(8) }, Some(CheckError::Expired)),
    ];
    let ids: Vec<_> = questions.iter().map(|(question, _)| question.payment.id()).collect();
    let verdicts: Vec<_> = questions.map(|(question, why)| (case.pipeline.verify(question), why)).into();
    case.go.send(()).unwrap();
    assert!(first.await.is_ok());
    case.go.send(()).unwrap();
    for ((verdict, why), id) in verdicts.into_iter().zip(ids) {
        match (verdict.await, why) {
            (Ok(verified), None) => assert_eq!(*verified.id(), id),
            (Err(error), Some(why)) => assert_eq!(error, PipelineError::Check(why)),
            (verdict, why) => panic!("{verdict:?} where {why:?} was expected"),
        }
    }
    let figures = PipelineFigures { batches: 2, payments: 11, largest: 10, refused: 0, waiting: 0 };
    assert_eq!(case.pipeline.figures(), figures);
}

#[tokio::test]
async fn a_batch_knows_what_is_known_when_it_is_closed() {
    let case = Case::new();
    let ahead = |case: &Case| {
        let invoice = invoice(&case.key, &case.mint, 5);
        let payment = pay_at(&case.mint, &invoice, NOW.plus(310));
        Question { payment, request: request(&invoice), demand: Demand::Invoice, as_of: NOW, keysets: None }
    };
    let first = case.pipeline.verify(ahead(&case));
    case.asked.recv().unwrap();
    let second = case.pipeline.verify(ahead(&case));
    case.go.send(()).unwrap();
    assert_eq!(first.await.err(), Some(PipelineError::Check(CheckError::NotYet)));
    // The second was there before, and is judged when its turn has come.
    case.asked.recv().unwrap();
    *case.now.lock().unwrap() = NOW.plus(10);
    case.go.send(()).unwrap();
    assert!(second.await.is_ok());

    for (known, why) in [
        (Some(KnownKeysets::none_of(case.mint.id())), CheckError::UnknownKeyset),
        (Some(KnownKeysets::new()), CheckError::UnknownMint),
        (None, CheckError::UnknownKeyset),
    ] {
        let verdict = case.pipeline.verify(case.of_invoice(5));
        case.asked.recv().unwrap();
        *case.known.lock().unwrap() = known;
        case.go.send(()).unwrap();
        assert_eq!(verdict.await.err(), Some(PipelineError::Check(why)));
    }
    let verdict = case.pipeline.verify(case.of_invoice(5));
    case.asked.recv().unwrap();
    let mut revoked = case.mint.known();
    revoked.revoke(case.mint.keyset().id(), NOW);
    *case.known.lock().unwrap() = Some(revoked);
    case.go.send(()).unwrap();
    assert_eq!(verdict.await.err(), Some(PipelineError::Check(CheckError::KeysetRevoked)));
}

#[tokio::test]
async fn beyond_the_line_payments_are_refused_before_anything_is_done() {
    let case = Case::new();
    let first = case.pipeline.verify(case.of_invoice(1));
    case.asked.recv().unwrap();
    let mut taken: Vec<_> = (0..16).map(|_| case.pipeline.verify(case.of_invoice(3))).collect();
    let refused = case.pipeline.verify(case.of_invoice(1));
    assert_eq!(refused.await.err(), Some(PipelineError::Overloaded));
    // Callers who go away take their payments with them, and nobody else's.
    taken.truncate(8);
    drop(first);
    case.go.send(()).unwrap();
    case.go.send(()).unwrap();
    for verdict in taken {
        assert!(verdict.await.is_ok());
    }
    let PipelineFigures { payments, refused, .. } = case.pipeline.figures();
    assert_eq!((payments, refused), (9, 1));
    let next = case.pipeline.verify(case.of_invoice(1));
    case.go.send(()).unwrap();
    assert!(next.await.is_ok());
}
