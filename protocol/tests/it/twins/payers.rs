//! Payers and receivers of locked and text tokens who take what is not theirs.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::Seed;
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::RequestHash;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::{LockKey, LockedCoin, NotLockedToRecipient, Recipient};
use farthing_protocol::payment::{
    AuthorizeError, Binding, CheckBinding, Payment, PaymentCheck, PaymentError, PaymentKind, PaymentTerms, Witness,
    verify_payment,
};
use farthing_protocol::token::{CoinKey, TextToken, TextTokenContent, Token};

use super::{context, keyset, seed};
use crate::reference::world::{NOW, other, world};
use crate::vectors::requests::text_token;
use crate::vectors::{encoded, part};

const N: u64 = 320;

fn mine() -> LockKey {
    part(world().q.as_bytes())
}

fn theirs() -> LockKey {
    part(other().q.as_bytes())
}

fn terms(keyset: &Keyset, kind: PaymentKind, tokens: &[Token]) -> PaymentTerms {
    PaymentTerms {
        kind,
        mint: MintId::from_bytes(world().mint),
        keyset: *keyset.id(),
        request: RequestHash::from_bytes([3; 32]),
        payee: PayeeKey::from_bytes(world().payee),
        amount: farthing_protocol::amount::Amount::checked_sum(tokens.iter().map(Token::value)).unwrap(),
    }
}

/// A token locked to `lock`, with what its payer keeps.
fn locked(keyset: &Keyset, lock: &LockKey, position: u32, d: u8) -> (Token, LockedCoin) {
    let coin = LockedCoin::derive(&seed(), &context(keyset, N, position, d), lock.public()).unwrap();
    let place = world().place(N, position.into(), d);
    let trace = world().sign(&place, coin.coin().point());
    (part(&trace.token()), coin)
}

