//! Bringing the stock to what is wanted: lists, renewals, swaps, a bundle.
//!
//! Each swap is an operation of its own, with its own way through the network, after a random pause. Which chain's turn it is, and
//! which kind of work, is drawn. So a mint sees swaps of usual shapes at times that follow from nothing. Since every swap is an
//! operation, dying between any two instructions costs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::{ChainKey, Keyset, Redemption};
use tokio::sync::watch;

use super::policy;
use super::work::{self, Work};
use crate::error::{IssueError, MintError, StoreError};
use crate::event::Event;
use crate::issue::{SwapWhat, WithdrawWhat};
use crate::mints::Mint;
use crate::operation::{Body, Operation};
use crate::stock::{self, StoredToken, TokenKey};
use crate::views::{Issued, ResumeError, Resumed, Resumption};
use crate::wallet::{Wallet, Working};

/// A list is fetched anew when it was issued so many seconds ago: before it is over, so that no payment must fetch it.
const LIST_AGE: u64 = 86_400;

/// So often somebody may take the tokens of a swap before it begins.
const MOST_RACES: u32 = 10;

/// How much a refresh does, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshLimits {
    pub(crate) swaps: u32,
    pub(crate) pause: Duration,
    /// Whether even what must not wait long waits for the next time.
    pub(crate) strictly: bool,
}

impl Default for RefreshLimits {
    fn default() -> Self {
        Self { swaps: 20, pause: Duration::from_secs(5), strictly: false }
    }
}

impl RefreshLimits {
    /// At most 20 swaps and withdrawals, about five seconds before each.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many swaps and withdrawals. Tokens in their last three days are renewed all the same.
    #[must_use]
    pub const fn swaps(mut self, most: u32) -> Self {
        self.swaps = most;
        self
    }

    /// Makes the limit hold for everything. For one who comes again soon.
    #[must_use]
    pub const fn strictly(mut self) -> Self {
        self.strictly = true;
        self
    }

    /// The mean of the random pauses before each.
    ///
    /// # Security
    /// Swaps that follow one another closely look like those of one wallet.
    #[must_use]
    pub const fn pause(mut self, mean: Duration) -> Self {
        self.pause = mean;
        self
    }
}

/// What a refresh did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RefreshReport {
    /// Operations that had been left unfinished, and were gone on with first.
    pub resumed: Vec<Resumed>,
    /// Mints whose lists were fetched.
    pub lists: Vec<MintId>,
    /// What was done, in that order.
    pub done: Vec<Upkeep>,
    /// What failed. After a failure nothing more is tried with that mint this time, unless only the token or the account was to blame.
    pub failed: Vec<UpkeepFailure>,
    /// Whether something is left for the next time.
    pub is_work_left: bool,
}

/// Something done for the stock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upkeep {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// What it was.
    pub kind: UpkeepKind,
    /// What came of it.
    pub issued: Issued,
}

/// Kinds of upkeep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpkeepKind {
    /// Tokens of a keyset that ends soon were renewed.
    Renewed,
    /// A token that came back from the words was renewed, and can be paid now.
    Checked,
    /// A swap of the plan.
    Swapped(SwapWhat),
    /// What was given out, nobody claimed, and ends within days was taken back.
    Reclaimed,
    /// A bundle was withdrawn.
    Withdrawn,
}

/// Something that did not come about.
#[derive(Debug)]
#[non_exhaustive]
pub struct UpkeepFailure {
    /// The mint.
    pub mint: MintId,
    /// The unit, unless it is about the mint's list.
    pub unit: Option<Unit>,
    /// What it was to be; none for fetching the list.
    pub kind: Option<UpkeepKind>,
    /// Why not. [`IssueError::Pending`] leaves an operation to be gone on with.
    pub error: IssueError,
}

impl Wallet {
    /// Does what there is to do for the stock: goes on with what was left unfinished, fetches lists, renews tokens that end soon or
    /// came back from the words, makes the planned swaps, withdraws a bundle if the policy says so. One mint that fails does not keep
    /// the others from their turn.
    ///
    /// # Errors
    /// A [`StoreError`] when the wallet's own state fails. Everything else is in the report.
    ///
    /// # Security
    /// The mint sees each swap, its shape and its time. They tell most when they are many at once and somebody pays soon after.
    pub async fn refresh(&self, limits: &RefreshLimits) -> Result<RefreshReport, StoreError> {
        let (_never, stop) = watch::channel(false);
        self.refresh_until(limits, stop).await
    }

