//! Accounts that the operator opened, where he does so himself: nothing comes into others by anybody else's doing.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::AccountKey;

use super::acts::Act;
use super::authority::Authority;
use super::outflow::AccountRules;
use super::records::{Table, from_value, get, put};
use super::{LedgerError, journal};

/// Who may have an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Registration {
    /// Whoever has a key.
    #[default]
    Open,
    /// Those whose account the operator opened.
    Closed,
}

/// Whether something may come into an account from others than the operator.
pub(super) fn is_open(txn: &Txn<'_>, rules: &AccountRules, account: &AccountKey) -> Result<bool, LedgerError> {
    Ok(match rules.registration {
        Registration::Open => true,
        Registration::Closed => opened_at(txn, account)?.is_some(),
    })
}

/// Opens an account. One that is open stays as it is. Says whether it was.
pub(crate) fn open_account(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    account: &AccountKey,
) -> Result<bool, LedgerError> {
    let known = opened_at(txn, account)?.is_some();
    if !known {
        put(txn, Table::Registered, account.as_bytes(), &now)?;
        journal::record(txn, now, authority, &Act::AccountOpened { account: *account })?;
    }
    Ok(known)
}

/// Closes an account: nothing comes into it any more, and what it holds may leave. Says whether it was open.
pub(crate) fn close_account(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    account: &AccountKey,
) -> Result<bool, LedgerError> {
    let known = opened_at(txn, account)?.is_some();
    if known {
        txn.delete(&Table::Registered.key(account.as_bytes()))?;
        journal::record(txn, now, authority, &Act::AccountClosed { account: *account })?;
    }
    Ok(known)
}

/// Accounts that the operator opened and since when, in the order of their keys; at most so many, after this one.
pub(crate) fn registered(
    txn: &Txn<'_>,
    after: Option<&AccountKey>,
    limit: usize,
) -> Result<Vec<(AccountKey, UnixTime)>, LedgerError> {
    let after = after.map(|account| Table::Registered.key(account.as_bytes()));
    let rows = txn.scan_prefix(Table::Registered.prefix(), after.as_deref(), limit)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let account = key.get(Table::Registered.prefix().len()..).and_then(|rest| rest.try_into().ok());
        Ok((AccountKey::from_bytes(account.ok_or(LedgerError::Damaged)?), from_value(&value)?))
    };
    rows.into_iter().map(read).collect()
}

fn opened_at(txn: &Txn<'_>, account: &AccountKey) -> Result<Option<UnixTime>, LedgerError> {
    get(txn, Table::Registered, account.as_bytes())
}
