//! The administrator's second factor: whoever changes something proves it, once one is enrolled.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Enrolment, RecoveryCode, SecondFactor, TimeCode};

use super::acts::Act;
use super::authority::{Authority, Who};
use super::factor::{self, Holder, Refused, Standing, Verdict};
use super::{LedgerError, journal};
use crate::keys::FactorKey;

const ADMINISTRATOR: Holder = Holder::Administrator;

/// Why a second factor was not proven or changed. Nothing changed, but that a wrong code counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactorError {
    /// A code is needed, and none was given.
    #[error("this needs a code of the second factor")]
    Required,
    /// The code is wrong, or was used before.
    #[error("the code of the second factor is not accepted")]
    Wrong,
    /// Too many codes were wrong.
    #[error("too many codes were wrong: those of the authenticator are refused for another {seconds} s")]
    Locked {
        /// For so long codes of the authenticator are not looked at.
        seconds: u64,
    },
    /// Its secret cannot be opened.
    #[error(
        "the key under which secrets of second factors lie is missing at the mint, or is another: only a recovery code is accepted"
    )]
    Lost,
    /// There is no second factor.
    #[error("no second factor is enrolled")]
    NotEnrolled,
    /// The ledger.
    #[error(transparent)]
    Ledger(LedgerError),
}

impl From<LedgerError> for FactorError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::SecondFactor => Self::Required,
            error => Self::Ledger(error),
        }
    }
}

impl FactorError {
    pub(super) fn refused(refused: Refused, now: UnixTime) -> Self {
        match refused {
            Refused::Wrong => Self::Wrong,
            Refused::Lost => Self::Lost,
            Refused::Locked(until) | Refused::NowLocked(until) => {
                Self::Locked { seconds: until.seconds().saturating_sub(now.seconds()) }
            }
        }
    }
}

/// What became of a code, when all else went well: a refusal is as durable as a success, for a wrong code counts.
pub(crate) type Judged<T> = Result<Result<T, FactorError>, LedgerError>;

/// The right to make one change: that of a right code, or of anybody as long as none is asked for.
pub(crate) fn prove(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    code: Option<&SecondFactor>,
) -> Judged<Authority> {
    if !factor::is_active(txn, &ADMINISTRATOR)? {
        return Ok(Ok(Authority::local()));
    }
    let Some(code) = code else { return Ok(Err(FactorError::Required)) };
    match factor::judge(txn, now, key, &ADMINISTRATOR, code)? {
        Verdict::Right(means) => Ok(Ok(Authority::proven(means.administrator(), now))),
        Verdict::Refused(refused) => {
            if let Refused::NowLocked(until) = refused {
                journal::record(txn, now, &Authority::of_the_mint(), &Act::AdministratorLocked { until })?;
            }
            Ok(Err(FactorError::refused(refused, now)))
        }
    }
}

/// How the administrator's factor stands.
pub(crate) fn standing(txn: &Txn<'_>, now: UnixTime) -> Result<Standing, LedgerError> {
    factor::standing(txn, now, &ADMINISTRATOR)
}

/// Keeps a factor that was drawn, until its first code comes.
pub(crate) fn draw(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    authority: &Authority,
    drawn: &Enrolment,
) -> Result<(), LedgerError> {
    journal::record(txn, now, authority, &Act::AdministratorDrawn {})?;
    factor::draw(txn, now, key, &ADMINISTRATOR, drawn)
}

/// Judges the first code of the factor that was drawn.
pub(crate) fn confirm(txn: &mut Txn<'_>, now: UnixTime, key: &FactorKey, code: &TimeCode) -> Judged<()> {
    match factor::confirm(txn, now, key, &ADMINISTRATOR, code)? {
        Verdict::Right(_) => {
            let authority = Authority::proven(Who::Administrator, now);
            journal::record(txn, now, &authority, &Act::AdministratorEnrolled {})?;
            Ok(Ok(()))
        }
        Verdict::Refused(refused) => Ok(Err(FactorError::refused(refused, now))),
    }
}

/// Puts other recovery codes in the place of all.
pub(crate) fn replace_codes(
    txn: &mut Txn<'_>,
    now: UnixTime,
    authority: &Authority,
    codes: &[RecoveryCode],
) -> Result<(), FactorError> {
    if !factor::is_active(txn, &ADMINISTRATOR)? {
        return Err(FactorError::NotEnrolled);
    }
    journal::record(txn, now, authority, &Act::AdministratorCodes {})?;
    Ok(factor::replace_codes(txn, &ADMINISTRATOR, codes)?)
}

/// Takes the factor away.
pub(crate) fn remove(txn: &mut Txn<'_>, now: UnixTime, authority: &Authority) -> Result<(), FactorError> {
    if !factor::is_active(txn, &ADMINISTRATOR)? {
        return Err(FactorError::NotEnrolled);
    }
    journal::record(txn, now, authority, &Act::AdministratorRemoved {})?;
    factor::remove(txn, &ADMINISTRATOR)?;
    Ok(())
}