    /// The same, but begins nothing more once `stop` holds `true`.
    pub(crate) async fn refresh_until(
        &self,
        limits: &RefreshLimits,
        stop: watch::Receiver<bool>,
    ) -> Result<RefreshReport, StoreError> {
        let resumed = match limits.strictly {
            true => self.resume_slowly(limits.pause, &stop).await?,
            false => self.resume().await?,
        };
        let report = RefreshReport { resumed, ..RefreshReport::default() };
        let mut run =
            Run { wallet: self, limits, stop, report, failed: BTreeSet::new(), tried: BTreeSet::new(), races: 0 };
        run.fetch_lists().await?;
        let mut swaps = 0_u32;
        loop {
            let mut jobs = run.jobs().await?;
            if swaps >= limits.swaps {
                let waits = |job: &Job| limits.strictly || !job.work.is_urgent();
                run.report.is_work_left |= jobs.iter().any(waits);
                jobs.retain(|job| !waits(job));
            }
            if jobs.is_empty() {
                break;
            }
            if !run.pause().await {
                run.report.is_work_left = true;
                break;
            }
            let job = jobs.swap_remove(self.inner.options.pace.below(jobs.len()));
            swaps = swaps.saturating_add(1);
            run.carry_out(job).await?;
        }
        Ok(run.report)
    }
}

/// Work for one chain of a mint.
struct Job {
    mint: Arc<Mint>,
    chain: ChainKey,
    work: Work,
}

/// A refresh under way.
struct Run<'a> {
    wallet: &'a Wallet,
    limits: &'a RefreshLimits,
    stop: watch::Receiver<bool>,
    report: RefreshReport,
    /// Mints with which nothing more is tried.
    failed: BTreeSet<MintId>,
    /// Units of which a bundle was asked for.
    tried: BTreeSet<(MintId, Unit)>,
    races: u32,
}

