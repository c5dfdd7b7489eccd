//! The one way to the wallet's state: every value passes [`Vault::run`] and its [`Tx`].
//!
//! Keys hold no secrets (sequence numbers, keyset ids, issuance numbers); values do. [`seal`] and [`unseal`] are the only places
//! that see a value as it lies on the disk.

use std::path::Path;

use farthing_durable::{Engine, Txn};
use farthing_protocol::codec::Wire;
use zeroize::Zeroizing;

use crate::error::{OpenError, StoreError};
use crate::options::{Hook, Step};

/// Entries read at once by a scan.
const PAGE: usize = 256;

/// The wallet's state, opened and locked.
pub(crate) struct Vault {
    engine: Engine,
    hook: Option<Hook>,
}

impl Vault {
    pub(crate) fn open(path: &Path, hook: Option<Hook>) -> Result<Self, OpenError> {
        let options = farthing_durable::Options::new().cache_bytes(16 << 20);
        Ok(Self { engine: Engine::open(path, options)?, hook })
    }

    /// Runs one transaction. When this returns, everything it wrote and read is durable.
    ///
    /// The transaction runs to its end even if the caller goes away.
    pub(crate) async fn run<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let answer = self.engine.submit(move |txn| job(&mut Tx { txn })).await;
        answer.unwrap_or_else(|unavailable| Err(StoreError::from(unavailable).into()))
    }

    /// A place where a test may stop the wallet.
    pub(crate) fn at(&self, step: Step) -> Result<(), StoreError> {
        match &self.hook {
            Some(hook) if hook(step) => Err(StoreError::Unavailable),
            _ => Ok(()),
        }
    }
}

/// Reads and writes of one transaction.
pub(crate) struct Tx<'a, 'b> {
    txn: &'a mut Txn<'b>,
}

impl Tx<'_, '_> {
    pub(crate) fn get<T: Wire>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.txn.get(key)?.map(|sealed| read(key, sealed)).transpose()
    }

    pub(crate) fn put<T: Wire>(&mut self, key: &[u8], value: &T) -> Result<(), StoreError> {
        Ok(self.txn.put(key, &seal(key, Zeroizing::new(value.to_bytes())))?)
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        Ok(self.txn.delete(key)?)
    }

    pub(crate) fn get_large<T: Wire>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.txn.get_large(key)?.map(|sealed| read(key, sealed)).transpose()
    }

    pub(crate) fn put_large<T: Wire>(&mut self, key: &[u8], value: &T) -> Result<(), StoreError> {
        Ok(self.txn.put_large(key, &seal(key, Zeroizing::new(value.to_bytes())))?)
    }

    pub(crate) fn delete_large(&mut self, key: &[u8]) -> Result<(), StoreError> {
        Ok(self.txn.delete_large(key)?)
    }

    /// All small values under a prefix, in the order of their keys.
    pub(crate) fn scan<T: Wire>(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut found: Vec<(Vec<u8>, T)> = Vec::new();
        loop {
            let page = self.txn.scan_prefix(prefix, found.last().map(|(key, _)| key.as_slice()), PAGE)?;
            let full = page.len() == PAGE;
            for (key, sealed) in page {
                let value = read(&key, sealed)?;
                found.push((key, value));
            }
            if !full {
                return Ok(found);
            }
        }
    }
}

fn read<T: Wire>(key: &[u8], sealed: Vec<u8>) -> Result<T, StoreError> {
    Ok(T::from_bytes(&unseal(key, sealed)?)?)
}

/// What lies on the disk for a value. Not encrypted yet: the folder must be protected like cash.
fn seal(_key: &[u8], value: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    value
}

/// The inverse of [`seal`].
fn unseal(_key: &[u8], sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    Ok(Zeroizing::new(sealed))
}
