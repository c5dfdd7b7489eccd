use std::collections::BTreeMap;

use farthing_protocol::amount::Unit;
use farthing_protocol::identity::{IssuanceId, VoucherKey};

use super::pairs::Pairs;
use super::recompute::{Recomputed, add, units};
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::moment::{Join, Moment};
use crate::ledger::records::{Table, VoucherState, parse};
use crate::ledger::vouchers::{BatchNumber, BatchRow, batch_of, due_key};

/// Vouchers that were redeemed, by which issuance and for how much: what must be found again among the issuances.
pub(super) type Redeemed = BTreeMap<VoucherKey, (IssuanceId, Unit, i128)>;

/// A batch, and what was found of it.
struct Found {
    row: BatchRow,
    count: u32,
    redeemed: u32,
}

/// Adds up the vouchers, and compares each batch with them.
pub(super) fn add_vouchers(
    moment: &Moment,
    sums: &mut Recomputed,
    report: &mut AuditReport,
) -> Result<Redeemed, LedgerError> {
    let mut batches: BTreeMap<BatchNumber, Found> = BTreeMap::new();
    let mut due = Pairs::new();
    moment.scan(Table::BatchDue, &mut |key, number: BatchNumber| {
        due.recorded((key, number.0));
        Ok(())
    })?;
    moment.scan(Table::Batch, &mut |key, row: BatchRow| {
        let number = BatchNumber::of(key)?;
        if row.ended.is_none() {
            due.computed((due_key(row.expires_at, number).as_slice(), number.0));
        }
        batches.insert(number, Found { row, count: 0, redeemed: 0 });
        Ok(())
    })?;
    due.settle(Figure::VoucherBatch, report);
    let mut redeemed = Redeemed::new();
    let batch: Join<VoucherState, _> = |txn, key, _| batch_of(txn, &parse(key)?);
    moment.scan_with(Table::Voucher, batch, &mut |key, voucher, batch| {
        let (key, amount): (VoucherKey, _) = (parse(key)?, units(voucher.amount));
        let sum = sums.unit(&voucher.unit);
        add(&mut sum.funded, amount);
        let batch = match batch {
            None => None,
            Some(number) => match batches.get_mut(&number) {
                Some(batch) if (batch.row.amount, &batch.row.unit) == (voucher.amount, &voucher.unit) => Some(batch),
                _ => {
                    report.differ(Some(&voucher.unit), Figure::VoucherBatch, 0, amount);
                    None
                }
            },
        };
        let ended = batch.as_ref().is_some_and(|batch| batch.row.ended.is_some());
        match voucher.redeemed_by.0 {
            None if ended => add(&mut sum.paid_out, amount),
            None => add(&mut sum.vouchers, amount),
            Some(issuance) => {
                redeemed.insert(key, (issuance, voucher.unit.clone(), amount));
            }
        }
        if let Some(batch) = batch {
            batch.count = batch.count.saturating_add(1);
            batch.redeemed = batch.redeemed.saturating_add(u32::from(voucher.redeemed_by.0.is_some()));
        }
        Ok(())
    })?;
    for Found { row, count, redeemed } in batches.into_values() {
        let unit = Some(&row.unit);
        report.compare(unit, Figure::VoucherBatch, row.count.into(), count.into());
        report.compare(unit, Figure::VoucherBatch, row.redeemed.into(), redeemed.into());
    }
    Ok(redeemed)
}
