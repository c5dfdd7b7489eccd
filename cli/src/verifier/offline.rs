//! `farthing verifier …` for tokens locked to the payee, and for a place without a network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{
    KeysetsAnswer, KeysetsTaken, LockedAnswer, LockedDeposit, LockedSum, PayAnswer, PayRequest, verifier_path,
};
use farthing_protocol::text::TextForm;
use farthing_verifier::home::{HomeError, Network, VerifierHome, open_merchant};
use farthing_verifier::merchant::{Merchant, system_clock};
use farthing_verifier::service::locked_answer;

use super::mint::{fetch_mint, read_url};
use super::open::{control, explain_not_running, open};
use crate::args::{
    Delivery, VerifierAccept, VerifierDeposit, VerifierExportKeysets, VerifierImportKeysets, VerifierRecipient,
};
use crate::exit::{Told, Trouble, fault};
use crate::output::{Screen, note, say, short, show, table, time};
use crate::wallet::{Text, check_delivery, deliver, read_input};

/// Prints the record by which wallets lock tokens to this payee.
pub(super) fn recipient(args: VerifierRecipient) -> Result<()> {
    let home = open(args.folder)?;
    let recipient = home.recipient().with_context(no_lock_key)?;
    let screen = Screen::new(false, false);
    deliver(&screen, recipient.to_text(), &args.delivery)?.show(&screen);
    Ok(())
}

/// Writes the mint's signed list into a file, on a machine that reaches the mint.
pub(super) async fn export_keysets(args: VerifierExportKeysets) -> Result<()> {
    let url = match &args.mint {
        Some(url) => read_url(url)?,
        None => open(args.folder)?.mint_url().clone(),
    };
    let answer = fetch_mint(&url).await?;
    let text = serde_json::to_string(&answer)?;
    match &args.file {
        None => say(text),
        Some(path) => {
            write_anew(path, &text)?;
            note(format!("written: {}", path.display()));
        }
    }
    note(format!("signed by the mint on {} UTC", time(answer.list.issued_at())));
    Ok(())
}

/// The list is public, and a newer one takes the place of an older one: an old file may be replaced.
fn write_anew(path: &Path, text: &str) -> Result<()> {
    let unwritable = |error| fault(Trouble::BadFile, format!("{} cannot be written: {error}", path.display()));
    std::fs::write(path, format!("{text}\n")).map_err(|error| unwritable(error).into())
}

/// Takes a list over that was carried in: by the running verifier, or for the next one.
pub(super) async fn import_keysets(args: VerifierImportKeysets) -> Result<()> {
    let text = read(&args.file)?;
    let answer: KeysetsAnswer = serde_json::from_str(&text).map_err(|_| {
        fault(Trouble::BadText, format!("{} is no list of keysets", args.file.display()))
            .next("`farthing verifier export-keysets --file FILE` writes one, where the mint can be reached")
    })?;
    let home = open(args.folder)?;
    let issued_at = match control(&home)?.post_json(verifier_path::KEYSETS, &answer).await {
        Ok(KeysetsTaken { issued_at }) => issued_at,
        Err(CallError::NotSent(_)) => {
            let merchant = stopped(home, Network::None).await?;
            merchant.import_keysets(answer).await.context("the list was not taken over")?
        }
        Err(error) => return Err(refusal(error).context("the list was not taken over")),
    };
    say(format!("the mint's keysets as of {} UTC", time(issued_at)));
    Ok(())
}

fn read(path: &PathBuf) -> Result<String> {
    let read =
        if path.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    read.map_err(|error| fault(Trouble::BadFile, format!("{} cannot be read: {error}", path.display())).into())
}

/// Takes a payment that was handed over, and hands the receipt back.
pub(super) async fn accept(args: VerifierAccept) -> Result<()> {
    let payment: PayRequest = match read_input(&args.input, "payment")? {
        Text::Payment(payment) => *payment,
        other => return Err(other.misplaced("a payment").into()),
    };
    let screen = Screen::new(false, false);
    let unit = match &payment.request {
        farthing_protocol::request::PaymentRequest::Invoice(invoice) => invoice.draft().unit.clone(),
        farthing_protocol::request::PaymentRequest::Offer(_) => bail!("this payment answers no invoice"),
    };
    let delivery = Delivery { pictures: args.pictures, file: args.receipt };
    check_delivery(&delivery)?;
    let home = open(args.folder)?;
    let answer: Result<PayAnswer, CallError> = control(&home)?.post_json(verifier_path::PAY, &payment).await;
    let PayAnswer { receipt } = answer.map_err(|error| match error {
        CallError::NotSent(_) => explain_not_running(error),
        error => refusal(error).context("the payment was not accepted"),
    })?;
    let draft = receipt.draft();
    note(format!("accepted: {}, payment {}", draft.amount.display(&unit), short(&draft.payment.to_text())));
    deliver(&screen, receipt.to_text(), &delivery)?.show(&screen);
    Ok(())
}

