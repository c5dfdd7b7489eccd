//! What a file's input is given to.

use std::fmt::Debug;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{AccountQuery, PayoutRequest, PermitRequest, QuoteRequest, SettingsRequest};
use farthing_protocol::archive::{ArchiveIndex, FileHead, FilterHead, IssuanceFile, SpentFilter};
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::blind::{Challenge, Response};
use farthing_protocol::codec::{Decode, DecodeError, Reader, Wire, from_base64url};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::{IssuanceDigest, KeysetId};
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{Chain, ChainError, Keyset, KeysetDocument, KeysetList, Misconduct};
use farthing_protocol::locked::{LockKey, Recipient};
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, verify_payment, verify_payments};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::recoup::RecoupClaim;
use farthing_protocol::request::{Invoice, PaymentRequest, TransferRequest};
use farthing_protocol::shape::Shape;
use farthing_protocol::text::TextForm;
use farthing_protocol::token::{TextToken, Token};
use farthing_protocol::voucher::VoucherCode;

use crate::vectors::{Vector, part};

/// The name of the error, without what it carries.
fn name<E: Debug>(error: E) -> String {
    let text = format!("{error:?}");
    text.split(['(', ' ']).next().unwrap().into()
}

fn decoded<T: Wire>(bytes: &[u8]) -> Result<(), String> {
    T::from_bytes(bytes).map(drop).map_err(name)
}

fn read<T: Decode>(bytes: &[u8]) -> Result<(), String> {
    let mut input = Reader::new(bytes);
    T::decode_from(&mut input).and_then(|_| input.finish()).map_err(name)
}

/// Runs an operation, and names its error.
pub(super) fn run(operation: &str, input: &Vector, with: &Vector) -> Result<(), String> {
    let text = input.0.as_str().unwrap();
    let bytes = || HEXLOWER.decode(text.as_bytes()).unwrap();
    match operation {
        "decode payment" => decoded::<Payment>(&bytes()),
        "decode keyset" => decoded::<KeysetDocument>(&bytes()),
        "decode keyset list" => decoded::<KeysetList>(&bytes()),
        "decode misconduct" => decoded::<Misconduct>(&bytes()),
        "decode invoice" => decoded::<Invoice>(&bytes()),
        "decode request" => decoded::<PaymentRequest>(&bytes()),
        "decode receipt" => decoded::<Receipt>(&bytes()),
        "decode transfer" => decoded::<TransferRequest>(&bytes()),
        "decode recipient" => decoded::<Recipient>(&bytes()),
        "decode shape" => decoded::<Shape>(&bytes()),
        "decode text token" => decoded::<TextToken>(&bytes()),
        "decode payout" => decoded::<PayoutRequest>(&bytes()),
        "decode quote request" => decoded::<QuoteRequest>(&bytes()),
        "decode voucher" => decoded::<VoucherCode>(&bytes()),
        "read voucher text" => VoucherCode::from_text(text).map(drop).map_err(name),
        "decode settings" => decoded::<SettingsRequest>(&bytes()),
        "decode permit" => decoded::<PermitRequest>(&bytes()),
        "decode account query" => decoded::<AccountQuery>(&bytes()),
        "decode opened session" => decoded::<OpenedSession>(&bytes()),
        "decode issuance request" => decoded::<IssuanceRequest>(&bytes()),
        "decode issuance record" => decoded::<IssuanceRecord>(&bytes()),
        "read response" => read::<Response>(&bytes()),
        "read challenge" => read::<Challenge>(&bytes()),
        "read base64url" => from_base64url(text).map(drop).map_err(name),
        "read payment text" => Payment::from_text(text).map(drop).map_err(name),
        "verify payment" => payment(&bytes(), with),
        "verify token" => {
            let keyset = Keyset::from_bytes(&with.bytes("document")).unwrap();
            part::<Token>(&bytes()).verify(&keyset).map_err(name)
        }
        "verify keyset" => KeysetDocument::from_bytes(&bytes()).map_err(name)?.verify().map(drop).map_err(name),
        "verify invoice" => Invoice::from_bytes(&bytes()).map_err(name)?.verify().map_err(name),
        "verify receipt" => Receipt::from_bytes(&bytes()).map_err(name)?.verify().map_err(name),
        "verify transfer" => TransferRequest::from_bytes(&bytes()).map_err(name)?.verify().map_err(name),
        "verify recipient" => Recipient::from_bytes(&bytes()).map_err(name)?.verify().map_err(name),
        "verify issuance request" => {
            IssuanceRequest::from_bytes(&bytes()).map_err(name)?.verify().map(drop).map_err(name)
        }
        "verify account query" => {
            let mint = MintId::from_bytes(with.array("mint"));
            AccountQuery::from_bytes(&bytes()).map_err(name)?.verify(&mint).map(drop).map_err(name)
        }
        "verify payout" => {
            let mint = MintId::from_bytes(with.array("mint"));
            PayoutRequest::from_bytes(&bytes()).map_err(name)?.verify(&mint).map_err(name)
        }
        "verify settings" => {
            let mint = MintId::from_bytes(with.array("mint"));
            SettingsRequest::from_bytes(&bytes()).map_err(name)?.verify(&mint).map_err(name)
        }
        "verify permit" => {
            let mint = MintId::from_bytes(with.array("mint"));
            PermitRequest::from_bytes(&bytes()).map_err(name)?.verify(&mint).map_err(name)
        }
        "decode recoup claim" => decoded::<RecoupClaim>(&bytes()),
        "prove tokens" => {
            let keyset = Keyset::from_bytes(&with.bytes("document")).unwrap();
            let record = IssuanceRecord::from_bytes(&with.bytes("record")).unwrap();
            let claim = RecoupClaim::from_bytes(&bytes()).map_err(name)?;
            claim.evidence().iter().try_for_each(|one| one.proof.verify(&keyset, &one.token, &record)).map_err(name)
        }
        "verify quote request" => {
            let mint = MintId::from_bytes(with.array("mint"));
            QuoteRequest::from_bytes(&bytes()).map_err(name)?.verify(&mint).map_err(name)
        }
        "extend chain" => extend(&bytes(), with),
        "accept keyset list" => {
            let seen = KeysetList::from_bytes(&with.bytes("seen")).unwrap();
            let (mint, now) = (MintId::from_bytes(with.array("mint")), UnixTime::from_seconds(with.number("now")));
            KeysetList::from_bytes(&bytes()).map_err(name)?.accept(&mint, Some(&seen), now).map_err(name)
        }
        "decode spent filter" => decoded::<SpentFilter>(&bytes()),
        "decode issuance file" => decoded::<IssuanceFile>(&bytes()),
        "decode archive index" => decoded::<ArchiveIndex>(&bytes()),
        "open issuance file" => {
            let file = IssuanceFile::from_bytes(&bytes()).map_err(name)?;
            file.records().iter().try_for_each(|record| record.open().map(drop)).map_err(name)
        }
        "accept spent filter" => {
            SpentFilter::from_bytes(&bytes()).map_err(name)?.accept(&with.part::<FilterHead>("asked")).map_err(name)
        }
        "accept issuance file" => {
            IssuanceFile::from_bytes(&bytes()).map_err(name)?.accept(&with.part::<FileHead>("asked")).map_err(name)
        }
        "accept archive index" => {
            let seen = ArchiveIndex::from_bytes(&with.bytes("seen")).unwrap();
            let (mint, now) = (MintId::from_bytes(with.array("mint")), UnixTime::from_seconds(with.number("now")));
            let end = with.0.get("deposit_until").map(|_| UnixTime::from_seconds(with.number("deposit_until")));
            let known = end.map(|end| (KeysetId::from_bytes(with.array("keyset")), end));
            let ends = |keyset: &KeysetId| known.filter(|(known, _)| known == keyset).map(|(_, end)| end);
            ArchiveIndex::from_bytes(&bytes()).map_err(name)?.accept(&mint, Some(&seen), &ends, now).map_err(name)
        }
        other => panic!("no operation {other}"),
    }
}

