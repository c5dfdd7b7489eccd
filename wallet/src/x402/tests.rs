//! Demands and answers, well-formed and otherwise.

use data_encoding::BASE64;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Wire, to_base64url};
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{HttpBinding, KeysetId, PaymentId, RequestNonce};
use farthing_protocol::keyset::{ChainHead, Redemption};
use farthing_protocol::receipt::ReceiptDraft;
use farthing_protocol::request::{AcceptedMint, Invoice, InvoiceDraft, PaymentRequest};
use serde_json::{Value, json};

use super::*;

mod properties;
mod vectors;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_030);
const URL: &str = "https://shop.example/tea?cups=2";

fn mint() -> MintId {
    MintId::from_bytes([7; 32])
}

fn payee() -> Keypair {
    Keypair::from_secret(&[9; 32])
}

fn eur() -> Unit {
    Unit::new("EUR", 2).unwrap()
}

fn known() -> Vec<Known> {
    vec![Known { mint: mint(), usable: true, units: vec![(eur(), Redemption::Open)] }]
}

fn entry() -> Value {
    json!({
        "scheme": "exact",
        "network": mint().network(),
        "amount": "5",
        "asset": "EUR",
        "payTo": PayeeKey::from(&payee()).to_text(),
        "maxTimeoutSeconds": 60,
        "extra": {"name": "Euro"},
    })
}

fn demand_of(accepts: &Value) -> Value {
    json!({"x402Version": 2, "error": "Payment required", "resource": {"url": URL}, "accepts": accepts})
}

fn encoded(json: &Value) -> String {
    BASE64.encode(json.to_string().as_bytes())
}

fn read(json: &Value) -> Result<Demand, DemandError> {
    Demand::read([encoded(json).as_bytes()]).map(Option::unwrap)
}

fn seen() -> Seen<'static> {
    Seen { request: Some(SeenRequest { method: "GET", url: URL, body: b"" }), now: NOW }
}

fn chosen(entries: &Value) -> Result<Vec<Choice>, DemandError> {
    choose(&read(&demand_of(entries))?, &known(), &seen())
}

