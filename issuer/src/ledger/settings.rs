//! What owners set for their accounts, and the permissions by which more leaves than their limit.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{
    AccountLimit, Enrolment, PermitAnswer, PermitDraft, PermitPurpose, SecondFactor, SettingsAnswer, SettingsChange,
    SettingsDraft,
};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::FundingId;
use farthing_protocol::issuance::FundingSource;

use super::accounts::balances;
use super::acts::{Act, Maybe};
use super::administrator::{FactorError, Judged};
use super::authority::Authority;
use super::factor::{self, Holder, Refused, Standing, Verdict};
use super::records::{Table, get, put};
use super::{LedgerError, journal, outflow};
use crate::keys::FactorKey;

/// The most units in which an account can have a limit.
const MAX_LIMITS: usize = 16;
/// The most permissions that an account has at a time. Of more the oldest are void.
const MAX_PERMITS: usize = 16;

/// Why an account's settings were not shown or changed. Nothing changed, but that a wrong code counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The owner did not sign this request to this mint.
    #[error("the request is not signed by the account's owner")]
    InvalidSignature,
    /// It was made too long ago, or in the future.
    #[error("the request was not made now")]
    NotNow,
    /// Nobody ever credited the account.
    #[error("the account is not known")]
    UnknownAccount,
    /// The account never held this unit.
    #[error("the account never held this unit")]
    UnknownUnit,
    /// The settings are not those that the request names.
    #[error("the settings are other ones than those named")]
    Changed,
    /// The second factor.
    #[error(transparent)]
    Factor(#[from] FactorError),
}

impl From<LedgerError> for SettingsError {
    fn from(error: LedgerError) -> Self {
        Self::Factor(error.into())
    }
}

/// What became of a request, when all else went well: a refusal is as durable as a success, for a wrong code counts.
pub(crate) type Settled<T> = Result<Result<T, SettingsError>, LedgerError>;

/// Shows the settings or changes them, as an owner asked whose signature was verified. `drawn` is told only if it is made use of.
pub(crate) fn change(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    draft: &SettingsDraft,
    drawn: Enrolment,
) -> Settled<SettingsAnswer> {
    let SettingsDraft { account, requested_at, version, .. } = draft;
    if !is_now(*requested_at, now, SettingsDraft::MAX_SKEW) {
        return Ok(Err(SettingsError::NotNow));
    }
    let held = balances(txn, account)?;
    if held.is_empty() {
        return Ok(Err(SettingsError::UnknownAccount));
    }
    let row = OwnerRow::load(txn, account)?;
    if draft.change == SettingsChange::Show {
        return answer(txn, now, account, None).map(Ok);
    }
    if *version != row.version {
        return Ok(Err(SettingsError::Changed));
    }
    if let SettingsChange::Enrol { unit, .. } | SettingsChange::Limit { unit, .. } = &draft.change
        && !held.iter().any(|(known, _)| known == unit)
    {
        return Ok(Err(SettingsError::UnknownUnit));
    }
    // Whatever is refused from here on is a code, which counts.
    let told = match apply((txn, now, key), account, &draft.change, row, drawn)? {
        Ok(told) => told,
        Err(error) => return Ok(Err(error.into())),
    };
    answer(txn, now, account, told).map(Ok)
}

