//! Reading back every payment that was accepted: deposits and swaps.

use farthing_durable::{Partition, Txn};
use farthing_protocol::amount::Amount;
use farthing_protocol::codec::{DecodeError, Reader};
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::payment::PaymentKind;

use super::LedgerError;

/// An accepted payment, as far as the books need it.
pub(super) struct Redeemed {
    pub(super) kind: PaymentKind,
    pub(super) payment: PaymentId,
    pub(super) keyset: KeysetId,
    pub(super) payee: PayeeKey,
    pub(super) amount: Amount,
}

/// Reads all accepted payments, in portions.
pub(super) fn scan(
    txn: &Txn<'_>,
    each: &mut dyn FnMut(Redeemed) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut after_keyset: Option<Vec<u8>> = None;
    while let Some((key, row)) = txn.scan_prefix(b"spent/keyset/", after_keyset.as_deref(), 1)?.pop() {
        let partition = Reader::new(&row).u32().map_err(|_| LedgerError::Damaged)?;
        let mut after = None;
        loop {
            let entries = txn.scan_entries(Partition(partition), after, 256)?;
            for (_, entry) in &entries {
                each(decode(entry).map_err(|_| LedgerError::Damaged)?)?;
            }
            match entries.last() {
                Some((cursor, _)) => after = Some(*cursor),
                None => break,
            }
        }
        after_keyset = Some(key);
    }
    Ok(())
}

fn decode(entry: &[u8]) -> Result<Redeemed, DecodeError> {
    let mut input = Reader::new(entry);
    if input.u8()? != 1 {
        return Err(DecodeError::UnsupportedVersion);
    }
    Ok(Redeemed {
        kind: PaymentKind::from_byte(input.u8()?)?,
        payment: input.part()?,
        keyset: input.part()?,
        payee: input.part()?,
        amount: input.part()?,
    })
}
