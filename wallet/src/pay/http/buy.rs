//! From a demand to a payment that is kept: for a request of this wallet's, or to be handed to somebody who made his own.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayRequest;
use farthing_protocol::ids::RequestNonce;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::{PaymentKind, PaymentTerms};
use farthing_protocol::request::{OfferDraft, PaymentRequest};

use super::request::line_bytes;
use super::{Denied, GetError, GetLimits, HttpRequest, NotAllowed, Part, Price};
use crate::budget::{self, Budget};
use crate::error::{MintError, PayError, StoreError};
use crate::exact::{Exact, Wanted};
use crate::heads::{Asked, Target};
use crate::operation::{Body, Delivery, Pay};
use crate::pay::invoice::{before, key_of};
use crate::pay::prepare::authorize;
use crate::vault::Tx;
use crate::wallet::{Inner, Working};
use crate::x402::{Choice, Demand, Known, MAX_HEADERS, Seen, SeenRequest, Template, choose, header};

/// The largest body of a request that is paid for, for it is kept: 2 MiB.
const MAX_BODY: usize = 2 << 20;

/// A way of paying that was decided on.
struct Purchase {
    demand: Demand,
    choice: Choice,
    request: PaymentRequest,
    /// None if somebody else delivers the payment.
    http: Option<HttpRequest>,
    limits: GetLimits,
}

