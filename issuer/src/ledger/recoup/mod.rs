//! What becomes of honest tokens of a revoked keyset (protocol section 10).
//!
//! From the revocation on nothing of the keyset is deposited or swapped, so that what was spent stands still. Claims are filed
//! for each token: by payees, who come first, and by holders. A token is paid once, when claims are collected no more, if
//! somebody has shown from which recorded issuance it came and that issuance counts.

mod cover;
mod filing;
mod leaks;
mod report;
mod rows;
mod settle;

pub use cover::CoverError;
pub(crate) use cover::{Covered, Covering, cover};
pub(crate) use filing::{FiledToken, Filing, RecoupRefusal, file};
pub(crate) use leaks::{DEFAULT_WINDOW, Exclusions, Known, LeakRow, entries, leaks, note_leak};
pub(crate) use report::{LateSums, RecoupSums, Sum, recoup_sums};
pub(crate) use rows::{Origin, Rank, TokenRow, Verdict};
pub(crate) use settle::settle_recoups;

pub(super) use cover::CoverRow;
pub(super) use filing::Coin;
pub(super) use rows::origin_key;