/// The reason of the only entry.
fn reason(entry: Value) -> Unusable {
    match chosen(&json!([entry])) {
        Err(DemandError::Unusable(reasons)) => reasons[0],
        other => panic!("{other:?}"),
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut entry = entry();
    entry[field] = value;
    entry
}

fn invoice(change: impl FnOnce(&mut InvoiceDraft)) -> Invoice {
    let head = ChainHead { sequence: 0, keyset: KeysetId::from_bytes([3; 32]) };
    let mut draft = InvoiceDraft {
        payee: PayeeKey::from(&payee()),
        amount: Amount::new(5).unwrap(),
        unit: eur(),
        mints: vec![AcceptedMint { mint: mint(), head }],
        nonce: RequestNonce::from_bytes([1; 16]),
        expires_at: NOW.plus(60),
        reusable: false,
        memo: None,
        endpoint: None,
        http: Some(HttpBinding::new("GET", URL, b"")),
    };
    change(&mut draft);
    draft.sign(&payee()).unwrap()
}

fn with_invoice(invoice: &Invoice) -> Value {
    with("extra", json!({"invoice": invoice}))
}

#[test]
fn an_offer_is_made_of_the_fields_of_an_entry() {
    let choices = chosen(&json!([entry()])).unwrap();
    let [choice] = choices.as_slice() else { panic!("{choices:?}") };
    let nonce = RequestNonce::from_bytes([4; 16]);
    let Some(PaymentRequest::Offer(offer)) = choice.request("https://shop.example/tea", nonce, NOW) else {
        panic!("an offer")
    };
    let draft = offer.draft();
    assert_eq!((draft.mint, draft.payee, draft.amount.units()), (mint(), PayeeKey::from(&payee()), 5));
    assert_eq!((draft.asset.as_str(), draft.timeout_seconds, draft.nonce), ("EUR", 60, nonce));
    // The next full minute, so that the whole time-out is left.
    assert_eq!(draft.offered_at.seconds(), 1_800_000_060);
    assert_eq!(offer.expires_at().seconds(), 1_800_000_120);
    let on_the_minute = choice.request("", nonce, UnixTime::from_seconds(1_800_000_060)).unwrap();
    assert_eq!(on_the_minute.expires_at().seconds(), 1_800_000_120);
}

#[test]
fn each_field_of_an_entry_is_judged() {
    let field = Unusable::Field;
    for scheme in [json!("upto"), json!(1), Value::Null] {
        assert_eq!(reason(with("scheme", scheme)), Unusable::NotFarthing);
    }
    for network in [json!("eip155:8453"), json!("farthing"), json!(7), Value::Null] {
        assert_eq!(reason(with("network", network)), Unusable::NotFarthing);
    }
    let name = mint().network();
    let other_case = name.replace("Bwc", "bwC");
    for network in ["farthing:", &name[..name.len() - 1], &format!("{name}A"), &format!("{}+", &name[..40])] {
        assert_eq!(reason(with("network", json!(network))), field(Field::Network), "{network}");
    }
    for network in [other_case, MintId::from_bytes([8; 32]).network()] {
        assert_eq!(reason(with("network", json!(network))), Unusable::UnknownMint);
    }
    let amounts = ["", "0", "-1", "+5", "05", "5.0", "5 ", "٥", "0x5", "1e3", "9223372036854775808"];
    for amount in amounts.map(Value::from).into_iter().chain([json!(5), Value::Null]) {
        assert_eq!(reason(with("amount", amount.clone())), field(Field::Amount), "{amount}");
    }
    for asset in [json!(""), json!("E U R"), json!("ABCDEFGHIJKLMNOPQ"), json!(1), Value::Null] {
        assert_eq!(reason(with("asset", asset)), field(Field::Asset));
    }
    assert_eq!(reason(with("asset", json!("eur"))), Unusable::Unit);
    let key = PayeeKey::from(&payee()).to_text();
    for pay_to in [json!(""), json!(format!("{key}=")), json!(key[..42]), json!("0x209693Bc6afc0C5328bA"), json!(1)] {
        assert_eq!(reason(with("payTo", pay_to)), field(Field::PayTo));
    }
    for seconds in [json!(0), json!(-1), json!(1.5), json!("60"), json!(4_294_967_296_u64), Value::Null] {
        assert_eq!(reason(with("maxTimeoutSeconds", seconds)), field(Field::MaxTimeoutSeconds));
    }
    for entry in [json!([]), json!("exact"), Value::Null, json!(["exact", mint().network()]), json!({})] {
        assert_eq!(reason(entry), Unusable::NotFarthing);
    }
    // Whatever else is in it does not matter.
    assert_eq!(chosen(&json!([with("more", json!({"a": [1]}))])).unwrap().len(), 1);
    assert_eq!(chosen(&json!([with("extra", Value::Null)])).unwrap().len(), 1);
}

#[test]
fn only_mints_that_are_confirmed_are_paid_with_and_units_are_clear() {
    let demand = read(&demand_of(&json!([entry()]))).unwrap();
    let judge = |known: Vec<Known>| match choose(&demand, &known, &seen()) {
        Err(DemandError::Unusable(reasons)) => reasons[0],
        other => panic!("{other:?}"),
    };
    let known_as = |usable, units| vec![Known { mint: mint(), usable, units }];
    assert_eq!(judge(Vec::new()), Unusable::UnknownMint);
    assert_eq!(judge(known_as(false, vec![(eur(), Redemption::Open)])), Unusable::Mint);
    assert_eq!(judge(known_as(true, Vec::new())), Unusable::Unit);
    // Of the same code with other decimals: nobody knows what is meant.
    let other = Unit::new("EUR", 3).unwrap();
    assert_eq!(judge(known_as(true, vec![(eur(), Redemption::Open), (other, Redemption::Open)])), Unusable::Unit);
    let stranger = PayeeKey::from_bytes([5; 32]);
    assert_eq!(judge(known_as(true, vec![(eur(), Redemption::Closed(stranger))])), Unusable::Unit);
    // Two chains of one unit are one unit.
    let own = Redemption::Closed(PayeeKey::from(&payee()));
    let both = known_as(true, vec![(eur(), Redemption::Open), (eur(), own)]);
    assert_eq!(choose(&demand, &both, &seen()).unwrap().len(), 1);
    // Two mints whose ids begin alike have one name, so that neither is meant.
    let mut twin = [7; 32];
    twin[31] = 8;
    let mut twins = known();
    twins.push(Known { mint: MintId::from_bytes(twin), usable: true, units: vec![(eur(), Redemption::Open)] });
    assert_eq!(judge(twins), Unusable::UnknownMint);
}

#[test]
fn of_several_entries_those_that_can_be_paid_are_kept_in_order() {
    let foreign = with("network", json!("eip155:8453"));
    let entries = json!([foreign, with("amount", json!("7")), with("asset", json!("USD")), entry()]);
    let amounts: Vec<u64> = chosen(&entries).unwrap().iter().map(|choice| choice.amount.units()).collect();
    assert_eq!(amounts, [7, 5]);
    // The reason told is that of the entry that came nearest.
    let error = chosen(&json!([with("asset", json!("USD")), with("network", json!("eip155:1"))])).unwrap_err();
    assert!(error.to_string().ends_with("the mint has no such unit that this payee could be paid in"), "{error}");
}

#[test]
fn an_invoice_is_paid_only_if_it_is_bound_to_the_request() {
    let good = invoice(|_| {});
    let choices = chosen(&json!([with_invoice(&good)])).unwrap();
    let request = choices[0].request("", RequestNonce::from_bytes([0; 16]), NOW);
    assert_eq!(request, Some(PaymentRequest::Invoice(good.clone())));

    let bad = |invoice: &Invoice| match reason(with_invoice(invoice)) {
        Unusable::Invoice(bad) => bad,
        other => panic!("{other:?}"),
    };
    let bindings = [
        None,
        Some(HttpBinding::new("POST", URL, b"")),
        Some(HttpBinding::new("GET", "https://shop.example/tea", b"")),
        Some(HttpBinding::new("GET", URL, b"x")),
    ];
    for http in bindings {
        assert_eq!(bad(&invoice(|draft| draft.http = http)), BadInvoice::Binding);
    }
    assert_eq!(bad(&invoice(|draft| draft.amount = Amount::new(6).unwrap())), BadInvoice::Differs);
    assert_eq!(bad(&invoice(|draft| draft.unit = Unit::new("EUR", 3).unwrap())), BadInvoice::Differs);
    assert_eq!(bad(&invoice(|draft| draft.mints[0].mint = MintId::from_bytes([8; 32]))), BadInvoice::Differs);
    assert_eq!(bad(&invoice(|draft| draft.expires_at = NOW)), BadInvoice::Expired);
    // Another payee than the entry's.
    let mut other = with_invoice(&good);
    other["payTo"] = json!(PayeeKey::from_bytes([5; 32]).to_text());
    assert_eq!(reason(other), Unusable::Invoice(BadInvoice::Differs));
    // Signed by somebody else, or damaged.
    let mut bytes = good.to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(bad(&Invoice::from_bytes(&bytes).unwrap()), BadInvoice::Signature);
    for damaged in [json!(""), json!(7), json!("AQ"), json!({})] {
        let entry = with("extra", json!({ "invoice": damaged }));
        assert_eq!(reason(entry), Unusable::Invoice(BadInvoice::Malformed));
    }
}

#[test]
fn malformed_demands_are_named() {
    let error = |json: &Value| read(json).unwrap_err();
    for version in [json!(1), json!("2"), json!(2.5), json!(3), Value::Null] {
        let mut demand = demand_of(&json!([entry()]));
        demand["x402Version"] = version;
        assert_eq!(error(&demand), DemandError::Version);
    }
    assert_eq!(error(&json!({"accepts": [entry()]})), DemandError::Json);
    assert_eq!(error(&json!([2])), DemandError::Json);
    assert_eq!(error(&demand_of(&json!({}))), DemandError::Json);
    assert_eq!(error(&demand_of(&json!([]))), DemandError::Entries);
    assert_eq!(error(&demand_of(&json!(vec![json!(1); Demand::MAX_ENTRIES + 1]))), DemandError::Entries);
    assert_eq!(error(&json!({"x402Version": 2})), DemandError::Entries);

    let good = encoded(&demand_of(&json!([entry()])));
    let of = |value: &str| Demand::read([value.as_bytes()]).map(drop);
    assert_eq!(of(&good), Ok(()));
    let unpadded = encoded(&json!({"x402Version": 2, "accepts": [entry()], "error": "four"}));
    assert!(unpadded.ends_with('='), "the test needs padding");
    assert_eq!(of(unpadded.trim_end_matches('=')), Err(DemandError::Encoding));
    for bad in ["{}", "e30 ", " e30=", "e30-"] {
        assert_eq!(of(bad), Err(DemandError::Encoding), "{bad:?}");
    }
    assert_eq!(of(""), Err(DemandError::Json));
    assert_eq!(of("e30=e30="), Err(DemandError::Json));
    assert_eq!(of(&BASE64.encode(&[0xff, 0xfe])), Err(DemandError::Json));
    assert_eq!(of(&"A".repeat(encoding::MAX_HEADER + 4)), Err(DemandError::TooLarge));
    assert_eq!(of(&BASE64.encode("[".repeat(20_000).as_bytes())), Err(DemandError::Json));
    assert_eq!(Demand::read([good.as_bytes(), good.as_bytes()]).map(drop), Err(DemandError::Repeated));
    assert!(matches!(Demand::read([]), Ok(None)));
}

#[test]
fn what_a_server_says_is_made_presentable() {
    let mut demand = demand_of(&json!([entry()]));
    demand["error"] = json!(format!("no\u{1b}[31m \u{202e}way\n{}", "x".repeat(1000)));
    let error = read(&demand).unwrap().error.unwrap();
    assert!(error.starts_with("no[31m wayxxx") && error.chars().count() == 200, "{error}");
    demand["error"] = json!({"code": 1});
    assert_eq!(read(&demand).unwrap().error, None);
}

/// The bytes of entry, resource and extensions are sent back as they came, whatever a parser would make of them.
#[test]
fn what_came_is_sent_back_verbatim() {
    let network = mint().network();
    let key = PayeeKey::from(&payee()).to_text();
    let entry = format!(
        "{{ \"extra\" : {{\"z\":1.0,\"a\":1e2, \"u\":\"\\u00fc\"}},\n\"payTo\":\"{key}\",\"scheme\":\"exact\",\"amount\":\"5\",\
         \"asset\":\"EUR\",\"maxTimeoutSeconds\":60,\"network\":\"{network}\"}}"
    );
    let resource = r#"{"mimeType":"text/plain" , "url":"https:\/\/shop.example\/"}"#;
    let extensions = r#"{"payment-identifier":{"info":{"required":false},"schema":{}}}"#;
    let json = format!(
        r#"{{"x402Version":2,"resource":{resource},"accepts":[{entry}],"extensions":{extensions},"later":[true]}}"#
    );
    let demand = Demand::read([BASE64.encode(json.as_bytes()).as_bytes()]).unwrap().unwrap();
    let choices = choose(&demand, &known(), &seen()).unwrap();
    let template = Template::new(&demand, &choices[0]);
    let stencil = template.header(&payload()).unwrap();
    let sent = String::from_utf8(BASE64.decode(stencil.as_bytes()).unwrap()).unwrap();
    let payload = serde_json::to_string(&payload()).unwrap();
    assert_eq!(
        sent,
        format!(
            r#"{{"x402Version":2,"resource":{resource},"accepted":{entry},"payload":{payload},"extensions":{extensions}}}"#
        )
    );
    // What was not there is not sent.
    let demand = read(&json!({"x402Version": 2, "accepts": [self::entry()]})).unwrap();
    let choices = choose(&demand, &known(), &seen()).unwrap();
    let header = Template::new(&demand, &choices[0]).header(&self::payload()).unwrap();
    let sent: Value = serde_json::from_slice(&BASE64.decode(header.as_bytes()).unwrap()).unwrap();
    let fields: Vec<&String> = sent.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["accepted", "payload", "x402Version"]);
}

