//! What a signer signs.

use farthing_protocol::archive::{ArchiveIndex, IssuanceFile, SpentFilter};
use farthing_protocol::codec::DecodeError;
use farthing_protocol::keyset::KeysetList;
use farthing_protocol::unsigned::{Signable, Unsigned};

use super::{Frame, kind};

/// What a mint publishes, to be signed.
pub(crate) enum Document {
    List(Box<Unsigned<KeysetList>>),
    Index(Box<Unsigned<ArchiveIndex>>),
    File(Box<Unsigned<IssuanceFile>>),
    Filter(Box<Unsigned<SpentFilter>>),
}

/// An object that a signer signs.
pub(crate) trait Published: Signable {
    /// Which.
    const TAG: u8;
}

impl Published for KeysetList {
    const TAG: u8 = 1;
}

impl Published for ArchiveIndex {
    const TAG: u8 = 2;
}

impl Published for IssuanceFile {
    const TAG: u8 = 3;
}

impl Published for SpentFilter {
    const TAG: u8 = 4;
}

impl Frame {
    /// Asks for a signature under a draft, which is kept.
    pub(crate) fn to_sign<T: Published>(draft: &Unsigned<T>) -> Self {
        Self::of(kind::SIGN, |out| {
            out.u8(T::TAG);
            out.bytes(&draft.to_bytes());
        })
    }
}

impl Document {
    pub(super) fn read(tag: u8, object: &[u8]) -> Result<Self, DecodeError> {
        Ok(match tag {
            KeysetList::TAG => Self::List(Box::new(Unsigned::from_bytes(object)?)),
            ArchiveIndex::TAG => Self::Index(Box::new(Unsigned::from_bytes(object)?)),
            IssuanceFile::TAG => Self::File(Box::new(Unsigned::from_bytes(object)?)),
            SpentFilter::TAG => Self::Filter(Box::new(Unsigned::from_bytes(object)?)),
            _ => return Err(DecodeError::UnknownTag),
        })
    }
}
