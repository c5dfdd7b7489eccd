//! Issuances: the debit and the record, in one transaction.

use std::sync::Arc;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::blind::SessionId;
use farthing_protocol::blind::mint::ClaimedSession;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, IssuanceId, VoucherKey};
use farthing_protocol::ids::{Claim, FundingId, PaymentId};
use farthing_protocol::issuance::{Field, IssuanceRecord, Output, RecordedOutput};
use farthing_protocol::keyset::{Keyset, SecretKeyset};
use farthing_protocol::shape::Shape;
use farthing_verifier::check::VerifiedPayment;
use farthing_verifier::spent::{self, RecordError};
use farthing_verifier::store::Outcome;

use super::LedgerError;
use super::book::{Place, TransferError, transfer};
use super::deposits::is_revoked;
use super::records::{AnsweredSession, IssuanceEntry, RedeemedBy, Source, Table, VoucherState, get, put};

/// What pays, verified.
#[derive(Clone, Debug)]
pub(crate) enum Means {
    Account(AccountKey),
    Voucher(VoucherKey),
    Tokens(Box<VerifiedPayment>),
}

/// An issuance of which everything is verified but what only the ledger knows, with the right to answer it once.
#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) id: IssuanceId,
    pub(crate) keyset: Arc<Keyset>,
    pub(crate) keys: Arc<SecretKeyset>,
    pub(crate) session: SessionId,
    pub(crate) claimed: ClaimedSession,
    pub(crate) shape: Shape,
    pub(crate) amount: Amount,
    pub(crate) debit: Amount,
    pub(crate) outputs: Vec<Output>,
    pub(crate) field: Field,
    pub(crate) funding: FundingId,
    pub(crate) means: Means,
}

/// Why an issuance was not recorded. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueRefusal {
    #[error("the session was answered before")]
    SessionAnswered,
    #[error("the funding was used by another issuance")]
    FundingUsed(IssuanceId),
    #[error("a token was spent before")]
    DoubleSpend(PaymentId),
    #[error("the funds do not cover the amount")]
    InsufficientFunds,
    #[error("a voucher is redeemed whole")]
    VoucherNotWhole,
    #[error("the keyset is not issuing")]
    KeysetNotIssuing,
    #[error("the keyset of the tokens has ended")]
    InputsEnded,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RecordError> for IssueRefusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::KeysetEnded => Self::InputsEnded,
            other => Self::Ledger(other.into()),
        }
    }
}

