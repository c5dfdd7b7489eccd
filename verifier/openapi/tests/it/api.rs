//! An API of its own: what is told of it, and which mistakes are found.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use farthing_http::extract::{Binary, Json, Path, Query};
use farthing_http::problem::{Code, Problem};
use farthing_openapi::{Api, Operation, Output, PATH, Parts, Shelf, object};
use farthing_protocol::amount::Amount;
use farthing_protocol::ids::PaymentId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    amount: Amount,
    #[serde(default)]
    twice: bool,
    word: Option<String>,
}

object! {
    /// What is asked.
    Question {
        /// How much.
        amount: Amount,
        /// Whether twice.
        twice: bool = false,
        /// A word.
        word: Option<String> => "hello",
    }
}

async fn ask(State(()): State<()>, Json(question): Json<Question>) -> Result<Json<Question>, Problem> {
    Ok(Json(question))
}

async fn file(Path(_): Path<String>) -> Result<Binary, Problem> {
    Err(Code::NotFound.into())
}

async fn find(Query(question): Query<Question>) -> Json<Question> {
    Json(question)
}

fn document(api: Api<()>) -> (Value, Vec<String>) {
    let (_, document) = api.finish();
    (serde_json::from_slice(document.text()).unwrap(), document.check())
}

fn api() -> Api<()> {
    Api::new("Test", "A test.")
}

#[test]
fn bodies_answers_and_refusals_come_from_the_handler() {
    let operation = Operation::new("ask", "Asks.").refuses(&[Code::DoubleSpend]);
    let (document, faults) = document(api().post("/ask", ask, operation));
    assert_eq!(faults, Vec::<String>::new());
    let operation = &document["paths"]["/ask"]["post"];
    let question = json!({ "$ref": "#/components/schemas/Question" });
    assert_eq!(operation["requestBody"]["content"]["application/json"]["schema"], question);
    assert_eq!(operation["responses"]["200"]["content"]["application/json"]["schema"], question);
    let statuses: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(statuses, ["200", "400", "408", "409", "413", "415", "500", "503"]);
    let refusal = &operation["responses"]["409"]["content"]["application/problem+json"];
    assert_eq!(refusal["schema"]["allOf"][1]["properties"]["code"]["enum"], json!(["double_spend"]));
    assert_eq!(document["components"]["schemas"]["Question"]["required"], json!(["amount"]));
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"][PATH]["get"].is_object());
}

#[test]
fn parts_of_the_path_and_of_the_query_are_told() {
    let operation = Operation::new("file", "A file.").parameter::<PaymentId>("id", "Which.");
    let api = api().get("/file/{id}", file, operation).get("/find", find, Operation::new("find", "Finds."));
    let (document, faults) = document(api);
    assert_eq!(faults, Vec::<String>::new());
    let file = &document["paths"]["/file/{id}"]["get"];
    assert_eq!(file["parameters"][0]["in"], "path");
    assert!(file["responses"]["200"]["content"]["application/octet-stream"].is_object());
    let found = document["paths"]["/find"]["get"]["parameters"].as_array().unwrap();
    let found: Vec<_> =
        found.iter().map(|one| (one["name"].as_str().unwrap(), one["required"] == json!(true))).collect();
    assert_eq!(found, [("amount", true), ("twice", false), ("word", false)]);
}

/// Lines for people: an answer that no type of this crate is.
struct Lines;

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        ([("content-type", "text/plain")], "a line\n").into_response()
    }
}

impl Output for Lines {
    fn describe(_: &mut Shelf, parts: &mut Parts) {
        parts.answers_as("text/plain");
        parts.refuses(&[Code::NotForSale]);
    }
}

#[test]
fn a_service_describes_what_is_its_own() {
    async fn lines(_: HeaderMap, Json(_): Json<Value>) -> Lines {
        Lines
    }
    async fn nothing() -> Lines {
        Lines
    }
    let api = api().post("/lines", lines, Operation::new("lines", "Lines.")).get(
        "/lines",
        nothing,
        Operation::new("more", "More lines."),
    );
    let (document, faults) = document(api);
    assert_eq!(faults, Vec::<String>::new());
    let item = &document["paths"]["/lines"];
    assert_eq!(item["post"]["responses"]["200"]["content"], json!({ "text/plain": {} }));
    assert_eq!(item["post"]["requestBody"]["content"]["application/json"]["schema"], json!({}));
    assert!(item["get"]["responses"]["403"].is_object());
}

#[test]
fn a_part_of_the_path_that_is_not_told_is_found() {
    let (_, faults) = document(api().get("/file/{id}", file, Operation::new("file", "A file.")));
    assert_eq!(faults.len(), 1);
    let (_, faults) = document(api().get("/file", file, Operation::new("file", "A file.")));
    assert_eq!(faults.len(), 1);
}

/// A field that JSON calls otherwise, one that may be left out, and one that may not.
#[derive(Serialize, Deserialize)]
struct Renamed {
    #[serde(rename = "b")]
    a: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lenient {
    #[serde(default)]
    a: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: bool,
}

object! {
    /// Called otherwise.
    Renamed {
        /// It.
        a: bool,
    }
    /// Told to be needed.
    Lenient {
        /// It.
        a: bool,
    }
    /// Told not to be needed.
    Strict {
        /// It.
        a: bool = false,
    }
}

#[test]
fn a_description_that_is_not_true_is_found() {
    async fn renamed() -> Json<Renamed> {
        Json(Renamed { a: true })
    }
    async fn read<T>(Json(_): Json<T>) -> Json<Strict> {
        Json(Strict { a: true })
    }
    let faults = |api: Api<()>| document(api).1.join("\n");
    let one = Operation::new("one", "One.");
    assert!(faults(api().get("/", renamed, one.clone())).contains("Renamed"));
    assert!(faults(api().post("/", read::<Lenient>, one.clone())).contains("Lenient: whether it needs a"));
    assert!(faults(api().post("/", read::<Strict>, one)).contains("Strict: whether it needs a"));
}
