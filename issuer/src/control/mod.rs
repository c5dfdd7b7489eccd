//! What the operator's commands say to a running mint, over its control socket: one file for each subject.

mod administration;
mod backing;
mod backup;
mod forgery;
mod forget;
mod funding;
mod keysets;
mod money;
mod payouts;
mod recoup;
mod registration;
mod signer;
mod status;
mod vouchers;

pub use administration::{
    AdministratorReport, ConfirmRequest, JournalCheck, JournalCheckQuery, JournalEntry, JournalField, JournalQuery,
    JournalReport, Nothing, RecoveryCodesAnswer, ResetFactorAnswer, ResetFactorRequest,
};
pub use backing::{BackingReport, BackingRequest};
pub use backup::{BeginCopyAnswer, BeginCopyRequest, CopyPortionAnswer, CopyPortionRequest};
pub use forgery::{DismissForgeryAnswer, DismissForgeryRequest};
pub use forget::{ForgetAnswer, ForgetRequest};
pub use funding::{AssignIncomeRequest, IncomeQuery, IncomeReport, IncomeState, IncomeView};
pub use keysets::{KeysetsReport, NewKeysetAnswer, NewKeysetRequest};
pub use money::{MoneyAnswer, MoneyRequest};
pub use payouts::{PayoutView, PayoutWord, PayoutsQuery, PayoutsReport, SettlePayoutsRequest};
pub use recoup::{CloseRecoupRequest, CoverAnswer, CoverRequest, RecoupsReport, RevokeAnswer, RevokeRequest};
pub use registration::{RegisteredQuery, RegisteredReport, RegisteredView, RegistrationAnswer, RegistrationRequest};
pub use signer::{SignerIssued, SignerReportAnswer};
pub use status::{AlarmView, SignerView, StatusReport};
pub use vouchers::{
    BatchView, CreateVouchersAnswer, CreateVouchersRequest, RevokeVouchersRequest, VouchersQuery, VouchersReport,
};

/// The header with a code of the administrator's second factor. Every request that may change something needs one as soon as a
/// factor is enrolled.
pub const CODE_HEADER: &str = "farthing-code";

