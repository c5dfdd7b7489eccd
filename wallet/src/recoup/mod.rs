//! Recoup (protocol section 10): getting back what tokens were worth whose keyset's key leaked.
//!
//! ```text
//! (tokens reserved and claims kept, in one transaction) ── claim ──▶ filed ──▶ (claims are collected no more) ──▶ paid to the account
//!                                                            │                                                   └▶ to somebody else
//!                                                            └──▶ refused: spent, or from an issuance that does not count
//! ```
//!
//! Each token has a claim of its own, so that one which is refused costs the others nothing. The same bytes are sent again, to file
//! and to ask.

mod claim;
mod drive;
mod error;
mod lost;
mod show;

use std::collections::BTreeSet;
use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;

use self::lost::Reasons;
use crate::error::StoreError;
use crate::issue::is_idle;
use crate::mints::Mint;
use crate::operation::{Body, Issue, IssueStage, OpId, Operation, Source};
use crate::stock::{self, Held, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
use crate::wallet::Wallet;

pub use error::RecoupError;
pub use lost::LostBecause;
pub use show::Shown;

/// What a recoup gives up, for whoever is asked.
pub const WHAT_A_RECOUP_SHOWS: &str = "To claim a token you show the mint how it was blinded: it then knows for each of these tokens from which \
     withdrawal or swap of yours it came, that they are all yours, and how many issuances of this keyset you had made. What you paid with \
     other tokens stays as it was.";

/// A revoked keyset of which the wallet holds tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recoupable {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// The keyset.
    pub keyset: KeysetId,
    /// Since when it is revoked.
    pub revoked_at: UnixTime,
    /// What the tokens are worth that can be claimed.
    pub amount: Amount,
    /// How many they are.
    pub tokens: usize,
    /// How much of it is in payments that nobody is known to have accepted: if their payee did, he comes before this wallet.
    pub in_payments: Amount,
    /// How much of it was given out as a text that nobody is known to have claimed. Whoever has the text gets nothing for it any more.
    pub in_texts: Amount,
}

/// What a wallet holds of a revoked keyset and cannot claim: it does not know how these tokens were blinded, or not their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unclaimable {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// The keyset.
    pub keyset: KeysetId,
    /// Received as a text and not swapped in time. Its sender's wallet can show where the tokens came from, and nobody else.
    pub received: Amount,
    /// Of that, what was locked to this wallet: its sender cannot claim it for himself either.
    pub received_locked: Amount,
    /// Locked to payees to pay them, and not paid: nobody but they knows the keys, and they have accepted nothing.
    pub held: Amount,
}

/// How a recoup stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoupView {
    /// The operation.
    pub op: OpId,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// The keyset.
    pub keyset: KeysetId,
    /// What was claimed.
    pub claimed: Amount,
    /// What waits to be paid.
    pub waiting: Amount,
    /// What is in the account.
    pub paid: Amount,
    /// What is not paid.
    pub lost: Amount,
    /// Why not, with how much for each reason. What an older version noted has none.
    pub lost_because: Vec<(LostBecause, Amount)>,
    /// Until then claims are collected and nothing is paid, as far as the mint said.
    pub claims_until: Option<UnixTime>,
}

/// Claims on tokens of one revoked keyset, until each is decided.
pub(crate) struct Recouping {
    pub(crate) keyset: KeysetId,
    /// The tokens that nothing was decided about.
    pub(crate) tokens: Vec<TokenKey>,
    /// Their claims, in the same order.
    claims: Vec<KeptClaim>,
    claims_until: Option<UnixTime>,
    paid: Amount,
    lost: Amount,
    reasons: Reasons,
}

/// A claim as it is sent, again and again with the same bytes.
struct KeptClaim {
    /// The wire object.
    bytes: Vec<u8>,
    /// Whether the mint is known to have it.
    filed: bool,
    /// The payment from which its token was taken.
    from: Option<OpId>,
}

impl Recouping {
    /// Whether there is nothing to do but wait.
    pub(crate) fn waits(&self, now: UnixTime) -> bool {
        let filed = self.claims.iter().all(|claim| claim.filed);
        filed && self.claims_until.is_some_and(|until| now < until)
    }
}

impl RecoupView {
    pub(crate) fn of(operation: &Operation) -> Option<Self> {
        let Body::Recoup(recouping) = &operation.body else { return None };
        let (claimed, decided) = (operation.amount, recouping.paid.checked_add(recouping.lost)?);
        Some(Self {
            op: operation.id,
            mint: operation.mint,
            unit: operation.unit.clone(),
            keyset: recouping.keyset,
            claimed,
            waiting: claimed.checked_sub(decided)?,
            paid: recouping.paid,
            lost: recouping.lost,
            lost_because: recouping.reasons.to_vec(),
            claims_until: recouping.claims_until,
        })
    }
}

