//! Beginning a recoup: tokens reserved, and a claim on each kept, before any of it leaves.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::codec::Wire;
use farthing_protocol::derive::{CoinContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::recoup::{BlindingProof, Evidence, RecoupClaim, recoup_request};

use super::lost::Reasons;
use super::{KeptClaim, Owner, Picked, RecoupError, RecoupView, Recouping, at_most, pick, revoked};
use crate::error::StoreError;
use crate::issue::context;
use crate::operation::{Body, OpId, Operation, Outcome, Used};
use crate::options::Step;
use crate::stock::{self, StoredToken, TokenKey};
use crate::vault::Tx;
use crate::wallet::{Inner, to_the_minute};

/// The most tokens in one operation; what is left takes another.
const MAX_TOKENS: usize = 4096;

impl Inner {
    pub(super) async fn recoup(self: &Arc<Self>, mint: &MintId, keyset: &KeysetId) -> Result<RecoupView, RecoupError> {
        let mint = self.current_mint(mint).await?;
        mint.usable()?;
        let found = revoked(&mint).into_iter().find(|(revoked, _)| revoked.id() == keyset);
        let (keyset, _) = found.ok_or(RecoupError::NotRevoked)?;
        let (seed, now) = (Arc::clone(&self.seed), self.now());
        let working = self.create::<RecoupError>(move |tx| begin(tx, &seed, &keyset, now).map(Some)).await?;
        let working = working.ok_or(StoreError::Busy)?;
        self.vault.at(Step::IssueStored)?;
        self.drive_recoup(working.op).await
    }
}

fn begin(tx: &mut Tx<'_, '_>, seed: &Seed, keyset: &Keyset, now: UnixTime) -> Result<OpId, RecoupError> {
    let (live, operations) = (stock::live(tx)?, Operation::all_live(tx)?);
    let picked = at_most(pick(keyset.id(), &live, &operations), MAX_TOKENS);
    if picked.is_empty() {
        return Err(RecoupError::Nothing);
    }
    let amount = stock::worth(picked.iter().map(|one| one.token.denomination))?;
    let id = Operation::next_id(tx)?;
    let account = PayeeKey::from(&seed.account_key(&keyset.terms().mint));
    let (mut tokens, mut claims) = (Vec::with_capacity(picked.len()), Vec::with_capacity(picked.len()));
    for Picked { key, token, from } in &picked {
        match from.op() {
            None => stock::reserve(tx, *key, id)?,
            Some(from) => stock::hand_on(tx, *key, from, id)?,
        };
        let bytes = claim(seed, keyset, *key, token, account, now)?.to_bytes();
        tokens.push(*key);
        claims.push(KeptClaim { bytes, filed: false, from: from.op() });
    }
    for Picked { from, .. } in &picked {
        let Some(op) = from.op() else { continue };
        // All its tokens were taken, and it ends with the first of them.
        let Some(operation) = Operation::find(tx, op)?.filter(|operation| operation.ended.is_none()) else { continue };
        let outcome = match from {
            // Its payee comes first, if he accepted it. It is neither sent again nor settled any more. A text cannot be claimed any more.
            Owner::Payment(_) | Owner::Text(_) => Outcome::TokensEnded,
            Owner::Swap(_) | Owner::Stock => Outcome::Failed,
        };
        operation.end(tx, now, outcome)?;
    }
    let (paid, lost) = (Amount::ZERO, Amount::ZERO);
    let body =
        Recouping { keyset: *keyset.id(), tokens, claims, claims_until: None, paid, lost, reasons: Reasons::default() };
    let (mint, unit) = (keyset.terms().mint, keyset.terms().unit.clone());
    Operation { id, created_at: now, mint, unit, amount, body: Body::Recoup(Box::new(body)), ended: None }.keep(tx)?;
    Ok(id)
}

/// The claim on one token, for an account.
fn claim(
    seed: &Seed,
    keyset: &Keyset,
    key: TokenKey,
    token: &StoredToken,
    account: PayeeKey,
    now: UnixTime,
) -> Result<RecoupClaim, StoreError> {
    let (signed, coin_key) = token.open()?;
    let (mint, id) = (keyset.terms().mint, *keyset.id());
    let terms = PaymentTerms {
        kind: PaymentKind::Recoup,
        mint,
        keyset: id,
        request: recoup_request(&id),
        payee: account,
        amount: signed.value(),
    };
    let witness = [(signed, Witness::Coin(&coin_key))];
    let payment = Payment::authorize(&mut rand::rng(), terms, &witness, Binding::None, to_the_minute(now));
    let payment = payment.map_err(|_| StoreError::Damaged)?;
    let evidence = evidence(seed, keyset, key, token)?;
    Ok(RecoupClaim::new(mint, id, Some(payment), vec![evidence])?)
}

/// How one token was blinded.
pub(super) fn evidence(
    seed: &Seed,
    keyset: &Keyset,
    key: TokenKey,
    token: &StoredToken,
) -> Result<Evidence, StoreError> {
    let used = Used { keyset: key.keyset, number: IssuanceNumber::new(key.number()) };
    let context = CoinContext {
        issuance: context(keyset.terms().mint, &used),
        position: key.position(),
        denomination: token.denomination,
    };
    let verification = keyset.key(token.denomination).ok_or(StoreError::Damaged)?;
    let (signed, commitment) = (token.token()?, token.commitment()?);
    let proof = BlindingProof::reveal(seed, &context, verification, &signed.coin, &commitment);
    Ok(Evidence { token: signed, proof: proof.ok_or(StoreError::Damaged)? })
}

/// A kept claim, to be sent.
pub(super) fn read(bytes: &[u8]) -> Result<RecoupClaim, StoreError> {
    Ok(RecoupClaim::from_bytes(bytes)?)
}
