//! The archive (protocol section 11): what is published so that wallets can be restored from their words.
//!
//! Files are made from the ledger alone, written, and listed in the ledger's signed index in this order. How far they go, and the salt
//! by which segments are cut, is decided in the ledger first: after a crash in between the same bytes are made again. What is listed never changes; a
//! file that is missing or damaged is made again from the ledger.

mod cut;
mod files;
mod gather;
mod mend;
mod serve;

use std::collections::BTreeMap;
use std::io;

use farthing_http::problem::{Code, Problem};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{ArchiveIndex, ArchivedKeyset, SegmentSalt};
use farthing_protocol::codec::DecodeError;
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;

use crate::keysets::KeysetBook;
use crate::ledger::{self, ArchiveState, Buried, FilterRow, LedgerError, Listing, SegmentRow, Unlisted};
use crate::mint::Mint;
use crate::signer::SigningError;
use cut::{Draft, Filter, Made, Segment};
use gather::Gathered;

pub(crate) use cut::Limits;
pub(crate) use mend::{Signed, signed_files};
pub(crate) use serve::{ArchiveKeeper, Wanted};

/// Why the archive did not grow, or a file of it was not given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The signer.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The folder.
    #[error("the archive's folder could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),
    /// What would be published breaks a rule of the protocol, or is too long.
    #[error("the archive cannot be written: {0}")]
    Rules(#[from] DecodeError),
    /// What would be published contradicts what was.
    #[error("the archive contradicts what was published before; nothing is signed")]
    Contradiction,
    /// Nothing was sealed yet, not even that there is nothing.
    #[error("there is no archive yet: it is given out once it was sealed for the first time")]
    NotSealed,
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Ledger(error) => Self::new(error.code()),
            ArchiveError::Signing(error) => Self::new(error.code()),
            ArchiveError::NotSealed => {
                Self::new(Code::Unavailable).with_detail("The archive has not been sealed for the first time yet.")
            }
            ArchiveError::Io(_) | ArchiveError::Rules(_) | ArchiveError::Contradiction => {
                tracing::error!(%error, "the archive cannot be served");
                Self::new(Code::Internal)
            }
        }
    }
}

/// How often in a row the archive goes on from what somebody else had signed.
const MENDED: u32 = 2;

/// What of the archive grows.
#[derive(Clone, Copy)]
enum Growing {
    Segments,
    Filters,
}

/// What one step adds to the archive.
#[derive(Default)]
struct Step {
    segments: Vec<(KeysetId, Segment)>,
    filters: Vec<(KeysetId, Filter, FilterRow)>,
}

/// A step's files before they are signed, and everything that will be listed.
struct Put {
    drafts: Vec<Draft>,
    segments: Vec<(KeysetId, u32, SegmentRow)>,
    filters: Vec<(KeysetId, u32, FilterRow)>,
    keysets: Vec<ArchivedKeyset>,
}

impl Step {
    /// Puts it together with what is listed already. Keysets that are over for good are left out: what they are made from is being dropped.
    fn put_together(
        mut self,
        mint: MintId,
        listed: Vec<ArchivedKeyset>,
        book: &KeysetBook,
    ) -> Result<Put, ArchiveError> {
        self.segments.retain(|(keyset, _)| !book.is_buried(keyset));
        self.filters.retain(|(keyset, ..)| !book.is_buried(keyset));
        let listed = listed.into_iter().filter(|archived| !book.is_buried(&archived.keyset));
        let mut keysets: BTreeMap<_, _> = listed.map(|archived| (archived.keyset, archived)).collect();
        let (mut drafts, mut segments, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        for (keyset, segment) in self.segments {
            let archived = entry(&mut keysets, keyset);
            let number = u32::try_from(archived.segments.len()).map_err(|_| DecodeError::TooLong)?;
            drafts.extend(segment.files(mint, keyset, number)?);
            archived.segments.push(segment.row.listed);
            segments.push((keyset, number, segment.row));
        }
        for (keyset, filter, row) in self.filters {
            let archived = entry(&mut keysets, keyset);
            let number = u32::try_from(archived.filters.len()).map_err(|_| DecodeError::TooLong)?;
            drafts.extend(filter.parts(mint, keyset, number)?);
            archived.filters.push(filter.listed);
            filters.push((keyset, number, row));
        }
        Ok(Put { drafts, segments, filters, keysets: keysets.into_values().collect() })
    }
}

impl Mint {
    /// Makes the archive grow by what is complete: issuances up to the last full hour, spent serials up to the last full day
    /// (or whatever `mint.toml` says). A served mint does so by itself. When this returns, everything listed is durable.
    ///
    /// # Errors
    /// An [`ArchiveError`]: what failed is not listed; try again later. Filters are closed even if segments cannot be sealed.
    pub async fn seal(&self) -> Result<ArchiveIndex, ArchiveError> {
        let _one_at_a_time = self.archive().sealing.lock().await;
        let sealed = self.grow(Growing::Segments).await;
        let filtered = self.grow(Growing::Filters).await;
        sealed?;
        filtered
    }

