//! Clients that nobody can tell to be of one user by what they share.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand::TryRng;
use rand::rngs::SysRng;
use reqwest::{Proxy, Url};
use rustls::ClientConfig;

use super::http_client::socks;
use super::{BuildError, Builder, CallError, HttpClient, Unsent};

/// Makes clients with the same settings that share nothing that a server or a proxy sees: no connection, no TLS session, and towards
/// the proxy a random user name and password for each, by which Tor and other proxies give each a path of its own.
///
/// Making one is cheap: what is the same for all is computed once.
pub struct Clients {
    builder: Builder,
    tls: ClientConfig,
    proxy: Option<Url>,
}

impl Clients {
    pub(super) fn new(builder: Builder) -> Result<Self, BuildError> {
        let builder = builder.reuse_connections(false);
        let proxy = builder.proxy_url().map(socks).transpose()?;
        if proxy.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
            return Err(BuildError::ProxyUser);
        }
        let clients = Self { tls: builder.tls()?, builder, proxy };
        // What cannot be built is found out now.
        clients.build()?;
        Ok(clients)
    }

    /// A client that shares nothing with any other.
    ///
    /// # Errors
    ///
    /// [`CallError::NotSent`] when the operating system gives no randomness, or nothing else that a client is made of.
    pub fn fresh(&self) -> Result<HttpClient, CallError> {
        self.build().map_err(|_| CallError::NotSent(Unsent::Request))
    }

    fn build(&self) -> Result<HttpClient, BuildError> {
        let proxy = self.proxy.clone().map(with_random_user).transpose()?;
        self.builder.build_with(self.tls.clone(), proxy)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clients").field(&self.builder).finish()
    }
}

/// 128 random bits each, which no two clients have.
fn with_random_user(mut url: Url) -> Result<Proxy, BuildError> {
    let random = || {
        let mut bytes = [0; 16];
        SysRng.try_fill_bytes(&mut bytes).map_err(|_| BuildError::Setup)?;
        Ok(BASE64URL_NOPAD.encode(&bytes))
    };
    url.set_username(&random()?).map_err(|()| BuildError::Proxy)?;
    url.set_password(Some(&random()?)).map_err(|()| BuildError::Proxy)?;
    Proxy::all(url).map_err(|_| BuildError::Proxy)
}
