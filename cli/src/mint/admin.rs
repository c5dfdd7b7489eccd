//! `farthing mint admin`

use anyhow::Result;
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_issuer::control::{AdministratorReport, ConfirmRequest, Nothing, RecoveryCodesAnswer, path};
use farthing_issuer::{Books, FactorError};
use farthing_protocol::api::{Enrolment, FactorOf, FactorState, TimeCode};
use serde::Serialize;

use super::home::{Desk, ask_running, is, key_home, open, unlock_for};
use crate::args::{MintAdmin, MintAdminCommand};
use crate::factor::{Secrets, ask_first};
use crate::output::{Answer, Screen, seconds, time};

/// How the administrator's second factor stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AdminAnswer {
    factor: FactorWord,
    /// Another one was drawn, and waits for its first code.
    waiting: bool,
    recovery_codes_left: u8,
    /// Until when codes of the authenticator are refused, because too many were wrong.
    locked_until: Option<u64>,
    /// Where the secret and recovery codes were written, if they were drawn now.
    secret_file: Option<String>,
    #[serde(skip)]
    report: AdministratorReport,
}

/// Whether codes are asked for.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum FactorWord {
    None,
    /// It was drawn, and waits for its first code.
    Pending,
    Active,
}

impl From<FactorState> for FactorWord {
    fn from(state: FactorState) -> Self {
        match state {
            FactorState::None => Self::None,
            FactorState::Pending => Self::Pending,
            FactorState::Active => Self::Active,
        }
    }
}

pub(super) async fn admin(args: MintAdmin, screen: &Screen) -> Result<()> {
    match args.command {
        MintAdminCommand::Init { folder, secret_file } => {
            let (desk, secrets) = (open(folder)?, Secrets { file: secret_file.as_ref() });
            init(&desk, &secrets, screen).await
        }
        MintAdminCommand::Confirm { folder, first } => {
            let desk = open(folder)?;
            if !confirm(&desk, first).await? {
                return Err(FactorError::Wrong.into());
            }
            answer(&desk, None, screen).await
        }
        MintAdminCommand::Show { folder } => answer(&open(folder)?, None, screen).await,
        MintAdminCommand::RecoveryCodes { folder, secret_file } => {
            let (desk, secrets) = (open(folder)?, Secrets { file: secret_file.as_ref() });
            renew(&desk, &secrets, screen).await
        }
        MintAdminCommand::Remove { folder } => {
            let desk = open(folder)?;
            let asked = ask_running(&desk, async |client| {
                client.post_json::<_, Nothing>(path::ADMINISTRATOR_REMOVE, &Nothing {}).await
            });
            if asked.await?.is_none() {
                let (books, authority) = desk.books().await?;
                books.remove_administrator(authority).await?;
            }
            answer(&desk, None, screen).await
        }
        MintAdminCommand::Reset { folder, signer, unlocking } => {
            let desk = open(folder)?;
            let keys = key_home(&desk, signer)?;
            let unlock = unlock_for(keys.protection(), &unlocking)?;
            {
                let books = Books::open(&desk).await?;
                let authority = books.prove_by_keys(keys, unlock).await?;
                books.remove_administrator(authority).await?;
            }
            answer(&desk, None, screen).await
        }
    }
}

async fn init(desk: &Desk, secrets: &Secrets<'_>, screen: &Screen) -> Result<()> {
    secrets.expect_reader(screen)?;
    let asked = ask_running(desk, async |client| client.post_json(path::ADMINISTRATOR_DRAW, &Nothing {}).await);
    let drawn: Enrolment = match asked.await? {
        Some(drawn) => drawn,
        None => {
            let (books, authority) = desk.books().await?;
            books.draw_administrator(authority).await?
        }
    };
    secrets.tell(screen, desk.mint_id(), FactorOf::Administrator, &drawn)?;
    if !ask_first(async |code| confirm(desk, code).await).await? {
        screen
            .note("It is asked for as soon as its first code has confirmed it: `farthing mint admin confirm DIGITS`.");
    }
    answer(desk, secrets.name(), screen).await
}

/// Whether the code was right.
async fn confirm(desk: &Desk, code: TimeCode) -> Result<bool> {
    let request = ConfirmRequest { code: code.clone() };
    let asked = ask_running(desk, async |client| {
        match client.post_json::<_, Nothing>(path::ADMINISTRATOR_CONFIRM, &request).await {
            Ok(_) => Ok(true),
            Err(error) if is(&error, Code::SecondFactorWrong) => Ok(false),
            Err(error) => Err::<_, CallError>(error),
        }
    });
    if let Some(right) = asked.await? {
        return Ok(right);
    }
    match Books::open(desk).await?.confirm_administrator(code).await {
        Ok(()) => Ok(true),
        Err(FactorError::Wrong) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn renew(desk: &Desk, secrets: &Secrets<'_>, screen: &Screen) -> Result<()> {
    secrets.expect_reader(screen)?;
    let asked = ask_running(desk, async |client| client.post_json(path::ADMINISTRATOR_CODES, &Nothing {}).await);
    let codes = match asked.await? {
        Some(RecoveryCodesAnswer { recovery_codes }) => recovery_codes,
        None => {
            let (books, authority) = desk.books().await?;
            books.renew_administrator_codes(authority).await?
        }
    };
    secrets.tell_codes(screen, &codes)?;
    answer(desk, secrets.name(), screen).await
}

async fn answer(desk: &Desk, secret_file: Option<String>, screen: &Screen) -> Result<()> {
    let asked = ask_running(desk, async |client| client.get_json(path::ADMINISTRATOR).await);
    let report: AdministratorReport = match asked.await? {
        Some(report) => report,
        None => Books::open(desk).await?.administrator().await?,
    };
    let AdministratorReport { factor, waiting, recovery_codes_left, locked_until } = report;
    screen.answer(&AdminAnswer {
        factor: factor.into(),
        waiting,
        recovery_codes_left,
        locked_until: locked_until.map(seconds),
        secret_file,
        report,
    })
}

impl Answer for AdminAnswer {
    fn show(&self, screen: &Screen) {
        let AdministratorReport { factor, waiting, recovery_codes_left, locked_until } = self.report;
        screen.say(match factor {
            FactorState::None => "no second factor: whoever reaches this folder can change everything",
            FactorState::Pending => "a second factor waits for its first code; until then nothing asks for it",
            FactorState::Active => "every change asks for a code of the second factor",
        });
        if factor == FactorState::Active {
            screen.say(format!("{recovery_codes_left} recovery codes are left"));
        }
        if factor == FactorState::Active && waiting {
            screen.say("another one was drawn, and takes its place with its first code");
        }
        if let Some(until) = locked_until {
            screen
                .say(format!("codes of the authenticator are refused until {} UTC: too many were wrong", time(until)));
        }
    }
}
