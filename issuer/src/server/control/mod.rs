//! The control endpoints: one file for each subject.

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

use axum::Router;

use crate::mint::Mint;

pub(super) fn router(mint: Mint) -> Router {
    Router::new()
        .merge(money::router())
        .merge(payouts::router())
        .merge(keysets::router())
        .merge(backing::router())
        .merge(recoup::router())
        .merge(signer::router())
        .merge(vouchers::router())
        .merge(funding::router())
        .merge(backup::router())
        .merge(forget::router())
        .with_state(mint)
}
