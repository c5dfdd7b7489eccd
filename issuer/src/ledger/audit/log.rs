use super::ended::Ended;
use super::pairs::Pairs;
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::moment::Moment;
use crate::ledger::records::{LogPlace, LoggedIssuance, Table, get};

/// Every issuance must stand in the log exactly once, as it was recorded, and nothing else must; the issuances are counted already. Of keysets that
/// ended there is a gap for each, or what is not dropped yet.
pub(super) fn compare(
    moment: &Moment,
    ended: &Ended,
    mut issuances: Pairs,
    report: &mut AuditReport,
) -> Result<(), LedgerError> {
    let length = moment.read(|txn| get(txn, Table::LogLength, &[]))?.unwrap_or(LogPlace(0));
    let (mut standing, mut last) = (0_i128, None);
    moment.scan(Table::Log, &mut |key, LoggedIssuance { keyset, issuance, at }| {
        let in_order = LogPlace::of(key)? < length && last.is_none_or(|last| last <= at);
        last = Some(at);
        if ended.holds(&keyset) {
            return Ok(());
        }
        issuances.recorded((issuance.as_bytes(), keyset.as_bytes(), at.seconds()));
        if !in_order {
            report.differ(None, Figure::IssuanceLog, 1, 0);
        }
        standing = standing.saturating_add(1);
        Ok(())
    })?;
    // Numbers are given once, so with as many of them as the log is long none is missing.
    report.compare(None, Figure::IssuanceLog, length.0.into(), standing.saturating_add(ended.issuances()));
    issuances.settle(Figure::IssuanceLog, report);
    Ok(())
}