/// Alone and in a batch, which must agree.
fn payment(bytes: &[u8], with: &Vector) -> Result<(), String> {
    let keyset = Keyset::from_bytes(&with.bytes("document")).unwrap();
    let lock = with.0.get("q").map(|_| with.part::<LockKey>("q"));
    let digest = with.0.get("D").map(|_| IssuanceDigest::from_bytes(with.array("D")));
    let binding = match (&lock, &digest) {
        (None, None) => CheckBinding::None,
        (Some(lock), _) => CheckBinding::Recipient(lock),
        (None, Some(digest)) => CheckBinding::Issuance(digest),
    };
    let payment: Payment = Wire::from_bytes(bytes).map_err(|error: DecodeError| name(error))?;
    let check = || PaymentCheck { payment: payment.clone(), keyset: &keyset, binding };
    let alone = verify_payment(&mut rand::rng(), check());
    let together = verify_payments(&mut rand::rng(), vec![check(), check()]);
    assert!(together.iter().all(|verdict| *verdict == alone));
    alone.map(drop).map_err(name)
}

fn extend(bytes: &[u8], with: &Vector) -> Result<(), String> {
    let keyset = |bytes: &[u8]| Arc::new(Keyset::from_bytes(bytes).unwrap());
    let known = with.each("chain");
    let known: Vec<Vec<u8>> =
        known.iter().map(|k| HEXLOWER.decode(k.0.as_str().unwrap().as_bytes()).unwrap()).collect();
    let (first, rest) = known.split_first().unwrap();
    let mut chain = Chain::start(keyset(first)).unwrap();
    rest.iter().for_each(|next| chain.extend(keyset(next), &[]).unwrap());
    let (head, result) = (chain.head(), chain.extend(keyset(bytes), &[]));
    if let Err(error) = &result {
        assert_eq!(chain.head(), head, "a refused keyset leaves the chain as it was");
        if let ChainError::Misconduct(proof) = error {
            assert!(proof.proves());
        }
    }
    result.map_err(name)
}
