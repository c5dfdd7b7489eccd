//! The protocol's bodies and what stands in them.

mod accounts;
mod bodies;
mod funding;
mod merchant;
mod problem;
mod recoup;
mod wires;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

pub(crate) use self::problem::{ProblemDocument, SAMPLE_ID};

/// Objects of the test vectors (`protocol/vectors`) as JSON has them: those decode, and belong together as far as it can be.
static EXAMPLES: LazyLock<BTreeMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// The example of this name; null if there is none.
#[must_use]
pub fn example(name: &str) -> Value {
    EXAMPLES.get(name).cloned().unwrap_or_default()
}
