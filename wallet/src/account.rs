//! The settings of the wallet's account at a mint: a second factor, and above which sum it is asked for.

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{
    PermitAnswer, PermitCall, PermitDraft, PermitPurpose, SecondFactor, SettingsAnswer, SettingsCall, SettingsChange,
    SettingsDraft, mint_path,
};
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::ids::OperationId;

use crate::error::{MintError, StoreError};
use crate::mints::Mint;
use crate::wallet::{Inner, Wallet, to_the_minute};

impl Wallet {
    /// Asks a mint for the settings of the account.
    ///
    /// # Errors
    /// A [`MintError`].
    pub async fn account_settings(&self, mint: &MintId) -> Result<SettingsAnswer, MintError> {
        self.change_account(mint, 0, SettingsChange::Show).await
    }

    /// Changes the settings of the account, of the version that its owner has seen.
    ///
    /// Nothing of it is kept here. After an answer that was lost [`account_settings`](Self::account_settings) shows what became of
    /// it; a secret that was lost with it is drawn anew.
    ///
    /// # Errors
    /// A [`MintError`].
    pub async fn change_account(
        &self,
        mint: &MintId,
        version: u64,
        change: SettingsChange,
    ) -> Result<SettingsAnswer, MintError> {
        let mint = self.inner.mint(mint)?;
        mint.usable()?;
        let key = self.inner.seed.account_key(&mint.id);
        let requested_at = to_the_minute(self.inner.now());
        let draft = SettingsDraft { account: AccountKey::from(&key), mint: mint.id, version, requested_at, change };
        let request = draft.sign(&key).map_err(StoreError::from)?;
        let url = mint.url.join(mint_path::SETTINGS)?;
        Ok(self.inner.http_once()?.post_json(&url, &SettingsCall { request }).await?)
    }
}

impl Inner {
    /// Lets a withdrawal take more than the account's limit. The code is kept nowhere.
    pub(crate) async fn permit(
        &self,
        mint: &Mint,
        operation: OperationId,
        (amount, unit): (Amount, Unit),
        code: SecondFactor,
    ) -> Result<(), MintError> {
        let key = self.seed.account_key(&mint.id);
        let draft = PermitDraft {
            account: AccountKey::from(&key),
            mint: mint.id,
            purpose: PermitPurpose::Withdrawal,
            operation,
            unit,
            amount,
            requested_at: to_the_minute(self.now()),
            code,
        };
        let request = draft.sign(&key).map_err(StoreError::from)?;
        let url = mint.url.join(mint_path::PERMIT)?;
        let _until: PermitAnswer = self.http_once()?.post_json(&url, &PermitCall { request }).await?;
        Ok(())
    }
}
