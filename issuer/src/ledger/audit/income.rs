use farthing_protocol::amount::Amount;

use super::recompute::{Recomputed, add, units};
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::income::{Fate, IncomeNumber, IncomeRow, SUSPENSE};
use crate::ledger::moment::{Join, Moment};
use crate::ledger::records::{Table, get};

/// Adds up what processors reported: each payment stands under its id, and among those that are held if it is.
pub(super) fn add_income(moment: &Moment, sums: &mut Recomputed, report: &mut AuditReport) -> Result<(), LedgerError> {
    let mut next = IncomeNumber::default();
    let join: Join<IncomeRow, _> = |txn, number, row| {
        let indexed: Option<IncomeNumber> = get(txn, Table::IncomeId, row.id.as_bytes())?;
        let held: Option<Amount> = get(txn, Table::IncomeHeld, number)?;
        Ok((indexed, held))
    };
    moment.scan_with(Table::Income, join, &mut |number, row, (indexed, held)| {
        let amount = units(row.amount);
        add(&mut sums.unit(&row.unit).funded, amount);
        let account = match &row.fate {
            Fate::Credited { account, .. } | Fate::Assigned { account, .. } => Some(account),
            Fate::Held => Some(&SUSPENSE),
            Fate::Returned { .. } => None,
        };
        match account {
            Some(account) => add(&mut sums.account(account, &row.unit).balance, amount),
            None => add(&mut sums.unit(&row.unit).paid_out, amount),
        }
        let expected = Some(row.amount).filter(|_| row.fate == Fate::Held);
        if indexed != Some(IncomeNumber::of(number)?) || held != expected || number != next.key() {
            report.differ(Some(&row.unit), Figure::Income, amount, 0);
        }
        next = IncomeNumber(next.0.saturating_add(1));
        Ok(())
    })?;
    let count = moment.read(|txn| get(txn, Table::IncomeCount, &[]))?.unwrap_or(IncomeNumber::default());
    report.compare(None, Figure::Income, count.0.into(), next.0.into());
    Ok(())
}
