//! `PAYMENT-REQUIRED`.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::encoding::{MAX_HEADER, presentable, read};
use super::{DemandError, VERSION};

/// What a server demands, with everything that is sent back kept as it came.
pub(crate) struct Demand {
    /// The server's words, made presentable.
    pub(crate) error: Option<String>,
    pub(super) resource: Option<Box<RawValue>>,
    pub(super) extensions: Option<Box<RawValue>>,
    pub(super) accepts: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    x402_version: serde_json::Value,
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    resource: Option<Box<RawValue>>,
    #[serde(default)]
    extensions: Option<Box<RawValue>>,
    #[serde(default)]
    accepts: Vec<Box<RawValue>>,
}

impl Demand {
    /// The most ways of paying that are looked at.
    pub(crate) const MAX_ENTRIES: usize = 32;

    /// One entry of a demand that somebody else met with. It must be an object; what is in it is judged when it is chosen.
    pub(crate) fn of_entry(json: &str) -> Result<Self, DemandError> {
        if json.len() > MAX_HEADER {
            return Err(DemandError::TooLarge);
        }
        let entry: Box<RawValue> = serde_json::from_str(json).map_err(|_| DemandError::Json)?;
        if !entry.get().starts_with('{') {
            return Err(DemandError::Json);
        }
        Ok(Self { error: None, resource: None, extensions: None, accepts: vec![entry] })
    }

    /// Reads the values of the header: there must be one. What is in the entries is judged when one is chosen.
    pub(crate) fn read<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Result<Option<Self>, DemandError> {
        let mut values = values.into_iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(DemandError::Repeated);
        }
        let Wire { x402_version, error, resource, extensions, accepts } = read(value)?;
        if x402_version.as_u64() != Some(VERSION) {
            return Err(DemandError::Version);
        }
        if accepts.is_empty() || accepts.len() > Self::MAX_ENTRIES {
            return Err(DemandError::Entries);
        }
        let error = error.as_ref().and_then(serde_json::Value::as_str).map(presentable);
        Ok(Some(Self { error: error.filter(|text| !text.is_empty()), resource, extensions, accepts }))
    }
}

/// An entry may hold an invoice, by which a payer is known again.
impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").field("entries", &self.accepts.len()).finish_non_exhaustive()
    }
}
