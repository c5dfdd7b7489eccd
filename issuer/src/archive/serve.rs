//! Giving the archive out.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Bytes;
use farthing_protocol::api::ArchiveAnswer;
use farthing_protocol::archive::{ArchiveIndex, FileHead, FilterHead, IssuanceFile, ListedSegment, SpentFilter};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;

use super::ArchiveError;
use super::cut::{Draft, Filter, Limits, Segment};
use super::files::{issued_name, read, spent_name};
use super::gather::{filter_again, records_between};
use crate::ledger::{self, FilterRow, LedgerError, SegmentRow};
use crate::mint::Mint;

/// What is given out.
#[derive(Debug, Default)]
pub(crate) struct ArchiveKeeper {
    /// The archive grows in one task at a time.
    pub(super) sealing: tokio::sync::Mutex<()>,
    pub(super) limits: Limits,
    served: RwLock<Option<Arc<Served>>>,
    /// Files that this process found to be as they should.
    checked: Mutex<HashSet<PathBuf>>,
}

#[derive(Debug)]
struct Served {
    index: ArchiveIndex,
    body: Bytes,
}

/// A file that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// A keyset's segment and prefix.
    Issued(KeysetId, u32, u16),
    /// A keyset's period and part.
    Spent(KeysetId, u32, u16),
}

/// A file that is listed.
#[derive(Clone, Copy)]
enum Listed {
    Issued(FileHead),
    Spent(FilterHead),
}

impl ArchiveKeeper {
    /// One that makes files within these limits.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Gives this index out from now on. It MUST be durable.
    pub(super) fn serve(&self, index: ArchiveIndex) -> Result<(), ArchiveError> {
        let body = serde_json::to_vec(&ArchiveAnswer { index: index.clone() }).map_err(|_| LedgerError::Damaged)?;
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        // The first one after a start is read from the ledger, which may happen while a later one is listed.
        if served.as_ref().is_none_or(|served| served.index.issued_at() < index.issued_at()) {
            *served = Some(Arc::new(Served { index, body: body.into() }));
        }
        Ok(())
    }

