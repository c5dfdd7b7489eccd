//! What owners set for their accounts.

use std::time::Duration;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{AccountLimit, Enrolment, SettingsAnswer, SettingsChange, SettingsDraft};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;

use super::accounts::balances;
use super::acts::{Act, Maybe};
use super::administrator::{FactorError, Judged};
use super::authority::Authority;
use super::factor::{self, Holder, Standing};
use super::judged::{self, RequestHash};
use super::records::{Table, get, put};
use super::{LedgerError, journal, outflow, permits};
use crate::keys::FactorKey;
use crate::limits::TooOften;

/// The most units in which an account can have a limit.
const MAX_LIMITS: usize = 16;
/// So often an account's settings change within a day: each change is an entry of the journal, which is never taken away.
const CHANGES_A_DAY: u8 = 16;

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
    /// The owner asked too often, or has changed his settings too often within a day. No code was judged.
    #[error(transparent)]
    TooOften(#[from] TooOften),
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
    if is_journaled(&draft.change)
        && let Err(often) = Changes::load(txn, now, account)?.allow(now)
    {
        return Ok(Err(often.into()));
    }
    // Whatever is refused from here on is a code, which counts.
    let told = match apply((txn, now, key), draft, row, drawn)? {
        Ok(told) => told,
        Err(error) => return Ok(Err(error.into())),
    };
    answer(txn, now, account, told).map(Ok)
}

/// Changes the settings. Answers what is told once.
fn apply(
    (txn, now, key): (&mut Txn<'_>, UnixTime, &FactorKey),
    draft: &SettingsDraft,
    mut row: OwnerRow,
    drawn: Enrolment,
) -> Judged<Option<Told>> {
    let SettingsDraft { account, change, .. } = draft;
    let holder = Holder::Owner(*account);
    let is_active = factor::is_active(txn, &holder)?;
    let request = RequestHash::of_settings(draft);
    let code = match change {
        SettingsChange::Show => return Ok(Ok(None)),
        SettingsChange::Confirm { code } => {
            let confirm = |txn: &mut Txn<'_>, holder: &Holder| factor::confirm(txn, now, key, holder, code);
            if let Err(error) = judged::judge(txn, now, account, &request, confirm)? {
                return Ok(Err(error));
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
        && let Err(error) =
            judged::judge(txn, now, account, &request, |txn, holder| factor::judge(txn, now, key, holder, code))?
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
        permits::void(txn, &account)?;
        let changes = Changes::load(txn, now, &account)?.and_one();
        put(txn, Table::OwnerChanges, account.as_bytes(), &changes)?;
        journal::record(txn, now, &Authority::of_the_owner(), &act)?;
    }
    Ok(Ok(told))
}

/// Whether a change is an entry of the journal.
const fn is_journaled(change: &SettingsChange) -> bool {
    match change {
        SettingsChange::Show | SettingsChange::Enrol { .. } => false,
        SettingsChange::Confirm { .. }
        | SettingsChange::Limit { .. }
        | SettingsChange::RecoveryCodes { .. }
        | SettingsChange::Remove { .. } => true,
    }
}

/// What an owner is told once.
enum Told {
    /// A secret and its recovery codes.
    Factor(Enrolment),
    /// Recovery codes alone.
    Codes(Enrolment),
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
    permits::void(txn, account)?;
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

pub(super) fn is_now(at: UnixTime, now: UnixTime, skew: u64) -> bool {
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

/// How often an owner has changed his settings since a time, for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changes {
    since: UnixTime,
    count: u8,
}

const DAY: u64 = 86_400;

impl Changes {
    fn load(txn: &Txn<'_>, now: UnixTime, account: &AccountKey) -> Result<Self, LedgerError> {
        let known: Option<Self> = get(txn, Table::OwnerChanges, account.as_bytes())?;
        Ok(known.filter(|known| now < known.since.plus(DAY)).unwrap_or(Self { since: now, count: 0 }))
    }

    fn allow(self, now: UnixTime) -> Result<(), TooOften> {
        if self.count < CHANGES_A_DAY {
            return Ok(());
        }
        let seconds = self.since.plus(DAY).seconds().saturating_sub(now.seconds());
        Err(TooOften { wait: Duration::from_secs(seconds) })
    }

    const fn and_one(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UnitLimit {
    unit: Unit,
    limit: Amount,
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

impl Encode for Changes {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.since);
        out.u8(self.count);
    }
}

impl Decode for Changes {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { since: input.part()?, count: input.u8()? })
    }
}
