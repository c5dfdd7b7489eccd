//! TLS between a mint and its signer: each side knows the other's raw public key (RFC 7250), and nothing else counts. There are no
//! certificates, so none expires.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use farthing_protocol::codec::{DecodeError, from_base64url, to_base64url};
use farthing_protocol::identity::{Keypair, MintId};
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime as RustlsTime,
};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, ServerConfig,
    SignatureScheme,
};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::keys::{KeyError, read_key_file};

/// An Ed25519 public key by which one side of a TLS connection knows the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TlsKey([u8; 32]);

/// What stands before an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands before an Ed25519 secret key in PKCS#8 (RFC 8410).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

impl TlsKey {
    /// The base64url form, without padding.
    pub fn to_text(&self) -> String {
        to_base64url(&self.0)
    }

    /// Reads the base64url form.
    ///
    /// # Errors
    /// [`DecodeError::NonCanonicalText`] for another alphabet or length.
    pub fn from_text(text: &str) -> Result<Self, DecodeError> {
        from_base64url(text)?.try_into().map(Self).map_err(|_| DecodeError::NonCanonicalText)
    }

    fn info(&self) -> SubjectPublicKeyInfoDer<'static> {
        [SPKI.as_slice(), &self.0].concat().into()
    }
}

impl fmt::Debug for TlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsKey({})", self.to_text())
    }
}

impl<'de> Deserialize<'de> for TlsKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).map_err(serde::de::Error::custom)
    }
}

/// The secret half of a [`TlsKey`]. Zeroized when dropped.
pub(crate) struct TlsSecret(Zeroizing<[u8; 32]>);

impl TlsSecret {
    /// A new one.
    pub(crate) fn draw() -> Self {
        Self(Zeroizing::new(crate::random()))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(|secret| Self(Zeroizing::new(secret))).map_err(|_| KeyError::Damaged)
    }

    /// From a file of 32 bytes that nobody but its owner can read.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        read_key_file(path).map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub(crate) fn key(&self) -> TlsKey {
        // Any of the protocol's Ed25519 keys has this form.
        TlsKey(*MintId::from(&Keypair::from_secret(&self.0)).as_bytes())
    }

    fn certified(&self) -> Result<Arc<CertifiedKey>, Error> {
        let secret = Zeroizing::new([PKCS8.as_slice(), self.0.as_slice()].concat());
        let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(secret.as_slice()))?;
        let info = CertificateDer::from(self.key().info().to_vec());
        Ok(Arc::new(CertifiedKey::new(vec![info], key)))
    }
}

impl fmt::Debug for TlsSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSecret(<redacted>)")
    }
}

/// What a mint connects with: it shows `own` and talks to nobody but `signer`.
pub(crate) fn client(own: &TlsSecret, signer: TlsKey) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let known = Arc::new(Known::new(signer, &provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(known)
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
            own.certified().map_err(io::Error::other)?,
        )));
    Ok(Arc::new(config))
}

/// What a signer listens with: it shows `own` and talks to nobody but `mint`.
pub(crate) fn server(own: &TlsSecret, mint: TlsKey) -> io::Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let known = Arc::new(Known::new(mint, &provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_client_cert_verifier(known)
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(
            own.certified().map_err(io::Error::other)?,
        )));
    // Every connection shows its key anew.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Knows one key.
#[derive(Debug)]
struct Known {
    key: SubjectPublicKeyInfoDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Known {
    fn new(key: TlsKey, provider: &CryptoProvider) -> Self {
        Self { key: key.info(), algorithms: provider.signature_verification_algorithms }
    }

    fn is(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        if shown.as_ref() == self.key.as_ref() {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.is(shown)?;
        verify_tls13_signature_with_raw_key(message, &self.key, signed, &self.algorithms)
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: RustlsTime,
    ) -> Result<ServerCertVerified, Error> {
        self.is(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: RustlsTime,
    ) -> Result<ClientCertVerified, Error> {
        self.is(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
