//! Holding a document to the types and to the service that it describes.
#![allow(clippy::indexing_slicing, reason = "a JSON value that has no such member gives null")]

use std::collections::BTreeSet;

use farthing_http::problem::Code;
use serde_json::{Value, json};

use crate::described::Form;
use crate::document::Document;

impl Document {
    /// What of the document is not true of the types: nothing, or it is a bug.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let document: Value = serde_json::from_slice(&self.text).unwrap_or_default();
        let mut faults = self.faults.clone();
        for (name, form) in &self.types {
            check_type(name, &document["components"]["schemas"][name], *form, &mut faults);
        }
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for operation in item.as_object().into_iter().flat_map(|item| item.values()) {
                check_example(path, &operation["requestBody"]["content"], &self.types, &mut faults);
                check_example(path, &operation["responses"]["200"]["content"], &self.types, &mut faults);
            }
        }
        faults
    }

    /// The codes that the document has for an operation.
    #[must_use]
    pub fn codes(&self, method: &str, path: &str) -> Vec<String> {
        let document: Value = serde_json::from_slice(&self.text).unwrap_or_default();
        let responses = &document["paths"][path][method.to_lowercase()]["responses"];
        let schemas = responses.as_object().into_iter().flatten().map(|(_, response)| {
            &response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
        });
        let codes = schemas.filter_map(Value::as_array).flatten();
        codes.filter_map(|code| Some(code.as_str()?.to_owned())).collect()
    }

    /// The paths with their methods.
    #[must_use]
    pub fn operations(&self) -> Vec<(String, String)> {
        let document: Value = serde_json::from_slice(&self.text).unwrap_or_default();
        let items = document["paths"].as_object().into_iter().flatten();
        let methods = items.flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(|(method, _)| (path.clone(), method.to_uppercase()))
        });
        methods.collect()
    }
}

impl Document {
    /// Asks a server for everything that is described, and with every other method: what it serves otherwise than it is
    /// described. `ask` sends a request without a body and gives the status of the answer.
    pub async fn probe(&self, ask: impl AsyncFn(&str, &str) -> u16) -> Vec<String> {
        let mut faults = Vec::new();
        let operations = self.operations();
        for (path, _) in &operations {
            let concrete = self.concrete(path);
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                let described = operations.contains(&(path.clone(), method.to_owned()));
                let status = ask(method, &concrete).await;
                let may_lack = self.codes(method, path).contains(&Code::NotFound.as_str().to_owned());
                if described != (status != 405) || (status == 404 && !may_lack) {
                    faults.push(format!("{method} {concrete}: {status}"));
                }
            }
        }
        if ask("GET", "/not/a/path").await != 404 {
            faults.push("something is served everywhere".to_owned());
        }
        faults
    }

    /// Paths that a router has and the document has not, or the other way round.
    #[must_use]
    pub fn unlike(&self, router: &axum::Router) -> Vec<String> {
        // A router tells its paths in no other way than this; what comes after are its fallbacks.
        let text = format!("{router:?}");
        let routes = text.split("fallback_router").next().unwrap_or_default();
        let quoted = routes.split('"').skip(1).step_by(2);
        let served: BTreeSet<String> = quoted.filter(|piece| piece.starts_with('/')).map(str::to_owned).collect();
        let described: BTreeSet<String> = self.operations().into_iter().map(|(path, _)| path).collect();
        served.symmetric_difference(&described).cloned().collect()
    }

    /// A path with examples in the place of its parameters.
    fn concrete(&self, path: &str) -> String {
        let document: Value = serde_json::from_slice(&self.text).unwrap_or_default();
        let mut concrete = path.to_owned();
        let operations = document["paths"][path].as_object().into_iter().flat_map(|item| item.values());
        for parameter in operations.flat_map(|one| one["parameters"].as_array().into_iter().flatten()) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let schema = parameter["schema"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let example = schema.map(|name| document["components"]["schemas"][name]["examples"][0].clone());
            let value = example.as_ref().and_then(Value::as_str).unwrap_or("0").to_owned();
            concrete = concrete.replace(&format!("{{{name}}}"), &value);
        }
        concrete
    }
}

fn check_type(name: &str, schema: &Value, form: Form, faults: &mut Vec<String>) {
    let Form { examples, round_trip } = form;
    let examples = examples();
    if examples.is_empty() {
        faults.push(format!("{name} has no example"));
    }
    for example in examples {
        match round_trip(example.clone()) {
            Ok(again) if again == example => {}
            Ok(again) => faults.push(format!("{name}: {example} is written as {again}")),
            Err(error) => faults.push(format!("{name}: {example} does not decode: {error}")),
        }
        let Some(fields) = example.as_object() else { continue };
        let closed = schema["additionalProperties"] == json!(false) || schema["oneOf"].is_array();
        let mut more = fields.clone();
        more.insert("not_a_field".to_owned(), json!("x"));
        if closed && round_trip(Value::Object(more)).is_ok() {
            faults.push(format!("{name}: fields are taken that are not known"));
        }
        if !schema["properties"].is_object() {
            continue;
        }
        for field in fields.keys() {
            let mut fewer = fields.clone();
            fewer.remove(field);
            if round_trip(Value::Object(fewer)).is_ok() == needs(schema, field) {
                faults.push(format!("{name}: whether it needs {field} is told wrong"));
            }
        }
    }
}

fn needs(schema: &Value, field: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.contains(&json!(field)))
}

fn check_example(path: &str, content: &Value, types: &[(&str, Form)], faults: &mut Vec<String>) {
    let content = &content["application/json"];
    let Some(reference) = content["schema"]["$ref"].as_str() else { return };
    let name = reference.rsplit('/').next().unwrap_or_default();
    let known = types.iter().find(|(known, _)| *known == name);
    if known.is_none_or(|(_, form)| (form.round_trip)(content["example"].clone()).is_err()) {
        faults.push(format!("{path}: the example is no {name}"));
    }
}
