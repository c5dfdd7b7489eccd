//! Keysets of which more would have been redeemed than was issued: somebody else signs with their keys.
//!
//! What shows it is refused, and taken back with its transaction. So it is marked in one of its own, for else nothing would be left of it:
//! the books of a mint that refused a forged token are right. The mark stands until the keyset is revoked, or the administrator says that
//! it means nothing.

use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::ids::KeysetId;

use super::acts::Act;
use super::audit::{AuditReport, Figure};
use super::authority::Authority;
use super::deposits::is_revoked;
use super::records::{KeysetTotals, Table, get, parse, put, record, scan};
use super::{LedgerError, journal};

record! {
    /// What was seen of it first.
    ForgedRow {
        at: UnixTime,
        /// How much would have been redeemed of the keyset.
        redeemed: Amount,
    }
}

/// Marks a keyset, and says so in the journal. One that is marked or revoked stays as it is.
pub(crate) fn mark_forged(
    txn: &mut Txn<'_>,
    now: UnixTime,
    keyset: &KeysetId,
    redeemed: Amount,
) -> Result<(), LedgerError> {
    if is_revoked(txn, keyset, now)? || get::<ForgedRow>(txn, Table::Forged, keyset.as_bytes())?.is_some() {
        return Ok(());
    }
    put(txn, Table::Forged, keyset.as_bytes(), &ForgedRow { at: now, redeemed })?;
    journal::record(txn, now, &Authority::of_the_mint(), &Act::KeysetForged { keyset: *keyset })
}

/// Takes a keyset's mark away, and says so in the journal. Says whether there was one.
pub(crate) fn dismiss_forged(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    keyset: &KeysetId,
) -> Result<bool, LedgerError> {
    if get::<ForgedRow>(txn, Table::Forged, keyset.as_bytes())?.is_none() {
        return Ok(false);
    }
    journal::record(txn, now, authority, &Act::ForgeryDismissed { keyset: *keyset })?;
    txn.delete(&Table::Forged.key(keyset.as_bytes()))?;
    Ok(true)
}

/// Whether a keyset is marked, and was not revoked since.
pub(super) fn is_forged(txn: &Txn<'_>, now: UnixTime, keyset: &KeysetId) -> Result<bool, LedgerError> {
    let row: Option<ForgedRow> = get(txn, Table::Forged, keyset.as_bytes())?;
    Ok(row.is_some() && !is_revoked(txn, keyset, now)?)
}

/// When each was marked, those included that were revoked since.
pub(crate) fn forged(txn: &Txn<'_>) -> Result<BTreeMap<KeysetId, UnixTime>, LedgerError> {
    Ok(rows(txn)?.into_iter().map(|(keyset, row)| (keyset, row.at)).collect())
}

/// Adds those that are not revoked to what an audit has found: the figures themselves are right.
pub(crate) fn report_forged(txn: &Txn<'_>, now: UnixTime, report: &mut AuditReport) -> Result<(), LedgerError> {
    for (keyset, row) in rows(txn)? {
        let totals: Option<KeysetTotals> = get(txn, Table::Keyset, keyset.as_bytes())?;
        if let Some(totals) = totals
            && !is_revoked(txn, &keyset, now)?
        {
            let (issued, redeemed) = (totals.issued.units().into(), row.redeemed.units().into());
            report.differ(Some(&totals.unit), Figure::Outstanding, issued, redeemed);
        }
    }
    Ok(())
}

fn rows(txn: &Txn<'_>) -> Result<BTreeMap<KeysetId, ForgedRow>, LedgerError> {
    let mut found = BTreeMap::new();
    scan(txn, Table::Forged, &[], &mut |key, row| {
        found.insert(parse(key)?, row);
        Ok(())
    })?;
    Ok(found)
}
