//! What the types of a handler do not say.

use std::collections::{BTreeMap, BTreeSet};

use farthing_http::problem::{CONTENT_TYPE, Code, Problem, Retry};
use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Ref, Schema, Type};
use utoipa::openapi::{Content, ContentBuilder, RefOr, Required, ResponseBuilder, ResponsesBuilder};

use crate::described::{Described, Shelf};
use crate::endpoint::{Media, Parts};

/// Codes that every operation can answer, whatever it does.
const ALWAYS: [Code; 3] = [Code::Overloaded, Code::Unavailable, Code::Internal];

/// One method of one path, in words: what its handler's types do not say.
#[derive(Clone)]
pub struct Operation {
    id: &'static str,
    summary: &'static str,
    about: Option<&'static str>,
    parameters: Vec<PathParameter>,
    codes: Vec<Code>,
}

#[derive(Clone)]
struct PathParameter {
    name: &'static str,
    about: &'static str,
    schema: fn(&mut Shelf) -> RefOr<Schema>,
}

impl Operation {
    /// An operation with a name, by which generated clients know it, and a sentence.
    #[must_use]
    pub const fn new(id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, about: None, parameters: Vec::new(), codes: Vec::new() }
    }

    /// More words.
    #[must_use]
    pub const fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// A part of the path, in braces there.
    #[must_use]
    pub fn parameter<T: Described>(mut self, name: &'static str, about: &'static str) -> Self {
        self.parameters.push(PathParameter { name, about, schema: Shelf::of::<T> });
        self
    }

    /// Codes with which it refuses, besides those that its arguments bring along and those of every operation.
    #[must_use]
    pub fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// What is wrong with it at this path.
    pub(crate) fn faults(&self, path: &str, parts: &Parts) -> Option<&'static str> {
        let named: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        let described: BTreeSet<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
        if named != described {
            Some("the parts of the path are not those that are described")
        } else if parts.path_is_read && named.is_empty() {
            Some("the handler reads parts of a path that has none")
        } else {
            None
        }
    }

    pub(crate) fn build(self, shelf: &mut Shelf, parts: Parts) -> utoipa::openapi::path::Operation {
        let mut operation =
            OperationBuilder::new().operation_id(Some(self.id)).summary(Some(self.summary)).description(self.about);
        for PathParameter { name, about, schema } in self.parameters {
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
            let parameter = parameter.required(Required::True).description(Some(about));
            operation = operation.parameter(parameter.schema(Some(schema(shelf))));
        }
        for parameter in parts.parameters {
            operation = operation.parameter(parameter);
        }
        if let Some(media) = parts.body {
            let body = RequestBodyBuilder::new().required(Some(Required::True));
            operation = operation.request_body(Some(body.content(media.kind, content(media)).build()));
        }
        let mut responses = ResponsesBuilder::new();
        if let Some(media) = parts.answer {
            let answer = ResponseBuilder::new().description("Done.");
            responses = responses.response("200", answer.content(media.kind, content(media)));
        }
        shelf.of::<crate::protocol::ProblemDocument>();
        let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
        for code in ALWAYS.into_iter().chain(parts.codes).chain(self.codes) {
            by_status.entry(code.status()).or_default().insert(code);
        }
        for (status, codes) in by_status {
            responses = responses.response(status.to_string(), refusal(&codes));
        }
        operation.responses(responses).build()
    }
}

fn content(media: Media) -> Content {
    ContentBuilder::new().schema(media.schema).example(media.example).build()
}

/// The answer of one status: a problem with one of these codes.
fn refusal(codes: &BTreeSet<Code>) -> utoipa::openapi::Response {
    let line = |code: &Code| format!("- `{code}`: {}", code.title());
    let words: Vec<String> = codes.iter().map(line).collect();
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().map(|code| code.as_str())));
    let narrowed = ObjectBuilder::new().property("code", code);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed);
    let example = codes.first().map(|code| {
        let problem = Problem::new(*code);
        let sample = |problem: Problem, name: &&'static str| problem.with(name, crate::protocol::SAMPLE_ID);
        code.extensions().iter().fold(problem, sample).to_json()
    });
    let content = ContentBuilder::new().schema(Some(schema)).example(example).build();
    let mut response = ResponseBuilder::new().description(words.join("\n")).content(CONTENT_TYPE, content);
    if codes.iter().any(|code| code.retry() == Retry::Later) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_usize)).examples([json!(1)]);
        let wait = HeaderBuilder::new().schema(Some(seconds)).description(Some("How long to wait, in seconds."));
        response = response.header("Retry-After", wait.build());
    }
    response.build()
}
