//! Paying for a request that somebody else makes: the payment is kept, and handed to him.
//!
//! ```text
//! exact tokens reserved, payment kept ──▶ handed over; nobody tells this wallet what became of it
//!                                          │ its time has passed, or it is given up
//!                                          ▼
//!                          settled with the mint by renewing: value back, or it was accepted
//! ```

use std::fmt;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayRequest;
use farthing_protocol::identity::{MintId, PayeeKey};

use super::{GetError, GetLimits, Price};
use crate::error::StoreError;
use crate::operation::{Body, OpId, Operation};
use crate::options::Step;
use crate::pay::until;
use crate::wallet::Wallet;
use crate::x402::Demand;

/// A payment that somebody else delivers.
///
/// # Security
/// Whoever has [`payload`](Self::payload) can pay with it, to its payee and nobody else.
#[derive(Clone)]
#[non_exhaustive]
pub struct HandedPayment {
    /// The operation.
    pub op: OpId,
    /// What the payee's server is sent as the scheme's payload.
    pub payload: PayRequest,
    /// How much.
    pub price: Price,
    /// Who is paid.
    pub payee: PayeeKey,
    /// With whose tokens.
    pub mint: MintId,
    /// Before when it can be accepted. Afterwards the wallet settles it with the mint.
    pub until: UnixTime,
    /// Swaps that had to be made at the moment of paying.
    pub swaps: u32,
}

impl Wallet {
    /// Makes the payment that one entry of a server's demand asks for, an x402 payment-requirements object as JSON, and hands it out. First
    /// goes on with whatever was left unfinished.
    ///
    /// It is durable before it is handed out. Its tokens are reserved, nobody else is paid with them, and each call makes another payment.
    /// The wallet is not told what becomes of it: when its time has passed, or when it is given up, it is settled by renewing its tokens.
    /// [`GetLimits::max_amount`] and [`GetLimits::only`] hold; budgets do not, for it is not known who the server is.
    ///
    /// # Errors
    /// A [`GetError`]. Only an unfinished swap ([`GetError::Issue`]) leaves an operation behind; after any other nothing was paid.
    ///
    /// # Security
    /// An invoice in the entry is not compared with the request that it is bound to, which the wallet does not know.
    pub async fn pay_entry(&self, entry: &str, limits: &GetLimits) -> Result<HandedPayment, GetError> {
        self.ready().await?;
        let inner = &self.inner;
        let working = inner.buy(None, Demand::of_entry(entry)?, limits).await?;
        inner.vault.at(Step::PaymentStored)?;
        let op = working.op;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::load(tx, op)).await?;
        let until = match &operation.body {
            Body::Pay(pay) => until(&operation, pay),
            _ => return Err(StoreError::Damaged.into()),
        };
        let Operation { mint, unit, amount, body: Body::Pay(pay), .. } = operation else {
            return Err(StoreError::Damaged.into());
        };
        let payee = *pay.payment.payee();
        let (payload, swaps) = (PayRequest { payment: pay.payment, request: pay.request }, pay.swaps);
        Ok(HandedPayment { op, payload, price: Price { amount, unit }, payee, mint, until, swaps })
    }
}

impl fmt::Debug for HandedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedPayment").field("op", &self.op).field("until", &self.until).finish_non_exhaustive()
    }
}
