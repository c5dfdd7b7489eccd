//! What becomes of honest tokens of a revoked keyset (protocol section 10).
//!
//! From the revocation on nothing of the keyset is deposited or swapped, so that what was spent stands still. Claims are filed
//! for each token: by payees, who come first, and by holders. A token is paid once, when claims are collected no more, if
//! somebody has shown from which recorded issuance it came and that issuance counts. When nothing is left to be decided, and payees could
//! deposit no more anyway, the keyset is buried like any other.

mod cover;
mod end;
mod filing;
mod forgotten;
mod leaks;
mod report;
mod rows;
mod settle;

pub use cover::CoverError;
pub(crate) use cover::{Covered, Covering, cover};
pub use end::CloseError;
pub(crate) use end::{close, closed_at, drop_claims, recoup_end};
pub(crate) use filing::{FiledToken, Filing, RecoupRefusal, file};
pub(crate) use forgotten::{ForgottenRow, forgotten};
pub(crate) use leaks::{DEFAULT_WINDOW, Exclusions, Known, LeakRow, entries, leaks, note_leak, note_published};
pub(crate) use report::{LateSums, RecoupSums, Sum, recoup_sums};
pub(crate) use rows::{Origin, Rank, TokenRow, Verdict};
pub(crate) use settle::settle_recoups;

pub(super) use cover::CoverRow;
pub(super) use end::{Ending, RecoupEnd, Recouped, ending};
pub(super) use filing::Coin;
pub(super) use forgotten::note_forgotten;
pub(super) use leaks::collect_again;
pub(super) use rows::origin_key;
