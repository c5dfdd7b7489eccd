use farthing_protocol::amount::Amount;

use super::pairs::Pairs;
use super::recompute::{Recomputed, add, units};
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::income::{Fate, IncomeNumber, IncomeRow, SUSPENSE};
use crate::ledger::moment::Moment;
use crate::ledger::records::{Table, get};

/// Adds up what processors reported: each payment stands under its id, and among those that are held if it is.
pub(super) fn add_income(moment: &Moment, sums: &mut Recomputed, report: &mut AuditReport) -> Result<(), LedgerError> {
    let mut next = IncomeNumber::default();
    let (mut ids, mut held) = (Pairs::new(), Pairs::new());
    moment.scan(Table::IncomeId, &mut |id, number: IncomeNumber| {
        ids.recorded((id, number.0));
        Ok(())
    })?;
    moment.scan(Table::IncomeHeld, &mut |number, amount: Amount| {
        held.recorded((number, amount.units()));
        Ok(())
    })?;
    moment.scan(Table::Income, &mut |number, row: IncomeRow| {
        ids.computed((row.id.as_bytes(), IncomeNumber::of(number)?.0));
        if row.fate == Fate::Held {
            held.computed((number, row.amount.units()));
        }
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
        if number != next.key() {
            report.differ(Some(&row.unit), Figure::Income, amount, 0);
        }
        next = IncomeNumber(next.0.saturating_add(1));
        Ok(())
    })?;
    ids.settle(Figure::Income, report);
    held.settle(Figure::Income, report);
    let count = moment.read(|txn| get(txn, Table::IncomeCount, &[]))?.unwrap_or(IncomeNumber::default());
    report.compare(None, Figure::Income, count.0.into(), next.0.into());
    Ok(())
}
