//! What a signer of its own signed of the archive for somebody else, and what it signed before it was one.

use std::path::Path;

use farthing_protocol::archive::{ArchiveIndex, IssuanceFile, Prefix, SpentFilter};
use farthing_protocol::codec::Wire;
use farthing_protocol::ids::KeysetId;

use super::files::{issued_name, read, spent_name};
use super::{ArchiveError, new_salt};
use crate::ledger;
use crate::mint::Mint;
use crate::signer::{SignerRefusal, SigningError};

/// A file of the archive.
pub(crate) enum Signed {
    Issued(IssuanceFile),
    Spent(SpentFilter),
}

/// All files in a folder that an index lists, but those that are missing or damaged.
pub(crate) fn signed_files<'a>(folder: &'a Path, index: &'a ArchiveIndex) -> impl Iterator<Item = Signed> + 'a {
    let issued = index.keysets().iter().flat_map(move |archived| {
        let files = (0..)
            .zip(&archived.segments)
            .flat_map(|(segment, listed)| Prefix::all(listed.bits).map(move |prefix| (segment, prefix.value())));
        files.filter_map(move |(segment, prefix)| {
            let head = index.file(&archived.keyset, segment, prefix)?;
            let bytes = read(folder, &issued_name(&head)).ok()??;
            let file = IssuanceFile::from_bytes(&bytes).ok()?;
            file.accept(&head).ok().map(|()| Signed::Issued(file))
        })
    });
    let spent = index.keysets().iter().flat_map(move |archived| {
        let parts =
            (0..).zip(&archived.filters).flat_map(|(period, listed)| (0..listed.parts).map(move |part| (period, part)));
        parts.filter_map(move |(period, part)| {
            let head = index.filter(&archived.keyset, period, part)?;
            let bytes = read(folder, &spent_name(&head)).ok()??;
            let filter = SpentFilter::from_bytes(&bytes).ok()?;
            filter.accept(&head).ok().map(|()| Signed::Spent(filter))
        })
    });
    issued.chain(spent)
}

impl Mint {
    /// Goes on from what the signer signed for somebody else, if that is why it refuses. Says whether it is worth trying again. Nobody else
    /// MUST be sealing.
    pub(super) async fn mend(&self, error: &ArchiveError) -> bool {
        let mended = match error {
            ArchiveError::Signing(SigningError::Refused(SignerRefusal::WentBack)) => self.adopt_last_index().await,
            ArchiveError::Signing(SigningError::Refused(SignerRefusal::OtherContent)) => self.cut_anew().await,
            _ => return false,
        };
        mended.unwrap_or_else(|error| {
            tracing::error!(%error, "what the signer signed of the archive could not be taken over");
            false
        })
    }

    /// Makes the index that the signer signed last this mint's own: it is public, whoever had it signed. What it lists and the ledger does
    /// not know stays listed, with nothing in it. Whatever the ledger has that is not listed is listed later. Says whether there was one.
    async fn adopt_last_index(&self) -> Result<bool, ArchiveError> {
        let (ledger, book) = (self.books().ledger(), self.books().keyset_book());
        let last = ledger.read(ledger::stored_index).await?;
        let Some(index) = self.signer().last_index().await? else { return Ok(false) };
        let ends = |keyset: &KeysetId| book.get(keyset).map(|keyset| keyset.terms().deposit_until);
        // Signed, and no contradiction to what this mint gave out.
        let follows = index.accept(self.id(), last.as_ref(), &ends, index.issued_at()).is_ok();
        if !follows || last.as_ref() == Some(&index) {
            return Ok(false);
        }
        tracing::error!("the signer has signed an index of the archive that this mint does not know: it is taken over");
        let salt = new_salt();
        ledger.run(move |txn, now| ledger::adopt_index(txn, now, &index, salt)).await?;
        Ok(true)
    }

    /// Cuts what is to be listed next by another salt, and filters at another time: under other heads.
    async fn cut_anew(&self) -> Result<bool, ArchiveError> {
        tracing::error!(
            "the signer has signed a file of the archive that this mint did not make: what is to be listed is cut anew"
        );
        let salt = new_salt();
        self.books().ledger().run(move |txn, now| ledger::cut_anew(txn, now, salt)).await?;
        Ok(true)
    }
}
