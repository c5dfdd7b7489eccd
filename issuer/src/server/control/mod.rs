//! The control endpoints: one file for each subject.

mod administration;
mod backing;
mod backup;
mod forgery;
mod forget;
mod funding;
mod guard;
mod keysets;
mod money;
mod payouts;
mod recoup;
mod registration;
mod signer;
mod status;
mod vouchers;

use axum::{Router, middleware};

use crate::mint::Mint;

pub(super) fn router(mint: Mint) -> Router {
    Router::new()
        .merge(administration::router())
        .merge(money::router())
        .merge(payouts::router())
        .merge(keysets::router())
        .merge(backing::router())
        .merge(recoup::router())
        .merge(registration::router())
        .merge(forgery::router())
        .merge(signer::router())
        .merge(status::router())
        .merge(vouchers::router())
        .merge(funding::router())
        .merge(backup::router())
        .merge(forget::router())
        .layer(middleware::from_fn_with_state(mint.clone(), guard::guard))
        .with_state(mint)
}
