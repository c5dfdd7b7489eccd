//! Paying money into an account.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{QuoteAnswer, QuoteCall, QuoteId, QuoteRequest, QuoteState};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::described::{Described, Shelf};
use crate::object;
use crate::scalars::inline;

object! {
    /// Asks for a quote, or again what became of it.
    QuoteCall {
        /// The signed request.
        request: QuoteRequest,
    }

    /// How an account is paid money into, and what came.
    QuoteAnswer {
        /// Its name, which goes with the payment.
        quote: QuoteId,
        /// How to pay, in the operator's words.
        payment: String => "Pay 20.00 EUR to DE02 1203 0000 0000 2020 51, reference FQAAAQEAYE7P6P37X7",
        /// Until when it should be paid. What comes later is credited all the same while the mint remembers the quote.
        expires_at: UnixTime,
        /// How far it is.
        state: QuoteState,
        /// What was credited for it so far.
        credited: Amount,
    }
}

impl Described for QuoteState {
    const NAME: Option<&'static str> = Some("QuoteState");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "How far a quote is: nothing came yet; money came and is in the account; or none came in time.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        inline(text.enum_values(Some(["open", "paid", "expired"])))
    }

    fn examples() -> Vec<Value> {
        vec![json!("open"), json!("paid"), json!("expired")]
    }
}
