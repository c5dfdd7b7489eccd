//! Payments that are not payments, or not authentic.
#![allow(non_snake_case, reason = "names follow the paper")]

use curve25519_dalek::scalar::Scalar;
use serde_json::json;

use super::{BAD_POINT, Case, IDENTITY, ORDER, edited, spliced};
use crate::reference::payment::{Coin, LOCKED, PAY, SWAP, Statement};
use crate::reference::signature::Trace;
use crate::reference::world::{NOW, World, later, nonce, other, world};
use crate::reference::{G, cat, enc};
use crate::vectors::hex;
use crate::vectors::payments::{DIGEST, swap_statement};

// Where the fields of a payment begin.
const KIND: usize = 1;
const MINT: usize = 2;
const KEYSET: usize = 34;
const REQUEST: usize = 66;
const PAYEE: usize = 98;
const AMOUNT: usize = 130;
const TIME: usize = 138;
const COUNT: usize = 146;
const TOKENS: usize = 147;
const TOKEN: usize = 129;

fn authorized(statement: &Statement) -> Vec<u8> {
    statement.authorize(nonce(&cat(&[&statement.id(), &statement.binding]))).bytes
}

fn pair(n: u64, d: u8) -> Vec<Coin> {
    let mut pair = vec![world().coin(n, 0, d), world().coin(n, 1, d)];
    pair.sort_by_key(|coin| coin.trace.P);
    pair
}

pub(super) fn decoding() -> Vec<Case> {
    let world = world();
    let pay = world.payment(PAY, world.coins(40, 37));
    let locked = world.payment(LOCKED, world.locked_coins(41, 5));
    let merge = authorized(&swap_statement(pair(42, 3)));
    let case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode payment", &pay, refused, error);
    let locked_case = |reason, refused: Vec<u8>, error| Case::new(reason, "decode payment", &locked, refused, error);
    let swap_case =
        |reason, coins, error| Case::new(reason, "decode payment", &merge, authorized(&swap_statement(coins)), error);
    let paying = |coins| authorized(&world.statement(PAY, coins));
    let end = pay.len();
    let E = TOKENS + 2 * TOKEN;
    let mut repeated = vec![world.coin(43, 0, 0), world.coin(43, 0, 0)];
    repeated[1].trace.d = 1;
    let unordered = pair(44, 2).into_iter().rev().collect();
    let three = vec![world.coin(45, 0, 1), world.coin(45, 1, 1), world.coin(45, 2, 1)];
    let top = [world.coin(46, 0, 0), world.coin(46, 1, 0)].map(|mut coin| {
        coin.trace.d = 62;
        coin
    });
    let too_large = Statement { amount: 1 << 62, ..swap_statement(sorted(top.into())) };
    vec![
        case("payment-truncated", pay[..end - 1].to_vec(), "Truncated"),
        case("payment-empty-input", Vec::new(), "Truncated"),
        case("payment-truncated-in-a-token", pay[..TOKENS + 200].to_vec(), "Truncated"),
        case("payment-trailing-byte", cat(&[&pay, &[0]]), "TrailingBytes"),
        case("payment-version-0", edited(&pay, 0, &[0]), "UnsupportedVersion"),
        case("payment-version-2", edited(&pay, 0, &[2]), "UnsupportedVersion"),
        case("payment-kind-0", edited(&pay, KIND, &[0]), "UnknownTag"),
        case("payment-kind-5", edited(&pay, KIND, &[5]), "UnknownTag"),
        case("payment-amount-altered", edited(&pay, AMOUNT, &[38]), "AmountMismatch"),
        case("payment-amount-zero", edited(&pay, AMOUNT, &[0]), "AmountMismatch"),
        case("payment-amount-over-maximum", edited(&pay, AMOUNT + 7, &[0x80]), "OutOfRange"),
        case("payment-no-tokens", spliced(&pay, COUNT, 1 + 3 * TOKEN, &[0]), "Empty"),
        case("payment-token-missing", spliced(&pay, COUNT, 1 + TOKEN, &[2]), "AmountMismatch"),
        case("payment-token-added", edited(&paying(world.coins(40, 47)), AMOUNT, &[37]), "AmountMismatch"),
        case("payment-tokens-unordered", unsorted(&pay), "NonCanonicalShape"),
        case("payment-equal-denominations", paying(pair(47, 3)), "NonCanonicalShape"),
        case("payment-token-repeated", paying(vec![world.coin(48, 0, 3), world.coin(48, 0, 3)]), "Repeated"),
        case("payment-coin-key-repeated", paying(repeated), "Repeated"),
        case("payment-too-many-tokens", edited(&pay, COUNT, &[64]), "TooLong"),
        case("payment-denomination-63", edited(&pay, TOKENS + 2 * TOKEN, &[63]), "OutOfRange"),
        case("payment-P-identity", edited(&pay, TOKENS + 1, &IDENTITY), "IdentityPoint"),
        case("payment-P-not-canonical", edited(&pay, TOKENS + 1, &BAD_POINT), "NonCanonicalPoint"),
        case("payment-R-identity", edited(&pay, TOKENS + 33, &IDENTITY), "IdentityPoint"),
        case("payment-R-not-canonical", edited(&pay, TOKENS + 33, &BAD_POINT), "NonCanonicalPoint"),
        case("payment-z-not-canonical", edited(&pay, TOKENS + 65, &ORDER), "NonCanonicalScalar"),
        case("payment-y-zero", edited(&pay, TOKENS + 97, &[0; 32]), "ZeroScalar"),
        case("payment-y-zero-written-as-the-order", edited(&pay, TOKENS + 97, &ORDER), "NonCanonicalScalar"),
        case("payment-K-identity", edited(&pay, end - 64, &IDENTITY), "IdentityPoint"),
        case("payment-K-not-canonical", edited(&pay, end - 64, &BAD_POINT), "NonCanonicalPoint"),
        case("payment-s-not-canonical", edited(&pay, end - 32, &[0xff; 32]), "NonCanonicalScalar"),
        locked_case("locked-E-identity", edited(&locked, E, &IDENTITY), "IdentityPoint"),
        locked_case("locked-E-not-canonical", edited(&locked, E, &BAD_POINT), "NonCanonicalPoint"),
        swap_case("swap-pair-not-ordered-by-P", unordered, "NonCanonicalShape"),
        swap_case("swap-three-equal-tokens", sorted(three), "NonCanonicalShape"),
        swap_case("swap-pair-and-another", [pair(49, 1), vec![world.coin(49, 2, 4)]].concat(), "NonCanonicalShape"),
        swap_case("swap-descending", vec![world.coin(50, 0, 4), world.coin(50, 1, 1)], "NonCanonicalShape"),
        swap_case("swap-token-repeated", vec![world.coin(51, 0, 3), world.coin(51, 0, 3)], "Repeated"),
        Case::new("swap-sum-over-maximum", "decode payment", &merge, authorized(&too_large), "AmountMismatch"),
    ]
}

