//! `farthing mint …`

pub(crate) mod payouts;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use farthing_http::client::CallError;
use farthing_http::signal::shutdown_signal;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{KeysetsReport, MoneyAnswer, MoneyRequest, path};
use farthing_issuer::{
    AuditReport, Books, HomeError, InitOptions, KeysetState, KeysetSummary, Mint, MintHome, Passphrase, Protection,
    ProtectionKind, Unlock,
};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::codec::to_base64url;
use farthing_protocol::identity::AccountKey;
use farthing_protocol::text;
use farthing_wallet::ACCOUNT_PREFIX;

use crate::args::{MintCommand, MintCredit, MintFolder, MintInit, MintRun, Unlocking};
use crate::exit::{Trouble, fault};
use crate::output::{Screen, note, say, show, table, time};
use crate::unlock::read_passphrase;
use crate::{place, prompt};

const KEY_FILE_VARIABLE: &str = "FARTHING_MINT_KEY_FILE";
const PASSPHRASE_VARIABLE: &str = "FARTHING_MINT_PASSPHRASE";

pub(crate) async fn run(command: MintCommand, screen: &Screen) -> Result<()> {
    match command {
        MintCommand::Init(args) => init(args).await,
        MintCommand::Run(args) => serve(args).await,
        MintCommand::Credit(args) => credit(args).await,
        MintCommand::Keysets(folder) => keysets(folder).await,
        MintCommand::Audit(folder) => audit(folder).await,
        MintCommand::Payouts(args) => payouts::payouts(args, screen).await,
    }
}

async fn init(args: MintInit) -> Result<()> {
    let named = args.folder.dir.clone();
    let folder = place::folder(args.folder.dir, "mint")?;
    let unit = Unit::new(&args.unit, args.decimals).context("a unit's code has 1 to 16 letters, digits, - or _")?;
    let protection = match given_secret(&args.unlocking)? {
        Some(Secret::KeyFile(path)) => Protection::KeyFile(path),
        Some(Secret::Passphrase(passphrase)) => Protection::passphrase(passphrase),
        None => {
            Protection::passphrase(Passphrase::new(prompt::new_passphrase(NEW_PASSPHRASE, SECRET_OPTIONS)?.as_str()))
        }
    };
    let secret = match &protection {
        Protection::KeyFile(path) => format!("the key file {}", path.display()),
        Protection::Passphrase { .. } => "the passphrase".to_owned(),
    };
    let next = next_command(&args.unlocking, named.as_deref());
    let options = InitOptions::new(unit, protection).denominations(args.denominations);
    let place = folder.clone();
    let home = match tokio::task::spawn_blocking(move || MintHome::init(place, &options)).await? {
        Err(HomeError::NotEmpty) if folder.join("mint.toml").exists() => {
            bail!("there is a mint in {} already", folder.display())
        }
        Err(HomeError::NotEmpty) => {
            bail!("{} is not empty, and there is no mint in it: empty it, or name another with --dir", folder.display())
        }
        home => home?,
    };
    say(format!("mint {}", home.mint_id()));
    note(format!("made in {}", home.folder().display()));
    note(format!("Keep a copy of the folder's keys and of {secret}"));
    note("in another place.");
    note(format!("Next: {next}"));
    Ok(())
}

async fn serve(args: MintRun) -> Result<()> {
    let home = open(args.folder)?;
    let unlock = unlock(&home, &args.unlocking)?;
    let mint = Mint::open(&home, unlock).await?;
    let report = mint.audit().await?;
    if !report.is_right() {
        show_differences(&report);
        note("The books are not right: the mint runs and takes deposits, and issues nothing.");
    }
    warn_of_plain_http(args.listen);
    let shutdown = shutdown_signal()?;
    let running = farthing_issuer::run(mint, args.listen, shutdown)
        .await
        .map_err(|error| explain_listening(error, args.listen))?;
    say(format!("mint {}\n at http://{}", home.mint_id(), running.local_addr));
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}

