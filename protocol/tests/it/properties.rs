//! What holds for every input: one tweak to a valid object is never accepted, whatever is accepted is canonical, and
//! nothing panics.

use std::sync::LazyLock;

use farthing_protocol::amount::{Amount, Denomination, Unit, UnixTime};
use farthing_protocol::api::{AccountQuery, PayoutRequest, PermitRequest, QuoteRequest, SettingsRequest};
use farthing_protocol::archive::{ArchiveIndex, IssuanceFile, SpentFilter};
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::IssuanceDigest;
use farthing_protocol::issuance::{Funding, IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{ChainHead, Keyset, KeysetDocument, KeysetList, Misconduct};
use farthing_protocol::locked::{LockKey, Recipient};
use farthing_protocol::payment::{
    AuthenticPayment, CheckBinding, Payment, PaymentCheck, PaymentError, PaymentKind, verify_payment, verify_payments,
};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest, TransferRequest};
use farthing_protocol::shape::Shape;
use farthing_protocol::text::TextForm;
use farthing_protocol::token::TextToken;
use farthing_protocol::voucher::VoucherCode;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::reference::enc;
use crate::reference::payment::{LOCKED, PAY, RECOUP};
use crate::reference::world::world;
use crate::vectors::archive;
use crate::vectors::funding::{quote_body, signed_quote};
use crate::vectors::issuance::{account_request, swap_issuance, voucher_request};
use crate::vectors::part;
use crate::vectors::payments::{DIGEST, swap_statement};
use crate::vectors::requests::{
    TIME_CODE, invoice_body, limit_change, payout_body, payout_purpose, permit_body, query_bytes, receipt_bytes,
    settings_body, signed_invoice, signed_payout, signed_permit, signed_settings, signed_transfer, text_token,
    transfer_body, two_mints,
};

/// One change to the bytes of a valid object.
#[derive(Clone, Debug)]
enum Tweak {
    FlipBit(Index, u8),
    SetByte(Index, u8),
    Truncate(Index),
    Extend(Vec<u8>),
    Insert(Index, u8),
    Remove(Index),
    /// Another kind, tag or version in one of the first two bytes.
    Kind(bool, u8),
    /// A field of 1, 8, 32, 64, 97 or 129 bytes taken from another valid object, from the same place.
    Field(Index, usize),
    /// Two stretches of the same object exchanged.
    Exchange(Index, Index, usize),
    /// The token at one place replaced by one of another payment.
    Token(Index, Index),
}

const FIELDS: [usize; 6] = [1, 8, 32, 64, 97, 129];
/// Where the tokens of a payment begin, and how long each is.
const TOKENS: usize = 147;
const TOKEN: usize = 129;

fn tweak() -> impl Strategy<Value = Tweak> {
    let length = || proptest::sample::select(&FIELDS[..]);
    prop_oneof![
        4 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Tweak::FlipBit(at, bit)),
        2 => any::<(Index, u8)>().prop_map(|(at, byte)| Tweak::SetByte(at, byte)),
        1 => any::<Index>().prop_map(Tweak::Truncate),
        1 => proptest::collection::vec(any::<u8>(), 1..200).prop_map(Tweak::Extend),
        1 => any::<(Index, u8)>().prop_map(|(at, byte)| Tweak::Insert(at, byte)),
        1 => any::<Index>().prop_map(Tweak::Remove),
        1 => (any::<bool>(), 0_u8..8).prop_map(|(second, kind)| Tweak::Kind(second, kind)),
        3 => (any::<Index>(), length()).prop_map(|(at, length)| Tweak::Field(at, length)),
        2 => (any::<Index>(), any::<Index>(), length()).prop_map(|(a, b, length)| Tweak::Exchange(a, b, length)),
        2 => any::<(Index, Index)>().prop_map(|(to, from)| Tweak::Token(to, from)),
    ]
}

