//! Before anything is reserved: is the invoice real, and are both sides shown the same keysets?

use std::path::PathBuf;
use std::sync::Arc;

use farthing_http::client::Endpoint;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::{Chain, ChainHead, Redemption, Relation};
use farthing_protocol::request::{AcceptedMint, Invoice};

use super::pay_url;
use crate::error::{MintError, PayError, StoreError};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::mints::Mint;
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
    /// The payee's address.
    pub endpoint: String,
    /// Whether this wallet paid it before: [`Wallet::pay`] then gives the receipt, and pays nothing.
    pub paid: bool,
}

/// A mint and chain with which an invoice can be paid.
pub(super) struct Target {
    pub(super) mint: Arc<Mint>,
    pub(super) redemption: Redemption,
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
        let draft = invoice.draft();
        let mints: Vec<MintId> =
            draft.mints.iter().map(|a| a.mint).filter(|id| self.inner.is_payable(id, invoice)).collect();
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
    pub(super) async fn paid_before(&self, invoice: &Invoice) -> Result<Option<Paid>, PayError> {
        let (key, reusable) = (key_of(invoice), invoice.draft().reusable);
        self.vault.run(move |tx| before(tx, &key, reusable)).await
    }

    /// The first mint whose tokens the payee takes, whose chain both know, and of which there is enough.
    pub(super) async fn choose_mint(&self, invoice: &Invoice) -> Result<Target, PayError> {
        let mut refusal = PayError::NoCommonMint;
        for accepted in invoice.draft().mints.iter().filter(|accepted| self.is_payable(&accepted.mint, invoice)) {
            let target = match self.compare_heads(invoice, accepted).await {
                Err(error @ (PayError::HeadDiffers { .. } | PayError::Store(_))) => return Err(error),
                Err(error) => {
                    refusal = error;
                    continue;
                }
                Ok(target) => target,
            };
            if self.spendable(&target, &invoice.draft().unit).await? >= invoice.draft().amount {
                return Ok(target);
            }
            refusal = PayError::InsufficientFunds;
        }
        Err(refusal)
    }

    fn is_payable(&self, id: &MintId, invoice: &Invoice) -> bool {
        let has_chain = |mint: &Arc<Mint>| candidates(mint, invoice).next().is_some();
        self.find_mint(id).is_some_and(|mint| mint.usable().is_ok() && has_chain(&mint))
    }

    /// Requires that the payee's head lies on the chain that this wallet was shown.
    async fn compare_heads(&self, invoice: &Invoice, accepted: &AcceptedMint) -> Result<Target, PayError> {
        let mut mint = self.mint_to_pay_with(&accepted.mint).await?;
        if relation(&mint, invoice, &accepted.head) == Some(Relation::Newer) {
            self.tell(&Event::ListBeforePaying { mint: accepted.mint });
            mint = self.refresh(&accepted.mint).await?;
        }
        mint.usable()?;
        match relation(&mint, invoice, &accepted.head) {
            Some(Relation::Known) => {
                let known = candidates(&mint, invoice).find(|chain| chain.relation(&accepted.head) == Relation::Known);
                let redemption = known.ok_or(MintError::NoSuchUnit)?.key().redemption;
                Ok(Target { mint, redemption })
            }
            Some(Relation::Newer) => Err(PayError::HeadUnknown),
            Some(Relation::Differs) => {
                Err(PayError::HeadDiffers { evidence: self.keep_invoice(&mint, invoice, &accepted.head)? })
            }
            None => Err(MintError::NoSuchUnit.into()),
        }
    }

    /// A mint whose list is current. Says so if it must be fetched now.
    pub(super) async fn mint_to_pay_with(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        let mint = self.mint(id)?;
        if mint.is_current(self.now()) {
            return Ok(mint);
        }
        self.tell(&Event::ListBeforePaying { mint: *id });
        self.refresh(id).await
    }

    fn keep_invoice(&self, mint: &Mint, invoice: &Invoice, head: &ChainHead) -> Result<PathBuf, MintError> {
        let keyset = candidates(mint, invoice).find_map(|chain| chain.at(head.sequence));
        let keyset = keyset.map(|keyset| keyset.document());
        Ok(self.write_evidence(&Evidence::Invoice { invoice, head, keyset })?)
    }
}

/// The chains whose tokens can pay an invoice: those of many payees, and that of this payee.
fn candidates<'m>(mint: &'m Mint, invoice: &Invoice) -> impl Iterator<Item = &'m Chain> {
    let draft = invoice.draft();
    [Redemption::Open, Redemption::Closed(draft.payee)]
        .into_iter()
        .filter_map(|redemption| mint.chain(&draft.unit, &redemption))
}

/// How the payee's head lies to the chain it can belong to; the best of several.
fn relation(mint: &Mint, invoice: &Invoice, head: &ChainHead) -> Option<Relation> {
    let rank = |relation: &Relation| match relation {
        Relation::Known => 0,
        Relation::Newer => 1,
        Relation::Differs => 2,
    };
    candidates(mint, invoice).map(|chain| chain.relation(head)).min_by_key(rank)
}

/// The operation that pays an invoice, if there is or was one that counts.
pub(super) fn before(tx: &mut Tx<'_, '_>, key: &[u8], reusable: bool) -> Result<Option<Paid>, PayError> {
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
pub(super) fn key_of(invoice: &Invoice) -> Vec<u8> {
    [b"r".as_slice(), invoice.hash().as_bytes()].concat()
}
