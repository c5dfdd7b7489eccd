//! What a handler reads and answers, found by its types.

use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use farthing_http::extract::{Binary, JSON, Json, OCTETS, Path, Query};
use farthing_http::problem::{Code, Problem};
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};

use crate::described::{Described, Shelf};
use crate::scalars::inline;

/// What an operation consists of, as far as its handler's types say it.
#[derive(Default)]
pub struct Parts {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Media>,
    pub(crate) answer: Option<Media>,
    pub(crate) codes: Vec<Code>,
    pub(crate) path_is_read: bool,
}

pub(crate) struct Media {
    pub(crate) kind: &'static str,
    pub(crate) schema: Option<RefOr<Schema>>,
    pub(crate) example: Option<Value>,
}

impl Parts {
    /// The operation reads a JSON body.
    pub fn reads<T: Described>(&mut self, shelf: &mut Shelf) {
        self.body = Some(Media::json::<T>(shelf));
    }

    /// The operation answers a JSON body.
    pub fn answers<T: Described>(&mut self, shelf: &mut Shelf) {
        self.answer = Some(Media::json::<T>(shelf));
    }

    /// The operation answers something of this media type that is not JSON.
    pub fn answers_as(&mut self, kind: &'static str) {
        // It has no schema of JSON: OpenAPI 3.1, section 4.8.14.2.
        self.answer = Some(Media { kind, schema: None, example: None });
    }

    /// The operation can refuse with these codes.
    pub fn refuses(&mut self, codes: &[Code]) {
        self.codes.extend(codes);
    }
}

impl Media {
    fn json<T: Described>(shelf: &mut Shelf) -> Self {
        Self { kind: JSON, schema: Some(shelf.of::<T>()), example: Some(T::example()) }
    }
}

/// A handler whose arguments and answer are all described; `T` is as with axum's `Handler`.
pub trait Endpoint<T> {
    /// Adds what the types say.
    fn describe(shelf: &mut Shelf, parts: &mut Parts);
}

/// An argument of a handler.
pub trait Input {
    /// Adds what it says.
    fn describe(shelf: &mut Shelf, parts: &mut Parts);
}

/// What a handler answers.
pub trait Output {
    /// Adds what it says.
    fn describe(shelf: &mut Shelf, parts: &mut Parts);
}

macro_rules! endpoints {
    ($(($($argument:ident),*);)*) => {$(
        impl<F, Fut, R, M, $($argument),*> Endpoint<(M, $($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Fut,
            Fut: Future<Output = R>,
            R: Output,
            $($argument: Input,)*
        {
            fn describe(shelf: &mut Shelf, parts: &mut Parts) {
                $($argument::describe(shelf, parts);)*
                R::describe(shelf, parts);
            }
        }
    )*};
}

endpoints! {
    (T1);
    (T1, T2);
    (T1, T2, T3);
    (T1, T2, T3, T4);
}

impl<F, Fut, R> Endpoint<((),)> for F
where
    F: Fn() -> Fut,
    Fut: Future<Output = R>,
    R: Output,
{
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        R::describe(shelf, parts);
    }
}

impl<S> Input for State<S> {
    fn describe(_: &mut Shelf, _: &mut Parts) {}
}

/// Headers that matter are told in words.
impl Input for HeaderMap {
    fn describe(_: &mut Shelf, _: &mut Parts) {}
}

impl<T: Described> Input for Json<T> {
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        parts.reads::<T>(shelf);
        parts.refuses(&[
            Code::BadRequest,
            Code::UnknownField,
            Code::MalformedObject,
            Code::UnsupportedMediaType,
            Code::BodyTooLarge,
            Code::Timeout,
        ]);
    }
}

/// The parts of a path are described with the operation: here they have no name.
impl<T> Input for Path<T> {
    fn describe(_: &mut Shelf, parts: &mut Parts) {
        parts.path_is_read = true;
        parts.refuses(&[Code::BadRequest]);
    }
}

impl<T: Described> Input for Query<T> {
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        parts.refuses(&[Code::BadRequest]);
        let RefOr::T(Schema::Object(object)) = T::schema(shelf) else { return };
        for (name, mut schema) in object.properties {
            let about = match &mut schema {
                RefOr::T(Schema::Object(object)) => {
                    // A query lacks a parameter; it never has a null.
                    if let SchemaType::Array(types) = &object.schema_type
                        && let [one, Type::Null] = types.as_slice()
                    {
                        object.schema_type = SchemaType::Type(one.clone());
                    }
                    object.description.take()
                }
                _ => None,
            };
            let required = if object.required.contains(&name) { Required::True } else { Required::False };
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
            parts.parameters.push(parameter.description(about).required(required).schema(Some(schema)).build());
        }
    }
}

impl<T: Described> Output for Json<T> {
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        parts.answers::<T>(shelf);
    }
}

impl Output for Binary {
    fn describe(_: &mut Shelf, parts: &mut Parts) {
        parts.answers_as(OCTETS);
    }
}

impl<O: Output> Output for Result<O, Problem> {
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        O::describe(shelf, parts);
    }
}

/// The JSON of a `T` that was written before, to be sent as it is.
#[derive(Clone, Debug)]
pub struct Encoded<T> {
    bytes: Bytes,
    written: PhantomData<fn() -> T>,
}

impl<T> Encoded<T> {
    /// `bytes` MUST be the JSON of a `T`.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, written: PhantomData }
    }
}

impl<T: Described> Output for Encoded<T> {
    fn describe(shelf: &mut Shelf, parts: &mut Parts) {
        parts.answers::<T>(shelf);
    }
}

impl<T> IntoResponse for Encoded<T> {
    fn into_response(self) -> Response {
        json_of(self.bytes, HeaderValue::from_static("no-store"))
    }
}

pub(crate) fn json_of(bytes: Bytes, cache: HeaderValue) -> Response {
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, cache);
    response
}

/// An OpenAPI document, as an answer.
pub(crate) struct Served(pub(crate) Bytes);

impl IntoResponse for Served {
    fn into_response(self) -> Response {
        json_of(self.0, HeaderValue::from_static("public, max-age=3600"))
    }
}

impl Output for Served {
    fn describe(_: &mut Shelf, parts: &mut Parts) {
        parts.answer = Some(Media { kind: JSON, schema: Some(inline(ObjectBuilder::new())), example: None });
    }
}
