//! The blind signature with everything that comes up on the way.

use farthing_protocol::amount::Denomination;
use farthing_protocol::blind::wallet::{AwaitingResponse, check_commitments, unblind_all};
use farthing_protocol::blind::{BlindSignature, Commitment, Response, verify_batch};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Keyset;
use serde_json::{Value, json};

use super::{Vector, encoded, hex, stored};
use crate::reference::signature::Trace;
use crate::reference::world::world;
use crate::reference::{H, enc, pow5};

fn case(trace: &Trace) -> Value {
    json!({
        "n": trace.n,
        "position": trace.position,
        "denomination": trace.d,
        "x": hex(trace.x.as_bytes()),
        "X": hex(trace.X),
        "P": hex(trace.P),
        "a": hex(trace.a.as_bytes()),
        "b": hex(trace.b.as_bytes()),
        "y": hex(trace.y.as_bytes()),
        "yH": hex(enc(&(H() * trace.y))),
        "A": hex(trace.A),
        "B": hex(trace.B),
        "rho": hex(trace.rho),
        "alpha": hex(trace.alpha.as_bytes()),
        "alpha_to_the_fifth": hex(pow5(trace.alpha).as_bytes()),
        "r": hex(trace.r.as_bytes()),
        "beta": hex(trace.beta.as_bytes()),
        "R_bar": hex(trace.R),
        "c_bar": hex(trace.c_bar.as_bytes()),
        "c": hex(trace.c.as_bytes()),
        "z": hex(trace.z.as_bytes()),
        "z_bar": hex(trace.z_bar.as_bytes()),
        "y_bar": hex(trace.y_bar.as_bytes()),
        "response": hex(trace.response()),
        "sigma": hex(trace.signature()),
        "token": hex(trace.token()),
    })
}

fn begin(file: &Vector, case: &Vector, keyset: &Keyset) -> (Denomination, AwaitingResponse) {
    let denomination = Denomination::new(u8::try_from(case.number("denomination")).unwrap()).unwrap();
    let context = CoinContext {
        issuance: IssuanceContext {
            mint: MintId::from_bytes(file.array("mint")),
            keyset: *keyset.id(),
            number: IssuanceNumber::new(case.number("n")),
        },
        position: u32::try_from(case.number("position")).unwrap(),
        denomination,
    };
    let commitment: Commitment = super::part(&[case.bytes("A"), case.bytes("B")].concat());
    let seed = Seed::from_bytes(file.array("seed"));
    let key = keyset.key(denomination).unwrap();
    let (state, challenge) = AwaitingResponse::new(&seed, &context, key, case.part("P"), commitment);
    assert_eq!(encoded(&challenge), case.bytes("c"), "the fixed seed gives the same challenge");
    (denomination, state)
}

#[test]
fn blind_signatures() {
    let world = world();
    let traces = [(0, 0, 0), (0, 1, 1), (0, 2, 1), (7, 0, 7)].map(|(n, position, d)| world.coin(n, position, d).trace);
    let made = json!({
        "seed": hex(world.seed),
        "mint": hex(world.mint),
        "keyset": hex(world.keyset),
        "document": hex(world.document_bytes()),
        "cases": traces.iter().map(case).collect::<Vec<_>>(),
    });
    let file = stored("blind-signature.json", &made);

    let keyset = Keyset::from_bytes(&file.bytes("document")).unwrap();
    let cases = file.each("cases");
    for case in &cases {
        let (denomination, state) = begin(&file, case, &keyset);
        let key = keyset.key(denomination).unwrap();
        assert_eq!(key.element().as_bytes(), &case.array("X"));
        let signature = state.unblind(key, &case.part::<Response>("response")).unwrap();
        assert_eq!(encoded(&signature), case.bytes("sigma"));
        assert_eq!(key.verify(&case.part::<Element>("P"), &case.part::<BlindSignature>("sigma")), Ok(()));
    }

    let mut rng = rand::rng();
    let states = cases.iter().map(|case| begin(&file, case, &keyset));
    let states = states.map(|(denomination, state)| (keyset.key(denomination).unwrap(), state)).collect();
    let responses: Vec<Response> = cases.iter().map(|case| case.part("response")).collect();
    let signatures = unblind_all(&mut rng, states, &responses).unwrap();
    let expected: Vec<BlindSignature> = cases.iter().map(|case| case.part("sigma")).collect();
    assert_eq!(signatures, expected);

    let coins: Vec<Element> = cases.iter().map(|case| case.part("P")).collect();
    let keys = [0, 1, 1, 7].map(|d| keyset.key(Denomination::new(d).unwrap()).unwrap());
    let items = || keys.iter().copied().zip(&coins).zip(&signatures).map(|((key, coin), sigma)| (key, coin, sigma));
    assert_eq!(verify_batch(&mut rng, items()), Ok(()));
    let swapped = keys.iter().copied().zip(coins.iter().rev()).zip(&signatures);
    assert!(verify_batch(&mut rng, swapped.map(|((key, coin), sigma)| (key, coin, sigma))).is_err());
    let commitments: Vec<Commitment> =
        cases.iter().map(|case| super::part(&[case.bytes("A"), case.bytes("B")].concat())).collect();
    assert_eq!(check_commitments(&commitments), Ok(()));
}
