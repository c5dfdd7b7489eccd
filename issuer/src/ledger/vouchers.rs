//! Vouchers in batches: made together, redeemed one by one, ended together. What nobody redeemed goes back to where it came from.
//!
//! A voucher is open as long as it was not redeemed and its batch has not ended, so that ending a batch is one change, however many
//! vouchers it has.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain};
use farthing_protocol::identity::VoucherKey;

use super::book::{Place, TransferError, transfer};
use super::outflow::AccountRules;
use super::records::{RedeemedBy, Table, VoucherState, get, put};
use super::{LedgerError, Times};

/// The most vouchers of a batch.
pub(crate) const MAX_VOUCHERS: usize = 10_000;

/// The longest note, in bytes.
const MAX_NOTE: usize = 128;

/// So many batches end in one transaction.
const AT_ONCE: usize = 64;

/// Why vouchers were not made or ended. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoucherError {
    /// The amount is zero, or more than the mint issues at once: its last keyset, or its limit.
    #[error("the mint cannot issue this amount at once")]
    Amount,
    /// There are none, or more than 10,000.
    #[error("a batch has 1 to 10000 vouchers")]
    Count,
    /// Two of them are the same.
    #[error("a voucher is repeated")]
    Repeated,
    /// The note is longer than 128 bytes, or does not show what it says.
    #[error("the note must be plain text of at most 128 bytes")]
    Note,
    /// They would have ended already.
    #[error("the vouchers would have ended already")]
    Expired,
    /// One of them is another batch's.
    #[error("a voucher is in another batch")]
    Used,
    /// There is no batch with this number.
    #[error("there is no batch with this number")]
    Unknown,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<TransferError> for VoucherError {
    fn from(error: TransferError) -> Self {
        match error {
            // Both places are totals that cover every part of themselves.
            TransferError::Insufficient => Self::Ledger(LedgerError::Damaged),
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// A batch that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct BatchDraft {
    pub(crate) vouchers: Vec<VoucherKey>,
    pub(crate) unit: Unit,
    /// What each is worth.
    pub(crate) amount: Amount,
    pub(crate) expires_at: UnixTime,
    pub(crate) note: String,
}

/// Makes a batch of vouchers of money from outside. The same batch again changes nothing. Says whether it was known.
pub(crate) fn create_batch(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    draft: &BatchDraft,
) -> Result<(BatchNumber, BatchRow, bool), VoucherError> {
    let count = check(draft)?;
    if let Some((number, row)) = known(txn, draft)? {
        return Ok((number, row, true));
    }
    if draft.expires_at <= now {
        return Err(VoucherError::Expired);
    }
    let BatchDraft { vouchers, unit, amount, expires_at, note } = draft;
    let worth = times(*amount, count)?;
    rules.admit_payment(worth)?;
    let number = get::<BatchNumber>(txn, Table::BatchCount, &[])?.unwrap_or_default();
    let row = BatchRow {
        unit: unit.clone(),
        amount: *amount,
        count,
        redeemed: 0,
        created_at: now,
        expires_at: *expires_at,
        note: note.clone(),
        ended: None,
    };
    for voucher in vouchers {
        if get::<VoucherState>(txn, Table::Voucher, voucher.as_bytes())?.is_some() {
            return Err(VoucherError::Used);
        }
        let state =
            VoucherState { unit: unit.clone(), amount: *amount, created_at: now, redeemed_by: RedeemedBy(None) };
        put(txn, Table::Voucher, voucher.as_bytes(), &state)?;
        put(txn, Table::VoucherBatch, voucher.as_bytes(), &number)?;
    }
    transfer(txn, unit, Place::World, Place::Vouchers, worth)?;
    put(txn, Table::BatchCount, &[], &number.next()?)?;
    put(txn, Table::Batch, &number.key(), &row)?;
    put(txn, Table::BatchDue, &due_key(*expires_at, number), &number)?;
    Ok((number, row, false))
}

fn check(draft: &BatchDraft) -> Result<u32, VoucherError> {
    let BatchDraft { vouchers, amount, note, .. } = draft;
    if amount.is_zero() {
        return Err(VoucherError::Amount);
    }
    if vouchers.is_empty() || vouchers.len() > MAX_VOUCHERS {
        return Err(VoucherError::Count);
    }
    if note.len() > MAX_NOTE || !is_plain(note) {
        return Err(VoucherError::Note);
    }
    let mut sorted: Vec<&VoucherKey> = vouchers.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != vouchers.len() {
        return Err(VoucherError::Repeated);
    }
    u32::try_from(vouchers.len()).map_err(|_| VoucherError::Count)
}

/// The batch that these very vouchers are, if they were made before.
fn known(txn: &Txn<'_>, draft: &BatchDraft) -> Result<Option<(BatchNumber, BatchRow)>, VoucherError> {
    let Some(first) = draft.vouchers.first() else { return Err(VoucherError::Count) };
    let Some(number) = batch_of(txn, first)? else { return Ok(None) };
    let row = batch(txn, number)?.ok_or(LedgerError::Damaged)?;
    let same = row.count as usize == draft.vouchers.len()
        && (&row.unit, row.amount, row.expires_at, &row.note)
            == (&draft.unit, draft.amount, draft.expires_at, &draft.note);
    for voucher in &draft.vouchers {
        if !same || batch_of(txn, voucher)? != Some(number) {
            return Err(VoucherError::Used);
        }
    }
    Ok(Some((number, row)))
}

/// Ends a batch: from now on none of its vouchers is redeemed. One that has ended stays as it is.
pub(crate) fn revoke_batch(txn: &mut Txn<'_>, now: UnixTime, number: BatchNumber) -> Result<BatchRow, VoucherError> {
    let row = batch(txn, number)?.ok_or(VoucherError::Unknown)?;
    end(txn, number, row, Ended { at: now, why: Why::Revoked })
}

/// Ends batches whose time has passed, as many as fit into one transaction. Says how many.
pub(crate) fn expire_batches(txn: &mut Txn<'_>, Times { now, sure }: Times) -> Result<usize, VoucherError> {
    let due = txn.scan_prefix(Table::BatchDue.prefix(), None, AT_ONCE).map_err(LedgerError::from)?;
    let mut ended = 0;
    for (_, value) in due {
        let number: BatchNumber = super::records::from_value(&value)?;
        let row = batch(txn, number)?.ok_or(LedgerError::Damaged)?;
        if row.expires_at > sure {
            break;
        }
        end(txn, number, row, Ended { at: now, why: Why::Expired })?;
        ended += 1;
    }
    Ok(ended)
}

fn end(txn: &mut Txn<'_>, number: BatchNumber, mut row: BatchRow, ended: Ended) -> Result<BatchRow, VoucherError> {
    if row.ended.is_some() {
        return Ok(row);
    }
    let open = row.open()?;
    if !open.is_zero() {
        transfer(txn, &row.unit, Place::Vouchers, Place::World, open)?;
    }
    row.ended = Some(ended);
    put(txn, Table::Batch, &number.key(), &row)?;
    txn.delete(&Table::BatchDue.key(&due_key(row.expires_at, number))).map_err(LedgerError::from)?;
    Ok(row)
}

/// Whether a voucher's batch lets it be redeemed; if so, counts it. One without a batch has no end.
pub(super) fn count_redeemed(txn: &mut Txn<'_>, now: UnixTime, voucher: &VoucherKey) -> Result<bool, LedgerError> {
    let Some(number) = batch_of(txn, voucher)? else { return Ok(true) };
    let mut row = batch(txn, number)?.ok_or(LedgerError::Damaged)?;
    if row.ended.is_some() || row.expires_at <= now {
        return Ok(false);
    }
    row.redeemed = row.redeemed.checked_add(1).filter(|count| *count <= row.count).ok_or(LedgerError::Damaged)?;
    put(txn, Table::Batch, &number.key(), &row)?;
    Ok(true)
}

/// Batches in the order in which they were made, at most so many, after this number.
pub(crate) fn batches(
    txn: &Txn<'_>,
    after: Option<BatchNumber>,
    limit: usize,
) -> Result<Vec<(BatchNumber, BatchRow)>, LedgerError> {
    let after = after.map(|number| Table::Batch.key(&number.key()));
    let rows = txn.scan_prefix(Table::Batch.prefix(), after.as_deref(), limit)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let number = BatchNumber::of(key.get(Table::Batch.prefix().len()..).unwrap_or_default())?;
        Ok((number, super::records::from_value(&value)?))
    };
    rows.into_iter().map(read).collect()
}

pub(super) fn batch_of(txn: &Txn<'_>, voucher: &VoucherKey) -> Result<Option<BatchNumber>, LedgerError> {
    get(txn, Table::VoucherBatch, voucher.as_bytes())
}

fn batch(txn: &Txn<'_>, number: BatchNumber) -> Result<Option<BatchRow>, LedgerError> {
    get(txn, Table::Batch, &number.key())
}

/// Under which key it is kept when a batch ends. Keys order by time.
pub(super) fn due_key(expires_at: UnixTime, number: BatchNumber) -> Vec<u8> {
    [expires_at.seconds().to_be_bytes(), number.key()].concat()
}

fn times(amount: Amount, count: u32) -> Result<Amount, LedgerError> {
    amount.units().checked_mul(count.into()).and_then(Amount::new).ok_or(LedgerError::Overflow)
}

/// A batch's place in the order in which they were made, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchNumber(pub(crate) u64);

impl BatchNumber {
    /// Numbers order as their keys do.
    pub(crate) const fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(key: &[u8]) -> Result<Self, LedgerError> {
        key.try_into().map(|key| Self(u64::from_be_bytes(key))).map_err(|_| LedgerError::Damaged)
    }

    fn next(self) -> Result<Self, LedgerError> {
        self.0.checked_add(1).map(Self).ok_or(LedgerError::Overflow)
    }
}

impl Encode for BatchNumber {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for BatchNumber {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

/// Why a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Expired,
    Revoked,
}

/// When and why a batch ended: what was open then went back to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) at: UnixTime,
    pub(crate) why: Why,
}

impl Encode for Ended {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.at);
        out.u8(match self.why {
            Why::Expired => 1,
            Why::Revoked => 2,
        });
    }
}

