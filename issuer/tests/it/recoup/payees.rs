//! Payees come before holders, and are paid only for what ρ proves.

use farthing_issuer::RecoupError;
use farthing_protocol::api::{DepositOutcome, RecoupState};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::payment::Payment;
use farthing_protocol::recoup::{ProofError, RecoupClaim};
use farthing_verifier::check::CheckError;

use super::{Held, claim, copied, file, locked, redeemed, revoke, settle, states, withdraw};
use crate::common::World;
use crate::rotation::rows;
use crate::wallet::{Wallet, deposit, pay};

/// What a payee files: the payment that redeems what was locked to him, and perhaps what he was told of its blinding.
fn filing(payment: &Payment, evidence: &[&Held]) -> RecoupClaim {
    let evidence = evidence.iter().map(|held| held.evidence()).collect();
    RecoupClaim::redeeming(payment.clone(), locked(), evidence).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_comes_before_the_holder_who_filed_first() {
    let mut world = World::with_fees(0, 500_000).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 7).await;
    let shop = Wallet::new(&world.id());
    let payment = redeemed(&keyset, &[&tokens[0], &tokens[1]], shop.payee(), world.now());
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    // The payer claims everything for himself, the two that he has paid with too.
    let all: Vec<&Held> = tokens.iter().collect();
    let payer = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(states(&world, &payer).await, [RecoupState::Waiting; 3]);
    world.clock.pass(20 * super::DAY);
    let filed = filing(&payment, &[]);
    assert_eq!(states(&world, &filed).await, [RecoupState::Waiting; 2], "proven by the payer's own claim");
    world.reopen().await;
    assert_eq!(states(&world, &filed).await, [RecoupState::Waiting; 2]);
    settle(&world).await;
    let another = RecoupState::PaidToAnother;
    assert_eq!(states(&world, &payer).await, [another, another, RecoupState::Paid]);
    assert_eq!(states(&world, &filed).await, [RecoupState::Paid; 2]);
    assert_eq!((world.balance(&shop.key()).await, world.balance(&wallet.key()).await), (3, 93 + 4), "free of fees");
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_is_paid_for_what_is_proven_and_for_nothing_else() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 7).await;
    let shop = Wallet::new(&world.id());
    let all: Vec<&Held> = tokens.iter().collect();
    let payment = redeemed(&keyset, &all, shop.payee(), world.now());
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let filed = filing(&payment, &[]);
    assert_eq!(states(&world, &filed).await, [RecoupState::Unproven; 3]);
    // One he was told of by the payer; one somebody shows without claiming anything; of the third nobody says anything.
    let told = filing(&payment, &[&tokens[0]]);
    let (waiting, unproven) = (RecoupState::Waiting, RecoupState::Unproven);
    assert_eq!(states(&world, &told).await, [waiting, unproven, unproven]);
    let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![tokens[1].evidence()]).unwrap();
    assert_eq!(states(&world, &shown).await, [waiting]);
    settle(&world).await;
    assert_eq!(states(&world, &filed).await, [RecoupState::Paid, RecoupState::Paid, unproven]);
    assert_eq!(states(&world, &shown).await, [RecoupState::Paid]);
    assert_eq!(world.balance(&shop.key()).await, 3);
    // The payer shows it later, when claims are paid as they come.
    let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![tokens[2].evidence()]).unwrap();
    assert_eq!(states(&world, &shown).await, [waiting]);
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!(world.balance(&shop.key()).await, 7);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_with_a_forged_payment_gets_nothing() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let honest = withdraw(&world, &mut wallet, &keyset, 4).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 100).await;
    let forged = withdraw(&stolen, &mut thief, &keyset, 4).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    // Well signed, and paid by nobody: it waits for a proof that nobody can give.
    let payment = redeemed(&keyset, &[&forged[0]], thief.payee(), world.now());
    assert_eq!(states(&world, &filing(&payment, &[])).await, [RecoupState::Unproven]);
    let proof = [&honest[0].proof[..41], &forged[0].proof[41..]].concat();
    let evidence = vec![forged[0].evidence_of(&proof)];
    let lied = RecoupClaim::redeeming(payment, locked(), evidence).unwrap();
    assert_eq!(file(&world, &lied).await, Err(RecoupError::Proof(Some(ProofError::OtherChallenge))));
    // An honest token that he never had: he cannot authorize anything with it.
    let own = redeemed(&keyset, &[&honest[0]], wallet.payee(), world.now());
    let mut bytes = Wire::to_bytes(&own);
    let place = bytes.windows(32).position(|window| window == wallet.payee().as_bytes()).unwrap();
    bytes[place..place + 32].copy_from_slice(thief.payee().as_bytes());
    let turned: Payment = Wire::from_bytes(&bytes).unwrap();
    let refused = file(&world, &filing(&turned, &[])).await;
    assert_eq!(refused, Err(RecoupError::Payment(CheckError::InvalidAuthorization)));
    let claimed = claim(&keyset, &[&honest[0]], wallet.payee(), world.now());
    assert_eq!(states(&world, &claimed).await, [RecoupState::Waiting]);
    settle(&world).await;
    assert_eq!((world.balance(&thief.key()).await, world.balance(&wallet.key()).await), (0, 100));
    world.audit().await;
}

