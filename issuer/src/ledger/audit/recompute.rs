use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::PayoutDraft;
use farthing_protocol::identity::{AccountKey, IssuanceId, MintId};
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::payment::{PaymentKind, PaymentTerms, canonical_denominations, payment_id_of};
use farthing_verifier::spent;
use farthing_verifier::store::AcceptedPayment;

use super::ended::Ended;
use super::{AuditReport, Figure, KeysetFacts, income, recoups, vouchers};
use crate::ledger::LedgerError;
use crate::ledger::issuances::{find_issuance, funded_by};
use crate::ledger::payouts::PayoutRow;
use crate::ledger::records::{AnsweredSession, IssuanceEntry, Movement, Source, Table, get, parse, scan};

/// Everything added up from the records alone.
#[derive(Default)]
pub(super) struct Recomputed {
    pub(super) units: BTreeMap<Unit, UnitSum>,
    pub(super) keysets: BTreeMap<KeysetId, TokenSum>,
    pub(super) accounts: BTreeMap<(AccountKey, Unit), AccountSum>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct UnitSum {
    pub(super) funded: i128,
    pub(super) paid_out: i128,
    pub(super) withdrawal_fees: i128,
    pub(super) vouchers: i128,
    pub(super) pending: i128,
    /// The same by the list of what is to be paid.
    pub(super) unpaid: i128,
}

#[derive(Clone, Copy, Default)]
pub(super) struct TokenSum {
    pub(super) issued: i128,
    pub(super) redeemed: i128,
}

#[derive(Clone, Copy, Default)]
pub(super) struct AccountSum {
    /// Before deposit fees.
    pub(super) balance: i128,
    pub(super) fee_millionths: u128,
}

/// What must still be found again in another class of records.
#[derive(Default)]
pub(super) struct Open {
    /// Redeemed vouchers whose issuance was not found.
    pub(super) vouchers: vouchers::Redeemed,
    /// Issuances for tokens whose record was not found, by the keyset of these.
    pub(super) swaps: BTreeMap<PaymentId, (KeysetId, i128)>,
    /// Σ tokens given for tokens whose issuance was not found.
    pub(super) without_outputs: BTreeMap<KeysetId, i128>,
}

impl Recomputed {
    pub(super) fn of(txn: &Txn<'_>, keysets: &KeysetFacts, report: &mut AuditReport) -> Result<Self, LedgerError> {
        let (mut sums, mut open, ended) = (Self::default(), Open::default(), Ended::read(txn)?);
        ended.add_to(&mut sums);
        sums.add_movements(txn)?;
        sums.add_payouts(txn)?;
        income::add_income(txn, &mut sums, report)?;
        open.vouchers = vouchers::add_vouchers(txn, &mut sums, report)?;
        scan(txn, Table::Issuance, &[], &mut |key, entry: IssuanceEntry| {
            if ended.holds(&entry.keyset) {
                return Ok(());
            }
            sums.add_issuance(txn, &parse(key)?, &entry, keysets, &mut open, report)
        })?;
        let mint: MintId = get(txn, Table::Mint, &[])?.ok_or(LedgerError::Damaged)?;
        spent::for_each(txn, &mut |kind, payment, coins| {
            if !is_whole(mint, kind, &payment, coins) {
                report.differ(None, Figure::SpentRecord, units(payment.amount), 0);
            }
            sums.add_payment(kind, &payment, keysets, &mut open, report);
            Ok::<_, LedgerError>(())
        })?;
        recoups::add(txn, keysets, &mut sums, report)?;
        ended.settle(&open, report);
        Ok(sums)
    }

    pub(super) fn unit(&mut self, unit: &Unit) -> &mut UnitSum {
        self.units.entry(unit.clone()).or_default()
    }

    pub(super) fn account(&mut self, account: &AccountKey, unit: &Unit) -> &mut AccountSum {
        self.accounts.entry((*account, unit.clone())).or_default()
    }

    fn add_movements(&mut self, txn: &Txn<'_>) -> Result<(), LedgerError> {
        scan(txn, Table::Credit, &[], &mut |_, credit: Movement| {
            add(&mut self.unit(&credit.unit).funded, units(credit.amount));
            add(&mut self.account(&credit.account, &credit.unit).balance, units(credit.amount));
            Ok(())
        })?;
        scan(txn, Table::PayOut, &[], &mut |_, payout: Movement| {
            add(&mut self.unit(&payout.unit).paid_out, units(payout.amount));
            add(&mut self.account(&payout.account, &payout.unit).balance, -units(payout.amount));
            Ok(())
        })
    }

    fn add_payouts(&mut self, txn: &Txn<'_>) -> Result<(), LedgerError> {
        scan(txn, Table::Payout, &[], &mut |number, row: PayoutRow| {
            let (pending, paid, taken) = row.amounts();
            let PayoutDraft { account, unit, to, .. } = &row.draft;
            let listed: Option<Amount> = get(txn, Table::PayoutOpen, number)?;
            let sum = self.unit(unit);
            add(&mut sum.pending, units(pending));
            add(&mut sum.unpaid, listed.map_or(0, units));
            add(&mut sum.paid_out, units(paid));
            add(&mut self.account(account, unit).balance, -units(taken));
            if let Some(to) = to {
                add(&mut self.account(to, unit).balance, units(taken));
            }
            Ok(())
        })
    }

