//! Getting exact tokens together, and making the payment of them.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::request::Invoice;

use super::invoice::{Target, before, key_of};
use crate::error::{IssueError, MintError, PayError, StoreError};
use crate::event::Event;
use crate::issue::SwapWhat;
use crate::operation::{Body, OpId, Operation, Pay};
use crate::plan::{self, Counts, Next};
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
use crate::wallet::{Inner, Working, to_the_minute};

impl Inner {
    /// What the wallet can spend of a target's chain.
    pub(super) async fn spendable(&self, target: &Target, unit: &Unit) -> Result<Amount, PayError> {
        let keysets = self.spendable_keysets(target, unit)?;
        let live = self.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        let mut worth = keysets.iter().map(|keyset| plan::worth(&counts(&live, keyset)));
        let sum = worth.try_fold(Amount::ZERO, |sum, worth| sum.checked_add(worth?));
        Ok(sum.ok_or(StoreError::TooLarge)?)
    }

    /// Swaps until exact tokens are there, reserves them, and keeps the payment.
    pub(super) async fn prepare(self: &Arc<Self>, invoice: &Invoice, target: &Target) -> Result<Working, PayError> {
        let draft = invoice.draft();
        let mut swaps = 0_u32;
        loop {
            if self.now() >= draft.expires_at {
                return Err(PayError::Expired);
            }
            // Looked up each time: a swap may have made the list be fetched, and a new keyset known.
            let target = &Target { mint: self.mint_to_pay_with(&target.mint.id).await?, redemption: target.redemption };
            let keysets = self.spendable_keysets(target, &draft.unit)?;
            if let Some(working) = self.try_keep(invoice, target, &keysets, swaps).await? {
                return Ok(working);
            }
            if self.swap_once(invoice, target, &keysets, swaps == 0).await? {
                swaps = swaps.saturating_add(1);
            }
        }
    }

    /// Keysets of the chain that can be spent, oldest first.
    fn spendable_keysets(&self, target: &Target, unit: &Unit) -> Result<Vec<Arc<Keyset>>, MintError> {
        let now = self.now();
        let chain = target.mint.chain(unit, &target.redemption).ok_or(MintError::NoSuchUnit)?;
        Ok(chain.iter().filter(|keyset| target.mint.is_spendable(keyset, now)).cloned().collect())
    }

    /// Keeps a payment of exact tokens of the oldest keyset that has them.
    async fn try_keep(
        self: &Arc<Self>,
        invoice: &Invoice,
        target: &Target,
        keysets: &[Arc<Keyset>],
        swaps: u32,
    ) -> Result<Option<Working>, PayError> {
        let (invoice, keysets, mint, now) = (invoice.clone(), keysets.to_vec(), target.mint.id, self.now());
        self.create(move |tx| {
            let draft = invoice.draft();
            if let Some(paid) = before(tx, &key_of(&invoice), draft.reusable)? {
                return Err(PayError::InProgress { op: paid.op });
            }
            let live = stock::live(tx)?;
            let digits = draft.amount.digits();
            let found = keysets.iter().find_map(|k| Some((k, stock::choose(&live, k.id(), &digits)?)));
            let Some((keyset, chosen)) = found else { return Ok(None) };
            let tokens: Vec<TokenKey> = chosen.into_iter().map(|(key, _)| *key).collect();
            let op = Operation::next_id(tx)?;
            let terms = PaymentTerms {
                kind: PaymentKind::Pay,
                mint,
                keyset: *keyset.id(),
                request: invoice.hash(),
                payee: draft.payee,
                amount: draft.amount,
            };
            let payment = authorize(tx, op, &tokens, terms, now)?;
            tx.put(&key_of(&invoice), &op)?;
            let (unit, amount) = (draft.unit.clone(), draft.amount);
            let body = Body::Pay(Box::new(Pay { invoice, payment, tokens, swaps, settling: None }));
            Operation { id: op, created_at: now, mint, unit, amount, body, ended: None }.keep(tx)?;
            Ok(Some(op))
        })
        .await
    }

    /// Makes the next swap that brings exact tokens nearer. What swaps make is of the keyset that issues now, so that everything is
    /// brought together there. `false`: somebody took tokens, or gave some back, between two looks.
    async fn swap_once(
        self: &Arc<Self>,
        invoice: &Invoice,
        target: &Target,
        keysets: &[Arc<Keyset>],
        first: bool,
    ) -> Result<bool, PayError> {
        let draft = invoice.draft();
        let (mint, now) = (&target.mint, self.now());
        if mint.active(&draft.unit, &target.redemption, now).is_err() {
            self.tell(&Event::ListBeforePaying { mint: mint.id });
        }
        let active = self.active(mint, &draft.unit, &target.redemption).await?;
        let live = self.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        if draft.amount > active.max_amount() {
            return Err(PayError::InsufficientFunds);
        }
        let (from, what) = match plan::next(&counts(&live, &active), draft.amount) {
            Next::Pay => return Ok(false),
            Next::Split(k) => (active, SwapWhat::Split(k)),
            Next::Merge(k) => (active, SwapWhat::Merge(k)),
            Next::TooLittle => {
                let older = keysets.iter().filter(|keyset| keyset.id() != active.id());
                let mut renewable = older.map(|keyset| (keyset, counts(&live, keyset))).filter(|(_, c)| !c.is_empty());
                let (keyset, counts) = renewable.next().ok_or(PayError::InsufficientFunds)?;
                let amount = stock::worth(counts.keys().copied())?;
                (Arc::clone(keyset), SwapWhat::Renew(amount))
            }
        };
        let working = match self.reserve_swap(&target.mint, &target.redemption, vec![from], what).await {
            Ok(working) => working,
            Err(IssueError::NoSuchTokens) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if first {
            self.tell(&Event::SwapBeforePaying);
        }
        self.begin_issue(working).await?;
        Ok(true)
    }
}

/// Reserves the tokens for the operation and authorizes the payment.
fn authorize(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    tokens: &[TokenKey],
    terms: PaymentTerms,
    now: UnixTime,
) -> Result<Payment, StoreError> {
    let opened = tokens.iter().map(|key| stock::reserve(tx, *key, op)?.open()).collect::<Result<Vec<_>, _>>()?;
    let witnesses: Vec<_> = opened.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    // The tokens are the digits of the amount, ascending.
    Payment::authorize(&mut rand::rng(), terms, &witnesses, Binding::None, to_the_minute(now))
        .map_err(|_| StoreError::Damaged)
}

/// How many tokens of a keyset are available, by denomination.
fn counts(live: &[(TokenKey, StoredToken)], keyset: &Keyset) -> Counts {
    let mut counts = Counts::new();
    for (key, token) in live {
        if key.keyset == *keyset.id() && token.state == TokenState::Available {
            let count = counts.entry(token.denomination).or_insert(0_u32);
            *count = count.saturating_add(1);
        }
    }
    counts
}
