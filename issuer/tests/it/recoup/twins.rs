//! Who claims what is not his gets nothing, and takes nothing from those whose it is.

use farthing_issuer::{Leak, RecoupError, RevokeError};
use farthing_protocol::api::RecoupState;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::Keypair;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_protocol::recoup::{ProofError, RecoupClaim};
use farthing_protocol::shape::Shape;
use farthing_verifier::check::CheckError;

use super::{DAY, Held, authorized, claim, copied, file, locked, redeemed, revoke, settle, states, swap, withdraw};
use crate::common::{World, amount};
use crate::wallet::{Wallet, deposit, pay};

/// A thief's wallet that holds tokens which the mint's key signed and its books know nothing of.
async fn thief(world: &mut World, units: u64) -> (Wallet, Vec<Held>) {
    let stolen = world.stolen().await;
    let mut wallet = Wallet::funded(&stolen, units).await;
    let keyset = stolen.keyset().await;
    let forged = withdraw(&stolen, &mut wallet, &keyset, units).await;
    for held in &forged {
        held.coin.0.verify(&keyset).unwrap();
    }
    (wallet, forged)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_is_of_no_recorded_issuance() {
    let mut world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let honest = withdraw(&world, &mut wallet, &keyset, 3).await;
    let (thief, forged) = thief(&mut world, 3).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    // By his own record, which lies in no book but his.
    let own = claim(&keyset, &[&forged[0]], thief.payee(), world.now());
    assert_eq!(file(&world, &own).await, Err(RecoupError::Proof(None)));
    // By an honest record, with whatever ρ: his own, or the one that its holder has revealed meanwhile.
    let theirs = claim(&keyset, &[&honest[0]], wallet.payee(), world.now());
    assert_eq!(states(&world, &theirs).await, [RecoupState::Waiting]);
    let mut his_rho = honest[0].proof.clone();
    his_rho[41..].copy_from_slice(&forged[0].proof[41..]);
    for proof in [&honest[0].proof, &his_rho] {
        let payment = authorized(&keyset, &[&forged[0]], PaymentKind::Recoup, thief.payee(), world.now());
        let evidence = vec![forged[0].evidence_of(proof)];
        let false_claim = RecoupClaim::new(world.id(), *keyset.id(), Some(payment), evidence).unwrap();
        assert_eq!(file(&world, &false_claim).await, Err(RecoupError::Proof(Some(ProofError::OtherChallenge))));
    }
    settle(&world).await;
    assert_eq!((world.balance(&thief.key()).await, world.balance(&wallet.key()).await), (0, 97 + 1));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rho_of_another_record_proves_nothing() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let (one, two) = (withdraw(&world, &mut wallet, &keyset, 5).await, withdraw(&world, &mut wallet, &keyset, 5).await);
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    for (proof, error) in [
        (two[0].proof.clone(), ProofError::OtherChallenge),
        (one[1].proof.clone(), ProofError::NoSuchOutput),
        ([&one[0].proof[..41], &two[0].proof[41..]].concat(), ProofError::OtherChallenge),
        ([&two[0].proof[..41], &one[0].proof[41..]].concat(), ProofError::OtherChallenge),
    ] {
        let payment = authorized(&keyset, &[&one[0]], PaymentKind::Recoup, wallet.payee(), world.now());
        let evidence = vec![one[0].evidence_of(&proof)];
        let false_claim = RecoupClaim::new(world.id(), *keyset.id(), Some(payment), evidence).unwrap();
        assert_eq!(file(&world, &false_claim).await, Err(RecoupError::Proof(Some(error))));
    }
    let honest = claim(&keyset, &[&one[0], &one[1]], wallet.payee(), world.now());
    assert_eq!(states(&world, &honest).await, [RecoupState::Waiting; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuance_after_the_leak_does_not_count() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let before = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(100);
    let (after, early) = (withdraw(&world, &mut wallet, &keyset, 2).await, &before[0]);
    let swapped =
        swap(&world, &mut wallet, (&keyset, &keyset), Shape::Split(after[0].coin.0.denomination), &after).await;
    let bought = withdraw(&world, &mut wallet, &keyset, 4).await;
    world.clock.pass(100);
    revoke(&world, &keyset, 100).await;
    for late in [&swapped[0], &swapped[1], &bought[0]] {
        let late = claim(&keyset, &[late], wallet.payee(), world.now());
        assert_eq!(file(&world, &late).await, Err(RecoupError::Excluded));
    }
    let early = claim(&keyset, &[early], wallet.payee(), world.now());
    assert_eq!(states(&world, &early).await, [RecoupState::Waiting]);
    // Its operator sees what was paid for with money all the same.
    let report = world.mint().books().recoup_reports().await.unwrap().remove(0);
    assert_eq!((report.late_by_money, report.late_by_tokens), (amount(6), amount(2)));
    assert_eq!((report.waiting.tokens, report.waiting.amount), (1, amount(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_is_not_paid_once_more() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let (paid, given) =
        (withdraw(&world, &mut wallet, &keyset, 1).await, withdraw(&world, &mut wallet, &keyset, 2).await);
    let shop = Wallet::new(&world.id());
    let payment = pay(&keyset, &[copied(&paid[0].coin)], shop.payee(), world.now());
    world.mint().deposit(vec![deposit(payment.clone())]).await.unwrap();
    swap(&world, &mut wallet, (&keyset, &keyset), Shape::Renew(amount(2)), &given).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let claimed = claim(&keyset, &[&paid[0]], wallet.payee(), world.now());
    assert_eq!(file(&world, &claimed).await, Err(RecoupError::Spent(payment.id())));
    let claimed = claim(&keyset, &[&given[0]], wallet.payee(), world.now());
    assert!(matches!(file(&world, &claimed).await, Err(RecoupError::Spent(_))));
    // One spent token refuses the whole claim: nothing of it is filed.
    let fresh = {
        let report = world.mint().books().recoup_reports().await.unwrap().remove(0);
        (report.waiting.tokens, report.unproven.tokens)
    };
    assert_eq!(fresh, (0, 0));
    // Nor does the payee get it twice.
    let filing = {
        let redeemed = redeemed(&keyset, &[&paid[0]], shop.payee(), world.now());
        RecoupClaim::redeeming(redeemed, locked(), vec![paid[0].evidence()]).unwrap()
    };
    assert_eq!(file(&world, &filing).await, Err(RecoupError::Spent(payment.id())));
    settle(&world).await;
    assert_eq!(world.balance(&shop.key()).await, 1);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_turns_a_claim_to_another_account() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let thief = Wallet::new(&world.id());
    let honest = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    // What was seen on its way, with the thief's account in the place of the holder's.
    let mut bytes = honest.to_bytes();
    let place = bytes.windows(32).position(|window| window == wallet.payee().as_bytes()).unwrap();
    bytes[place..place + 32].copy_from_slice(thief.payee().as_bytes());
    let turned = RecoupClaim::from_bytes(&bytes).unwrap();
    let refused = RecoupError::Payment(CheckError::InvalidAuthorization);
    assert_eq!(file(&world, &turned).await, Err(refused));
    // Nor is an authorization of another kind one to recoup, nor one for another request.
    let payment = authorized(&keyset, &[&tokens[0]], PaymentKind::Pay, thief.payee(), world.now());
    let mut as_recoup = payment.to_bytes();
    as_recoup[1] = 4;
    let payment = Payment::from_bytes(&as_recoup).unwrap();
    let turned = RecoupClaim::new(world.id(), *keyset.id(), Some(payment), vec![tokens[0].evidence()]).unwrap();
    assert_eq!(file(&world, &turned).await, Err(refused));
    let mut bytes = honest.payment().unwrap().to_bytes();
    bytes[66] ^= 1;
    let other = Payment::from_bytes(&bytes).unwrap();
    let other = RecoupClaim::new(world.id(), *keyset.id(), Some(other), vec![tokens[0].evidence()]).unwrap();
    assert_eq!(file(&world, &other).await, Err(RecoupError::Payment(CheckError::WrongRequest)));
    settle(&world).await;
    assert_eq!(states(&world, &honest).await, [RecoupState::Waiting], "filed only now");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_claims_on_a_record_the_first_is_paid() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let accomplice = Wallet::new(&world.id());
    let first = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    let second = claim(&keyset, &[&tokens[0], &tokens[1]], accomplice.payee(), world.now());
    for _ in 0..2 {
        assert_eq!(states(&world, &first).await, [RecoupState::Waiting]);
        assert_eq!(states(&world, &second).await, [RecoupState::Waiting; 2]);
    }
    settle(&world).await;
    for _ in 0..2 {
        assert_eq!(states(&world, &first).await, [RecoupState::Paid]);
        assert_eq!(states(&world, &second).await, [RecoupState::PaidToAnother, RecoupState::Paid]);
        world.mint().books().settle_recoups().await.unwrap();
    }
    // A third one comes after it was paid.
    let third = claim(&keyset, &[&tokens[0]], Wallet::new(&world.id()).payee(), world.now());
    assert_eq!(states(&world, &third).await, [RecoupState::PaidToAnother]);
    assert_eq!((world.balance(&wallet.key()).await, world.balance(&accomplice.key()).await), (97 + 1, 2));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_claims_at_once_pay_once() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    let claimants: Vec<Wallet> = (0..20).map(|_| Wallet::new(&world.id())).collect();
    let mut filed = Vec::new();
    for claimant in &claimants {
        let (mint, claim) = (world.mint().clone(), claim(&keyset, &[&tokens[0]], claimant.payee(), world.now()));
        filed.push(tokio::spawn(async move { mint.recoup(claim).await.map(drop) }));
    }
    let mut refused = 0;
    for each in filed {
        match each.await.unwrap() {
            Ok(()) => {}
            Err(RecoupError::TooMany) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 4);
    settle(&world).await;
    let mut balances = Vec::new();
    for claimant in &claimants {
        balances.push(world.balance(&claimant.key()).await);
    }
    assert_eq!(balances.iter().sum::<u64>(), 1);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_this_mints_to_decide_is_refused() {
    let payee = Keypair::generate(&mut rand::rng());
    let world = World::with(|options| options.redemption = Redemption::Closed((&payee).into())).await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    // The payee's own store knows what is spent, and this mint does not.
    let closed = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    assert_eq!(file(&world, &closed).await, Err(RecoupError::Payment(CheckError::ClosedToAnother)));
    let elsewhere = World::new().await;
    assert_eq!(file(&elsewhere, &closed).await, Err(RecoupError::UnknownMint));
    let mut bytes = closed.to_bytes();
    let unknown: Vec<usize> =
        bytes.windows(32).enumerate().filter(|(_, w)| w == keyset.id().as_bytes()).map(|(place, _)| place).collect();
    unknown.into_iter().for_each(|place| bytes[place] ^= 1);
    let unknown = RecoupClaim::from_bytes(&bytes).unwrap();
    assert_eq!(file(&world, &unknown).await, Err(RecoupError::UnknownKeyset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leak_lies_in_the_past_and_becomes_earlier_only_before_anything_is_paid() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let early = withdraw(&world, &mut wallet, &keyset, 1).await;
    world.clock.pass(1000);
    let late = withdraw(&world, &mut wallet, &keyset, 2).await;
    world.clock.pass(1000);
    let books = world.mint().books();
    let revoked = async |since: u64| {
        books.revoke(*keyset.id(), Leak { since: Some(world.now().minus(since)), ..Leak::default() }).await
    };
    let future = Leak { since: Some(world.now().plus(1)), ..Leak::default() };
    assert_eq!(books.revoke(*keyset.id(), future).await, Err(RevokeError::LeakInFuture));
    let unknown = books.revoke(KeysetId::from_bytes([1; 32]), Leak::default()).await;
    assert_eq!(unknown, Err(RevokeError::UnknownKeyset));
    let first = revoked(10).await.unwrap();
    let (early, late) = (
        claim(&keyset, &[&early[0]], wallet.payee(), world.now()),
        claim(&keyset, &[&late[0]], wallet.payee(), world.now()),
    );
    assert_eq!(states(&world, &late).await, [RecoupState::Waiting]);
    assert_eq!(states(&world, &early).await, [RecoupState::Waiting]);
    world.clock.pass(DAY);
    assert_eq!(revoked(0).await.unwrap(), first, "it becomes no later");
    let earlier = revoked(DAY + 1500).await.unwrap();
    assert_eq!((earlier.revoked_at, earlier.claims_until), (first.revoked_at, first.claims_until));
    assert!(earlier.leaked_since < first.leaked_since);
    settle(&world).await;
    assert_eq!(states(&world, &late).await, [RecoupState::Excluded]);
    assert_eq!(states(&world, &early).await, [RecoupState::Paid]);
    assert_eq!(revoked(2 * 30 * DAY).await.unwrap(), earlier, "now it is too late to say so");
    assert_eq!(world.balance(&wallet.key()).await, 97 + 1);
    world.audit().await;
}