impl Decode for Ended {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = input.part()?;
        let why = match input.u8()? {
            1 => Why::Expired,
            2 => Why::Revoked,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { at, why })
    }
}

/// A batch of vouchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchRow {
    pub(crate) unit: Unit,
    /// What each is worth.
    pub(crate) amount: Amount,
    pub(crate) count: u32,
    pub(crate) redeemed: u32,
    pub(crate) created_at: UnixTime,
    pub(crate) expires_at: UnixTime,
    /// The operator's words.
    pub(crate) note: String,
    pub(crate) ended: Option<Ended>,
}

impl BatchRow {
    /// What was not redeemed of it, whether it ended or not.
    pub(crate) fn open(&self) -> Result<Amount, LedgerError> {
        times(self.amount, self.count.checked_sub(self.redeemed).ok_or(LedgerError::Damaged)?)
    }
}

impl Encode for BatchRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.unit);
        out.part(&self.amount);
        out.u32(self.count);
        out.u32(self.redeemed);
        out.part(&self.created_at);
        out.part(&self.expires_at);
        out.text(&self.note);
        out.optional(self.ended.as_ref());
    }
}

impl Decode for BatchRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            unit: input.part()?,
            amount: input.part()?,
            count: input.u32()?,
            redeemed: input.u32()?,
            created_at: input.part()?,
            expires_at: input.part()?,
            note: input.text(MAX_NOTE)?.to_owned(),
            ended: input.optional()?,
        })
    }
}
