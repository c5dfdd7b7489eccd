//! What a wallet shows: nothing in here is secret, and nothing can be done with it.

use std::collections::BTreeSet;

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::{Amount, Fees, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Bundle, Redemption};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::PaymentRequest;
use farthing_protocol::shape::Shape;

use crate::error::{IssueError, PayError, StoreError};
use crate::mints::Mint;
use crate::operation::{Body, Delivery, IssueStage, OpId, Operation, Outcome, Source};
use crate::recoup::{RecoupError, RecoupView};
use crate::stock::{self, StoredToken, TokenState};
use crate::vault::Tx;
use crate::wallet::Wallet;
use crate::x402::Settlement;

/// A mint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MintView {
    /// Its identity: what its owner must compare.
    pub id: MintId,
    /// Its address.
    pub url: BaseUrl,
    /// Whether the user confirmed the identity.
    pub pinned: bool,
    /// Whether it was caught contradicting itself.
    pub refused: bool,
    /// What it issues.
    pub units: Vec<UnitView>,
}

/// A unit of a mint, with the keyset that issues now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnitView {
    /// The unit.
    pub unit: Unit,
    /// Where its tokens may be spent.
    pub redemption: Redemption,
    /// The keyset that issues now, if one does.
    pub active: Option<ActiveView>,
}

/// The keyset that issues now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActiveView {
    /// The keyset.
    pub keyset: KeysetId,
    /// Until when it issues.
    pub issue_until: UnixTime,
    /// Until when its tokens can be spent.
    pub spend_until: UnixTime,
    /// Its fees.
    pub fees: Fees,
    /// Its bundles, by their number.
    pub bundles: Vec<Bundle>,
    /// The most that can be withdrawn or paid at once.
    pub max_amount: Amount,
}

/// What a wallet holds of one unit of one mint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// What can be spent.
    pub available: Amount,
    /// What unfinished operations hold.
    pub reserved: Amount,
    /// What was given out, and nobody is known to have claimed.
    pub sent: Amount,
    /// What came back from the words and must be renewed before it can be paid: some of it may have been spent.
    pub restored: Amount,
    /// What came back from the words and the mint's filters say was spent: it is settled by renewing it.
    pub suspected: Amount,
    /// What cannot be spent any more, because its keyset ended or was revoked.
    pub ended: Amount,
    /// How many tokens are available.
    pub tokens: usize,
    /// When the first of them end, unless they are renewed before.
    pub first_end: Option<UnixTime>,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// From the account.
    Withdrawal,
    /// Of a voucher.
    Voucher,
    /// Tokens for tokens.
    Swap,
    /// Pays an invoice, or what a web server asks.
    Payment {
        /// Who is paid.
        payee: PayeeKey,
        /// The invoice's note.
        memo: Option<String>,
        /// Before when.
        expires_at: UnixTime,
        /// The address that is paid for.
        url: Option<String>,
        /// Whether it is of tokens that are held for the payee: he alone can say what became of it.
        held: bool,
        /// What its server said became of the payment.
        settlement: Option<Box<Settlement>>,
    },
    /// Gives tokens out as a text.
    Send {
        /// The note.
        memo: Option<String>,
    },
    /// Locks tokens to their recipient.
    Lock {
        /// Who receives.
        payee: PayeeKey,
        /// The note.
        memo: Option<String>,
    },
    /// Swaps somebody else's tokens for own ones.
    Receive {
        /// The sender's note.
        memo: Option<String>,
        /// Whether they were locked to this wallet.
        locked: bool,
    },
    /// Claims tokens of a revoked keyset.
    Recoup {
        /// The keyset.
        keyset: KeysetId,
    },
}

/// How far an unfinished operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Nothing is out whose outcome is unknown.
    Beginning,
    /// A message went out, or may have, and is not answered.
    Unanswered,
    /// A payment was handed to somebody who delivers it, and is settled when its time has passed.
    Handed,
    /// A payment was given up, or what was given out is taken back, and that is being settled with the mint.
    Settling,
    /// Claims are filed, and the mint pays when it collects no more.
    Filed,
    /// What was to fund it went to another wallet of the same words. It asks again when it is gone on with, or can be given up.
    Stopped,
}

/// An unfinished operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationView {
    /// Its number.
    pub id: OpId,
    /// When it began.
    pub created_at: UnixTime,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// What it does.
    pub work: Work,
    /// How far it is.
    pub stage: Stage,
}

/// A finished operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its number.
    pub id: OpId,
    /// When it ended.
    pub ended_at: UnixTime,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much.
    pub amount: Amount,
    /// What it did.
    pub work: Work,
    /// How it ended.
    pub outcome: Outcome,
}