/// A payment of the vectors of the specification, with an offer.
fn payload() -> farthing_protocol::api::PayRequest {
    let vectors: Value = serde_json::from_str(include_str!("../../../docs/independent/vectors.json")).unwrap();
    let payment = find_payment(&vectors).unwrap();
    let choices = chosen(&json!([entry()])).unwrap();
    let request = choices[0].request("https://shop.example/tea", RequestNonce::from_bytes([4; 16]), NOW).unwrap();
    farthing_protocol::api::PayRequest { payment, request }
}

/// The first string anywhere in it that is the hexadecimal of a payment.
fn find_payment(value: &Value) -> Option<farthing_protocol::payment::Payment> {
    match value {
        Value::String(text) => {
            let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
            farthing_protocol::payment::Payment::from_bytes(&bytes).ok()
        }
        Value::Array(list) => list.iter().find_map(find_payment),
        Value::Object(map) => map.values().find_map(find_payment),
        _ => None,
    }
}

#[test]
fn the_length_of_the_header_is_known_before_anything_is_reserved() {
    let payload = payload();
    let amount = payload.payment.amount();
    let demand = read(&demand_of(&json!([with("amount", json!(amount.units().to_string()))]))).unwrap();
    let choices = choose(&demand, &known(), &seen()).unwrap();
    let template = Template::new(&demand, &choices[0]);
    assert_eq!(template.length(&payload.request).unwrap(), template.header(&payload).unwrap().len());
    // However many tokens, a short entry leaves room for them; a long one may not.
    let most = Amount::MAX.units().to_string();
    let mut entry = with("amount", json!(most));
    let demand = read(&demand_of(&json!([entry]))).unwrap();
    let choices = choose(&demand, &known(), &seen()).unwrap();
    assert!(Template::new(&demand, &choices[0]).length(&payload.request).unwrap() < MAX_HEADERS);
    entry["extra"] = json!("x".repeat(1000));
    let demand = read(&demand_of(&json!([entry]))).unwrap();
    let choices = choose(&demand, &known(), &seen()).unwrap();
    assert!(Template::new(&demand, &choices[0]).length(&payload.request).unwrap() > MAX_HEADERS);
}

