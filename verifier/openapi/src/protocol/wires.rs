//! Wire objects, ids and numbers: strings in JSON, but for times.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{AccountQuery, PayoutRequest, PermitRequest, QuoteId, QuoteRequest, SettingsRequest};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::identity::{AccountKey, MintId, PayeeKey};
use farthing_protocol::ids::{Claim, HttpBinding, KeysetId, PaymentId, RequestHash};
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{ChainHead, KeysetDocument, KeysetList};
use farthing_protocol::locked::Recipient;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::recoup::RecoupClaim;
use farthing_protocol::request::{Invoice, PaymentRequest, TransferRequest};
use farthing_protocol::shape::Shape;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::example;
use crate::described::{Described, Shelf};
use crate::scalars::inline;

/// Strings of base64url, each with its least and its greatest length in bytes.
macro_rules! base64url {
    ($($(#[doc = $about:literal])* $name:ident: $least:expr, $most:expr;)*) => {$(
        impl Described for $name {
            const NAME: Option<&'static str> = Some(stringify!($name));

            fn schema(_: &mut Shelf) -> RefOr<Schema> {
                encoded(concat!($($about),*).trim_ascii(), $least, $most, Self::examples())
            }

            fn examples() -> Vec<Value> {
                vec![example(stringify!($name))]
            }
        }
    )*};
}

base64url! {
    /// The signed list of a mint's keysets (7.4).
    KeysetList: 117, None;
    /// A keyset with its keys, signed by the mint (7.1).
    KeysetDocument: 186, None;
    /// What an issuance makes (15.1).
    Shape: 3, Some(10);
    /// A session: sid, seal and a commitment for each output (9).
    OpenedSession: 171, Some(107 + 64 * 256);
    /// A signed request to finish an issuance (15.3).
    IssuanceRequest: 607, None;
    /// What the mint recorded about an issuance, its answers included (15.4).
    IssuanceRecord: 430, None;
    /// A payment: tokens, and their holder's authorization (13.1). Whoever has it can have it accepted, for this payee alone.
    Payment: 340, Some(211 + 161 * 63);
    /// An invoice, or an offer of x402 (12): whichever is paid.
    PaymentRequest: 107, None;
    /// What a payee asks for, signed (12.1).
    Invoice: 213, None;
    /// A payee's word that he was paid (17).
    Receipt: 185, Some(185);
    /// Where tokens can be locked to, signed by the payee (16.3).
    Recipient: 163, Some(131 + 32 * 16);
    /// A question about an account, signed by its key (18.1).
    AccountQuery: 137, Some(137);
    /// A signed request to pay out what an account holds (18.1).
    PayoutRequest: 168, Some(343);
    /// What is filed about tokens of a revoked keyset (22.2).
    RecoupClaim: 271, None;
    /// A signed question how money is to be paid into an account (18.1).
    QuoteRequest: 165, Some(180);
    /// A signed request to see or change an account's settings (18.1).
    SettingsRequest: 146, Some(185);
    /// A signed permission to take more from an account than its limit (18.1).
    PermitRequest: 171, Some(192);
    /// What another wallet asks for, signed (16.4).
    TransferRequest: 241, None;
    /// The signed index of a mint's archive (21.1).
    ArchiveIndex: 123, None;
    /// The last keyset of a chain: its sequence number and its id (7.3).
    ChainHead: 41, Some(41);
    /// The hash of everything in a keyset (7.1).
    KeysetId: 32, Some(32);
    /// Which payment it is (13.3).
    PaymentId: 32, Some(32);
    /// The hash of the payment request (12).
    RequestHash: 32, Some(32);
    /// A random value by which a depositor knows his own deposit again. It is kept secret until then.
    Claim: 32, Some(32);
    /// What binds an invoice to one HTTP request (12.1).
    HttpBinding: 32, Some(32);
    /// A mint: its Ed25519 key.
    MintId: 32, Some(32);
    /// A payee: his Ed25519 key.
    PayeeKey: 32, Some(32);
    /// An account: its owner's Ed25519 key.
    AccountKey: 32, Some(32);
}

fn encoded(about: &str, least: usize, most: Option<usize>, examples: Vec<Value>) -> RefOr<Schema> {
    let bytes = match most {
        Some(most) if most == least => format!("{least} bytes"),
        Some(most) => format!("{least} to {most} bytes"),
        None => format!("at least {least} bytes"),
    };
    let characters = |bytes: usize| bytes.saturating_mul(4).div_ceil(3);
    inline(
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(format!("{about} In base64url without padding: {bytes}.")))
            .content_encoding("base64url")
            .pattern(Some("^[A-Za-z0-9_-]+$"))
            .min_length(Some(characters(least)))
            .max_length(most.map(characters))
            .examples(examples),
    )
}

impl Described for Amount {
    const NAME: Option<&'static str> = Some("Amount");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "An amount in the unit's smallest parts, at most 2⁶³ − 1: decimal digits, without leading zeros.";
        inline(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(about))
                .pattern(Some("^(0|[1-9][0-9]{0,18})$"))
                .max_length(Some(19))
                .examples(Self::examples()),
        )
    }

    fn examples() -> Vec<Value> {
        vec![json!("37"), json!("0"), json!(Self::MAX.units().to_string())]
    }
}

impl Described for QuoteId {
    const NAME: Option<&'static str> = Some("QuoteId");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "The name of a quote, which goes with the payment: FQ, and 10 random bytes in base32.";
        inline(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(about))
                .pattern(Some("^FQ[A-Z2-7]{16}$"))
                .examples(Self::examples()),
        )
    }

    fn examples() -> Vec<Value> {
        vec![json!("FQAAAQEAYE7P6P37X7")]
    }
}

impl Described for UnixTime {
    const NAME: Option<&'static str> = Some("UnixTime");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "A time, in seconds since 1970.";
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_usize));
        inline(number.description(Some(about)).examples(Self::examples()))
    }

    fn examples() -> Vec<Value> {
        vec![json!(1_800_000_000)]
    }
}
