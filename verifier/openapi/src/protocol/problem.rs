//! Problem documents.

use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem, TYPE_PREFIX, WINNER};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};

use crate::described::{Described, Shelf};
use crate::scalars::inline;

/// An id for examples.
pub(crate) const SAMPLE_ID: &str = "rVy8py6Kg2MOZ9j3L1Ofi1DRF0EFlH7o5xIRm2SnUqw";

/// A problem's body, as its reader has it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ProblemDocument {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    extensions: Map<String, Value>,
}

impl Described for ProblemDocument {
    const NAME: Option<&'static str> = Some("Problem");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let text = |about: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        let id = |about: &str| text(about).content_encoding("base64url").min_length(Some(43)).max_length(Some(43));
        let status = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(400_usize)).maximum(Some(599_usize));
        let about = "A refusal (RFC 9457). What is to be done follows from `code` alone: see docs/errors.md. A code that is not \
                     known leaves it unknown whether the request took effect.";
        inline(
            ObjectBuilder::new()
                .description(Some(about))
                .property(
                    "type",
                    text(&format!("`{TYPE_PREFIX}` and the code.")).pattern(Some(format!("^{TYPE_PREFIX}"))),
                )
                .property("title", text("One sentence, the same for every occurrence."))
                .property("status", status.description(Some("The status of the answer.")))
                .property("code", text("Which problem. Later versions may have more."))
                .property("detail", text("More about this kind of occurrence, for people."))
                .property(
                    EARLIER_PAYMENT_ID,
                    id("With `double_spend`: the payment in which the token was spent first."),
                )
                .property(WINNER, id("With `funding_used`: the issuance that used the funding first, if it was one."))
                .required("type")
                .required("title")
                .required("status")
                .required("code")
                .additional_properties(Some(AdditionalProperties::FreeForm(true))),
        )
    }

    fn examples() -> Vec<Value> {
        let problem = Problem::new(Code::DoubleSpend).with(EARLIER_PAYMENT_ID, SAMPLE_ID);
        vec![problem.to_json(), Problem::new(Code::NotFound).with_detail("No accepted payment has this id.").to_json()]
    }
}
