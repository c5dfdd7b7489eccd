//! What leaves an account: counted for each day, so that its owner's limit and the operator's hold.
//!
//! A day is the last 24 hours, counted in whole hours: what left in the hour that began 24 hours ago still counts.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::PermitPurpose;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::FundingId;

use super::book::account_state;
use super::records::{Table, account_key, get, put};
use super::registration::Registration;
use super::{LedgerError, permits, settings};

/// What the operator allows an account, in the smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountRules {
    /// The most that it may hold; no limit, if none.
    pub(crate) most_balance: Option<Amount>,
    /// The most that may leave it within a day; no limit, if none.
    pub(crate) most_per_day: Option<Amount>,
    /// The most that comes from outside in one movement. Totals only grow, and have an end: without a bound one wrong report would use them up for ever.
    pub(crate) most_payment: Amount,
    /// Who may have one.
    pub(crate) registration: Registration,
}

/// So much comes in at once if the operator says nothing else: 2^40 smallest units.
pub(crate) const MOST_PAYMENT: Amount = match Amount::new(1 << 40) {
    Some(amount) => amount,
    None => Amount::MAX,
};

impl Default for AccountRules {
    fn default() -> Self {
        let registration = Registration::default();
        Self { most_balance: None, most_per_day: None, most_payment: MOST_PAYMENT, registration }
    }
}

impl AccountRules {
    /// Whether so much may come from outside at once.
    pub(in crate::ledger) fn admit_payment(&self, amount: Amount) -> Result<(), LedgerError> {
        if amount > self.most_payment { Err(LedgerError::TooMuch) } else { Ok(()) }
    }
}

/// Why something may not leave an account. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LeaveRefusal {
    /// It is more than the owner lets go without a code, and no permission was given for it.
    #[error("this needs a code of the account's second factor")]
    SecondFactor,
    /// It is more than the operator lets go within a day.
    #[error("more would leave the account within a day than the mint allows")]
    DayLimit,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What wants to leave an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving<'a> {
    pub(crate) account: &'a AccountKey,
    pub(crate) unit: &'a Unit,
    pub(crate) amount: Amount,
    /// By which operation, and what for.
    pub(crate) operation: (PermitPurpose, FundingId),
}

/// Counts what leaves an account, or refuses it. A permission is used up by it.
pub(crate) fn leave(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    leaving: &Leaving<'_>,
) -> Result<(), LeaveRefusal> {
    let Leaving { account, unit, amount, operation } = *leaving;
    let limit = settings::limit(txn, account, unit)?;
    if limit.is_none() && rules.most_per_day.is_none() {
        return Ok(());
    }
    let mut outflow = Outflow::load(txn, now, account, unit)?;
    let all = plus(outflow.sum(|hour| hour.all)?, amount)?;
    if rules.most_per_day.is_some_and(|most| all > most) {
        return Err(LeaveRefusal::DayLimit);
    }
    let permitted = limit.is_some() && permits::use_permit(txn, now, account, unit, amount, operation)?;
    let free = if permitted || limit.is_none() { Amount::ZERO } else { amount };
    let without_code = plus(outflow.sum(|hour| hour.free)?, free)?;
    if !permitted && limit.is_some_and(|limit| without_code > limit) {
        return Err(LeaveRefusal::SecondFactor);
    }
    outflow.add(now, free, amount)?;
    Ok(put(txn, Table::Outflow, &account_key(account, unit), &outflow)?)
}

/// Whether an account holds no more than the operator allows: to be asked when something came into it.
pub(crate) fn may_hold(
    txn: &Txn<'_>,
    rules: &AccountRules,
    account: &AccountKey,
    unit: &Unit,
) -> Result<bool, LedgerError> {
    Ok(match rules.most_balance {
        None => true,
        Some(most) => account_state(txn, account, unit)?.balance <= most,
    })
}

/// Whether an account would hold no more than the operator allows if so much came into it.
pub(super) fn may_receive(
    txn: &Txn<'_>,
    rules: &AccountRules,
    account: &AccountKey,
    unit: &Unit,
    amount: Amount,
) -> Result<bool, LedgerError> {
    let Some(most) = rules.most_balance else { return Ok(true) };
    Ok(plus(account_state(txn, account, unit)?.balance, amount)? <= most)
}

/// How much may leave an account now without a code; none if its owner set no limit.
pub(crate) fn free(
    txn: &Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    unit: &Unit,
) -> Result<Option<Amount>, LedgerError> {
    let Some(limit) = settings::limit(txn, account, unit)? else { return Ok(None) };
    let used = Outflow::load(txn, now, account, unit)?.sum(|hour| hour.free)?;
    Ok(Some(limit.checked_sub(used).unwrap_or(Amount::ZERO)))
}

/// What left within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hour {
    /// Hours since 1970.
    hour: u64,
    /// Without a code, while the owner had a limit.
    free: Amount,
    all: Amount,
}

/// What left an account in one unit within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outflow(Vec<Hour>);

const HOUR: u64 = 3600;
/// The running hour, and the 24 before it.
const HOURS: usize = 25;

impl Outflow {
    /// That of an account, without what no longer counts.
    fn load(txn: &Txn<'_>, now: UnixTime, account: &AccountKey, unit: &Unit) -> Result<Self, LedgerError> {
        let mut outflow: Self = get(txn, Table::Outflow, &account_key(account, unit))?.unwrap_or_default();
        let first = (now.seconds() / HOUR).saturating_sub(24);
        outflow.0.retain(|hour| hour.hour >= first);
        Ok(outflow)
    }

    fn sum(&self, of: impl Fn(&Hour) -> Amount) -> Result<Amount, LedgerError> {
        Amount::checked_sum(self.0.iter().map(of)).ok_or(LedgerError::Overflow)
    }

    fn add(&mut self, now: UnixTime, free: Amount, all: Amount) -> Result<(), LedgerError> {
        let hour = now.seconds() / HOUR;
        match self.0.last_mut() {
            Some(last) if last.hour == hour => {
                last.free = plus(last.free, free)?;
                last.all = plus(last.all, all)?;
            }
            _ => self.0.push(Hour { hour, free, all }),
        }
        Ok(())
    }
}

fn plus(one: Amount, other: Amount) -> Result<Amount, LedgerError> {
    one.checked_add(other).ok_or(LedgerError::Overflow)
}

impl Encode for Hour {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.hour);
        out.part(&self.free);
        out.part(&self.all);
    }
}

impl Decode for Hour {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hour: input.u64()?, free: input.part()?, all: input.part()? })
    }
}

impl Encode for Outflow {
    fn encode_to(&self, out: &mut Writer) {
        out.list(&self.0);
    }
}

impl Decode for Outflow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.list(HOURS).map(Self)
    }
}
