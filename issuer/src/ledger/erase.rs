//! Erasing: references that are old enough, and accounts that hold nothing.
//!
//! Both go through the rows in portions, each a transaction of its own in which the books are right. After a crash the same is asked again, and
//! goes on where rows are left.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::PayoutDraft;
use farthing_protocol::codec::{Decode, Encode};
use farthing_protocol::identity::AccountKey;
use sha2::{Digest, Sha256};

use super::ended::tombstone;
use super::factor::{self, Holder};
use super::forgotten::{NOBODY, erase_claims, erase_income, leave};
use super::payout_row::{PayoutNumber, PayoutRow};
use super::payouts::asked_key;
use super::quotes::forget_quotes;
use super::records::{
    AccountState, IssuanceEntry, Movement, Source, Table, from_value, get, parse, put, scan, scan_keys,
};
use super::summed::{Said, add};
use super::{LedgerError, journal};

/// So many rows are looked at in one transaction.
const PORTION: usize = 1000;

/// Why an account is not forgotten. What was erased before stays erased, and the books are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// It holds something.
    #[error("the account holds something")]
    Holds,
    /// It has asked for a payout that is not settled.
    #[error("a payout of the account is not settled")]
    Pending,
    /// It asked for a payout less than a day ago: forgotten, the same request could be sent in again.
    #[error("the account asked for a payout less than a day ago")]
    Recent,
    /// It claims tokens of a revoked keyset, and nothing is decided about them yet.
    #[error("claims of the account on tokens of a revoked keyset are not settled")]
    Claims,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many rows no longer name the account, or no longer hold a reference.
    pub rows: u64,
    /// Whether payments to the account are still on record, which name it until their keyset's end.
    pub is_payee: bool,
}

/// Where an erasing stands: in which table, and behind which key.
#[derive(Clone, Debug)]
pub(crate) struct ErasePlace {
    step: Step,
    after: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    // What can refuse comes before what erases.
    Refusals,
    Claims,
    Credits,
    PayOuts,
    Payouts,
    Issuances,
    Incomes,
}

impl Step {
    const fn table(self) -> Table {
        match self {
            Self::Refusals => Table::PayoutRefusedUntil,
            Self::Claims => Table::Recoup,
            Self::Credits => Table::Credit,
            Self::PayOuts => Table::PayOut,
            Self::Payouts => Table::Payout,
            Self::Issuances => Table::Issuance,
            Self::Incomes => Table::Income,
        }
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::Refusals => Some(Self::Claims),
            Self::Claims => Some(Self::Credits),
            Self::Credits => Some(Self::PayOuts),
            Self::PayOuts => Some(Self::Payouts),
            Self::Payouts => Some(Self::Issuances),
            Self::Issuances => Some(Self::Incomes),
            Self::Incomes => None,
        }
    }
}

impl ErasePlace {
    /// For the name of an account.
    pub(crate) const fn of_an_account() -> Self {
        Self { step: Step::Refusals, after: None }
    }

    /// For references.
    pub(crate) const fn of_references() -> Self {
        Self { step: Step::Credits, after: None }
    }

    /// Behind a portion: further in the table, or in the next one.
    fn behind(self, last: Option<Vec<u8>>) -> Option<Self> {
        match last {
            Some(after) => Some(Self { after: Some(after), ..self }),
            None => self.step.next().map(|step| Self { step, after: None }),
        }
    }
}

/// One portion: how many rows were erased, and where to go on.
pub(crate) type Portion = (u64, Option<ErasePlace>);

/// Erases the references of movements before a time, a portion. Of each a hash stays: with the same reference nothing is ever moved again.
pub(crate) fn erase_references(txn: &mut Txn<'_>, before: UnixTime, place: ErasePlace) -> Result<Portion, LedgerError> {
    let mut erased = 0;
    let last = each(txn, &place, &mut |txn, key, value| {
        let movement: Movement = from_value(value)?;
        if movement.at < before {
            erase_movement(txn, place.step.table(), key, &movement)?;
            erased += 1;
        }
        Ok::<_, LedgerError>(())
    })?;
    // The others have no such references.
    let next = place.behind(last).filter(|place| matches!(place.step, Step::Credits | Step::PayOuts));
    Ok((erased, next))
}