/// A payment of tokens that are locked to a payee is redeemed by him as kind `pay`: the payer, who does not know p, can only show
/// how he blinded them.
#[tokio::test(flavor = "multi_thread")]
async fn a_payee_of_locked_tokens_needs_the_payers_word_and_nobody_else_is_ever_paid() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let lock = farthing_protocol::locked::LockKey::generate(&mut rand::rng());
    let held = super::withdraw_locked(&world, &mut wallet, &keyset, &lock, 4).await.remove(0);
    let shop = Wallet::new(&world.id());
    let payment = redeemed(&keyset, &[&held], shop.payee(), world.now());
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    assert_eq!(states(&world, &filing(&payment, &[])).await, [RecoupState::Unproven]);
    let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![held.evidence()]).unwrap();
    assert_eq!(states(&world, &shown).await, [RecoupState::Waiting]);
    settle(&world).await;
    assert_eq!(states(&world, &shown).await, [RecoupState::Paid]);
    assert_eq!(world.balance(&shop.key()).await, 4);
    world.audit().await;
}

/// The wallet pays for something with tokens that are not locked, the mint refuses the deposit, and the merchant serves nothing: then he has
/// accepted nothing either.
#[tokio::test(flavor = "multi_thread")]
async fn a_payee_who_was_refused_a_deposit_does_not_come_before_the_holder() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 4).await;
    let shop = Wallet::new(&world.id());
    let payment = pay(&keyset, &[copied(&tokens[0].coin)], shop.payee(), world.now());
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let refused = world.mint().deposit(vec![deposit(payment.clone())]).await.unwrap();
    assert_eq!(refused, [DepositOutcome::Refused { code: "keyset_ended".to_owned() }]);
    // He files it as what redeems some locked payment: this one's own id, or any other.
    for id in [payment.id(), locked()] {
        let filed = RecoupClaim::redeeming(payment.clone(), id, Vec::new()).unwrap();
        assert_eq!(file(&world, &filed).await, Err(RecoupError::Payment(CheckError::WrongRequest)));
    }
    // Or as it stands, told of the blinding or not: the mint has forgotten nothing that it was credited.
    for evidence in [vec![], vec![tokens[0].evidence()]] {
        let filed = RecoupClaim::new(world.id(), *keyset.id(), Some(payment.clone()), evidence).unwrap();
        assert_eq!(file(&world, &filed).await, Err(RecoupError::Payment(CheckError::WrongRequest)));
    }
    let honest = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    assert_eq!(states(&world, &honest).await, [RecoupState::Waiting]);
    settle(&world).await;
    assert_eq!(states(&world, &honest).await, [RecoupState::Paid]);
    assert_eq!((world.balance(&shop.key()).await, world.balance(&wallet.key()).await), (0, 96 + 4));
    world.audit().await;
}

/// Who knows p of a token that was sent to him unlocked, but not where it came from, is no payee for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_who_pays_himself_is_no_payee() {
    let world = World::new().await;
    let mut sender = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut sender, &keyset, 4).await;
    let recipient = Wallet::new(&world.id());
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let to_himself = pay(&keyset, &[copied(&tokens[0].coin)], recipient.payee(), world.now());
    let filed = RecoupClaim::redeeming(to_himself, locked(), Vec::new()).unwrap();
    assert_eq!(file(&world, &filed).await, Err(RecoupError::Payment(CheckError::WrongRequest)));
    // Nor does one redemption stand for another locked payment than its own.
    let payment = redeemed(&keyset, &[&tokens[0]], recipient.payee(), world.now());
    let other = RecoupClaim::redeeming(payment, PaymentId::from_bytes([8; 32]), Vec::new()).unwrap();
    assert_eq!(file(&world, &other).await, Err(RecoupError::Payment(CheckError::WrongRequest)));
    let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![tokens[0].evidence()]).unwrap();
    assert_eq!(states(&world, &shown).await, [RecoupState::Waiting]);
    settle(&world).await;
    assert_eq!(states(&world, &shown).await, [RecoupState::Waiting], "nobody claims it");
    assert_eq!(world.balance(&recipient.key()).await, 0);
    world.audit().await;
}

/// Who has the key makes tokens at will, and need show of none where it came from to claim it as its payee.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_tokens_are_claimed_unshown_than_were_issued() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    let stolen = world.stolen().await;
    let mut thief = Wallet::funded(&stolen, 100).await;
    let forged = withdraw(&stolen, &mut thief, &keyset, 63).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 5).await;
    let filed = async |token: &Held| {
        let payment = redeemed(&keyset, &[token], thief.payee(), world.now());
        file(&world, &filing(&payment, &[])).await.map(|answer| answer.tokens[0].state)
    };
    for token in &forged[..3] {
        assert_eq!(filed(token).await, Ok(RecoupState::Unproven));
    }
    assert_eq!(filed(&forged[3]).await, Err(RecoupError::TooMany));
    // Who shows something is heard all the same, and so is a payee whose payer has shown it.
    let shown = RecoupClaim::new(world.id(), *keyset.id(), None, vec![tokens[0].evidence()]).unwrap();
    assert_eq!(states(&world, &shown).await, [RecoupState::Waiting]);
    assert_eq!(filed(&tokens[0]).await, Ok(RecoupState::Waiting));
    let held = claim(&keyset, &[&tokens[1]], wallet.payee(), world.now());
    assert_eq!(states(&world, &held).await, [RecoupState::Waiting]);
    assert_eq!(filed(&forged[4]).await, Err(RecoupError::TooMany));
    // Only what can be decided is looked through to pay it.
    assert_eq!(rows(&mut world, &["recoup/open/", "recoup/token/"]).await, [2, 5]);
    settle(&world).await;
    assert_eq!(rows(&mut world, &["recoup/open/", "recoup/token/"]).await, [0, 5]);
    let unproven = world.mint().books().recoup_reports().await.unwrap().remove(0).unproven.tokens;
    assert_eq!(unproven, 3);
    world.audit().await;
}
