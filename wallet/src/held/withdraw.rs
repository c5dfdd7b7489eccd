//! Withdrawing tokens that are locked to a payee.

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{RecipientAnswer, SecondFactor, verifier_path};
use farthing_protocol::locked::Recipient;

use crate::error::{IssueError, MintError};
use crate::issue::WithdrawWhat;
use crate::operation::Lock;
use crate::views::Issued;
use crate::wallet::Wallet;

impl Wallet {
    /// Asks a payee's verifier for the record by which tokens can be locked to him.
    ///
    /// # Errors
    /// A [`MintError`]: the call's, or [`MintError::InvalidRecipient`].
    pub async fn fetch_recipient(&self, verifier: &BaseUrl) -> Result<Recipient, MintError> {
        let url = verifier.join(verifier_path::RECIPIENT)?;
        let RecipientAnswer { recipient, .. } = self.inner.http_once()?.get_json(&url).await?;
        recipient.verify().map_err(|_| MintError::InvalidRecipient)?;
        Ok(recipient)
    }

    /// Turns money of the account into tokens that only the owner of a record can spend, and that this wallet holds to pay him with.
    /// First goes on with whatever was left unfinished.
    ///
    /// They cannot be split, swapped, sent to anybody or taken back: a bundle pays many amounts exactly.
    ///
    /// # Errors
    /// An [`IssueError`]: [`MintError::Unknown`] when the payee takes no mint that this wallet knows and trusts,
    /// [`MintError::InvalidRecipient`], [`IssueError::Pending`] when the outcome is not known; the operation then stays.
    pub async fn withdraw_held(
        &self,
        recipient: &Recipient,
        unit: &Unit,
        what: WithdrawWhat,
    ) -> Result<Issued, IssueError> {
        self.withdraw_held_with(recipient, unit, what, None).await
    }

    /// As [`withdraw_held`](Self::withdraw_held), with a code of the account's second factor, which is used if more is taken than
    /// the account's limit.
    ///
    /// # Errors
    /// As [`withdraw_held`](Self::withdraw_held).
    pub async fn withdraw_held_with(
        &self,
        recipient: &Recipient,
        unit: &Unit,
        what: WithdrawWhat,
        code: Option<SecondFactor>,
    ) -> Result<Issued, IssueError> {
        self.ready().await?;
        let inner = &self.inner;
        recipient.verify().map_err(|_| MintError::InvalidRecipient)?;
        let known = recipient.mints().iter().filter_map(|mint| inner.find_mint(mint));
        let mint = known.into_iter().find(|mint| mint.usable().is_ok()).ok_or(MintError::Unknown)?;
        let lock = Lock { key: *recipient.key(), held_for: Some(*recipient.payee()) };
        inner.withdraw(&mint.id, unit, what, Some(lock), code).await
    }
}
