//! Tokens held to pay one payee with, who takes them without asking their mint (protocol section 9).
//!
//! ```text
//! withdrawn, locked to the payee's Q ──▶ reserved, the payment kept ──▶ sent, or handed over ──▶ receipt: paid
//!              ▲                                                            │
//!              └──────────── refused by the payee, or let go by its owner ◀─┘
//! ```
//!
//! Nobody but the payee can spend such a token, so that a payment whose outcome is not known cannot be settled with the mint. It
//! keeps its tokens, and the same bytes are sent or handed over again: the payee answers an accepted payment with its receipt
//! whenever it comes. He alone can refuse it, and his refusal is enough for its tokens to be paid to **him** in another way: who
//! lies about that keeps nothing from the wallet that he could not have kept anyway.

mod follow;
mod pay;
mod view;
mod withdraw;

pub use follow::Followed;
pub use pay::Handed;
pub use view::HeldView;
