use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::identity::IssuanceId;

use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::records::{IssuanceEntry, LogPlace, LoggedIssuance, Table, get, parse, scan};

/// Every issuance must stand in the log exactly once, as it was recorded, and nothing else must.
pub(super) fn compare(txn: &Txn<'_>, report: &mut AuditReport) -> Result<(), LedgerError> {
    let mut issuances = BTreeMap::new();
    scan(txn, Table::Issuance, &[], &mut |key, entry: IssuanceEntry| {
        issuances.insert(parse::<IssuanceId>(key)?, (entry.keyset, entry.at));
        Ok(())
    })?;
    let (mut next, mut last) = (LogPlace::default(), None);
    scan(txn, Table::Log, &[], &mut |key, logged: LoggedIssuance| {
        let in_order = key == next.key() && last.is_none_or(|last| last <= logged.at);
        if issuances.remove(&logged.issuance) != Some((logged.keyset, logged.at)) || !in_order {
            report.differ(None, Figure::IssuanceLog, 1, 0);
        }
        last = Some(logged.at);
        next = next.next()?;
        Ok(())
    })?;
    let length = get(txn, Table::LogLength, &[])?.unwrap_or(LogPlace(0));
    report.compare(None, Figure::IssuanceLog, length.0.into(), next.0.into());
    for _ in issuances {
        report.differ(None, Figure::IssuanceLog, 0, 1);
    }
    Ok(())
}
