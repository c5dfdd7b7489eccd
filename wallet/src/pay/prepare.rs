//! Making the payment of exact tokens.

use std::sync::Arc;

use farthing_protocol::amount::UnixTime;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::request::{Invoice, PaymentRequest};

use super::invoice::{before, key_of};
use crate::error::{PayError, StoreError};
use crate::exact::{Exact, Wanted};
use crate::mints::Mint;
use crate::operation::{Body, Delivery, Pay};
use crate::wallet::{Inner, Working, to_the_minute};

impl Inner {
    /// Swaps until exact tokens are there, reserves them, and keeps the payment.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        invoice: &Invoice,
        mint: &Mint,
        redemption: Redemption,
    ) -> Result<Working, PayError> {
        let draft = invoice.draft();
        let wanted = Wanted {
            mint: mint.id,
            redemption,
            unit: draft.unit.clone(),
            amount: draft.amount,
            before: Some(draft.expires_at),
            lasting: false,
        };
        let (id, invoice, now) = (mint.id, invoice.clone(), self.now());
        self.with_exact(&wanted, move |tx, exact| {
            if let Some(paid) = before(tx, &key_of(&invoice), invoice.draft().reusable)? {
                return Err(PayError::InProgress { op: paid.op });
            }
            let draft = invoice.draft();
            let terms = PaymentTerms {
                kind: PaymentKind::Pay,
                mint: id,
                keyset: exact.keyset,
                request: invoice.hash(),
                payee: draft.payee,
                amount: draft.amount,
            };
            let payment = authorize(&exact, terms, now)?;
            tx.put(&key_of(&invoice), &exact.op)?;
            Ok(Body::Pay(Box::new(Pay {
                request: PaymentRequest::Invoice(invoice.clone()),
                payment,
                tokens: exact.keys(),
                swaps: exact.swaps,
                delivery: Delivery::Endpoint,
                settling: None,
            })))
        })
        .await
    }
}

/// Authorizes a payment of kind `pay` with exact tokens.
pub(crate) fn authorize(exact: &Exact, terms: PaymentTerms, now: UnixTime) -> Result<Payment, StoreError> {
    let opened = exact.tokens.iter().map(|(_, token)| token.open()).collect::<Result<Vec<_>, _>>()?;
    let witnesses: Vec<_> = opened.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    // The tokens are the digits of the amount, ascending.
    Payment::authorize(&mut rand::rng(), terms, &witnesses, Binding::None, to_the_minute(now))
        .map_err(|_| StoreError::Damaged)
}
