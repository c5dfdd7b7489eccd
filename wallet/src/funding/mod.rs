//! Money from outside: vouchers that somebody gave away, and quotes for paying into the account.

mod quote;
mod redeem;

pub use quote::{QuoteError, QuoteView};
pub(crate) use redeem::forget_voucher;
pub use redeem::{RedeemError, Redeemed};
