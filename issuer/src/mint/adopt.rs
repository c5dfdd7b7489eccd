//! What the signer has signed, and this mint does not know of.

use std::sync::Arc;

use farthing_protocol::keyset::{KeysetList, KeysetTerms, ListedHead};

use super::{KeysetChangeError, Mint};
use crate::ledger::{self, Authority, LedgerError};
use crate::signer::SigningError;

impl Mint {
    /// Makes the list that the signer signed last this mint's own, with the keysets and revocations in it: they are public, whoever had them
    /// signed. Says whether this mint can go on from it. Each step is durable, and can be repeated.
    pub(super) async fn adopt_last_list(&self) -> bool {
        match self.try_to_adopt().await {
            Ok(adopted) => adopted,
            Err(error) => {
                tracing::error!(%error, "what the signer signed last could not be taken over");
                false
            }
        }
    }

    async fn try_to_adopt(&self) -> Result<bool, KeysetChangeError> {
        let making = self.0.making.lock().await;
        let books = self.books();
        let last = books.ledger().read(ledger::stored_list).await?;
        let Some(list) = self.0.signer.last_list().await? else { return Ok(false) };
        // Kept here, it would forbid every list until then.
        if list.issued_at() > books.clock().now().plus(KeysetList::MAX_SKEW) {
            tracing::error!(
                "the signer has signed a list that is dated ahead: it is not taken over, set the signer's clock right"
            );
            return Ok(false);
        }
        // Signed, and no contradiction to what this mint gave out.
        if list.accept(self.id(), last.as_ref(), list.issued_at()).is_err() {
            return Ok(false);
        }
        if last.as_ref() != Some(&list) {
            tracing::error!("the signer has signed a list that this mint does not know: it is taken over");
        }
        books.adopt_revocations(list.revocations().to_vec()).await?;
        for head in list.heads() {
            self.adopt_keysets(&list, head).await?;
        }
        let known = Arc::clone(&books.keyset_book());
        let mut named = list.heads().iter().map(|head| &head.head.keyset);
        let mut revoked = list.revocations().iter().map(|revocation| &revocation.keyset);
        if named.any(|keyset| known.get(keyset).is_none()) || revoked.any(|keyset| known.get(keyset).is_none()) {
            return Err(SigningError::Foreign.into());
        }
        let stored = list.clone();
        books.ledger().run(move |txn, _| ledger::store_list(txn, &stored)).await?;
        books.date_revocations(&list).await?;
        drop(making);
        Ok(true)
    }

    /// Fetches the keysets of a chain up to its head, and on as long as the list revokes one that is not known. The signer gives those that
    /// it made, and makes none for terms of long ago.
    async fn adopt_keysets(&self, list: &KeysetList, head: &ListedHead) -> Result<(), KeysetChangeError> {
        loop {
            let book = self.books().keyset_book();
            let last = book.last_of(&head.unit, &head.redemption).ok_or(SigningError::Foreign)?;
            let (id, terms) = (*last.id(), last.terms().clone());
            let reached = terms.sequence >= head.head.sequence;
            if reached && list.revocations().iter().all(|revocation| book.get(&revocation.keyset).is_some()) {
                return Ok(());
            }
            let sequence = terms.sequence.checked_add(1).ok_or(SigningError::Foreign)?;
            let next = KeysetTerms { sequence, predecessor: Some(id), ..terms };
            let count = self.books().home().config().denominations;
            let keyset = match self.0.signer.draw_keyset(next, count).await {
                // There is no further one: it is another chain's.
                Err(SigningError::Refused(_)) if reached => return Ok(()),
                drawn => drawn?,
            };
            tracing::error!(keyset = %keyset.id(), "the signer has made a keyset that this mint did not order: it is taken over");
            self.books().journal_keyset(Authority::of_the_mint(), *keyset.id()).await?;
            let mint = self.clone();
            let published = tokio::task::spawn_blocking(move || mint.publish(keyset));
            published.await.map_err(|_| LedgerError::Stopped)??;
            self.books().adopt_revocations(list.revocations().to_vec()).await?;
        }
    }
}
