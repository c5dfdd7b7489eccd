//! What a payment would show, told before it is made. From local data only: asking would show it.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Chain, Keyset, Redemption, Relation};
use farthing_protocol::request::{Invoice, TransferRequest};

use super::ending::WARN;
use super::holdings::{Holdings, Live};
use super::plan::{Stock, Swap, carry_out, digits_of};
use crate::error::{MintError, PayError, StoreError};
use crate::heads::Asked;
use crate::mints::Mint;
use crate::plan::{self, Counts, Next};
use crate::stock;
use crate::transfer::SendError;
use crate::wallet::Wallet;

/// Tokens that came so many seconds ago or less came moments ago.
const MOMENTS: u64 = 600;

/// Of a keyset that issues for so many seconds or less, few others have tokens yet.
const YOUNG: u64 = 7 * 86_400;

/// More swaps than this are not counted.
const MOST_SWAPS: u32 = 1000;

/// What a payment would show.
///
/// The mint does not see which of a keyset's tokens it issued when, or to whom: who pays is hidden among all who hold tokens of the
/// keyset. What remains are amount, keyset and time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outlook {
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// How much is to be paid.
    pub amount: Amount,
    /// The keyset whose tokens would be paid with; none if they do not suffice.
    pub keyset: Option<KeysetOutlook>,
    /// When the oldest and the newest of the tokens came into the wallet; none if they must be swapped first.
    pub tokens_since: Option<(UnixTime, UnixTime)>,
    /// How many swaps must come first.
    pub swaps: u32,
    /// What is worth saying, the gravest first.
    pub remarks: Vec<Remark>,
}

/// The keyset whose tokens would be paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysetOutlook {
    /// The keyset.
    pub id: KeysetId,
    /// For how many whole days it has been issuing, or since when it began to.
    pub age_days: u64,
    /// Before when its tokens can be spent.
    pub spend_until: UnixTime,
}

/// Something that a payer should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The tokens do not cover the amount.
    NotEnough,
    /// Tokens must be swapped, and the mint has no keyset that issues now.
    NoKeyset,
    /// The payee was shown other keysets of this mint than this wallet: it will refuse to pay, and keep both as evidence.
    OtherKeysets,
    /// The mint's list must be fetched first: the mint sees that somebody did, just before a payment.
    ListFirst,
    /// Tokens must be swapped first: the mint sees swaps, and just afterwards a payment that they made possible.
    SwapsFirst(u32),
    /// The newest of the tokens came so many seconds ago: whoever sees a withdrawal or swap, and a payment just afterwards, guesses
    /// that one wallet did both.
    IssuedMomentsAgo(u64),
    /// The keyset has been issuing for so many whole days only: few others hold tokens of it yet.
    YoungKeyset(u64),
    /// The keyset ends soon: the later, the fewer others still hold tokens of it.
    EndsSoon(UnixTime),
}

/// How grave a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Waiting would be better.
    Warning,
    /// It cannot be paid like this.
    Obstacle,
}

impl Remark {
    /// How grave it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NotEnough | Self::NoKeyset | Self::OtherKeysets => Severity::Obstacle,
            Self::ListFirst | Self::SwapsFirst(_) | Self::IssuedMomentsAgo(_) => Severity::Warning,
            Self::YoungKeyset(_) | Self::EndsSoon(_) => Severity::Notice,
        }
    }
}

impl Outlook {
    /// The gravest of the remarks.
    pub fn worst(&self) -> Option<Severity> {
        self.remarks.iter().map(Remark::severity).max()
    }
}

impl Wallet {
    /// What paying an amount with a mint's tokens would show. Nothing is asked of anybody.
    ///
    /// # Errors
    /// [`MintError::Unknown`], [`MintError::NotPinned`], [`MintError::Refused`], [`MintError::NoSuchUnit`], [`MintError::Store`].
    pub async fn payment_outlook(&self, mint: &MintId, unit: &Unit, amount: Amount) -> Result<Outlook, MintError> {
        let mint = self.inner.mint(mint)?;
        mint.usable()?;
        let chain = mint.chain(unit, &Redemption::Open).ok_or(MintError::NoSuchUnit)?;
        let live = self.inner.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        let list_first = !mint.is_current(self.inner.now());
        Ok(outlook(&mint, chain, amount, list_first, &live, self.inner.now()))
    }

    /// What paying an invoice would show, with the tokens of the first of its mints that can pay it; if none can, of the first that is
    /// known. Nothing is asked of anybody.
    ///
    /// # Errors
    /// [`PayError::InvalidInvoice`], [`PayError::NoCommonMint`], [`PayError::Store`].
    pub async fn invoice_outlook(&self, invoice: &Invoice) -> Result<Outlook, PayError> {
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        self.asked_outlook(Asked::Invoice(invoice)).await?.ok_or(PayError::NoCommonMint)
    }

    /// What answering a transfer request would show, likewise.
    ///
    /// # Errors
    /// [`SendError::InvalidSignature`], [`SendError::NoCommonMint`], [`SendError::Store`].
    pub async fn transfer_outlook(&self, request: &TransferRequest) -> Result<Outlook, SendError> {
        request.verify().map_err(|_| SendError::InvalidSignature)?;
        self.asked_outlook(Asked::Transfer(request)).await?.ok_or(SendError::NoCommonMint)
    }