impl Wallet {
    /// Revoked keysets of which the wallet holds tokens, as far as it knows: [`refresh_mint`](Self::refresh_mint) asks the mint. Nothing is
    /// asked of anybody.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn recoupable(&self) -> Result<Vec<Recoupable>, StoreError> {
        let mints = self.inner.all_mints();
        self.inner
            .vault
            .run::<_, StoreError>(move |tx| {
                let (live, operations) = (stock::live(tx)?, Operation::all_live(tx)?);
                let mut found = Vec::new();
                for mint in &mints {
                    for (keyset, revoked_at) in revoked(mint) {
                        found.extend(Recoupable::of(mint, &keyset, revoked_at, &live, &operations)?);
                    }
                }
                Ok(found)
            })
            .await
    }

    /// What the wallet holds of revoked keysets and cannot claim, as far as it knows. Nothing is asked of anybody.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn unclaimable(&self) -> Result<Vec<Unclaimable>, StoreError> {
        let mints = self.inner.all_mints();
        self.inner
            .vault
            .run::<_, StoreError>(move |tx| {
                let (held, operations) = (stock::held(tx)?, Operation::all_live(tx)?);
                let mut found = Vec::new();
                for mint in &mints {
                    for (keyset, _) in revoked(mint) {
                        found.extend(Unclaimable::of(mint, &keyset, &held, &operations)?);
                    }
                }
                Ok(found)
            })
            .await
    }

    /// Every revoked keyset, with its mint, by the lists that were seen last.
    pub fn revoked_keysets(&self) -> Vec<(MintId, KeysetId)> {
        let all = self.inner.all_mints();
        let of =
            |mint: &Arc<Mint>| revoked(mint).into_iter().map(|(keyset, _)| (mint.id, *keyset.id())).collect::<Vec<_>>();
        all.iter().flat_map(of).collect()
    }

    /// Recoups that are begun or over, newest first.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn recoups(&self) -> Result<Vec<RecoupView>, StoreError> {
        let read = |tx: &mut Tx<'_, '_>| {
            let mut all = Operation::all_live(tx)?;
            all.extend(Operation::all_ended(tx)?);
            Ok(all)
        };
        let all = self.inner.vault.run::<_, StoreError>(read).await?;
        let mut views: Vec<RecoupView> = all.iter().filter_map(RecoupView::of).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.op));
        Ok(views)
    }

    /// Claims every token of a revoked keyset from its mint, for the wallet's account there. First goes on with whatever was left
    /// unfinished. The mint pays when claims are collected no more, 30 days after the revocation for example: the operation stays until
    /// then, and [`resume`](Self::resume) asks.
    ///
    /// Tokens of payments that nobody is known to have accepted are claimed too. Such a payment ends: if its payee had accepted it, he is
    /// paid in the place of this wallet.
    ///
    /// # Errors
    /// A [`RecoupError`]; [`RecoupError::Pending`] when the mint was not to be asked: the operation stays.
    ///
    /// # Security
    /// It gives up the privacy of these tokens: whoever calls this MUST have asked, with [`WHAT_A_RECOUP_SHOWS`].
    pub async fn recoup(&self, mint: &MintId, keyset: &KeysetId) -> Result<RecoupView, RecoupError> {
        self.ready().await?;
        self.inner.recoup(mint, keyset).await
    }
}

impl Recoupable {
    fn of(
        mint: &Mint,
        keyset: &Arc<Keyset>,
        revoked_at: UnixTime,
        live: &[(TokenKey, StoredToken)],
        operations: &[Operation],
    ) -> Result<Option<Self>, StoreError> {
        let picked = pick(keyset.id(), live, operations);
        if picked.is_empty() {
            return Ok(None);
        }
        let worth = |of: &dyn Fn(Owner) -> bool| {
            stock::worth(picked.iter().filter(|one| of(one.from)).map(|one| one.token.denomination))
        };
        Ok(Some(Self {
            mint: mint.id,
            unit: keyset.terms().unit.clone(),
            keyset: *keyset.id(),
            revoked_at,
            amount: worth(&|_| true)?,
            tokens: picked.len(),
            in_payments: worth(&|from| matches!(from, Owner::Payment(_)))?,
            in_texts: worth(&|from| matches!(from, Owner::Text(_)))?,
        }))
    }
}