    fn served(&self) -> Option<Arc<Served>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_checked(&self, name: &Path) -> bool {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn check_off(&self, name: PathBuf) {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

impl Listed {
    fn find(index: &ArchiveIndex, wanted: Wanted) -> Option<Self> {
        match wanted {
            Wanted::Issued(keyset, segment, prefix) => index.file(&keyset, segment, prefix).map(Self::Issued),
            Wanted::Spent(keyset, period, part) => index.filter(&keyset, period, part).map(Self::Spent),
        }
    }

    fn name(&self) -> PathBuf {
        match self {
            Self::Issued(head) => issued_name(head),
            Self::Spent(head) => spent_name(head),
        }
    }

    /// Whether these are the bytes that were listed: the mint signs no others for this head.
    fn is(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Issued(head) => IssuanceFile::from_bytes(bytes).is_ok_and(|file| file.accept(head).is_ok()),
            Self::Spent(head) => SpentFilter::from_bytes(bytes).is_ok_and(|filter| filter.accept(head).is_ok()),
        }
    }
}

impl Mint {
    /// The JSON of an [`ArchiveAnswer`]: the same bytes for everyone until the archive grows. Nothing is sealed for it.
    ///
    /// # Errors
    /// An [`ArchiveError`]: [`ArchiveError::NotSealed`] before the first [`seal`](Self::seal).
    pub async fn archive_answer(&self) -> Result<Bytes, ArchiveError> {
        Ok(self.served_archive().await?.body.clone())
    }

    async fn served_archive(&self) -> Result<Arc<Served>, ArchiveError> {
        if let Some(served) = self.archive().served() {
            return Ok(served);
        }
        let stored = self.books().ledger().read(ledger::stored_index).await?;
        self.archive().serve(stored.ok_or(ArchiveError::NotSealed)?)?;
        Ok(self.archive().served().ok_or(LedgerError::Damaged)?)
    }

    /// The bytes of a listed file; nothing if there is none of this name.
    pub(crate) async fn archive_file(&self, wanted: Wanted) -> Result<Option<Bytes>, ArchiveError> {
        let served = self.served_archive().await?;
        let Some(listed) = Listed::find(&served.index, wanted) else { return Ok(None) };
        let mint = self.clone();
        let found = tokio::task::spawn_blocking(move || mint.read_checked(listed)).await;
        if let Some(bytes) = found.map_err(|_| LedgerError::Stopped)?? {
            return Ok(Some(bytes));
        }
        self.make_again(wanted).await
    }

    /// A file as it lies in the folder, if it is what it should be.
    fn read_checked(&self, listed: Listed) -> Result<Option<Bytes>, ArchiveError> {
        let name = listed.name();
        let Some(bytes) = read(&self.books().home().archive(), &name)? else { return Ok(None) };
        if !self.archive().is_checked(&name) {
            if !listed.is(&bytes) {
                return Ok(None);
            }
            self.archive().check_off(name);
        }
        Ok(Some(bytes.into()))
    }

    /// Makes a listed file from the ledger, which gives the same bytes as the first time, and writes it.
    async fn make_again(&self, wanted: Wanted) -> Result<Option<Bytes>, ArchiveError> {
        // Nothing else writes meanwhile.
        let _one_at_a_time = self.archive().sealing.lock().await;
        // Its keyset may have been taken out of the archive just now.
        let served = self.served_archive().await?;
        let Some(listed) = Listed::find(&served.index, wanted) else { return Ok(None) };
        tracing::error!("a file of the archive was missing or damaged; it is made again");
        let draft = match listed {
            Listed::Issued(head) => self.make_file(head).await?,
            Listed::Spent(head) => self.make_filter(head).await?,
        };
        let made = draft.sign(self.signer()).await?;
        let mint = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            mint.write_files(std::slice::from_ref(&made))?;
            mint.archive().check_off(made.0);
            Ok::<_, ArchiveError>(made.1)
        });
        Ok(Some(written.await.map_err(|_| LedgerError::Stopped)??.into()))
    }

    /// The file of this head; [`LedgerError::Damaged`] rather than another than the one that was listed.
    async fn make_file(&self, head: FileHead) -> Result<Draft, ArchiveError> {
        let ledger = self.books().ledger();
        let (row, foreign) = ledger
            .read(move |txn| {
                let foreign = ledger::is_foreign_segment(txn, &head.keyset, head.segment)?;
                Ok::<_, LedgerError>((ledger::segment_row(txn, &head.keyset, head.segment)?, foreign))
            })
            .await?;
        let is_listed = |row: &SegmentRow| {
            let ListedSegment { span, salt, bits, .. } = row.listed;
            (span, salt, bits) == (head.span, head.salt, head.prefix.bits())
        };
        let row = row.filter(is_listed).ok_or(LedgerError::Damaged)?;
        if foreign {
            return Ok(Segment::without_records(row).file(head)?);
        }
        let records = records_between(ledger, head.keyset, row.first, row.end).await?;
        let segment = Segment::again(row, records).ok_or(LedgerError::Damaged)?;
        Ok(segment.file(head)?)
    }

    /// The part of this head; [`LedgerError::Damaged`] rather than another than the one that was listed.
    async fn make_filter(&self, head: FilterHead) -> Result<Draft, ArchiveError> {
        let ledger = self.books().ledger();
        let (row, foreign) = ledger
            .read(move |txn| {
                let foreign = ledger::is_foreign_filter(txn, &head.keyset, head.period)?;
                Ok::<_, LedgerError>((ledger::filter_row(txn, &head.keyset, head.period)?, foreign))
            })
            .await?;
        let is_listed = |row: &FilterRow| (row.listed.span, row.listed.parts) == (head.span, head.parts);
        let row = row.filter(is_listed).ok_or(LedgerError::Damaged)?;
        if foreign {
            return Ok(Filter::without_serials(row.listed).part(head)?);
        }
        let filter = filter_again(ledger, head.keyset, head.period, &row).await?;
        Ok(filter.part(head)?)
    }
}
