//! The end of a recoup: what was claimed is decided, and the keyset is buried.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use super::cover::CoverRow;
use super::filing::Coin;
use super::leaks::{LeakRow, leak, leak_of};
use super::report::LateSums;
use super::rows::{TokenRow, Verdict, origin_key};
use crate::ledger::LedgerError;
use crate::ledger::ended::Unlisted;
use crate::ledger::forgotten::NOBODY;
use crate::ledger::moment::Moment;
use crate::ledger::records::{Table, from_value, get, put, record, scan_keys};

record! {
    /// What stays of the recoup of a keyset that has a tombstone.
    RecoupEnd {
        /// Σ tokens that were paid for. They count among those redeemed.
        recouped: Amount,
        /// Σ money that the operator put in. It counts among the tokens issued.
        covered: Amount,
        /// What was issued after the suspected leak for money.
        late_by_money: Amount,
        /// What was issued after it for tokens.
        late_by_tokens: Amount,
    }
}

/// Whether a keyset's recoup keeps it from being buried.
pub(in crate::ledger) enum Ending {
    /// It was never revoked.
    NotRevoked,
    /// Claims are taken.
    Running,
    /// A claim is not decided, or not covered.
    Unsettled,
    /// Nothing is left to be decided, and nothing comes any more.
    Over(LeakRow),
}

/// How far the recoup of a keyset is, if it was revoked.
pub(in crate::ledger) fn ending(txn: &Txn<'_>, now: UnixTime, keyset: &Keyset) -> Result<Ending, LedgerError> {
    let Some((_, row)) = leak_of(txn, keyset.id())? else { return Ok(Ending::NotRevoked) };
    if now < row.ends_at(keyset) {
        return Ok(Ending::Running);
    }
    let open = scan_keys(txn, Table::RecoupOpen, keyset.id().as_bytes(), None, 1)?;
    Ok(if open.is_empty() { Ending::Over(row) } else { Ending::Unsettled })
}

/// What a keyset's claims did to accounts, and the operator's money to its tokens.
pub(in crate::ledger) struct Recouped {
    /// Whom which tokens were paid to.
    pub(in crate::ledger) paid: Vec<(AccountKey, Amount)>,
    pub(in crate::ledger) covered: Amount,
}

impl Recouped {
    pub(in crate::ledger) fn of(moment: &Moment, keyset: &KeysetId) -> Result<Self, LedgerError> {
        let mut sums = Self { paid: Vec::new(), covered: Amount::ZERO };
        moment.scan(Table::Recoup, &mut |key, row: TokenRow| {
            if let Verdict::Paid(_, account, _) = row.verdict
                && key.starts_with(keyset.as_bytes())
            {
                sums.paid.push((account, row.denomination.value()));
            }
            Ok(())
        })?;
        moment.scan(Table::Cover, &mut |_, row: CoverRow| {
            if row.keyset == *keyset {
                sums.covered = sums.covered.checked_add(row.amount).ok_or(LedgerError::Overflow)?;
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// What stays of it, written with the tombstone.
    pub(in crate::ledger) fn write(
        &self,
        txn: &mut Txn<'_>,
        keyset: &KeysetId,
        late: LateSums,
    ) -> Result<(), LedgerError> {
        let recouped = Amount::checked_sum(self.paid.iter().map(|(_, amount)| *amount));
        let end = RecoupEnd {
            recouped: recouped.ok_or(LedgerError::Overflow)?,
            covered: self.covered,
            late_by_money: late.by_money,
            late_by_tokens: late.by_tokens,
        };
        put(txn, Table::RecoupEnd, keyset.as_bytes(), &end)
    }
}

/// What stayed of the recoup of a keyset that was buried.
pub(crate) fn recoup_end(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<RecoupEnd>, LedgerError> {
    get(txn, Table::RecoupEnd, keyset.as_bytes())
}

/// Why the claims on a keyset's tokens were not closed. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// There is no such keyset.
    #[error("the keyset is not known")]
    UnknownKeyset,
    /// The keyset is not revoked.
    #[error("the keyset is not revoked")]
    NotRevoked,
    /// Claims are still taken until this time.
    #[error("claims on the keyset's tokens are still taken")]
    Running(UnixTime),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Notes that what the books do not cover of a keyset's claims is not paid, and says whether that was said before.
pub(crate) fn close(txn: &mut Txn<'_>, now: UnixTime, keyset: &Keyset) -> Result<bool, CloseError> {
    let (_, row) = leak(txn, keyset.id(), now)?.ok_or(CloseError::NotRevoked)?;
    if now < row.ends_at(keyset) {
        return Err(CloseError::Running(row.ends_at(keyset)));
    }
    let known = is_closed(txn, keyset.id())?;
    if !known {
        put(txn, Table::RecoupClosed, keyset.id().as_bytes(), &now)?;
    }
    Ok(known)
}

/// When the operator said so.
pub(crate) fn closed_at(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<UnixTime>, LedgerError> {
    get(txn, Table::RecoupClosed, keyset.as_bytes())
}

pub(super) fn is_closed(txn: &Txn<'_>, keyset: &KeysetId) -> Result<bool, LedgerError> {
    Ok(closed_at(txn, keyset)?.is_some())
}

/// Takes out of a portion of a buried keyset's claims who was paid, and from which issuances the tokens came: that each was paid stays, so
/// that who asks is answered. Returns where to go on; nothing at the end.
pub(crate) fn drop_claims(
    txn: &mut Txn<'_>,
    unlisted: &Unlisted,
    (after, at_most): (Option<Vec<u8>>, usize),
    now: UnixTime,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let keys = scan_keys(txn, Table::Recoup, unlisted.keyset().as_bytes(), after.as_deref(), at_most)?;
    for key in &keys {
        let stored = Table::Recoup.key(key);
        let row: TokenRow = from_value(&txn.get(&stored)?.ok_or(LedgerError::Damaged)?)?;
        if let Some(origin) = &row.origin {
            let place = origin_key(origin);
            let coin = key.get(KeysetId::LENGTH..).ok_or(LedgerError::Damaged)?;
            if get::<Coin>(txn, Table::RecoupOrigin, &place)?.is_some_and(|known| known.0 == coin) {
                txn.delete(&Table::RecoupOrigin.key(&place))?;
            }
        }
        let row = forgotten(row, now);
        put(txn, Table::Recoup, key, &row)?;
        txn.delete(&Table::RecoupOpen.key(key))?;
    }
    Ok(if keys.len() < at_most { None } else { keys.into_iter().next_back() })
}

/// The same without its origin and its accounts.
fn forgotten(mut row: TokenRow, now: UnixTime) -> TokenRow {
    row.origin = None;
    row.claims.iter_mut().for_each(|claim| claim.account = NOBODY);
    row.verdict = match row.verdict {
        Verdict::Paid(payment, _, at) => Verdict::Paid(payment, NOBODY, at),
        Verdict::Excluded(at) => Verdict::Excluded(at),
        Verdict::Unpaid(at) => Verdict::Unpaid(at),
        // Nobody has shown where it came from, or nobody has claimed it, and nothing more is taken.
        Verdict::Open => Verdict::Unpaid(now),
    };
    row
}
