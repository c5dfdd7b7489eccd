//! Vouchers, in batches.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use farthing_http::extract::{Json, Query};
use farthing_http::problem::{Code, Problem};

use super::guard::Administrator;
use crate::control::{
    BatchView, CreateVouchersAnswer, CreateVouchersRequest, RevokeVouchersRequest, VouchersQuery, VouchersReport, path,
};
use crate::funding::NewBatch;
use crate::ledger::VoucherError;
use crate::mint::Mint;

/// So many batches are listed in one answer.
const LISTED: usize = 500;

pub(super) fn router() -> Router<Mint> {
    Router::new().route(path::VOUCHERS, get(vouchers).post(create)).route(path::REVOKE_VOUCHERS, post(revoke))
}

async fn vouchers(
    State(mint): State<Mint>,
    Query(VouchersQuery { after }): Query<VouchersQuery>,
) -> Result<Json<VouchersReport>, Problem> {
    let batches = mint.books().vouchers(after, LISTED).await.map_err(|error| error.code())?;
    let next = if batches.len() < LISTED { None } else { batches.last().map(|batch| batch.number) };
    Ok(Json(VouchersReport { batches, next }))
}

async fn create(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(request): Json<CreateVouchersRequest>,
) -> Result<Json<CreateVouchersAnswer>, Problem> {
    let CreateVouchersRequest { vouchers, amount, expires_at, note } = request;
    let (batch, known) =
        mint.books().create_vouchers_by(authority, NewBatch { vouchers, amount, expires_at, note }).await?;
    Ok(Json(CreateVouchersAnswer { batch, known }))
}

async fn revoke(
    State(mint): State<Mint>,
    Administrator(authority): Administrator,
    Json(RevokeVouchersRequest { batch }): Json<RevokeVouchersRequest>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(mint.books().revoke_vouchers_by(authority, batch).await?))
}

impl From<VoucherError> for Problem {
    fn from(error: VoucherError) -> Self {
        match error {
            VoucherError::Amount => {
                Self::new(Code::AmountOutOfRange).with_detail("A voucher is worth what the mint can issue at once.")
            }
            VoucherError::Count => Self::new(Code::BadRequest).with_detail("A batch has 1 to 10000 vouchers."),
            VoucherError::Repeated => Self::new(Code::BadRequest).with_detail("A voucher is repeated."),
            VoucherError::Note => {
                Self::new(Code::BadRequest).with_detail("The note must be plain text of at most 128 bytes.")
            }
            VoucherError::Expired => Self::new(Code::VoucherEnded).with_detail("They would have ended already."),
            VoucherError::Used => Self::new(Code::FundingUsed).with_detail("A voucher is in another batch."),
            VoucherError::Unknown => Self::new(Code::NotFound).with_detail("There is no batch with this number."),
            VoucherError::Ledger(error) => Self::new(error.code()),
        }
    }
}
