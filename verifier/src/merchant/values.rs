//! Values under keys, each with a byte for its format in front.

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

const FORMAT: u8 = 1;

pub(crate) fn key(prefix: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix, rest].concat()
}

pub(crate) fn read<T: Decode>(txn: &Txn<'_>, key: &[u8]) -> Result<Option<T>, StoreFault> {
    let Some(bytes) = txn.get(key)? else { return Ok(None) };
    let decode = || {
        let mut input = Reader::new(&bytes);
        if input.u8()? != FORMAT {
            return Err(DecodeError::UnsupportedVersion);
        }
        let value = input.part()?;
        input.finish()?;
        Ok(value)
    };
    decode().map(Some).map_err(|_| StoreFault::Damaged)
}

pub(crate) fn write<T: Encode>(txn: &mut Txn<'_>, key: &[u8], value: &T) -> Result<(), StoreFault> {
    let mut out = Writer::default();
    out.u8(FORMAT);
    out.part(value);
    txn.put(key, &out.finish())
}
