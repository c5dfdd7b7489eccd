//! `farthing mint init`

mod ask;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use farthing_http::client::BaseUrl;
use farthing_issuer::{DEFAULT_LISTEN, HomeError, InitOptions, IssueLimits, MintHome, Protection};
use farthing_protocol::amount::{Amount, Fees, Unit};

use self::ask::Asker;
use super::amount::read_amount;
use super::home::{NEW_PASSPHRASE, SECRET_OPTIONS, Secret, given_secret, new_passphrase};
use crate::args::{MintInit, Percent, Unlocking};
use crate::output::{Screen, note, say};
use crate::verifier::read_url;
use crate::{place, prompt};

pub(super) async fn init(args: MintInit, screen: &Screen) -> Result<()> {
    let named = args.folder.dir.clone();
    let folder = place::folder(args.folder.dir.clone(), "mint")?;
    if folder.join("mint.toml").exists() {
        bail!("there is a mint in {} already", folder.display());
    }
    // Every question comes before anything is made.
    let answers = Answers::of(&args, screen)?;
    let protection = match given_secret(&args.unlocking)? {
        Some(Secret::KeyFile(path)) => Protection::KeyFile(path),
        Some(Secret::Passphrase(passphrase)) => Protection::passphrase(passphrase),
        None => Protection::passphrase(new_passphrase(NEW_PASSPHRASE, SECRET_OPTIONS)?),
    };
    let secret = match &protection {
        Protection::KeyFile(path) => format!("the key file {}", path.display()),
        Protection::Passphrase { .. } => "the passphrase".to_owned(),
    };
    let next = next_command(&args.unlocking, named.as_deref());
    let options = answers.options(protection, args.denominations);
    let place = folder.clone();
    let home = match tokio::task::spawn_blocking(move || MintHome::init(place, &options)).await? {
        Err(HomeError::NotEmpty) => {
            bail!("{} is not empty, and there is no mint in it: empty it, or name another with --dir", folder.display())
        }
        home => home?,
    };
    say(format!("mint {}", home.mint_id()));
    note(format!("made in {}", home.folder().display()));
    note(format!("Keep a copy of the folder's keys and of {secret}"));
    note("in another place.");
    note("Settings are in mint.toml; `farthing mint check-config` checks them.");
    note(format!("Next: {next}"));
    Ok(())
}

/// What the operator wants, by options or by answers.
struct Answers {
    unit: Unit,
    listen: SocketAddr,
    public_url: Option<BaseUrl>,
    fees: Fees,
    limits: IssueLimits,
}

impl Answers {
    fn of(args: &MintInit, screen: &Screen) -> Result<Self> {
        let asker = Asker::new(!args.yes && prompt::possible());
        asker.introduce(screen);
        let unit = read_unit(args, &asker)?;
        let listen =
            asker.ask(args.listen, "Address to listen on", (DEFAULT_LISTEN, &DEFAULT_LISTEN.to_string()), |text| {
                text.parse().map_err(|_| anyhow::anyhow!("an address to listen on is like 127.0.0.1:3338"))
            })?;
        let public_url = args.public_url.as_deref().map(read_url).transpose()?;
        let own = format!("http://{listen}");
        let public_url =
            asker.ask_if(public_url, "Address under which wallets and merchants reach it", &own, read_url)?;
        let percent = |text: &str| text.parse::<Percent>().map_err(anyhow::Error::msg);
        let none = || (Percent::default(), "0");
        let withdrawal = asker.ask(args.withdrawal_fee, "Fee on withdrawals, in percent", none(), percent)?;
        let deposit = asker.ask(args.deposit_fee, "Fee on deposits, in percent", none(), percent)?;
        let amount = |given: &Option<String>, question: &str| -> Result<Option<Amount>> {
            let read = |text: &str| read_amount(text, &unit);
            let question = format!("{question}, in {}", unit.code());
            asker.ask_if(given.as_deref().map(read).transpose()?, &question, "no limit", read)
        };
        let limits = IssueLimits {
            operation: amount(&args.max_issue, "Most in one withdrawal")?,
            account_day: amount(&args.max_issue_account_day, "Most to one account in a day")?,
            day: None,
            outstanding: amount(&args.max_outstanding, "Most that is out in tokens at once")?,
        };
        let fees = Fees { withdrawal_ppm: withdrawal.ppm, deposit_ppm: deposit.ppm };
        Ok(Self { unit, listen, public_url, fees, limits })
    }

    fn options(self, protection: Protection, denominations: u8) -> InitOptions {
        let Self { unit, listen, public_url, fees, limits } = self;
        let mut options = InitOptions::new(unit, protection).denominations(denominations);
        options.service.listen = listen;
        options.service.public_url = public_url;
        options.fees = fees;
        options.limits = limits;
        options
    }
}

fn read_unit(args: &MintInit, asker: &Asker) -> Result<Unit> {
    let unit = |code: &str, decimals: u8| {
        Unit::new(code, decimals).context("a unit's code has 1 to 16 letters, digits, - or _")
    };
    let given = args.unit.as_deref().map(|code| unit(code, 0)).transpose()?;
    let code = asker.ask(given, "Code of the currency unit", (unit("EUR", 0)?, "EUR"), |text| unit(text, 0))?;
    let decimals = asker.ask(args.decimals, "How many decimals people see", (2, "2"), |text| {
        let decimals: u8 = text.parse().unwrap_or(u8::MAX);
        // The code is good: what is refused is the number.
        Unit::new(code.code(), decimals).map(|_| decimals).context("a number from 0 to 12")
    })?;
    unit(code.code(), decimals)
}

/// The command that runs a mint made with these options.
fn next_command(unlocking: &Unlocking, named: Option<&Path>) -> String {
    let mut command = "farthing mint run".to_owned();
    let options = [
        ("--dir", named),
        ("--key-file", unlocking.key_file.as_deref()),
        ("--passphrase-file", unlocking.passphrase_file.as_deref()),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            command = format!("{command} {option} {}", value.display());
        }
    }
    command
}
