//! Recoup (protocol section 10): claims on tokens of a revoked keyset, checked, filed, and paid when they are collected no more.

mod error;
mod exclusions;
mod operator;
mod prove;
mod settle;

use std::sync::Arc;

use farthing_protocol::api::{Forgotten, RecoupAnswer, RecoupState, RecoupToken, RecoupWindow, RecoupsAnswer};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::recoup::RecoupClaim;

use crate::books::Books;
use crate::ledger::{self, LedgerError, RecoupRefusal, TokenRow, Verdict};
use crate::mint::Mint;
pub use error::{RecoupError, RevokeError};
pub(crate) use exclusions::ExclusionsKeeper;
pub use operator::{Leak, RecoupReport, RecoupedSum, Revoked};

/// What is excluded is computed anew so often when other keysets are revoked or buried meanwhile.
const ATTEMPTS: usize = 3;

impl Mint {
    /// Files a claim on tokens of a revoked keyset, or answers how it stands. It goes on to its end even if this future is dropped.
    ///
    /// The same claim again changes nothing.
    ///
    /// # Errors
    /// A [`RecoupError`]; then nothing of it was filed, except where the ledger's error says otherwise.
    pub async fn recoup(&self, claim: RecoupClaim) -> Result<RecoupAnswer, RecoupError> {
        let mint = self.clone();
        let permit = self.permit().ok_or(LedgerError::Busy)?;
        let work = tokio::spawn(async move {
            let _until_the_end = permit;
            mint.books().recoup(claim).await
        });
        work.await.unwrap_or(Err(RecoupError::Ledger(LedgerError::Unavailable)))
    }

    /// Which keysets were revoked, and until when claims on their tokens are collected.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn recoups(&self) -> Result<RecoupsAnswer, LedgerError> {
        self.books().recoups().await
    }
}

impl Books {
    /// See [`Mint::recoups`].
    pub(crate) async fn recoups(&self) -> Result<RecoupsAnswer, LedgerError> {
        let book = self.keyset_book();
        let read = |txn: &farthing_durable::Txn<'_>| {
            let with = |(keyset, revoked_at, row)| Ok((keyset, revoked_at, row, ledger::forgotten(txn, &keyset)?));
            ledger::leaks(txn)?.into_iter().map(with).collect::<Result<Vec<_>, LedgerError>>()
        };
        let leaks = self.ledger().read(read).await?;
        let window = |(keyset, revoked_at, row, forgotten): (_, _, ledger::LeakRow, Option<ledger::ForgottenRow>)| {
            let ends_at = book.get(&keyset).map_or(row.claims_until, |keyset| row.ends_at(keyset));
            let ledger::LeakRow { leaked_since, claims_until } = row;
            let forgotten = forgotten.map(|ledger::ForgottenRow { since, until }| Forgotten { since, until });
            RecoupWindow { keyset, revoked_at, leaked_since, claims_until, ends_at, forgotten }
        };
        Ok(RecoupsAnswer { recoups: leaks.into_iter().map(window).collect() })
    }

    async fn recoup(&self, claim: RecoupClaim) -> Result<RecoupAnswer, RecoupError> {
        let own = claim.payment().map(farthing_protocol::payment::Payment::id);
        let filing = Arc::new(self.checked(claim).await?);
        for _ in 0..ATTEMPTS {
            let (exclusions, filing) = (self.exclusions().await?, Arc::clone(&filing));
            let keyset = *filing.keyset.id();
            let filed = self.ledger().run(move |txn, now| ledger::file(txn, now, &filing, &exclusions)).await;
            match filed {
                Err(RecoupRefusal::Stale) => {}
                Err(refusal) => return Err(refusal.into()),
                Ok(rows) => {
                    let window = self.recoups().await?.recoups.into_iter().find(|window| window.keyset == keyset);
                    let RecoupWindow { claims_until, ends_at, .. } = window.ok_or(LedgerError::Damaged)?;
                    let over = ends_at <= self.clock().now();
                    let tokens = rows.iter().map(|row| told(row, own.as_ref(), over)).collect();
                    return Ok(RecoupAnswer { claims_until, tokens });
                }
            }
        }
        Err(LedgerError::Busy.into())
    }
}

/// How a token stands for the claim of this payment, or for one that names nobody. What cannot be decided when nothing is filed any more, `over`,
/// never will be.
fn told(row: &TokenRow, own: Option<&PaymentId>, over: bool) -> RecoupToken {
    let (state, paid_at) = match &row.verdict {
        Verdict::Paid(payment, _, at) if own.is_none_or(|own| own == payment) => (RecoupState::Paid, Some(*at)),
        Verdict::Paid(..) => (RecoupState::PaidToAnother, None),
        Verdict::Excluded(_) => (RecoupState::Excluded, None),
        Verdict::Unpaid(_) => (RecoupState::Unpaid, None),
        Verdict::Open if over && row.is_undecidable() => (RecoupState::Unpaid, None),
        Verdict::Open if row.origin.is_some() => (RecoupState::Waiting, None),
        Verdict::Open => (RecoupState::Unproven, None),
    };
    RecoupToken { state, paid_at }
}
