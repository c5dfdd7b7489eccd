//! The ledger: everything of value, in one transactional store.
//!
//! For each unit, at all times: funded − paid out = Σ account balances + fee income + Σ unused vouchers + Σ pending
//! payouts + (issued − redeemed). Every operation is one transaction.

mod accounts;
mod acts;
pub(crate) mod administrator;
mod archive;
mod audit;
mod authority;
mod book;
mod deposits;
mod ended;
mod erase;
mod error;
mod factor;
mod forged;
mod forgotten;
mod income;
mod issuances;
pub(crate) mod journal;
mod judged;
mod limits;
mod lineage;
mod lists;
mod moment;
mod outflow;
mod payout_row;
mod payouts;
pub(crate) mod permits;
mod quote_queue;
mod quotes;
mod records;
mod recoup;
mod refusals;
mod registration;
mod schema;
pub(crate) mod settings;
mod standing;
mod summed;
mod time;
mod vouchers;

use std::path::Path;
use std::sync::Arc;

use farthing_durable::{Copying, Engine, OpenError, Options, Pending, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;
use farthing_verifier::spent;

use crate::clock::Clock;
use crate::keys::FactorKey;
use time::{Opening, Timekeeper};

#[cfg(test)]
use accounts::credit;
pub use accounts::{Credited, MovementError};
pub(crate) use accounts::{balances, create_voucher, credit_by, pay_out_by};
pub(crate) use acts::{Act, Maybe, Number, Text};
pub use administrator::FactorError;
pub(crate) use archive::{
    Listing, adopt_index, cut_anew, filter_row, is_foreign_filter, is_foreign_segment, last_filter, list_files, logged,
    plan, record_bytes, segment_row, spent_after, spent_keysets, stored_index,
};
pub(crate) use audit::KeysetFacts;
pub(crate) use audit::audit;
pub use audit::{AuditReport, Difference, Figure, UnitBooks};
pub use authority::{Authority, Who};
pub(crate) use book::issued_of;
pub(crate) use deposits::{DepositRefusal, deposit, known};
pub(crate) use ended::{
    BurialRefusal, Buried, Tombstone, Unlisted, bury, drop_issuances, drop_spent, dropped, dropping, prepare_burial,
    tombstone, tombstones, unlist,
};
pub(crate) use erase::{ErasePlace, erase_account, erase_references, forget};
pub use erase::{Erased, ForgetError};
pub use error::LedgerError;
pub(crate) use factor::Standing as FactorStanding;
pub(crate) use forged::{dismiss_forged, forged, mark_forged, report_forged};
pub(crate) use forgotten::NOBODY;
pub use income::IncomeError;
pub(crate) use income::{Destination, Fate, IncomeNumber, IncomeRow, Report, incomes, receive, release};
pub(crate) use issuances::{Foresight, IssueRefusal, Means, Order, find_issuance, foresee, issue};
pub(crate) use journal::{Entry, Link};
pub(crate) use limits::erase_days;
pub(crate) use lineage::{Duty, Lineage, Loss, accept_loss, give_away, nothing_lost, put_back};
pub(crate) use lists::{adopt_revocation, listed_revocations, revocations, revoke, store_list, stored_list};
pub(crate) use moment::Moment;
pub(crate) use outflow::{AccountRules, MOST_PAYMENT, free};
pub(crate) use payout_row::{PayoutNumber, PayoutRow, Told};
pub use payouts::PayoutError;
pub(crate) use payouts::{Word, payouts, request_payout, settle_payouts};
pub use quotes::QuoteError;
pub(crate) use quotes::{Offer, expire_quotes, request_quote};
pub(crate) use records::{ArchiveState, FilterRow, LogPlace, LoggedIssuance, SegmentRow, SpentPlace};
pub use recoup::{CloseError, CoverError};
pub(crate) use recoup::{
    Covered, Covering, DEFAULT_WINDOW, Exclusions, FiledToken, Filing, ForgottenRow, Known, LateSums, LeakRow, Origin,
    Rank, RecoupRefusal, RecoupSums, Sum, TokenRow, Verdict, close, closed_at, cover, entries, file, forgotten, leaks,
    note_leak, note_published, recoup_end, recoup_sums, settle_recoups,
};
pub(crate) use refusals::forget_refusals;
pub(crate) use registration::{Registration, close_account, open_account, registered};
pub use settings::SettingsError;
pub(crate) use standing::{Standing, declare, standing_of, standings};
pub use time::ClockWord;
pub(crate) use time::Times;
pub use vouchers::VoucherError;
pub(crate) use vouchers::{
    BatchDraft, BatchNumber, BatchRow, Why, batches, create_batch, expire_batches, revoke_batch,
};

/// The store, its clock, and the one way to run something in it.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    engine: Engine,
    time: Arc<Timekeeper>,
}

