//! The ledger: everything of value, in one transactional store.
//!
//! For each unit, at all times: funded − paid out = Σ account balances + fee income + Σ unused vouchers + Σ pending
//! payouts + (issued − redeemed). Every operation is one transaction.

mod accounts;
mod archive;
mod audit;
mod book;
mod deposits;
mod ended;
mod error;
mod income;
mod issuances;
mod limits;
mod lists;
mod payouts;
mod quotes;
mod records;
mod recoup;
mod standing;
mod vouchers;

use std::path::Path;
use std::sync::Arc;

use farthing_durable::{Engine, OpenError, Options, Pending, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use farthing_verifier::spent;

use crate::clock::Clock;
use records::{Table, get, put};

pub use accounts::{Credited, MovementError};
pub(crate) use accounts::{balances, create_voucher, credit, pay_out};
pub(crate) use archive::{
    Listing, begin_archive, filter_row, last_filter, list_files, logged, plan, record_bytes, segment_row, spent_after,
    spent_keysets, stored_index,
};
pub(crate) use audit::KeysetFacts;
pub(crate) use audit::audit;
pub use audit::{AuditReport, Difference, Figure, UnitBooks};
pub(crate) use book::issued_of;
pub(crate) use deposits::{DepositRefusal, deposit, known};
pub(crate) use ended::{
    BurialRefusal, Buried, Tombstone, Unlisted, bury, drop_issuances, drop_spent, dropped, dropping, tombstone,
    tombstones, unlist,
};
pub use error::LedgerError;
pub use income::IncomeError;
pub(crate) use income::{Destination, Fate, IncomeNumber, IncomeRow, Report, incomes, receive, release};
pub(crate) use issuances::{Foresight, IssueRefusal, Means, Order, find_issuance, foresee, issue};
pub(crate) use limits::erase_days;
pub(crate) use lists::{revocations, revoke, store_list, stored_list};
pub use payouts::PayoutError;
pub(crate) use payouts::{PayoutNumber, PayoutRow, payouts, request_payout, settle_payout};
pub use quotes::QuoteError;
pub(crate) use quotes::{Offer, expire_quotes, request_quote};
pub(crate) use records::{ArchiveState, FilterRow, LogPlace, LoggedIssuance, SegmentRow, SpentPlace};
pub use recoup::CoverError;
pub(crate) use recoup::{
    Covered, Covering, DEFAULT_WINDOW, Exclusions, FiledToken, Filing, LateSums, LeakRow, Origin, Rank, RecoupRefusal,
    RecoupSums, Sum, TokenRow, Verdict, cover, entries, file, leaks, note_leak, recoup_sums, settle_recoups,
};
pub(crate) use standing::{Standing, declare, standing_of, standings};
pub use vouchers::VoucherError;
pub(crate) use vouchers::{
    BatchDraft, BatchNumber, BatchRow, Why, batches, create_batch, expire_batches, revoke_batch,
};

/// The store, its clock, and the one way to run something in it.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    engine: Engine,
    clock: Arc<dyn Clock>,
}

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerOpenError {
    /// The store.
    #[error(transparent)]
    Store(OpenError),
    /// Something of it is gone, or is not what was last written.
    ///
    /// # Security
    /// A mint that goes on with it, or with a copy from before its last answer, redeems tokens again whose spent serials it has
    /// forgotten, and pays out what accounts no longer have.
    #[error(
        "the ledger is damaged and does not hold all that was answered: do not go on with it or with an older copy, for the mint \
         would forget spent serials and redeem them again; restore a backup that nothing was done after"
    )]
    Incomplete(#[source] OpenError),
    /// Its first transaction failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It is another mint's.
    #[error("the ledger belongs to another mint")]
    OtherMint,
}

impl From<OpenError> for LedgerOpenError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Truncated | OpenError::Damaged => Self::Incomplete(error),
            other => Self::Store(other),
        }
    }
}

impl Ledger {
    /// Opens the ledger of a mint, creating it if it is missing.
    pub(crate) fn open(
        path: &Path,
        options: Options,
        mint: MintId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerOpenError> {
        let engine = Engine::open(path, options.indexer(spent::indexer()))?;
        let ledger = Self { engine, clock };
        let owner = ledger
            .submit(move |txn, _| -> Result<MintId, LedgerError> {
                if let Some(owner) = get(txn, Table::Mint, &[])? {
                    return Ok(owner);
                }
                put(txn, Table::Mint, &[], &mint)?;
                Ok(mint)
            })
            .wait()
            .map_err(LedgerError::from)??;

        if owner != mint {
            return Err(LedgerOpenError::OtherMint);
        }
        ledger.submit(|txn, _| begin_archive(txn)).wait().map_err(LedgerError::from)??;
        Ok(ledger)
    }

    /// Queues a job. It gets the time, which is never behind what an earlier job saw.
    pub(crate) fn submit<T, E, F>(&self, job: F) -> Pending<Result<T, E>>
    where
        F: FnOnce(&mut Txn<'_>, UnixTime) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        let clock = Arc::clone(&self.clock);
        self.engine.submit(move |txn| {
            let now = advance(txn, clock.now())?;
            job(txn, now)
        })
    }

    /// Runs a job to its durable end.
    pub(crate) async fn run<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Txn<'_>, UnixTime) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        settle(self.submit(job)).await
    }

    /// Runs a job that only reads: no clock is asked.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&Txn<'_>) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        settle(self.engine.submit(move |txn| job(txn))).await
    }

    pub(crate) fn is_available(&self) -> bool {
        self.engine.is_available()
    }
}

/// Awaits a job's durable end.
pub(crate) async fn settle<T, E: From<LedgerError>>(pending: Pending<Result<T, E>>) -> Result<T, E> {
    pending.await.map_err(LedgerError::from)?
}

const DAY: u64 = 86_400;

/// The time for a job: the clock's, or the highest seen if that is a little later.
fn advance(txn: &mut Txn<'_>, now: UnixTime) -> Result<UnixTime, LedgerError> {
    let highest = get(txn, Table::Time, &[])?.unwrap_or_default();
    if now.plus(spent::CLOCK_TOLERANCE) < highest {
        return Err(LedgerError::ClockBehind);
    }
    if spent::is_ahead(now, highest) {
        return Err(LedgerError::ClockAhead);
    }
    if now > highest {
        put(txn, Table::Time, &[], &now)?;
        // Once a day is enough for the spent records, which would else take years without payments for a clock that is wrong.
        if now.seconds() / DAY != highest.seconds() / DAY {
            spent::note_time(txn, now)?;
        }
    }
    Ok(now.max(highest))
}