/// Tokens came of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// The operation.
    pub op: OpId,
    /// What they are worth.
    pub amount: Amount,
    /// How many they are.
    pub tokens: usize,
    /// What the mint took for it, beside what they are worth. Swaps are free.
    pub fee: Amount,
}

/// A payee was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paid {
    /// The operation.
    pub op: OpId,
    /// Who was paid.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
    /// The payee's receipt. Without one it is the mint who says that the payment was accepted.
    pub receipt: Option<Receipt>,
    /// How many swaps had to be made at the moment of paying. The mint sees them, and the deposit soon after: time and
    /// denominations suggest that one wallet did both.
    pub swaps: u32,
}

/// What became of an operation that was gone on with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resumed {
    /// The operation.
    pub op: OpId,
    /// How it stands.
    pub result: Result<Resumption, ResumeError>,
}

/// How an operation ended that was gone on with.
#[allow(clippy::large_enum_variant, reason = "one for each operation, shown and dropped")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resumption {
    /// Tokens were issued.
    Issued(Issued),
    /// The payee was paid.
    Paid(Paid),
    /// The payment can never be accepted any more, or what was given out never be claimed, and its value is back.
    TakenBack(Amount),
    /// Somebody claimed what was given out.
    Claimed(Amount),
    /// Tokens are locked to their recipient: [`Wallet::sent_text`] gives their text.
    Locked(OpId),
    /// How claims on tokens of a revoked keyset stand.
    Recoup(RecoupView),
}

/// Why an operation is not finished, or how it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// A withdrawal or swap.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A payment.
    #[error(transparent)]
    Pay(#[from] PayError),
    /// Claims on tokens of a revoked keyset.
    #[error(transparent)]
    Recoup(#[from] RecoupError),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::Issue(error.into())
    }
}

impl Wallet {
    /// What the wallet holds, for each mint and unit.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn balance(&self) -> Result<Vec<Balance>, StoreError> {
        let read = |tx: &mut Tx<'_, '_>| Ok((stock::live(tx)?, Operation::all_live(tx)?));
        let (tokens, live) = self.inner.vault.run::<_, StoreError>(read).await?;
        let is_send = |operation: &&Operation| matches!(operation.body, Body::Send(_));
        let sent: BTreeSet<OpId> = live.iter().filter(is_send).map(|operation| operation.id).collect();
        let now = self.inner.now();
        let mut balances = Vec::new();
        for mint in self.inner.all_mints() {
            for chain in &mint.chains {
                let key = chain.key();
                let mut balance = match balances.iter().position(|b: &Balance| b.mint == key.mint && b.unit == key.unit)
                {
                    Some(place) => balances.swap_remove(place),
                    None => Balance::empty(key.mint, key.unit),
                };
                for (place, token) in &tokens {
                    if let Some(keyset) = chain.get(&place.keyset) {
                        let end = mint.is_spendable(keyset, now).then_some(keyset.terms().spend_until);
                        balance.add(token, end, |op| sent.contains(&op))?;
                    }
                }
                balances.push(balance);
            }
        }
        balances.sort_by(|a, b| (&a.mint, &a.unit).cmp(&(&b.mint, &b.unit)));
        Ok(balances)
    }

    /// Unfinished operations, oldest first. What was given out and waits to be claimed is not among them: [`Wallet::sent`] lists it.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn operations(&self) -> Result<Vec<OperationView>, StoreError> {
        let live = self.inner.vault.run::<_, StoreError>(|tx| Operation::all_live(tx)).await?;
        Ok(live.iter().filter(|operation| !operation.is_out()).map(OperationView::of).collect())
    }

    /// Finished operations, newest first.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        let ended = self.inner.vault.run::<_, StoreError>(|tx| Operation::all_ended(tx)).await?;
        let mut entries: Vec<HistoryEntry> = ended.iter().filter_map(HistoryEntry::of).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.ended_at, entry.id)));
        Ok(entries)
    }
}

impl MintView {
    pub(crate) fn of(mint: &Mint, now: UnixTime) -> Self {
        let units = mint.chains.iter().map(|chain| {
            let key = chain.key();
            let active = mint.active(&key.unit, &key.redemption, now).ok().map(|keyset| ActiveView {
                keyset: *keyset.id(),
                issue_until: keyset.terms().issue_until,
                spend_until: keyset.terms().spend_until,
                fees: keyset.terms().fees,
                bundles: keyset.terms().bundles.clone(),
                max_amount: keyset.max_amount(),
            });
            UnitView { unit: key.unit, redemption: key.redemption, active }
        });
        Self { id: mint.id, url: mint.url.clone(), pinned: mint.pinned, refused: mint.refused, units: units.collect() }
    }
}

