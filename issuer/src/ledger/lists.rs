//! Revocations, and the signed list that was last given out.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{KeysetList, Revocation};

use super::LedgerError;
use super::records::{Table, get, parse, put, scan};

/// Revokes a keyset from now on. Of two revocations the first stays.
pub(crate) fn revoke(txn: &mut Txn<'_>, now: UnixTime, keyset: &KeysetId) -> Result<UnixTime, LedgerError> {
    if let Some(earlier) = get(txn, Table::Revoked, keyset.as_bytes())? {
        return Ok(earlier);
    }
    put(txn, Table::Revoked, keyset.as_bytes(), &now)?;
    Ok(now)
}

/// Notes a revocation that was published, also in the place of one that was not.
pub(crate) fn adopt_revocation(txn: &mut Txn<'_>, revocation: &Revocation) -> Result<(), LedgerError> {
    put(txn, Table::Revoked, revocation.keyset.as_bytes(), &revocation.revoked_at)
}

/// All revocations, by keyset.
pub(crate) fn revocations(txn: &Txn<'_>) -> Result<Vec<Revocation>, LedgerError> {
    let mut found = Vec::new();
    scan(txn, Table::Revoked, &[], &mut |key, revoked_at| {
        found.push(Revocation { keyset: parse(key)?, revoked_at });
        Ok(())
    })?;
    Ok(found)
}

/// The list last stored.
pub(crate) fn stored_list(txn: &Txn<'_>) -> Result<Option<KeysetList>, LedgerError> {
    let Some(bytes) = txn.get_large(Table::List.prefix())? else { return Ok(None) };
    KeysetList::from_bytes(&bytes).map(Some).map_err(|_| LedgerError::Damaged)
}

/// Stores a list, which MUST NOT leave before this is durable.
pub(crate) fn store_list(txn: &mut Txn<'_>, list: &KeysetList) -> Result<(), LedgerError> {
    Ok(txn.put_large(Table::List.prefix(), &list.to_bytes())?)
}
