//! The service that the layer makes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode, header as http};
use axum::response::IntoResponse;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::PayRequest;
use farthing_protocol::ids::HttpBinding;
use farthing_protocol::request::PaymentRequest;
use tokio::sync::OwnedSemaphorePermit;
use tower::{Service, ServiceExt};

use super::answer::{self, Offered};
use super::body::{self, Guarded, ReadError};
use super::{Cost, NotSent, Price, PriceError, Shop, page, wire};
use crate::merchant::{OfferTerms, PayError, Sale, Serving, Turn};

/// A service whose answers are sold: see [`RequirePayment`](super::RequirePayment).
#[derive(Clone)]
pub struct Sell<S> {
    shop: Arc<Shop>,
    inner: S,
}

impl<S> Sell<S> {
    pub(super) fn new(shop: Arc<Shop>, inner: S) -> Self {
        Self { shop, inner }
    }
}

impl<S> std::fmt::Debug for Sell<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sell")
    }
}

impl<S> Service<Request<Body>> for Sell<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    /// Always: whether the service behind is ready counts when a request is let through.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (shop, inner) = (Arc::clone(&self.shop), self.inner.clone());
        Box::pin(async move { Ok(shop.answer(request, inner).await.unwrap_or_else(|refusal| *refusal)) })
    }
}

/// Longest time for a body that is paid for to arrive.
const BODY: Duration = Duration::from_secs(15);

/// An answer instead of what was asked for.
type Refusal = Box<Response<Body>>;

impl Shop {
    async fn answer<S>(self: &Arc<Self>, request: Request<Body>, inner: S) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
        S::Future: Send,
    {
        let (mut parts, body) = request.into_parts();
        if parts.headers.contains_key(http::UPGRADE) || parts.method == Method::CONNECT {
            let problem = Problem::new(Code::BadRequest);
            let detail = "Connections are not upgraded here: one payment buys one answer, and no WebSocket.";
            return Err(Box::new(problem.with_detail(detail).into_response()));
        }
        let url = self.url(&parts)?;
        let paid = wire::payment(&parts.headers);
        // What an invoice of ours asks for is what it costs.
        let signed = matches!(&paid, Ok(Some(paid)) if matches!(paid.request, PaymentRequest::Invoice(_)));
        let price = self.pricing.price(&parts).await;
        if price == Ok(Price::Free) {
            body::strip(&mut parts.headers);
            let mut response = let_through(inner, Request::from_parts(parts, body)).await;
            body::strip(response.headers_mut());
            return Ok(response);
        }
        if let Err(error @ (PriceError::Ambiguous | PriceError::NotForSale)) = price {
            return Err(Box::new(answer::no_price(error)));
        }
        let bytes = self.read(body).await?;
        let binding = HttpBinding::new(parts.method.as_str(), &url, &bytes);
        let cost = match price {
            Ok(Price::Costs(cost)) if !cost.amount.is_zero() => Some(cost),
            Err(PriceError::Unavailable) if signed => None,
            _ => return Err(Box::new(answer::no_price(PriceError::Unavailable))),
        };
        let page = page::wanted(&parts.headers);
        let offered = cost.as_ref().map(|cost| Offered { cost, url: &url, binding, page });
        let paid = match (paid, &offered) {
            (Ok(Some(paid)), _) => paid,
            (Ok(None), Some(offered)) => return Err(Box::new(self.demand(offered, "Payment required"))),
            (Err(why), Some(offered)) => return Err(Box::new(self.demand(offered, why))),
            (Ok(None) | Err(_), None) => return Err(Box::new(answer::no_price(PriceError::Unavailable))),
        };
        let sale = self.sell(paid, cost.as_ref(), binding).await;
        let sale = sale.map_err(|error| Box::new(self.refuse(offered.as_ref(), error)))?;
        body::strip(&mut parts.headers);
        body::name_payment(&mut parts.headers, &sale.receipt().draft().payment);
        self.serve(sale, inner, Request::from_parts(parts, Body::from(bytes))).await
    }

