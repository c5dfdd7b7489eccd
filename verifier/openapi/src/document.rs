//! The finished document.

use std::fmt;

use axum::body::Bytes;

/// An OpenAPI document: the same for everyone, whatever the service is configured to.
pub struct Document {
    pub(crate) text: Bytes,
    #[cfg(feature = "conformance")]
    pub(crate) types: Vec<(&'static str, crate::described::Form)>,
    #[cfg(feature = "conformance")]
    pub(crate) faults: Vec<String>,
}

impl Document {
    /// The JSON as it is served and as it is kept with the documentation: in lines, with a line's end at its end.
    pub const fn text(&self) -> &Bytes {
        &self.text
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.text.len())
    }
}
