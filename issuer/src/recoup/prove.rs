//! Everything about a claim that can be judged without the ledger, but for the records that it names.

use std::sync::Arc;

use farthing_protocol::ids::{PaymentId, RequestHash};
use farthing_protocol::issuance::IssuanceRecord;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::deposit_request;
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, PaymentKind, verify_payment};
use farthing_protocol::recoup::{BlindingProof, Evidence, RecoupClaim, recoup_request};
use farthing_verifier::check::{CheckError, MAX_SKEW, TokenClass};

use super::RecoupError;
use crate::books::Books;
use crate::ledger::{self, FiledToken, Filing, ForgottenRow, Origin, Rank};

impl Books {
    /// Verifies a claim: the payment's tokens and authorization, and for each piece of evidence that ρ makes the token of the record.
    pub(super) async fn checked(&self, claim: RecoupClaim) -> Result<Filing, RecoupError> {
        if claim.mint() != self.home().mint_id() {
            return Err(RecoupError::UnknownMint);
        }
        let book = self.keyset_book();
        let keyset = Arc::clone(book.get(claim.keyset()).ok_or(RecoupError::UnknownKeyset)?);
        let now = self.clock().now();
        if book.revoked_at(keyset.id()).is_none_or(|at| now < at) {
            return Err(RecoupError::NotRevoked);
        }
        let terms = keyset.terms();
        // Where another store decides, the mint does not know what is spent.
        let class =
            TokenClass { mint: terms.mint, redemption: terms.redemption, kind: PaymentKind::Recoup, recipient: None };
        if !self.decides().covers(&class) {
            return Err(CheckError::ClosedToAnother.into());
        }
        if let Some(payment) = claim.payment() {
            let id = *keyset.id();
            let forgotten = self.ledger().read(move |txn| ledger::forgotten(txn, &id)).await?;
            let request = request_of(payment, claim.locked(), forgotten);
            judge(payment, request, &keyset, now)?;
        }
        let issuances: Vec<_> = claim.evidence().iter().map(|evidence| *evidence.proof.issuance()).collect();
        let find = move |txn: &farthing_durable::Txn<'_>| {
            issuances.iter().map(|issuance| ledger::find_issuance(txn, issuance)).collect()
        };
        let records: Vec<Option<IssuanceRecord>> = self.ledger().read(find).await?;
        // Records are dropped once it is buried: then it is only answered what was decided, to who was told before.
        let buried = self.keyset_book().is_buried(keyset.id());
        if buried && claim.payment().is_none() {
            return Err(RecoupError::Ended);
        }
        let records = if buried { None } else { Some(records) };
        let verified = tokio::task::spawn_blocking(move || verify(&claim, keyset, records.as_deref()));
        verified.await.map_err(|_| ledger::LedgerError::Stopped)?
    }
}

/// What a claim's payment must have been made for, if it claims anything.
///
/// A payee's payment redeems the locked one that he names. A holder never signs for such a request, whoever asks him to pay: so what a payee
/// was given to clear with the mint, and was refused, makes no claim of his. Only where the mint has forgotten what it credited is it one, whatever it
/// was for: nobody else can say that he was credited it, and it must have been made before nothing was credited any more.
fn request_of(payment: &Payment, locked: Option<&PaymentId>, forgotten: Option<ForgottenRow>) -> Option<RequestHash> {
    match (payment.kind(), locked) {
        (PaymentKind::Recoup, _) => Some(recoup_request(payment.keyset())),
        (_, Some(locked)) => Some(deposit_request(locked)),
        (_, None) => {
            let made_then = forgotten.is_some_and(|forgotten| payment.authorized_at() < forgotten.until);
            made_then.then(|| *payment.request())
        }
    }
}

/// What needs no cryptography.
fn judge(
    payment: &Payment,
    request: Option<RequestHash>,
    keyset: &Keyset,
    now: farthing_protocol::amount::UnixTime,
) -> Result<(), CheckError> {
    let terms = keyset.terms();
    if request != Some(*payment.request()) {
        return Err(CheckError::WrongRequest);
    }
    match terms.redemption {
        farthing_protocol::keyset::Redemption::Closed(payee)
            if payment.kind() == PaymentKind::Pay && payee != *payment.payee() =>
        {
            return Err(CheckError::ClosedToAnother);
        }
        _ => {}
    }
    if payment.authorized_at() < terms.active_from.minus(MAX_SKEW) {
        return Err(CheckError::ImpossibleTime);
    }
    if payment.authorized_at() > now.plus(MAX_SKEW) { Err(CheckError::NotYet) } else { Ok(()) }
}

/// Everything that needs cryptography. Without records nothing is shown of where the tokens came from.
fn verify(
    claim: &RecoupClaim,
    keyset: Arc<Keyset>,
    records: Option<&[Option<IssuanceRecord>]>,
) -> Result<Filing, RecoupError> {
    let claimant = match claim.payment() {
        None => None,
        Some(payment) => {
            let check = PaymentCheck { payment: payment.clone(), keyset: &keyset, binding: CheckBinding::None };
            let authentic = verify_payment(&mut crate::system_rng(), check).map_err(CheckError::from)?;
            let rank = if payment.kind() == PaymentKind::Pay { Rank::Payee } else { Rank::Holder };
            Some((rank, *authentic.id(), payment.payee().account()))
        }
    };
    for (Evidence { token, proof }, record) in claim.evidence().iter().zip(records.unwrap_or_default()) {
        let record = record.as_ref().ok_or(RecoupError::Proof(None))?;
        proof.verify(&keyset, token, record).map_err(|error| RecoupError::Proof(Some(error)))?;
    }
    let tokens = claim.tokens().into_iter().map(|token| FiledToken {
        denomination: token.denomination,
        coin: *token.coin.as_bytes(),
        origin: records.and(claim.proof_of(token)).map(origin),
    });
    let tokens = tokens.collect();
    Ok(Filing { keyset, claimant, tokens })
}

fn origin(proof: &BlindingProof) -> Origin {
    Origin { issuance: *proof.issuance(), position: proof.position() }
}