impl Tweak {
    fn apply(&self, bytes: &[u8], donor: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let fits = |length: usize| bytes.len().min(donor.len()).saturating_sub(length) + 1;
        match self {
            Self::FlipBit(at, bit) => out[at.index(bytes.len())] ^= 1 << bit,
            Self::SetByte(at, byte) => out[at.index(bytes.len())] = *byte,
            Self::Truncate(at) => out.truncate(at.index(bytes.len())),
            Self::Extend(more) => out.extend(more),
            Self::Insert(at, byte) => out.insert(at.index(bytes.len() + 1), *byte),
            Self::Remove(at) => drop(out.remove(at.index(bytes.len()))),
            Self::Kind(second, kind) => out[usize::from(*second)] = *kind,
            Self::Field(at, length) => {
                let at = at.index(fits(*length));
                let end = (at + length).min(bytes.len()).min(donor.len());
                out[at..end].copy_from_slice(&donor[at..end]);
            }
            Self::Exchange(a, b, length) if bytes.len() >= 2 * length => {
                let a = a.index(bytes.len() - 2 * length + 1);
                let b = a + length + b.index(bytes.len() - a - 2 * length + 1);
                out[a..a + length].copy_from_slice(&bytes[b..b + length]);
                out[b..b + length].copy_from_slice(&bytes[a..a + length]);
            }
            Self::Token(to, from) if bytes.len() > TOKENS + TOKEN && donor.len() > TOKENS + TOKEN => {
                let place = |index: &Index, length: usize| TOKENS + TOKEN * index.index((length - TOKENS) / TOKEN);
                let (to, from) = (place(to, bytes.len()), place(from, donor.len()));
                out[to..to + TOKEN].copy_from_slice(&donor[from..from + TOKEN]);
            }
            Self::Exchange(..) | Self::Token(..) => {}
        }
        out
    }
}

static KEYSET: LazyLock<Keyset> = LazyLock::new(|| Keyset::from_bytes(&world().document_bytes()).unwrap());
static LOCK: LazyLock<LockKey> = LazyLock::new(|| part(world().q.as_bytes()));
const SWAP_DIGEST: IssuanceDigest = IssuanceDigest::from_bytes(DIGEST);

/// Valid payments of every kind.
static PAYMENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let world = world();
    vec![
        world.payment(PAY, world.coins(200, 37)),
        world.payment(PAY, world.coins(201, 37)),
        world.payment(PAY, world.coins(202, 255)),
        world.payment(PAY, world.coins(203, 1)),
        world.payment(LOCKED, world.locked_coins(204, 37)),
        world.payment(LOCKED, world.locked_coins(205, 37)),
        swap_statement(world.coins(206, 16)).authorize(crate::reference::world::nonce(b"swap")).bytes,
        swap_statement(world.coins(207, 37)).authorize(crate::reference::world::nonce(b"renew")).bytes,
        world.payment(RECOUP, world.coins(208, 2)),
    ]
});

fn check(payment: Payment) -> PaymentCheck<'static> {
    let binding = match payment.kind() {
        PaymentKind::Pay | PaymentKind::Recoup => CheckBinding::None,
        PaymentKind::Swap => CheckBinding::Issuance(&SWAP_DIGEST),
        PaymentKind::Locked => CheckBinding::Recipient(&LOCK),
    };
    PaymentCheck { payment, keyset: &KEYSET, binding }
}

fn verified(payment: Payment) -> Result<AuthenticPayment, PaymentError> {
    verify_payment(&mut rand::rng(), check(payment))
}

/// Requires that bytes are refused, or are the object's one encoding.
fn canonical<T: Wire>(bytes: &[u8]) -> Option<T> {
    let object = T::from_bytes(bytes).ok()?;
    assert_eq!(object.to_bytes(), bytes, "accepted, and written in another way");
    Some(object)
}

/// Whether a mint would take a request: signatures, shape, funding.
fn takes(request: &IssuanceRequest) -> bool {
    let (terms, Ok(digest)) = (request.terms(), request.verify()) else { return false };
    let outputs: Vec<Denomination> = terms.outputs.iter().map(|output| output.denomination).collect();
    let paid = match request.funding() {
        Funding::Account { .. } | Funding::Voucher { .. } => !terms.shape.is_swap(),
        Funding::Tokens(payment) => {
            let binding = CheckBinding::Issuance(&digest);
            let check = PaymentCheck { payment: payment.as_ref().clone(), keyset: &KEYSET, binding };
            terms.shape.is_swap() && verify_payment(&mut rand::rng(), check).is_ok()
        }
    };
    paid && terms.shape.outputs(&KEYSET).is_ok_and(|expected| expected == outputs)
}

