//! Going on with a payee who has a new key.

use farthing_protocol::identity::PayeeKey;
use farthing_protocol::locked::Recipient;

use crate::error::{MintError, StoreError};
use crate::stock;
use crate::wallet::Wallet;

/// Tokens that are held for the owner of one lock key, who is another payee now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Followed {
    /// Who could be paid with them before.
    pub before: Vec<PayeeKey>,
    /// Who can be paid with them now.
    pub payee: PayeeKey,
    /// How many they are; those that unfinished payments hold are among them.
    pub tokens: usize,
}

impl Wallet {
    /// Whose invoices could be paid with the tokens that are locked to a record's key, if that is not who signs the record.
    ///
    /// # Errors
    /// [`MintError::InvalidRecipient`], or the store's.
    pub async fn followed_by(&self, recipient: &Recipient) -> Result<Followed, MintError> {
        self.look(recipient, false).await
    }

    /// Holds the tokens that are locked to a record's key for the payee who signs the record.
    ///
    /// A payment that is unfinished stays what it is: it names the payee whose invoice it answers. When he refuses it, its tokens can be
    /// paid to the new one. Again it changes nothing.
    ///
    /// # Security
    /// The record says that its signer owns the lock key, and nothing proves it. Who says so falsely gains nothing: only the owner
    /// of q can spend what is locked to Q, whomever the payment names. But what is paid to a stranger is handed over for nothing,
    /// so that a wallet's owner should have the record from the payee himself.
    ///
    /// # Errors
    /// [`MintError::InvalidRecipient`], or the store's.
    pub async fn follow(&self, recipient: &Recipient) -> Result<Followed, MintError> {
        self.look(recipient, true).await
    }

    async fn look(&self, recipient: &Recipient, change: bool) -> Result<Followed, MintError> {
        recipient.verify().map_err(|_| MintError::InvalidRecipient)?;
        let (key, payee) = (*recipient.key(), *recipient.payee());
        let found = self
            .inner
            .vault
            .run::<_, StoreError>(move |tx| {
                let mut before = Vec::new();
                let mut tokens = 0_usize;
                for (place, _, whom) in stock::held(tx)? {
                    if whom.key != key || whom.payee == payee {
                        continue;
                    }
                    if !before.contains(&whom.payee) {
                        before.push(whom.payee);
                    }
                    tokens = tokens.saturating_add(1);
                    if change {
                        stock::hold_for(tx, place, payee)?;
                    }
                }
                Ok(Followed { before, payee, tokens })
            })
            .await?;
        Ok(found)
    }
}