fn sorted(mut coins: Vec<Coin>) -> Vec<Coin> {
    coins.sort_by_key(|coin| (coin.trace.d, coin.trace.P));
    coins
}

fn unsorted(pay: &[u8]) -> Vec<u8> {
    let (first, second) = (TOKENS, TOKENS + TOKEN);
    let swapped = edited(pay, first, &pay[second..second + TOKEN]);
    edited(&swapped, second, &pay[first..second])
}

pub(super) fn verifying() -> Vec<Case> {
    [terms(), signatures(), proofs(), bindings()].into_iter().flatten().collect()
}

fn case(reason: &'static str, refused: Vec<u8>, error: &'static str) -> Case {
    let world = world();
    let accepted = world.payment(PAY, world.coins(60, 37));
    Case::new(reason, "verify payment", accepted, refused, error)
        .with(json!({ "document": hex(world.document_bytes()) }))
}

/// Terms altered after the holder authorized them.
fn terms() -> Vec<Case> {
    let world = world();
    let pay = world.payment(PAY, world.coins(60, 37));
    let flipped = |at: usize| edited(&pay, at, &[pay[at] ^ 1]);
    let elsewhere = later().payment(PAY, later().coins(60, 37));
    vec![
        case("payment-request-altered", flipped(REQUEST), "InvalidAuthorization"),
        case("payment-payee-altered", edited(&pay, PAYEE, &other().payee), "InvalidAuthorization"),
        case("payment-authorized-at-altered", edited(&pay, TIME, &(NOW + 1).to_le_bytes()), "InvalidAuthorization"),
        case("payment-kind-altered-to-recoup", edited(&pay, KIND, &[4]), "InvalidAuthorization"),
        case("payment-kind-altered-to-swap", edited(&pay, KIND, &[3]), "WrongKind"),
        case("payment-mint-altered", edited(&pay, MINT, &other().mint), "WrongKeyset"),
        case("payment-keyset-altered", edited(&pay, KEYSET, &later().keyset), "WrongKeyset"),
        case("payment-of-another-keyset", elsewhere.clone(), "WrongKeyset"),
        case("payment-moved-to-another-keyset", edited(&elsewhere, KEYSET, &world.keyset), "InvalidToken"),
    ]
}