    /// Lists all segments, or all filters, of what is complete, and gives the index out. What somebody else had signed is gone on from.
    async fn grow(&self, growing: Growing) -> Result<ArchiveIndex, ArchiveError> {
        for _ in 0..MENDED {
            match self.try_to_grow(growing).await {
                Err(error) if self.mend(&error).await => {}
                grown => return grown,
            }
        }
        self.try_to_grow(growing).await
    }

    async fn try_to_grow(&self, growing: Growing) -> Result<ArchiveIndex, ArchiveError> {
        let (ledger, times) = (self.books().ledger(), self.books().home().config().archive);
        let salt = new_salt();
        let mut state = ledger.run(move |txn, now| ledger::plan(txn, now, times, salt)).await?;
        let mut index = ledger.read(ledger::stored_index).await?;
        loop {
            let (after, step) = match growing {
                Growing::Segments if state.sealed_until < state.sealing_until => self.next_segments(&state).await?,
                Growing::Filters if state.filtered_until < state.filtering_until => {
                    self.next_filters(&state, index.as_ref()).await?
                }
                _ => match index {
                    Some(index) => {
                        self.archive().serve(index.clone())?;
                        return Ok(index);
                    }
                    None => (state.clone(), Step::default()),
                },
            };
            let before = std::mem::replace(&mut state, after.clone());
            let listing = self.write_step(before, after, step, index).await?;
            index = Some(listing.index.clone());
            ledger.run(move |txn, _| ledger::list_files(txn, &listing)).await?;
        }
    }

    /// The next segments of each keyset, nearly always one: what was issued until the hour's end, or until there is enough.
    async fn next_segments(&self, state: &ArchiveState) -> Result<(ArchiveState, Step), ArchiveError> {
        let gathered = Gathered::from_log(self.books().ledger(), state).await?;
        let (span, end, salt, limits) = (gathered.span, gathered.end, state.salt, self.archive().limits);
        let cut = tokio::task::spawn_blocking(move || {
            let mut step = Step::default();
            for (keyset, records) in gathered.records {
                let segments = Segment::cut(span, salt, records, limits)?;
                step.segments.extend(segments.into_iter().map(|segment| (keyset, segment)));
            }
            Ok::<_, LedgerError>(step)
        });
        let step = cut.await.map_err(|_| LedgerError::Stopped)??;
        // The next salt is durable before the files that it cuts are made.
        let after = ArchiveState { sealed_until: span.until(), next: end, salt: new_salt(), ..state.clone() };
        Ok((after, step))
    }

    /// The next filter of each keyset.
    async fn next_filters(
        &self,
        state: &ArchiveState,
        index: Option<&ArchiveIndex>,
    ) -> Result<(ArchiveState, Step), ArchiveError> {
        let ledger = self.books().ledger();
        let mut step = Step::default();
        for keyset in ledger.read(ledger::spent_keysets).await? {
            let period = index.and_then(|index| index.keyset(&keyset)).map_or(0, |archived| archived.filters.len());
            let period = u32::try_from(period).map_err(|_| DecodeError::TooLong)?;
            if let Some((filter, row)) = gather::filter(ledger, state, keyset, period).await? {
                step.filters.push((keyset, filter, row));
            }
        }
        let after = ArchiveState { filtered_until: state.filtering_until, ..state.clone() };
        Ok((after, step))
    }

