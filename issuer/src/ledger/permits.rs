//! Permissions by which more leaves an account than its owner's limit: each for one operation, and used up by it.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{PermitAnswer, PermitDraft, PermitPurpose};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::FundingId;
use farthing_protocol::issuance::FundingSource;

use super::administrator::FactorError;
use super::factor::Holder;
use super::judged::RequestHash;
use super::records::{Table, get, put};
use super::settings::{SettingsError, Settled, is_now};
use super::{LedgerError, factor, judged};
use crate::keys::FactorKey;

/// The most permissions that an account has at a time. Of more the oldest are void.
const MAX_PERMITS: usize = 16;

/// Gives an operation a permission, as an owner asked whose signature was verified. The same permission, or request, again
/// changes nothing.
pub(crate) fn permit(txn: &mut Txn<'_>, now: UnixTime, key: &FactorKey, draft: &PermitDraft) -> Settled<PermitAnswer> {
    let PermitDraft { account, purpose, operation, unit, amount, requested_at, code, .. } = draft;
    let operation = (*purpose, FundingSource::Account(*account, *operation).id());
    let mut permits = Permits::load(txn, now, account)?;
    if let Some(known) = permits.find(operation).filter(|known| known.is_for(unit, *amount)) {
        return Ok(Ok(PermitAnswer { until: known.until }));
    }
    if !is_now(*requested_at, now, PermitDraft::MAX_SKEW) {
        return Ok(Err(SettingsError::NotNow));
    }
    let request = RequestHash::of_permit(draft);
    if let Some(until) = judged::permission(txn, now, account, &request)? {
        return Ok(Ok(PermitAnswer { until }));
    }
    // Of an account without a factor nothing is kept.
    if !factor::is_active(txn, &Holder::Owner(*account))? {
        return Ok(Err(FactorError::Wrong.into()));
    }
    if let Err(error) =
        judged::judge(txn, now, account, &request, |txn, holder| factor::judge(txn, now, key, holder, code))?
    {
        return Ok(Err(error.into()));
    }
    let until = now.plus(PermitDraft::LASTS);
    permits.take(operation);
    if permits.0.len() >= MAX_PERMITS {
        permits.0.remove(0);
    }
    permits.0.push(Permit { operation, unit: unit.clone(), amount: *amount, until });
    put(txn, Table::Permits, account.as_bytes(), &permits)?;
    judged::keep_permission(txn, now, account, request, until)?;
    Ok(Ok(PermitAnswer { until }))
}

/// Voids the permissions of an account: they were bought with a factor, or under a limit, that is not what it was.
pub(super) fn void(txn: &mut Txn<'_>, account: &AccountKey) -> Result<(), LedgerError> {
    Ok(txn.delete(&Table::Permits.key(account.as_bytes()))?)
}

/// Whether an operation has a permission, for this much.
pub(super) fn is_permitted(
    txn: &Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    unit: &Unit,
    amount: Amount,
    operation: (PermitPurpose, FundingId),
) -> Result<bool, LedgerError> {
    Ok(Permits::load(txn, now, account)?.find(operation).is_some_and(|permit| permit.is_for(unit, amount)))
}

/// The same, and uses it up.
pub(super) fn use_permit(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    unit: &Unit,
    amount: Amount,
    operation: (PermitPurpose, FundingId),
) -> Result<bool, LedgerError> {
    if !is_permitted(txn, now, account, unit, amount, operation)? {
        return Ok(false);
    }
    let mut permits = Permits::load(txn, now, account)?;
    permits.take(operation);
    put(txn, Table::Permits, account.as_bytes(), &permits)?;
    Ok(true)
}

/// Permissions that were not used, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Permits(Vec<Permit>);

/// The permission of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Permit {
    operation: (PermitPurpose, FundingId),
    unit: Unit,
    amount: Amount,
    until: UnixTime,
}

impl Permit {
    /// A smaller amount is another operation than the one that its owner saw.
    fn is_for(&self, unit: &Unit, amount: Amount) -> bool {
        self.unit == *unit && amount == self.amount
    }
}

impl Permits {
    /// Those of an account that are still good.
    fn load(txn: &Txn<'_>, now: UnixTime, account: &AccountKey) -> Result<Self, LedgerError> {
        let mut permits: Self = get(txn, Table::Permits, account.as_bytes())?.unwrap_or_default();
        permits.0.retain(|permit| now < permit.until);
        Ok(permits)
    }

    fn find(&self, operation: (PermitPurpose, FundingId)) -> Option<&Permit> {
        self.0.iter().find(|permit| permit.operation == operation)
    }

    fn take(&mut self, operation: (PermitPurpose, FundingId)) {
        self.0.retain(|permit| permit.operation != operation);
    }
}

impl Encode for Permit {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.operation.0);
        out.part(&self.operation.1);
        out.part(&self.unit);
        out.part(&self.amount);
        out.part(&self.until);
    }
}

impl Decode for Permit {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let operation = (input.part()?, input.part()?);
        Ok(Self { operation, unit: input.part()?, amount: input.part()?, until: input.part()? })
    }
}

impl Encode for Permits {
    fn encode_to(&self, out: &mut Writer) {
        out.list(&self.0);
    }
}

impl Decode for Permits {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.list(MAX_PERMITS).map(Self)
    }
}