/// Tokens that the mint did not sign like this, all authorized by who holds their coin keys.
fn signatures() -> Vec<Case> {
    let world = world();
    let pay = world.payment(PAY, world.coins(60, 37));
    let paying = |change: &dyn Fn(&mut Vec<Coin>)| {
        let mut coins = world.coins(60, 37);
        change(&mut coins);
        authorized(&world.statement(PAY, coins))
    };
    let resigned = |signer: &World, d: u8| {
        // Another signature over the same P.
        let place = signer.place(61, 0, d);
        let P = G * world.coins(60, 37)[1].secret;
        Trace::sign(&place, signer.xs[usize::from(d)], &P, [7_u8, 8, 9].map(Scalar::from))
    };
    let moved = |d: u8| paying(&|coins| coins[2].trace.d = d);
    vec![
        case("token-z-altered", paying(&|coins| coins[0].trace.z_bar += Scalar::ONE), "InvalidToken"),
        case("token-y-altered", paying(&|coins| coins[0].trace.y_bar += Scalar::ONE), "InvalidToken"),
        case("token-y-negated", paying(&|coins| coins[0].trace.y_bar = -coins[0].trace.y_bar), "InvalidToken"),
        case("token-R-altered", paying(&|coins| coins[0].trace.R = enc(&G)), "InvalidToken"),
        case("token-P-altered", paying(&|coins| other_coin_key(&mut coins[0])), "InvalidToken"),
        case(
            "token-signature-of-another-token",
            paying(&|coins| {
                let (z, y, R) = (coins[1].trace.z_bar, coins[1].trace.y_bar, coins[1].trace.R);
                (coins[0].trace.z_bar, coins[0].trace.y_bar, coins[0].trace.R) = (z, y, R);
            }),
            "InvalidToken",
        ),
        case("token-as-higher-denomination", moved(6), "InvalidToken"),
        case("token-as-lower-denomination", moved(3), "InvalidToken"),
        case("token-of-unknown-denomination", moved(8), "UnknownDenomination"),
        case("token-signed-by-another-mint", paying(&|coins| coins[1].trace = resigned(other(), 2)), "InvalidToken"),
        case("token-signed-for-another-keyset", paying(&|coins| coins[1].trace = resigned(later(), 2)), "InvalidToken"),
        case(
            "token-with-two-errors-that-cancel",
            paying(&|coins| {
                coins[0].trace.z_bar += Scalar::ONE;
                coins[1].trace.z_bar -= Scalar::ONE;
            }),
            "InvalidToken",
        ),
        // The signature is good, yet not the one that was authorized.
        case(
            "payment-signature-exchanged",
            edited(&pay, TOKENS + TOKEN, &resigned(world, 2).token()),
            "InvalidAuthorization",
        ),
    ]
}

fn other_coin_key(coin: &mut Coin) {
    coin.secret = Scalar::from(99_u8);
    coin.trace.P = enc(&(G * coin.secret));
}

/// Authorizations by who does not hold every coin key.
fn proofs() -> Vec<Case> {
    let world = world();
    let pay = world.payment(PAY, world.coins(60, 37));
    let sibling = world.payment(PAY, world.coins(62, 37));
    let end = pay.len();
    let statement = |change: &dyn Fn(&mut Statement)| {
        let mut statement = world.statement(PAY, world.coins(60, 37));
        change(&mut statement);
        authorized(&statement)
    };
    let token = |payment: &[u8], i: usize| payment[TOKENS + i * TOKEN..TOKENS + (i + 1) * TOKEN].to_vec();
    // K chosen after the fact: with e_j computed for another K, s = Σ e_j p_j and K = 0·G + … do not fit.
    let honest = world.statement(PAY, world.coins(60, 37)).authorize(nonce(b"k"));
    let other_K = spliced(&honest.bytes, end - 64, 32, &enc(&(G * (honest.k + Scalar::ONE))));
    let shifted = edited(&other_K, end - 32, (honest.s + Scalar::ONE).as_bytes());
    vec![
        case("payment-coin-key-unknown", statement(&|s| s.coins[2].secret += Scalar::ONE), "InvalidAuthorization"),
        case(
            "payment-coin-keys-that-only-add-up",
            statement(&|s| {
                s.coins[0].secret += Scalar::ONE;
                s.coins[1].secret -= Scalar::ONE;
            }),
            "InvalidAuthorization",
        ),
        case("payment-token-exchanged", edited(&pay, TOKENS, &token(&sibling, 0)), "InvalidAuthorization"),
        case("payment-authorization-of-another", edited(&pay, end - 64, &sibling[end - 64..]), "InvalidAuthorization"),
        case("payment-s-altered", edited(&pay, end - 32, &[pay[end - 32] ^ 1]), "InvalidAuthorization"),
        case("payment-K-altered", edited(&pay, end - 64, &enc(&G)), "InvalidAuthorization"),
        case("payment-K-and-s-shifted", shifted, "InvalidAuthorization"),
    ]
}

