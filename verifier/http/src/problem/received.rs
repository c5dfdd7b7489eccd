//! Problems as a client receives them: whatever the other side wrote, bounded and made fit to show.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Code, RESERVED};

/// Longest text kept of what a server says, in characters.
const MAX_TEXT: usize = 400;
/// Most extensions kept.
const MAX_EXTENSIONS: usize = 16;

/// The code of a received problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedCode {
    /// One that this version knows.
    Known(Code),
    /// One that it does not know, as the server wrote it.
    Unknown(String),
}

impl ReceivedCode {
    /// The code, if this version knows it.
    #[must_use]
    pub const fn known(&self) -> Option<Code> {
        match self {
            Self::Known(code) => Some(*code),
            Self::Unknown(_) => None,
        }
    }

    /// The code as it stood on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Unknown(text) => text,
        }
    }
}

/// A problem received from a service.
///
/// # Security
///
/// The server chose every word. Texts are cut to a bounded length and freed of control and direction-changing characters, so that they may be
/// shown on a terminal; they MUST NOT be taken for more than the server's claim. For a code that is known, the title is ours, not the server's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct ProblemBody {
    code: ReceivedCode,
    title: String,
    detail: Option<String>,
    extensions: BTreeMap<String, String>,
    retry_after: Option<Duration>,
}

impl ProblemBody {
    /// The code.
    #[must_use]
    pub const fn code(&self) -> &ReceivedCode {
        &self.code
    }

    /// The code, if this version knows it.
    #[must_use]
    pub const fn known(&self) -> Option<Code> {
        self.code.known()
    }

    /// What the problem is, in one sentence.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the server added about this occurrence.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The extension of that name. Only extensions that are strings are kept.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(String::as_str)
    }

    /// How long the server asks to wait before the next attempt.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the request can have had an effect in spite of this answer.
    ///
    /// A code this version does not know counts as yes: asking again is always right, forgetting is not.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        match self.known() {
            Some(code) => code.outcome_unknown(),
            None => true,
        }
    }

    pub(crate) const fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

impl std::fmt::Display for ProblemBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{} {detail}", self.title),
            None => f.write_str(&self.title),
        }
    }
}

/// The one reason for which an object is not a problem of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the problem has no code")]
pub struct NoCode;

impl TryFrom<Map<String, Value>> for ProblemBody {
    type Error = NoCode;

    fn try_from(members: Map<String, Value>) -> Result<Self, NoCode> {
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(presentable);
        let code = text("code").ok_or(NoCode)?;
        let (code, title) = match Code::parse(&code) {
            Some(known) => (ReceivedCode::Known(known), known.title().to_owned()),
            None => {
                let title = text("title").unwrap_or_else(|| format!("The service refused with the code {code}."));
                (ReceivedCode::Unknown(code), title)
            }
        };
        let extensions = members
            .iter()
            .filter(|(name, _)| !RESERVED.contains(&name.as_str()))
            .filter_map(|(name, value)| Some((presentable(name), presentable(value.as_str()?))))
            .take(MAX_EXTENSIONS)
            .collect();
        Ok(Self { code, title, detail: text("detail"), extensions, retry_after: None })
    }
}

/// Cuts a text and drops what could steer a terminal or turn the direction of writing.
fn presentable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(|c| !steers(*c)).take(MAX_TEXT).collect()
}
