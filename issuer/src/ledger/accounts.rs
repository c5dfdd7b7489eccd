//! Money from and to the outside, vouchers, and balances.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{AccountKey, VoucherKey};

use super::acts::{Act, Text};
use super::authority::Authority;
use super::book::{Place, TransferError, account_state, transfer};
use super::erase::is_erased;
use super::outflow::{AccountRules, may_hold};
use super::records::{AccountState, Movement, RedeemedBy, Table, VoucherState, get, parse, put, scan};
use super::{LedgerError, journal};

/// The longest reference, in bytes.
const MAX_REFERENCE: usize = 128;

/// A credit that stands in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credited {
    /// The account's balance after everything so far.
    pub balance: Amount,
    /// Whether the reference was known: then nothing changed.
    pub known: bool,
}

/// Why money was not moved from or to the outside. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MovementError {
    /// The amount is zero.
    #[error("the amount is zero")]
    Zero,
    /// The reference is empty or longer than 128 bytes.
    #[error("the reference must have 1 to 128 bytes")]
    Reference,
    /// The reference stands for another account or amount.
    #[error("the reference was used for another account or amount")]
    ReferenceUsed,
    /// The reference was used once, and for what is not kept any more.
    #[error("the reference was used before, and for what is not kept any more")]
    ReferenceErased,
    /// The account does not hold so much.
    #[error("the account does not hold so much")]
    InsufficientFunds,
    /// The account would hold more than the mint allows.
    #[error("the account would hold more than the mint allows")]
    BalanceLimit,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<TransferError> for MovementError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Insufficient => Self::InsufficientFunds,
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Credits an account with money from outside, once for each reference.
pub(crate) fn credit(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    unit: &Unit,
    amount: Amount,
    reference: &str,
) -> Result<Credited, MovementError> {
    let movement = Movement { account: *account, unit: unit.clone(), amount, at: now };
    move_once(txn, Table::Credit, reference, &movement, Place::World, Place::Account(account))
}

/// Debits an account for money paid to the outside, once for each reference.
pub(crate) fn pay_out(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    unit: &Unit,
    amount: Amount,
    reference: &str,
) -> Result<Credited, MovementError> {
    let movement = Movement { account: *account, unit: unit.clone(), amount, at: now };
    move_once(txn, Table::PayOut, reference, &movement, Place::Account(account), Place::World)
}

/// Credits an account as [`credit`] does, on somebody's authority, and says so in the journal.
pub(crate) fn credit_by(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    rules: &AccountRules,
    (account, unit, amount): (&AccountKey, &Unit, Amount),
    reference: &str,
) -> Result<Credited, MovementError> {
    let credited = credit(txn, now, account, unit, amount, reference)?;
    if !credited.known {
        rules.admit_payment(amount)?;
        if !may_hold(txn, rules, account, unit)? {
            return Err(MovementError::BalanceLimit);
        }
        let reference = Text(reference.to_owned());
        let act = Act::Credited { account: *account, unit: unit.clone(), amount, reference };
        journal::record(txn, now, authority, &act)?;
    }
    Ok(credited)
}

/// Debits an account as [`pay_out`] does, on somebody's authority, and says so in the journal.
pub(crate) fn pay_out_by(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    (account, unit, amount): (&AccountKey, &Unit, Amount),
    reference: &str,
) -> Result<Credited, MovementError> {
    let paid = pay_out(txn, now, account, unit, amount, reference)?;
    if !paid.known {
        let reference = Text(reference.to_owned());
        let act = Act::PaidOut { account: *account, unit: unit.clone(), amount, reference };
        journal::record(txn, now, authority, &act)?;
    }
    Ok(paid)
}

fn move_once(
    txn: &mut Txn<'_>,
    table: Table,
    reference: &str,
    movement: &Movement,
    from: Place<'_>,
    to: Place<'_>,
) -> Result<Credited, MovementError> {
    let Movement { account, unit, amount, .. } = movement;
    if amount.is_zero() {
        return Err(MovementError::Zero);
    }
    if reference.is_empty() || reference.len() > MAX_REFERENCE {
        return Err(MovementError::Reference);
    }
    let earlier = get::<Movement>(txn, table, reference.as_bytes())?;
    let known = match &earlier {
        None if is_erased(txn, table, reference.as_bytes())? => return Err(MovementError::ReferenceErased),
        None => false,
        Some(earlier) if earlier.account == *account && earlier.unit == *unit && earlier.amount == *amount => true,
        Some(_) => return Err(MovementError::ReferenceUsed),
    };
    if !known {
        transfer(txn, unit, from, to, *amount)?;
        put(txn, table, reference.as_bytes(), movement)?;
    }
    Ok(Credited { balance: account_state(txn, account, unit)?.balance, known })
}

/// Makes a voucher of money from outside. A voucher that exists with the same amount changes nothing.
pub(crate) fn create_voucher(
    txn: &mut Txn<'_>,
    now: UnixTime,
    voucher: &VoucherKey,
    unit: &Unit,
    amount: Amount,
) -> Result<(), MovementError> {
    if amount.is_zero() {
        return Err(MovementError::Zero);
    }
    match get::<VoucherState>(txn, Table::Voucher, voucher.as_bytes())? {
        Some(known) if known.amount == amount && known.unit == *unit => Ok(()),
        Some(_) => Err(MovementError::ReferenceUsed),
        None => {
            transfer(txn, unit, Place::World, Place::Vouchers, amount)?;
            let state = VoucherState { unit: unit.clone(), amount, created_at: now, redeemed_by: RedeemedBy(None) };
            Ok(put(txn, Table::Voucher, voucher.as_bytes(), &state)?)
        }
    }
}

/// What an account holds, for each unit it ever held.
pub(crate) fn balances(txn: &Txn<'_>, account: &AccountKey) -> Result<Vec<(Unit, Amount)>, LedgerError> {
    let mut found = Vec::new();
    scan(txn, Table::Account, account.as_bytes(), &mut |key, state: AccountState| {
        let unit: Unit = parse(key.get(AccountKey::LENGTH..).unwrap_or_default())?;
        found.push((unit, state.balance));
        Ok(())
    })?;
    Ok(found)
}