/// How a ledger is opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) clock: Arc<dyn Clock>,
    /// The operator's word on the clock, if he gave it.
    pub(crate) word: Option<ClockWord>,
    /// Whether it waits for a day of service before it does what cannot be undone.
    pub(crate) patient: bool,
}

impl Opened {
    pub(crate) fn by(clock: Arc<dyn Clock>) -> Self {
        Self { clock, word: None, patient: true }
    }
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
    /// It is older than what was noted outside of the mint's folder.
    ///
    /// # Security
    /// As for [`Incomplete`](Self::Incomplete).
    #[error(
        "the ledger is an older copy: the mint has answered since, and would forget spent serials and redeem them again. Put the newest \
         back; if there is none, put a backup back with `farthing mint restore`, which says what is lost"
    )]
    RolledBack,
    /// The file outside of the mint's folder that would tell an older copy is missing.
    #[error(
        "the fence that `[data]` in mint.toml names is missing, so that nobody can tell whether this ledger is the newest: is its disk \
         mounted? If it never was there, make an empty file in its place"
    )]
    FenceMissing,
    /// There is none, though the mint was made with one.
    #[error(
        "the mint's ledger is missing: without it the mint would forget what was spent and redeem it again. Put it back; if it is lost, \
         put a backup back with `farthing mint restore`"
    )]
    Missing,
    /// It was put back from a copy, and nobody has said yet what became of the original.
    #[error(
        "the ledger was put back from a copy of {} (Unix time), and what the mint answered after that is not in it: say what became of it \
         with `farthing mint restore --nothing-lost` or `--accept-loss`",
        .0.seconds()
    )]
    Undecided(UnixTime),
    /// Its last copy was taken, to go on elsewhere.
    #[error(
        "the ledger's last copy was taken at {} (Unix time) so that the mint goes on with it: this one is served no more",
        .0.seconds()
    )]
    Given(UnixTime),
    /// Its clock says that the mint was off for more than a month, and nobody has said that this is right. Nothing was changed.
    #[error(
        "the clock says that the mint was off for {} days, since {} (Unix time): if that is right, say so with `farthing mint run --clock-is-right`; \
         else set the clock. Nothing was changed",
        .now.seconds().saturating_sub(.seen.seconds()) / 86_400,
        .seen.seconds()
    )]
    ClockFarAhead {
        /// The last time that the ledger has seen.
        seen: UnixTime,
        /// What the clock says.
        now: UnixTime,
    },
    /// The word on the clock was not proven. Nothing was changed, but that a wrong code counts.
    #[error(transparent)]
    Factor(FactorError),
    /// A later version of this program wrote it, in a layout that this one does not know. It was not touched.
    #[error(
        "the ledger has layout {found}, and this version of the program knows none after {known}: go on with the newer version; \
         nothing was changed"
    )]
    Newer {
        /// The ledger's layout.
        found: u32,
        /// The last one that is known here.
        known: u32,
    },
}

impl From<OpenError> for LedgerOpenError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Truncated | OpenError::Damaged => Self::Incomplete(error),
            OpenError::RolledBack => Self::RolledBack,
            OpenError::FenceMissing => Self::FenceMissing,
            other => Self::Store(other),
        }
    }
}

/// A ledger that may not be served, or of which it is not known: nothing of value can be done with it.
#[derive(Debug)]
pub(crate) struct HeldLedger {
    engine: Engine,
}

impl HeldLedger {
    /// Opens a ledger and brings it to the last layout, whatever its standing.
    pub(crate) fn open(path: &Path, options: Options, mint: MintId) -> Result<Self, LedgerOpenError> {
        let engine = Engine::open(path, options.indexer(spent::indexer()))?;
        schema::bring_up_to_date(&engine, mint)?;
        Ok(Self { engine })
    }

    pub(crate) fn lineage(&self) -> Result<Lineage, LedgerError> {
        self.run(|txn| lineage::lineage(txn))
    }

    /// Runs a job to its durable end. No clock is asked.
    pub(crate) fn run<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&mut Txn<'_>) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        self.engine.submit(job).wait().map_err(LedgerError::from)?
    }

    /// Runs a job at a time that is never behind what the ledger has seen.
    pub(crate) fn run_at<T, F>(&self, now: UnixTime, job: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&mut Txn<'_>, UnixTime) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        self.run(move |txn| {
            let now = time::advance(txn, now)?;
            job(txn, now)
        })
    }

    /// Reads the ledger as it stands.
    pub(crate) fn at_moment<T>(&self, job: impl FnOnce(&Moment) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let cut = Moment::of(&self.engine).wait().map_err(LedgerError::from)?;
        job(&Moment::new(cut?))
    }

    /// A copy of the ledger.
    pub(crate) fn copy(&self) -> Copying {
        Copying::of(&self.engine)
    }
}