async fn credit(args: MintCredit) -> Result<()> {
    let home = open(args.folder)?;
    let account = read_account(&args.account)?;
    let unit = home.unit();
    let amount = read_amount(&args.amount, unit)?;
    let reference = args.reference.unwrap_or_else(|| to_base64url(&rand::random::<[u8; 16]>()));
    let request = MoneyRequest { account, amount, reference: reference.clone() };
    let asked = ask_running(&home, async |client| client.post_json(path::CREDIT, &request).await).await;
    let answer: Option<MoneyAnswer> = asked.map_err(|error| match error.downcast_ref::<CallError>() {
        Some(call) if call.may_have_taken_effect() => error
            .context(format!("repeat it with --reference {reference}: it is then credited once, whatever happened")),
        _ => error,
    })?;
    let (balance, known) = match answer {
        Some(answer) => (answer.balance, answer.known),
        None => {
            let credited = Books::open(&home).await?.credit(account, amount, reference).await?;
            (credited.balance, credited.known)
        }
    };
    let what = if known { "was credited before, under this reference" } else { "credited" };
    say(format!("{} {what}; the account holds {}", amount.display(unit), balance.display(unit)));
    Ok(())
}

async fn keysets(folder: MintFolder) -> Result<()> {
    let home = open(folder)?;
    let report: Option<KeysetsReport> = ask_running(&home, async |client| client.get_json(path::KEYSETS).await).await?;
    let keysets = match report {
        Some(report) => report.keysets,
        None => Books::open(&home).await?.keysets(),
    };
    say(format!("mint {}", home.mint_id()));
    let mut rows = table(["no.", "unit", "state", "issues until", "spend until", "deposit until"]);
    for keyset in &keysets {
        rows.add_row([
            keyset.sequence.to_string(),
            keyset.unit.clone(),
            state(keyset).to_owned(),
            time(keyset.issue_until),
            time(keyset.spend_until),
            time(keyset.deposit_until),
        ]);
    }
    show(&rows);
    for keyset in &keysets {
        say(format!("no. {} is {}", keyset.sequence, keyset.keyset));
    }
    Ok(())
}

