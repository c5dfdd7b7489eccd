//! What is held for whom.

use std::collections::BTreeMap;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};

use crate::error::StoreError;
use crate::stock::{self, TokenState};
use crate::wallet::Wallet;

/// What a wallet holds to pay one payee with, of one unit of one mint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldView {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// Who can be paid, and nobody else.
    pub payee: PayeeKey,
    /// What can be paid to him.
    pub payable: Amount,
    /// The part of it that came back from the words, or of which a payment was let go: he may have been paid with it before.
    pub perhaps_paid: Amount,
    /// What unfinished payments hold.
    pub reserved: Amount,
    /// What he, or the mint's filters, say was paid before. It is not paid again.
    pub suspected: Amount,
    /// What cannot be paid any more, because its keyset ended or was revoked.
    pub ended: Amount,
    /// How many tokens are payable.
    pub tokens: usize,
    /// When the first of them end. They cannot be renewed.
    pub first_end: Option<UnixTime>,
}

impl Wallet {
    /// What the wallet holds to pay single payees with, for each mint, unit and payee. It is in no [`balance`](Self::balance).
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn held(&self) -> Result<Vec<HeldView>, StoreError> {
        let held = self.inner.vault.run::<_, StoreError>(|tx| stock::held(tx)).await?;
        let now = self.inner.now();
        let mut views: BTreeMap<(MintId, Unit, [u8; 32]), HeldView> = BTreeMap::new();
        for (key, token, whom) in held {
            let Some(mint) = self.inner.find_mint(&token.mint) else { continue };
            let Some(keyset) = mint.keyset(&key.keyset) else { continue };
            let (unit, end) = (keyset.terms().unit.clone(), keyset.terms().spend_until);
            let is_payable = mint.is_spendable(keyset, now);
            let view = views
                .entry((mint.id, unit.clone(), *whom.payee.as_bytes()))
                .or_insert_with(|| HeldView::empty(mint.id, unit, whom.payee));
            let amount = token.denomination.value();
            match token.state {
                TokenState::Spent(_) | TokenState::Lost(_) => {}
                TokenState::Reserved(_) => add(&mut view.reserved, amount)?,
                TokenState::Available if !is_payable => add(&mut view.ended, amount)?,
                TokenState::Available if token.suspected => add(&mut view.suspected, amount)?,
                TokenState::Available => {
                    add(&mut view.payable, amount)?;
                    if token.restored {
                        add(&mut view.perhaps_paid, amount)?;
                    }
                    view.tokens = view.tokens.saturating_add(1);
                    view.first_end = Some(view.first_end.map_or(end, |first| first.min(end)));
                }
            }
        }
        Ok(views.into_values().collect())
    }
}

fn add(sum: &mut Amount, amount: Amount) -> Result<(), StoreError> {
    *sum = sum.checked_add(amount).ok_or(StoreError::TooLarge)?;
    Ok(())
}

impl HeldView {
    fn empty(mint: MintId, unit: Unit, payee: PayeeKey) -> Self {
        let zero = Amount::ZERO;
        Self {
            mint,
            unit,
            payee,
            payable: zero,
            perhaps_paid: zero,
            reserved: zero,
            suspected: zero,
            ended: zero,
            tokens: 0,
            first_end: None,
        }
    }
}