impl Run<'_> {
    /// Fetches the lists that are not fresh any more.
    async fn fetch_lists(&mut self) -> Result<(), StoreError> {
        let inner = &self.wallet.inner;
        for mint in inner.all_mints() {
            let is_fresh = inner.now() < mint.list.issued_at().plus(LIST_AGE) && mint.is_current(inner.now());
            if mint.usable().is_err() || is_fresh || *self.stop.borrow() {
                continue;
            }
            match inner.refresh(&mint.id).await {
                Ok(_) => self.report.lists.push(mint.id),
                Err(MintError::Store(error)) => return Err(error),
                Err(error) => {
                    self.failed.insert(mint.id);
                    self.report.failed.push(UpkeepFailure {
                        mint: mint.id,
                        unit: None,
                        kind: None,
                        error: error.into(),
                    });
                }
            }
        }
        Ok(())
    }

    /// What there is to do now, of all mints with which nothing failed.
    async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        let inner = &self.wallet.inner;
        let usable = |mint: &Arc<Mint>| mint.usable().is_ok() && !self.failed.contains(&mint.id);
        let mints: Vec<Arc<Mint>> = inner.all_mints().into_iter().filter(usable).collect();
        let (now, tried) = (inner.now(), self.tried.clone());
        inner
            .vault
            .run(move |tx| {
                let (live, operations) = (stock::live(tx)?, Operation::all_live(tx)?);
                let mut jobs = Vec::new();
                for mint in &mints {
                    for chain in &mint.chains {
                        let policy = policy::load(tx, &mint.id, &chain.key().unit)?;
                        let mut works = work::of_chain(mint, chain, &policy, &live, now);
                        let unit = &chain.key().unit;
                        // What is under way may be what is lacking.
                        let is_under_way = |operation: &Operation| {
                            let is_issue = matches!(operation.body, Body::Issue(_));
                            is_issue && operation.mint == mint.id && operation.unit == *unit
                        };
                        if tried.contains(&(mint.id, unit.clone())) || operations.iter().any(is_under_way) {
                            works.retain(|work| !matches!(work, Work::Withdraw { .. }));
                        }
                        works.extend(work::reclaims(mint, chain, &operations, now));
                        let job = |work| Job { mint: Arc::clone(mint), chain: chain.key(), work };
                        jobs.extend(works.into_iter().map(job));
                    }
                }
                Ok(jobs)
            })
            .await
    }

    /// Waits for a random while. Whether to go on.
    async fn pause(&mut self) -> bool {
        let pace = self.wallet.inner.options.pace.clone();
        let length = pace.around(self.limits.pause);
        self.wallet.inner.tell(&Event::UpkeepPause { length });
        tokio::select! {
            () = pace.sleep(length) => !*self.stop.borrow(),
            () = stopped(&mut self.stop) => false,
        }
    }

    async fn carry_out(&mut self, job: Job) -> Result<(), StoreError> {
        let Job { mint, chain, work } = job;
        self.wallet.inner.tell(&Event::Upkeep { mint: mint.id });
        let (kind, result) = match work {
            Work::Renew { from, amount, .. } => {
                let what = SwapWhat::Renew(amount);
                (UpkeepKind::Renewed, self.swap(&mint, &chain.redemption, from, what).await)
            }
            Work::Swap { from, what } => {
                (UpkeepKind::Swapped(what), self.swap(&mint, &chain.redemption, from, what).await)
            }
            Work::Check { tokens, .. } => {
                let place = self.wallet.inner.options.pace.below(tokens.len());
                let Some((token, denomination)) = tokens.get(place).copied() else { return Ok(()) };
                let what = SwapWhat::Renew(denomination.value());
                let alone = move |live: &[(TokenKey, StoredToken)]| {
                    let is_there = live.iter().any(|(key, _)| *key == token);
                    if is_there { Ok(vec![token]) } else { Err(IssueError::NoSuchTokens) }
                };
                let inner = &self.wallet.inner;
                let kept = inner.reserve_swap_of(&mint, chain.unit.clone(), &chain.redemption, what, alone).await;
                (UpkeepKind::Checked, self.begin(kept).await)
            }
            Work::Reclaim { op } => {
                let issued = |amount| Issued { op, amount, tokens: 0, fee: Amount::ZERO };
                let result = match self.wallet.reclaim(op).await {
                    Ok(Resumption::TakenBack(amount)) => Ok(issued(amount)),
                    Ok(_) => Err(IssueError::SpentElsewhere { op }),
                    Err(ResumeError::Issue(error)) => Err(error),
                    Err(ResumeError::Pay(_) | ResumeError::Recoup(_)) => Err(StoreError::NoSuchOperation.into()),
                };
                (UpkeepKind::Reclaimed, result)
            }
            Work::Withdraw { bundle } => {
                self.tried.insert((mint.id, chain.unit.clone()));
                let what = WithdrawWhat::Bundle(bundle);
                (UpkeepKind::Withdrawn, self.wallet.withdraw(&mint.id, &chain.unit, what).await)
            }
        };
        self.note(mint.id, chain.unit, kind, result)
    }

    async fn swap(
        &self,
        mint: &Mint,
        redemption: &Redemption,
        from: Arc<Keyset>,
        what: SwapWhat,
    ) -> Result<Issued, IssueError> {
        self.begin(self.wallet.inner.reserve_swap(mint, redemption, vec![from], what).await).await
    }

    async fn begin(&self, kept: Result<Working, IssueError>) -> Result<Issued, IssueError> {
        self.wallet.inner.begin_issue(kept?).await
    }

    fn note(
        &mut self,
        mint: MintId,
        unit: Unit,
        kind: UpkeepKind,
        result: Result<Issued, IssueError>,
    ) -> Result<(), StoreError> {
        let error = match result {
            Ok(issued) => {
                self.report.done.push(Upkeep { mint, unit, kind, issued });
                return Ok(());
            }
            Err(error) => error,
        };
        match &error {
            // Somebody took the tokens between two looks, to pay with them.
            IssueError::NoSuchTokens | IssueError::Store(StoreError::Busy) if self.races < MOST_RACES => {
                self.races = self.races.saturating_add(1);
                return Ok(());
            }
            IssueError::Store(error) if *error != StoreError::Busy => return Err(*error),
            // The token's fault.
            IssueError::SpentElsewhere { .. } => {}
            // The account's, or the bundle's: it is not tried again, and swaps are another matter.
            IssueError::InsufficientFunds | IssueError::FeeRose { .. } | IssueError::Refused { .. }
                if kind == UpkeepKind::Withdrawn => {}
            _ => {
                self.failed.insert(mint);
            }
        }
        self.report.failed.push(UpkeepFailure { mint, unit: Some(unit), kind: Some(kind), error });
        Ok(())
    }
}

/// Returns once `stop` holds `true`, and never if it never will.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
