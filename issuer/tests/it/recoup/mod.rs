//! What becomes of honest tokens when a key leaked, and of those who claim what is not theirs.

mod books;
mod doubtful;
mod ended;
mod forgotten;
mod payees;
mod twins;

use farthing_issuer::control::CoverRequest;
use farthing_issuer::{Authority, Leak, RecoupError};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{RecoupAnswer, RecoupState, RecoupToken};
use farthing_protocol::blind::wallet::AwaitingResponse;
use farthing_protocol::codec::{Decode, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::CoinContext;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{PaymentId, RequestHash};
use farthing_protocol::issuance::IssuanceRecord;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::{LockKey, LockedCoin, deposit_request};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::recoup::{BlindingProof, Evidence, RecoupClaim, recoup_request};
use farthing_protocol::shape::Shape;
use farthing_protocol::token::Token;

use crate::common::{World, amount};
use crate::wallet::{Coin, Draft, Wallet, operation};

pub(crate) const DAY: u64 = 86_400;

/// A coin, and how it was blinded.
pub(crate) struct Held {
    pub(crate) coin: Coin,
    pub(crate) proof: Vec<u8>,
}

impl Held {
    pub(crate) fn evidence(&self) -> Evidence {
        self.evidence_of(&self.proof)
    }

    pub(crate) fn evidence_of(&self, proof: &[u8]) -> Evidence {
        Evidence { token: self.coin.0, proof: BlindingProof::decode_from(&mut Reader::new(proof)).unwrap() }
    }
}

/// What a wallet made of a record, each token with its proof.
pub(crate) fn held(wallet: &Wallet, keyset: &Keyset, draft: &Draft, record: &IssuanceRecord) -> Vec<Held> {
    let coins = wallet.adopt(keyset, draft, record);
    let with_proof = |(position, coin): (u32, Coin)| {
        let denomination = coin.0.denomination;
        let context = CoinContext { issuance: draft.context, position, denomination };
        let commitment = &record.outputs[usize::try_from(position).unwrap()].output.commitment;
        let key = keyset.key(denomination).unwrap();
        let proof = BlindingProof::reveal(&wallet.seed, &context, key, &coin.0.coin, commitment).unwrap();
        Held { coin, proof: encoded(&proof) }
    };
    (0..).zip(coins).map(with_proof).collect()
}

/// Withdraws tokens of a keyset that issues.
pub(crate) async fn withdraw(world: &World, wallet: &mut Wallet, keyset: &Keyset, units: u64) -> Vec<Held> {
    let draft = wallet.draft(world, keyset, Shape::Withdrawal(amount(units))).await;
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    held(wallet, keyset, &draft, &record)
}

/// Withdraws tokens that are locked, each with the coin key that only its recipient can compute.
pub(crate) async fn withdraw_locked(
    world: &World,
    wallet: &mut Wallet,
    keyset: &Keyset,
    lock: &LockKey,
    units: u64,
) -> Vec<Held> {
    let mut draft = wallet.draft(world, keyset, Shape::Withdrawal(amount(units))).await;
    let place = |position: u32, denomination| CoinContext { issuance: draft.context, position, denomination };
    let mut waiting = Vec::new();
    for (position, output) in (0..).zip(&mut draft.terms.outputs) {
        let context = place(position, output.denomination);
        let coin = LockedCoin::derive(&wallet.seed, &context, lock.public()).unwrap();
        let key = keyset.key(output.denomination).unwrap();
        let (state, challenge) = AwaitingResponse::new(&wallet.seed, &context, key, *coin.coin(), output.commitment);
        output.challenge = challenge;
        waiting.push((context, coin, state, output.commitment));
    }
    let record = world.mint().finish(draft.by_account(&wallet.account, operation())).await.unwrap();
    let unblinded = waiting.into_iter().zip(&record.outputs).map(|((context, coin, state, commitment), recorded)| {
        let (key, denomination) = (keyset.key(context.denomination).unwrap(), context.denomination);
        let token =
            Token { denomination, coin: *coin.coin(), signature: state.unblind(key, &recorded.response).unwrap() };
        let p = lock.open(keyset.id(), denomination, coin.coin(), coin.ephemeral()).unwrap();
        let proof = BlindingProof::reveal(&wallet.seed, &context, key, coin.coin(), &commitment).unwrap();
        Held { coin: (token, p), proof: encoded(&proof) }
    });
    unblinded.collect()
}

fn encoded(part: &impl Encode) -> Vec<u8> {
    let mut out = Writer::default();
    part.encode_to(&mut out);
    out.finish()
}

/// Swaps tokens of `inputs` into some of a keyset that issues.
pub(crate) async fn swap(
    world: &World,
    wallet: &mut Wallet,
    (inputs, outputs): (&Keyset, &Keyset),
    shape: Shape,
    tokens: &[Held],
) -> Vec<Held> {
    let coins: Vec<Coin> = tokens.iter().map(|held| copied(&held.coin)).collect();
    let draft = wallet.draft(world, outputs, shape).await;
    let record = world.mint().finish(draft.by_tokens(inputs, &coins, world.now())).await.unwrap();
    held(wallet, outputs, &draft, &record)
}

/// Coin keys are not cloned anywhere else.
pub(crate) fn copied((token, key): &Coin) -> Coin {
    (*token, Decode::decode_from(&mut Reader::new(&encoded(key))).unwrap())
}

/// An authorization of tokens by their coin keys.
pub(crate) fn authorized(
    keyset: &Keyset,
    tokens: &[&Held],
    kind: PaymentKind,
    payee: PayeeKey,
    at: UnixTime,
) -> Payment {
    authorized_for(keyset, tokens, kind, recoup_request(keyset.id()), payee, at)
}

/// The same for a request.
pub(crate) fn authorized_for(
    keyset: &Keyset,
    tokens: &[&Held],
    kind: PaymentKind,
    request: RequestHash,
    payee: PayeeKey,
    at: UnixTime,
) -> Payment {
    let total = Amount::checked_sum(tokens.iter().map(|held| held.coin.0.value())).unwrap();
    let (mint, id) = (keyset.terms().mint, *keyset.id());
    let terms = PaymentTerms { kind, mint, keyset: id, request, payee, amount: total };
    let tokens: Vec<_> = tokens.iter().map(|held| (held.coin.0, Witness::Coin(&held.coin.1))).collect();
    Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::None, at).unwrap()
}