    /// Reads a body, if there is room for it.
    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let most = body.size_hint().upper().and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(usize::MAX).min(self.options.body_bytes);
        let room = u32::try_from(most.div_ceil(1024)).unwrap_or(u32::MAX);
        let _room = self.room.try_acquire_many(room).map_err(|_| Box::new(Code::Overloaded.into_response()))?;
        match tokio::time::timeout(BODY, body::read(body, self.options.body_bytes)).await {
            Ok(bytes) => bytes.map_err(unread),
            Err(_) => Err(Box::new(Code::Timeout.into_response())),
        }
    }

    /// The URL that a payment is bound to: an own origin, and path and query as they came.
    fn url(&self, parts: &Parts) -> Result<String, Refusal> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let origin = self.options.origins.of(uri, &parts.headers).ok_or_else(|| {
            let problem = Problem::new(Code::NotForSale);
            Box::new(problem.with_detail("Nothing is sold under this host name.").into_response())
        })?;
        Ok(format!("{origin}{}", uri.path_and_query().map_or("/", |rest| rest.as_str())))
    }

    async fn sell(&self, paid: PayRequest, cost: Option<&Cost>, binding: HttpBinding) -> Result<Sale, PayError> {
        let amount = match cost {
            Some(cost) => cost.amount,
            // Not looked at: it is an invoice.
            None => paid.request.amount(),
        };
        let terms = OfferTerms { asset: None, amount, timeout_seconds: self.options.timeout_seconds };
        self.merchant.sell(paid, terms, binding).await
    }

    /// Serves what was paid for, to its end if it must not be had again, whoever still listens.
    async fn serve<S>(self: &Arc<Self>, sale: Sale, inner: S, request: Request<Body>) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
        S::Future: Send,
    {
        let shop = Arc::clone(self);
        let working = Arc::clone(&self.working).acquire_owned().await;
        let working = working.map_err(|_| Box::new(Code::Unavailable.into_response()))?;
        // Turn and execution together: a client who goes away in between takes nothing with him.
        let task = tokio::spawn(async move {
            let repeatable = request.method().is_safe();
            let serving = match sale.turn(repeatable, shop.options.window).await {
                Ok(Turn::Serve(serving)) => serving,
                Ok(Turn::Repeat(kept)) => return Ok(shop.repeated(kept, sale.receipt())),
                Err(PayError::Used) => return Err(Box::new(shop.used(sale.receipt()))),
                Err(error) => return Err(Box::new(shop.refuse(None, error))),
            };
            shop.execute(&sale, serving, working, inner, request).await
        });
        task.await.unwrap_or_else(|_| Err(Box::new(Code::Internal.into_response())))
    }

    async fn execute<S>(
        &self,
        sale: &Sale,
        serving: Serving,
        working: OwnedSemaphorePermit,
        inner: S,
        request: Request<Body>,
    ) -> Result<Response<Body>, Refusal>
    where
        S: Service<Request<Body>, Response = Response<Body>> + Send + 'static,
        S::Future: Send,
    {
        let repeatable = request.method().is_safe();
        let mut response = let_through(inner, request).await;
        if is_failure(response.status()) {
            // An order that failed may have been done: it is tried as often as an answer is given, and no more.
            let not_done = is_refusal(response.status()) || response.extensions().get::<NotSent>().is_some();
            if repeatable || not_done {
                body::give_back(serving).await;
            }
            return Err(Box::new(answer::upstream_failed(&response)));
        }
        body::strip(response.headers_mut());
        if repeatable {
            let (parts, body) = response.into_parts();
            return Ok(self.sold(Response::from_parts(parts, Guarded::body(body, serving)), sale.receipt()));
        }
        if let Err(error) = serving.answered().await {
            tracing::error!(%error, "an answer cannot be given: it could not be written down");
            let problem = Problem::new(Code::Unavailable);
            let detail = "The request was served, but that could not be written down: its answer is lost.";
            return Err(Box::new(problem.with_detail(detail).into_response()));
        }
        let (parts, body) = response.into_parts();
        let body = body::keep(body, parts.status.as_u16(), &parts.headers, serving, working);
        Ok(self.sold(Response::from_parts(parts, body), sale.receipt()))
    }
}

/// Whether the service behind could not, or would not now, do what was paid for.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() || is_refusal(status)
}

/// Whether it says that it did nothing, and that it may do so later.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

/// What the service behind answers; that it failed is an answer.
async fn let_through<S>(inner: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    inner.oneshot(request).await.unwrap_or_else(|_| {
        tracing::warn!("the service behind failed");
        StatusCode::BAD_GATEWAY.into_response()
    })
}

fn unread(error: ReadError) -> Refusal {
    Box::new(match error {
        ReadError::TooLarge => Code::BodyTooLarge.into_response(),
        ReadError::Broken => Problem::new(Code::BadRequest).with_detail("The request body broke off.").into_response(),
    })
}
