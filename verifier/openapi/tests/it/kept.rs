//! The documents that are kept under `docs`, which the services' own tests hold to the services.

use std::collections::BTreeSet;
use std::path::PathBuf;

use farthing_http::problem::{Code, Problem};
use jsonschema::Validator;
use serde_json::{Value, json};

const DOCUMENTS: [&str; 3] = ["openapi-mint", "openapi-verifier", "openapi-verifier-control"];

#[test]
fn they_are_openapi_3_1() {
    // https://spec.openapis.org/oas/3.1/schema: the schema of the standard itself.
    let standard: Value = serde_json::from_str(include_str!("openapi-3.1.json")).unwrap();
    let validator = jsonschema::validator_for(&standard).unwrap();
    for name in DOCUMENTS {
        let document = document(name);
        let faults: Vec<String> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let mut wrong = document.clone();
        wrong["paths"]["/health"]["get"]["responses"] = json!([]);
        assert!(!validator.is_valid(&wrong));
    }
}

#[test]
fn references_lead_somewhere_and_everything_is_referred_to() {
    for name in DOCUMENTS {
        let document = document(name);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let there = document["components"]["schemas"].as_object().unwrap().keys();
        let there: BTreeSet<String> = there.map(|schema| format!("#/components/schemas/{schema}")).collect();
        assert_eq!(found, there, "{name}");
    }
}

#[test]
fn operations_have_names_of_their_own() {
    for name in DOCUMENTS {
        let document = document(name);
        let items = document["paths"].as_object().unwrap().values();
        let operations: Vec<&Value> = items.flat_map(|item| item.as_object().unwrap().values()).collect();
        let names: BTreeSet<&str> = operations.iter().map(|one| one["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), operations.len(), "{name}");
    }
}

#[test]
fn examples_fit_the_schemas_beside_them() {
    for name in DOCUMENTS {
        let document = document(name);
        let mut fitted = 0;
        for (schema, description) in document["components"]["schemas"].as_object().unwrap() {
            let validator = validator(&document, &format!("#/components/schemas/{schema}"));
            for example in description["examples"].as_array().into_iter().flatten() {
                assert!(validator.is_valid(example), "{name} {schema} {example}");
                fitted += 1;
            }
        }
        let mut media = Vec::new();
        contents(&document["paths"], &mut media);
        for (schema, example) in media {
            let mut whole = schema.clone();
            whole["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&whole).unwrap();
            let faults: Vec<String> = validator.iter_errors(example).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{name} {schema} {example} {faults:?}");
            fitted += 1;
        }
        assert!(fitted > 20, "{name}");
    }
}

#[test]
fn every_problem_fits_its_schema() {
    let validator = validator(&document("openapi-mint"), "#/components/schemas/Problem");
    for code in Code::ALL {
        assert!(validator.is_valid(&Problem::new(*code).with_detail("So.").to_json()), "{code}");
    }
    assert!(!validator.is_valid(&json!({ "code": "not_found" })));
}

fn document(name: &str) -> Value {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn validator(document: &Value, reference: &str) -> Validator {
    jsonschema::validator_for(&json!({ "$ref": reference, "components": document["components"] })).unwrap()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(reference.to_owned());
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Every schema that has an example beside it.
fn contents<'a>(value: &'a Value, found: &mut Vec<(&'a Value, &'a Value)>) {
    let Some(fields) = value.as_object() else { return };
    if let (Some(schema), Some(example)) = (fields.get("schema"), fields.get("example")) {
        found.push((schema, example));
    }
    fields.values().for_each(|field| contents(field, found));
}
