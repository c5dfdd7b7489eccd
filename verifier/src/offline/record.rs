//! Sums and refusals inside a durable transaction.

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::payment::Payment;

use super::{RefusedDeposit, Sum};
use crate::spent;

const FORMAT: u8 = 1;
const OPEN: &[u8] = b"locked/open/";
const CREDITED: &[u8] = b"locked/credited/";
/// A small value for each, and a large one that holds the payment.
const REFUSED: &[u8] = b"locked/refused/";

/// The longest code that is kept.
const MAX_CODE: usize = 64;

/// What is accepted in a unit and neither credited nor refused.
pub(crate) fn outstanding(txn: &Txn<'_>, unit: &Unit) -> Result<Sum, StoreFault> {
    sum(txn, &unit_key(OPEN, unit))
}

/// Counts a payment that is being accepted in this job.
pub(crate) fn add(txn: &mut Txn<'_>, unit: &Unit, amount: Amount) -> Result<(), StoreFault> {
    let key = unit_key(OPEN, unit);
    let next = sum(txn, &key)?.with(amount).ok_or(StoreFault::Full)?;
    put_sum(txn, &key, next)
}

/// Everything that is open, by unit.
pub(crate) fn open_sums(txn: &Txn<'_>) -> Result<Vec<(Unit, Sum)>, StoreFault> {
    // One for each unit of one mint.
    let rows = txn.scan_prefix(OPEN, None, 1024)?;
    let read = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let unit = key.get(OPEN.len()..).unwrap_or_default();
        Ok((decode(unit)?, decode(value)?))
    };
    let sums: Vec<(Unit, Sum)> = rows.iter().map(read).collect::<Result<_, StoreFault>>()?;
    Ok(sums.into_iter().filter(|(_, sum)| sum.payments > 0).collect())
}

/// The mint credited a payment. Says whether it was still open.
pub(crate) fn credited(txn: &mut Txn<'_>, payment: &Payment, unit: &Unit) -> Result<bool, StoreFault> {
    if !close(txn, payment, unit)? {
        return Ok(false);
    }
    let key = unit_key(CREDITED, unit);
    let total = sum(txn, &key)?.with(payment.amount()).ok_or(StoreFault::Full)?;
    put_sum(txn, &key, total)?;
    Ok(true)
}

/// The mint refused a payment for good. Says whether it was still open.
pub(crate) fn refuse(
    txn: &mut Txn<'_>,
    payment: &Payment,
    unit: &Unit,
    code: &str,
    at: UnixTime,
) -> Result<bool, StoreFault> {
    if !close(txn, payment, unit)? {
        return Ok(false);
    }
    let id = payment.id();
    let accepted_at = spent::find(txn, &id)?.map(|accepted| accepted.accepted_at).unwrap_or_default();
    let code = code.get(..MAX_CODE).unwrap_or(code).to_owned();
    let refused =
        RefusedDeposit { payment: id, amount: payment.amount(), unit: unit.clone(), accepted_at, refused_at: at, code };
    let (mut out, key) = (Writer::default(), id_key(&id));
    out.u8(FORMAT);
    out.part(&Kept(refused));
    txn.put(&key, &out.finish())?;
    txn.put_large(&key, &payment.to_bytes())?;
    Ok(true)
}

/// Payments that the mint refused, in the order of their ids, at most so many, behind one.
pub(crate) fn refused_after(
    txn: &Txn<'_>,
    after: Option<&PaymentId>,
    limit: usize,
) -> Result<Vec<RefusedDeposit>, StoreFault> {
    let after = after.map(id_key);
    let rows = txn.scan_prefix(REFUSED, after.as_deref(), limit)?;
    let read = |(_, value): &(Vec<u8>, Vec<u8>)| match value.split_first() {
        Some((&FORMAT, rest)) => decode::<Kept>(rest).map(|kept| kept.0),
        _ => Err(StoreFault::Damaged),
    };
    rows.iter().map(read).collect()
}

/// A refused payment, whole.
pub(crate) fn refused_payment(txn: &Txn<'_>, id: &PaymentId) -> Result<Option<Payment>, StoreFault> {
    let bytes = txn.get_large(&id_key(id))?;
    bytes.map(|bytes| Payment::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)).transpose()
}

/// Lets a refused payment be deposited once more. Says whether it was refused.
pub(crate) fn again(txn: &mut Txn<'_>, refused: &RefusedDeposit) -> Result<bool, StoreFault> {
    let key = id_key(&refused.payment);
    let Some(bytes) = txn.get_large(&key)? else { return Ok(false) };
    let payment = Payment::from_bytes(&bytes).map_err(|_| StoreFault::Damaged)?;
    add(txn, &refused.unit, refused.amount)?;
    spent::keep_locked(txn, &payment)?;
    txn.delete_large(&key)?;
    txn.delete(&key)?;
    Ok(true)
}

/// Takes a payment out of what is open. Says whether it was there.
fn close(txn: &mut Txn<'_>, payment: &Payment, unit: &Unit) -> Result<bool, StoreFault> {
    if !spent::is_locked(txn, &payment.id())? {
        return Ok(false);
    }
    let key = unit_key(OPEN, unit);
    let left = sum(txn, &key)?.without(payment.amount()).ok_or(StoreFault::Damaged)?;
    put_sum(txn, &key, left)?;
    spent::forget_locked(txn, &payment.id())?;
    Ok(true)
}

fn sum(txn: &Txn<'_>, key: &[u8]) -> Result<Sum, StoreFault> {
    txn.get(key)?.map_or(Ok(Sum::default()), |bytes| decode(&bytes))
}

fn put_sum(txn: &mut Txn<'_>, key: &[u8], sum: Sum) -> Result<(), StoreFault> {
    let mut out = Writer::default();
    out.part(&sum);
    txn.put(key, &out.finish())
}

fn unit_key(prefix: &[u8], unit: &Unit) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes(prefix);
    out.part(unit);
    out.finish()
}

fn id_key(payment: &PaymentId) -> Vec<u8> {
    [REFUSED, payment.as_bytes()].concat()
}

fn decode<T: Decode>(bytes: &[u8]) -> Result<T, StoreFault> {
    let read = || {
        let mut input = Reader::new(bytes);
        let value = input.part()?;
        input.finish()?;
        Ok::<_, DecodeError>(value)
    };
    read().map_err(|_| StoreFault::Damaged)
}

impl Encode for Sum {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.payments);
        out.part(&self.amount);
    }
}

impl Decode for Sum {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { payments: input.u64()?, amount: input.part()? })
    }
}

/// A refusal as it is kept.
struct Kept(RefusedDeposit);

impl Encode for Kept {
    fn encode_to(&self, out: &mut Writer) {
        let RefusedDeposit { payment, amount, unit, accepted_at, refused_at, code } = &self.0;
        out.part(payment);
        out.part(amount);
        out.part(unit);
        out.part(accepted_at);
        out.part(refused_at);
        out.text(code);
    }
}

impl Decode for Kept {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (payment, amount, unit) = (input.part()?, input.part()?, input.part()?);
        let (accepted_at, refused_at) = (input.part()?, input.part()?);
        let code = input.text(MAX_CODE)?.to_owned();
        Ok(Self(RefusedDeposit { payment, amount, unit, accepted_at, refused_at, code }))
    }
}
