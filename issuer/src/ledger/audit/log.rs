use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::identity::IssuanceId;

use super::ended::Ended;
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::records::{IssuanceEntry, LogPlace, LoggedIssuance, Table, get, parse, scan};

/// Every issuance must stand in the log exactly once, as it was recorded, and nothing else must. Of keysets that ended there is a gap for each,
/// or what is not dropped yet.
pub(super) fn compare(txn: &Txn<'_>, report: &mut AuditReport) -> Result<(), LedgerError> {
    let (mut issuances, ended) = (BTreeMap::new(), Ended::read(txn)?);
    scan(txn, Table::Issuance, &[], &mut |key, entry: IssuanceEntry| {
        if !ended.holds(&entry.keyset) {
            issuances.insert(parse::<IssuanceId>(key)?, (entry.keyset, entry.at));
        }
        Ok(())
    })?;
    let length = get(txn, Table::LogLength, &[])?.unwrap_or(LogPlace(0));
    let (mut standing, mut last) = (0_i128, None);
    scan(txn, Table::Log, &[], &mut |key, logged: LoggedIssuance| {
        let in_order = LogPlace::of(key)? < length && last.is_none_or(|last| last <= logged.at);
        last = Some(logged.at);
        if ended.holds(&logged.keyset) {
            return Ok(());
        }
        if issuances.remove(&logged.issuance) != Some((logged.keyset, logged.at)) || !in_order {
            report.differ(None, Figure::IssuanceLog, 1, 0);
        }
        standing = standing.saturating_add(1);
        Ok(())
    })?;
    // Numbers are given once, so with as many of them as the log is long none is missing.
    report.compare(None, Figure::IssuanceLog, length.0.into(), standing.saturating_add(ended.issuances()));
    for _ in issuances {
        report.differ(None, Figure::IssuanceLog, 0, 1);
    }
    Ok(())
}