    /// Writes a step's files, and has the index signed that lists them.
    async fn write_step(
        &self,
        before: ArchiveState,
        after: ArchiveState,
        step: Step,
        last: Option<ArchiveIndex>,
    ) -> Result<Listing, ArchiveError> {
        let mint = *self.id();
        let listed = last.as_ref().map(|last| last.keysets().to_vec()).unwrap_or_default();
        let book = self.books().keyset_book();
        let put = tokio::task::spawn_blocking(move || step.put_together(mint, listed, &book));
        let Put { drafts, segments, filters, keysets } = put.await.map_err(|_| LedgerError::Stopped)??;
        let mut made = Vec::with_capacity(drafts.len());
        for draft in drafts {
            made.push(draft.sign(self.signer()).await?);
        }
        let writer = self.clone();
        let written = tokio::task::spawn_blocking(move || writer.write_files(&made));
        written.await.map_err(|_| LedgerError::Stopped)??;
        let times = (after.sealed_until, after.filtered_until);
        let index = self.sign_index(times, keysets, last.as_ref()).await?;
        Ok(Listing { before, after, segments, filters, index })
    }

    /// Takes a keyset that has ended for good out of the archive: first out of the index, then its files out of the folder. Called again
    /// it goes on where it was.
    pub(crate) async fn unlist(&self, buried: Buried) -> Result<Unlisted, ArchiveError> {
        let _one_at_a_time = self.archive().sealing.lock().await;
        let ledger = self.books().ledger();
        let keyset = *buried.keyset();
        let index = match self.index_without(&keyset).await {
            Err(error) if self.mend(&error).await => self.index_without(&keyset).await?,
            index => index?,
        };
        let stored = index.clone();
        let unlisted = ledger.run(move |txn, _| ledger::unlist(txn, buried, stored.as_ref())).await?;
        if let Some(index) = index {
            self.archive().serve(index)?;
        }
        let folder = self.books().home().archive();
        let removed = tokio::task::spawn_blocking(move || files::remove(&folder, &keyset));
        removed.await.map_err(|_| LedgerError::Stopped)??;
        Ok(unlisted)
    }

    /// The last index without a keyset; none if it does not list it.
    async fn index_without(&self, keyset: &KeysetId) -> Result<Option<ArchiveIndex>, ArchiveError> {
        let last = self.books().ledger().read(ledger::stored_index).await?;
        let Some(last) = last.filter(|index| index.keyset(keyset).is_some()) else { return Ok(None) };
        let kept = last.keysets().iter().filter(|archived| archived.keyset != *keyset).cloned().collect();
        self.sign_index((last.sealed_until(), last.filtered_until()), kept, Some(&last)).await.map(Some)
    }

    /// Has an index signed later than the last, which takes nothing of it back but keysets that ended.
    async fn sign_index(
        &self,
        times: (UnixTime, UnixTime),
        keysets: Vec<ArchivedKeyset>,
        last: Option<&ArchiveIndex>,
    ) -> Result<ArchiveIndex, ArchiveError> {
        let (mint, now, book) = (*self.id(), self.books().clock().now(), self.books().keyset_book());
        let issued_at = last.map_or(now, |last| now.max(last.issued_at().plus(1))).max(times.0).max(times.1);
        let index = self.signer().sign(ArchiveIndex::draft(mint, issued_at, times, keysets)?).await?;
        let ends = |keyset: &KeysetId| book.get(keyset).map(|keyset| keyset.terms().deposit_until);
        index.accept(&mint, last, &ends, issued_at).map_err(|_| ArchiveError::Contradiction)?;
        Ok(index)
    }

    fn write_files(&self, made: &[Made]) -> io::Result<()> {
        let folder = self.books().home().archive();
        made.iter().try_for_each(|(name, bytes)| files::write(&folder, name, bytes))?;
        files::sync(&folder, made.iter().map(|(name, _)| name.as_path()))
    }
}

/// Nobody can know it before everything that it cuts is recorded, or choose the ids of issuances by it.
fn new_salt() -> SegmentSalt {
    SegmentSalt::from_bytes(crate::random())
}

/// A keyset's place in the index.
fn entry(by_id: &mut BTreeMap<KeysetId, ArchivedKeyset>, keyset: KeysetId) -> &mut ArchivedKeyset {
    by_id.entry(keyset).or_insert_with(|| ArchivedKeyset { keyset, segments: Vec::new(), filters: Vec::new() })
}