/// Authorizations bound to something else than the verifier knows.
fn bindings() -> Vec<Case> {
    let world = world();
    let document = hex(world.document_bytes());
    let (mine, theirs) = (hex(world.q.as_bytes()), hex(other().q.as_bytes()));
    let locked = |change: &dyn Fn(&mut Statement)| {
        let mut statement = world.statement(LOCKED, world.locked_coins(63, 37));
        change(&mut statement);
        authorized(&statement)
    };
    let honest = locked(&|_| {});
    let swap = |binding: Vec<u8>| authorized(&Statement { binding, ..swap_statement(world.coins(64, 37)) });
    let renewed = swap(cat(&[&[1], &DIGEST]));
    let E = TOKENS + 3 * TOKEN;
    let exchanged = edited(&edited(&honest, E, &honest[E + 32..E + 64]), E + 32, &honest[E..E + 32]);
    let elsewhere = locked(&|s| {
        s.coins = (0..3).zip([0, 2, 5]).map(|(i, d)| world.locked_coin(65, i, d, &other().Q)).collect();
        s.binding = cat(&[&[2], &enc(&other().Q)]);
    });
    let locked_case = |reason, refused: Vec<u8>, error| {
        Case::new(reason, "verify payment", &honest, refused, error).with(json!({ "document": document, "q": mine }))
    };
    let swap_case = |reason, refused: Vec<u8>, error| {
        let with = json!({ "document": document, "D": hex(DIGEST) });
        Case::new(reason, "verify payment", &renewed, refused, error).with(with)
    };
    let pay = world.payment(PAY, world.coins(60, 37));
    let to_theirs = json!({ "document": document, "q": theirs });
    vec![
        locked_case(
            "locked-bound-to-another-recipient",
            locked(&|s| s.binding = cat(&[&[2], &enc(&other().Q)])),
            "InvalidAuthorization",
        ),
        locked_case("locked-bound-to-nothing", locked(&|s| s.binding = vec![0]), "InvalidAuthorization"),
        locked_case("locked-E-exchanged", exchanged, "NotLockedToRecipient"),
        locked_case("locked-E-altered", edited(&honest, E, &enc(&G)), "NotLockedToRecipient"),
        locked_case("locked-to-another-recipient", elsewhere.clone(), "NotLockedToRecipient"),
        Case::new("locked-opened-by-another-recipient", "verify payment", elsewhere, &honest, "NotLockedToRecipient")
            .with(to_theirs),
        locked_case(
            "locked-by-who-does-not-know-t",
            locked(&|s| s.coins[1].secret = Scalar::from(5_u8)),
            "InvalidAuthorization",
        ),
        locked_case(
            "locked-with-p-in-place-of-t",
            locked(&|s| s.coins.iter_mut().for_each(|c| c.secret += world.q)),
            "InvalidAuthorization",
        ),
        locked_case("pay-where-only-locked-is-taken", pay.clone(), "WrongKind"),
        case("locked-where-only-pay-is-taken", honest.clone(), "WrongKind"),
        swap_case("swap-bound-to-another-issuance", swap(cat(&[&[1], &[0xd2; 32]])), "InvalidAuthorization"),
        swap_case("swap-bound-to-nothing", swap(vec![0]), "InvalidAuthorization"),
        swap_case("pay-where-only-swap-is-taken", pay, "WrongKind"),
        case("swap-where-only-pay-is-taken", renewed.clone(), "WrongKind"),
        swap_case("swap-kind-altered-to-pay", edited(&renewed, KIND, &[PAY]), "WrongKind"),
        case(
            "swap-passed-off-as-pay",
            edited(&world.payment(SWAP, world.coins(66, 37)), KIND, &[PAY]),
            "InvalidAuthorization",
        ),
    ]
}
