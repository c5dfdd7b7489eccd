//! What the operator's commands say to a running mint, over its control socket: one file for each subject.

mod backing;
mod backup;
mod forget;
mod funding;
mod keysets;
mod money;
mod payouts;
mod recoup;
mod signer;
mod vouchers;

pub use backing::{BackingReport, BackingRequest};
pub use backup::{BeginCopyAnswer, BeginCopyRequest, CopyPortionAnswer, CopyPortionRequest};
pub use forget::{ForgetAnswer, ForgetRequest};
pub use funding::{AssignIncomeRequest, IncomeQuery, IncomeReport, IncomeState, IncomeView};
pub use keysets::{KeysetsReport, NewKeysetAnswer, NewKeysetRequest};
pub use money::{MoneyAnswer, MoneyRequest};
pub use payouts::{PayoutView, PayoutsQuery, PayoutsReport, SettlePayoutRequest};
pub use recoup::{CoverAnswer, CoverRequest, RecoupsReport, RevokeAnswer, RevokeRequest};
pub use signer::{SignerIssued, SignerReportAnswer};
pub use vouchers::{
    BatchView, CreateVouchersAnswer, CreateVouchersRequest, RevokeVouchersRequest, VouchersQuery, VouchersReport,
};

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
    /// GET with [`PayoutsQuery`](super::PayoutsQuery): [`PayoutsReport`](super::PayoutsReport).
    pub const PAYOUTS: &str = "/v1/control/payouts";
    /// POST [`SettlePayoutRequest`](super::SettlePayoutRequest) → [`PayoutView`](super::PayoutView).
    pub const SETTLE_PAYOUT: &str = "/v1/control/settle-payout";
    /// GET with [`IncomeQuery`](super::IncomeQuery): [`IncomeReport`](super::IncomeReport).
    pub const INCOME: &str = "/v1/control/income";
    /// POST [`AssignIncomeRequest`](super::AssignIncomeRequest) → [`IncomeView`](super::IncomeView).
    pub const ASSIGN_INCOME: &str = "/v1/control/income/assign";
    /// GET with [`VouchersQuery`](super::VouchersQuery): [`VouchersReport`](super::VouchersReport);
    /// POST [`CreateVouchersRequest`](super::CreateVouchersRequest) → [`CreateVouchersAnswer`](super::CreateVouchersAnswer).
    pub const VOUCHERS: &str = "/v1/control/vouchers";
    /// POST [`RevokeVouchersRequest`](super::RevokeVouchersRequest) → [`BatchView`](super::BatchView).
    pub const REVOKE_VOUCHERS: &str = "/v1/control/vouchers/revoke";
    /// POST [`NewKeysetRequest`](super::NewKeysetRequest) → [`NewKeysetAnswer`](super::NewKeysetAnswer).
    pub const NEW_KEYSET: &str = "/v1/control/new-keyset";
    /// POST [`RevokeRequest`](super::RevokeRequest) → [`RevokeAnswer`](super::RevokeAnswer).
    pub const REVOKE: &str = "/v1/control/revoke";
    /// GET: [`RecoupsReport`](super::RecoupsReport).
    pub const RECOUPS: &str = "/v1/control/recoups";
    /// POST [`CoverRequest`](super::CoverRequest) → [`CoverAnswer`](super::CoverAnswer).
    pub const COVER_RECOUP: &str = "/v1/control/cover-recoup";
    /// GET: [`SignerReportAnswer`](super::SignerReportAnswer); `not_found` for a mint that holds its keys itself.
    pub const SIGNER: &str = "/v1/control/signer";
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