    fn add_issuance(
        &mut self,
        txn: &Txn<'_>,
        id: &IssuanceId,
        entry: &IssuanceEntry,
        keysets: &KeysetFacts,
        open: &mut Open,
        report: &mut AuditReport,
    ) -> Result<(), LedgerError> {
        let Some((unit, fees)) = keysets.get(&entry.keyset) else {
            report.differ(None, Figure::UnknownKeyset, units(entry.amount), 0);
            return Ok(());
        };
        check_record(txn, id, entry, unit, report)?;
        let (amount, debit) = (units(entry.amount), units(entry.debit));
        add(&mut self.keysets.entry(entry.keyset).or_default().issued, amount);
        let due = match &entry.source {
            Source::Account(account) => {
                add(&mut self.account(account, unit).balance, -debit);
                add(&mut self.unit(unit).withdrawal_fees, debit.saturating_sub(amount));
                fees.debit(entry.amount).map(units)
            }
            Source::Voucher(voucher) => {
                if open.vouchers.remove(voucher) != Some((*id, unit.clone(), amount)) {
                    report.differ(Some(unit), Figure::VoucherRecord, 0, amount);
                }
                Some(amount)
            }
            Source::Tokens(inputs, payment) => {
                if open.swaps.insert(*payment, (*inputs, amount)).is_some() {
                    report.differ(Some(unit), Figure::Swap, amount, 0);
                }
                Some(amount)
            }
        };
        if due != Some(debit) {
            report.differ(Some(unit), Figure::IssuanceRecord, debit, due.unwrap_or_default());
        }
        Ok(())
    }

    fn add_payment(
        &mut self,
        kind: PaymentKind,
        payment: &AcceptedPayment,
        keysets: &KeysetFacts,
        open: &mut Open,
        report: &mut AuditReport,
    ) {
        let amount = units(payment.amount);
        let Some((unit, fees)) = keysets.get(&payment.keyset) else {
            report.differ(None, Figure::UnknownKeyset, amount, 0);
            return;
        };
        add(&mut self.keysets.entry(payment.keyset).or_default().redeemed, amount);
        match kind {
            PaymentKind::Pay => {
                let sum = self.account(&payment.payee.account(), unit);
                add(&mut sum.balance, amount);
                sum.fee_millionths = sum.fee_millionths.saturating_add(fees.deposit_millionths(payment.amount));
            }
            PaymentKind::Swap => match open.swaps.remove(&payment.payment) {
                Some(outputs) if outputs == (payment.keyset, amount) => {}
                Some(_) => report.differ(Some(unit), Figure::Swap, amount, 0),
                None => add(open.without_outputs.entry(payment.keyset).or_default(), amount),
            },
            // The ledger never accepts these.
            PaymentKind::Locked | PaymentKind::Recoup => report.differ(Some(unit), Figure::Redeemed, amount, 0),
        }
    }
}

/// Whether a payment's record holds the tokens that its id names. The tokens' denominations follow from kind, amount and
/// number.
fn is_whole(mint: MintId, kind: PaymentKind, record: &AcceptedPayment, coins: &[[u8; 32]]) -> bool {
    let AcceptedPayment { payment, keyset, payee, amount, request, .. } = *record;
    let terms = PaymentTerms { kind, mint, keyset, request, payee, amount };
    canonical_denominations(kind, amount, coins.len())
        .is_some_and(|all| payment_id_of(&terms, all.into_iter().zip(coins.iter().copied())) == payment)
}

/// An issuance's record, session and funding must be there and say the same as its entry.
fn check_record(
    txn: &Txn<'_>,
    id: &IssuanceId,
    entry: &IssuanceEntry,
    unit: &Unit,
    report: &mut AuditReport,
) -> Result<(), LedgerError> {
    let amount = units(entry.amount);
    let worth = find_issuance(txn, id)?
        .filter(|record| {
            record.issuance == *id
                && record.keyset == entry.keyset
                && record.debit == entry.debit
                && record.funding == entry.funding
        })
        .and_then(|record| Amount::checked_sum(record.outputs.iter().map(|output| output.output.denomination.value())));
    report.compare(Some(unit), Figure::IssuanceRecord, amount, worth.map_or(0, units));
    let answered: Option<AnsweredSession> = get(txn, Table::Session, entry.session.as_bytes())?;
    let indexed = answered.is_some_and(|answered| answered.issuance == *id)
        && funded_by(txn, &entry.funding)?.is_some_and(|issuance| issuance == *id);
    if !indexed {
        report.differ(Some(unit), Figure::IssuanceIndex, amount, 0);
    }
    Ok(())
}

pub(super) fn add(sum: &mut i128, amount: i128) {
    *sum = sum.saturating_add(amount);
}

pub(super) fn units(amount: Amount) -> i128 {
    amount.units().into()
}
