//! What is written about the codes: `docs/errors.md`, and the table of the specification.
//!
//! After an intended change, `DOCS=overwrite cargo test -p farthing-http --test http errors` writes the first anew. Codes are for ever: one
//! that is there may not go away, nor change what it means.

use std::fmt::Write as _;
use std::path::Path;

use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Retry, TYPE_PREFIX, WINNER};

const HEAD: &str = "\
# Problems

How the services say no. This page is written from the code (`verifier/http/src/problem.rs`) and a test holds it to that.

A refusal is a problem document (RFC 9457), `application/problem+json`:

```json
PROBLEM
```

`code` and `type` name the problem and never change. `title` is the same for every occurrence; `detail`, where there is one,
says more for people. Some codes have a member of their own. What is to be done follows from `code` alone, never from a text,
nor from the status: several codes share one.

**Took effect** says whether the request can have done something in spite of the answer. *No* is definite. *Not known* means:
ask again with the same bytes, and go on asking; a payment that was sent may be spent. A code that a client does not know
is to be taken as *not known*, and so is an answer that is no problem document, or none at all.

**Again** says what the same request, byte for byte, will meet. *Never*: the same refusal, until something else has
changed. *Later*: this request did nothing, and it may pass after `Retry-After`. *Same bytes*: that is how to find out.

";

#[test]
fn the_page_is_written_from_the_codes() {
    let path = docs("errors.md");
    let expected = page();
    if std::env::var("DOCS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        expected,
        "{path:?} is another than what is written"
    );
}

#[test]
fn the_specification_has_the_same_table() {
    let text = std::fs::read_to_string(docs("spec.md")).unwrap();
    let section = text.split("### 18.3 Problems").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let codes: Vec<String> =
        Code::ALL.iter().map(|code| format!("| `{code}` | {} | {} |", code.status(), code.title())).collect();
    assert_eq!(rows, codes);
    for code in Code::ALL {
        for extension in code.extensions() {
            assert!(section.contains(&format!("`{code}` has `{extension}`")), "{code}");
        }
    }
}

#[test]
fn what_may_have_taken_effect_is_asked_again() {
    for code in Code::ALL {
        assert_eq!(code.retry() == Retry::Same, code.outcome_unknown(), "{code}");
        assert!(code.meaning().ends_with('.') && code.advice().ends_with('.'), "{code}");
    }
}

fn docs(name: &str) -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).join(name)
}

fn page() -> String {
    let example = farthing_http::problem::Problem::new(Code::DoubleSpend)
        .with(EARLIER_PAYMENT_ID, "rVy8py6Kg2MOZ9j3L1Ofi1DRF0EFlH7o5xIRm2SnUqw")
        .to_json();
    let mut page = HEAD.replace("PROBLEM", &serde_json::to_string_pretty(&example).unwrap());
    page += "| code | status | title | took effect | again |\n|---|---|---|---|---|\n";
    for code in Code::ALL {
        let (status, title) = (code.status(), code.title());
        writeln!(page, "| [`{code}`](#{code}) | {status} | {title} | {} | {} |", effect(*code), again(*code)).unwrap();
    }
    for code in Code::ALL {
        write!(page, "\n## `{code}`\n\n**{}** {}\n\n", code.title(), plain(code.meaning())).unwrap();
        writeln!(page, "- Type `{TYPE_PREFIX}{code}`, status {}.", code.status()).unwrap();
        writeln!(page, "- Took effect: {}. Again: {}.", effect(*code), again(*code)).unwrap();
        for extension in code.extensions() {
            writeln!(page, "- `{extension}`: {}", about(extension)).unwrap();
        }
        writeln!(page, "- {}", code.advice()).unwrap();
    }
    page
}

fn effect(code: Code) -> &'static str {
    if code.outcome_unknown() { "not known" } else { "no" }
}

fn again(code: Code) -> &'static str {
    match code.retry() {
        Retry::Never => "never",
        Retry::Later => "later",
        Retry::Same => "same bytes",
        other => panic!("{other:?} has no words"),
    }
}

fn about(extension: &str) -> &'static str {
    match extension {
        EARLIER_PAYMENT_ID => "the id of the payment in which the token was spent first, 32 bytes in base64url.",
        WINNER => "the id of the issuance that used the funding first, 32 bytes in base64url.",
        other => panic!("{other} is not explained"),
    }
}

/// Links that only rustdoc understands, as what they lead to.
fn plain(meaning: &str) -> String {
    let text = meaning.replace("[`EARLIER_PAYMENT_ID`]", &format!("`{EARLIER_PAYMENT_ID}`"));
    let text = text.replace("[`WINNER`]", &format!("`{WINNER}`"));
    assert!(!text.contains("[`"), "a link that leads nowhere: {text}");
    text
}
