//! Showing how tokens were blinded that were paid, so that their payees can be paid for them: those that were locked to them, and whatever was paid
//! while the mint has forgotten what it credited.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Forgotten, RecoupAnswer, RecoupCall, RecoupsAnswer, mint_path};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::recoup::RecoupClaim;

use super::{RecoupError, claim, revoked};
use crate::error::{MintError, StoreError};
use crate::issue::deciding_code;
use crate::operation::{Body, OpId, Operation, Outcome};
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
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
    /// So many came from issuances that the mint does not know.
    pub unknown: usize,
}

impl Wallet {
    /// Shows a mint how the tokens of a revoked keyset were blinded that this wallet paid while they were locked to their payees, and those that it
    /// paid in a time of which the mint has forgotten what it credited. Only who withdrew them can, and a payee who could not deposit them any
    /// more, or whose deposit is forgotten, is paid for them only then. Nothing of this wallet's moves; it can be done again without harm.
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
        let windows = mint.url.join(mint_path::RECOUPS).map_err(MintError::from)?;
        let windows: Result<RecoupsAnswer, CallError> = async { inner.http_once()?.get_json(&windows).await }.await;
        let windows = windows.map_err(MintError::from)?.recoups;
        let forgotten = windows.into_iter().find(|window| window.keyset == id).and_then(|window| window.forgotten);
        let paid = inner.vault.run::<_, StoreError>(move |tx| paid(tx, &id, forgotten)).await?;
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
                    Some(Code::InvalidProof) => shown.unknown = shown.unknown.saturating_add(1),
                    _ => return Err(MintError::from(error).into()),
                },
            }
        }
        Ok(shown)
    }
}

/// How far a mint's clock and this wallet's may be apart, in seconds.
const SKEW: u64 = 300;

/// Tokens of a keyset that were paid, and that their payees can be paid for only if they are shown.
fn paid(
    tx: &Tx<'_, '_>,
    keyset: &KeysetId,
    forgotten: Option<Forgotten>,
) -> Result<Vec<(TokenKey, StoredToken)>, StoreError> {
    let Some(forgotten) = forgotten else { return stock::paid_of(tx, keyset, |token| token.held.is_some()) };
    let payments: Vec<OpId> =
        Operation::all_ended(tx)?.iter().filter(|paid| is_forgotten(paid, forgotten)).map(|paid| paid.id).collect();
    let is_among = |token: &StoredToken| matches!(token.state, TokenState::Spent(op) if payments.contains(&op));
    stock::paid_of(tx, keyset, |token| token.held.is_some() || is_among(token))
}

/// Whether a payment may have been credited in a time that the mint has forgotten. What was paid before the mint knows, and need not be shown whose
/// it was.
fn is_forgotten(operation: &Operation, forgotten: Forgotten) -> bool {
    let began: UnixTime = operation.created_at;
    match (&operation.body, &operation.ended) {
        (Body::Pay(_), Some((ended, Outcome::Paid(_)))) => {
            ended.plus(SKEW) >= forgotten.since && began < forgotten.until.plus(SKEW)
        }
        _ => false,
    }
}