/// Changes the settings. Answers what is told once.
fn apply(
    (txn, now, key): (&mut Txn<'_>, UnixTime, &FactorKey),
    account: &AccountKey,
    change: &SettingsChange,
    mut row: OwnerRow,
    drawn: Enrolment,
) -> Judged<Option<Told>> {
    let holder = Holder::Owner(*account);
    let is_active = factor::is_active(txn, &holder)?;
    let code = match change {
        SettingsChange::Show => return Ok(Ok(None)),
        SettingsChange::Confirm { code } => {
            if let Verdict::Refused(refused) = factor::confirm(txn, now, key, &holder, code)? {
                return Ok(Err(FactorError::refused(refused, now)));
            }
            None
        }
        SettingsChange::Enrol { code: None, .. } if is_active => return Ok(Err(FactorError::Required)),
        SettingsChange::Enrol { code: Some(code), .. } if is_active => Some(code),
        SettingsChange::Enrol { .. } => None,
        SettingsChange::Limit { code, .. }
        | SettingsChange::RecoveryCodes { code }
        | SettingsChange::Remove { code } => Some(code),
    };
    if let Some(code) = code
        && let Err(error) = judge(txn, now, key, account, code)?
    {
        return Ok(Err(error));
    }
    let account = *account;
    let (act, told) = match change {
        SettingsChange::Show => (None, None),
        SettingsChange::Enrol { unit, limit, .. } => {
            factor::draw(txn, now, key, &holder, &drawn)?;
            row.drawn = Some(UnitLimit { unit: unit.clone(), limit: *limit });
            (None, Some(Told::Factor(drawn)))
        }
        SettingsChange::Confirm { .. } => {
            let drawn = row.drawn.take();
            if let Some(UnitLimit { unit, limit }) = drawn {
                row.set(&unit, Some(limit))?;
            }
            (Some(Act::OwnerEnrolled { account }), None)
        }
        SettingsChange::Limit { unit, limit, .. } => {
            row.set(unit, *limit)?;
            (Some(Act::OwnerLimit { account, unit: unit.clone(), limit: Maybe(*limit) }), None)
        }
        SettingsChange::RecoveryCodes { .. } => {
            factor::replace_codes(txn, &holder, &drawn.recovery_codes)?;
            (Some(Act::OwnerCodes { account }), Some(Told::Codes(drawn)))
        }
        SettingsChange::Remove { .. } => {
            factor::remove(txn, &holder)?;
            (row.limits, row.drawn) = (Vec::new(), None);
            (Some(Act::OwnerRemoved { account }), None)
        }
    };
    row.version = row.version.checked_add(1).ok_or(LedgerError::Overflow)?;
    put(txn, Table::Owner, account.as_bytes(), &row)?;
    if let Some(act) = act {
        journal::record(txn, now, &Authority::of_the_owner(), &act)?;
    }
    Ok(Ok(told))
}

/// What an owner is told once.
enum Told {
    /// A secret and its recovery codes.
    Factor(Enrolment),
    /// Recovery codes alone.
    Codes(Enrolment),
}

fn judge(txn: &mut Txn<'_>, now: UnixTime, key: &FactorKey, account: &AccountKey, code: &SecondFactor) -> Judged<()> {
    match factor::judge(txn, now, key, &Holder::Owner(*account), code)? {
        Verdict::Right(_) => Ok(Ok(())),
        Verdict::Refused(refused) => {
            if let Refused::NowLocked(until) = refused {
                let act = Act::OwnerLocked { account: *account, until };
                journal::record(txn, now, &Authority::of_the_mint(), &act)?;
            }
            Ok(Err(FactorError::refused(refused, now)))
        }
    }
}

fn answer(
    txn: &Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    told: Option<Told>,
) -> Result<SettingsAnswer, LedgerError> {
    let Standing { state, waiting, recovery_codes_left, locked_until } =
        factor::standing(txn, now, &Holder::Owner(*account))?;
    let row = OwnerRow::load(txn, account)?;
    let mut limits = Vec::new();
    for UnitLimit { unit, limit } in &row.limits {
        let left = outflow::free(txn, now, account, unit)?.unwrap_or(*limit);
        limits.push(AccountLimit { unit: unit.code().to_owned(), exponent: unit.exponent(), limit: *limit, left });
    }
    let (secret, recovery_codes) = match told {
        None => (None, Vec::new()),
        Some(Told::Factor(Enrolment { secret, recovery_codes })) => (Some(secret), recovery_codes),
        Some(Told::Codes(Enrolment { recovery_codes, .. })) => (None, recovery_codes),
    };
    let version = row.version;
    Ok(SettingsAnswer {
        version,
        factor: state,
        waiting,
        limits,
        recovery_codes_left,
        locked_until,
        secret,
        recovery_codes,
    })
}

/// Takes an account's second factor away, and its limits, on the operator's authority. Whether there was one.
pub(crate) fn reset(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    account: &AccountKey,
) -> Result<bool, LedgerError> {
    let mut row = OwnerRow::load(txn, account)?;
    if !factor::remove(txn, &Holder::Owner(*account))? {
        return Ok(false);
    }
    journal::record(txn, now, authority, &Act::OwnerReset { account: *account })?;
    row = OwnerRow { version: row.version.checked_add(1).ok_or(LedgerError::Overflow)?, ..OwnerRow::default() };
    put(txn, Table::Owner, account.as_bytes(), &row)?;
    Ok(true)
}

/// How much may leave an account within a day without a code; everything, if none.
pub(super) fn limit(txn: &Txn<'_>, account: &AccountKey, unit: &Unit) -> Result<Option<Amount>, LedgerError> {
    let row = OwnerRow::load(txn, account)?;
    Ok(row.limits.into_iter().find(|limit| limit.unit == *unit).map(|limit| limit.limit))
}

/// Gives an operation a permission, as an owner asked whose signature was verified. The same permission again changes nothing.
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
    if let Err(error) = judge(txn, now, key, account, code)? {
        return Ok(Err(error.into()));
    }
    let until = now.plus(PermitDraft::LASTS);
    permits.take(operation);
    if permits.0.len() >= MAX_PERMITS {
        permits.0.remove(0);
    }
    permits.0.push(Permit { operation, unit: unit.clone(), amount: *amount, until });
    put(txn, Table::Permits, account.as_bytes(), &permits)?;
    Ok(Ok(PermitAnswer { until }))
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

fn is_now(at: UnixTime, now: UnixTime, skew: u64) -> bool {
    at <= now.plus(skew) && now <= at.plus(skew)
}

/// What an owner set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OwnerRow {
    version: u64,
    limits: Vec<UnitLimit>,
    /// The limit that begins with the factor that waits.
    drawn: Option<UnitLimit>,
}

impl OwnerRow {
    fn load(txn: &Txn<'_>, account: &AccountKey) -> Result<Self, LedgerError> {
        Ok(get(txn, Table::Owner, account.as_bytes())?.unwrap_or_default())
    }

    fn set(&mut self, unit: &Unit, limit: Option<Amount>) -> Result<(), LedgerError> {
        self.limits.retain(|known| known.unit != *unit);
        self.limits.extend(limit.map(|limit| UnitLimit { unit: unit.clone(), limit }));
        if self.limits.len() > MAX_LIMITS { Err(LedgerError::Overflow) } else { Ok(()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UnitLimit {
    unit: Unit,
    limit: Amount,
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

impl Encode for UnitLimit {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.unit);
        out.part(&self.limit);
    }
}

impl Decode for UnitLimit {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { unit: input.part()?, limit: input.part()? })
    }
}

impl Encode for OwnerRow {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.version);
        out.list(&self.limits);
        out.optional(self.drawn.as_ref());
    }
}

impl Decode for OwnerRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { version: input.u64()?, limits: input.list(MAX_LIMITS)?, drawn: input.optional()? })
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
