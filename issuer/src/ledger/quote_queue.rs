//! Quotes that wait to be paid, oldest first, and which of them gives way when there are too many.
//!
//! Keys of accounts cost nothing, so that somebody alone can ask for quotes under as many as he likes. Accounts that never held anything at
//! this mint, strangers, therefore have a half of the places at most, and never take one from an account that is known. And a quote
//! that has waited for a while gives way to a new one: whoever wants to keep everybody else out must ask for all places again within
//! each such while, and not once a day. It stays known for as long as a quote waits, so that money for it is credited all the same.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::QuoteId;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;

use super::LedgerError;
use super::records::{Table, from_value, get, put};

/// So long a quote surely waits, in seconds; half of its time, if that is shorter.
const SURELY: u64 = 3600;

/// Who asked for a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// An account that holds something here, or once did.
    Known,
    /// Any other.
    Stranger,
}

/// How many may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// So many of all accounts may wait to be paid.
    pub(super) most_open: u64,
    /// How long a quote should be paid, in seconds.
    pub(super) seconds: u64,
}

impl Share {
    /// Which share an account has.
    pub(super) fn of(txn: &Txn<'_>, account: &AccountKey) -> Result<Self, LedgerError> {
        let held = txn.scan_prefix(&Table::Account.key(account.as_bytes()), None, 1)?;
        Ok(if held.is_empty() { Self::Stranger } else { Self::Known })
    }

    const fn tag(self) -> u8 {
        match self {
            Self::Known => 1,
            Self::Stranger => 2,
        }
    }
}

/// Which quote must give way before one more can wait, if one must; refused, if there is none.
pub(super) fn gives_way(
    txn: &Txn<'_>,
    now: UnixTime,
    share: Share,
    room: Room,
) -> Result<Result<Option<QuoteId>, Full>, LedgerError> {
    let Room { most_open, seconds } = room;
    let stranger_is_too_many = share == Share::Stranger && count(txn, STRANGERS)? >= most_open.div_ceil(2);
    if count(txn, ALL)? < most_open && !stranger_is_too_many {
        return Ok(Ok(None));
    }
    let from: &[Share] = match share {
        Share::Known => &[Share::Stranger, Share::Known],
        Share::Stranger => &[Share::Stranger],
    };
    for queue in from {
        if let Some((ends, id)) = first(txn, *queue)?
            && ends.minus(seconds).plus(SURELY.min(seconds / 2)) <= now
        {
            return Ok(Ok(Some(id)));
        }
    }
    Ok(Err(Full))
}

/// Every place is taken by a quote that has not waited long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

/// A quote waits from now on, at the latest until then.
pub(super) fn enter(txn: &mut Txn<'_>, share: Share, ends: UnixTime, id: &QuoteId) -> Result<(), LedgerError> {
    put(txn, Table::QuoteQueue, &key(share, ends, id), id)?;
    change(txn, ALL, |count| count.checked_add(1))?;
    if share == Share::Stranger { change(txn, STRANGERS, |count| count.checked_add(1)) } else { Ok(()) }
}

/// It waits no longer. Those from before there was this queue were counted and nothing else.
pub(super) fn leave(txn: &mut Txn<'_>, ends: UnixTime, id: &QuoteId) -> Result<(), LedgerError> {
    change(txn, ALL, |count| count.checked_sub(1))?;
    for share in [Share::Known, Share::Stranger] {
        let key = key(share, ends, id);
        if get::<QuoteId>(txn, Table::QuoteQueue, &key)?.is_some() {
            txn.delete(&Table::QuoteQueue.key(&key))?;
            if share == Share::Stranger {
                change(txn, STRANGERS, |count| count.checked_sub(1))?;
            }
        }
    }
    Ok(())
}

/// The quote that has waited longest, and until when it does.
fn first(txn: &Txn<'_>, share: Share) -> Result<Option<(UnixTime, QuoteId)>, LedgerError> {
    let queue = Table::QuoteQueue.key(&[share.tag()]);
    let Some((key, value)) = txn.scan_prefix(&queue, None, 1)?.pop() else { return Ok(None) };
    let ends = key.get(queue.len()..).and_then(|rest| rest.first_chunk()).ok_or(LedgerError::Damaged)?;
    Ok(Some((UnixTime::from_seconds(u64::from_be_bytes(*ends)), from_value(&value)?)))
}

fn key(share: Share, ends: UnixTime, id: &QuoteId) -> Vec<u8> {
    [&[share.tag()], ends.seconds().to_be_bytes().as_slice(), id.as_bytes()].concat()
}

/// All that wait, and those of strangers.
const ALL: &[u8] = &[];
const STRANGERS: &[u8] = b"/strangers";

fn count(txn: &Txn<'_>, of: &[u8]) -> Result<u64, LedgerError> {
    Ok(get::<Count>(txn, Table::QuotesOpen, of)?.map_or(0, |count| count.0))
}

fn change(txn: &mut Txn<'_>, of: &[u8], to: impl Fn(u64) -> Option<u64>) -> Result<(), LedgerError> {
    let count = to(count(txn, of)?).ok_or(LedgerError::Damaged)?;
    put(txn, Table::QuotesOpen, of, &Count(count))
}

/// How many quotes wait to be paid.
struct Count(u64);

impl Encode for Count {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Count {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}
