//! What whoever asks is told.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header as http};
use axum::response::IntoResponse;
use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::InvoiceRequest;
use farthing_protocol::ids::HttpBinding;
use farthing_protocol::receipt::Receipt;

use super::wire::{self, header};
use super::{Cost, PriceError, Shop, page};
use crate::merchant::{KeptAnswer, PayError};

/// One request as it is sold.
pub(super) struct Offered<'a> {
    pub(super) cost: &'a Cost,
    pub(super) url: &'a str,
    pub(super) binding: HttpBinding,
    pub(super) page: bool,
}

impl Shop {
    /// 402, with an invoice for exactly this request.
    pub(super) fn demand(&self, offered: &Offered<'_>, error: &str) -> Response<Body> {
        let Offered { cost, url, binding, page } = offered;
        let request = InvoiceRequest {
            amount: cost.amount,
            memo: None,
            expires_in: Some(self.options.timeout_seconds),
            reusable: false,
            http: Some(*binding),
        };
        let invoice = match self.merchant.invoice(request) {
            Ok(invoice) => invoice,
            Err(error) => {
                tracing::warn!(%error, "a price could not be asked");
                return Code::PriceUnavailable.into_response();
            }
        };
        let description = cost.description.as_deref();
        let demand = wire::Demand {
            mint: self.merchant.mint(),
            invoice: &invoice,
            url,
            description,
            timeout_seconds: self.options.timeout_seconds,
            error,
        };
        let mut response = if *page {
            let page = page::page(&invoice, url, description, error);
            let mut response = page.into_response();
            set(response.headers_mut(), http::CONTENT_TYPE, "text/html; charset=utf-8");
            let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
            set(response.headers_mut(), http::CONTENT_SECURITY_POLICY, policy);
            response
        } else {
            let mut response = "{}".into_response();
            set(response.headers_mut(), http::CONTENT_TYPE, "application/json");
            response
        };
        *response.status_mut() = StatusCode::PAYMENT_REQUIRED;
        set(response.headers_mut(), http::CACHE_CONTROL, "no-store");
        set(response.headers_mut(), HeaderName::from_static(header::REQUIRED), &wire::required(&demand));
        response
    }

    /// Why a payment buys nothing now. What is not known is never called a refusal.
    pub(super) fn refuse(&self, offered: Option<&Offered<'_>>, error: PayError) -> Response<Body> {
        let code = error.code();
        if let PayError::AcceptedElsewhere = error {
            let said = wire::refused(self.merchant.mint(), code.as_str(), code.title());
            return with_response(Problem::from(error).into_response(), &said);
        }
        let unknown = matches!(&error, PayError::Store(error) if !error.nothing_changed());
        let passing = matches!(&error, PayError::Store(error) if error.is_passing())
            || matches!(error, PayError::InProgress | PayError::Keysets(_));
        match offered {
            Some(offered) if !unknown && !passing && code.status() < 500 => self.demand(offered, code.title()),
            _ => {
                let problem = Problem::from(error);
                let problem = if code == Code::Unavailable {
                    problem.with_detail(KEPT_OPEN).with_retry_after(RETRY)
                } else {
                    problem
                };
                problem.into_response()
            }
        }
    }

    /// Nothing more is given for a payment that was accepted.
    pub(super) fn used(&self, receipt: &Receipt) -> Response<Body> {
        let said = wire::settled(self.merchant.mint(), receipt);
        with_response(Problem::new(Code::PaymentUsed).into_response(), &said)
    }

    /// An answer that was paid for goes out: it is for whoever paid, and for nobody else.
    pub(super) fn sold(&self, mut response: Response<Body>, receipt: &Receipt) -> Response<Body> {
        keep_private(response.headers_mut());
        let said = wire::settled(self.merchant.mint(), receipt);
        with_response(response, &said)
    }

    /// An answer that was given before.
    pub(super) fn repeated(&self, kept: KeptAnswer, receipt: &Receipt) -> Response<Body> {
        let mut response = Response::new(Body::from(kept.body));
        *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
        for (name, value) in kept.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        self.sold(response, receipt)
    }
}

/// The service behind failed: the payment is kept.
pub(super) fn upstream_failed(behind: &Response<Body>) -> Response<Body> {
    let code =
        if behind.status() == StatusCode::GATEWAY_TIMEOUT { Code::UpstreamTimeout } else { Code::UpstreamFailed };
    let mut response = Problem::new(code).with_detail(KEPT).into_response();
    if let Some(wait) = behind.headers().get(http::RETRY_AFTER) {
        response.headers_mut().insert(http::RETRY_AFTER, wait.clone());
    }
    response
}

/// Why there is no price.
pub(super) fn no_price(error: PriceError) -> Response<Body> {
    match error {
        PriceError::NotForSale => Code::NotForSale.into_response(),
        PriceError::Unavailable => Code::PriceUnavailable.into_response(),
        PriceError::Ambiguous => {
            let problem = Problem::new(Code::BadRequest);
            problem.with_detail("The path could mean different things to different servers.").into_response()
        }
    }
}

const RETRY: std::time::Duration = std::time::Duration::from_secs(2);
const KEPT: &str = "The payment was accepted and is kept: make the same request again with the same payment.";
const KEPT_OPEN: &str =
    "It is not known yet whether the payment was accepted: make the same request again with the same payment.";

fn with_response(mut response: Response<Body>, said: &str) -> Response<Body> {
    set(response.headers_mut(), HeaderName::from_static(header::RESPONSE), said);
    response
}

/// No cache that several people use may keep it.
fn keep_private(headers: &mut HeaderMap) {
    // What some caches obey instead.
    for name in ["x-accel-expires", "surrogate-control", "cdn-cache-control", "cloudflare-cdn-cache-control"] {
        headers.remove(name);
    }
    let values = headers.get_all(http::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let is_private = values.flat_map(|value| value.split(',')).any(|directive| {
        let directive = directive.trim();
        directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("private")
    });
    if !is_private {
        set(headers, http::CACHE_CONTROL, "private");
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