/// Takes an account's name out of a portion of the rows.
pub(crate) fn erase_account(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    place: ErasePlace,
) -> Result<Portion, ForgetError> {
    if *account == NOBODY {
        return Ok((0, None));
    }
    require_nothing(txn, account)?;
    let mut erased = 0;
    if place.step == Step::Refusals && place.after.is_none() {
        // Before anything is erased, if it can be told so early.
        require_no_payouts(txn, now, account)?;
        // From now on nothing more is credited for one of its quotes.
        erased += forget_quotes(txn, account)?;
    }
    let last = each(txn, &place, &mut |txn, key, value| {
        let is_own = match place.step {
            Step::Refusals => erase_refusal(txn, now, account, key)?,
            Step::Claims => erase_claims(txn, account, key, from_value(value)?)?,
            Step::Credits | Step::PayOuts => {
                let movement: Movement = from_value(value)?;
                let is_own = movement.account == *account;
                if is_own {
                    erase_movement(txn, place.step.table(), key, &movement)?;
                }
                is_own
            }
            Step::Payouts => erase_payout(txn, now, account, key, &from_value(value)?)?,
            Step::Issuances => erase_issuance(txn, account, key, from_value(value)?)?,
            Step::Incomes => erase_income(txn, account, key, from_value(value)?)?,
        };
        erased += u64::from(is_own);
        Ok::<_, ForgetError>(())
    })?;
    Ok((erased, place.behind(last)))
}

/// Takes the account's own rows away, when no others name it any more, nor the journal up to this entry.
pub(crate) fn forget(txn: &mut Txn<'_>, account: &AccountKey, journal: u64) -> Result<Erased, ForgetError> {
    require_nothing(txn, account)?;
    // Asked for meanwhile.
    if !scan_keys(txn, Table::PayoutRefused, account.as_bytes(), None, 1)?.is_empty() {
        return Err(ForgetError::Recent);
    }
    let mut erased = Erased { rows: forget_quotes(txn, account)?, is_payee: false };
    if *account != NOBODY {
        for unit in units_of(txn, account)? {
            let left = leave(txn, account, &unit)?;
            erased.rows = erased.rows.saturating_add(left.rows);
            erased.is_payee |= left.is_payee;
        }
    }
    for table in OWN {
        for key in scan_keys(txn, table, account.as_bytes(), None, usize::MAX)? {
            txn.delete(&table.key(&key)).map_err(LedgerError::from)?;
        }
    }
    factor::remove(txn, &Holder::Owner(*account))?;
    // What was written meanwhile.
    let mut from = journal;
    loop {
        match journal::forget(txn, account, from)? {
            next if next == from => return Ok(erased),
            next => from = next,
        }
    }
}

/// What is kept of an account under its own key, and says nothing that the books need.
const OWN: [Table; 7] = [
    Table::Owner,
    Table::OwnerChanges,
    Table::Permits,
    Table::Judged,
    Table::Outflow,
    Table::AccountDay,
    Table::Registered,
];