fn settled(json: &Value) -> Verdict {
    judge(200, [encoded(json).as_bytes()], &mint().network(), Amount::new(5).unwrap())
}

fn success() -> Value {
    json!({"success": true, "payer": "anonymous", "transaction": "x", "network": mint().network(), "amount": "5"})
}

fn changed(mut json: Value, field: &str, value: Value) -> Value {
    json[field] = value;
    json
}

#[test]
fn an_answer_says_that_a_payment_was_settled_or_refused_or_nothing() {
    let said = |status, response: Option<&Value>| {
        let response = response.map(encoded);
        judge(status, response.iter().map(String::as_bytes), &mint().network(), Amount::new(5).unwrap())
    };
    let failed = json!({"success": false, "errorReason": "double_spend", "errorMessage": "A token was spent.",
        "transaction": "", "network": mint().network()});
    for status in [200, 204, 301, 307, 402, 404, 500, 503] {
        assert!(matches!(said(status, Some(&success())), Verdict::Settled(_)), "{status}");
        match said(status, Some(&failed)) {
            Verdict::Refused(Some(why)) => assert_eq!(why.why(), Some("A token was spent.")),
            other => panic!("{status}: {other:?}"),
        }
    }
    assert_eq!(said(402, None), Verdict::Refused(None));
    for status in [200, 204, 302, 307, 400, 404, 500, 502, 503] {
        assert_eq!(said(status, None), Verdict::Open, "{status}");
    }
    // Whoever does not know yet, says so under 402.
    let pending = json!({"success": false, "errorReason": "settlement_pending", "transaction": "x", "network": "y"});
    assert_eq!(said(402, Some(&pending)), Verdict::Open);
}

