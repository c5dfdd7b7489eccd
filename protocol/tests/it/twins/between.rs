//! Somebody between wallet and mint, or wallet and merchant, who changes what passes.

use farthing_protocol::amount::Amount;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{InvalidSignature, IssuanceId, Keypair};
use farthing_protocol::ids::OperationId;
use farthing_protocol::issuance::{Field, Funding, FundingSource, IssuanceRequest, IssuanceTerms};
use farthing_protocol::payment::{CheckBinding, PaymentCheck, PaymentError, verify_payment};
use farthing_protocol::request::{Invoice, InvoiceDraft};

use crate::reference::world::{other, world};
use crate::vectors::issuance::{OPERATION, account_request, swap_issuance};
use crate::vectors::part;
use crate::vectors::requests::{invoice_body, signed_invoice, two_mints};

/// The attacker's own keys.
fn attacker() -> Keypair {
    Keypair::from_secret(&other().place(0, 0, 0).issuance_key())
}

fn terms_changed(change: impl FnOnce(&mut IssuanceTerms)) -> IssuanceTerms {
    let mut terms = IssuanceRequest::from_bytes(&account_request().2).unwrap().terms().clone();
    change(&mut terms);
    terms
}

/// The request for other terms, with the wallet's funding, signed by who is in between.
fn resigned(terms: IssuanceTerms, bytes: &[u8]) -> IssuanceRequest {
    let request = IssuanceRequest::from_bytes(bytes).unwrap();
    let terms = IssuanceTerms { issuance: IssuanceId::from(&attacker()), ..terms };
    IssuanceRequest::sign(terms, *request.seal(), request.funding().clone(), &attacker()).unwrap()
}

#[test]
fn outputs_paid_by_an_account_cannot_be_taken_over() {
    let (_, _, bytes) = account_request();
    assert!(IssuanceRequest::from_bytes(&bytes).unwrap().verify().is_ok());
    let theirs = other().coin(30, 0, 0).trace;
    let attempts: Vec<IssuanceTerms> = vec![
        terms_changed(|_| {}),
        terms_changed(|terms| terms.outputs[0].challenge = part(theirs.c.as_bytes())),
        terms_changed(|terms| terms.outputs[1].commitment = part(&theirs.commitment())),
        terms_changed(|terms| terms.outputs.swap(0, 1)),
        terms_changed(|terms| terms.field = Field::from_bytes([0; 128])),
        terms_changed(|terms| terms.session = part(&[0x52; 72])),
        terms_changed(|terms| terms.debit = Amount::new(5).unwrap()),
    ];
    for terms in attempts {
        assert_eq!(resigned(terms, &bytes).verify(), Err(InvalidSignature));
    }
}

#[test]
fn the_wallet_s_key_does_not_sign_for_another_issuance_id() {
    let request = IssuanceRequest::from_bytes(&account_request().2).unwrap();
    let wallet = Keypair::from_secret(&world().place(30, 0, 0).issuance_key());
    let terms = IssuanceTerms { issuance: IssuanceId::from(&attacker()), ..request.terms().clone() };
    assert!(IssuanceRequest::sign(terms, *request.seal(), request.funding().clone(), &wallet).is_err());
}

#[test]
fn one_funding_does_not_pay_under_another_funding_id() {
    let request = IssuanceRequest::from_bytes(&account_request().2).unwrap();
    let Funding::Account { account, signature, .. } = *request.funding() else { panic!() };
    let operation = OperationId::from_bytes([OPERATION[0] + 1; 16]);
    assert_ne!(FundingSource::Account(account, operation).id(), request.funding().source().id());
    let wallet = Keypair::from_secret(&world().place(30, 0, 0).issuance_key());
    let funding = Funding::Account { account, operation, signature };
    let again = IssuanceRequest::sign(request.terms().clone(), *request.seal(), funding, &wallet).unwrap();
    assert_eq!(again.verify(), Err(InvalidSignature), "the account's signature is over the other D");
}

#[test]
fn tokens_on_their_way_to_be_swapped_do_not_pay_for_another_s_outputs() {
    let (_, _, bytes) = swap_issuance();
    let request = IssuanceRequest::from_bytes(&bytes).unwrap();
    let keyset = super::keyset();
    let verdict = |request: &IssuanceRequest| {
        let digest = request.verify().unwrap();
        let Funding::Tokens(payment) = request.funding() else { panic!() };
        let (payment, binding) = (payment.as_ref().clone(), CheckBinding::Issuance(&digest));
        verify_payment(&mut rand::rng(), PaymentCheck { payment, keyset: &keyset, binding }).map(drop)
    };
    assert_eq!(verdict(&request), Ok(()));
    // The issuance id is the attacker's, so his signature fits; the tokens were authorized for another D.
    let stolen = resigned(request.terms().clone(), &bytes);
    assert_eq!(verdict(&stolen), Err(PaymentError::InvalidAuthorization));
    let Funding::Tokens(payment) = stolen.funding() else { panic!() };
    assert_ne!(*payment.request(), stolen.terms().issuance.swap_request(), "nor do they name his issuance");
}

#[test]
fn an_invoice_s_fields_are_its_payee_s() {
    let good = Invoice::from_bytes(&signed_invoice(&invoice_body(&two_mints(), "memo", 370))).unwrap();
    assert_eq!(good.verify(), Ok(()));
    let changes: [fn(&mut InvoiceDraft); 8] = [
        |draft| draft.amount = Amount::new(371).unwrap(),
        |draft| draft.expires_at = draft.expires_at.plus(1),
        |draft| draft.reusable = true,
        |draft| draft.memo = None,
        |draft| draft.endpoint = Some("https://thief.example/".into()),
        |draft| draft.http = None,
        |draft| draft.mints.truncate(1),
        |draft| draft.unit = farthing_protocol::amount::Unit::new("EUR", 0).unwrap(),
    ];
    let signature = &good.to_bytes()[good.to_bytes().len() - 64..];
    for change in changes {
        let mut draft = good.draft().clone();
        change(&mut draft);
        assert_ne!(draft.hash(), good.hash(), "a payment for one is no payment for the other");
        let bytes = [&[1], &crate::vectors::encoded(&draft)[..], signature].concat();
        assert_eq!(Invoice::from_bytes(&bytes).unwrap().verify(), Err(InvalidSignature));
        assert!(draft.sign(&attacker()).is_err(), "nor can another sign in the payee's name");
    }
}

#[test]
fn an_issuance_binds_its_session_and_funding() {
    let (issuance, funding, _) = account_request();
    let digest = issuance.digest(&funding);
    let mut other_session = issuance.clone();
    other_session.session[0] ^= 1;
    assert_ne!(other_session.digest(&funding), digest);
    assert_ne!(issuance.digest(&[0; 32]), digest);
}
