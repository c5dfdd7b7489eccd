//! The books: a mint's ledger and public keysets, without any secret.

mod audit;
mod trust;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use farthing_durable::{Options, Txn};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{AccountAnswer, PayoutAnswer, PayoutDraft, PayoutRequest, UnitBalance};
use farthing_protocol::identity::{AccountKey, VoucherKey};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{KeysetList, Revocation};
use farthing_verifier::store::{Decides, StoreRole};

use crate::clock::{Clock, SystemClock};
use crate::control::{BackingReport, PayoutView, PayoutWord};
use crate::forgery::Forged;
use crate::home::{HomeError, MintHome};
use crate::keys::FactorKey;
use crate::keysets::{KeysetBook, KeysetSummary};
use crate::ledger::{
    self, Act, Authority, Credited, ErasePlace, Erased, ForgetError, Ledger, LedgerError, LedgerOpenError,
    MovementError, Opened, PayoutError, PayoutNumber, PayoutRow, Standing, Word,
};
use crate::recoup::{ExclusionsKeeper, Leak, RevokeError, Revoked};
use trust::Trust;

/// Why the books cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BooksError {
    /// The mint's folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The ledger. `InUse` in it means that the mint is running: ask its control socket.
    #[error(transparent)]
    Ledger(#[from] LedgerOpenError),
}

/// A mint's ledger and public keysets. Clones share them.
///
/// Opened alone it needs no passphrase: for credits, balances and audits while the mint does not run.
#[derive(Clone, Debug)]
pub struct Books(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    home: MintHome,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    keysets: RwLock<Arc<KeysetBook>>,
    decides: Decides,
    /// What the last audit said, and every look at the running totals since.
    trust: Trust,
    /// Whether what is owed was backed when it was last looked.
    backed: AtomicBool,
    forged: Forged,
    excluded: ExclusionsKeeper,
    /// Under which secrets of second factors lie in the ledger.
    factors: FactorKey,
    /// Held by who reads all of the ledger, and by who drops records.
    reading: tokio::sync::Mutex<()>,
}

/// Why the mint issues nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The books are not right, or could not be added up.
    BooksNotRight,
    /// Somebody else signs with the key of a keyset that is not revoked.
    KeysetForged,
    /// More is owed than was declared to be held against it. Swaps go on: they make nothing.
    NotBacked,
}

impl Books {
    /// Opens the books. When this returns, everything found in them is durable.
    ///
    /// # Errors
    /// A [`BooksError`].
    pub async fn open(home: &MintHome) -> Result<Self, BooksError> {
        Self::open_by(home, Arc::new(SystemClock)).await
    }

    /// As [`open`](Self::open), by another clock.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[doc(hidden)]
    pub async fn open_by(home: &MintHome, clock: Arc<dyn Clock>) -> Result<Self, BooksError> {
        let home = home.clone();
        tokio::task::spawn_blocking(move || Self::open_with(home, Options::new(), Opened::by(clock)))
            .await
            .map_err(|_| LedgerOpenError::Ledger(LedgerError::Stopped))?
    }