impl Ledger {
    /// Opens the ledger of a mint, creating it if it is missing. One that may not be served is refused.
    pub(crate) fn open(
        path: &Path,
        options: Options,
        mint: MintId,
        opened: Opened,
        factors: &FactorKey,
    ) -> Result<Self, LedgerOpenError> {
        let held = HeldLedger::open(path, options, mint)?;
        match held.lineage()?.duty {
            Duty::Serving => Self::begin(held, opened, factors.clone()),
            Duty::Given(at) => Err(LedgerOpenError::Given(at)),
            Duty::Undecided { copied_at, .. } => Err(LedgerOpenError::Undecided(copied_at)),
        }
    }

    fn begin(
        held: HeldLedger,
        Opened { clock, word, patient }: Opened,
        factors: FactorKey,
    ) -> Result<Self, LedgerOpenError> {
        let now = clock.now();
        let judged = held.run(move |txn| time::open(txn, now, &factors, word.as_ref()))?;
        match judged.map_err(LedgerOpenError::Factor)? {
            Opening::Believed { off } => {
                if off > time::DAY {
                    let days = off / time::DAY;
                    tracing::warn!(
                        days,
                        "the clock says that the mint was off for so long; what has ended since waits for a day before it is dropped"
                    );
                }
                Ok(Self { engine: held.engine, time: Arc::new(Timekeeper::new(clock, patient)) })
            }
            Opening::Doubted { seen } => Err(LedgerOpenError::ClockFarAhead { seen, now }),
        }
    }

    /// A copy of the ledger, taken while it goes on.
    pub(crate) fn copy(&self) -> Copying {
        Copying::of(&self.engine)
    }

    /// Queues a job. It gets the time, which is never behind what an earlier job saw.
    pub(crate) fn submit<T, E, F>(&self, job: F) -> Pending<Result<T, E>>
    where
        F: FnOnce(&mut Txn<'_>, UnixTime) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        let time = Arc::clone(&self.time);
        self.engine.submit(move |txn| {
            let now = time.advance(txn)?;
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

    /// Runs a job that may do what cannot be undone, to its durable end.
    pub(crate) async fn run_sure<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Txn<'_>, Times) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        let time = Arc::clone(&self.time);
        self.run(move |txn, now| {
            let times = time.times(txn, now)?;
            job(txn, times)
        })
        .await
    }

    /// Notes for how long the ledger was served: what cannot be undone waits for that. One at a time calls it.
    pub(crate) async fn live(&self) -> Result<(), LedgerError> {
        let (seconds, until) = self.time.unnoted();
        self.run::<_, LedgerError, _>(move |txn, now| time::live(txn, now, seconds)).await?;
        self.time.set_noted(until);
        Ok(())
    }

    /// The times that a job would get. Nothing is written.
    pub(crate) async fn times(&self) -> Result<Times, LedgerError> {
        let time = Arc::clone(&self.time);
        self.read(move |txn| time.times(txn, time.look(txn)?)).await
    }

    /// Runs a job that only reads: no clock is asked.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        F: FnOnce(&Txn<'_>) -> Result<T, LedgerError> + Send + 'static,
        T: Send + 'static,
    {
        settle(self.engine.submit(move |txn| job(txn))).await
    }

    /// Reads the ledger as it stands now, while it goes on: on a thread of its own, for as long as it takes. If this is dropped, the reading ends.
    pub(crate) async fn at_moment<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&Moment) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
    {
        let cut = Moment::of(&self.engine).await.map_err(LedgerError::from)?;
        let moment = Moment::new(cut.map_err(LedgerError::from)?);
        let _reading = moment.reading();
        tokio::task::spawn_blocking(move || job(&moment)).await.map_err(|_| LedgerError::Stopped)?
    }

    pub(crate) fn is_available(&self) -> bool {
        self.engine.is_available()
    }

    /// Whether what it answers is noted outside of its folder, if that is required.
    pub(crate) fn is_fenced(&self) -> bool {
        self.engine.is_fenced()
    }
}

/// Awaits a job's durable end.
pub(crate) async fn settle<T, E: From<LedgerError>>(pending: Pending<Result<T, E>>) -> Result<T, E> {
    pending.await.map_err(LedgerError::from)?
}
