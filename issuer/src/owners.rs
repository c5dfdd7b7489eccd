//! What accounts' owners ask of a served mint, each counted by his account.

use farthing_protocol::api::{PermitAnswer, PermitRequest, QuoteAnswer, QuoteRequest, SettingsAnswer, SettingsRequest};

use crate::books::Books;
use crate::ledger::{self, LedgerError, QuoteError, SettingsError};
use crate::mint::Mint;

impl Mint {
    /// Shows an account's owner its settings, or changes them: see [`Books::settings`].
    ///
    /// # Errors
    /// A [`SettingsError`].
    pub async fn settings(&self, request: &SettingsRequest) -> Result<SettingsAnswer, SettingsError> {
        request.verify(self.id()).map_err(|_| SettingsError::InvalidSignature)?;
        self.heed_owner(&request.draft().account)?;
        self.books().settings(request).await
    }

    /// Takes a permission of an account's owner: see [`Books::permit`].
    ///
    /// # Errors
    /// A [`SettingsError`].
    pub async fn give_permission(&self, request: &PermitRequest) -> Result<PermitAnswer, SettingsError> {
        request.verify(self.id()).map_err(|_| SettingsError::InvalidSignature)?;
        self.heed_owner(&request.draft().account)?;
        self.books().permit(request).await
    }

    /// Gives an account's owner a quote: see [`Books::request_quote`].
    ///
    /// # Errors
    /// A [`QuoteError`].
    pub async fn request_quote(&self, request: &QuoteRequest) -> Result<QuoteAnswer, QuoteError> {
        request.verify(self.id()).map_err(|_| QuoteError::InvalidSignature)?;
        self.heed_owner(&request.draft().account)?;
        self.books().request_quote(request).await
    }
}

impl Books {
    /// Forgets refused payouts that are too old to be taken.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn forget_refusals(&self) -> Result<(), LedgerError> {
        // Each transaction does some.
        while self.ledger().run(ledger::forget_refusals).await? > 0 {}
        Ok(())
    }
}
