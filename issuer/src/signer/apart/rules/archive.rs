//! What is signed of the archive: one content for each file, and an index that takes nothing back.

use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::{ArchiveIndex, IssuanceFile, SpentFilter};
use farthing_protocol::codec::{Wire, Writer};
use farthing_protocol::identity::Signature;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::unsigned::{Signable, Unsigned};

use super::super::wire::Refusal;
use super::{Rules, SKEW, key_of, stored, wait};
use crate::signer::Strongbox;

/// So many files with a head of their own are signed within an hour, so that nobody fills the signer's disk.
const FILES: u64 = 20_000;

/// So many segments and filters are added to the index within an hour, so that nobody fills the index.
const LISTED: u64 = 1024;

/// So many rows are written or deleted in one transaction.
const PORTION: usize = 1024;

/// A file of the archive.
pub(in super::super) trait Filed: Signable {
    /// Where it belongs.
    fn place(&self) -> Place;
}

/// Where a file of the archive belongs: everything that stands in its head.
pub(in super::super) struct Place {
    keyset: KeysetId,
    /// When the time ended that it is about.
    until: UnixTime,
    /// Under which its signature is kept.
    key: Vec<u8>,
}

impl Filed for IssuanceFile {
    fn place(&self) -> Place {
        let head = self.head();
        let mut out = begin(&head.keyset, 1);
        out.u32(head.segment);
        out.part(&head.span);
        out.part(&head.salt);
        out.part(&head.prefix);
        Place { keyset: head.keyset, until: head.span.until(), key: out.finish() }
    }
}

impl Filed for SpentFilter {
    fn place(&self) -> Place {
        let head = self.head();
        let mut out = begin(&head.keyset, 2);
        out.u32(head.period);
        out.part(&head.span);
        out.u16(head.part);
        out.u16(head.parts);
        Place { keyset: head.keyset, until: head.span.until(), key: out.finish() }
    }
}

fn begin(keyset: &KeysetId, kind: u8) -> Writer {
    let mut out = Writer::default();
    out.bytes(&files_of(keyset));
    out.u8(kind);
    out
}

fn files_of(keyset: &KeysetId) -> Vec<u8> {
    [b"file/".as_slice(), keyset.as_bytes()].concat()
}

fn gone(keyset: &KeysetId) -> Vec<u8> {
    [b"gone/".as_slice(), keyset.as_bytes()].concat()
}

impl Rules {
    /// Signs an index of the archive that takes back nothing of the last one, and names no keyset but the signer's own.
    pub(in super::super) fn sign_index(
        &self,
        draft: Unsigned<ArchiveIndex>,
        strongbox: &Strongbox,
    ) -> Result<ArchiveIndex, Refusal> {
        let _one = self.alone();
        let (book, now) = (self.book(), self.clock.now());
        if draft.content().issued_at() > now.plus(SKEW) {
            return Err(Refusal::NotItsTime);
        }
        if draft.content().keysets().iter().any(|archived| book.get(&archived.keyset).is_none()) {
            return Err(Refusal::NotNext);
        }
        let last = self.last_index()?;
        let index = strongbox.sign(draft).map_err(|_| Refusal::OtherMint)?;
        let issued_at = index.issued_at();
        let ends = |keyset: &KeysetId| book.get(keyset).map(|keyset| keyset.terms().deposit_until);
        index.accept(self.home.mint_id(), last.as_ref(), &ends, issued_at).map_err(|_| Refusal::WentBack)?;
        let (added, bytes) = (added(&index, last.as_ref()), index.to_bytes());
        let named: Vec<KeysetId> = index.keysets().iter().map(|archived| archived.keyset).collect();
        wait(&self.store, move |txn| {
            for keyset in &named {
                require_here(txn, keyset)?;
            }
            admit(txn, b"rate/listed", now, added, LISTED)?;
            Ok(txn.put_large(key_of::<ArchiveIndex>(), &bytes)?)
        })?;
        Ok(index)
    }

    /// The index that was signed last.
    pub(in super::super) fn last_index(&self) -> Result<Option<ArchiveIndex>, Refusal> {
        wait(&self.store, |txn| stored(txn))
    }

