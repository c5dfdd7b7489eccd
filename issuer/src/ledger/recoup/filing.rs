//! Filing claims on tokens: nothing is paid here.

use std::sync::Arc;

use farthing_durable::Txn;
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::keyset::Keyset;
use farthing_verifier::spent;

use super::leaks::{Exclusions, Known, leak};
use super::rows::{Claimed, MAX_CLAIMS, Origin, Rank, TokenRow, Verdict, has_room, origin_key};
use crate::ledger::LedgerError;
use crate::ledger::records::{IssuanceEntry, Table, get, put};

/// What is filed, with all its cryptography verified.
#[derive(Clone, Debug)]
pub(crate) struct Filing {
    pub(crate) keyset: Arc<Keyset>,
    /// Who is to be paid, if anybody.
    pub(crate) claimant: Option<(Rank, PaymentId, AccountKey)>,
    pub(crate) tokens: Vec<FiledToken>,
}

/// One of its tokens. Where an origin stands, ρ has proven it.
#[derive(Clone)]
pub(crate) struct FiledToken {
    pub(crate) denomination: Denomination,
    pub(crate) coin: [u8; 32],
    pub(crate) origin: Option<Origin>,
}

impl std::fmt::Debug for FiledToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FiledToken").field("denomination", &self.denomination).finish_non_exhaustive()
    }
}

/// Why nothing was filed. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecoupRefusal {
    #[error("the keyset is not revoked")]
    NotRevoked,
    #[error("claims on the keyset's tokens are not taken any more")]
    Ended,
    #[error("a token was spent before")]
    Spent(PaymentId),
    #[error("an issuance does not count")]
    Excluded,
    #[error("another token was shown to come from the same place")]
    OriginUsed,
    #[error("there are too many claims on a token, or too many tokens of which nobody has shown where they came from")]
    TooMany,
    /// Another revocation or burial came meanwhile: what it excludes must be computed anew.
    #[error("what is excluded has changed")]
    Stale,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<farthing_durable::StoreFault> for RecoupRefusal {
    fn from(fault: farthing_durable::StoreFault) -> Self {
        Self::Ledger(fault.into())
    }
}

/// Files claims and origins of tokens, all of them or nothing, and answers how each stands. What was filed before is answered
/// before anything else is judged.
pub(crate) fn file(
    txn: &mut Txn<'_>,
    now: UnixTime,
    filing: &Filing,
    exclusions: &Exclusions,
) -> Result<Vec<TokenRow>, RecoupRefusal> {
    let keyset = filing.keyset.id();
    let (_, row) = leak(txn, keyset, now)?.ok_or(RecoupRefusal::NotRevoked)?;
    if let Some(known) = known(txn, filing)? {
        return Ok(known);
    }
    if now >= row.ends_at(&filing.keyset) || spent::is_buried(txn, keyset)? {
        return Err(RecoupRefusal::Ended);
    }
    if !exclusions.are_of(&Known::read(txn)?) {
        return Err(RecoupRefusal::Stale);
    }
    let mut rows = Vec::with_capacity(filing.tokens.len());
    for token in &filing.tokens {
        // Since the revocation nothing is spent: it stays as it is found here.
        if let Some(earlier) = spent::spent_on(txn, keyset, &token.coin)? {
            return Err(RecoupRefusal::Spent(earlier));
        }
        let known = TokenRow::load(txn, keyset, &token.coin)?;
        let is_new = known.is_none();
        let mut row = known.unwrap_or_else(|| TokenRow::new(token.denomination));
        if row.verdict == Verdict::Open {
            prove(txn, &mut row, token, exclusions)?;
            // Whoever shows something is heard, however many did not.
            if is_new && row.is_unproven() && !has_room(txn, keyset)? {
                return Err(RecoupRefusal::TooMany);
            }
            claim(&mut row, filing.claimant, now)?;
            row.store(txn, keyset, &token.coin)?;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The rows of everything that was filed before, if all of it was.
fn known(txn: &Txn<'_>, filing: &Filing) -> Result<Option<Vec<TokenRow>>, LedgerError> {
    let mut rows = Vec::with_capacity(filing.tokens.len());
    for token in &filing.tokens {
        let Some(row) = TokenRow::load(txn, filing.keyset.id(), &token.coin)? else { return Ok(None) };
        let claimed = filing.claimant.is_none_or(|(_, payment, _)| row.has_claim(&payment));
        // What is decided stays so, and of a keyset that was buried it is not kept where its tokens came from.
        let decided = row.verdict != Verdict::Open;
        let proven = decided || token.origin.is_none_or(|origin| row.origin == Some(origin));
        if !claimed || !proven {
            return Ok(None);
        }
        rows.push(row);
    }
    Ok(Some(rows))
}

/// Notes where a token came from. Each place in an issuance stands for one token.
fn prove(
    txn: &mut Txn<'_>,
    row: &mut TokenRow,
    token: &FiledToken,
    exclusions: &Exclusions,
) -> Result<(), RecoupRefusal> {
    let Some(origin) = token.origin else { return Ok(()) };
    if row.denomination != token.denomination || row.origin.is_some_and(|known| known != origin) {
        return Err(RecoupRefusal::OriginUsed);
    }
    let entry: IssuanceEntry = get(txn, Table::Issuance, origin.issuance.as_bytes())?.ok_or(LedgerError::Damaged)?;
    if exclusions.exclude(&entry) {
        return Err(RecoupRefusal::Excluded);
    }
    let key = origin_key(&origin);
    match get::<Coin>(txn, Table::RecoupOrigin, &key)? {
        Some(known) if known.0 != token.coin => return Err(RecoupRefusal::OriginUsed),
        Some(_) => {}
        None => put(txn, Table::RecoupOrigin, &key, &Coin(token.coin))?,
    }
    row.origin = Some(origin);
    Ok(())
}

fn claim(
    row: &mut TokenRow,
    claimant: Option<(Rank, PaymentId, AccountKey)>,
    at: UnixTime,
) -> Result<(), RecoupRefusal> {
    let Some((rank, payment, account)) = claimant else { return Ok(()) };
    if row.has_claim(&payment) {
        return Ok(());
    }
    if row.claims.iter().filter(|claim| claim.rank == rank).count() >= MAX_CLAIMS {
        return Err(RecoupRefusal::TooMany);
    }
    row.claims.push(Claimed { rank, payment, account, at });
    Ok(())
}

/// P.
pub(in crate::ledger) struct Coin(pub(in crate::ledger) [u8; 32]);

impl farthing_protocol::codec::Encode for Coin {
    fn encode_to(&self, out: &mut farthing_protocol::codec::Writer) {
        out.bytes(&self.0);
    }
}

impl farthing_protocol::codec::Decode for Coin {
    fn decode_from(
        input: &mut farthing_protocol::codec::Reader<'_>,
    ) -> Result<Self, farthing_protocol::codec::DecodeError> {
        input.array().map(Self)
    }
}
