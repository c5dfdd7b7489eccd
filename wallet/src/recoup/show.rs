//! Showing how tokens were blinded that were locked to payees and paid to them, so that they can be paid for them.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::api::{RecoupAnswer, RecoupCall, mint_path};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::recoup::RecoupClaim;

use super::{RecoupError, claim, revoked};
use crate::error::{MintError, StoreError};
use crate::issue::deciding_code;
use crate::stock;
use crate::wallet::Wallet;

/// What came of showing tokens that were paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// So many the mint knows the origin of now: whoever took them can be paid.
    pub shown: usize,
    /// So many had been deposited before: nothing was to be shown.
    pub deposited: usize,
    /// So many came from issuances that do not count.
    pub excluded: usize,
    /// For so many it is too late: nothing is claimed any more.
    pub late: usize,
}

impl Wallet {
    /// Shows a mint how the tokens of a revoked keyset were blinded that this wallet paid while they were locked to their payees. Only who
    /// withdrew them can, and a payee who could not deposit them any more is paid for them only then. Nothing of this wallet's moves; it can
    /// be done again without harm.
    ///
    /// # Errors
    /// A [`RecoupError`].
    ///
    /// # Security
    /// The mint learns from which withdrawals these payments were made. Whoever calls this MUST have asked.
    pub async fn show_paid(&self, mint: &MintId, keyset: &KeysetId) -> Result<Shown, RecoupError> {
        let inner = &self.inner;
        let mint = inner.current_mint(mint).await?;
        mint.usable()?;
        let found = revoked(&mint).into_iter().find(|(revoked, _)| revoked.id() == keyset);
        let (keyset, _) = found.ok_or(RecoupError::NotRevoked)?;
        let id = *keyset.id();
        let paid = inner.vault.run::<_, StoreError>(move |tx| stock::paid_while_held(tx, &id)).await?;
        let url = mint.url.join(mint_path::RECOUP_CLAIM).map_err(MintError::from)?;
        let mut shown = Shown::default();
        for (key, token) in paid {
            let evidence = claim::evidence(&inner.seed, &keyset, key, &token)?;
            let claim = RecoupClaim::new(mint.id, id, None, vec![evidence]).map_err(StoreError::from)?;
            // Each on a way of its own: they were paid to different people.
            let answer: Result<RecoupAnswer, CallError> =
                async { inner.http_once()?.post_json(&url, &RecoupCall { claim }).await }.await;
            match answer {
                Ok(_) => shown.shown = shown.shown.saturating_add(1),
                Err(error) => match deciding_code(&error) {
                    Some(Code::DoubleSpend) => shown.deposited = shown.deposited.saturating_add(1),
                    Some(Code::IssuanceExcluded) => shown.excluded = shown.excluded.saturating_add(1),
                    Some(Code::KeysetEnded) => shown.late = shown.late.saturating_add(1),
                    _ => return Err(MintError::from(error).into()),
                },
            }
        }
        Ok(shown)
    }
}
