//! Frames: length, version, kind, body.

use std::fmt;

use farthing_protocol::codec::{DecodeError, Reader, Writer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of what is said here. A signer and a mint of different versions do not understand each other.
pub(super) const VERSION: u8 = 1;

/// The longest frame, in bytes: an issuance file is shorter.
pub(super) const MAX_FRAME: usize = 4 << 20;

/// One frame, without its length.
pub(crate) struct Frame(pub(super) Vec<u8>);

impl Frame {
    pub(super) fn of(kind: u8, body: impl FnOnce(&mut Writer)) -> Self {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u8(kind);
        body(&mut out);
        Self(out.finish())
    }

    /// Sends it.
    ///
    /// # Errors
    /// What the connection says; [`std::io::ErrorKind::InvalidInput`] for a frame that is too long.
    pub(crate) async fn send(&self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let length = u32::try_from(self.0.len()).ok().filter(|_| self.0.len() <= MAX_FRAME);
        to.write_all(&length.ok_or(std::io::ErrorKind::InvalidInput)?.to_le_bytes()).await?;
        to.write_all(&self.0).await?;
        to.flush().await
    }

    /// Waits for one; nothing if the connection ended between two.
    ///
    /// # Errors
    /// What the connection says; [`std::io::ErrorKind::InvalidData`] for a length that is not allowed.
    pub(crate) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Self>> {
        let mut length = [0; 4];
        if from.read(&mut length[..1]).await? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length[1..]).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if !(2..=MAX_FRAME).contains(&length) {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        // As it comes, so that a length alone reserves nothing.
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        if from.take(limit).read_to_end(&mut bytes).await? < length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Self(bytes)))
    }

    /// Its kind, and the body to be read.
    pub(super) fn open(&self) -> Result<(u8, Reader<'_>), DecodeError> {
        let mut input = Reader::new(&self.0);
        if input.u8()? != VERSION {
            return Err(DecodeError::UnsupportedVersion);
        }
        Ok((input.u8()?, input))
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frame(..)")
    }
}