    /// Signs a file of the archive about a time that is over. It counts for nothing unless an index lists it; but of two with one head
    /// nobody could tell which one that is, so there is one. What it is signed with is durable when this returns.
    pub(in super::super) fn sign_file<T: Filed>(
        &self,
        draft: Unsigned<T>,
        strongbox: &Strongbox,
    ) -> Result<Signature, Refusal> {
        let (Place { keyset, until, key }, now) = (draft.content().place(), self.clock.now());
        let signed = strongbox.sign(draft).map_err(|error| {
            tracing::warn!(%error, "a file of the archive is not signed");
            Refusal::OtherMint
        })?;
        if self.book().get(&keyset).is_none() {
            return Err(Refusal::NotNext);
        }
        if until > now.plus(SKEW) {
            return Err(Refusal::NotItsTime);
        }
        let signature = Unsigned::signature_of(&signed);
        wait(&self.store, move |txn| {
            require_here(txn, &keyset)?;
            match txn.get(&key)? {
                // Ed25519 draws nothing: the same content has the same signature, and another one another.
                Some(known) if known == signature.as_bytes() => Ok(()),
                Some(_) => Err(Refusal::OtherContent),
                None => {
                    admit(txn, b"rate/files", now, 1, FILES)?;
                    Ok(txn.put(&key, signature.as_bytes())?)
                }
            }
        })?;
        Ok(signature)
    }

    /// Takes over files that were signed before there was this signer. Of those that it knows nothing changes.
    pub(in super::super) fn take_over_files(&self, files: Vec<(Place, Signature)>) -> Result<(), Refusal> {
        wait(&self.store, move |txn| {
            for (place, signature) in &files {
                if txn.get(&place.key)?.is_none() {
                    txn.put(&place.key, signature.as_bytes())?;
                }
            }
            Ok(())
        })
    }

    /// Removes the secret keys of a keyset for good, and what was kept of its files. Its time must be over by the signer's own clock, and the
    /// index MUST NOT list it any more: the mint's tombstone stands then.
    pub(in super::super) fn forget(&self, keyset: &KeysetId, strongbox: &Strongbox) -> Result<(), Refusal> {
        let _one = self.alone();
        let (book, id) = (self.book(), *keyset);
        let known = book.get(keyset).ok_or(Refusal::NotNext)?;
        let listed = self.last_index()?.is_some_and(|index| index.keyset(keyset).is_some());
        if listed || self.clock.now() < known.terms().deposit_until {
            return Err(Refusal::NotItsTime);
        }
        wait(&self.store, move |txn| Ok(txn.put(&gone(&id), &[1])?))?;
        strongbox.remove(keyset).map_err(|error| {
            tracing::error!(%error, "a keyset's secret keys could not be removed");
            Refusal::Failed
        })?;
        while wait(&self.store, move |txn| delete_portion(txn, &files_of(&id)))? {}
        Ok(())
    }
}

/// How many segments and filters an index has that the last one had not.
fn added(index: &ArchiveIndex, last: Option<&ArchiveIndex>) -> u64 {
    let count = |index: &ArchiveIndex| -> BTreeMap<KeysetId, usize> {
        let of = |archived: &farthing_protocol::archive::ArchivedKeyset| {
            (archived.keyset, archived.segments.len().saturating_add(archived.filters.len()))
        };
        index.keysets().iter().map(of).collect()
    };
    let before = last.map(count).unwrap_or_default();
    let more =
        count(index).into_iter().map(|(keyset, now)| now.saturating_sub(before.get(&keyset).copied().unwrap_or(0)));
    u64::try_from(more.fold(0, usize::saturating_add)).unwrap_or(u64::MAX)
}

fn require_here(txn: &Txn<'_>, keyset: &KeysetId) -> Result<(), Refusal> {
    if txn.get(&gone(keyset))?.is_some() { Err(Refusal::NotNext) } else { Ok(()) }
}

/// Counts something that may be done so often within an hour: hour (8 bytes) ‖ count (8), big-endian. An hour that the clock has not
/// reached counts on: it was set back.
fn admit(txn: &mut Txn<'_>, key: &[u8], now: UnixTime, more: u64, at_most: u64) -> Result<(), Refusal> {
    let hour = now.seconds() / 3600;
    let counted = txn.get(key)?.as_deref().and_then(counted).filter(|(counted, _)| *counted >= hour);
    let (hour, before) = counted.unwrap_or((hour, 0));
    let count = before.saturating_add(more);
    if count > at_most {
        return Err(Refusal::TooMuch);
    }
    Ok(txn.put(key, &[hour.to_be_bytes(), count.to_be_bytes()].concat())?)
}

fn counted(value: &[u8]) -> Option<(u64, u64)> {
    let (hour, count) = value.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*hour), u64::from_be_bytes(count.try_into().ok()?)))
}

/// Deletes a portion of the rows whose keys begin like this, and says whether there may be more.
fn delete_portion(txn: &mut Txn<'_>, prefix: &[u8]) -> Result<bool, Refusal> {
    let rows = txn.scan_prefix(prefix, None, PORTION)?;
    rows.iter().try_for_each(|(key, _)| txn.delete(key))?;
    Ok(rows.len() == PORTION)
}
