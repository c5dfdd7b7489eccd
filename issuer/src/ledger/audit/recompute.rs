use std::collections::{BTreeMap, HashMap};

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::PayoutDraft;
use farthing_protocol::blind::SessionId;
use farthing_protocol::identity::{AccountKey, IssuanceId, MintId};
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::payment::{PaymentKind, PaymentTerms, canonical_denominations, payment_id_of};
use farthing_verifier::spent::SpentRecord;
use farthing_verifier::store::AcceptedPayment;

use super::ended::Ended;
use super::pairs::Pairs;
use super::record::RecordSummary;
use super::{AuditReport, Figure, KeysetFacts, income, recoups, vouchers};
use crate::ledger::LedgerError;
use crate::ledger::issuances::funded_by;
use crate::ledger::moment::{Join, Moment};
use crate::ledger::payout_row::{PayoutNumber, PayoutRow};
use crate::ledger::payouts::asked_key;
use crate::ledger::records::{AnsweredSession, IssuanceEntry, Movement, Source, Table, get, parse};
use crate::ledger::summed::{Summed, SummedTotals};

/// Everything added up from the records alone.
#[derive(Default)]
pub(super) struct Recomputed {
    pub(super) units: BTreeMap<Unit, UnitSum>,
    pub(super) keysets: BTreeMap<KeysetId, TokenSum>,
    /// Which units the accounts' keys mean.
    account_units: Vec<Unit>,
    accounts: HashMap<(usize, AccountKey), AccountSum>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct UnitSum {
    pub(super) funded: i128,
    pub(super) paid_out: i128,
    pub(super) withdrawal_fees: i128,
    pub(super) vouchers: i128,
    pub(super) pending: i128,
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
    /// Of these, those that nobody owes any more.
    pub(super) waived: u128,
}

/// What must still be found again in another class of records.
pub(super) struct Open {
    /// Redeemed vouchers whose issuance was not found.
    pub(super) vouchers: vouchers::Redeemed,
    /// Issuances for tokens whose record was not found, by the keyset of these.
    pub(super) swaps: BTreeMap<PaymentId, (KeysetId, i128)>,
    /// Σ tokens given for tokens whose issuance was not found.
    pub(super) without_outputs: BTreeMap<KeysetId, i128>,
    sessions: Pairs,
    issuances: Pairs,
}

/// What is read with an issuance.
struct Beside {
    record: Option<RecordSummary>,
    /// The issuance that its funding leads to.
    funded: Option<IssuanceId>,
}

impl Open {
    fn new() -> Self {
        Self {
            vouchers: vouchers::Redeemed::default(),
            swaps: BTreeMap::new(),
            without_outputs: BTreeMap::new(),
            sessions: Pairs::new(),
            issuances: Pairs::new(),
        }
    }
}

impl Recomputed {
    /// Adds everything up. Answers with it the issuances, to be compared with their log.
    pub(super) fn of(
        moment: &Moment,
        keysets: &KeysetFacts,
        ended: &Ended,
        report: &mut AuditReport,
    ) -> Result<(Self, Pairs), LedgerError> {
        let (mut sums, mut open) = (Self::default(), Open::new());
        ended.add_to(&mut sums);
        sums.add_movements(moment)?;
        sums.add_payouts(moment, report)?;
        income::add_income(moment, &mut sums, report)?;
        open.vouchers = vouchers::add_vouchers(moment, &mut sums, report)?;
        sums.add_summed(moment)?;
        let beside: Join<IssuanceEntry, Beside> = |txn, key, entry| {
            let record = RecordSummary::of(txn, &parse(key)?)?;
            Ok(Beside { record, funded: funded_by(txn, &entry.funding)? })
        };
        moment.scan_with(Table::Issuance, beside, &mut |key, entry, beside| {
            let id: IssuanceId = parse(key)?;
            // What is dropped of a keyset that ended goes with its session, and not always with its funding id.
            open.sessions.computed((entry.session.as_bytes(), id.as_bytes()));
            if ended.holds(&entry.keyset) {
                return Ok(());
            }
            sums.add_issuance((&id, &entry, beside), keysets, &mut open, report);
            Ok(())
        })?;
        open.add_sessions(moment)?;
        let mint: MintId = moment.read(|txn| get(txn, Table::Mint, &[]))?.ok_or(LedgerError::Damaged)?;
        moment.payments(&mut |SpentRecord { kind, payment, coins, .. }| {
            if !is_whole(mint, kind, &payment, &coins) {
                report.differ(None, Figure::SpentRecord, units(payment.amount), 0);
            }
            sums.add_payment(kind, &payment, keysets, &mut open, report);
            Ok(())
        })?;
        recoups::add(moment, keysets, ended, &mut sums, report)?;
        ended.settle(&open, report);
        open.sessions.settle(Figure::IssuanceIndex, report);
        Ok((sums, open.issuances))
    }

    pub(super) fn unit(&mut self, unit: &Unit) -> &mut UnitSum {
        self.units.entry(unit.clone()).or_default()
    }

    pub(super) fn account(&mut self, account: &AccountKey, unit: &Unit) -> &mut AccountSum {
        let place = match self.account_units.iter().position(|known| known == unit) {
            Some(place) => place,
            None => {
                self.account_units.push(unit.clone());
                self.account_units.len() - 1
            }
        };
        self.accounts.entry((place, *account)).or_default()
    }