/// Valid objects, two of a kind, and whether bytes are accepted as one.
type Signed = (&'static str, [Vec<u8>; 2], fn(&[u8]) -> bool);

static SIGNED: LazyLock<Vec<Signed>> = LazyLock::new(|| {
    let transfer = |memo, amount| signed_transfer(&transfer_body(&enc(&world().Q), &two_mints(), memo, amount));
    let secret = &world().mint_secret;
    let (mut filter, mut file, mut index) = (archive::filter(), archive::file(), archive::index());
    let archived = [filter.bytes(secret), file.bytes(secret), index.bytes(secret)];
    filter.fingerprints.pop();
    file.records.pop();
    index.times[0] += 1;
    let others = [filter.bytes(secret), file.bytes(secret), index.bytes(secret)];
    let [filter, file, index] = std::array::from_fn(|i| [archived[i].clone(), others[i].clone()]);
    let invoice = |memo, amount| signed_invoice(&invoice_body(&two_mints(), memo, amount));
    vec![
        ("keyset", [world().document_bytes(), crate::reference::world::later().document_bytes()], |bytes| {
            canonical::<KeysetDocument>(bytes).is_some_and(|document| document.verify().is_ok())
        }),
        ("spent filter", filter, |bytes| {
            canonical::<SpentFilter>(bytes).is_some_and(|filter| filter.accept(filter.head()).is_ok())
        }),
        ("issuance file", file, |bytes| {
            canonical::<IssuanceFile>(bytes).is_some_and(|file| file.accept(file.head()).is_ok())
        }),
        ("archive index", index, |bytes| {
            let now = UnixTime::from_seconds(u64::MAX);
            canonical::<ArchiveIndex>(bytes)
                .is_some_and(|index| index.accept(&KEYSET.terms().mint, None, &|_| None, now).is_ok())
        }),
        ("transfer", [transfer("one", 370), transfer("two", 371)], |bytes| {
            canonical::<TransferRequest>(bytes).is_some_and(|request| request.verify().is_ok())
        }),
        ("invoice", [invoice("one", 370), invoice("two", 371)], |bytes| {
            canonical::<Invoice>(bytes).is_some_and(|invoice| invoice.verify().is_ok())
        }),
        ("receipt", [receipt_bytes(), receipt_bytes()], |bytes| {
            canonical::<Receipt>(bytes).is_some_and(|receipt| receipt.verify().is_ok())
        }),
        ("quote request", [signed_quote(&quote_body(370)), signed_quote(&quote_body(371))], |bytes| {
            canonical::<QuoteRequest>(bytes).is_some_and(|request| request.verify(&KEYSET.terms().mint).is_ok())
        }),
        ("payout", [signed_payout(&payout_body("one", 370)), signed_payout(&payout_body("two", 371))], |bytes| {
            canonical::<PayoutRequest>(bytes).is_some_and(|payout| payout.verify(&KEYSET.terms().mint).is_ok())
        }),
        (
            "settings",
            [signed_settings(&settings_body(&[0])), signed_settings(&settings_body(&limit_change(&[0])))],
            |bytes| {
                canonical::<SettingsRequest>(bytes).is_some_and(|request| request.verify(&KEYSET.terms().mint).is_ok())
            },
        ),
        (
            "permit",
            [
                signed_permit(&permit_body(&[1], 370, &TIME_CODE)),
                signed_permit(&permit_body(&payout_purpose(), 371, &TIME_CODE)),
            ],
            |bytes| {
                canonical::<PermitRequest>(bytes).is_some_and(|request| request.verify(&KEYSET.terms().mint).is_ok())
            },
        ),
        ("account query", [query_bytes(), query_bytes()], |bytes| {
            canonical::<AccountQuery>(bytes).is_some_and(|query| query.verify(&KEYSET.terms().mint).is_ok())
        }),
    ]
});

static REQUESTS: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| [account_request().2, voucher_request().2, swap_issuance().2]);
/// Where the seal stands in a request: after version, mint, keyset, shape, issuance and session.
const SEAL: std::ops::Range<usize> = 178..210;

fn pick<'a>(index: &Index, from: &'a [Vec<u8>]) -> &'a Vec<u8> {
    index.get(from)
}