fn authorize(
    keyset: &Keyset,
    tokens: &[(Token, Witness<'_>)],
    kind: PaymentKind,
    binding: Binding<'_>,
) -> Result<Payment, AuthorizeError> {
    let terms = terms(keyset, kind, &tokens.iter().map(|(token, _)| *token).collect::<Vec<_>>());
    Payment::authorize(&mut rand::rng(), terms, tokens, binding, UnixTime::from_seconds(NOW))
}

fn verdict(payment: Payment, keyset: &Keyset, binding: CheckBinding<'_>) -> Result<(), PaymentError> {
    verify_payment(&mut rand::rng(), PaymentCheck { payment, keyset, binding }).map(drop)
}

#[test]
fn a_locked_payment_is_taken_by_its_recipient_and_nobody_else() {
    let (keyset, lock) = (keyset(), mine());
    let (token, coin) = locked(&keyset, &lock, 0, 5);
    let tokens = [(token, Witness::Locked(&coin))];
    let pay = |recipient: &LockKey| {
        authorize(&keyset, &tokens, PaymentKind::Locked, Binding::Recipient(recipient.public())).unwrap()
    };
    let payment = pay(&lock);
    assert_eq!(verdict(payment.clone(), &keyset, CheckBinding::Recipient(&lock)), Ok(()));
    let refused = verdict(payment.clone(), &keyset, CheckBinding::Recipient(&theirs()));
    assert_eq!(refused, Err(PaymentError::NotLockedToRecipient), "against another's Q");
    let refused = verdict(payment, &keyset, CheckBinding::None);
    assert_eq!(refused, Err(PaymentError::WrongKind), "a mint or a clearing store");
    let refused = verdict(pay(&theirs()), &keyset, CheckBinding::Recipient(&lock));
    assert_eq!(refused, Err(PaymentError::InvalidAuthorization), "bound to another's Q");
}

#[test]
fn who_saw_a_locked_token_cannot_pay_with_it() {
    let (keyset, lock) = (keyset(), mine());
    let (token, coin) = locked(&keyset, &lock, 0, 5);
    // A thief with a seed of his own derives another coin, and the library does not let him put one for the other.
    let thief = Seed::from_bytes(other().seed);
    let his = LockedCoin::derive(&thief, &context(&keyset, N, 0, 5), lock.public()).unwrap();
    assert_ne!(his.coin(), coin.coin());
    let binding = Binding::Recipient(lock.public());
    let refused = authorize(&keyset, &[(token, Witness::Locked(&his))], PaymentKind::Locked, binding);
    assert_eq!(refused.err(), Some(AuthorizeError::Witness));
    // Written by hand, the proof with his t is refused.
    let mut statement =
        world().statement(crate::reference::payment::LOCKED, vec![world().locked_coin(N, 0, 5, &world().Q)]);
    statement.coins[0].secret = curve25519_dalek::Scalar::from(1_u8);
    let forged = Payment::from_bytes(&statement.authorize(curve25519_dalek::Scalar::from(2_u8)).bytes).unwrap();
    assert_eq!(verdict(forged, &keyset, CheckBinding::Recipient(&lock)), Err(PaymentError::InvalidAuthorization));
}

#[test]
fn the_payer_cannot_take_back_and_the_recipient_can_spend() {
    let (keyset, lock) = (keyset(), mine());
    let (token, coin) = locked(&keyset, &lock, 0, 5);
    // The payer knows t, not p: as kind `pay` his token has no witness.
    let refused = authorize(&keyset, &[(token, Witness::Locked(&coin))], PaymentKind::Pay, Binding::None);
    assert_eq!(refused.err(), Some(AuthorizeError::Witness));
    let key = lock.open(keyset.id(), token.denomination, &token.coin, coin.ephemeral()).unwrap();
    let payment = authorize(&keyset, &[(token, Witness::Coin(&key))], PaymentKind::Pay, Binding::None).unwrap();
    assert_eq!(verdict(payment, &keyset, CheckBinding::None), Ok(()));
    // And as kind `locked` the recipient's p is no witness either.
    let binding = Binding::Recipient(lock.public());
    let refused = authorize(&keyset, &[(token, Witness::Coin(&key))], PaymentKind::Locked, binding);
    assert_eq!(refused.err(), Some(AuthorizeError::Witness));
}

#[test]
fn a_token_locked_elsewhere_or_otherwise_does_not_open() {
    let (keyset, lock) = (keyset(), mine());
    let (token, coin) = locked(&keyset, &lock, 0, 5);
    let (_, sibling) = locked(&keyset, &lock, 1, 5);
    let open = |lock: &LockKey, id, d, ephemeral| lock.open(id, d, &token.coin, ephemeral).err();
    let (id, d, e) = (keyset.id(), token.denomination, coin.ephemeral());
    assert_eq!(open(&lock, id, d, e), None);
    assert_eq!(open(&theirs(), id, d, e), Some(NotLockedToRecipient));
    assert_eq!(open(&lock, id, d, sibling.ephemeral()), Some(NotLockedToRecipient));
    assert_eq!(open(&lock, id, part(&[4]), e), Some(NotLockedToRecipient));
    assert_eq!(open(&lock, &part(&[7; 32]), d, e), Some(NotLockedToRecipient));
}

#[test]
fn an_authorization_is_made_only_with_what_belongs_to_it() {
    let keyset = keyset();
    let coins = world().coins(N, 5);
    let tokens: Vec<Token> = coins.iter().map(|coin| part(&coin.trace.token())).collect();
    let keys: Vec<CoinKey> = coins.iter().map(|coin| part(coin.secret.as_bytes())).collect();
    let with = |order: [usize; 2], kind, binding| {
        let pairs = [(tokens[0], Witness::Coin(&keys[order[0]])), (tokens[1], Witness::Coin(&keys[order[1]]))];
        authorize(&keyset, &pairs, kind, binding).err()
    };
    assert_eq!(with([0, 1], PaymentKind::Pay, Binding::None), None);
    assert_eq!(with([1, 0], PaymentKind::Pay, Binding::None), Some(AuthorizeError::Witness));
    let digest = part(&[9; 32]);
    let lock = mine();
    for (kind, binding) in [
        (PaymentKind::Pay, Binding::Issuance(&digest)),
        (PaymentKind::Pay, Binding::Recipient(lock.public())),
        (PaymentKind::Swap, Binding::None),
        (PaymentKind::Locked, Binding::None),
        (PaymentKind::Recoup, Binding::Issuance(&digest)),
    ] {
        assert_eq!(with([0, 1], kind, binding), Some(AuthorizeError::Binding));
    }
}

/// Two authorizations of the same payment never share a nonce, or they would reveal the coin keys.
#[test]
fn a_broken_random_source_does_not_repeat_a_nonce_for_another_statement() {
    let keyset = keyset();
    let coin = &world().coins(N, 1)[0];
    let (token, key): (Token, CoinKey) = (part(&coin.trace.token()), part(coin.secret.as_bytes()));
    let authorize = |request: u8, at: u64, stream: &str| {
        let terms = PaymentTerms {
            request: RequestHash::from_bytes([request; 32]),
            ..terms(&keyset, PaymentKind::Pay, &[token])
        };
        let mut rng = crate::reference::Stream::new(stream);
        let (tokens, at) = ([(token, Witness::Coin(&key))], UnixTime::from_seconds(at));
        let payment = Payment::authorize(&mut rng, terms, &tokens, Binding::None, at).unwrap();
        let bytes = payment.to_bytes();
        bytes[bytes.len() - 64..bytes.len() - 32].to_vec()
    };
    let first = authorize(1, NOW, "stuck");
    assert_eq!(first, authorize(1, NOW, "stuck"), "the same statement from the same randomness is the same bytes");
    assert_ne!(first, authorize(2, NOW, "stuck"));
    assert_ne!(first, authorize(1, NOW + 1, "stuck"));
    assert_ne!(first, authorize(1, NOW, "fresh"));
}

#[test]
fn a_text_token_with_the_wrong_secret_is_refused() {
    let mut coins = world().coins(N + 1, 5);
    let good = TextToken::from_bytes(&text_token(0, &coins, "")).unwrap();
    let TextTokenContent::Bearer(tokens) = good.content() else { panic!() };
    assert!(tokens.iter().all(|(token, key)| token.coin == *key.public() && encoded(key).len() == 32));
    coins[1].secret += curve25519_dalek::Scalar::ONE;
    assert!(TextToken::from_bytes(&text_token(0, &coins, "")).is_err());
}

#[test]
fn a_recipient_lists_each_mint_once_and_in_order() {
    let payee = farthing_protocol::identity::Keypair::from_secret(&[7; 32]);
    let lock = LockKey::generate(&mut rand::rng());
    let mint = |byte| MintId::from_bytes([byte; 32]);
    let sign = |mints| Recipient::sign(&payee, *lock.public(), mints);
    assert!(sign(vec![mint(1), mint(2)]).is_ok());
    for bad in [vec![mint(2), mint(1)], vec![mint(1), mint(1)], vec![]] {
        assert!(sign(bad).is_err());
    }
}
