//! OpenAPI 3.1 documents, made from the routes themselves.
//!
//! An [`Api`] is a router that takes no route without an [`Operation`]: what the handler reads and answers is found by its types
//! ([`Input`], [`Output`]), the rest is said once beside it. [`Api::finish`] gives the router and the document, which
//! the router serves at [`PATH`].
//!
//! What a body looks like says [`Described`]. The protocol's bodies are described in this crate; those of a service, in
//! the service, with [`object!`]. The description is held to the type twice: it does not compile when a field is missing, is too
//! many, or has another type, and `Document::check` finds a field that is called otherwise in JSON, or is optional where it should not be.

mod api;
#[cfg(feature = "conformance")]
mod conformance;
mod described;
mod document;
mod endpoint;
mod operation;
mod protocol;
mod scalars;

pub use self::api::{Api, PATH};
pub use self::described::{Described, Shelf};
pub use self::document::Document;
pub use self::endpoint::{Encoded, Endpoint, Input, Output, Parts};
pub use self::operation::Operation;
pub use self::protocol::example;

/// What the macros need of other crates.
#[doc(hidden)]
pub mod private {
    pub use serde_json::{Error, Map, Value, from_value, json, to_value};
    pub use utoipa::openapi::RefOr;
    pub use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};
}
