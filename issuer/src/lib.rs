//! The mint: keysets, issuance sessions, ledger, deposits.
//!
//! | | |
//! |---|---|
//! | [`MintHome`] | a mint's folder: made once, opened without secrets |
//! | [`Books`] | the ledger alone, without secrets: credits, balances, audits |
//! | [`Mint`] | the whole mint: its keys are open, it can issue |
//! | [`run`] | serves a mint over HTTP and on its control socket |
//! | [`SignerHome`], [`run_signer`] | a mint's keys in a process of its own |
//!
//! # Security
//! A mint MUST NOT be resumed from a memory snapshot, nor its process be forked: its sessions live in memory, and two
//! copies of one session could be made to answer two challenges for one nonce, which reveals a secret key. The mint
//! discards its sessions when it notices (a changed process id, or wall clock and boot-time clock drifting apart),
//! but a clone inside that window cannot be stopped.

mod administration;
mod archive;
mod backup;
mod books;
mod clock;
pub mod control;
mod deposit;
mod forgery;
mod funding;
mod home;
mod issuance;
mod keys;
mod keysets;
mod ledger;
mod limits;
mod list;
mod metrics;
mod mint;
mod owners;
mod recoup;
mod registration;
mod rotation;
mod server;
mod settings;
mod signer;
mod store;
mod watchdog;

pub use archive::ArchiveError;
pub use backup::{
    BackupError, BackupPlan, BackupSummary, CheckedBackup, Decided, Decision, LedgerCopy, LedgerPortion, OriginalFence,
    Proof, Restored, check_backup, decide, last_backup, restore_backup, write_backup,
};
pub use books::{Books, BooksError};
#[doc(hidden)]
pub use clock::Clock;
pub use clock::SystemClock;
pub use deposit::DepositError;
pub use funding::{BatchState, NewBatch, WEBHOOK, WebhookAnswer, WebhookPayment, WebhookSecretError};
pub use home::{
    ArchiveTimes, DEFAULT_LISTEN, Finding, FindingCode, FundingSettingsError, HomeError, InitOptions, MintHome,
    ProtectionKind, ServiceOptions, Windows, check_home, default_bundles,
};
pub use issuance::{FinishError, OpenError};
#[doc(hidden)]
pub use keys::ExchangeStep;
pub use keys::{Cost, KeyError, KeyHome, KeysHandled, Passphrase, Protection, Unlock};
pub use keysets::{KeysetState, KeysetSummary};
pub use ledger::{
    AuditReport, Authority, ClockWord, CloseError, CoverError, Credited, Difference, Erased, FactorError, Figure,
    ForgetError, IncomeError, LedgerError, LedgerOpenError, MovementError, PayoutError, QuoteError, SettingsError,
    UnitBooks, VoucherError, Who,
};
pub use limits::{IssueLimits, Limit, RequestRates, TooOften};
pub use list::ListError;
#[doc(hidden)]
pub use mint::Surroundings;
pub use mint::{AccountError, KeysetChangeError, Mint, MintError};
pub use recoup::{Leak, RecoupError, RecoupReport, RecoupedSum, RevokeError, Revoked};
pub use rotation::{Rotation, RotationError};
pub use server::{RunningMint, Serving, public_document, public_router, run, serve};
#[doc(hidden)]
pub use signer::run_signer_in;
pub use signer::{
    RunningSigner, SignerError, SignerHome, SignerListen, SignerOptions, SignerRefusal, SigningError, TlsKey,
    ValueLimits, run_signer,
};
pub use watchdog::Alarm;

use rand::rngs::SysRng;
use rand_core::{Rng, UnwrapErr};

/// The operating system's randomness, without any state of this process in between: a copy of the process draws
/// other numbers.
pub(crate) fn system_rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    system_rng().fill_bytes(&mut bytes);
    bytes
}