impl Balance {
    fn empty(mint: MintId, unit: Unit) -> Self {
        let zero = Amount::ZERO;
        Self {
            mint,
            unit,
            available: zero,
            reserved: zero,
            sent: zero,
            restored: zero,
            suspected: zero,
            ended: zero,
            tokens: 0,
            first_end: None,
        }
    }

    /// `end` is none for tokens that cannot be spent any more; `is_sent` says that the operation gave its tokens out.
    fn add(
        &mut self,
        token: &StoredToken,
        end: Option<UnixTime>,
        is_sent: impl Fn(OpId) -> bool,
    ) -> Result<(), StoreError> {
        let sum = match (token.state, end) {
            (TokenState::Reserved(op), _) if is_sent(op) => &mut self.sent,
            (TokenState::Reserved(_), _) => &mut self.reserved,
            (TokenState::Spent(_) | TokenState::Lost(_), _) => return Ok(()),
            (TokenState::Available, None) => &mut self.ended,
            (TokenState::Available, Some(end)) => {
                self.first_end = Some(self.first_end.map_or(end, |first| first.min(end)));
                if token.suspected {
                    &mut self.suspected
                } else if token.restored {
                    &mut self.restored
                } else {
                    self.tokens = self.tokens.saturating_add(1);
                    &mut self.available
                }
            }
        };
        *sum = sum.checked_add(token.denomination.value()).ok_or(StoreError::TooLarge)?;
        Ok(())
    }
}

impl Work {
    fn of(body: &Body) -> Self {
        match body {
            Body::Issue(issue) if matches!(issue.source, Source::Voucher(_)) => Self::Voucher,
            Body::Issue(issue) => match issue.shape {
                Shape::Withdrawal(_) | Shape::Bundle(_) => Self::Withdrawal,
                Shape::Split(_) | Shape::Merge(_) | Shape::Renew(_) => Self::Swap,
            },
            Body::Pay(pay) => {
                let memo = match &pay.request {
                    PaymentRequest::Invoice(invoice) => invoice.draft().memo.clone(),
                    PaymentRequest::Offer(_) => None,
                };
                let exchange = match &pay.delivery {
                    Delivery::Endpoint | Delivery::Handed => None,
                    Delivery::Http(exchange) => Some(exchange),
                };
                Self::Payment {
                    payee: *pay.request.payee(),
                    memo,
                    expires_at: pay.request.expires_at(),
                    held: pay.is_held(),
                    url: exchange.map(|exchange| exchange.url.clone()),
                    settlement: exchange.and_then(|exchange| exchange.settlement()).map(Box::new),
                }
            }
            Body::Send(sending) => Self::Send { memo: sending.memo.clone() },
            Body::Lock(locking) => Self::Lock { payee: *locking.to.payee(), memo: locking.memo.clone() },
            Body::Receive(receiving) => {
                Self::Receive { memo: receiving.memo.clone(), locked: receiving.index.is_some() }
            }
            Body::Recoup(recouping) => Self::Recoup { keyset: recouping.keyset },
        }
    }
}

impl OperationView {
    pub(crate) fn of(operation: &Operation) -> Self {
        let stage = match (&operation.body, operation.issue().map(|issue| issue.stage)) {
            (_, Some(IssueStage::Stopped)) => Stage::Stopped,
            (Body::Pay(_), Some(_)) | (Body::Send(_), _) => Stage::Settling,
            (Body::Pay(pay), None) if matches!(pay.delivery, Delivery::Handed) => Stage::Handed,
            (Body::Pay(_), None) | (_, Some(IssueStage::Sent)) => Stage::Unanswered,
            (Body::Recoup(_), _) => Stage::Filed,
            (Body::Issue(_) | Body::Lock(_) | Body::Receive(_), _) => Stage::Beginning,
        };
        Self {
            id: operation.id,
            created_at: operation.created_at,
            mint: operation.mint,
            unit: operation.unit.clone(),
            amount: operation.amount,
            work: Work::of(&operation.body),
            stage,
        }
    }
}

impl HistoryEntry {
    fn of(operation: &Operation) -> Option<Self> {
        let (ended_at, outcome) = operation.ended?;
        Some(Self {
            id: operation.id,
            ended_at,
            mint: operation.mint,
            unit: operation.unit.clone(),
            amount: operation.amount,
            work: Work::of(&operation.body),
            outcome,
        })
    }
}
