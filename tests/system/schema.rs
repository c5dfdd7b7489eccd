//! The JSON schemas of `docs/schema`, held against what the program writes and against the examples of `docs/cli.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The schema of this name.
pub(crate) fn schema(name: &str) -> Value {
    let text = std::fs::read_to_string(docs().join("schema").join(format!("{name}.json"))).expect(name);
    serde_json::from_str(&text).unwrap()
}

/// Reads the one JSON object of an answer, and requires that it is as documented.
pub(crate) fn read(name: &str, output: &str) -> Value {
    assert_eq!(output.lines().count(), 1, "not one line: {output}");
    let value: Value = serde_json::from_str(output).unwrap();
    let root = schema(name);
    fits(&root, &root, &value).unwrap_or_else(|why| panic!("{name}: {why} in {output}"));
    value
}

/// Whether a value fits a schema, of those keywords that ours use. An unknown keyword is a failure of the test.
fn fits(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if *schema == Value::Bool(true) {
        return Ok(());
    }
    for (keyword, rule) in schema.as_object().ok_or("a schema is an object")? {
        match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).ok_or("a strange $ref")?;
                fits(root, &root["$defs"][name], value)?;
            }
            "type" => {
                let wanted: Vec<&str> = match rule {
                    Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                if !wanted.contains(&type_of(value)) {
                    return Err(format!("{value} is not {wanted:?}"));
                }
            }
            "properties" => {
                let fields = value.as_object().ok_or_else(|| format!("{value} is no object"))?;
                for (name, field) in fields {
                    let known = rule.get(name).ok_or_else(|| format!("the field {name} is not documented"))?;
                    fits(root, known, field)?;
                }
            }
            "required" => {
                for name in rule.as_array().ok_or("required is a list")? {
                    let name = name.as_str().unwrap_or_default();
                    value.get(name).ok_or_else(|| format!("the field {name} is missing"))?;
                }
            }
            "items" => value.as_array().into_iter().flatten().try_for_each(|item| fits(root, rule, item))?,
            "enum" if !rule.as_array().is_some_and(|values| values.contains(value)) => {
                return Err(format!("{value} is not one of {rule}"));
            }
            "const" if rule != value => return Err(format!("{value} is not {rule}")),
            "anyOf" | "oneOf" => {
                let choices = rule.as_array().ok_or("choices are a list")?;
                if !choices.iter().any(|choice| fits(root, choice, value).is_ok()) {
                    return Err(format!("{value} fits none of {rule}"));
                }
            }
            "$schema"
            | "$defs"
            | "description"
            | "format"
            | "minimum"
            | "maximum"
            | "additionalProperties"
            | "enum"
            | "const" => {}
            other => return Err(format!("the keyword {other} is not understood")),
        }
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every property that a schema names, at any depth.
fn names(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
                found.extend(properties.keys().cloned());
            }
            fields.values().for_each(|field| names(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// The examples of the documentation: schema's name and JSON.
fn examples() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(docs().join("cli.md")).unwrap();
    let blocks = text.split("```json ").skip(1).map(|block| {
        let (name, rest) = block.split_once('\n').unwrap();
        let (body, _) = rest.split_once("```").unwrap();
        (name.to_owned(), serde_json::from_str(body).unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    blocks.collect()
}

#[test]
fn every_schema_has_an_example_with_all_its_fields() {
    let examples = examples();
    for entry in std::fs::read_dir(docs().join("schema")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".json").to_owned();
        let root = schema(&name);
        let (mut wanted, mut text) = (BTreeSet::new(), String::new());
        names(&root, &mut wanted);
        for (_, example) in examples.iter().filter(|(of, _)| *of == name) {
            fits(&root, &root, example).unwrap_or_else(|why| panic!("the example of {name}: {why}"));
            text.push_str(&example.to_string());
        }
        // An empty list of warnings shows as much as one warning elsewhere.
        for field in wanted.iter().filter(|field| !matches!(field.as_str(), "code" | "message")) {
            assert!(text.contains(&format!("\"{field}\":")), "docs/cli.md shows {name} without {field}");
        }
    }
}
