//! Before anything is reserved: is the invoice real, and was it paid before?

use farthing_http::client::Endpoint;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::request::Invoice;

use super::pay_url;
use crate::error::{PayError, StoreError};
use crate::heads::Asked;
use crate::operation::{Body, OpId, Operation, Outcome};
use crate::vault::Tx;
use crate::views::Paid;
use crate::wallet::{Inner, Wallet};

/// An invoice whose payee signed it, to be shown before it is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvoiceView {
    /// Who is to be paid.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// The mints whose tokens would pay it.
    pub mints: Vec<MintId>,
    /// Before when.
    pub expires_at: UnixTime,
    /// The payee's note.
    pub memo: Option<String>,
    /// The payee's address, or nothing.
    pub endpoint: String,
    /// Whether this wallet paid it before: [`Wallet::pay`] then gives the receipt, and pays nothing.
    pub paid: bool,
}

impl Wallet {
    /// Verifies an invoice without paying it, and without asking anybody.
    ///
    /// # Errors
    /// [`PayError::InvalidInvoice`]; and unless it was paid before [`PayError::InProgress`], [`PayError::Expired`],
    /// [`PayError::NoEndpoint`], [`PayError::NoCommonMint`].
    pub async fn read_invoice(&self, invoice: &Invoice) -> Result<InvoiceView, PayError> {
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        let paid = self.inner.paid_before(invoice).await?.is_some();
        if !paid {
            self.inner.check_invoice(invoice)?;
        }
        self.show(invoice, paid)
    }

    /// The same for [`Wallet::pay_by_hand`]: the invoice need name no address, and `paid` says also that it is being paid.
    ///
    /// # Errors
    /// [`PayError::InvalidInvoice`]; and unless it was paid before [`PayError::Expired`], [`PayError::NoCommonMint`].
    pub async fn read_invoice_by_hand(&self, invoice: &Invoice) -> Result<InvoiceView, PayError> {
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        let paid = match self.inner.paid_before(invoice).await {
            Ok(paid) => paid.is_some(),
            Err(PayError::InProgress { .. }) => true,
            Err(error) => return Err(error),
        };
        if !paid && self.inner.now() >= invoice.draft().expires_at {
            return Err(PayError::Expired);
        }
        self.show(invoice, paid)
    }

    fn show(&self, invoice: &Invoice, paid: bool) -> Result<InvoiceView, PayError> {
        let draft = invoice.draft();
        let mints: Vec<MintId> = draft
            .mints
            .iter()
            .map(|a| a.mint)
            .filter(|id| self.inner.is_payable(id, Asked::Invoice(invoice)))
            .collect();
        if mints.is_empty() && !paid {
            return Err(PayError::NoCommonMint);
        }
        Ok(InvoiceView {
            payee: draft.payee,
            amount: draft.amount,
            unit: draft.unit.clone(),
            mints,
            expires_at: draft.expires_at,
            memo: draft.memo.clone(),
            endpoint: draft.endpoint.clone().unwrap_or_default(),
            paid,
        })
    }
}

impl Inner {
    pub(super) fn check_invoice(&self, invoice: &Invoice) -> Result<Endpoint, PayError> {
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        if self.now() >= invoice.draft().expires_at {
            return Err(PayError::Expired);
        }
        pay_url(invoice)
    }

    /// What this wallet did about an invoice before.
    pub(crate) async fn paid_before(&self, invoice: &Invoice) -> Result<Option<Paid>, PayError> {
        let (key, reusable) = (key_of(invoice), invoice.draft().reusable);
        self.vault.run(move |tx| before(tx, &key, reusable)).await
    }
}

/// The operation that pays an invoice, if there is or was one that counts.
pub(crate) fn before(tx: &mut Tx<'_, '_>, key: &[u8], reusable: bool) -> Result<Option<Paid>, PayError> {
    let Some(op) = tx.get::<OpId>(key)? else { return Ok(None) };
    let operation = Operation::find(tx, op)?.ok_or(StoreError::Damaged)?;
    let Body::Pay(pay) = &operation.body else { return Err(StoreError::Damaged.into()) };
    match operation.ended {
        None => Err(PayError::InProgress { op }),
        Some((_, Outcome::Paid(receipt))) if !reusable => Ok(Some(super::paid(op, pay, receipt))),
        Some(_) => Ok(None),
    }
}

/// Under which key it is kept which operation pays an invoice.
pub(crate) fn key_of(invoice: &Invoice) -> Vec<u8> {
    [b"r".as_slice(), invoice.hash().as_bytes()].concat()
}
