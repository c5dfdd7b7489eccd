//! Revocations, and the signed list that was last given out.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{KeysetList, Revocation};

use super::LedgerError;
use super::records::{Table, get, parse, put, scan};

/// Revokes a keyset from now on, if it is not revoked yet. What was published stays published, also if its time is still to come.
pub(crate) fn revoke(txn: &mut Txn<'_>, now: UnixTime, keyset: &KeysetId) -> Result<UnixTime, LedgerError> {
    let earlier: Option<UnixTime> = get(txn, Table::Revoked, keyset.as_bytes())?;
    match earlier {
        Some(at) if at <= now => return Ok(at),
        Some(ahead) if get::<UnixTime>(txn, Table::Listed, keyset.as_bytes())?.is_none() => {
            put(txn, Table::Listed, keyset.as_bytes(), &ahead)?;
        }
        _ => {}
    }
    put(txn, Table::Revoked, keyset.as_bytes(), &now)?;
    Ok(now)
}

/// Notes a revocation that was published, or can be published at that time only. If it was noted here before that time, it counts from
/// then on all the same.
pub(crate) fn adopt_revocation(txn: &mut Txn<'_>, revocation: &Revocation) -> Result<UnixTime, LedgerError> {
    let Revocation { keyset, revoked_at } = revocation;
    let noted: Option<UnixTime> = get(txn, Table::Revoked, keyset.as_bytes())?;
    let at = noted.map_or(*revoked_at, |noted| noted.min(*revoked_at));
    put(txn, Table::Revoked, keyset.as_bytes(), &at)?;
    put(txn, Table::Listed, keyset.as_bytes(), revoked_at)?;
    Ok(at)
}

/// All revocations, by keyset: since when each counts.
pub(crate) fn revocations(txn: &Txn<'_>) -> Result<Vec<Revocation>, LedgerError> {
    let mut found = Vec::new();
    scan(txn, Table::Revoked, &[], &mut |key, revoked_at| {
        found.push(Revocation { keyset: parse(key)?, revoked_at });
        Ok(())
    })?;
    Ok(found)
}

/// All revocations, by keyset, with the times that are published.
pub(crate) fn listed_revocations(txn: &Txn<'_>) -> Result<Vec<Revocation>, LedgerError> {
    let listed = |own: Revocation| {
        let listed = get(txn, Table::Listed, own.keyset.as_bytes())?;
        Ok(Revocation { revoked_at: listed.unwrap_or(own.revoked_at), ..own })
    };
    revocations(txn)?.into_iter().map(listed).collect()
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