/// The locked payment that payees of these tests had accepted.
pub(crate) fn locked() -> PaymentId {
    PaymentId::from_bytes([9; 32])
}

/// The payment by which a payee redeems it, with the coin keys that only he can compute.
pub(crate) fn redeemed(keyset: &Keyset, tokens: &[&Held], payee: PayeeKey, at: UnixTime) -> Payment {
    authorized_for(keyset, tokens, PaymentKind::Pay, deposit_request(&locked()), payee, at)
}

/// A holder's claim on all of these tokens at once.
pub(crate) fn claim(keyset: &Keyset, tokens: &[&Held], payee: PayeeKey, at: UnixTime) -> RecoupClaim {
    let payment = authorized(keyset, tokens, PaymentKind::Recoup, payee, at);
    let evidence = tokens.iter().map(|held| held.evidence()).collect();
    RecoupClaim::new(keyset.terms().mint, *keyset.id(), Some(payment), evidence).unwrap()
}

pub(crate) fn again(claim: &RecoupClaim) -> RecoupClaim {
    RecoupClaim::from_bytes(&claim.to_bytes()).unwrap()
}

pub(crate) async fn file(world: &World, claim: &RecoupClaim) -> Result<RecoupAnswer, RecoupError> {
    world.mint().recoup(again(claim)).await
}

pub(crate) async fn states(world: &World, claim: &RecoupClaim) -> Vec<RecoupState> {
    file(world, claim).await.unwrap().tokens.iter().map(|token| token.state).collect()
}

