//! A ledger that was put back has forgotten what it credited: payees claim it, and nobody else comes before them.

use farthing_issuer::{Decision, Leak, Mint, Proof, RecoupError, decide};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{DepositOutcome, Forgotten, RecoupState};
use farthing_protocol::payment::Payment;
use farthing_protocol::recoup::RecoupClaim;
use farthing_verifier::check::CheckError;

use super::{Held, again, claim, copied, withdraw};
use crate::backup::Scene;
use crate::wallet::{Wallet, deposit, pay};

/// What a payee files who was credited a payment.
fn credited(payment: &Payment) -> RecoupClaim {
    RecoupClaim::new(*payment.mint(), *payment.keyset(), Some(payment.clone()), Vec::new()).unwrap()
}

async fn states(mint: &Mint, claim: &RecoupClaim) -> Vec<RecoupState> {
    mint.recoup(again(claim)).await.unwrap().tokens.iter().map(|token| token.state).collect()
}

async fn balance(mint: &Mint, wallet: &Wallet) -> u64 {
    let balances = mint.account(&wallet.key()).await.unwrap().balances;
    balances.first().map_or(0, |balance| balance.balance.units())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payee_files_what_was_credited_and_forgotten_and_comes_before_the_payer() {
    let mut scene = Scene::new().await;
    let keyset = scene.world.keyset().await;
    let mut payer = Wallet::funded(&scene.world, 100).await;
    let tokens = withdraw(&scene.world, &mut payer, &keyset, 11).await;
    let shop = Wallet::new(&scene.world.id());
    let pay_with = |token: &Held, at: UnixTime| pay(&keyset, &[copied(&token.coin)], shop.payee(), at);
    let early = pay_with(&tokens[0], scene.world.now());
    let accepted = |outcome: &DepositOutcome| matches!(outcome, DepositOutcome::Accepted { .. });
    let credit = async |payment: &Payment| scene.world.mint().deposit(vec![deposit(payment.clone())]).await.unwrap();
    assert!(accepted(&credit(&early).await[0]));
    let copied_at = scene.backup("copy").await.taken_at;
    scene.world.clock.pass(600);
    // One is credited, one is offered to the shop while the mint is gone, and one is withdrawn with what the copy does not know.
    let lost = pay_with(&tokens[1], scene.world.now());
    assert!(accepted(&credit(&lost).await[0]));
    let unknown = withdraw(&scene.world, &mut payer, &keyset, 1).await;
    let unrecorded = pay_with(&unknown[0], scene.world.now());
    assert!(accepted(&credit(&unrecorded).await[0]));
    scene.world.clock.pass(600);
    let offered = pay_with(&tokens[2], scene.world.now());
    scene.world.close();
    let (_, home) = scene.restore("copy", "mint");
    decide(&home, Decision::AcceptLoss, None, Proof::Code(None), scene.world.now()).unwrap();
    let mint = scene.open(&home).await.unwrap();
    let until = scene.world.now();
    let window = mint.recoups().await.unwrap().recoups.remove(0);
    assert_eq!(window.forgotten, Some(Forgotten { since: copied_at, until }));

    // The payer claims everything as if he had never paid; only ρ shows that the lost one was ever issued.
    assert_eq!(states(&mint, &credited(&lost)).await, [RecoupState::Unproven]);
    let payers = claim(&keyset, &[&tokens[1], &tokens[2]], payer.payee(), scene.world.now());
    assert_eq!(states(&mint, &payers).await, [RecoupState::Waiting; 2]);
    assert_eq!(states(&mint, &credited(&lost)).await, [RecoupState::Waiting]);
    assert_eq!(states(&mint, &credited(&unrecorded)).await, [RecoupState::Unproven]);
    let of_unknown = claim(&keyset, &[&unknown[0]], payer.payee(), scene.world.now());
    assert_eq!(mint.recoup(of_unknown).await, Err(RecoupError::Proof(None)), "the withdrawal is not in the copy");
    // What the mint has not forgotten it says; what was authorized when nothing was credited any more is no claim.
    assert_eq!(mint.recoup(credited(&early)).await, Err(RecoupError::Spent(early.id())));
    let wrong = Err(RecoupError::Payment(CheckError::WrongRequest));
    assert_eq!(mint.recoup(credited(&offered)).await, wrong);
    scene.world.clock.pass(Leak::default().window);
    mint.books().settle_recoups().await.unwrap();
    assert_eq!(states(&mint, &credited(&lost)).await, [RecoupState::Paid]);
    assert_eq!(states(&mint, &payers).await, [RecoupState::PaidToAnother, RecoupState::Paid]);
    let (first, second, third) = (early.amount().units(), lost.amount().units(), offered.amount().units());
    assert_eq!(balance(&mint, &shop).await, first + second);
    // The second withdrawal is not in the copy, nor what it took.
    assert_eq!(balance(&mint, &payer).await, 100 - 11 + third);
    assert!(mint.audit().await.unwrap().is_right());
    drop(mint);

    // Put back from a copy of that mint, the keyset had been revoked before: nothing more of it was forgotten.
    let mint = scene.open(&home).await.unwrap();
    assert_eq!(mint.recoups().await.unwrap().recoups[0].forgotten, Some(Forgotten { since: copied_at, until }));
}