#[test]
fn a_settlement_that_makes_no_sense_says_nothing() {
    assert!(matches!(settled(&success()), Verdict::Settled(_)));
    for bad in [
        changed(success(), "success", json!("true")),
        changed(success(), "success", Value::Null),
        changed(success(), "network", Value::Null),
        changed(success(), "network", json!(MintId::from_bytes([8; 32]).network())),
        changed(success(), "amount", json!("6")),
        changed(success(), "amount", json!(5)),
        changed(success(), "amount", json!("5.0")),
        json!([]),
        json!("success"),
    ] {
        assert_eq!(settled(&bad), Verdict::Open, "{bad}");
    }
    let good = encoded(&success());
    let twice = judge(200, [good.as_bytes(), good.as_bytes()], &mint().network(), Amount::new(5).unwrap());
    assert_eq!(twice, Verdict::Open);
    assert_eq!(judge(402, [b"{}".as_slice()], &mint().network(), Amount::new(5).unwrap()), Verdict::Refused(None));
    for fine in [
        changed(success(), "amount", Value::Null),
        changed(success(), "amount", json!("")),
        changed(success(), "transaction", Value::Null),
        changed(success(), "receipt", json!("no receipt")),
        changed(success(), "more", json!([1])),
    ] {
        assert!(matches!(settled(&fine), Verdict::Settled(_)), "{fine}");
    }
}

#[test]
fn a_receipt_is_read_and_texts_are_cut() {
    let receipt = ReceiptDraft {
        payment: PaymentId::from_bytes([1; 32]),
        payee: PayeeKey::from(&payee()),
        amount: Amount::new(5).unwrap(),
        accepted_at: NOW,
        head: ChainHead { sequence: 0, keyset: KeysetId::from_bytes([3; 32]) },
    }
    .sign(&payee())
    .unwrap();
    let json = changed(success(), "receipt", json!(to_base64url(&receipt.to_bytes())));
    let json = changed(json, "errorMessage", json!("ü".repeat(300)));
    let Verdict::Settled(settlement) = settled(&json) else { panic!("settled") };
    assert_eq!(settlement.receipt, Some(receipt));
    let passed_on = changed(success(), "extra", json!({"receipt": to_base64url(&receipt.to_bytes())}));
    let Verdict::Settled(other) = settled(&passed_on) else { panic!("settled") };
    assert_eq!(other.receipt, Some(receipt));
    assert_eq!(settlement.message.as_deref().map(str::len), Some(400));
    assert_eq!(format!("{settlement:?}"), "Settlement { success: true, .. }");
}
