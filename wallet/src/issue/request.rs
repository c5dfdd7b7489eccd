//! Making a request: the number, the blinded coins, the signatures, all kept in one transaction before any of it leaves.

use farthing_protocol::amount::{Amount, Denomination, UnixTime};
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::blind::wallet::AwaitingResponse;
use farthing_protocol::blind::{Commitment, VerificationKey};
use farthing_protocol::derive::{CoinContext, IssuanceContext, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::identity::{AccountKey, IssuanceId, Keypair, MintId, VoucherKey};
use farthing_protocol::ids::{KeysetId, OperationId, PaymentId};
use farthing_protocol::issuance::{Funding, FundingSource, IssuanceRequest, IssuanceTerms, Output};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::locked::{LockedCoin, RecipientKey};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::shape::ShapeError;
use farthing_protocol::token::{CoinKey, Token};

use super::field;
use crate::error::{IssueError, StoreError};
use crate::operation::{IssueStage, Lock, OpId, Operation, Source, Used};
use crate::restore::record;
use crate::stock;
use crate::vault::Tx;
use crate::wallet::to_the_minute;

/// Draws a number, makes the request under it, and keeps both with the operation.
pub(super) fn draw_and_keep(
    tx: &mut Tx<'_, '_>,
    op: OpId,
    seed: &Seed,
    keyset: &Keyset,
    outputs: &[Denomination],
    opened: &OpenedSession,
    now: UnixTime,
) -> Result<(), IssueError> {
    let mut operation = Operation::load(tx, op)?;
    let mint = operation.mint;
    let issue = operation.issue_mut().ok_or(StoreError::NoSuchOperation)?;
    if issue.stage != IssueStage::Opening {
        return Err(StoreError::Busy.into());
    }
    record::require_alone(tx, &mint)?;
    let number = stock::draw(tx, keyset.id())?.ok_or(IssueError::TooManyAbandoned { op })?;
    let used = Used { keyset: *keyset.id(), number };
    let context = context(mint, &used);
    let key = seed.issuance_key(&context);
    let issuance = IssuanceId::from(&key);
    let amount = stock::worth(outputs.iter().copied())?;
    let debit = match &issue.source {
        Source::Account { max_debit, .. } => {
            let debit = keyset.terms().fees.debit(amount).ok_or(ShapeError::AmountOutOfRange)?;
            if debit > *max_debit {
                return Err(IssueError::FeeRose { op });
            }
            debit
        }
        Source::Tokens(_) | Source::Foreign(_) | Source::Voucher(_) => amount,
    };
    let text = field::plaintext(&issue.shape, now, issue.lock.as_ref());
    let terms = IssuanceTerms {
        mint,
        keyset: *keyset.id(),
        shape: issue.shape,
        issuance,
        session: opened.session,
        amount,
        debit,
        outputs: blind(seed, keyset, &context, outputs, &opened.commitments, issue.lock.map(|lock| lock.key).as_ref())?,
        field: seed.field_key(&context).encrypt(&mut rand::rng(), &issuance, &text),
    };
    let funding = match &issue.source {
        Source::Account { operation, .. } => from_account(&seed.account_key(&mint), *operation, &terms),
        Source::Tokens(keys) => {
            let opened: Vec<(Token, CoinKey)> =
                keys.iter().map(|key| stock::reserved(tx, *key, op)?.open()).collect::<Result<_, _>>()?;
            let keyset = keys.first().ok_or(StoreError::Damaged)?.keyset;
            from_tokens(keyset, &opened, &terms, now)?
        }
        Source::Foreign(foreign) => from_tokens(foreign.keyset, &foreign.tokens, &terms, now)?,
        Source::Voucher(key) => from_voucher(key, &terms),
    };
    let request = IssuanceRequest::sign(terms, opened.seal, funding, &key).map_err(StoreError::from)?;
    issue.used.push(used);
    issue.stage = IssueStage::Sent;
    operation.keep(tx)?;
    tx.put_large(&key_of(op, &used), &request)?;
    Ok(())
}

/// The request kept for a number.
pub(super) fn load(tx: &Tx<'_, '_>, op: OpId, used: &Used) -> Result<IssuanceRequest, StoreError> {
    tx.get_large(&key_of(op, used))?.ok_or(StoreError::Damaged)
}

/// A request that is still kept, and whose it is.
pub(super) struct Kept {
    pub(super) op: OpId,
    pub(super) used: Used,
    pub(super) lock: Option<Lock>,
    pub(super) request: IssuanceRequest,
}

/// The request of any operation, finished or not, that is looked for.
pub(super) fn find_kept(tx: &Tx<'_, '_>, is_it: impl Fn(&IssuanceRequest) -> bool) -> Result<Option<Kept>, StoreError> {
    let operations = Operation::all_live(tx)?.into_iter().chain(Operation::all_ended(tx)?);
    for operation in operations {
        let op = operation.id;
        let Some(issue) = operation.issue() else { continue };
        for used in &issue.used {
            let request: Option<IssuanceRequest> = tx.get_large(&key_of(op, used))?;
            if let Some(request) = request.filter(&is_it) {
                return Ok(Some(Kept { op, used: *used, lock: issue.lock, request }));
            }
        }
    }
    Ok(None)
}

/// Forgets the requests of an operation whose tokens are there.
pub(super) fn forget(tx: &mut Tx<'_, '_>, op: OpId, used: &[Used]) -> Result<(), StoreError> {
    used.iter().try_for_each(|used| tx.delete_large(&key_of(op, used)))
}

pub(crate) fn context(mint: MintId, used: &Used) -> IssuanceContext {
    IssuanceContext { mint, keyset: used.keyset, number: used.number }
}

/// What makes a token that is being issued spendable: by us, or by the one it is locked to.
pub(crate) enum Coin {
    /// With our coin key.
    Own(CoinKey),
    /// With the E that goes with the token to its recipient.
    Locked(LockedCoin),
}

impl Coin {
    /// P.
    pub(crate) fn public(&self) -> &Element {
        match self {
            Self::Own(key) => key.public(),
            Self::Locked(coin) => coin.coin(),
        }
    }
}

/// A token's way back from a response, and what makes it spendable.
pub(crate) fn awaiting<'k>(
    seed: &Seed,
    keyset: &'k Keyset,
    context: &CoinContext,
    commitment: &Commitment,
    lock: Option<&RecipientKey>,
) -> Result<(&'k VerificationKey, Coin, AwaitingResponse), ShapeError> {
    let key = keyset.key(context.denomination).ok_or(ShapeError::UnknownDenomination)?;
    let coin = match lock {
        None => Coin::Own(seed.coin_key(context)),
        // P is the identity with probability 2⁻²⁵².
        Some(lock) => Coin::Locked(LockedCoin::derive(seed, context, lock).ok_or(ShapeError::UnknownDenomination)?),
    };
    let (state, _) = AwaitingResponse::new(seed, context, key, *coin.public(), *commitment);
    Ok((key, coin, state))
}