impl Unclaimable {
    fn of(
        mint: &Mint,
        keyset: &Keyset,
        held: &[(TokenKey, StoredToken, Held)],
        operations: &[Operation],
    ) -> Result<Option<Self>, StoreError> {
        let id = keyset.id();
        let held = held.iter().filter(|(key, ..)| key.keyset == *id).map(|(_, token, _)| token.denomination);
        let received = |locked: bool| {
            let worth = operations.iter().filter_map(|operation| match &operation.body {
                Body::Receive(receiving) if receiving.index.is_some() || !locked => match &receiving.issue.source {
                    Source::Foreign(foreign) if foreign.keyset == *id => Some(operation.amount),
                    _ => None,
                },
                _ => None,
            });
            Amount::checked_sum(worth).ok_or(StoreError::TooLarge)
        };
        let (held, received, received_locked) = (stock::worth(held)?, received(false)?, received(true)?);
        if held.is_zero() && received.is_zero() {
            return Ok(None);
        }
        let (mint, unit) = (mint.id, keyset.terms().unit.clone());
        Ok(Some(Self { mint, unit, keyset: *id, received, received_locked, held }))
    }
}

/// What had reserved a token that can be claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Nothing.
    Stock,
    /// A payment that nobody is known to have accepted.
    Payment(OpId),
    /// A text that nobody is known to have claimed.
    Text(OpId),
    /// A swap that came to nothing, and never can any more.
    Swap(OpId),
}

impl Owner {
    const fn op(self) -> Option<OpId> {
        match self {
            Self::Stock => None,
            Self::Payment(op) | Self::Text(op) | Self::Swap(op) => Some(op),
        }
    }
}

/// A token that can be claimed.
struct Picked<'t> {
    key: TokenKey,
    token: &'t StoredToken,
    from: Owner,
}

/// The tokens of a keyset that can be claimed. Whatever has an unanswered request at the mint is left out: that must be answered first.
fn pick<'t>(keyset: &KeysetId, live: &'t [(TokenKey, StoredToken)], operations: &[Operation]) -> Vec<Picked<'t>> {
    let unanswered = |issue: &Issue| issue.stage == IssueStage::Sent;
    let reserved = |op: OpId| {
        let operation = operations.iter().find(|operation| operation.id == op)?;
        match &operation.body {
            Body::Pay(pay) if pay.is_held() => None,
            Body::Pay(_) | Body::Send(_) if operation.issue().is_some_and(unanswered) => None,
            Body::Pay(_) => Some(Owner::Payment(op)),
            Body::Send(_) => Some(Owner::Text(op)),
            Body::Issue(_) | Body::Lock(_) if is_idle(operation) => Some(Owner::Swap(op)),
            Body::Issue(_) | Body::Lock(_) | Body::Receive(_) | Body::Recoup(_) => None,
        }
    };
    let pick = |(key, token): &'t (TokenKey, StoredToken)| {
        let from = match token.state {
            TokenState::Available => Owner::Stock,
            TokenState::Reserved(op) => reserved(op)?,
            TokenState::Spent(_) | TokenState::Lost(_) => return None,
        };
        Some(Picked { key: *key, token, from })
    };
    live.iter().filter(|(key, _)| key.keyset == *keyset).filter_map(pick).collect()
}

/// At most so many, and of no operation a part alone.
fn at_most(picked: Vec<Picked<'_>>, most: usize) -> Vec<Picked<'_>> {
    let left_out: BTreeSet<OpId> = picked.iter().skip(most).filter_map(|one| one.from.op()).collect();
    let is_whole = |one: &Picked<'_>| one.from.op().is_none_or(|op| !left_out.contains(&op));
    picked.into_iter().take(most).filter(is_whole).collect()
}

/// A mint's revoked keysets, by its last list.
fn revoked(mint: &Mint) -> Vec<(Arc<Keyset>, UnixTime)> {
    let all = mint.list.revocations().iter();
    all.filter_map(|revocation| Some((Arc::clone(mint.keyset(&revocation.keyset)?), revocation.revoked_at))).collect()
}

impl Encode for KeptClaim {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        out.bytes(&self.bytes);
        out.u8(u8::from(self.filed));
        out.optional(self.from.as_ref());
    }
}

impl Decode for KeptClaim {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = usize::try_from(input.u32()?).map_err(|_| DecodeError::TooLong)?;
        let bytes = input.bytes(length)?.to_vec();
        let filed = match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { bytes, filed, from: input.optional()? })
    }
}

impl Encode for Recouping {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.list(&self.tokens);
        out.list(&self.claims);
        out.optional(self.claims_until.as_ref());
        out.part(&self.paid);
        out.part(&self.lost);
        out.part(&self.reasons);
    }
}

impl Recouping {
    /// As an older version kept it.
    pub(crate) fn decode_without_reasons(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const MANY: usize = u16::MAX as usize;
        Ok(Self {
            keyset: input.part()?,
            tokens: input.list(MANY)?,
            claims: input.list(MANY)?,
            claims_until: input.optional()?,
            paid: input.part()?,
            lost: input.part()?,
            reasons: Reasons::default(),
        })
    }
}

impl Decode for Recouping {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let recouping = Self::decode_without_reasons(input)?;
        Ok(Self { reasons: input.part()?, ..recouping })
    }
}
