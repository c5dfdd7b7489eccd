//! Tokens of revoked keysets that were paid for, and the operator's money for them.

use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::ids::KeysetId;
use farthing_verifier::spent;

use super::ended::Ended;
use super::recompute::{Recomputed, add as plus, units};
use super::{AuditReport, Figure, KeysetFacts};
use crate::ledger::LedgerError;
use crate::ledger::ended::tombstone;
use crate::ledger::issuances::find_issuance;
use crate::ledger::moment::{Join, Moment};
use crate::ledger::records::{Table, get, parse};
use crate::ledger::recoup::{Coin, CoverRow, TokenRow, Verdict, origin_key};

/// Adds what was recouped and what the operator put in; every recouped token must have come from its issuance, once, unspent. Of keysets that ended
/// their tombstones speak for it, and must have the same sums.
pub(super) fn add(
    moment: &Moment,
    keysets: &KeysetFacts,
    ended: &Ended,
    sums: &mut Recomputed,
    report: &mut AuditReport,
) -> Result<(), LedgerError> {
    let shown: Join<TokenRow, bool> = |txn, key, row| match row.verdict {
        Verdict::Paid(..) => {
            let (keyset, coin) = of_key(key)?;
            Ok(tombstone(txn, &keyset)?.is_some() || came_from_its_issuance(txn, &(keyset, coin), row)?)
        }
        _ => Ok(true),
    };
    let mut of_ended: BTreeMap<KeysetId, (i128, i128)> = BTreeMap::new();
    moment.scan_with(Table::Recoup, shown, &mut |key, row, shown| {
        let Verdict::Paid(payment, account, _) = &row.verdict else { return Ok(()) };
        let (keyset, _) = of_key(key)?;
        let worth = units(row.denomination.value());
        let Some((unit, _)) = keysets.get(&keyset) else {
            report.differ(None, Figure::UnknownKeyset, worth, 0);
            return Ok(());
        };
        if ended.holds(&keyset) {
            plus(&mut of_ended.entry(keyset).or_default().0, worth);
            return Ok(());
        }
        plus(&mut sums.keysets.entry(keyset).or_default().redeemed, worth);
        plus(&mut sums.account(account, unit).balance, worth);
        let claimed = row.winner().is_some_and(|claim| claim.payment == *payment && claim.account == *account);
        if !claimed || !shown {
            report.differ(Some(unit), Figure::Recoup, worth, 0);
        }
        Ok(())
    })?;
    moment.scan(Table::Cover, &mut |_, row: CoverRow| {
        let amount = units(row.amount);
        let Some((unit, _)) = keysets.get(&row.keyset) else {
            report.differ(None, Figure::UnknownKeyset, amount, 0);
            return Ok(());
        };
        plus(&mut sums.unit(unit).funded, amount);
        match ended.holds(&row.keyset) {
            true => plus(&mut of_ended.entry(row.keyset).or_default().1, amount),
            false => plus(&mut sums.keysets.entry(row.keyset).or_default().issued, amount),
        }
        Ok(())
    })?;
    ended.settle_recoups(of_ended, report);
    Ok(())
}

/// A token's keyset and coin key.
fn of_key(key: &[u8]) -> Result<(KeysetId, [u8; 32]), LedgerError> {
    let (keyset, coin) = key.split_at_checked(KeysetId::LENGTH).ok_or(LedgerError::Damaged)?;
    Ok((parse(keyset)?, coin.try_into().map_err(|_| LedgerError::Damaged)?))
}

fn came_from_its_issuance(
    txn: &Txn<'_>,
    (keyset, coin): &(KeysetId, [u8; 32]),
    row: &TokenRow,
) -> Result<bool, LedgerError> {
    let Some(origin) = row.origin else { return Ok(false) };
    let record = find_issuance(txn, &origin.issuance)?.filter(|record| record.keyset == *keyset);
    let made = record.and_then(|record| record.outputs.get(usize::from(origin.position)).copied());
    let same = made.is_some_and(|made| made.output.denomination == row.denomination);
    let indexed = get::<Coin>(txn, Table::RecoupOrigin, &origin_key(&origin))?.is_some_and(|known| known.0 == *coin);
    let unspent = spent::spent_on(txn, keyset, coin)?.is_none();
    let revoked = get::<farthing_protocol::amount::UnixTime>(txn, Table::Revoked, keyset.as_bytes())?.is_some();
    Ok(same && indexed && unspent && revoked)
}