    async fn asked_outlook(&self, asked: Asked<'_>) -> Result<Option<Outlook>, StoreError> {
        let inner = &self.inner;
        let live = inner.vault.run::<_, StoreError>(|tx| stock::live(tx)).await?;
        let now = inner.now();
        let mut obstructed = None;
        for accepted in asked.mints().iter().filter(|accepted| inner.is_payable(&accepted.mint, asked)) {
            let Some(mint) = inner.find_mint(&accepted.mint) else { continue };
            let is_known = |chain: &&Chain| chain.relation(&accepted.head) == Relation::Known;
            let known = asked.candidates(&mint).find(is_known);
            let Some(chain) = known.or_else(|| asked.candidates(&mint).next()) else { continue };
            let relation = asked.relation(&mint, &accepted.head);
            let list_first = !mint.is_current(now) || relation == Some(Relation::Newer);
            let mut found = outlook(&mint, chain, asked.amount(), list_first, &live, now);
            if relation == Some(Relation::Differs) {
                found.remarks.insert(0, Remark::OtherKeysets);
            }
            if found.worst() != Some(Severity::Obstacle) {
                return Ok(Some(found));
            }
            obstructed = obstructed.or(Some(found));
        }
        Ok(obstructed)
    }
}

/// With the tokens of one chain.
pub(crate) fn outlook(
    mint: &Mint,
    chain: &Chain,
    amount: Amount,
    list_first: bool,
    live: &Live,
    now: UnixTime,
) -> Outlook {
    let holdings = Holdings::of(mint, chain, live, now);
    let way = way_to(&holdings, amount);
    let (keyset, swaps) = match &way {
        Way::Exact(keyset) => (Some(keyset), 0),
        Way::Swaps(keyset, swaps) => (Some(keyset), *swaps),
        Way::NotEnough | Way::NoKeyset => (None, 0),
    };
    let tokens_since = keyset.filter(|_| swaps == 0).and_then(|keyset| {
        let chosen = stock::choose(live, keyset.id(), &amount.digits())?;
        let since = || chosen.iter().map(|(_, token)| token.since);
        Some((since().min()?, since().max()?))
    });
    let keyset = keyset.map(|keyset| KeysetOutlook {
        id: *keyset.id(),
        age_days: seconds(keyset.terms().active_from, now) / 86_400,
        spend_until: keyset.terms().spend_until,
    });
    let mut remarks: Vec<Remark> = match way {
        Way::NotEnough => vec![Remark::NotEnough],
        Way::NoKeyset => vec![Remark::NoKeyset],
        Way::Exact(_) => Vec::new(),
        Way::Swaps(_, swaps) => vec![Remark::SwapsFirst(swaps)],
    };
    let newest = tokens_since.map(|(_, newest)| seconds(newest, now)).filter(|age| *age < MOMENTS);
    remarks.extend(list_first.then_some(Remark::ListFirst));
    remarks.extend(newest.map(Remark::IssuedMomentsAgo));
    if let Some(keyset) = &keyset {
        let is_young = keyset.age_days < YOUNG / 86_400;
        remarks.extend(is_young.then_some(Remark::YoungKeyset(keyset.age_days)));
        let ends_soon = now >= keyset.spend_until.minus(WARN);
        remarks.extend(ends_soon.then_some(Remark::EndsSoon(keyset.spend_until)));
    }
    remarks.sort_by_key(|remark| std::cmp::Reverse(remark.severity()));
    let unit = chain.key().unit;
    Outlook { mint: mint.id, unit, amount, keyset, tokens_since, swaps, remarks }
}

/// How an amount can be paid.
enum Way {
    Exact(Arc<Keyset>),
    /// After so many swaps, with tokens of the keyset that issues now.
    Swaps(Arc<Keyset>, u32),
    NotEnough,
    NoKeyset,
}

/// Goes the way that a payment would go, without going it.
fn way_to(holdings: &Holdings, amount: Amount) -> Way {
    let digits = amount.digits();
    let has_digits = |counts: &Counts| digits.iter().all(|d| counts.contains_key(d));
    let others = || holdings.ending.iter().chain(&holdings.older);
    if let Some((keyset, _)) = others().find(|(_, counts)| has_digits(counts)) {
        return Way::Exact(Arc::clone(keyset));
    }
    if holdings.worth().is_none_or(|worth| worth < amount) {
        return Way::NotEnough;
    }
    let Some(issuing) = &holdings.issuing else { return Way::NoKeyset };
    let mut stock = Stock { older: others().map(|(_, counts)| counts.clone()).collect(), ..holdings.stock() };
    if amount > issuing.max_amount() {
        return Way::NotEnough;
    }
    let mut swaps = 0_u32;
    while swaps < MOST_SWAPS {
        let swap = match plan::next(&stock.active, amount) {
            Next::Pay => break,
            Next::Split(k) => Swap::Split(k),
            Next::Merge(k) => Swap::Merge(k),
            Next::TooLittle => {
                let renewals = stock.older.iter().map(|counts| digits_of(counts.keys().copied()));
                match renewals.enumerate().find_map(|(place, amount)| Some(Swap::Renew(place, amount?))) {
                    Some(renewal) => renewal,
                    None => return Way::NotEnough,
                }
            }
        };
        if !carry_out(&mut stock, swap) {
            return Way::NotEnough;
        }
        swaps = swaps.saturating_add(1);
    }
    if swaps == 0 { Way::Exact(Arc::clone(issuing)) } else { Way::Swaps(Arc::clone(issuing), swaps) }
}

fn seconds(from: UnixTime, to: UnixTime) -> u64 {
    to.seconds().saturating_sub(from.seconds())
}