/// Paths of the control endpoints.
pub mod path {
    /// POST [`MoneyRequest`](super::MoneyRequest) → [`MoneyAnswer`](super::MoneyAnswer).
    pub const CREDIT: &str = "/v1/control/credit";
    /// POST [`MoneyRequest`](super::MoneyRequest) → [`MoneyAnswer`](super::MoneyAnswer).
    pub const PAY_OUT: &str = "/v1/control/pay-out";
    /// GET: [`AuditReport`](crate::AuditReport).
    pub const AUDIT: &str = "/v1/control/audit";
    /// GET: [`KeysetsReport`](super::KeysetsReport).
    pub const KEYSETS: &str = "/v1/control/keysets";
    /// GET: [`BackingReport`](super::BackingReport). POST [`BackingRequest`](super::BackingRequest) → the same.
    pub const BACKING: &str = "/v1/control/backing";
    /// GET with an account key: [`AccountAnswer`](farthing_protocol::api::AccountAnswer).
    pub const ACCOUNT: &str = "/v1/control/accounts/{account}";
    /// GET with [`RegisteredQuery`](super::RegisteredQuery): [`RegisteredReport`](super::RegisteredReport).
    pub const REGISTERED: &str = "/v1/control/registered-accounts";
    /// POST [`RegistrationRequest`](super::RegistrationRequest) → [`RegistrationAnswer`](super::RegistrationAnswer).
    pub const OPEN_ACCOUNT: &str = "/v1/control/open-account";
    /// POST [`RegistrationRequest`](super::RegistrationRequest) → [`RegistrationAnswer`](super::RegistrationAnswer).
    pub const CLOSE_ACCOUNT: &str = "/v1/control/close-account";
    /// GET with [`PayoutsQuery`](super::PayoutsQuery): [`PayoutsReport`](super::PayoutsReport).
    pub const PAYOUTS: &str = "/v1/control/payouts";
    /// POST [`SettlePayoutsRequest`](super::SettlePayoutsRequest) → [`PayoutsReport`](super::PayoutsReport).
    pub const SETTLE_PAYOUTS: &str = "/v1/control/settle-payouts";
    /// GET: [`AdministratorReport`](super::AdministratorReport).
    pub const ADMINISTRATOR: &str = "/v1/control/administrator";
    /// POST [`Nothing`](super::Nothing) → [`Enrolment`](farthing_protocol::api::Enrolment).
    pub const ADMINISTRATOR_DRAW: &str = "/v1/control/administrator/draw";
    /// POST [`ConfirmRequest`](super::ConfirmRequest) → [`Nothing`](super::Nothing).
    pub const ADMINISTRATOR_CONFIRM: &str = "/v1/control/administrator/confirm";
    /// POST [`Nothing`](super::Nothing) → [`RecoveryCodesAnswer`](super::RecoveryCodesAnswer).
    pub const ADMINISTRATOR_CODES: &str = "/v1/control/administrator/recovery-codes";
    /// POST [`Nothing`](super::Nothing) → [`Nothing`](super::Nothing).
    pub const ADMINISTRATOR_REMOVE: &str = "/v1/control/administrator/remove";
    /// POST [`ResetFactorRequest`](super::ResetFactorRequest) → [`ResetFactorAnswer`](super::ResetFactorAnswer).
    pub const RESET_FACTOR: &str = "/v1/control/reset-factor";
    /// GET with [`JournalQuery`](super::JournalQuery): [`JournalReport`](super::JournalReport).
    pub const JOURNAL: &str = "/v1/control/journal";
    /// GET with [`JournalCheckQuery`](super::JournalCheckQuery): [`JournalCheck`](super::JournalCheck).
    pub const JOURNAL_CHECK: &str = "/v1/control/journal/check";
    /// GET with [`IncomeQuery`](super::IncomeQuery): [`IncomeReport`](super::IncomeReport).
    pub const INCOME: &str = "/v1/control/income";
    /// POST [`AssignIncomeRequest`](super::AssignIncomeRequest) → [`IncomeView`](super::IncomeView).
    pub const ASSIGN_INCOME: &str = "/v1/control/income/assign";
    /// POST [`Nothing`](super::Nothing) → [`Nothing`](super::Nothing): a new secret is in the file that `mint.toml` names.
    pub const WEBHOOK_SECRET: &str = "/v1/control/webhook-secret";
    /// GET with [`VouchersQuery`](super::VouchersQuery): [`VouchersReport`](super::VouchersReport);
    /// POST [`CreateVouchersRequest`](super::CreateVouchersRequest) → [`CreateVouchersAnswer`](super::CreateVouchersAnswer).
    pub const VOUCHERS: &str = "/v1/control/vouchers";
    /// POST [`RevokeVouchersRequest`](super::RevokeVouchersRequest) → [`BatchView`](super::BatchView).
    pub const REVOKE_VOUCHERS: &str = "/v1/control/vouchers/revoke";
    /// POST [`NewKeysetRequest`](super::NewKeysetRequest) → [`NewKeysetAnswer`](super::NewKeysetAnswer).
    pub const NEW_KEYSET: &str = "/v1/control/new-keyset";
    /// POST [`RevokeRequest`](super::RevokeRequest) → [`RevokeAnswer`](super::RevokeAnswer).
    pub const REVOKE: &str = "/v1/control/revoke";
    /// POST [`DismissForgeryRequest`](super::DismissForgeryRequest) → [`DismissForgeryAnswer`](super::DismissForgeryAnswer).
    pub const DISMISS_FORGERY: &str = "/v1/control/dismiss-forgery";
    /// GET: [`RecoupsReport`](super::RecoupsReport).
    pub const RECOUPS: &str = "/v1/control/recoups";
    /// POST [`CoverRequest`](super::CoverRequest) → [`CoverAnswer`](super::CoverAnswer).
    pub const COVER_RECOUP: &str = "/v1/control/cover-recoup";
    /// POST [`CloseRecoupRequest`](super::CloseRecoupRequest) → [`RecoupsReport`](super::RecoupsReport).
    pub const CLOSE_RECOUP: &str = "/v1/control/close-recoup";
    /// GET: [`SignerReportAnswer`](super::SignerReportAnswer); `not_found` for a mint that holds its keys itself.
    pub const SIGNER: &str = "/v1/control/signer";
    /// GET: [`StatusReport`](super::StatusReport).
    pub const STATUS: &str = "/v1/control/status";
    /// POST [`ForgetRequest`](super::ForgetRequest) → [`ForgetAnswer`](super::ForgetAnswer).
    pub const FORGET: &str = "/v1/control/forget";
    /// POST [`BeginCopyRequest`](super::BeginCopyRequest) → [`BeginCopyAnswer`](super::BeginCopyAnswer).
    pub const BEGIN_COPY: &str = "/v1/control/begin-copy";
    /// POST [`CopyPortionRequest`](super::CopyPortionRequest) → [`CopyPortionAnswer`](super::CopyPortionAnswer).
    pub const COPY_PORTION: &str = "/v1/control/copy-portion";

    /// The path of one account's balances.
    pub fn account(account: &farthing_protocol::identity::AccountKey) -> String {
        ACCOUNT.replace("{account}", &account.to_text())
    }
}
