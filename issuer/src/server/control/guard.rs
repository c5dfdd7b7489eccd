//! Nothing changes over the control socket without the administrator's second factor, once one is enrolled.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::SecondFactor;

use crate::control::{CODE_HEADER, path};
use crate::ledger::Authority;
use crate::mint::Mint;

/// What needs no code: the first code of a new factor proves nothing that is asked for yet; and a copy of the ledger changes nothing, holds no secret of a
/// second factor that could be read, and stands in the journal.
const OPEN: [&str; 3] = [path::ADMINISTRATOR_CONFIRM, path::BEGIN_COPY, path::COPY_PORTION];

/// Lets requests that only look pass, and of the others those that may change something. It stands before every endpoint, so that
/// a new one is guarded by itself.
pub(super) async fn guard(State(mint): State<Mint>, mut request: Request, next: Next) -> Response {
    if request.method().is_safe() || OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let code = match request.headers().get(CODE_HEADER) {
        None => None,
        Some(value) => match value.to_str().ok().and_then(|text| SecondFactor::parse(text).ok()) {
            Some(code) => Some(code),
            None => return Problem::new(Code::SecondFactorWrong).with_detail("This is no code.").into_response(),
        },
    };
    match mint.books().prove(code).await {
        Ok(authority) => {
            request.extensions_mut().insert(Ticket::new(authority));
            next.run(request).await
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// What [`guard`] leaves for the one handler of a request.
#[derive(Clone)]
struct Ticket(Arc<Mutex<Option<Authority>>>);

impl Ticket {
    fn new(authority: Authority) -> Self {
        Self(Arc::new(Mutex::new(Some(authority))))
    }

    fn take(&self) -> Option<Authority> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whoever makes a change: a handler that records something in the journal takes it.
pub(in crate::server) struct Administrator(pub(in crate::server) Authority);

impl<S: Send + Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Ticket>().and_then(Ticket::take).map(Self).ok_or_else(|| Code::Internal.into())
    }
}