/// All units that the books name together with an account.
fn units_of(txn: &Txn<'_>, account: &AccountKey) -> Result<Vec<Unit>, LedgerError> {
    let mut units: Vec<Unit> = Vec::new();
    for table in [Table::Account, Table::Summed, Table::Carried] {
        for key in scan_keys(txn, table, account.as_bytes(), None, usize::MAX)? {
            let unit = parse(key.get(AccountKey::LENGTH..).unwrap_or_default())?;
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
    }
    Ok(units)
}

/// Whether a reference was used by a movement that is erased.
pub(super) fn is_erased(txn: &Txn<'_>, table: Table, reference: &[u8]) -> Result<bool, LedgerError> {
    let Some(salt) = get::<Salt>(txn, Table::ErasedSalt, &[])? else { return Ok(false) };
    Ok(get::<UnixTime>(txn, Table::Erased, &salt.hash(table, reference))?.is_some())
}

/// What is called for each row: its key behind the table's prefix, and its value.
type EachRow<'a, E> = &'a mut dyn FnMut(&mut Txn<'_>, &[u8], &[u8]) -> Result<(), E>;

/// Calls for each row of a portion, and returns the last key; nothing at the table's end.
fn each<E: From<LedgerError>>(
    txn: &mut Txn<'_>,
    place: &ErasePlace,
    row: EachRow<'_, E>,
) -> Result<Option<Vec<u8>>, E> {
    let prefix = place.step.table().prefix();
    let rows = txn.scan_prefix(prefix, place.after.as_deref(), PORTION).map_err(LedgerError::from)?;
    for (key, value) in &rows {
        row(txn, key.get(prefix.len()..).unwrap_or_default(), value)?;
    }
    Ok(if rows.len() < PORTION { None } else { rows.into_iter().last().map(|(key, _)| key) })
}

fn require_nothing(txn: &Txn<'_>, account: &AccountKey) -> Result<(), ForgetError> {
    let mut holds = false;
    scan(txn, Table::Account, account.as_bytes(), &mut |_, state: AccountState| {
        holds |= !state.balance.is_zero();
        Ok(())
    })?;
    if holds { Err(ForgetError::Holds) } else { Ok(()) }
}

/// No payout that the account asked for is pending, or so young that its request could be sent in again.
fn require_no_payouts(txn: &Txn<'_>, now: UnixTime, account: &AccountKey) -> Result<(), ForgetError> {
    let mut numbers: Vec<PayoutNumber> = Vec::new();
    scan(txn, Table::PayoutAsked, account.as_bytes(), &mut |_, number| {
        numbers.push(number);
        Ok(())
    })?;
    for number in numbers {
        let row: PayoutRow = get(txn, Table::Payout, &number.key())?.ok_or(LedgerError::Damaged)?;
        require_over(&row, now)?;
    }
    Ok(())
}

fn require_over(row: &PayoutRow, now: UnixTime) -> Result<(), ForgetError> {
    if row.progress.is_open() {
        return Err(ForgetError::Pending);
    }
    let is_recent = now <= row.taken_at.plus(PayoutDraft::MAX_AGE + PayoutDraft::MAX_SKEW);
    if is_recent { Err(ForgetError::Recent) } else { Ok(()) }
}

/// A refusal is remembered for as long as the request could be sent in again.
fn erase_refusal(txn: &mut Txn<'_>, now: UnixTime, account: &AccountKey, key: &[u8]) -> Result<bool, ForgetError> {
    let (until, asked) = key.split_first_chunk().ok_or(LedgerError::Damaged)?;
    if !asked.starts_with(account.as_bytes()) {
        return Ok(false);
    }
    if now.seconds() <= u64::from_be_bytes(*until) {
        return Err(ForgetError::Recent);
    }
    txn.delete(&Table::PayoutRefused.key(asked)).map_err(LedgerError::from)?;
    txn.delete(&Table::PayoutRefusedUntil.key(key)).map_err(LedgerError::from)?;
    Ok(true)
}

fn erase_movement(txn: &mut Txn<'_>, table: Table, reference: &[u8], movement: &Movement) -> Result<(), LedgerError> {
    let Movement { account, unit, amount, at } = movement;
    let said = if table == Table::Credit { Said::Credit(*amount) } else { Said::PayOut(*amount) };
    add(txn, account, unit, said)?;
    let salt = match get(txn, Table::ErasedSalt, &[])? {
        Some(salt) => salt,
        None => {
            let salt = Salt(crate::random());
            put(txn, Table::ErasedSalt, &[], &salt)?;
            salt
        }
    };
    put(txn, Table::Erased, &salt.hash(table, reference), at)?;
    Ok(txn.delete(&table.key(reference))?)
}

fn erase_payout(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    number: &[u8],
    row: &PayoutRow,
) -> Result<bool, ForgetError> {
    let PayoutDraft { account: from, to, unit, operation, .. } = &row.draft;
    if from != account && to.as_ref() != Some(account) {
        return Ok(false);
    }
    require_over(row, now)?;
    let (_, paid, taken) = row.amounts();
    if paid != Amount::ZERO {
        add(txn, from, unit, Said::PayOut(paid))?;
    } else if taken != Amount::ZERO {
        add(txn, from, unit, Said::Gone(taken))?;
        if let Some(to) = to {
            add(txn, to, unit, Said::Received(taken))?;
        }
    }
    txn.delete(&Table::PayoutAsked.key(&asked_key(from, operation))).map_err(LedgerError::from)?;
    txn.delete(&Table::Payout.key(number)).map_err(LedgerError::from)?;
    Ok(true)
}

fn erase_issuance(
    txn: &mut Txn<'_>,
    account: &AccountKey,
    id: &[u8],
    entry: IssuanceEntry,
) -> Result<bool, LedgerError> {
    let Source::Account(from) = entry.source else { return Ok(false) };
    if from != *account {
        return Ok(false);
    }
    // Once the keyset has a tombstone, what was paid for its tokens is carried for the account, and the row says nothing more.
    if tombstone(txn, &entry.keyset)?.is_none() {
        let unit = super::book::keyset_unit(txn, &entry.keyset)?;
        add(txn, account, &unit, Said::Gone(entry.debit))?;
    }
    put(txn, Table::Issuance, id, &IssuanceEntry { source: Source::Forgotten, ..entry })?;
    Ok(true)
}

/// What references are hashed with: another in each ledger.
struct Salt([u8; 32]);

impl Salt {
    fn hash(&self, table: Table, reference: &[u8]) -> [u8; 32] {
        let hash = Sha256::new_with_prefix(self.0).chain_update(table.prefix()).chain_update(reference);
        hash.finalize().into()
    }
}

impl Encode for Salt {
    fn encode_to(&self, out: &mut farthing_protocol::codec::Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Salt {
    fn decode_from(
        input: &mut farthing_protocol::codec::Reader<'_>,
    ) -> Result<Self, farthing_protocol::codec::DecodeError> {
        input.array().map(Self)
    }
}
