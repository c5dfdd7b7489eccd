//! Payout requests that were refused, remembered for as long as somebody who saw their bytes could have them taken: their owner thinks that
//! they are over.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayoutDraft;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;

use super::LedgerError;
use super::payouts::PayoutError;
use super::records::{Table, get, put, scan_keys};

/// So many of one account are remembered at a time. Until some are over, no other request of its is judged.
const OF_ONE: usize = 64;
/// So many that are over are forgotten with each one that is remembered.
const WITH_ONE: usize = 4;
/// So many are forgotten in one transaction.
const AT_ONCE: usize = 256;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// For good.
    Funds,
    /// Until there is a permission for it.
    SecondFactor,
    /// For good: more than the operator lets go within a day, or than the other account may hold.
    Limit,
    /// For good: it is for an account that the operator had not opened.
    NotRegistered,
    /// For good: it was dated in the future.
    NotNow,
}

impl Refusal {
    pub(super) const fn error(self) -> PayoutError {
        match self {
            Self::Funds => PayoutError::InsufficientFunds,
            Self::SecondFactor => PayoutError::SecondFactor,
            Self::Limit => PayoutError::Limit,
            Self::NotRegistered => PayoutError::NotRegistered,
            Self::NotNow => PayoutError::NotNow,
        }
    }
}

/// Why the request of this account and operation was refused, if it was.
pub(super) fn refusal(txn: &Txn<'_>, asked: &[u8]) -> Result<Option<Refusal>, LedgerError> {
    get(txn, Table::PayoutRefused, asked)
}

/// Whether another refusal of this account can be remembered.
pub(super) fn has_room(txn: &mut Txn<'_>, now: UnixTime, account: &AccountKey) -> Result<bool, LedgerError> {
    let is_full = |txn: &Txn<'_>| -> Result<bool, LedgerError> {
        Ok(scan_keys(txn, Table::PayoutRefused, account.as_bytes(), None, OF_ONE)?.len() >= OF_ONE)
    };
    if is_full(txn)? {
        forget(txn, now, AT_ONCE)?;
    }
    Ok(!is_full(txn)?)
}

/// Remembers a refusal for as long as the request could be taken.
pub(super) fn remember(
    txn: &mut Txn<'_>,
    now: UnixTime,
    draft: &PayoutDraft,
    asked: &[u8],
    why: Refusal,
) -> Result<(), LedgerError> {
    forget(txn, now, WITH_ONE)?;
    let until = draft.requested_at.plus(PayoutDraft::MAX_AGE);
    put(txn, Table::PayoutRefusedUntil, &[until.seconds().to_be_bytes().as_slice(), asked].concat(), &why)?;
    put(txn, Table::PayoutRefused, asked, &why)
}

/// Forgets refusals that are over, as many as fit into one transaction. Says how many.
pub(crate) fn forget_refusals(txn: &mut Txn<'_>, now: UnixTime) -> Result<usize, LedgerError> {
    forget(txn, now, AT_ONCE)
}

fn forget(txn: &mut Txn<'_>, now: UnixTime, at_most: usize) -> Result<usize, LedgerError> {
    let (table, mut forgotten) = (Table::PayoutRefusedUntil, 0);
    for key in scan_keys(txn, table, &[], None, at_most)? {
        let (until, asked) = key.split_first_chunk().ok_or(LedgerError::Damaged)?;
        if now.seconds() <= u64::from_be_bytes(*until) {
            break;
        }
        txn.delete(&Table::PayoutRefused.key(asked))?;
        txn.delete(&table.key(&key))?;
        forgotten += 1;
    }
    Ok(forgotten)
}

impl Encode for Refusal {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Funds => 1,
            Self::SecondFactor => 2,
            Self::Limit => 3,
            Self::NotRegistered => 4,
            Self::NotNow => 5,
        });
    }
}

impl Decode for Refusal {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Funds),
            2 => Ok(Self::SecondFactor),
            3 => Ok(Self::Limit),
            4 => Ok(Self::NotRegistered),
            5 => Ok(Self::NotNow),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}
