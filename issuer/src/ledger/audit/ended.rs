//! Keysets that ended: their tombstones stand for records that are dropped.

use std::collections::{BTreeMap, BTreeSet};

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;

use super::recompute::{Open, Recomputed, TokenSum, add, units};
use super::{AuditReport, Figure};
use crate::ledger::LedgerError;
use crate::ledger::ended::{Carried, Sum, Tombstone, tombstones};
use crate::ledger::moment::Moment;
use crate::ledger::records::{Table, parse};
use crate::ledger::recoup::RecoupEnd;

/// What is left of keysets that ended.
pub(super) struct Ended {
    tombstones: BTreeMap<KeysetId, Tombstone>,
    /// Σ tokens of a keyset that were swapped into tokens of those that ended, by tombstones.
    swapped: BTreeMap<KeysetId, i128>,
    /// The same by the keyset that ended.
    for_tokens: BTreeMap<KeysetId, i128>,
    carried: BTreeMap<(AccountKey, Unit), Carried>,
    lapsed: BTreeMap<Unit, i128>,
    /// Of those that were revoked.
    recoups: BTreeMap<KeysetId, RecoupEnd>,
}

/// What the tombstones of a unit add up to.
#[derive(Default)]
struct UnitEnded {
    for_vouchers: i128,
    lapsed: i128,
    deposited: i128,
    debited: i128,
}

impl Ended {
    pub(super) fn read(moment: &Moment) -> Result<Self, LedgerError> {
        let (mut swapped, mut for_tokens) = (BTreeMap::new(), BTreeMap::new());
        moment.scan(Table::Swapped, &mut |key, amount: Amount| {
            let (outputs, inputs) = key.split_at_checked(KeysetId::LENGTH).ok_or(LedgerError::Damaged)?;
            let (outputs, inputs): (KeysetId, KeysetId) = (parse(outputs)?, parse(inputs)?);
            add(swapped.entry(inputs).or_default(), units(amount));
            add(for_tokens.entry(outputs).or_default(), units(amount));
            Ok(())
        })?;
        let (mut carried, mut lapsed) = (BTreeMap::new(), BTreeMap::new());
        moment.scan(Table::Carried, &mut |key, sums: Carried| {
            let (account, unit) = key.split_at_checked(AccountKey::LENGTH).ok_or(LedgerError::Damaged)?;
            carried.insert((parse(account)?, parse(unit)?), sums);
            Ok(())
        })?;
        moment.scan(Table::Lapsed, &mut |key, amount: Amount| {
            lapsed.insert(parse(key)?, units(amount));
            Ok(())
        })?;
        let mut recoups = BTreeMap::new();
        moment.scan(Table::RecoupEnd, &mut |key, end: RecoupEnd| {
            recoups.insert(parse(key)?, end);
            Ok(())
        })?;
        Ok(Self { tombstones: moment.read(tombstones)?, swapped, for_tokens, carried, lapsed, recoups })
    }

    /// Whether a keyset's tombstone speaks for it: whatever is left of its records does not count.
    pub(super) fn holds(&self, keyset: &KeysetId) -> bool {
        self.tombstones.contains_key(keyset)
    }

    /// How many issuances have left the log, or will.
    pub(super) fn issuances(&self) -> i128 {
        self.tombstones.values().map(|tombstone| i128::from(tombstone.issuances.0)).fold(0, i128::saturating_add)
    }

    /// Adds what the tombstones say to what the records say.
    pub(super) fn add_to(&self, sums: &mut Recomputed) {
        for (keyset, tombstone) in &self.tombstones {
            let sum = TokenSum { issued: units(tombstone.issued), redeemed: units(tombstone.redeemed) };
            sums.keysets.insert(*keyset, sum);
            add(&mut sums.unit(&tombstone.unit).withdrawal_fees, units(tombstone.fees));
        }
        for ((account, unit), carried) in &self.carried {
            let sum = sums.account(account, unit);
            add(&mut sum.balance, signed(carried.deposited).saturating_sub(signed(carried.debited)));
            sum.fee_millionths = sum.fee_millionths.saturating_add(carried.fee_millionths.0);
        }
    }