/// Deposits with the mint what was taken in locked tokens: by the running verifier, or here.
pub(super) async fn deposit(args: VerifierDeposit) -> Result<()> {
    let VerifierDeposit { folder, again, dry_run, json } = args;
    let home = open(folder)?;
    let body = LockedDeposit { again };
    let answer: Result<LockedAnswer, CallError> = if dry_run {
        control(&home)?.get_json(verifier_path::LOCKED).await
    } else {
        control(&home)?.post_json(verifier_path::LOCKED_DEPOSIT, &body).await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(CallError::NotSent(_)) => deposit_here(home, again, dry_run).await?,
        Err(error) if is_offline(&error) => bail!(
            "this verifier runs without a network and asks nobody: stop it, and run `farthing verifier deposit` where the \
             mint can be reached"
        ),
        Err(error) => return Err(refusal(error)),
    };
    if json {
        say(serde_json::to_string(&answer)?);
    } else {
        tell(&answer)?;
    }
    if !dry_run && !answer.open.is_empty() { Err(Told::unfinished().into()) } else { Ok(()) }
}

async fn deposit_here(home: VerifierHome, again: bool, dry_run: bool) -> Result<LockedAnswer> {
    if home.recipient().is_none() {
        bail!(no_lock_key());
    }
    if dry_run {
        return Ok(locked_answer(stopped(home, Network::None).await?.deposits().await?));
    }
    let merchant = stopped(home, Network::Mint).await?;
    merchant.refresh().await;
    if again {
        merchant.reopen_refused().await?;
    }
    Ok(locked_answer(merchant.deposit().await?))
}

/// The records of a verifier that is not running.
pub(super) async fn stopped(home: VerifierHome, network: Network) -> Result<Merchant> {
    match open_merchant(home, network, system_clock()).await {
        Err(HomeError::NoLockKey) => bail!(no_lock_key()),
        merchant => Ok(merchant?),
    }
}

fn tell(answer: &LockedAnswer) -> Result<()> {
    for sum in &answer.credited {
        say(format!("credited: {}", words(sum)?));
    }
    for sum in &answer.open {
        let why = answer.cause.as_deref().map(|cause| format!(" ({cause})")).unwrap_or_default();
        say(format!("not deposited yet: {}{why}", words(sum)?));
    }
    if answer.credited.is_empty() && answer.open.is_empty() {
        say("nothing to deposit");
    }
    if answer.refused.is_empty() {
        return Ok(());
    }
    say("refused by the mint:");
    let mut rows = table(["accepted (UTC)", "amount", "payment", "refused (UTC)", "code"]);
    for refusal in &answer.refused {
        rows.add_row([
            time(refusal.accepted_at),
            refusal.amount.display(&Unit::new(&refusal.unit, refusal.exponent)?),
            short(&refusal.payment.to_text()),
            time(refusal.refused_at),
            refusal.code.clone(),
        ]);
    }
    show(&rows);
    note("They are kept whole: `farthing verifier deposit --again` sends them once more.");
    Ok(())
}

fn words(sum: &LockedSum) -> Result<String> {
    let payments = if sum.payments == 1 { "payment" } else { "payments" };
    Ok(format!("{} in {} {payments}", sum.amount.display(&Unit::new(&sum.unit, sum.exponent)?), sum.payments))
}

fn is_offline(error: &CallError) -> bool {
    error.problem().and_then(|problem| problem.known()) == Some(Code::Offline)
}

/// Whether a running verifier has no list of keysets that is good.
pub(super) fn is_outdated(error: &CallError) -> bool {
    error.problem().and_then(|problem| problem.known()) == Some(Code::ListOutdated)
}

pub(super) fn outdated() -> anyhow::Error {
    anyhow::anyhow!(
        "there is no list of the mint's keysets, or it is too old: `farthing verifier import-keysets FILE` takes a newer one"
    )
}

/// The service's own sentence, and its code.
fn refusal(error: CallError) -> anyhow::Error {
    match error.problem().and_then(|problem| problem.known()) {
        Some(code) => anyhow::anyhow!("{} ({code})", code.title().trim_end_matches('.')),
        None => error.into(),
    }
}

pub(super) fn no_lock_key() -> &'static str {
    "this verifier takes no locked tokens: `locked = true` in its config.toml, or `farthing verifier init --locked`, lets it"
}
