//! `farthing verifier …`

use anyhow::{Context, Result, bail};
use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::signal::shutdown_signal;
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{
    InvoiceAnswer, InvoiceRequest, KeysetsAnswer, PayeeAnswer, PaymentsAnswer, mint_path, verifier_path,
};
use farthing_protocol::identity::MintId;
use farthing_verifier::home::{HomeError, HomeOptions, VerifierHome};

use crate::args::{VerifierCommand, VerifierFolder, VerifierInit, VerifierPayments, VerifierRequest, VerifierRun};
use crate::mint::{explain_listening, read_amount, warn_of_plain_http};
use crate::output::{Screen, note, say, short, show, table, time};
use crate::wallet::deliver;
use crate::{hooks, place};

pub(crate) async fn run(command: VerifierCommand) -> Result<()> {
    match command {
        VerifierCommand::Init(args) => init(args).await,
        VerifierCommand::Run(args) => serve(args).await,
        VerifierCommand::Request(args) => request(args).await,
        VerifierCommand::Payments(args) => payments(args).await,
    }
}

async fn init(args: VerifierInit) -> Result<()> {
    let folder = place::folder(args.folder.dir, "verifier")?;
    let url = read_url(&args.mint)?;
    let answer = fetch_mint(&url).await?;
    let mint = *answer.list.mint();
    expect_mint(&mint, args.mint_id.as_deref())?;
    let units = units_of(&answer)?;
    let unit = choose_unit(&units, args.unit.as_deref())?;
    let options = HomeOptions { unit: Some(unit.code().to_owned()), ..HomeOptions::default() };
    let home = VerifierHome::init(&folder, &url, &mint, &options)?;
    say(format!("payee {}", home.payee()));
    note(format!("made in {}", home.folder().display()));
    note(format!("paid in {} of mint", unit.code()));
    note(format!("  {mint}"));
    note("The payee key in it owns what you are paid: keep a copy of the folder in another place.");
    note("Next: farthing verifier run");
    Ok(())
}

async fn serve(args: VerifierRun) -> Result<()> {
    let home = open(args.folder)?;
    let home = match args.public_url {
        Some(url) => home.with_public_url(read_url(&url)?),
        None => home,
    };
    let payee = home.payee();
    warn_of_plain_http(args.listen);
    let shutdown = shutdown_signal()?;
    let running = match farthing_verifier::home::run(home, args.listen, shutdown).await {
        Err(HomeError::Io(error)) => return Err(explain_listening(error, args.listen)),
        running => running?,
    };
    say(format!("payee {payee}\n at http://{}", running.local_addr));
    running.wait().await?;
    note("stopped; everything is on the disk");
    Ok(())
}

async fn request(args: VerifierRequest) -> Result<()> {
    let home = open(args.folder)?;
    let unit = unit_of(&home).await?;
    let amount = read_amount(&args.amount, &unit)?;
    let request = InvoiceRequest {
        amount,
        memo: args.memo,
        expires_in: Some(args.expires_in),
        reusable: args.reusable,
        http: None,
    };
    let answer: InvoiceAnswer =
        control(&home)?.post_json(verifier_path::INVOICES, &request).await.map_err(explain_not_running)?;
    let screen = Screen::new(false, false);
    deliver(&screen, answer.text, &args.delivery)?.show(&screen);
    let expires_at = answer.invoice.draft().expires_at;
    note(format!("{}, to be paid before {} UTC", amount.display(&unit), time(expires_at)));
    Ok(())
}

async fn payments(args: VerifierPayments) -> Result<()> {
    let home = open(args.folder)?;
    let unit = unit_of(&home).await?;
    let answer: PaymentsAnswer =
        control(&home)?.get_json(verifier_path::PAYMENTS).await.map_err(explain_not_running)?;
    if answer.payments.is_empty() {
        say("no payments yet");
        return Ok(());
    }
    let mut rows = table(["time (UTC)", "amount", "payment", "memo"]);
    for payment in &answer.payments {
        rows.add_row([
            time(payment.accepted_at),
            payment.amount.display(&unit),
            short(&payment.payment.to_text()),
            payment.memo.clone().unwrap_or_default(),
        ]);
    }
    show(&rows);
    Ok(())
}

fn open(folder: VerifierFolder) -> Result<VerifierHome> {
    let folder = place::folder(folder.dir, "verifier")?;
    match VerifierHome::open(&folder) {
        Err(HomeError::Missing) => bail!(
            "there is no verifier in {}: `farthing verifier init` makes one, --dir names another",
            folder.display()
        ),
        home => home.with_context(|| format!("the verifier in {} cannot be opened", folder.display())),
    }
}

fn control(home: &VerifierHome) -> Result<UnixClient> {
    Ok(UnixClient::new(home.control_socket())?)
}

fn explain_not_running(error: CallError) -> anyhow::Error {
    match error {
        CallError::NotSent(_) => anyhow::anyhow!("the verifier is not running: start it with `farthing verifier run`"),
        error => error.into(),
    }
}

/// The unit in which the running verifier is paid. It knows, also while the mint cannot be reached.
async fn unit_of(home: &VerifierHome) -> Result<Unit> {
    let answer: PayeeAnswer = control(home)?.get_json(verifier_path::PAYEE).await.map_err(explain_not_running)?;
    Ok(Unit::new(&answer.unit, answer.exponent)?)
}

/// Fetches a mint's keysets and verifies its list and their signatures.
pub(crate) async fn fetch_mint(url: &BaseUrl) -> Result<KeysetsAnswer> {
    let client = HttpClient::builder().build()?;
    let answer: KeysetsAnswer = client
        .get_json(&url.join(mint_path::KEYSETS)?)
        .await
        .with_context(|| format!("there is no mint to be reached at {}", url.as_str()))?;
    answer.list.accept(answer.list.mint(), None, hooks::now())?;
    Ok(answer)
}

/// Reads an address.
pub(crate) fn read_url(text: &str) -> Result<BaseUrl> {
    BaseUrl::parse(text).with_context(|| format!("{text:?} is not an address such as http://127.0.0.1:3338"))
}

/// Refuses a mint that is not the one expected.
pub(crate) fn expect_mint(found: &MintId, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let expected: String = expected.split_whitespace().collect();
    let expected = MintId::from_text(&expected).context("the mint's identity is 43 characters of base64url")?;
    if expected == *found {
        return Ok(());
    }
    Err(anyhow::Error::new(farthing_wallet::MintError::WrongIdentity)
        .context(format!("another mint answers at this address: {found}")))
}

/// The units that a mint issues, each once.
fn units_of(answer: &KeysetsAnswer) -> Result<Vec<Unit>> {
    let mut units: Vec<Unit> = Vec::new();
    for document in &answer.keysets {
        let keyset = document.clone().verify()?;
        if keyset.terms().mint == *answer.list.mint() && !units.contains(&keyset.terms().unit) {
            units.push(keyset.terms().unit.clone());
        }
    }
    Ok(units)
}

fn choose_unit(units: &[Unit], code: Option<&str>) -> Result<Unit> {
    match (units, code) {
        ([], _) => bail!("the mint issues nothing"),
        ([only], None) => Ok(only.clone()),
        (units, Some(code)) => units
            .iter()
            .find(|unit| unit.code() == code)
            .cloned()
            .with_context(|| format!("the mint does not issue {code}")),
        (units, None) => {
            let codes: Vec<&str> = units.iter().map(Unit::code).collect();
            bail!("the mint issues several units: choose with --unit one of {}", codes.join(", "))
        }
    }
}