    /// Compares what was left open, because its other half is dropped, with the tombstones.
    pub(super) fn settle(&self, open: &Open, report: &mut AuditReport) {
        self.settle_swaps(open, report);
        let mut redeemed: BTreeMap<&Unit, i128> = BTreeMap::new();
        for (_, unit, amount) in open.vouchers.values() {
            add(redeemed.entry(unit).or_default(), *amount);
        }
        let mut carried: BTreeMap<&Unit, (i128, i128)> = BTreeMap::new();
        for ((_, unit), sums) in &self.carried {
            let of_unit = carried.entry(unit).or_default();
            add(&mut of_unit.0, signed(sums.deposited));
            add(&mut of_unit.1, signed(sums.debited));
        }
        let ended = self.by_unit();
        let all: BTreeSet<&Unit> =
            ended.keys().copied().chain(redeemed.keys().copied()).chain(carried.keys().copied()).collect();
        for unit in all.into_iter().chain(self.lapsed.keys()).collect::<BTreeSet<_>>() {
            let nothing = UnitEnded::default();
            let expected = ended.get(unit).unwrap_or(&nothing);
            let (deposited, debited) = carried.get(unit).copied().unwrap_or_default();
            let vouchers = redeemed.get(unit).copied().unwrap_or_default();
            let lapsed = self.lapsed.get(unit).copied().unwrap_or_default();
            report.compare(Some(unit), Figure::VoucherRecord, vouchers, expected.for_vouchers);
            report.compare(Some(unit), Figure::Lapsed, lapsed, expected.lapsed);
            report.compare(Some(unit), Figure::Tombstone, deposited, expected.deposited);
            report.compare(Some(unit), Figure::Tombstone, debited, expected.debited);
        }
    }

    fn by_unit(&self) -> BTreeMap<&Unit, UnitEnded> {
        let mut sums: BTreeMap<&Unit, UnitEnded> = BTreeMap::new();
        for (keyset, tombstone) in &self.tombstones {
            let covered = self.recoups.get(keyset).map_or(0, |end| units(end.covered));
            let Tombstone { issued, redeemed, fees, for_vouchers, for_tokens, into_tokens, .. } = tombstone;
            let sum = sums.entry(&tombstone.unit).or_default();
            let by_accounts = [units(*issued), -covered, -units(*for_vouchers), -units(*for_tokens), units(*fees)];
            add(&mut sum.for_vouchers, units(*for_vouchers));
            add(&mut sum.lapsed, units(*issued).saturating_sub(units(*redeemed)));
            add(&mut sum.deposited, units(*redeemed).saturating_sub(units(*into_tokens)));
            add(&mut sum.debited, by_accounts.into_iter().fold(0, i128::saturating_add));
        }
        sums
    }

    /// What the claims of keysets that ended were paid, and what the operator put in, against what was noted with their tombstones.
    pub(super) fn settle_recoups(&self, found: BTreeMap<KeysetId, (i128, i128)>, report: &mut AuditReport) {
        for keyset in found.keys().chain(self.recoups.keys()).collect::<BTreeSet<_>>() {
            let (recouped, covered) = found.get(keyset).copied().unwrap_or_default();
            let noted = self.recoups.get(keyset).filter(|_| self.holds(keyset));
            let unit = self.tombstones.get(keyset).map(|tombstone| &tombstone.unit);
            report.compare(unit, Figure::Recoup, noted.map_or(0, |end| units(end.recouped)), recouped);
            report.compare(unit, Figure::Recoup, noted.map_or(0, |end| units(end.covered)), covered);
        }
    }

    /// For each keyset: what was given of its tokens for tokens, against what was issued for them.
    fn settle_swaps(&self, open: &Open, report: &mut AuditReport) {
        // Issuances whose inputs' record was not found.
        let mut unpaid: BTreeMap<KeysetId, i128> = BTreeMap::new();
        for (inputs, amount) in open.swaps.values() {
            add(unpaid.entry(*inputs).or_default(), *amount);
        }
        let given = |keyset: &KeysetId| open.without_outputs.get(keyset).copied().unwrap_or_default();
        let all =
            unpaid.keys().chain(open.without_outputs.keys()).chain(self.swapped.keys()).chain(self.for_tokens.keys());
        for keyset in all.chain(self.tombstones.keys()).collect::<BTreeSet<_>>() {
            let unpaid = unpaid.get(keyset).copied().unwrap_or_default();
            let swapped = self.swapped.get(keyset).copied().unwrap_or_default();
            let for_tokens = self.for_tokens.get(keyset).copied().unwrap_or_default();
            match self.tombstones.get(keyset) {
                // Its records are whole: what they lack is of keysets that ended.
                None => {
                    report.compare(None, Figure::Swap, 0, unpaid);
                    report.compare(None, Figure::Swap, given(keyset), swapped);
                    report.compare(None, Figure::Tombstone, for_tokens, 0);
                }
                Some(Tombstone { unit, into_tokens, for_tokens: expected, .. }) => {
                    report.compare(Some(unit), Figure::Swap, unpaid.saturating_add(swapped), units(*into_tokens));
                    report.compare(Some(unit), Figure::Tombstone, for_tokens, units(*expected));
                }
            }
        }
    }
}

fn signed(sum: Sum) -> i128 {
    i128::try_from(sum.0).unwrap_or(i128::MAX)
}
