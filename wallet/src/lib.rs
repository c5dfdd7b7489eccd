//! Wallet library: seed, stock of tokens, crash-safe operations, clients of mints and payees.
//!
//! A [`Wallet`] is a folder that one process has open: `keys` (the seed and the key of the state, sealed under a passphrase),
//! `state` (every token and operation, encrypted), and `evidence` (what mints or payees signed that they must not have signed).
//!
//! | to | call |
//! |---|---|
//! | make or open one | [`Wallet::create`], [`Wallet::open`], [`Words`], [`Protection`], [`Unlock`] |
//! | change what protects it | [`Wallet::change_passphrase`] |
//! | know a mint | [`Wallet::look_at_mint`], [`Wallet::add_mint`], [`Wallet::pin_mint`], [`Wallet::mints`] |
//! | be credited | [`Wallet::account`], [`account_text`], [`Wallet::account_balance`] |
//! | pay into the account | [`Wallet::quote`], [`Wallet::quotes`] |
//! | redeem a voucher | [`Wallet::redeem`] |
//! | protect the account by a second factor | [`Wallet::account_settings`], [`Wallet::change_account`], [`Wallet::withdraw_with`] |
//! | get and exchange tokens | [`Wallet::withdraw`], [`Wallet::swap`] |
//! | pay | [`Wallet::read_invoice`], [`Wallet::pay`] |
//! | pay where there is no network | [`Wallet::withdraw_held`], [`Wallet::held`], [`Wallet::pay_by_hand`], [`Wallet::take_receipt`] |
//! | give money to somebody | [`Wallet::send`], [`Wallet::reclaim`], [`Wallet::send_to`], [`Wallet::answer`] |
//! | get money from somebody | [`Wallet::receive`], [`Wallet::recipient`], [`Wallet::request`] |
//! | keep tokens ready | [`Wallet::stock_view`], [`Wallet::set_stock_policy`], [`Wallet::refresh`], [`daemon`] |
//! | know before paying | [`Wallet::payment_outlook`], [`Wallet::expiries`] |
//! | pay over HTTP | [`Wallet::get`], [`HttpRequest`], [`GetLimits`], [`Wallet::set_budget`] |
//! | pay for another program's request | [`Wallet::pay_entry`] |
//! | look | [`Wallet::balance`], [`Wallet::operations`], [`Wallet::history`] |
//! | keep it in order | [`Wallet::doctor`], [`Wallet::export`], [`Wallet::forget`] |
//! | come back from words alone | [`Wallet::restore`], [`Wallet::resynchronise`], [`Wallet::confirm_restored`] |
//! | go on after a crash | [`Wallet::resume`], [`Wallet::give_up`] |
//!
//! # Security
//! Unaudited. Without its passphrase a wallet's folder gives away how many entries of which kind it holds, and when they changed;
//! evidence is not encrypted, for it is made to be published. A wallet without a passphrase must be protected like cash.
//! One set of words serves one live wallet.

mod account;
mod budget;
mod clock;
mod doctor;
mod error;
mod event;
mod evidence;
mod exact;
mod export;
mod forget;
mod funding;
mod heads;
mod held;
mod issue;
mod lockbox;
mod mints;
mod operation;
mod options;
mod pay;
mod plan;
mod ready;
mod reason;
mod recoup;
mod restore;
mod resume;
mod stock;
mod transfer;
mod vault;
mod views;
mod wallet;
mod words;
mod x402;

pub use budget::{Budget, BudgetError};
pub use clock::ClockDifference;
pub use doctor::{Diagnosis, Finding, MintDiagnosis};
pub use error::{IssueError, Lie, MintError, NoReceipt, OpenError, PayError, PendingCause, StoreError};
pub use event::Event;
pub use export::Export;
pub use farthing_sealed::{Cost, Passphrase};
pub use forget::{Forget, Forgotten};
pub use funding::{QuoteError, QuoteView, RedeemError, Redeemed};
pub use held::{Followed, Handed, HeldView};
pub use issue::{SwapWhat, WithdrawWhat};
pub use lockbox::{Protection, Unlock};
pub use operation::{OpId, Outcome};
pub use options::Options;
#[doc(hidden)]
pub use options::Step;
pub use pay::{
    Denied, GetError, GetLimits, GetOutcome, HandedPayment, HttpPayment, HttpRequest, InvoiceView, NotAllowed, Part,
    Price, RequestError,
};
pub use ready::{
    Due, Expiry, InvalidPolicy, KeysetOutlook, Outlook, Pace, RefreshLimits, RefreshReport, Remark, Schedule, Severity,
    StockLine, StockPolicy, StockView, Upkeep, UpkeepFailure, UpkeepKind, daemon,
};
pub use reason::{Class, Reason};
pub use recoup::{LostBecause, RecoupError, RecoupView, Recoupable, Shown, Unclaimable, WHAT_A_RECOUP_SHOWS};
pub use restore::{
    BadFile, Confirmed, PerhapsSentToken, Renewal, RestoreError, RestoreState, RestoreView, Restored,
    WHAT_A_RESTORE_SHOWS,
};
pub use transfer::{
    Ask, AskError, AskView, ReceiveError, Received, SendError, Sent, SentState, SentView, TokenText, TransferView,
};
pub use views::{
    ActiveView, Balance, HistoryEntry, Issued, MintView, OperationView, Paid, ResumeError, Resumed, Resumption, Stage,
    UnitView, Work,
};
pub use wallet::{ACCOUNT_PREFIX, Wallet, account_text};
pub use words::{InvalidWords, WordCount, Words};
pub use x402::{BadInvoice, DemandError, Field, Settlement, Unusable};
