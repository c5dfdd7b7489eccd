//! One exchange, byte for byte.

use super::*;

#[test]
fn the_exchange_of_the_vectors_is_made() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let text = |field: &str| vectors[field].as_str().unwrap();
    let demand = Demand::read([text("payment_required").as_bytes()]).unwrap().unwrap();
    let id = MintId::from_text(text("mint")).unwrap();
    assert_eq!(id.network(), text("network"));
    let units = vec![(Unit::new(text("unit"), 2).unwrap(), Redemption::Open)];
    let request = SeenRequest { method: text("method"), url: text("url"), body: b"" };
    let seen = Seen { request: Some(request), now: NOW };
    let choices = choose(&demand, &[Known { mint: id, usable: true, units }], &seen).unwrap();
    let nonce = RequestNonce::from_text(text("nonce")).unwrap();
    let now = UnixTime::from_seconds(vectors["time"].as_u64().unwrap());
    let request = choices[0].request(text("resource"), nonce, now).unwrap();
    assert_eq!(to_base64url(&request.to_bytes()), text("request"));
    assert_eq!(to_base64url(request.hash().as_bytes()), text("request_hash"));
    let payload = farthing_protocol::api::PayRequest { payment: payload().payment, request };
    assert_eq!(to_base64url(&payload.payment.to_bytes()), text("payment"));
    let header = Template::new(&demand, &choices[0]).header(&payload).unwrap();
    assert_eq!(header, text("payment_signature"));
    let verdict = judge(200, [text("payment_response").as_bytes()], text("network"), Amount::new(5).unwrap());
    assert!(matches!(verdict, Verdict::Settled(settled) if settled.transaction == text("transaction")));
}
