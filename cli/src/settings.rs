//! The settings of an account at a mint, whoever owns it: a wallet or a merchant.

use anyhow::{Context, Result};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{
    AccountLimit, Enrolment, FactorOf, FactorState, SecondFactor, SettingsAnswer, SettingsChange, TimeCode,
};
use farthing_protocol::identity::MintId;
use farthing_wallet::Reason;
use serde::Serialize;

use crate::args::SettingsCommand;
use crate::exit::reason_in;
use crate::factor::{Secrets, ask, ask_first};
use crate::mint::{FactorWord, read_amount_or_zero};
use crate::output::{Answer, Money, Screen, seconds, time};

const QUESTION: &str = "Code of the account's second factor: ";

/// An account's settings.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AccountSettings {
    mint: String,
    factor: FactorWord,
    /// Another second factor was drawn, and waits for its first code.
    waiting: bool,
    limits: Vec<LimitAnswer>,
    recovery_codes_left: u8,
    /// Until when codes of the authenticator are refused, because too many were wrong.
    locked_until: Option<u64>,
    /// Where the secret and recovery codes were written, if they were drawn now.
    secret_file: Option<String>,
    #[serde(skip)]
    told: SettingsAnswer,
}

/// What may leave an account without a code.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LimitAnswer {
    /// Within a day.
    limit: Money,
    /// How much of it is left now.
    left: Money,
}

/// An account whose owner is at the command line.
pub(crate) struct Account<'a, C, U> {
    pub(crate) mint: MintId,
    /// Shows or changes the settings.
    pub(crate) change: C,
    /// The unit that is meant, by its code or because there is only one.
    pub(crate) unit: U,
    pub(crate) screen: &'a Screen,
}

impl<C, U> Account<'_, C, U>
where
    C: AsyncFn(u64, SettingsChange) -> Result<SettingsAnswer>,
    U: AsyncFn(Option<&str>) -> Result<Unit>,
{
    /// Does what a command says.
    pub(crate) async fn run(&self, command: SettingsCommand) -> Result<()> {
        let secret_file = match &command {
            SettingsCommand::Enrol { secret_file, .. } | SettingsCommand::RecoveryCodes { secret_file, .. } => {
                secret_file.clone()
            }
            _ => None,
        };
        let secrets = Secrets { file: secret_file.as_ref() };
        match command {
            SettingsCommand::Show => {}
            SettingsCommand::Enrol { limit, unit, code, .. } => {
                let unit = (self.unit)(unit.as_deref()).await?;
                let limit = read_amount_or_zero(&limit, &unit)?;
                self.enrol(&unit, limit, code, &secrets).await?;
            }
            SettingsCommand::Confirm { first } => {
                self.make(SettingsChange::Confirm { code: first }).await?;
            }
            SettingsCommand::Limit { limit, unit, code } => {
                let unit = (self.unit)(unit.as_deref()).await?;
                let limit = if limit == "none" { None } else { Some(read_amount_or_zero(&limit, &unit)?) };
                self.make(SettingsChange::Limit { unit, limit, code: given(code)? }).await?;
            }
            SettingsCommand::RecoveryCodes { code, .. } => {
                secrets.expect_reader(self.screen)?;
                let told = self.make(SettingsChange::RecoveryCodes { code: given(code)? }).await?;
                secrets.tell_codes(self.screen, &told.recovery_codes)?;
            }
            SettingsCommand::Remove { code } => {
                self.make(SettingsChange::Remove { code: given(code)? }).await?;
            }
        }
        let told = (self.change)(0, SettingsChange::Show).await?;
        self.screen.answer(&AccountSettings::of(&self.mint, told, secrets.name())?)
    }

    async fn make(&self, change: SettingsChange) -> Result<SettingsAnswer> {
        let now = (self.change)(0, SettingsChange::Show).await?;
        (self.change)(now.version, change).await
    }

    async fn enrol(&self, unit: &Unit, limit: Amount, code: Option<SecondFactor>, secrets: &Secrets<'_>) -> Result<()> {
        secrets.expect_reader(self.screen)?;
        let now = (self.change)(0, SettingsChange::Show).await?;
        let code = match (now.factor, code) {
            (FactorState::Active, code) => Some(given(code)?),
            (_, code) => code,
        };
        let change = SettingsChange::Enrol { unit: unit.clone(), limit, code };
        let told = (self.change)(now.version, change).await?;
        let secret = told.secret.context("the mint drew no secret")?;
        let drawn = Enrolment { secret, recovery_codes: told.recovery_codes };
        secrets.tell(self.screen, &self.mint, FactorOf::Account, &drawn)?;
        if !ask_first(async |code| self.confirm(code).await).await? {
            self.screen.note("It is asked for as soon as its first code has confirmed it: `confirm DIGITS`.");
        }
        Ok(())
    }

    /// Whether the first code was right.
    async fn confirm(&self, code: TimeCode) -> Result<bool> {
        match self.make(SettingsChange::Confirm { code }).await {
            Ok(_) => Ok(true),
            Err(error) if reason_in(&error) == Some(Reason::SecondFactorWrong) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn given(code: Option<SecondFactor>) -> Result<SecondFactor> {
    code.map_or_else(|| ask(QUESTION), Ok)
}

impl AccountSettings {
    fn of(mint: &MintId, told: SettingsAnswer, secret_file: Option<String>) -> Result<Self> {
        let limits = told.limits.iter().map(LimitAnswer::of).collect::<Result<_>>()?;
        Ok(Self {
            mint: mint.to_text(),
            factor: told.factor.into(),
            waiting: told.waiting,
            limits,
            recovery_codes_left: told.recovery_codes_left,
            locked_until: told.locked_until.map(seconds),
            secret_file,
            told,
        })
    }
}

impl LimitAnswer {
    fn of(limit: &AccountLimit) -> Result<Self> {
        let unit = Unit::new(&limit.unit, limit.exponent)?;
        Ok(Self { limit: Money::of(limit.limit, &unit), left: Money::of(limit.left, &unit) })
    }
}

impl Answer for AccountSettings {
    fn show(&self, screen: &Screen) {
        screen.say(match self.told.factor {
            FactorState::None => "no second factor: whoever has the account's key can take everything",
            FactorState::Pending => "a second factor waits for its first code; until then nothing asks for it",
            FactorState::Active => "beyond the limit a code of the second factor is asked for",
        });
        for LimitAnswer { limit, left } in &self.limits {
            screen.say(format!("{} may leave within a day without a code, now {}", limit.text, left.text));
        }
        if self.told.factor == FactorState::Active {
            if self.limits.is_empty() {
                screen.say("there is no limit: nothing asks for a code");
            }
            screen.say(format!("{} recovery codes are left", self.recovery_codes_left));
            if self.waiting {
                screen.say("another one was drawn, and takes its place with its first code");
            }
        }
        if let Some(until) = self.told.locked_until {
            screen
                .say(format!("codes of the authenticator are refused until {} UTC: too many were wrong", time(until)));
        }
    }
}
