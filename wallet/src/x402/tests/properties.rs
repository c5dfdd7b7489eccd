//! Whatever comes.

use farthing_protocol::request::Offer;
use proptest::prelude::*;

use super::*;

/// Any JSON, of a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "farthing:[A-Za-z0-9_-]{30,34}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Demand::read([bytes.as_slice()]).is_err());
        let encoded = BASE64.encode(&bytes);
        if let Ok(Some(demand)) = Demand::read([encoded.as_bytes()]) {
            prop_assert!(choose(&demand, &known(), &seen()).is_err());
        }
        let verdict = judge(200, [encoded.as_bytes()], &mint().network(), Amount::new(5).unwrap());
        prop_assert_eq!(verdict, Verdict::Open);
    }

    #[test]
    fn whatever_a_field_is_the_choice_is_the_entrys_or_there_is_none(
        field in prop::sample::select(
            vec!["scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds", "extra", "more"]
        ),
        value in any_json(),
    ) {
        let changed = with(field, value);
        match chosen(&json!([changed])) {
            Err(DemandError::Unusable(reasons)) => prop_assert_eq!(reasons.len(), 1),
            Err(error) => prop_assert!(false, "{}", error),
            Ok(choices) => {
                prop_assert_eq!(choices[0].amount.units().to_string(), changed["amount"].as_str().unwrap());
                prop_assert_eq!(choices[0].payee.to_text(), changed["payTo"].as_str().unwrap());
                prop_assert_eq!(choices[0].mint.network(), changed["network"].as_str().unwrap());
                prop_assert_eq!(choices[0].unit.code(), changed["asset"].as_str().unwrap());
                prop_assert_eq!(choices[0].entry.get(), changed.to_string());
            }
        }
    }

    #[test]
    fn every_amount_in_range_is_offered_to_the_unit(units in 1..=Amount::MAX.units(), seconds in 1_u32..) {
        let mut entry = with("amount", json!(units.to_string()));
        entry["maxTimeoutSeconds"] = json!(seconds);
        let choices = chosen(&json!([entry])).unwrap();
        let request = choices[0].request("", RequestNonce::from_bytes([0; 16]), NOW).unwrap();
        prop_assert_eq!(request.amount().units(), units);
        prop_assert!(request.expires_at() >= NOW.plus(u64::from(seconds)));
        let PaymentRequest::Offer(offer) = request else { panic!("an offer") };
        let offer: Offer = offer;
        prop_assert_eq!(offer.draft().offered_at.seconds() % 60, 0);
    }
}