impl Inner {
    /// Chooses the first way of paying that is allowed and can be paid, reserves exact tokens, and keeps payment and request. Without a
    /// request, the payment is for somebody else's.
    pub(super) async fn buy(
        self: &Arc<Self>,
        http: Option<&HttpRequest>,
        demand: Demand,
        limits: &GetLimits,
    ) -> Result<Working, GetError> {
        let request = http.map(|http| {
            let (method, url, _, body) = http.parts();
            SeenRequest { method: method.as_str(), url: url.as_str(), body }
        });
        if let Some(bytes) = request.as_ref().map(|request| request.body.len()).filter(|bytes| *bytes > MAX_BODY) {
            return Err(GetError::TooLarge { part: Part::Body, bytes, limit: MAX_BODY });
        }
        let seen = Seen { request, now: self.now() };
        let choices = choose(&demand, &self.known_mints(), &seen)?;
        let mut refusal = GetError::NoCommonMint;
        let mut first = true;
        for choice in choices {
            match self.consider(http, &demand, &choice, limits).await {
                Ok((request, target)) => {
                    let (http, limits) = (http.cloned(), limits.clone());
                    let purchase = Purchase { demand, choice, request, http, limits };
                    return self.keep_purchase(purchase, &target).await;
                }
                Err(error @ (GetError::Store(_) | GetError::HeadDiffers { .. })) => return Err(error),
                Err(error) if first => (refusal, first) = (error, false),
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn known_mints(&self) -> Vec<Known> {
        let known = |mint: &Arc<crate::mints::Mint>| Known {
            mint: mint.id,
            usable: mint.usable().is_ok(),
            units: mint.chains.iter().map(|chain| (chain.key().unit, chain.key().redemption)).collect(),
        };
        self.all_mints().iter().map(known).collect()
    }

    /// Whether a way of paying is allowed, fits, and can be paid; and with which tokens.
    async fn consider(
        &self,
        http: Option<&HttpRequest>,
        demand: &Demand,
        choice: &Choice,
        limits: &GetLimits,
    ) -> Result<(PaymentRequest, Target), GetError> {
        self.check_limits(http, choice, limits).await?;
        let resource =
            http.map(HttpRequest::resource).filter(|url| url.len() <= OfferDraft::MAX_RESOURCE).unwrap_or_default();
        let nonce = RequestNonce::from_bytes(rand::random());
        let request = choice.request(&resource, nonce, self.now()).ok_or(StoreError::Damaged)?;
        let length = Template::new(demand, choice).length(&request).map_err(|_| StoreError::TooLarge)?;
        let bytes = http.map_or(0, HttpRequest::header_bytes).saturating_add(line_bytes(header::SIGNATURE, length));
        if bytes > MAX_HEADERS {
            return Err(GetError::TooLarge { part: Part::Headers, bytes, limit: MAX_HEADERS });
        }
        let target = self.target(choice, &request).await?;
        Ok((request, target))
    }

    /// With which of the mint's tokens it can be paid.
    async fn target(&self, choice: &Choice, request: &PaymentRequest) -> Result<Target, GetError> {
        if let PaymentRequest::Invoice(invoice) = request {
            let asked = Asked::Invoice(invoice);
            let accepted = asked.mints().iter().find(|accepted| accepted.mint == choice.mint);
            let target = self.compare_heads(asked, accepted.ok_or(GetError::NoCommonMint)?).await?;
            let spendable = self.spendable(&target.mint, &target.redemption, &choice.unit).await?;
            return if spendable >= choice.amount { Ok(target) } else { Err(GetError::InsufficientFunds) };
        }
        let mint = self.mint_to_pay_with(&choice.mint).await?;
        mint.usable()?;
        let mut refusal = GetError::Mint(MintError::NoSuchUnit);
        for redemption in [Redemption::Open, Redemption::Closed(choice.payee)] {
            if mint.chain(&choice.unit, &redemption).is_none() {
                continue;
            }
            if self.spendable(&mint, &redemption, &choice.unit).await? >= choice.amount {
                return Ok(Target { mint, redemption });
            }
            refusal = GetError::InsufficientFunds;
        }
        Err(refusal)
    }

    /// What the user said of this request, and what he said of this server: both hold.
    async fn check_limits(
        &self,
        http: Option<&HttpRequest>,
        choice: &Choice,
        limits: &GetLimits,
    ) -> Result<(), GetError> {
        let budget = match http.map(HttpRequest::origin) {
            None => None,
            Some(origin) => {
                let (unit, now) = (choice.unit.clone(), self.now());
                self.vault.run::<_, StoreError>(move |tx| budget::find(tx, &origin, &unit, now)).await?
            }
        };
        judge_limits(http, choice, limits, budget.as_ref())
    }

    async fn keep_purchase(self: &Arc<Self>, purchase: Purchase, target: &Target) -> Result<Working, GetError> {
        let wanted = Wanted {
            mint: target.mint.id,
            redemption: target.redemption,
            unit: purchase.choice.unit.clone(),
            amount: purchase.choice.amount,
            before: Some(purchase.request.expires_at()),
            lasting: false,
        };
        let now = self.now();
        self.with_exact(&wanted, move |tx, exact| purchase.keep(tx, &exact, now)).await
    }
}

impl Purchase {
    /// In one transaction: it is the only payment of its invoice, the budget covers it, the tokens are authorized.
    fn keep(&self, tx: &mut Tx<'_, '_>, exact: &Exact, now: UnixTime) -> Result<Body, GetError> {
        let Self { demand, choice, request, http, limits } = self;
        if let PaymentRequest::Invoice(invoice) = request {
            let key = key_of(invoice);
            match before(tx, &key, invoice.draft().reusable) {
                Ok(None) => tx.put(&key, &exact.op)?,
                Ok(Some(paid)) => return Err(GetError::InProgress { op: paid.op }),
                Err(PayError::InProgress { op }) => return Err(GetError::InProgress { op }),
                Err(PayError::Store(error)) => return Err(error.into()),
                Err(_) => return Err(StoreError::Damaged.into()),
            }
        }
        // Judged again: other requests may have been paid from the same budget meanwhile.
        let origin = http.as_ref().map(HttpRequest::origin);
        let budget = origin.map(|origin| budget::find(tx, &origin, &choice.unit, now)).transpose()?.flatten();
        judge_limits(http.as_ref(), choice, limits, budget.as_ref())?;
        if let Some(budget) = budget {
            budget::take(tx, budget, choice.amount)?;
        }
        let terms = PaymentTerms {
            kind: PaymentKind::Pay,
            mint: choice.mint,
            keyset: exact.keyset,
            request: request.hash(),
            payee: choice.payee,
            amount: choice.amount,
        };
        let payment = authorize(exact, terms, now)?;
        let payload = PayRequest { payment, request: request.clone() };
        let delivery = match http {
            None => Delivery::Handed,
            Some(http) => {
                let mut exchange = http.to_exchange();
                exchange.unanswered = Some(exchange.digest());
                exchange.signature =
                    Template::new(demand, choice).header(&payload).map_err(|_| StoreError::TooLarge)?;
                Delivery::Http(Box::new(exchange))
            }
        };
        Ok(Body::Pay(Box::new(Pay {
            request: payload.request,
            payment: payload.payment,
            tokens: exact.keys(),
            swaps: exact.swaps,
            delivery,
            settling: None,
        })))
    }
}

/// All limits hold, and without any of the amount nothing is paid.
fn judge_limits(
    http: Option<&HttpRequest>,
    choice: &Choice,
    limits: &GetLimits,
    budget: Option<&Budget>,
) -> Result<(), GetError> {
    let another = limits.only.is_some_and(|only| only != (choice.payee, choice.mint));
    let why = match (limits.max_amount.as_ref(), budget) {
        _ if another => Denied::Another,
        (Some(most), _) if most.unit != choice.unit || most.amount < choice.amount => Denied::Request,
        (_, Some(budget)) if budget.left() < choice.amount => Denied::Budget { left: budget.left() },
        (None, None) => Denied::NoLimit,
        (Some(_), _) | (None, Some(_)) => return Ok(()),
    };
    let price = Price { amount: choice.amount, unit: choice.unit.clone() };
    Err(GetError::Denied(Box::new(NotAllowed {
        price,
        origin: http.map(HttpRequest::origin),
        payee: choice.payee,
        mint: choice.mint,
        why,
    })))
}
