//! `farthing mint signer`

use anyhow::{Context, Result, bail};
use farthing_http::signal::shutdown_signal;
use farthing_issuer::control::{SignerReportAnswer as Report, path};
use farthing_issuer::{
    Books, BooksError, HomeError, KeyHome, LedgerOpenError, SignerHome, SignerListen, SignerOptions, ValueLimits,
    run_signer,
};
use farthing_protocol::amount::{Amount, Unit};
use serde::Serialize;

use super::amount::read_amount;
use super::home::{ask_running, open, unlock_for};
use super::keys::explain;
use crate::args::{MintSigner, SignerFolder, SignerInit, SignerReport, SignerRun};
use crate::exit::{Trouble, fault};
use crate::log;
use crate::output::{Answer, Money, Rows, Screen, note, say};
use crate::place;

/// A mint's keys are with its signer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignerAnswer {
    mint: String,
    folder: String,
    withdrawn_per_hour: Option<Money>,
    swapped_per_hour: Option<Money>,
}

/// What a signer has issued since it has the keys.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignerReportAnswer {
    keysets: Vec<SignerReportEntry>,
}

/// Of one keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SignerReportEntry {
    keyset: String,
    /// Whether the mint knows it. One that it does not know somebody else had made.
    known: bool,
    /// By the signer's count.
    withdrawn: Money,
    swapped: Money,
    withdrawn_in_hour: Money,
    swapped_in_hour: Money,
    /// By the ledger, with what was issued before there was a signer.
    recorded: Money,
}

pub(super) async fn signer(command: MintSigner, screen: &Screen) -> Result<()> {
    match command {
        MintSigner::Init(args) => init(args, screen).await,
        MintSigner::Run(args) => run(args).await,
        MintSigner::Report(args) => report(args, screen).await,
    }
}

fn folder(signer: SignerFolder) -> Result<std::path::PathBuf> {
    place::folder(signer.signer_dir, "signer")
}

async fn init(args: SignerInit, screen: &Screen) -> Result<()> {
    let (home, place) = (open(args.folder)?, folder(args.signer)?);
    let unit = home.unit().clone();
    let limit = |text: &Option<String>| text.as_deref().map(|text| read_amount(text, &unit)).transpose();
    let limits = ValueLimits {
        withdrawn: limit(&args.withdrawn_per_hour)?,
        swapped: limit(&args.swapped_per_hour)?,
        ..ValueLimits::default()
    };
    let listen = match (args.listen, args.address) {
        (Some(listen), Some(address)) => SignerListen::Tcp { listen, address },
        _ => SignerListen::Socket,
    };
    let books = match Books::open(&home).await {
        Err(BooksError::Ledger(LedgerOpenError::Store(farthing_durable::OpenError::InUse))) => {
            let message = "the mint is running, and holds its keys: they cannot be handed over meanwhile";
            return Err(fault(Trouble::MintRunning, message)
                .next("stop it, and repeat the command; nothing was changed")
                .into());
        }
        books => books?,
    };
    // Cut short, the keys may be with the signer already.
    let protection = KeyHome::open(&place).map_or(home.protection(), |signer| signer.protection());
    let unlock = unlock_for(protection, &args.unlocking)?;
    let options = SignerOptions { listen, limits };
    let made = tokio::task::spawn_blocking(move || SignerHome::init(place, &books, &unlock, &options)).await?;
    let made = match made {
        Err(HomeError::KeysApart) => {
            return Err(fault(Trouble::Exists, "the mint has a signer already").into());
        }
        Err(HomeError::NotEmpty) => {
            return Err(fault(Trouble::Exists, "there is something else in the signer's folder")
                .next("--signer-dir names another")
                .into());
        }
        made => made.map_err(explain)?,
    };
    let money = |amount: Option<Amount>| amount.map(|amount| Money::of(amount, &unit));
    let ValueLimits { withdrawn, swapped, .. } = *made.limits();
    screen.answer(&SignerAnswer {
        mint: made.mint_id().to_text(),
        folder: made.folder().display().to_string(),
        withdrawn_per_hour: money(withdrawn),
        swapped_per_hour: money(swapped),
    })?;
    if withdrawn.is_none() || swapped.is_none() {
        screen.note("There is a limit missing on what is issued within an hour: set it in signer.toml.");
    }
    screen.note("Next: `farthing mint signer run`, and then `farthing mint run`.");
    Ok(())
}

async fn run(args: SignerRun) -> Result<()> {
    let place = folder(args.signer)?;
    let home = match SignerHome::open(&place) {
        Err(HomeError::NoSigner) => {
            bail!("there is no signer in {}: `farthing mint signer init` makes one", place.display())
        }
        home => home.with_context(|| format!("the signer in {} cannot be opened", place.display()))?,
    };
    log::settle(home.log_format());
    let unlock = unlock_for(home.protection(), &args.unlocking)?;
    let mint = *home.mint_id();
    let socket = home.folder().join("signer.sock");
    let running = run_signer(home, unlock, shutdown_signal()?).await?;
    match running.local_addr {
        Some(address) => say(format!("signer of mint {mint}\n at tls://{address}")),
        None => say(format!("signer of mint {mint}\n at unix://{}", socket.display())),
    }
    running.wait().await;
    note("stopped; everything is on the disk");
    Ok(())
}

async fn report(args: SignerReport, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    if !home.has_signer() {
        return Err(fault(Trouble::BadFile, HomeError::KeysHere.to_string()).into());
    }
    let asked: Option<Report> = ask_running(&home, async |client| client.get_json(path::SIGNER).await).await?;
    let Some(report) = asked else { bail!("the mint does not run: it alone can ask its signer") };
    let money = |amount: Amount, unit: &Unit| Money::of(amount, unit);
    let keysets = report.keysets.into_iter().map(|issued| {
        let unit = Unit::new(&issued.unit, issued.exponent)?;
        Ok(SignerReportEntry {
            keyset: issued.keyset.to_text(),
            known: issued.known,
            withdrawn: money(issued.withdrawn, &unit),
            swapped: money(issued.swapped, &unit),
            withdrawn_in_hour: money(issued.withdrawn_in_hour, &unit),
            swapped_in_hour: money(issued.swapped_in_hour, &unit),
            recorded: money(issued.recorded, &unit),
        })
    });
    screen.answer(&SignerReportAnswer { keysets: keysets.collect::<Result<_>>()? })
}

impl Answer for SignerAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("the keys of mint {} are in {}", self.mint, self.folder));
    }
}

impl Answer for SignerReportAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["keyset", "withdrawn", "swapped", "in the ledger", "last hour"])
            .right(1)
            .right(2)
            .right(3)
            .right(4);
        for entry in &self.keysets {
            let hour = format!("{} + {}", entry.withdrawn_in_hour.text, entry.swapped_in_hour.text);
            let (withdrawn, swapped) = (entry.withdrawn.text.clone(), entry.swapped.text.clone());
            let keyset = crate::output::short(&entry.keyset);
            rows.add([keyset, withdrawn, swapped, entry.recorded.text.clone(), hour]);
        }
        rows.show(screen);
        for entry in self.keysets.iter().filter(|entry| !entry.known) {
            screen.note(format!("This mint did not order {}: somebody else had the signer make it.", entry.keyset));
        }
    }
}
