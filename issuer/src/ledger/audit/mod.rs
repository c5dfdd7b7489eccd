//! The audit: every figure computed anew from the records, and compared with the running totals.

mod ended;
mod income;
mod log;
mod pairs;
mod recompute;
mod record;
mod recoups;
mod report;
mod vouchers;

use std::collections::BTreeMap;

use farthing_protocol::amount::{Fees, Unit, UnixTime};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;

use super::LedgerError;
use super::book::pending;
use super::ended::lapsed;
use super::journal;
use super::moment::Moment;
use super::records::{AccountState, KeysetTotals, Table, UnitTotals, parse};
use recompute::Recomputed;
pub use report::{AuditReport, Difference, Figure, UnitBooks};

/// What the audit must know of each keyset.
pub(crate) type KeysetFacts = BTreeMap<KeysetId, (Unit, Fees)>;

/// Recomputes and compares everything as it stood at one moment.
pub(crate) fn audit(moment: &Moment, at: UnixTime, keysets: &KeysetFacts) -> Result<AuditReport, LedgerError> {
    let mut report = AuditReport::new(at);
    let ended = ended::Ended::read(moment)?;
    let (computed, issuances) = Recomputed::of(moment, keysets, &ended, &mut report)?;
    let fees = compare_accounts(moment, &computed, &mut report)?;
    let kept = compare_keysets(moment, &computed, &mut report)?;
    compare_units(moment, &computed, &fees, &kept, &mut report)?;
    log::compare(moment, &ended, issuances, &mut report)?;
    if !journal::is_whole(moment)? {
        report.differ(None, Figure::Journal, 1, 0);
    }
    Ok(report)
}

/// Σ issued and Σ redeemed of a unit, as the running totals have them.
type Kept = BTreeMap<Unit, (i128, i128)>;

/// Compares each account with what its records make of it. Answers the deposit fees charged, and Σ balances.
fn compare_accounts(
    moment: &Moment,
    computed: &Recomputed,
    report: &mut AuditReport,
) -> Result<BTreeMap<Unit, (i128, i128)>, LedgerError> {
    let million = u128::from(Fees::MILLION);
    let mut expected: BTreeMap<(AccountKey, Unit), (i128, u128)> = BTreeMap::new();
    let mut sums: BTreeMap<Unit, (i128, i128)> = BTreeMap::new();
    for (account, unit, sum) in computed.accounts() {
        let millionths = sum.fee_millionths.saturating_sub(sum.waived);
        let charged = i128::try_from(millionths / million).map_err(|_| LedgerError::Overflow)?;
        let balance = sum.balance.saturating_sub(charged);
        expected.insert((*account, unit.clone()), (balance, millionths % million));
        let unit_sum = sums.entry(unit.clone()).or_default();
        unit_sum.0 = unit_sum.0.saturating_add(charged);
        unit_sum.1 = unit_sum.1.saturating_add(balance);
    }
    moment.scan(Table::Account, &mut |key, state: AccountState| {
        let (account, unit) = key.split_at_checked(AccountKey::LENGTH).ok_or(LedgerError::Damaged)?;
        let (account, unit): (AccountKey, Unit) = (parse(account)?, parse(unit)?);
        let (balance, owed) = expected.remove(&(account, unit.clone())).unwrap_or_default();
        report.compare(Some(&unit), Figure::AccountBalance, state.balance.units().into(), balance);
        let owed = i128::try_from(owed).unwrap_or(i128::MAX);
        report.compare(Some(&unit), Figure::AccountFee, state.fee_owed.0.into(), owed);
        Ok(())
    })?;
    for ((_, unit), (balance, owed)) in expected {
        report.compare(Some(&unit), Figure::AccountBalance, 0, balance);
        report.compare(Some(&unit), Figure::AccountFee, 0, i128::try_from(owed).unwrap_or(i128::MAX));
    }
    Ok(sums)
}

fn compare_keysets(moment: &Moment, computed: &Recomputed, report: &mut AuditReport) -> Result<Kept, LedgerError> {
    let mut kept = Kept::new();
    let mut expected = computed.keysets.clone();
    moment.scan(Table::Keyset, &mut |key, totals: KeysetTotals| {
        let keyset: KeysetId = parse(key)?;
        let sum = expected.remove(&keyset).unwrap_or_default();
        let (issued, redeemed) = (i128::from(totals.issued.units()), i128::from(totals.redeemed.units()));
        report.compare(Some(&totals.unit), Figure::Issued, issued, sum.issued);
        report.compare(Some(&totals.unit), Figure::Redeemed, redeemed, sum.redeemed);
        if redeemed > issued {
            report.differ(Some(&totals.unit), Figure::Outstanding, issued, redeemed);
        }
        let unit = kept.entry(totals.unit).or_default();
        unit.0 = unit.0.saturating_add(issued);
        unit.1 = unit.1.saturating_add(redeemed);
        Ok(())
    })?;
    for sum in expected.into_values() {
        report.compare(None, Figure::Issued, 0, sum.issued);
        report.compare(None, Figure::Redeemed, 0, sum.redeemed);
    }
    Ok(kept)
}

fn compare_units(
    moment: &Moment,
    computed: &Recomputed,
    accounts: &BTreeMap<Unit, (i128, i128)>,
    kept: &Kept,
    report: &mut AuditReport,
) -> Result<(), LedgerError> {
    let mut expected = computed.units.clone();
    for unit in accounts.keys().chain(kept.keys()) {
        expected.entry(unit.clone()).or_default();
    }
    let mut recorded: BTreeMap<Unit, UnitTotals> = BTreeMap::new();
    moment.scan(Table::Unit, &mut |key, totals: UnitTotals| {
        let unit: Unit = parse(key)?;
        expected.entry(unit.clone()).or_default();
        recorded.insert(unit, totals);
        Ok(())
    })?;
    for (unit, sum) in expected {
        let totals = recorded.remove(&unit).unwrap_or(UnitTotals::ZERO);
        let (deposit_fees, balances) = accounts.get(&unit).copied().unwrap_or_default();
        let (issued, redeemed) = kept.get(&unit).copied().unwrap_or_default();
        let of = |amount: farthing_protocol::amount::Amount| i128::from(amount.units());
        let named = Some(&unit);
        report.compare(named, Figure::Funded, of(totals.funded), sum.funded);
        report.compare(named, Figure::PaidOut, of(totals.paid_out), sum.paid_out);
        report.compare(named, Figure::Balances, of(totals.balances), balances);
        report.compare(named, Figure::Fees, of(totals.fees), sum.withdrawal_fees.saturating_add(deposit_fees));
        report.compare(named, Figure::Vouchers, of(totals.vouchers), sum.vouchers);
        let wanted = unit.clone();
        let (waiting, lapsed) = moment.read(move |txn| Ok((pending(txn, &wanted)?, lapsed(txn, &wanted)?)))?;
        report.compare(named, Figure::Pending, of(waiting), sum.pending);
        let books = UnitBooks::new(&unit, &totals, waiting, (issued, redeemed), lapsed);
        let (left, right) = books.identity();
        report.compare(named, Figure::Identity, left, right);
        report.units.push(books);
    }
    Ok(())
}
