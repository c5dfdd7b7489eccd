//! TLS from certificate files, which can be read again while connections go on.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::serve::{Listener, ServeOptions, serve, serve_tcp};

/// Why TLS cannot be served with these files. No file's content is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", .path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The certificate file holds no certificate, or something else than PEM.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The key file holds no private key, or something else than PEM.
    #[error("{} holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// The key is of a kind that is not supported, or is not the certificate's.
    #[error("the private key and the certificate do not belong together, or cannot be used")]
    Unusable,
}

/// A certificate with its key, from two PEM files. Clones share it, and see when it is read again.
#[derive(Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the certificate, with the chain behind it, and its private key.
    ///
    /// # Errors
    /// A [`TlsError`].
    pub fn load(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let current = Arc::new(RwLock::new(read(&certificate, &key)?));
        Ok(Self { certificate, key, current })
    }

    /// Reads the files again, for connections from now on. Those that are open go on with what they began with.
    ///
    /// # Errors
    /// A [`TlsError`]: then what was there before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let next = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// As [`serve_tcp_with`](super::serve_tcp_with), over TLS 1.2 or 1.3.
///
/// A handshake takes its time on its own connection, counts as one, and must end within
/// [`ServeOptions::header_timeout`].
///
/// # Errors
/// As [`serve_tcp_with`](super::serve_tcp_with).
pub async fn serve_tls_with(
    listener: TcpListener,
    tls: Tls,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve(TlsListener { listener, tls, patience: options.header_timeout }, router, options, shutdown).await;
    Ok(())
}

/// As [`serve_tls_with`] where there is a certificate, else as [`serve_tcp`], with default [`ServeOptions`].
///
/// # Errors
/// As both.
pub async fn serve_public(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    match tls {
        Some(tls) => serve_tls_with(listener, tls, router, ServeOptions::default(), shutdown).await,
        None => serve_tcp(listener, router, shutdown).await,
    }
}

struct TlsListener {
    listener: TcpListener,
    tls: Tls,
    patience: Duration,
}

impl Listener for TlsListener {
    type Io = Lazy;

    async fn next(&self) -> io::Result<Lazy> {
        let stream = self.listener.next().await?;
        // Begun here, the handshake goes on where the connection is read: nobody else waits for it.
        let handshake = self.tls.acceptor().accept(stream);
        Ok(Lazy::Shaking(Box::new(handshake), Box::pin(sleep(self.patience))))
    }
}

/// A connection whose handshake is made when it is first used.
enum Lazy {
    Shaking(Box<Accept<TcpStream>>, Pin<Box<Sleep>>),
    Open(Box<TlsStream<TcpStream>>),
    Failed,
}

impl Lazy {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let Self::Shaking(handshake, patience) = self {
            let done = match Pin::new(handshake.as_mut()).poll(cx) {
                Poll::Ready(done) => done,
                Poll::Pending => {
                    ready!(patience.as_mut().poll(cx));
                    Err(io::ErrorKind::TimedOut.into())
                }
            };
            match done {
                Ok(stream) => *self = Self::Open(Box::new(stream)),
                Err(error) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match self {
            Self::Open(stream) => Poll::Ready(Ok(Pin::new(stream.as_mut()))),
            Self::Shaking(..) | Self::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Lazy {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lazy {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            // Nothing was written.
            Self::Shaking(..) | Self::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Shaking(..) | Self::Failed => Poll::Ready(Ok(())),
        }
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::Unreadable { path, error }
    };
    let pem = std::fs::read(certificate).map_err(unreadable(certificate))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    let pem = std::fs::read(key).map_err(unreadable(key))?;
    let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| TlsError::Unusable)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(|_| TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