/// Revokes as if the key had leaked so many seconds ago.
pub(crate) async fn revoke(world: &World, keyset: &Keyset, ago: u64) {
    let leak = Leak { since: Some(world.now().minus(ago)), ..Leak::default() };
    world.mint().books().revoke(*keyset.id(), leak).await.unwrap();
}

/// The operator's money, whatever is missing.
pub(crate) async fn cover(world: &World, keyset: &Keyset, units: u64, reference: &str) {
    let (keyset, reference) = (*keyset.id(), reference.to_owned());
    let request = CoverRequest { keyset, amount: amount(units), reference, beyond: true };
    world.mint().books().cover_recoup_by(Authority::local(), request).await.unwrap();
}

/// The window ends, and what is due is paid.
pub(crate) async fn settle(world: &World) {
    world.clock.pass(Leak::default().window);
    world.mint().books().settle_recoups().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_is_paid_when_claims_are_collected_no_more() {
    let mut world = World::with_fees(1_000, 10_000).await;
    let mut wallet = Wallet::funded(&world, 1000).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 37).await;
    let left = world.balance(&wallet.key()).await;
    let all: Vec<&Held> = tokens.iter().collect();
    let claim = claim(&keyset, &all, wallet.payee(), world.now());
    assert_eq!(file(&world, &claim).await, Err(RecoupError::NotRevoked));
    world.clock.pass(10);
    revoke(&world, &keyset, 5).await;
    let windows = world.mint().recoups().await.unwrap().recoups;
    let until = world.now().plus(30 * DAY);
    assert_eq!((windows[0].leaked_since, windows[0].claims_until), (world.now().minus(5), until));
    assert_eq!(windows[0].ends_at, keyset.terms().deposit_until);

    let waiting = RecoupAnswer {
        claims_until: until,
        tokens: vec![RecoupToken { state: RecoupState::Waiting, paid_at: None }; 3],
    };
    assert_eq!(file(&world, &claim).await, Ok(waiting.clone()));
    world.reopen().await;
    assert_eq!(file(&world, &claim).await, Ok(waiting.clone()), "the same claim again changes nothing");
    world.clock.pass(30 * DAY - 1);
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!(world.balance(&wallet.key()).await, left, "nothing is paid before the time");
    world.clock.pass(1);
    world.mint().books().settle_recoups().await.unwrap();
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!(world.balance(&wallet.key()).await, left + 37, "whole, and once");
    let paid = file(&world, &claim).await.unwrap();
    assert!(paid.tokens.iter().all(|token| token.state == RecoupState::Paid && token.paid_at == Some(until)));
    let books = world.audit().await.units.remove(0);
    assert_eq!((books.issued.units(), books.redeemed.units()), (37, 37));

    // And withdrawn again, of a keyset whose key nobody else has.
    world.mint().new_keyset().await.unwrap();
    let next = world.keyset().await;
    assert_eq!(withdraw(&world, &mut wallet, &next, 37).await.len(), 3);
    world.reopen().await;
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_who_comes_late_is_paid_as_long_as_the_keyset_could_be_deposited() {
    let world = World::new().await;
    let mut wallet = Wallet::funded(&world, 100).await;
    let keyset = world.keyset().await;
    let tokens = withdraw(&world, &mut wallet, &keyset, 3).await;
    world.clock.pass(10);
    revoke(&world, &keyset, 0).await;
    settle(&world).await;
    let late = claim(&keyset, &[&tokens[0]], wallet.payee(), world.now());
    assert_eq!(states(&world, &late).await, [RecoupState::Waiting]);
    world.mint().books().settle_recoups().await.unwrap();
    assert_eq!(states(&world, &late).await, [RecoupState::Paid]);
    let ends = keyset.terms().deposit_until.seconds() - world.now().seconds();
    let too_late = claim(&keyset, &[&tokens[1]], wallet.payee(), world.now());
    world.clock.pass(ends);
    assert_eq!(file(&world, &too_late).await, Err(RecoupError::Ended));
    assert_eq!(states(&world, &late).await, [RecoupState::Paid], "what was filed is answered for ever");
    assert_eq!(world.balance(&wallet.key()).await, 97 + 1);
    world.audit().await;
}