    pub(crate) fn open_with(home: MintHome, options: Options, opened: Opened) -> Result<Self, BooksError> {
        if !home.ledger().join("db").is_file() {
            return Err(LedgerOpenError::Missing.into());
        }
        let factors = home.factor_key()?;
        let options = home.ledger_options(options);
        let clock = Arc::clone(&opened.clock);
        let ledger = Ledger::open(&home.ledger(), options, *home.mint_id(), opened, &factors)?;
        let read = |txn: &mut Txn<'_>, _| {
            let revoked = (ledger::listed_revocations(txn)?, ledger::revocations(txn)?);
            Ok((revoked, ledger::tombstones(txn)?, ledger::forged(txn)?))
        };
        let ((listed, revocations), tombstones, forged) = ledger
            .submit(read)
            .wait()
            .map_err(LedgerError::from)
            .and_then(|found| found)
            .map_err(LedgerOpenError::from)?;
        let book = home.load_book(listed)?.with_revocations(revocations);
        let book = book.with_tombstones(tombstones).map_err(LedgerOpenError::from)?;
        let keysets = RwLock::new(Arc::new(book));
        let role = StoreRole::Mint { mint: *home.mint_id(), closed_to: home.config().closed_to.clone() };
        let decides = Decides::new(role);
        let (trust, backed, forged) = (Trust::new(), AtomicBool::new(true), Forged::new(forged));
        let (excluded, reading) = (ExclusionsKeeper::default(), tokio::sync::Mutex::default());
        Ok(Self(Arc::new(Inner {
            home,
            ledger,
            clock,
            keysets,
            decides,
            trust,
            backed,
            forged,
            excluded,
            factors,
            reading,
        })))
    }

    /// Credits an account with money from outside, in the mint's unit. With the same reference the same credit is
    /// made once only, so that a call whose outcome is unknown can be repeated.
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn credit(
        &self,
        account: AccountKey,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<Credited, MovementError> {
        self.credit_by(Authority::local(), account, amount, reference).await
    }

    /// As [`credit`](Self::credit), on somebody's authority.
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn credit_by(
        &self,
        authority: Authority,
        account: AccountKey,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<Credited, MovementError> {
        let (unit, reference) = (self.0.home.unit().clone(), reference.into());
        let rules = self.0.home.config().accounts;
        self.0
            .ledger
            .run(move |txn, now| ledger::credit_by(txn, now, &authority, &rules, (&account, &unit, amount), &reference))
            .await
    }

    /// Debits an account for money that was paid to its owner outside, once for each reference.
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn pay_out(
        &self,
        account: AccountKey,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<Credited, MovementError> {
        self.pay_out_by(Authority::local(), account, amount, reference).await
    }

    /// As [`pay_out`](Self::pay_out), on somebody's authority.
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn pay_out_by(
        &self,
        authority: Authority,
        account: AccountKey,
        amount: Amount,
        reference: impl Into<String>,
    ) -> Result<Credited, MovementError> {
        let (unit, reference) = (self.0.home.unit().clone(), reference.into());
        self.0
            .ledger
            .run(move |txn, now| ledger::pay_out_by(txn, now, &authority, (&account, &unit, amount), &reference))
            .await
    }

    /// Takes a payout request: the money leaves the account, and waits until it is settled. The same request again changes nothing.
    ///
    /// # Errors
    /// A [`PayoutError`].
    pub async fn request_payout(&self, request: &PayoutRequest) -> Result<PayoutAnswer, PayoutError> {
        request.verify(self.0.home.mint_id()).map_err(|_| PayoutError::InvalidSignature)?;
        let (draft, rules) = (request.draft().clone(), self.0.home.config().accounts);
        let row = self.0.ledger.run(move |txn, now| ledger::request_payout(txn, now, &rules, &draft)).await??;
        let ledger::Told { state, settled_at, note } = row.told();
        Ok(PayoutAnswer { state, taken_at: row.taken_at, settled_at, note })
    }

    /// Says of payouts that they are to be paid; that they were paid outside; or that they are not, and the money goes back to
    /// their accounts. It is said of all of them or of none, and the same again changes nothing.
    ///
    /// # Errors
    /// A [`PayoutError`].
    pub async fn settle_payouts(
        &self,
        authority: Authority,
        numbers: &[u64],
        word: PayoutWord,
    ) -> Result<Vec<PayoutView>, PayoutError> {
        let numbers: Vec<PayoutNumber> = numbers.iter().copied().map(PayoutNumber).collect();
        let word = match word {
            PayoutWord::Approve {} => Word::Approve,
            PayoutWord::Paid { reference } => Word::Paid(reference),
            PayoutWord::Reject { reason } => Word::Reject(reason),
        };
        let rows =
            self.0.ledger.run(move |txn, now| ledger::settle_payouts(txn, now, &authority, &numbers, &word)).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Payouts in the order in which they were taken: those that are pending, or all of them. At most so many, after this number.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn payouts(&self, all: bool, after: Option<u64>, limit: usize) -> Result<Vec<PayoutView>, LedgerError> {
        let after = after.map(PayoutNumber);
        let rows = self.0.ledger.read(move |txn| ledger::payouts(txn, all, after, limit)).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Makes a voucher of money from outside. The same voucher and amount again change nothing.
    ///
    /// # Errors
    /// A [`MovementError`].
    pub async fn create_voucher(&self, voucher: VoucherKey, amount: Amount) -> Result<(), MovementError> {
        let unit = self.0.home.unit().clone();
        self.0.ledger.run(move |txn, now| ledger::create_voucher(txn, now, &voucher, &unit, amount)).await
    }

    /// What an account holds; nothing, if it never held anything.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn account(&self, account: &AccountKey) -> Result<AccountAnswer, LedgerError> {
        let account = *account;
        let balances = self
            .0
            .ledger
            .run(move |txn, now| {
                let with_free = |(unit, balance)| {
                    let free = ledger::free(txn, now, &account, &unit)?;
                    Ok::<_, LedgerError>((unit, balance, free))
                };
                ledger::balances(txn, &account)?.into_iter().map(with_free).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let answer = |(unit, balance, free): (Unit, Amount, Option<Amount>)| UnitBalance {
            unit: unit.code().to_owned(),
            exponent: unit.exponent(),
            balance,
            free,
        };
        Ok(AccountAnswer { balances: balances.into_iter().map(answer).collect() })
    }

    /// Forgets an account that holds nothing: takes its name and its references out of all rows but the records of spent tokens, which
    /// name payees until their keyset's end. Sums of what it moved stay. Repeated it goes on, and ends with nothing more to erase.
    ///
    /// # Errors
    /// A [`ForgetError`].
    pub async fn forget(&self, account: AccountKey) -> Result<Erased, ForgetError> {
        self.forget_by(Authority::local(), account).await
    }

    /// As [`forget`](Self::forget), on somebody's authority.
    ///
    /// # Errors
    /// A [`ForgetError`].
    pub async fn forget_by(&self, authority: Authority, account: AccountKey) -> Result<Erased, ForgetError> {
        let (mut rows, mut place, mut authority) = (0_u64, Some(ErasePlace::of_an_account()), Some(authority));
        while let Some(from) = place {
            // The first portion says whether it may be done.
            let authority = authority.take();
            let erase = move |txn: &mut Txn<'_>, now| {
                let portion = ledger::erase_account(txn, now, &account, from)?;
                if let Some(authority) = &authority {
                    ledger::journal::record(txn, now, authority, &Act::AccountForgotten {})?;
                }
                Ok::<_, ForgetError>(portion)
            };
            let portion = self.0.ledger.run(erase).await?;
            rows = rows.saturating_add(portion.0);
            place = portion.1;
        }
        let mut seen = 0;
        loop {
            let next = self.0.ledger.run(move |txn, _| ledger::journal::forget(txn, &account, seen)).await?;
            if next == seen {
                break;
            }
            seen = next;
        }
        let erased = self.0.ledger.run(move |txn, _| ledger::forget(txn, &account, seen)).await?;
        Ok(Erased { rows: rows.saturating_add(erased.rows), ..erased })
    }

    /// Erases the references of credits and payments to the outside that are older than `mint.toml` says. Of each a hash stays, so that
    /// none is made twice. Returns how many were erased.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn erase_references(&self) -> Result<u64, LedgerError> {
        let Some(keep) = self.0.home.config().data.keep_seconds else { return Ok(0) };
        let (mut rows, mut place) = (0_u64, Some(ErasePlace::of_references()));
        while let Some(from) = place {
            let portion =
                self.0.ledger.run_sure(move |txn, at| ledger::erase_references(txn, at.sure.minus(keep), from)).await?;
            rows = rows.saturating_add(portion.0);
            place = portion.1;
        }
        while self.0.ledger.run_sure(move |txn, at| ledger::journal::erase_references(txn, at.sure.minus(keep))).await?
        {
        }
        Ok(rows)
    }

    /// Adds up the running totals, which is cheap, and stops issuing when they do not fit together, when they cannot be read, or
    /// when more is owed than is backed. That the books are right again only an [`audit`](Self::audit) says.
    pub(crate) async fn watch(&self) -> Result<Vec<Standing>, LedgerError> {
        let standings = self.0.ledger.read(ledger::standings).await;
        match &standings {
            Ok(standings) => {
                if let Some(off) = standings.iter().find(|standing| !standing.books.is_balanced())
                    && self.0.trust.doubt()
                {
                    let unit = off.books.unit.as_str();
                    tracing::error!(unit, "the books are not right: the running totals do not add up; issuing stops");
                }
                self.0.backed.store(standings.iter().all(Standing::is_backed), Ordering::SeqCst);
            }
            // It has too much to do, and is looked at again.
            Err(LedgerError::Busy) => {}
            Err(error) => {
                if self.0.trust.doubt() {
                    tracing::error!(%error, "the books could not be added up; issuing stops");
                }
            }
        }
        standings
    }

    /// Declares what the operator holds against what the mint owes, in the mint's unit; or that nothing is declared any more. Issuing stops
    /// while more is owed than is declared.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn declare_backing(&self, amount: Option<Amount>) -> Result<BackingReport, LedgerError> {
        self.declare_backing_by(Authority::local(), amount).await
    }

    /// As [`declare_backing`](Self::declare_backing), on somebody's authority.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn declare_backing_by(
        &self,
        authority: Authority,
        amount: Option<Amount>,
    ) -> Result<BackingReport, LedgerError> {
        let unit = self.0.home.unit().clone();
        let declare = move |txn: &mut Txn<'_>, now| {
            let act = Act::BackingDeclared { unit: unit.clone(), amount: ledger::Maybe(amount) };
            ledger::journal::record(txn, now, &authority, &act)?;
            ledger::declare(txn, now, &unit, amount)
        };
        let standing = self.0.ledger.run(declare).await?;
        self.0.backed.store(standing.is_backed(), Ordering::SeqCst);
        Ok(BackingReport::of(&standing))
    }

    /// What the mint owes, and what was declared to be held against it.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn backing(&self) -> Result<BackingReport, LedgerError> {
        let unit = self.0.home.unit().clone();
        let standing = self.0.ledger.read(move |txn| ledger::standing_of(txn, &unit)).await?;
        Ok(BackingReport::of(&standing))
    }

    /// Notes that the mint is served: what cannot be undone waits for a day of that.
    ///
    /// # Errors
    /// A [`LedgerError`].
    #[doc(hidden)]
    pub async fn live(&self) -> Result<(), LedgerError> {
        self.0.ledger.live().await
    }

    /// Erases what was counted of accounts more than a day ago.
    pub(crate) async fn erase_days(&self) -> Result<(), LedgerError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            after = self.0.ledger.run(move |txn, now| ledger::erase_days(txn, now, after.as_deref())).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// All keysets, each chain in order.
    pub fn keysets(&self) -> Vec<KeysetSummary> {
        let mut summaries = self.keyset_book().summaries(self.0.clock.now());
        summaries.iter_mut().for_each(|summary| summary.forged_at = self.0.forged.since(&summary.keyset));
        summaries
    }

    /// The mint's folder.
    pub fn home(&self) -> &MintHome {
        &self.0.home
    }

    /// Revokes a keyset from now on, and notes since when its key had leaked. Said again, the leak can become earlier as long as
    /// nothing is paid; nothing else changes.
    ///
    /// # Errors
    /// A [`RevokeError`].
    pub async fn revoke(&self, keyset: KeysetId, leak: Leak) -> Result<Revoked, RevokeError> {
        self.revoke_by(Authority::local(), keyset, leak).await
    }

    /// As [`revoke`](Self::revoke), on somebody's authority.
    ///
    /// # Errors
    /// A [`RevokeError`].
    pub async fn revoke_by(&self, authority: Authority, keyset: KeysetId, leak: Leak) -> Result<Revoked, RevokeError> {
        if self.keyset_book().get(&keyset).is_none() {
            return Err(RevokeError::UnknownKeyset);
        }
        let (revoked, revocations) = self
            .0
            .ledger
            .run(move |txn, now| {
                if leak.since.is_some_and(|since| since > now) {
                    return Err(RevokeError::LeakInFuture);
                }
                let revoked_at = ledger::revoke(txn, now, &keyset)?;
                let row = ledger::note_leak(txn, now, &keyset, revoked_at, leak.since, leak.window)?;
                let ledger::LeakRow { leaked_since, claims_until } = row;
                let act = Act::KeysetRevoked { keyset, revoked_at, leaked_since };
                ledger::journal::record(txn, now, &authority, &act)?;
                let revocation = Revocation { keyset, revoked_at };
                Ok((Revoked { revoked_at, leaked_since, claims_until }, vec![revocation]))
            })
            .await?;
        let mut book = self.0.keysets.write().unwrap_or_else(PoisonError::into_inner);
        *book = Arc::new(book.with_revocations(revocations));
        Ok(revoked)
    }

    /// Takes over revocations that were published in this mint's name, of keysets that it knows. When this returns, they are durable, and
    /// stand in the journal. That a revocation is published says nothing of a leak; and what is revoked here already stays so meanwhile.
    pub(crate) async fn adopt_revocations(&self, published: Vec<Revocation>) -> Result<(), LedgerError> {
        let book = self.keyset_book();
        let unknown =
            |new: &Revocation| book.get(&new.keyset).is_some() && book.listed_at(&new.keyset) != Some(new.revoked_at);
        let adopted: Vec<Revocation> = published.into_iter().filter(unknown).collect();
        if adopted.is_empty() {
            return Ok(());
        }
        let noted = adopted.clone();
        let note = move |txn: &mut Txn<'_>, now| {
            noted.iter().try_for_each(|revocation| {
                let keyset = revocation.keyset;
                let revoked_at = ledger::adopt_revocation(txn, revocation)?;
                let leaked_since = ledger::note_published(txn, now, &keyset, revoked_at)?.leaked_since;
                let act = Act::KeysetRevoked { keyset, revoked_at, leaked_since };
                ledger::journal::record(txn, now, &Authority::of_the_mint(), &act)
            })
        };
        self.0.ledger.run::<_, LedgerError, _>(note).await?;
        for revocation in &adopted {
            tracing::error!(keyset = %revocation.keyset, "the signer has published a revocation that this mint did not order");
        }
        self.change_keysets(|book| Ok(book.with_published(&adopted)))
    }

    /// Dates revocations that a published list did not have at that list, if they were noted earlier: with an earlier date they could not be
    /// published any more. Since when the key had leaked stays as it is.
    pub(crate) async fn date_revocations(&self, list: &KeysetList) -> Result<(), LedgerError> {
        let earliest = list.issued_at().minus(KeysetList::MAX_SKEW);
        let late = |own: &&Revocation| list.revoked_at(&own.keyset).is_none() && own.revoked_at < earliest;
        let book = self.keyset_book();
        let dated: Vec<Revocation> =
            book.revocations().iter().filter(late).map(|own| Revocation { revoked_at: earliest, ..*own }).collect();
        if dated.is_empty() {
            return Ok(());
        }
        let noted = dated.clone();
        let note =
            move |txn: &mut Txn<'_>, _| noted.iter().try_for_each(|own| ledger::adopt_revocation(txn, own).map(drop));
        self.0.ledger.run::<_, LedgerError, _>(note).await?;
        self.change_keysets(|book| Ok(book.with_published(&dated)))
    }

    /// Replaces the keysets by what `change` makes of them, one change at a time.
    pub(crate) fn change_keysets<E>(&self, change: impl FnOnce(&KeysetBook) -> Result<KeysetBook, E>) -> Result<(), E> {
        let mut book = self.0.keysets.write().unwrap_or_else(PoisonError::into_inner);
        *book = Arc::new(change(&book)?);
        Ok(())
    }

    pub(crate) fn keyset_book(&self) -> Arc<KeysetBook> {
        Arc::clone(&self.0.keysets.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn excluded(&self) -> &ExclusionsKeeper {
        &self.0.excluded
    }

    /// Under which secrets of second factors lie in the ledger.
    pub(crate) fn factor_key(&self) -> FactorKey {
        self.0.factors.clone()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(crate) fn decides(&self) -> &Decides {
        &self.0.decides
    }

    pub(crate) fn forged(&self) -> &Forged {
        &self.0.forged
    }

    /// Whether the books are right, as far as is known.
    pub(crate) fn are_right(&self) -> bool {
        self.0.trust.is_right()
    }

    /// Whether what is owed was backed when it was last looked.
    pub(crate) fn are_backed(&self) -> bool {
        self.0.backed.load(Ordering::SeqCst)
    }

    /// Why nothing is issued, if so. With `swap`: why not even for tokens.
    pub(crate) fn halt(&self, swap: bool) -> Option<Halt> {
        if !self.are_right() {
            return Some(Halt::BooksNotRight);
        }
        if self.is_forged() {
            return Some(Halt::KeysetForged);
        }
        (!swap && !self.are_backed()).then_some(Halt::NotBacked)
    }
}

fn view((number, row): (PayoutNumber, PayoutRow)) -> PayoutView {
    let ledger::Told { state, settled_at, note } = row.told();
    let PayoutRow { draft, taken_at, .. } = row;
    let PayoutDraft { account, amount, unit, reference, to, .. } = draft;
    let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
    PayoutView { number: number.0, account, amount, unit, exponent, reference, to, state, taken_at, settled_at, note }
}