/// Tries bytes as every object there is.
fn as_everything(bytes: &[u8]) {
    canonical::<Payment>(bytes);
    canonical::<KeysetDocument>(bytes);
    canonical::<KeysetList>(bytes);
    canonical::<Misconduct>(bytes);
    canonical::<ChainHead>(bytes);
    canonical::<Invoice>(bytes);
    canonical::<PaymentRequest>(bytes);
    canonical::<Receipt>(bytes);
    canonical::<Recipient>(bytes);
    canonical::<Shape>(bytes);
    canonical::<TextToken>(bytes);
    canonical::<AccountQuery>(bytes);
    canonical::<PayoutRequest>(bytes);
    canonical::<QuoteRequest>(bytes);
    canonical::<VoucherCode>(bytes);
    canonical::<SettingsRequest>(bytes);
    canonical::<PermitRequest>(bytes);
    canonical::<OpenedSession>(bytes);
    canonical::<IssuanceRequest>(bytes);
    canonical::<IssuanceRecord>(bytes);
    canonical::<TransferRequest>(bytes);
    canonical::<SpentFilter>(bytes);
    canonical::<IssuanceFile>(bytes);
    canonical::<ArchiveIndex>(bytes);
}

/// One object of every kind.
static EVERYTHING: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (issuance, funding, _) = swap_issuance();
    let mut all = vec![
        issuance.record(&funding),
        text_token(0, &world().coins(210, 5), "memo"),
        text_token(1, &world().locked_coins(211, 6), ""),
        vec![1, 3, 5],
    ];
    for name in ["chain.json", "locked.json", "offer.json"] {
        let text = std::fs::read_to_string(crate::vectors::folder().join(name)).unwrap();
        let vector = crate::vectors::Vector(serde_json::from_str(&text).unwrap());
        let keys = ["list", "misconduct", "head", "record", "request"];
        let present = keys.iter().filter(|key| vector.0.get(**key).is_some_and(serde_json::Value::is_string));
        all.extend(present.map(|key| vector.bytes(key)));
    }
    all.extend(PAYMENTS.iter().chain(REQUESTS.iter()).cloned());
    all.extend(SIGNED.iter().map(|(_, [object, _], _)| object.clone()));
    all
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn a_tweaked_payment_is_never_accepted(which in any::<Index>(), donor in any::<Index>(), tweak in tweak()) {
        let (bytes, donor) = (pick(&which, &PAYMENTS[..]), pick(&donor, &PAYMENTS[..]));
        prop_assert!(verified(Payment::from_bytes(bytes).unwrap()).is_ok());
        let tweaked = tweak.apply(bytes, donor);
        prop_assume!(!PAYMENTS.contains(&tweaked));
        if let Some(payment) = canonical::<Payment>(&tweaked) {
            prop_assert!(verified(payment).is_err(), "{tweak:?}");
        }
    }

    #[test]
    fn a_tweaked_signed_object_is_never_accepted(which in any::<Index>(), tweak in tweak()) {
        let (name, [object, donor], accepted) = which.get(&SIGNED[..]);
        prop_assert!(accepted(object) && accepted(donor));
        let tweaked = tweak.apply(object, donor);
        prop_assume!(tweaked != *object && tweaked != *donor);
        prop_assert!(!accepted(&tweaked), "{name}: {tweak:?}");
    }

    /// D leaves out the seal, which the mint checks by itself, and the shape, which the outputs must fit.
    #[test]
    fn a_tweaked_issuance_is_never_accepted(which in any::<Index>(), donor in any::<Index>(), tweak in tweak()) {
        let (bytes, donor) = (pick(&which, &REQUESTS[..]), pick(&donor, &REQUESTS[..]));
        prop_assert!(takes(&IssuanceRequest::from_bytes(bytes).unwrap()));
        let mut tweaked = tweak.apply(bytes, donor);
        if tweaked.len() == bytes.len() {
            tweaked[SEAL].copy_from_slice(&bytes[SEAL]);
        }
        prop_assume!(!REQUESTS.contains(&tweaked));
        if let Some(request) = canonical::<IssuanceRequest>(&tweaked) {
            prop_assert!(!takes(&request), "{tweak:?}");
        }
    }

    #[test]
    fn whatever_is_accepted_is_canonical(which in any::<Index>(), donor in any::<Index>(), tweak in tweak()) {
        let tweaked = tweak.apply(pick(&which, &EVERYTHING[..]), pick(&donor, &EVERYTHING[..]));
        as_everything(&tweaked);
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600), versioned: bool, kind in 0_u8..6) {
        if versioned && bytes.len() > 1 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        as_everything(&bytes);
    }

    #[test]
    fn random_texts_never_panic(text in ".{0,80}") {
        prop_assert!(Payment::from_text(&text).is_err());
        let prefixed = format!("farthingpayment1{text}");
        prop_assert!(Payment::from_text(&prefixed).is_err());
        let _ = farthing_protocol::codec::from_base64url(&text).map(|bytes| {
            assert_eq!(farthing_protocol::codec::to_base64url(&bytes), text);
        });
    }

    #[test]
    fn a_damaged_text_is_never_read(at in any::<Index>(), letter in "[ -~]") {
        let payment = Payment::from_bytes(&PAYMENTS[3]).unwrap();
        let text = payment.to_text();
        let at = at.index(text.len());
        let mut damaged = text.clone();
        damaged.replace_range(at..=at, &letter);
        prop_assume!(damaged != text);
        prop_assert!(Payment::from_text(&damaged).is_err());
    }

    #[test]
    fn amounts_are_read_as_they_are_written(units in 0..=Amount::MAX.units(), exponent in 0..=Unit::MAX_EXPONENT) {
        let (unit, amount) = (Unit::new("EUR", exponent).unwrap(), Amount::new(units).unwrap());
        let text = amount.display(&unit);
        prop_assert_eq!(Amount::parse(text.strip_suffix(" EUR").unwrap(), &unit).unwrap(), amount);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(&json, &format!("\"{units}\""));
        prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
        let sum = Amount::checked_sum(amount.digits().into_iter().map(Denomination::value));
        prop_assert_eq!(sum, Some(amount));
    }

    #[test]
    fn amounts_have_one_json_form(text in "[0-9]{1,20}|[ +.e0-9-]{0,5}") {
        if let Ok(amount) = serde_json::from_str::<Amount>(&format!("\"{text}\"")) {
            prop_assert_eq!(amount.units().to_string(), text);
        }
    }

    #[test]
    fn swaps_conserve_value(tag in 3_u8..6, k in 0_u8..63, amount in 0_u64..256) {
        let shape = match tag {
            3 => Shape::Split(Denomination::new(k % 10).unwrap()),
            4 => Shape::Merge(Denomination::new(k % 10).unwrap()),
            _ => Shape::Renew(Amount::new(amount).unwrap()),
        };
        prop_assert!(shape.is_swap());
        if let Ok(outputs) = shape.outputs(&KEYSET) {
            let value = |list: Vec<Denomination>| Amount::checked_sum(list.into_iter().map(Denomination::value));
            prop_assert!(outputs.is_sorted());
            prop_assert_eq!(value(shape.inputs().unwrap()), value(outputs));
        }
    }

    #[test]
    fn withdrawals_make_what_is_asked(amount in 0_u64..300) {
        let outputs = Shape::Withdrawal(Amount::new(amount).unwrap()).outputs(&KEYSET);
        let value = outputs.ok().and_then(|list| Amount::checked_sum(list.into_iter().map(Denomination::value)));
        prop_assert_eq!(value.map(Amount::units), (1..256).contains(&amount).then_some(amount));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is wrong with whichever of them, each gets the verdict it gets alone.
    #[test]
    fn batches_judge_as_single_verification_does(
        members in proptest::collection::vec((any::<Index>(), any::<Index>(), proptest::option::of(tweak())), 0..24),
    ) {
        let payments: Vec<Payment> = members
            .iter()
            .filter_map(|(which, donor, tweak)| {
                let bytes = pick(which, &PAYMENTS[..]);
                let bytes = tweak.as_ref().map_or(bytes.clone(), |tweak| tweak.apply(bytes, pick(donor, &PAYMENTS[..])));
                Payment::from_bytes(&bytes).ok()
            })
            .collect();
        let alone: Vec<_> = payments.iter().cloned().map(verified).collect();
        let together = verify_payments(&mut rand::rng(), payments.into_iter().map(check).collect());
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn every_object_round_trips_as_bytes_json_and_text(which in any::<Index>()) {
        let bytes = pick(&which, &PAYMENTS[..]);
        let payment = Payment::from_bytes(bytes).unwrap();
        prop_assert_eq!(&payment.to_bytes(), bytes);
        prop_assert_eq!(&Payment::from_text(&payment.to_text()).unwrap(), &payment);
        let json = serde_json::to_string(&payment).unwrap();
        prop_assert_eq!(serde_json::from_str::<Payment>(&json).unwrap(), payment);
        for bytes in EVERYTHING.iter() {
            as_everything(bytes);
        }
    }
}
