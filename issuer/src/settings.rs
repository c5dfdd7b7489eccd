//! What accounts' owners set, and the permissions that they give.

use std::time::Duration;

use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::{Enrolment, PermitAnswer, PermitRequest, SettingsAnswer, SettingsRequest};
use farthing_protocol::identity::AccountKey;

use crate::books::Books;
use crate::ledger::{self, Authority, FactorError, LedgerError, SettingsError};

impl Books {
    /// Shows an owner his account's settings, or changes them.
    ///
    /// # Errors
    /// A [`SettingsError`]. A wrong code counts, and a right one is used up.
    ///
    /// # Security
    /// The answer may hold the secret of a second factor: this once, and for its owner alone.
    pub async fn settings(&self, request: &SettingsRequest) -> Result<SettingsAnswer, SettingsError> {
        request.verify(self.home().mint_id()).map_err(|_| SettingsError::InvalidSignature)?;
        // Told only if something is to be drawn: what is not told is worth nothing.
        let (draft, drawn) = (request.draft().clone(), Enrolment::generate(&mut crate::system_rng()));
        let key = self.factor_key();
        self.ledger().run(move |txn, now| ledger::settings::change(txn, now, &key, &draft, drawn)).await?
    }

    /// Gives an operation of an account the permission to take more than its limit. The same permission again changes nothing.
    ///
    /// # Errors
    /// A [`SettingsError`]. A wrong code counts, and a right one is used up.
    pub async fn permit(&self, request: &PermitRequest) -> Result<PermitAnswer, SettingsError> {
        request.verify(self.home().mint_id()).map_err(|_| SettingsError::InvalidSignature)?;
        let (draft, key) = (request.draft().clone(), self.factor_key());
        self.ledger().run(move |txn, now| ledger::permits::permit(txn, now, &key, &draft)).await?
    }

    /// Takes an account's second factor away, because its owner lost it. Whether there was one.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn reset_account(&self, authority: Authority, account: AccountKey) -> Result<bool, LedgerError> {
        self.ledger().run(move |txn, now| ledger::settings::reset(txn, now, &authority, &account)).await
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::InvalidSignature => Self::new(Code::InvalidSignature),
            SettingsError::NotNow => {
                Self::new(Code::RequestExpired).with_detail("The request must be made within five minutes of now.")
            }
            SettingsError::UnknownAccount => Self::new(Code::UnknownAccount),
            SettingsError::UnknownUnit => {
                Self::new(Code::InvalidShape).with_detail("The account never held this unit.")
            }
            SettingsError::Changed => Self::new(Code::SettingsChanged),
            SettingsError::TooOften(error) => error.into(),
            SettingsError::Factor(error) => error.into(),
        }
    }
}

impl From<FactorError> for Problem {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::Required => Self::new(Code::SecondFactorRequired),
            FactorError::Wrong => Self::new(Code::SecondFactorWrong),
            FactorError::Locked { seconds } => {
                Self::new(Code::SecondFactorLocked).with_retry_after(Duration::from_secs(seconds))
            }
            FactorError::Lost => Self::new(Code::SecondFactorWrong)
                .with_detail("The mint cannot open the secret of this factor: only a recovery code is accepted."),
            FactorError::NotEnrolled => Self::new(Code::SecondFactorWrong).with_detail("There is no second factor."),
            FactorError::Ledger(error) => Self::new(error.code()),
        }
    }
}
