//! Parts of the JSON answers. Field names are for ever; new fields may be added.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use serde::Serialize;

/// The one object that a command answers with: its own fields, and what was to be warned of.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Envelope<T> {
    #[serde(flatten)]
    pub(crate) answer: T,
    pub(crate) warnings: Vec<Warning>,
}

/// An amount of money.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Money {
    /// Whole smallest units, in decimal: a number of JSON could lose digits.
    pub(crate) units: String,
    /// Code of the unit.
    pub(crate) unit: String,
    /// How many of the digits are decimals.
    pub(crate) exponent: u8,
    /// As people write it.
    pub(crate) text: String,
}

impl Money {
    pub(crate) fn of(amount: Amount, unit: &Unit) -> Self {
        Self {
            units: amount.units().to_string(),
            unit: unit.code().to_owned(),
            exponent: unit.exponent(),
            text: amount.display(unit),
        }
    }
}

/// Something that should not stay as it is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Warning {
    pub(crate) code: WarningCode,
    pub(crate) message: String,
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum WarningCode {
    /// An operation is still unfinished.
    StillUnfinished,
    /// A mint did not answer.
    MintNotAsked,
    /// Another wallet uses the same words, or an old copy of the folder was put back.
    WordsUsedElsewhere,
    /// A restore is not finished.
    RestoreUnfinished,
    /// Tokens end soon.
    TokensEnding,
    /// A key of a mint leaked, and what its tokens were worth can be claimed.
    Recoupable,
    /// Somebody had claimed a part of what was received.
    PartClaimed,
    /// What was fetched could not be written where it was to go.
    NotWritten,
    /// Something that a command had to do shows more than usual.
    Shows,
}

/// A time in JSON: Unix seconds.
pub(crate) fn seconds(at: UnixTime) -> u64 {
    at.seconds()
}