    /// What the records make of each account.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&AccountKey, &Unit, &AccountSum)> {
        let sums = self.accounts.iter();
        sums.filter_map(|((place, account), sum)| Some((account, self.account_units.get(*place)?, sum)))
    }

    fn add_movements(&mut self, moment: &Moment) -> Result<(), LedgerError> {
        moment.scan(Table::Credit, &mut |_, credit: Movement| {
            add(&mut self.unit(&credit.unit).funded, units(credit.amount));
            add(&mut self.account(&credit.account, &credit.unit).balance, units(credit.amount));
            Ok(())
        })?;
        moment.scan(Table::PayOut, &mut |_, payout: Movement| {
            add(&mut self.unit(&payout.unit).paid_out, units(payout.amount));
            add(&mut self.account(&payout.account, &payout.unit).balance, -units(payout.amount));
            Ok(())
        })
    }

    /// Payouts, the list of those that are to be paid, and the requests by which they are known: without one, the same bytes would be taken twice.
    fn add_payouts(&mut self, moment: &Moment, report: &mut AuditReport) -> Result<(), LedgerError> {
        let (mut listed, mut asked) = (Pairs::new(), Pairs::new());
        moment.scan(Table::PayoutOpen, &mut |number, amount: Amount| {
            listed.recorded((number, amount.units()));
            Ok(())
        })?;
        moment.scan(Table::PayoutAsked, &mut |request, number: PayoutNumber| {
            asked.recorded((request, number.0));
            Ok(())
        })?;
        moment.scan(Table::Payout, &mut |number, row: PayoutRow| {
            if row.progress.is_open() {
                listed.computed((number, row.draft.amount.units()));
            }
            let request = asked_key(&row.draft.account, &row.draft.operation);
            asked.computed((request.as_slice(), PayoutNumber::of(number)?.0));
            let (pending, paid, taken) = row.amounts();
            let PayoutDraft { account, unit, to, .. } = &row.draft;
            let sum = self.unit(unit);
            add(&mut sum.pending, units(pending));
            add(&mut sum.paid_out, units(paid));
            add(&mut self.account(account, unit).balance, -units(taken));
            if let Some(to) = to {
                add(&mut self.account(to, unit).balance, units(taken));
            }
            Ok(())
        })?;
        listed.settle(Figure::Pending, report);
        asked.settle(Figure::PayoutRequest, report);
        Ok(())
    }

    /// What rows said that are erased.
    fn add_summed(&mut self, moment: &Moment) -> Result<(), LedgerError> {
        moment.scan(Table::Summed, &mut |key, summed: Summed| {
            let (account, unit) = key.split_at_checked(AccountKey::LENGTH).ok_or(LedgerError::Damaged)?;
            let sum = self.account(&parse(account)?, &parse(unit)?);
            add(&mut sum.balance, units(summed.received).saturating_sub(units(summed.gone)));
            sum.waived = sum.waived.saturating_add(summed.waived.into());
            Ok(())
        })?;
        moment.scan(Table::SummedTotals, &mut |key, totals: SummedTotals| {
            let sum = self.unit(&parse(key)?);
            add(&mut sum.funded, units(totals.funded));
            add(&mut sum.paid_out, units(totals.paid_out));
            Ok(())
        })
    }

    fn add_issuance(
        &mut self,
        (id, entry, beside): (&IssuanceId, &IssuanceEntry, Beside),
        keysets: &KeysetFacts,
        open: &mut Open,
        report: &mut AuditReport,
    ) {
        open.issuances.computed((id.as_bytes(), entry.keyset.as_bytes(), entry.at.seconds()));
        let Some((unit, fees)) = keysets.get(&entry.keyset) else {
            report.differ(None, Figure::UnknownKeyset, units(entry.amount), 0);
            return;
        };
        check_record(beside.record, id, entry, unit, report);
        if beside.funded.is_none_or(|issuance| issuance != *id) {
            report.differ(Some(unit), Figure::IssuanceIndex, units(entry.amount), 0);
        }
        let (amount, debit) = (units(entry.amount), units(entry.debit));
        add(&mut self.keysets.entry(entry.keyset).or_default().issued, amount);
        let due = match &entry.source {
            Source::Account(account) => {
                add(&mut self.account(account, unit).balance, -debit);
                add(&mut self.unit(unit).withdrawal_fees, debit.saturating_sub(amount));
                fees.debit(entry.amount).map(units)
            }
            Source::Forgotten => {
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

impl Open {
    /// The way that leads to an issuance from its session.
    fn add_sessions(&mut self, moment: &Moment) -> Result<(), LedgerError> {
        moment.scan(Table::Session, &mut |session, answered: AnsweredSession| {
            let session: SessionId = parse(session)?;
            self.sessions.recorded((session.as_bytes(), answered.issuance.as_bytes()));
            Ok(())
        })
    }
}

/// An issuance's record must be there and say the same as its entry.
fn check_record(
    record: Option<RecordSummary>,
    id: &IssuanceId,
    entry: &IssuanceEntry,
    unit: &Unit,
    report: &mut AuditReport,
) {
    let worth = record
        .filter(|record| {
            record.issuance == *id
                && record.keyset == entry.keyset
                && record.debit == entry.debit
                && record.funding == entry.funding
        })
        .map_or(0, |record| units(record.worth));
    report.compare(Some(unit), Figure::IssuanceRecord, units(entry.amount), worth);
}

pub(super) fn add(sum: &mut i128, amount: i128) {
    *sum = sum.saturating_add(amount);
}

pub(super) fn units(amount: Amount) -> i128 {
    amount.units().into()
}
