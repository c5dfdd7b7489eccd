//! The one way to the wallet's state: every value passes [`Vault::run`] and its [`Tx`].
//!
//! Keys and values are sealed on their way to the disk: what lies there gives away how many entries of which kind and length there
//! are, and when they changed. So a key may hold whatever identifies its value.

mod sealer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farthing_durable::{Engine, Txn, Verdict};
use farthing_protocol::codec::Wire;
use zeroize::Zeroizing;

use crate::error::{OpenError, StoreError};
use crate::options::{Hook, Step};
use sealer::{Sealer, Size};

/// Entries read at once by a scan.
const PAGE: usize = 256;

/// The wallet's state, opened and locked.
pub(crate) struct Vault {
    engine: Engine,
    sealer: Arc<Sealer>,
    hook: Option<Hook>,
    /// Something was written, and the hook was not told yet that it is durable.
    written: Arc<AtomicBool>,
}

impl Vault {
    /// Opens the state, and requires that nothing of it is gone.
    ///
    /// With another key than the state's it looks empty until a scan meets what is there.
    pub(crate) fn open(path: &Path, data_key: &[u8; 32], hook: Option<Hook>) -> Result<Self, OpenError> {
        let written = Arc::new(AtomicBool::new(false));
        let mut options = farthing_durable::Options::new().cache_bytes(16 << 20);
        if let Some(hook) = hook.clone() {
            let written = Arc::clone(&written);
            options = options.hook(move |step| interfere(&hook, &written, step));
        }
        Ok(Self { engine: Engine::open(path, options)?, sealer: Arc::new(Sealer::new(data_key)), hook, written })
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
        let sealer = Arc::clone(&self.sealer);
        let submitted = self.engine.submit(move |txn| job(&mut Tx { txn, sealer: &sealer }));
        let submitted = submitted.await;
        if submitted.is_ok() && self.written.swap(false, Ordering::SeqCst) {
            self.at(Step::Synced)?;
        }
        submitted.unwrap_or_else(|unavailable| Err(StoreError::from(unavailable).into()))
    }

    /// A place where a test may stop the wallet.
    pub(crate) fn at(&self, step: Step) -> Result<(), StoreError> {
        match &self.hook {
            Some(hook) if hook(step) => Err(StoreError::Unavailable),
            _ => Ok(()),
        }
    }
}

/// Lets a test stop the wallet while it writes.
fn interfere(hook: &Hook, written: &AtomicBool, step: farthing_durable::Step) -> Verdict {
    let stop = match step {
        farthing_durable::Step::Apply => hook(Step::BeforeWrite),
        farthing_durable::Step::Sync => {
            written.store(true, Ordering::SeqCst);
            hook(Step::BeforeSync)
        }
    };
    if stop { Verdict::FailBefore } else { Verdict::Proceed }
}

/// Reads and writes of one transaction.
pub(crate) struct Tx<'a, 'b> {
    txn: &'a mut Txn<'b>,
    sealer: &'a Sealer,
}

impl Tx<'_, '_> {
    pub(crate) fn get<T: Wire>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let name = self.sealer.name(key);
        let Some(sealed) = self.txn.get(&name)? else { return Ok(None) };
        let plaintext = self.sealer.unseal(&name, Size::Small, &sealed)?;
        let (own, value) = without_key(&plaintext)?;
        if own == key { Ok(Some(T::from_bytes(value)?)) } else { Err(StoreError::Damaged) }
    }

    /// Key and value together take up to 4053 bytes.
    pub(crate) fn put<T: Wire>(&mut self, key: &[u8], value: &T) -> Result<(), StoreError> {
        let (name, value) = (self.sealer.name(key), Zeroizing::new(value.to_bytes()));
        let plaintext = with_key(key, &value)?;
        Ok(self.txn.put(&name, &self.sealer.seal(&name, Size::Small, &plaintext)?)?)
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        Ok(self.txn.delete(&self.sealer.name(key))?)
    }

    pub(crate) fn get_large<T: Wire>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let name = self.sealer.name(key);
        let Some(sealed) = self.txn.get_large(&name)? else { return Ok(None) };
        Ok(Some(T::from_bytes(&self.sealer.unseal(&name, Size::Large, &sealed)?)?))
    }

    pub(crate) fn put_large<T: Wire>(&mut self, key: &[u8], value: &T) -> Result<(), StoreError> {
        let (name, value) = (self.sealer.name(key), Zeroizing::new(value.to_bytes()));
        Ok(self.txn.put_large(&name, &self.sealer.seal(&name, Size::Large, &value)?)?)
    }

    pub(crate) fn delete_large(&mut self, key: &[u8]) -> Result<(), StoreError> {
        Ok(self.txn.delete_large(&self.sealer.name(key))?)
    }

    /// All small values under a prefix, in the order of their keys. Everything that shares the prefix's first byte is read.
    pub(crate) fn scan<T: Wire>(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let kind = prefix.get(..1).unwrap_or_default();
        let mut found: Vec<(Vec<u8>, T)> = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.txn.scan_prefix(kind, after.as_deref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|(name, _)| name.clone());
            for (name, sealed) in page {
                let plaintext = self.sealer.unseal(&name, Size::Small, &sealed)?;
                let (key, value) = without_key(&plaintext)?;
                if key.starts_with(prefix) {
                    found.push((key.to_vec(), T::from_bytes(value)?));
                }
            }
            if !full {
                found.sort_by(|(one, _), (other, _)| one.cmp(other));
                return Ok(found);
            }
        }
    }
}