async fn audit(folder: MintFolder) -> Result<()> {
    let home = open(folder)?;
    let report: Option<AuditReport> = ask_running(&home, async |client| client.get_json(path::AUDIT).await).await?;
    let report = match report {
        Some(report) => report,
        None => Books::open(&home).await?.audit().await?,
    };
    show_books(&report)?;
    if report.is_right() {
        say("balanced: funded − paid out = balances + fees + vouchers + pending + (issued − redeemed)");
        return Ok(());
    }
    show_differences(&report);
    bail!("the books are not right: the mint issues nothing until they are")
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

fn open(folder: MintFolder) -> Result<MintHome> {
    let folder = place::folder(folder.dir, "mint")?;
    match MintHome::open(&folder) {
        Err(HomeError::NoMint) => {
            bail!("there is no mint in {}: `farthing mint init` makes one, --dir names another", folder.display())
        }
        home => home.with_context(|| format!("the mint in {} cannot be opened", folder.display())),
    }
}

/// The running totals of each unit.
pub(crate) fn show_books(report: &AuditReport) -> Result<()> {
    for books in &report.units {
        let unit = Unit::new(&books.unit, books.exponent)?;
        let mut rows = table([&books.unit, ""]);
        let figures = [
            ("funded", books.funded),
            ("paid out", books.paid_out),
            ("account balances", books.balances),
            ("fee income", books.fees),
            ("unused vouchers", books.vouchers),
            ("pending payouts", books.pending),
            ("tokens issued", books.issued),
            ("tokens redeemed", books.redeemed),
        ];
        for (name, amount) in figures {
            rows.add_row([name.to_owned(), amount.display(&unit)]);
        }
        if let Some(column) = rows.column_mut(1) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        show(&rows);
    }
    Ok(())
}

fn show_differences(report: &AuditReport) {
    for difference in &report.differences {
        note(format!(
            "{}{}: the books say {}, the records {}",
            difference.figure,
            difference.unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default(),
            difference.recorded,
            difference.computed
        ));
    }
}

/// Asks the running mint over its control socket; `None` if none runs.
async fn ask_running<T>(
    home: &MintHome,
    ask: impl AsyncFnOnce(&UnixClient) -> Result<T, CallError>,
) -> Result<Option<T>> {
    let client = UnixClient::new(home.control_socket())?;
    match ask(&client).await {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::NotSent(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

enum Secret {
    Passphrase(Passphrase),
    KeyFile(std::path::PathBuf),
}

const NEW_PASSPHRASE: &str = "New passphrase for the mint's keys: ";
const SECRET_OPTIONS: &str = "--passphrase-file or --key-file";

/// What the command line or the environment gives.
fn given_secret(unlocking: &Unlocking) -> Result<Option<Secret>> {
    if let Some(path) = &unlocking.passphrase_file {
        return Ok(Some(Secret::Passphrase(read_passphrase(path)?)));
    }
    if let Some(path) = &unlocking.key_file {
        return Ok(Some(Secret::KeyFile(path.clone())));
    }
    if let Some(path) = std::env::var_os(KEY_FILE_VARIABLE) {
        return Ok(Some(Secret::KeyFile(path.into())));
    }
    match std::env::var(PASSPHRASE_VARIABLE) {
        Ok(passphrase) => Ok(Some(Secret::Passphrase(Passphrase::new(passphrase)))),
        Err(_) => Ok(None),
    }
}

fn unlock(home: &MintHome, unlocking: &Unlocking) -> Result<Unlock> {
    Ok(match (given_secret(unlocking)?, home.protection()) {
        (Some(Secret::KeyFile(path)), _) => Unlock::KeyFile(path),
        (Some(Secret::Passphrase(passphrase)), _) => Unlock::Passphrase(passphrase),
        (None, ProtectionKind::KeyFile) => bail!("this mint's keys need its key file: give --key-file"),
        (None, ProtectionKind::Passphrase) => Unlock::Passphrase(Passphrase::new(
            prompt::passphrase("Passphrase of the mint's keys: ", SECRET_OPTIONS)?.as_str(),
        )),
    })
}

/// Reads an account in the form that wallets print.
pub(crate) fn read_account(text: &str) -> Result<AccountKey> {
    let bytes = text::decode(ACCOUNT_PREFIX, text)
        .context("this is not an account: `farthing wallet account` prints one, farthingaccount1…")?;
    let bytes: [u8; 32] = bytes.try_into().ok().context("this is not an account: it has the wrong length")?;
    Ok(AccountKey::from_bytes(bytes))
}

/// Reads an amount as people write it.
pub(crate) fn read_amount(text: &str, unit: &Unit) -> Result<Amount> {
    let amount = read_amount_or_zero(text, unit)?;
    if amount.is_zero() { Err(fault(Trouble::BadAmount, "the amount is zero").into()) } else { Ok(amount) }
}

/// The same, where zero means something.
pub(crate) fn read_amount_or_zero(text: &str, unit: &Unit) -> Result<Amount> {
    let Ok(amount) = Amount::parse(text, unit) else {
        let example = Amount::new(150).unwrap_or_default().display(unit);
        let message = format!("{text:?} is no amount in {}", unit.code());
        let hint = format!("write it with at most {} decimals, such as {example}", unit.exponent());
        return Err(fault(Trouble::BadAmount, message).next(hint).into());
    };
    Ok(amount)
}

/// Why nobody can listen at an address.
pub(crate) fn explain_listening(error: std::io::Error, listen: SocketAddr) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{listen} is in use by another program; --listen takes another address")
        }
        _ => anyhow::Error::new(error).context(format!("cannot serve at {listen}")),
    }
}

/// Plain HTTP is for loopback only.
pub(crate) fn warn_of_plain_http(listen: SocketAddr) {
    if !listen.ip().is_loopback() {
        note("warning: there is no TLS on this address; put a TLS proxy in front of it");
    }
}

fn state(keyset: &KeysetSummary) -> &'static str {
    match keyset.state {
        KeysetState::Announced => "announced",
        KeysetState::Issuing => "issuing",
        KeysetState::Spendable => "spendable",
        KeysetState::Depositable => "depositable",
        KeysetState::Ended => "ended",
        KeysetState::Revoked => "revoked",
    }
}
