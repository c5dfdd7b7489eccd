//! The payee's own bodies, and payouts.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{
    PaymentSummary, PaymentsAnswer, PaymentsQuery, PayoutAnswer, PayoutCall, PayoutRequest, PayoutState, RefundAnswer,
    RefundEndRequest, RefundRequest, RefundState, WebhookFailure, WebhookRetryAnswer, WebhookRetryRequest,
    WebhookState, WebhookSummary, WebhooksAnswer, WebhooksQuery,
};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::{PaymentId, RequestHash};
use farthing_protocol::request::TransferRequest;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::described::{Described, Shelf};
use crate::object;
use crate::scalars::inline;

object! {
    /// Which accepted payments are asked for.
    PaymentsQuery {
        /// The payment id, or how it begins.
        id: Option<String> => "AAECAwQF",
        /// Accepted then or later.
        since: Option<UnixTime>,
        /// Accepted earlier.
        until: Option<UnixTime>,
        /// The memo holds this, in capitals or not.
        memo: Option<String> => "tea",
        /// Where to go on: `next` of the answer before.
        before: Option<u64> => 50,
        /// How many at most, 1000 or fewer; 50 if not given.
        limit: Option<usize> => 50,
    }

    /// Accepted payments.
    PaymentsAnswer {
        /// The payments, newest first. There may be few of them, or none, though more follow.
        payments: Vec<PaymentSummary>,
        /// Where to go on; null when there are no more.
        next: Option<u64> => 50,
    }

    /// An accepted payment, as its payee sees it.
    PaymentSummary {
        /// Which one.
        payment: PaymentId,
        /// What it answered.
        request: RequestHash,
        /// How much.
        amount: Amount,
        /// The unit's code.
        unit: String => "EUR",
        /// How many of the amount's digits are decimals.
        exponent: u8,
        /// When it was accepted.
        accepted_at: UnixTime,
        /// The invoice's note.
        memo: Option<String> => "Two cups of tea",
        /// How much of it was paid back, or is being paid back.
        refunded: Amount,
    }

    /// Puts a refund on record before it is paid.
    RefundRequest {
        /// The payment that is paid back, or a part of it.
        payment: PaymentId,
        /// The transfer request to which it is paid back.
        request: TransferRequest,
        /// The account of the wallet that pays: no other one may go on with it.
        by: AccountKey,
    }

    /// Says how a refund ended.
    RefundEndRequest {
        /// The payment.
        payment: PaymentId,
        /// The transfer request's hash.
        request: RequestHash,
        /// Whether it was paid; else the wallet has not begun and will not, and it is taken off the record.
        paid: bool,
    }

    /// A refund on record.
    RefundAnswer {
        /// How much.
        amount: Amount,
        /// When it was put on record.
        begun_at: UnixTime,
        /// How far it is.
        state: RefundState,
    }

    /// Which events are asked for.
    WebhooksQuery {
        /// Where to go on: `next` of the answer before.
        after: Option<PaymentId>,
        /// How many at most, 1000 or fewer; 50 if not given.
        limit: Option<usize> => 50,
    }

    /// Events that were not delivered.
    WebhooksAnswer {
        /// The events, in the order of their payments' ids.
        events: Vec<WebhookSummary>,
        /// Where to go on; null when there are no more.
        next: Option<PaymentId>,
    }

    /// An event that was not delivered.
    WebhookSummary {
        /// Its id.
        id: String => "evt_AAECAwQF",
        /// The accepted payment of which it tells.
        payment: PaymentId,
        /// Whether it is still being sent.
        state: WebhookState,
        /// Since when it is to be sent.
        recorded_at: UnixTime,
        /// How often it was sent.
        attempts: u32,
        /// When it is sent again.
        next_attempt: Option<UnixTime>,
        /// What became of the last attempt.
        failure: Option<WebhookFailure>,
    }

    /// Sends events again that were not delivered.
    WebhookRetryRequest {
        /// The payment of which the event tells; if not given, all that were put aside.
        payment: Option<PaymentId>,
    }

    /// So many events are sent again.
    WebhookRetryAnswer {
        /// How many.
        retried: u64,
    }

    /// Asks for a payout, or again what became of it.
    PayoutCall {
        /// The signed request.
        request: PayoutRequest,
    }

    /// What became of a payout.
    PayoutAnswer {
        /// How far it is.
        state: PayoutState,
        /// When the mint took it, and with it the money from the account.
        taken_at: UnixTime,
        /// When it was paid or rejected.
        settled_at: Option<UnixTime>,
        /// Under which reference it was paid outside, or why it was rejected.
        note: Option<String>,
    }
}

/// Strings of which there are a few.
macro_rules! words {
    ($($(#[doc = $about:literal])* $name:ident: $($word:literal),*;)*) => {$(
        impl Described for $name {
            const NAME: Option<&'static str> = Some(stringify!($name));

            fn schema(_: &mut Shelf) -> RefOr<Schema> {
                let about = concat!($($about),*).trim_ascii();
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
                inline(text.enum_values(Some([$($word),*])))
            }

            fn examples() -> Vec<Value> {
                vec![$(json!($word)),*]
            }
        }
    )*};
}

words! {
    /// How far a refund is: the wallet may be paying it, or it was paid.
    RefundState: "begun", "paid";
    /// Whether an event is still being sent, or was refused too often and put aside.
    WebhookState: "pending", "dead";
    /// How far a payout is: asked for; to be paid; paid, or in the other account; or in the account again.
    PayoutState: "pending", "approved", "paid", "rejected";
}

impl Described for WebhookFailure {
    const NAME: Option<&'static str> = Some("WebhookFailure");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let variant = |name: &str, about: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let open = ObjectBuilder::new().description(Some(about)).property("reason", text.enum_values(Some([name])));
            open.required("reason").additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let status = shelf.field::<u16>("The status.");
        let refused = variant("refused", "It answered with another status than success.");
        let variants = [
            variant("not_reached", "The receiver was not reached."),
            variant("no_answer", "It did not answer in time, or not whole."),
            refused.property("status", status).required("status"),
        ];
        let one = OneOfBuilder::new().description(Some("Why an attempt to deliver an event failed."));
        RefOr::T(Schema::OneOf(variants.into_iter().fold(one, OneOfBuilder::item).build()))
    }

    fn examples() -> Vec<Value> {
        vec![
            json!({ "reason": "refused", "status": 500 }),
            json!({ "reason": "not_reached" }),
            json!({ "reason": "no_answer" }),
        ]
    }
}