/// Length of the key (2) ‖ key ‖ value.
fn with_key(key: &[u8], value: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let length = u16::try_from(key.len()).map_err(|_| StoreError::TooLarge)?;
    Ok(Zeroizing::new([&length.to_le_bytes(), key, value].concat()))
}

/// The inverse of [`with_key`].
fn without_key(plaintext: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    let (length, rest) = plaintext.split_first_chunk().ok_or(StoreError::Damaged)?;
    rest.split_at_checked(u16::from_le_bytes(*length).into()).ok_or(StoreError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Count;

    const KEY: [u8; 32] = [7; 32];

    /// Does something to the store behind the vault's back.
    async fn behind(path: &Path, job: impl FnOnce(&mut Txn<'_>) + Send + 'static) {
        let engine = Engine::open(path, farthing_durable::Options::new()).unwrap();
        let done = engine.submit(move |txn| {
            job(txn);
            Ok::<(), StoreError>(())
        });
        done.await.unwrap().unwrap();
    }

    async fn read(vault: &Vault, key: &'static [u8]) -> Result<Option<u64>, StoreError> {
        vault.run(move |tx| Ok(tx.get::<Count>(key)?.map(|count| count.0))).await
    }

    #[tokio::test]
    async fn a_scan_gives_what_is_under_its_prefix_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), &KEY, None).unwrap();
        let done = vault.run::<_, StoreError>(|tx| {
            for number in (0..1000_u64).rev() {
                tx.put(&[b"ta".as_slice(), &number.to_be_bytes()].concat(), &Count(number))?;
            }
            tx.put(b"tb", &Count(7))?;
            tx.put(b"ua", &Count(8))?;
            tx.delete(&[b"ta".as_slice(), &3_u64.to_be_bytes()].concat())?;
            let found: Vec<u64> = tx.scan::<Count>(b"ta")?.into_iter().map(|(_, count)| count.0).collect();
            assert!(found.into_iter().eq((0..1000).filter(|number| *number != 3)));
            let all = tx.scan::<Count>(b"t")?;
            assert_eq!((all.len(), all[999].0.as_slice(), all[999].1.0), (1000, b"tb".as_slice(), 7));
            assert!(tx.scan::<Count>(b"x")?.is_empty());
            Ok(())
        });
        done.await.unwrap();
    }

    #[tokio::test]
    async fn changed_and_exchanged_values_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), &KEY, None).unwrap();
        let put = vault.run::<_, StoreError>(|tx| {
            tx.put(b"one", &Count(1))?;
            tx.put(b"onf", &Count(2))?;
            tx.put(b"onk", &Count(3))?;
            tx.put_large(b"one", &Count(4))
        });
        put.await.unwrap();
        drop(vault);
        let sealer = Sealer::new(&KEY);
        let [one, two, three] = [b"one", b"onf", b"onk"].map(|key| sealer.name(key));
        behind(folder.path(), move |txn| {
            let (small, other, mut last) =
                (txn.get(&one).unwrap().unwrap(), txn.get(&two).unwrap().unwrap(), txn.get(&three).unwrap().unwrap());
            // The value of another key; that of the other size; one bit.
            txn.put(&one, &other).unwrap();
            txn.put_large(&one, &small).unwrap();
            last[30] ^= 1;
            txn.put(&three, &last).unwrap();
        })
        .await;
        let vault = Vault::open(folder.path(), &KEY, None).unwrap();
        assert_eq!(read(&vault, b"one").await, Err(StoreError::Damaged));
        assert_eq!(read(&vault, b"onf").await, Ok(Some(2)));
        assert_eq!(read(&vault, b"onk").await, Err(StoreError::Damaged));
        let large = vault.run(|tx| tx.get_large::<Count>(b"one").map(drop)).await;
        assert_eq!(large, Err(StoreError::Damaged));
        let scanned = vault.run(|tx| tx.scan::<Count>(b"on").map(drop)).await;
        assert_eq!(scanned, Err(StoreError::Damaged));
    }

    #[tokio::test]
    async fn a_state_that_lost_what_was_answered_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = async |number| {
            let vault = Vault::open(folder.path(), &KEY, None).unwrap();
            vault.run::<_, StoreError>(move |tx| tx.put(b"one", &Count(number))).await.unwrap();
        };
        let file = folder.path().join("db");
        write(1).await;
        let older = std::fs::read(&file).unwrap();
        write(2).await;
        std::fs::write(&file, older).unwrap();
        for _ in 0..2 {
            let opened = Vault::open(folder.path(), &KEY, None).map(drop);
            assert!(matches!(opened, Err(OpenError::StateTruncated)), "{opened:?}");
        }
    }

    #[tokio::test]
    async fn another_key_reads_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), &KEY, None).unwrap();
        vault.run::<_, StoreError>(|tx| tx.put(b"one", &Count(1))).await.unwrap();
        drop(vault);
        let vault = Vault::open(folder.path(), &[8; 32], None).unwrap();
        assert_eq!(read(&vault, b"one").await, Ok(None));
        assert_eq!(vault.run(|tx| tx.scan::<Count>(b"o").map(drop)).await, Err(StoreError::Damaged));
    }
}
