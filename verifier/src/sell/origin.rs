//! Under which addresses a service is reached.

use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};

/// The text is no origin such as `https://api.example.com`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme, a host and perhaps a port, such as https://api.example.com")]
pub struct InvalidOrigin;

/// Addresses, of which the `Host` of a request says one. A payment is bound to it, so that it must be one of these: a request that names
/// another host is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<(String, String)>);

impl Origins {
    /// These: scheme, host and port, without anything behind.
    ///
    /// # Errors
    /// [`InvalidOrigin`], also when there is none.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        let origins = origins.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if origins.is_empty() { Err(InvalidOrigin) } else { Ok(Self(origins)) }
    }

    /// A machine's own names for a port of it, besides the address itself.
    pub fn local(address: SocketAddr) -> Self {
        let mut hosts = vec![address.to_string()];
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            let port = address.port();
            hosts.extend([format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")]);
        }
        Self(hosts.into_iter().map(|host| (host.clone(), format!("http://{host}"))).collect())
    }

    /// The origin that a request names.
    pub(super) fn of(&self, uri: &Uri, headers: &HeaderMap) -> Option<&str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (uri.authority(), hosts.next(), hosts.next()) {
            (Some(authority), _, None) => authority.as_str(),
            (None, Some(host), None) => host.to_str().ok()?,
            _ => return None,
        };
        let found = self.0.iter().find(|(authority, _)| authority.eq_ignore_ascii_case(host));
        found.map(|(_, origin)| origin.as_str())
    }

    /// The first one.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", |(_, origin)| origin)
    }
}

/// The host as clients name it, and the origin: the default port is not written.
fn read(text: &str) -> Result<(String, String), InvalidOrigin> {
    let uri: Uri = text.parse().map_err(|_| InvalidOrigin)?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https")).ok_or(InvalidOrigin)?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(InvalidOrigin)?;
    let bare = text.strip_suffix('/').unwrap_or(text);
    if bare != format!("{scheme}://{authority}") {
        return Err(InvalidOrigin);
    }
    let default = if scheme == "https" { 443 } else { 80 };
    let host = authority.host().to_ascii_lowercase();
    let host = match authority.port_u16() {
        Some(port) if port != default => format!("{host}:{port}"),
        Some(_) => host,
        None if authority.as_str() != authority.host() => return Err(InvalidOrigin),
        None => host,
    };
    let origin = format!("{scheme}://{host}");
    Ok((host, origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'o>(origins: &'o Origins, host: &str) -> Option<&'o str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        origins.of(&"/a".parse().unwrap(), &headers)
    }

    #[test]
    fn the_host_says_which() {
        let origins = Origins::new(["https://API.example.com:443/", "http://127.0.0.1:8402"]).unwrap();
        assert_eq!(of(&origins, "api.Example.com"), Some("https://api.example.com"));
        assert_eq!(of(&origins, "127.0.0.1:8402"), Some("http://127.0.0.1:8402"));
        for other in ["example.com", "127.0.0.1", "api.example.com.evil", ""] {
            assert_eq!(of(&origins, other), None, "{other}");
        }
        assert_eq!(origins.of(&"/a".parse().unwrap(), &HeaderMap::new()), None);
        let local = Origins::local("127.0.0.1:8402".parse().unwrap());
        assert_eq!(of(&local, "localhost:8402"), Some("http://localhost:8402"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["", "api.example.com", "ftp://a", "https://a/b", "https://a?b", "https://u@a", "https://a:x", "/a"]
        {
            assert_eq!(Origins::new([text]), Err(InvalidOrigin), "{text}");
        }
        assert_eq!(Origins::new([]), Err(InvalidOrigin));
    }
}
