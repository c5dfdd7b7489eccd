//! Everything about a finish request that can be judged without the ledger.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Denomination, UnixTime};
use farthing_protocol::ids::IssuanceDigest;
use farthing_protocol::issuance::{Funding, IssuanceRequest, IssuanceTerms};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::Payment;
use farthing_verifier::check::{CheckError, MintRules, SwapCheck, VerifiedPayment, check_swap};

use super::FinishError;
use crate::keysets::KeysetBook;
use crate::ledger::{Means, Order};
use crate::mint::Mint;

/// Checks the signatures, the keyset, the funding, the shape and the amounts, in this order.
pub(super) fn check(mint: &Mint, request: &IssuanceRequest) -> Result<Order, FinishError> {
    let (terms, book, now) = (request.terms(), mint.books().keyset_book(), mint.books().clock().now());
    let digest = request.verify().map_err(|_| FinishError::InvalidSignature)?;
    if terms.mint != *mint.books().home().mint_id() {
        return Err(FinishError::UnknownMint);
    }
    let keyset = book.get(&terms.keyset).ok_or(FinishError::UnknownKeyset)?;
    // The session was opened inside the window: whoever holds one of this process may finish it.
    if book.revoked_at(keyset.id()).is_some_and(|at| at <= now) {
        return Err(FinishError::KeysetNotIssuing);
    }
    let means = means(mint, request, &digest, &book, now)?;
    judge_amounts(terms, keyset, &means)?;
    Ok(Order {
        id: terms.issuance,
        keyset: Arc::clone(keyset),
        session: terms.session,
        shape: terms.shape,
        amount: terms.amount,
        debit: terms.debit,
        outputs: terms.outputs.clone(),
        field: terms.field,
        funding: request.funding().source().id(),
        means,
        rules: mint.books().home().config().accounts,
    })
}

/// What pays. The signatures of accounts and vouchers were verified with the request.
fn means(
    mint: &Mint,
    request: &IssuanceRequest,
    digest: &IssuanceDigest,
    book: &KeysetBook,
    now: UnixTime,
) -> Result<Means, FinishError> {
    match request.funding() {
        Funding::Account { account, .. } => Ok(Means::Account(*account)),
        Funding::Voucher { voucher, .. } => Ok(Means::Voucher(*voucher)),
        Funding::Tokens(payment) => {
            let rules = MintRules { mint: mint.books().home().mint_id(), now, keysets: book.known() };
            let swap = SwapCheck { issuance: &request.terms().issuance, digest };
            let verified = check_swap(&mut crate::system_rng(), &rules, Payment::clone(payment), swap)?;
            if !mint.books().decides().covers(&verified.class()) {
                return Err(CheckError::ClosedToAnother.into());
            }
            Ok(Means::Tokens(Box::new(verified)))
        }
    }
}

/// Outputs are the shape's, worth the amount; the debit is what is due; inputs are the shape's, of the same chain.
fn judge_amounts(terms: &IssuanceTerms, keyset: &Keyset, means: &Means) -> Result<(), FinishError> {
    let outputs = terms.shape.outputs(keyset).map_err(|_| FinishError::Mismatch)?;
    let denominations: Vec<Denomination> = terms.outputs.iter().map(|output| output.denomination).collect();
    let worth = Amount::checked_sum(denominations.iter().map(|denomination| denomination.value()));
    if outputs != denominations || worth != Some(terms.amount) {
        return Err(FinishError::Mismatch);
    }
    let due = match means {
        Means::Account(_) => keyset.terms().fees.debit(terms.amount),
        Means::Voucher(_) | Means::Tokens(_) => Some(terms.amount),
    };
    let funded_as_shaped = match means {
        Means::Account(_) | Means::Voucher(_) => !terms.shape.is_swap(),
        Means::Tokens(payment) => funds_swap(payment, terms, keyset),
    };
    if due == Some(terms.debit) && funded_as_shaped { Ok(()) } else { Err(FinishError::Mismatch) }
}

fn funds_swap(payment: &VerifiedPayment, terms: &IssuanceTerms, keyset: &Keyset) -> bool {
    let given = payment.payment().tokens().iter().map(|token| token.denomination);
    terms.shape.inputs().is_some_and(|inputs| given.eq(inputs))
        && payment.payment().amount() == terms.amount
        && payment.keyset().terms().chain_key() == keyset.terms().chain_key()
}
