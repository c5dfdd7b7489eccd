//! No secret, serial or payment content is ever printed, and nothing single-use can be copied.

use std::fmt::Debug;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use farthing_protocol::amount::{Amount, Denomination, UnixTime};
use farthing_protocol::api::{
    AccountQuery, Deposit, OpenAnswer, PayRequest, PayoutRequest, PermitRequest, QuoteId, QuoteRequest, RecoupCall,
    SettingsRequest,
};
use farthing_protocol::archive::{IssuanceFile, IssuanceHasher, SpentFilter};
use farthing_protocol::blind::mint::{AuthenticSession, ClaimedSession, OpenedSession, Sessions};
use farthing_protocol::blind::wallet::AwaitingResponse;
use farthing_protocol::blind::{BlindSignature, Challenge, Commitment, Response};
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{BlindingRoot, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::identity::{AccountKey, IssuanceId, Keypair, MintId, VoucherKey};
use farthing_protocol::ids::{Claim, FundingId, HttpBinding, IssuanceDigest, OperationId, PaymentId, RequestHash};
use farthing_protocol::issuance::{Field, FieldKey, IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{SecretKeyset, SigningKey};
use farthing_protocol::locked::{LockKey, LockedCoin, RecipientKey};
use farthing_protocol::payment::{
    Authorization, CheckBinding, Payment, PaymentCheck, PaymentTerms, Witness, verify_payment,
};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::recoup::{BlindingProof, RecoupClaim};
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::token::{CoinKey, Serial, TextToken, Token};
use farthing_protocol::voucher::VoucherCode;

use crate::reference::payment::{LOCKED, PAY};
use crate::reference::world::{NOW, world};
use crate::twins::{context, keyset, secrets, seed};
use crate::vectors::archive;
use crate::vectors::funding::{quote_body, signed_quote, voucher};
use crate::vectors::issuance::{account_request, swap_issuance};
use crate::vectors::part;
use crate::vectors::recoup::record_and_claim;
use crate::vectors::requests::{
    TIME_CODE, invoice_body, limit_change, payout_body, permit_body, query_bytes, receipt_bytes, settings_body,
    signed_invoice, signed_payout, signed_permit, signed_settings, text_token, two_mints,
};

/// Requires that neither form of `{:?}` shows nine bytes of `hidden` in a row, in whichever notation. What everybody
/// knows, the mint's identity and the keyset's id, may be seen.
fn silent(what: &impl Debug, hidden: &[u8]) {
    let public = [world().mint, world().keyset];
    for printed in [format!("{what:?}"), format!("{what:#?}")] {
        let dense: String = printed.split_whitespace().collect();
        for window in hidden.windows(9) {
            let known = public.iter().any(|id| id.windows(9).any(|part| part == window));
            if known || window.iter().all(|byte| *byte == window[0]) {
                continue;
            }
            let decimal: Vec<String> = window.iter().map(u8::to_string).collect();
            let hexadecimal = [HEXLOWER.encode(window), HEXUPPER.encode(window)];
            let base64 = [BASE64URL_NOPAD.encode(window), BASE64.encode(window)];
            for text in hexadecimal.into_iter().chain(base64).chain([decimal.join(",")]) {
                assert!(!dense.contains(&text), "{printed}");
            }
        }
    }
}

/// The same, and that it says that it is silent.
fn redacted(what: &impl Debug, hidden: &[u8]) {
    assert!(format!("{what:?}").contains("<redacted>"), "{what:?}");
    silent(what, hidden);
}

#[test]
fn secrets_print_nothing() {
    let (world, keyset) = (world(), keyset());
    redacted(&seed(), &world.seed);
    let coin = world.coin(330, 0, 5);
    let key: CoinKey = part(coin.secret.as_bytes());
    redacted(&key, coin.secret.as_bytes());
    redacted(&Witness::Coin(&key), coin.secret.as_bytes());
    redacted(&part::<LockKey>(world.q.as_bytes()), world.q.as_bytes());
    redacted(&CheckBinding::Recipient(&part(world.q.as_bytes())), world.q.as_bytes());
    let lock: LockKey = part(world.q.as_bytes());
    let locked = LockedCoin::derive(&seed(), &context(&keyset, 331, 0, 5), lock.public()).unwrap();
    let t = world.locked_coin(331, 0, 5, &world.Q).secret;
    redacted(&locked, t.as_bytes());
    redacted(&Witness::Locked(&locked), t.as_bytes());
    redacted(&secrets(&keyset), &world.secrets());
    let d = Denomination::new(5).unwrap();
    redacted(secrets(&keyset).key(d).unwrap(), world.xs[5].as_bytes());
    redacted(&Keypair::from_secret(&world.payee_secret), &world.payee_secret);
    let number = IssuanceNumber::new(5);
    let issuance = IssuanceContext { mint: MintId::from_bytes(world.mint), keyset: *keyset.id(), number };
    redacted(&seed().field_key(&issuance), &world.place(5, 0, 0).field_key());
    redacted(&seed().issuance_key(&issuance), &world.place(5, 0, 0).issuance_key());
}

#[test]
fn sessions_print_nothing() {
    let (keyset, now) = (keyset(), UnixTime::from_seconds(NOW));
    let mut sessions = Sessions::new(&mut crate::reference::Stream::new("boot"));
    // Whatever the boot key was: nothing of the stream it came from.
    let boot: [u8; 32] = crate::reference::Stream::new("boot").bytes();
    silent(&sessions, &boot);
    let ds = [Denomination::new(5).unwrap()];
    let opened = sessions.open(&mut rand::rng(), keyset.id(), &ds, now);
    silent(&opened, opened.session.as_bytes());
    redacted(&opened.session, opened.session.as_bytes());
    redacted(&opened.seal, opened.seal.as_bytes());
    let authentic = sessions.authenticate(&opened.session, &opened.seal, keyset.id(), &ds, &opened.commitments, now);
    let authentic = authentic.unwrap();
    silent(&authentic, opened.session.as_bytes());
    let claimed = sessions.claim(authentic, vec![part(&[9; 32])], now).unwrap();
    redacted(&claimed, opened.session.as_bytes());
    redacted(&claimed.hash(), claimed.hash().as_bytes());
    silent(&sessions, opened.session.as_bytes());
    silent(&OpenAnswer { opened: OpenedSession::from_bytes(&opened.to_bytes()).unwrap() }, &opened.to_bytes()[1..]);
    let trace = world().coin(332, 0, 5).trace;
    let context = context(&keyset, 332, 0, 5);
    let key = keyset.key(context.denomination).unwrap();
    let (state, challenge) = AwaitingResponse::new(&seed(), &context, key, part(&trace.P), part(&trace.commitment()));
    for hidden in [trace.alpha, trace.r, trace.beta, trace.c] {
        redacted(&state, hidden.as_bytes());
        redacted(&challenge, hidden.as_bytes());
    }
    redacted(&part::<Response>(&trace.response()), &trace.response());
    redacted(&part::<Commitment>(&trace.commitment()), &trace.commitment());
}

#[test]
fn serials_and_payments_print_nothing() {
    let (world, keyset) = (world(), keyset());
    let trace = world.coin(333, 0, 5).trace;
    let token: Token = part(&trace.token());
    silent(&token, &trace.P);
    redacted(&token.coin, &trace.P);
    redacted(&token.signature, &trace.signature());
    redacted(&Serial::new(*keyset.id(), token.coin), &trace.P);
    for kind in [PAY, LOCKED] {
        let coins = if kind == PAY { world.coins(334, 5) } else { world.locked_coins(335, 5) };
        let bytes = world.payment(kind, coins);
        let payment = Payment::from_bytes(&bytes).unwrap();
        silent(&payment, &bytes[66..]);
        redacted(&payment.id(), payment.id().as_bytes());
        redacted(payment.request(), payment.request().as_bytes());
        if kind == PAY {
            let check = PaymentCheck { payment: payment.clone(), keyset: &keyset, binding: CheckBinding::None };
            silent(&check, &bytes[66..]);
            silent(&verify_payment(&mut rand::rng(), check).unwrap(), &bytes[66..]);
        }
        let claim = Claim::from_bytes([0xc1; 32]);
        silent(&Deposit { payment: payment.clone(), claim }, &bytes[66..]);
        let offer =
            PaymentRequest::from_bytes(&[&[1, 2], &crate::vectors::requests::offer_body(37)[..]].concat()).unwrap();
        silent(&PayRequest { payment, request: offer }, &bytes[66..]);
    }
    for (tag, coins) in [(0, world.coins(336, 5)), (1, world.locked_coins(337, 5))] {
        let bytes = text_token(tag, &coins, "a private note");
        let token = TextToken::from_bytes(&bytes).unwrap();
        silent(&token, &bytes[65..]);
        assert!(!format!("{token:?}").contains("private"));
    }
}

#[test]
fn requests_and_records_print_nothing() {
    let invoice = signed_invoice(&invoice_body(&two_mints(), "a private note", 370));
    let read = Invoice::from_bytes(&invoice).unwrap();
    silent(&read, &invoice[1..]);
    assert!(!format!("{read:?}").contains("private"));
    silent(&Receipt::from_bytes(&receipt_bytes()).unwrap(), &receipt_bytes()[1..]);
    let payout = signed_payout(&payout_body("a private note", 370));
    redacted(&PayoutRequest::from_bytes(&payout).unwrap(), &payout[1..]);
    redacted(PayoutRequest::from_bytes(&payout).unwrap().draft(), &payout[1..]);
    let quote = signed_quote(&quote_body(2000));
    redacted(&QuoteRequest::from_bytes(&quote).unwrap(), &quote[1..]);
    redacted(QuoteRequest::from_bytes(&quote).unwrap().draft(), &quote[1..]);
    redacted(&QuoteId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let code = voucher(500, "EUR");
    redacted(&VoucherCode::from_bytes(&code).unwrap(), &code[1..]);
    let settings = signed_settings(&settings_body(&limit_change(&[0])));
    redacted(&SettingsRequest::from_bytes(&settings).unwrap(), &settings[1..]);
    redacted(SettingsRequest::from_bytes(&settings).unwrap().draft(), &settings[1..]);
    let permit = signed_permit(&permit_body(&[1], 370, &TIME_CODE));
    redacted(&PermitRequest::from_bytes(&permit).unwrap(), &permit[1..]);
    redacted(PermitRequest::from_bytes(&permit).unwrap().draft(), &permit[1..]);
    redacted(&AccountQuery::from_bytes(&query_bytes()).unwrap(), &query_bytes()[1..]);
    for (issuance, funding, request) in [account_request(), swap_issuance()] {
        let read = IssuanceRequest::from_bytes(&request).unwrap();
        // What comes before is mint and keyset, which everybody knows.
        silent(&read, &request[65..]);
        silent(read.funding(), &request[65..]);
        silent(read.terms(), &request[74..]);
        silent(&read.funding().source(), &request[65..]);
        silent(&IssuanceRecord::from_bytes(&issuance.record(&funding)).unwrap(), &issuance.record(&funding)[33..]);
    }
}

#[test]
fn the_archive_prints_no_serial_and_no_record() {
    let secret = &world().mint_secret;
    let bytes = archive::file().bytes(secret);
    let file = IssuanceFile::from_bytes(&bytes).unwrap();
    // What comes before is the head: mint, keyset, segment, times, salt, prefix; and the number of records.
    silent(&file, &bytes[106..]);
    silent(&file.records()[0], &bytes[108 + 32..]);
    let hash = IssuanceHasher::new(&file.head().salt).of(file.records()[0].issuance());
    redacted(&hash, hash.as_bytes());
    let filter = SpentFilter::from_bytes(&archive::filter().bytes(secret)).unwrap();
    let prints: Vec<u8> = archive::filter().fingerprints.iter().flat_map(|print| print.to_le_bytes()).collect();
    silent(&filter, &prints);
    assert!(format!("{:?}", filter.fingerprints()[0]).contains("<redacted>"));
}

#[test]
fn claims_print_nothing() {
    let (_, bytes) = record_and_claim();
    let claim = RecoupClaim::from_bytes(&bytes).unwrap();
    // What comes before is mint and keyset, which everybody knows.
    silent(&claim, &bytes[65..]);
    let evidence = &claim.evidence()[0];
    redacted(evidence, &bytes[65..]);
    redacted(&evidence.proof, &bytes[65..]);
    silent(&RecoupCall { claim: RecoupClaim::from_bytes(&bytes).unwrap() }, &bytes[65..]);
}

#[test]
fn ids_that_link_print_nothing() {
    let bytes: [u8; 32] = crate::reference::Stream::new("id").bytes();
    redacted(&PaymentId::from_bytes(bytes), &bytes);
    redacted(&RequestHash::from_bytes(bytes), &bytes);
    redacted(&FundingId::from_bytes(bytes), &bytes);
    redacted(&IssuanceDigest::from_bytes(bytes), &bytes);
    redacted(&Claim::from_bytes(bytes), &bytes);
    redacted(&HttpBinding::from_bytes(bytes), &bytes);
    redacted(&AccountKey::from_bytes(bytes), &bytes);
    redacted(&IssuanceId::from_bytes(bytes), &bytes);
    redacted(&VoucherKey::from_bytes(bytes), &bytes);
    redacted(&OperationId::from_bytes(crate::reference::Stream::new("id").bytes()), &bytes[..16]);
    let field: [u8; 128] = crate::reference::Stream::new("field").bytes();
    redacted(&Field::from_bytes(field), &field);
    let point = crate::reference::enc(&world().Q);
    redacted(&part::<RecipientKey>(&point), &point);
    redacted(&part::<Element>(&point), &point);
}

#[test]
fn errors_never_repeat_their_input() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let error = serde_json::from_str::<Payment>(&format!("\"{secret}\"")).unwrap_err();
    assert!(!error.to_string().contains(secret));
    assert!(error.to_string().starts_with(farthing_protocol::codec::MALFORMED));
    let error = serde_json::from_str::<PaymentId>(&format!("\"{secret}\"")).unwrap_err();
    assert!(!error.to_string().contains(secret));
    let error = serde_json::from_str::<Claim>("\"not base64url: !!secret!!\"").unwrap_err();
    assert!(!error.to_string().contains("secret"));
    let error = serde_json::from_str::<Amount>("\"12345x\"").unwrap_err();
    assert!(!error.to_string().contains("12345"));
}

#[test]
fn the_terms_of_a_payment_print_neither_payee_nor_amount() {
    let payment = Payment::from_bytes(&world().payment(PAY, world().coins(338, 5))).unwrap();
    let terms = PaymentTerms {
        kind: payment.kind(),
        mint: *payment.mint(),
        keyset: *payment.keyset(),
        request: *payment.request(),
        payee: *payment.payee(),
        amount: Amount::new(1_234_567).unwrap(),
    };
    silent(&terms, &world().payee);
    assert!(!format!("{terms:?}").contains("1234567"));
}

/// Fails to compile when a type has the trait: then the call below is ambiguous.
macro_rules! never {
    ($trait:path: $($type:ty),* $(,)?) => {
        $(const _: fn() = || {
            trait AmbiguousIfImplemented<A> {
                fn item() {}
            }
            impl<T: ?Sized> AmbiguousIfImplemented<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> AmbiguousIfImplemented<Implemented> for T {}
            let _ = <$type as AmbiguousIfImplemented<_>>::item;
        };)*
    };
}

never!(Clone: Seed, CoinKey, LockKey, LockedCoin, Keypair, SigningKey, SecretKeyset, FieldKey, BlindingRoot, BlindingProof);
never!(Clone: Sessions, AuthenticSession, ClaimedSession, OpenedSession, AwaitingResponse);
never!(std::fmt::Display: Seed, CoinKey, LockKey, LockedCoin, Keypair, SigningKey, SecretKeyset, FieldKey, Sessions);
never!(std::fmt::Display: ClaimedSession, AwaitingResponse, PaymentId, Claim, Token, Serial, Payment, BlindSignature);
never!(serde::Serialize: Seed, CoinKey, LockKey, LockedCoin, Keypair, SigningKey, SecretKeyset, FieldKey, Sessions);
never!(serde::Serialize: AwaitingResponse, ClaimedSession, AuthenticSession, Authorization, Challenge);
never!(Default: Seed, CoinKey, LockKey, Keypair, SigningKey, SecretKeyset, Sessions, ClaimedSession, AuthenticSession);
