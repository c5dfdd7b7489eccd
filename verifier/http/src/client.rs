//! Calls to Farthing services, with errors that say whether the request can have had an effect.

pub use self::answer::Answer;
pub use self::clients::Clients;
pub use self::error::{BuildError, CallError, Lost, Unsent};
pub use self::http_client::{Builder, HttpClient, tls_config};
pub use self::url::{BaseUrl, Endpoint, UrlError};
pub use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

mod answer;
mod clients;
mod error;
mod http_client;
mod url;
