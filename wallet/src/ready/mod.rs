//! Keeping tokens ready ahead of need, so that usual payments need no swap at the moment of paying, and no token ends unspent.
//!
//! | file | what |
//! |---|---|
//! | `policy` | what is to be kept ready |
//! | `plan` | which swaps bring the stock there; pure |
//! | `ending` | when tokens end, and when they are renewed |
//! | `holdings` | what there is, sorted for the plan |
//! | `refresh` | carries the work out, one swap for each operation, with pauses |
//! | `daemon` | at which random times it is carried out |
//! | `pace` | chance |
//! | `outlook` | what a payment would show |
//! | `view` | what people are shown of it |

mod daemon;
mod ending;
mod holdings;
mod outlook;
mod pace;
mod plan;
mod policy;
mod refresh;
mod view;
mod work;

pub use daemon::{Due, Schedule, daemon};
pub use ending::Expiry;
pub(crate) use ending::is_due;
pub use outlook::{KeysetOutlook, Outlook, Remark, Severity};
pub use pace::Pace;
pub use policy::{InvalidPolicy, StockPolicy};
pub use refresh::{RefreshLimits, RefreshReport, Upkeep, UpkeepFailure, UpkeepKind};
pub use view::{StockLine, StockView};
