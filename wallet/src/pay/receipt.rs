//! Receipts: what counts as paid.

use farthing_protocol::api::PaymentAnswer;
use farthing_protocol::keyset::{Chain, Relation};
use farthing_protocol::receipt::Receipt;

use super::receipt_url;
use crate::error::{NoReceipt, PayError, StoreError};
use crate::evidence::Evidence;
use crate::mints::Mint;
use crate::operation::{Body, Operation, Outcome, Pay};
use crate::views::Paid;
use crate::wallet::Inner;

impl Inner {
    /// Requires that the payee signed a receipt for this very payment, and was shown the same keysets as this wallet.
    pub(crate) async fn check_receipt(
        &self,
        operation: &Operation,
        pay: &Pay,
        receipt: &Receipt,
    ) -> Result<(), NoReceipt> {
        let (draft, payment) = (receipt.draft(), &pay.payment);
        let fits = draft.payment == payment.id() && draft.payee == *payment.payee() && draft.amount == payment.amount();
        if !fits || receipt.verify().is_err() {
            return Err(NoReceipt::Invalid);
        }
        let mut mint = self.find_mint(&operation.mint).ok_or(NoReceipt::Head)?;
        if chain_of(&mint, pay).map(|chain| chain.relation(&draft.head)) == Some(Relation::Newer) {
            match self.refresh(&mint.id).await {
                Ok(refreshed) => mint = refreshed,
                // Where held tokens are paid there may be no way to the mint, and it would have no say.
                Err(_) if pay.is_held() => return Ok(()),
                Err(_) => return Err(NoReceipt::Head),
            }
        }
        let chain = chain_of(&mint, pay).ok_or(NoReceipt::Head)?;
        match chain.relation(&draft.head) {
            Relation::Known => Ok(()),
            Relation::Newer => Err(NoReceipt::Head),
            Relation::Differs => {
                let keyset = chain.at(draft.head.sequence).map(|keyset| keyset.document());
                if self.write_evidence(&Evidence::Receipt { receipt, keyset }).is_err() {
                    tracing::warn!("evidence could not be written");
                }
                Err(NoReceipt::Head)
            }
        }
    }

    /// Asks once more for the receipt of a payment that was accepted without one.
    pub(super) async fn with_receipt(&self, mut paid: Paid) -> Result<Paid, StoreError> {
        let op = paid.op;
        if paid.receipt.is_some() {
            return Ok(paid);
        }
        let operation = self.vault.run(move |tx| Operation::find(tx, op)).await?.ok_or(StoreError::Damaged)?;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::Damaged) };
        if let Ok(receipt) = self.fetch_receipt(&operation, pay).await {
            let outcome = Outcome::Paid(Some(receipt));
            self.vault.run::<_, StoreError>(move |tx| Operation::amend(tx, op, outcome)).await?;
            paid.receipt = Some(receipt);
        }
        Ok(paid)
    }

    /// Asks the payee for the receipt of a payment.
    pub(super) async fn fetch_receipt(&self, operation: &Operation, pay: &Pay) -> Result<Receipt, PayError> {
        let op = operation.id;
        let url = receipt_url(pay)?;
        let answer: Result<PaymentAnswer, _> = async { self.http_for(op)?.get_json(&url).await }.await;
        let receipt = answer.map_err(|error| PayError::Unknown { op, cause: error.into() })?.receipt;
        self.check_receipt(operation, pay, &receipt).await.map_err(|cause| PayError::Unknown { op, cause })?;
        Ok(receipt)
    }
}

/// The chain of the keyset that was paid with.
fn chain_of<'m>(mint: &'m Mint, pay: &Pay) -> Option<&'m Chain> {
    mint.chains.iter().find(|chain| chain.get(pay.payment.keyset()).is_some())
}
