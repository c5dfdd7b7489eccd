//! Deposits: tokens marked spent and their payee's account credited, in one transaction.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Fees, UnixTime};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::{Claim, KeysetId, PaymentId};
use farthing_verifier::check::VerifiedPayment;
use farthing_verifier::spent::{self, RecordError};
use farthing_verifier::store::Outcome;

use super::LedgerError;
use super::book::{Place, TransferError, account_state, transfer};
use super::outflow::{AccountRules, may_hold};
use super::records::{Millionths, Table, account_key, get, put};
use super::registration::is_open;

/// Why a deposit was refused. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DepositRefusal {
    #[error("the keyset has ended")]
    KeysetEnded,
    #[error("the account would hold more than the mint allows")]
    BalanceLimit,
    #[error("the operator has not opened this account")]
    NotRegistered,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RecordError> for DepositRefusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::KeysetEnded => Self::KeysetEnded,
            other => Self::Ledger(other.into()),
        }
    }
}

impl From<TransferError> for DepositRefusal {
    fn from(error: TransferError) -> Self {
        match error {
            // The fee is never more than what was just credited.
            TransferError::Insufficient => Self::Ledger(LedgerError::Damaged),
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// Accepts a payment and credits its payee, or answers what became of it before.
pub(crate) fn deposit(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    payment: &VerifiedPayment,
    claim: &Claim,
) -> Result<Outcome, DepositRefusal> {
    let outcome = spent::record(txn, payment, claim, now)?;
    if let Outcome::Accepted { .. } = outcome {
        // A refusal here takes the record back with the whole job.
        if is_revoked(txn, payment.keyset().id(), now)? {
            return Err(DepositRefusal::KeysetEnded);
        }
        if !is_open(txn, rules, &payment.payment().payee().account())? {
            return Err(DepositRefusal::NotRegistered);
        }
        let terms = payment.keyset().terms();
        let (account, amount) = (payment.payment().payee().account(), payment.payment().amount());
        let tokens = Place::Tokens(payment.keyset().id());
        transfer(txn, &terms.unit, tokens, Place::Account(&account), amount)?;
        charge(txn, &account, &terms.unit, &terms.fees, amount)?;
        if !may_hold(txn, rules, &account, &terms.unit)? {
            return Err(DepositRefusal::BalanceLimit);
        }
    }
    Ok(outcome)
}

/// What became of a payment before, if it is known.
pub(crate) fn known(txn: &Txn<'_>, payment: &PaymentId, claim: &Claim) -> Result<Option<Outcome>, LedgerError> {
    Ok(spent::find(txn, payment)?.map(|accepted| Outcome::AlreadyAccepted {
        accepted_at: accepted.accepted_at,
        claim_matches: accepted.claim.matches(claim),
    }))
}

pub(super) fn is_revoked(txn: &Txn<'_>, keyset: &KeysetId, now: UnixTime) -> Result<bool, LedgerError> {
    Ok(get::<UnixTime>(txn, Table::Revoked, keyset.as_bytes())?.is_some_and(|at| at <= now))
}

/// Adds a deposit's fee to what the account owes, and charges the whole units of it.
fn charge(
    txn: &mut Txn<'_>,
    account: &AccountKey,
    unit: &farthing_protocol::amount::Unit,
    fees: &Fees,
    amount: Amount,
) -> Result<(), DepositRefusal> {
    let million = u128::from(Fees::MILLION);
    let mut state = account_state(txn, account, unit)?;
    let owed = fees.deposit_millionths(amount).saturating_add(state.fee_owed.0.into());
    let (whole, rest) = (owed / million, owed % million);
    state.fee_owed = Millionths(u32::try_from(rest).map_err(|_| LedgerError::Overflow)?);
    put(txn, Table::Account, &account_key(account, unit), &state)?;
    let whole = u64::try_from(whole).ok().and_then(Amount::new).ok_or(LedgerError::Overflow)?;
    if !whole.is_zero() {
        transfer(txn, unit, Place::Account(account), Place::Fees, whole)?;
    }
    Ok(())
}