impl From<TransferError> for IssueRefusal {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Insufficient => Self::InsufficientFunds,
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// The record of an issuance id.
pub(crate) fn find_issuance(txn: &Txn<'_>, id: &IssuanceId) -> Result<Option<IssuanceRecord>, LedgerError> {
    let Some(bytes) = txn.get_large(&Table::Issuance.key(id.as_bytes()))? else { return Ok(None) };
    IssuanceRecord::from_bytes(&bytes).map(Some).map_err(|_| LedgerError::Damaged)
}

/// The issuance recorded for a funding id.
pub(crate) fn funded_by(txn: &Txn<'_>, funding: &FundingId) -> Result<Option<IssuanceId>, LedgerError> {
    get(txn, Table::Funding, funding.as_bytes())
}

/// Records an issuance with its debit and its responses, or finds the record of its id.
///
/// # Security
/// The responses are computed here and nowhere else, and leave with the job's answer: when all is durable.
pub(crate) fn issue(txn: &mut Txn<'_>, now: UnixTime, issue: Issue) -> Result<IssuanceRecord, IssueRefusal> {
    if let Some(record) = find_issuance(txn, &issue.id)? {
        return Ok(record);
    }
    if get::<AnsweredSession>(txn, Table::Session, issue.session.as_bytes())?.is_some() {
        return Err(IssueRefusal::SessionAnswered);
    }
    if let Some(winner) = funded_by(txn, &issue.funding)? {
        return Err(IssueRefusal::FundingUsed(winner));
    }
    if is_revoked(txn, issue.keyset.id(), now)? {
        return Err(IssueRefusal::KeysetNotIssuing);
    }
    let source = pay(txn, now, &issue)?;
    write(txn, now, issue, source)
}

/// Moves the value from the funding into tokens of the keyset.
fn pay(txn: &mut Txn<'_>, now: UnixTime, issue: &Issue) -> Result<Source, IssueRefusal> {
    let unit = &issue.keyset.terms().unit;
    let outputs = Place::Tokens(issue.keyset.id());
    match &issue.means {
        Means::Account(account) => {
            let fee = issue.debit.checked_sub(issue.amount).ok_or(LedgerError::Overflow)?;
            transfer(txn, unit, Place::Account(account), outputs, issue.amount)?;
            transfer(txn, unit, Place::Account(account), Place::Fees, fee)?;
            Ok(Source::Account(*account))
        }
        Means::Voucher(voucher) => {
            redeem(txn, voucher, unit, issue)?;
            transfer(txn, unit, Place::Vouchers, outputs, issue.amount)?;
            Ok(Source::Voucher(*voucher))
        }
        Means::Tokens(payment) => {
            let inputs = payment.keyset().id();
            if is_revoked(txn, inputs, now)? || now >= payment.keyset().terms().spend_until {
                return Err(IssueRefusal::InputsEnded);
            }
            // Nobody compares the claim of a swap; the issuance id stands for it.
            match spent::record(txn, payment, &Claim::from_bytes(*issue.id.as_bytes()), now)? {
                Outcome::Accepted { .. } => {}
                Outcome::DoubleSpend { earlier } => return Err(IssueRefusal::DoubleSpend(earlier)),
                // A swap is recorded together with its issuance, which was not found.
                Outcome::AlreadyAccepted { .. } => return Err(LedgerError::Damaged.into()),
            }
            transfer(txn, unit, Place::Tokens(inputs), outputs, issue.amount)?;
            Ok(Source::Tokens(*inputs, *payment.id()))
        }
    }
}

fn redeem(txn: &mut Txn<'_>, voucher: &VoucherKey, unit: &Unit, issue: &Issue) -> Result<(), IssueRefusal> {
    let mut state: VoucherState =
        get(txn, Table::Voucher, voucher.as_bytes())?.ok_or(IssueRefusal::InsufficientFunds)?;
    if state.redeemed_by.0.is_some() || state.unit != *unit {
        return Err(IssueRefusal::InsufficientFunds);
    }
    if state.amount != issue.amount {
        return Err(IssueRefusal::VoucherNotWhole);
    }
    state.redeemed_by = RedeemedBy(Some(issue.id));
    Ok(put(txn, Table::Voucher, voucher.as_bytes(), &state)?)
}

fn write(txn: &mut Txn<'_>, now: UnixTime, issue: Issue, source: Source) -> Result<IssuanceRecord, IssueRefusal> {
    let Issue { id, keyset, keys, session, claimed, shape, amount, debit, outputs, field, funding, .. } = issue;
    let entry = IssuanceEntry { keyset: *keyset.id(), amount, debit, source, funding, session, at: now };
    let answered = AnsweredSession { issuance: id, challenges: claimed.hash() };
    let responses = claimed.respond(&keys).map_err(|_| LedgerError::Damaged)?;
    if responses.len() != outputs.len() {
        return Err(LedgerError::Damaged.into());
    }
    let outputs =
        outputs.into_iter().zip(responses).map(|(output, response)| RecordedOutput { output, response }).collect();
    let record = IssuanceRecord { keyset: *keyset.id(), shape, issuance: id, funding, debit, outputs, field };
    put(txn, Table::Session, session.as_bytes(), &answered)?;
    put(txn, Table::Funding, funding.as_bytes(), &id)?;
    put(txn, Table::Issuance, id.as_bytes(), &entry)?;
    txn.put_large(&Table::Issuance.key(id.as_bytes()), &record.to_bytes()).map_err(LedgerError::from)?;
    Ok(record)
}