/// The payment id of a swap's inputs under a request.
pub(super) fn swap_payment_id(request: &IssuanceRequest) -> Option<PaymentId> {
    match request.funding() {
        Funding::Tokens(payment) => Some(payment.id()),
        Funding::Account { .. } | Funding::Voucher { .. } => None,
    }
}

fn blind(
    seed: &Seed,
    keyset: &Keyset,
    context: &IssuanceContext,
    outputs: &[Denomination],
    commitments: &[Commitment],
    lock: Option<&RecipientKey>,
) -> Result<Vec<Output>, ShapeError> {
    (0..)
        .zip(outputs.iter().zip(commitments))
        .map(|(position, (denomination, commitment))| {
            let context = CoinContext { issuance: *context, position, denomination: *denomination };
            let (_, _, state) = awaiting(seed, keyset, &context, commitment, lock)?;
            Ok(Output { denomination: *denomination, commitment: *commitment, challenge: state.challenge() })
        })
        .collect()
}

fn from_account(key: &Keypair, operation: OperationId, terms: &IssuanceTerms) -> Funding {
    let account = AccountKey::from(key);
    let digest = terms.digest(&FundingSource::Account(account, operation).id());
    Funding::Account { account, operation, signature: key.sign(digest.as_bytes()) }
}

fn from_voucher(key: &Keypair, terms: &IssuanceTerms) -> Funding {
    let voucher = VoucherKey::from(key);
    let digest = terms.digest(&FundingSource::Voucher(voucher).id());
    Funding::Voucher { voucher, signature: key.sign(digest.as_bytes()) }
}

/// A payment of kind `swap` to the mint itself, whose authorization binds D. The tokens are in a payment's order.
fn from_tokens(
    keyset: KeysetId,
    opened: &[(Token, CoinKey)],
    terms: &IssuanceTerms,
    now: UnixTime,
) -> Result<Funding, IssueError> {
    let inputs: Amount = stock::worth(opened.iter().map(|(token, _)| token.denomination))?;
    let source = FundingSource::Tokens(keyset, opened.iter().map(|(token, _)| &token.coin).collect());
    let digest = terms.digest(&source.id());
    let payment = PaymentTerms {
        kind: PaymentKind::Swap,
        mint: terms.mint,
        keyset,
        request: terms.issuance.swap_request(),
        payee: terms.mint.as_payee(),
        amount: inputs,
    };
    let tokens: Vec<(Token, Witness<'_>)> = opened.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    Payment::authorize(&mut rand::rng(), payment, &tokens, Binding::Issuance(&digest), to_the_minute(now))
        .map(|payment| Funding::Tokens(Box::new(payment)))
        // The tokens were put in order when they were reserved.
        .map_err(|_| StoreError::Damaged.into())
}

fn key_of(op: OpId, used: &Used) -> Vec<u8> {
    [b"q".as_slice(), &op.get().to_be_bytes(), used.keyset.as_bytes(), &used.number.get().to_be_bytes()].concat()
}
