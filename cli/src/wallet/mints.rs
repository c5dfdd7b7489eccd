//! `farthing wallet mint …`

use anyhow::{Context, Result};
use farthing_protocol::identity::MintId;
use farthing_wallet::{MintError, MintView, Wallet};
use serde::Serialize;

use super::open::{Place, choose_mint};
use crate::args::{WalletMintAdd, WalletMintCommand, WalletMintNamed, WalletMintTrust};
use crate::exit::{Advise, Explained, Told, Trouble, fault};
use crate::output::{Answer, Progress, Rows, Screen, seconds, time};
use crate::prompt;
use crate::verifier::expect_mint;

/// Characters of an identity that stand together, so that people can compare them.
const GROUP: usize = 4;

/// One mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintAnswer {
    mint: MintEntry,
}

/// The mints that the wallet knows.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintsAnswer {
    mints: Vec<MintEntry>,
}

/// What came of fetching.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintRefreshAnswer {
    refreshed: Vec<MintRefreshEntry>,
}

/// What came of fetching from one mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintRefreshEntry {
    mint: String,
    mint_url: String,
    /// Code of the failure, if it failed.
    code: Option<String>,
    message: Option<String>,
}

/// A mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintEntry {
    mint: String,
    mint_url: String,
    /// Whether its identity was confirmed.
    trusted: bool,
    /// Whether it was caught contradicting itself.
    refused: bool,
    units: Vec<MintUnit>,
}

/// What a mint issues.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MintUnit {
    unit: String,
    exponent: u8,
    /// The keyset that issues now.
    keyset: Option<String>,
    issue_until: Option<u64>,
    spend_until: Option<u64>,
    withdrawal_fee_ppm: Option<u32>,
    deposit_fee_ppm: Option<u32>,
}

pub(super) async fn run(place: &Place, command: WalletMintCommand) -> Result<()> {
    match command {
        WalletMintCommand::Add(args) => place.screen.answer(&add(place, args).await?),
        WalletMintCommand::List => place.screen.answer(&list(place).await?),
        WalletMintCommand::Refresh(args) => refresh(place, args).await,
        WalletMintCommand::Trust(args) => place.screen.answer(&trust(place, args).await?),
    }
}

async fn add(place: &Place, args: WalletMintAdd) -> Result<MintAnswer> {
    let wallet = place.open().await?;
    let progress = Progress::start(&place.screen, "fetching the mint's keysets");
    let found = wallet.add_mint(&args.url).await;
    drop(progress);
    let message = format!("no mint was added at {}", args.url);
    let found = match found {
        Err(error @ MintError::Call(_)) => {
            return Err(error).advise(message, "is the address right, and the mint running?");
        }
        found => found.context(message)?,
    };
    expect_mint(&found.id, args.mint_id.as_deref())?;
    let sure = args.yes || args.mint_id.is_some();
    confirm(place, &wallet, found, sure).await
}

async fn trust(place: &Place, args: WalletMintTrust) -> Result<MintAnswer> {
    let wallet = place.open().await?;
    let found = choose_mint(&wallet, Some(&args.mint))?;
    confirm(place, &wallet, found, args.yes).await
}

/// Trusts a mint after its identity was compared.
async fn confirm(place: &Place, wallet: &Wallet, mint: MintView, sure: bool) -> Result<MintAnswer> {
    if mint.pinned {
        place.screen.note("The wallet knows and trusts this mint already.");
        return Ok(MintAnswer { mint: MintEntry::of(&mint) });
    }
    tell_identity(&place.screen, !sure, mint.url.as_str(), &mint.id);
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        return Err(fault(Trouble::Declined, "the mint is known now, and not trusted: nothing is done with it")
            .next("ask its operator for its identity, and then `farthing wallet mint trust`")
            .into());
    }
    Ok(MintAnswer { mint: MintEntry::of(&wallet.pin_mint(&mint.id).await?) })
}

/// Shows who a mint says that it is, as people can compare it.
pub(crate) fn tell_identity(screen: &Screen, asked: bool, url: &str, mint: &MintId) {
    screen.note_for(asked, format!("The mint at {url} says that it is\n  {}", grouped(&mint.to_text())));
}

/// An identity in groups. Blanks between them do not matter when it is given.
fn grouped(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    let groups: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

async fn list(place: &Place) -> Result<MintsAnswer> {
    let wallet = place.open().await?;
    Ok(MintsAnswer { mints: wallet.mints().iter().map(MintEntry::of).collect() })
}

/// One mint that fails does not keep the others from being asked.
async fn refresh(place: &Place, args: WalletMintNamed) -> Result<()> {
    let wallet = place.open().await?;
    if let Some(named) = args.mint {
        let mint = choose_mint(&wallet, Some(&named))?;
        let _progress = Progress::start(&place.screen, "fetching the mint's keysets");
        wallet.refresh_mint(&mint.id).await?;
        return place.screen.answer(&MintRefreshAnswer { refreshed: vec![MintRefreshEntry::of(&mint, None)] });
    }
    let mut refreshed = Vec::new();
    let progress = Progress::start(&place.screen, "fetching the mints' keysets");
    for mint in wallet.mints() {
        let fetched = wallet.refresh_mint(&mint.id).await;
        refreshed.push(MintRefreshEntry::of(&mint, fetched.err()));
    }
    drop(progress);
    let failed = refreshed.iter().any(|entry| entry.code.is_some());
    place.screen.answer(&MintRefreshAnswer { refreshed })?;
    if failed { Err(Told::failed().into()) } else { Ok(()) }
}

impl MintRefreshEntry {
    fn of(mint: &MintView, error: Option<MintError>) -> Self {
        let failure = error.map(|error| Explained::of(&error.into()));
        Self {
            mint: mint.id.to_text(),
            mint_url: mint.url.as_str().to_owned(),
            code: failure.as_ref().map(|failure| failure.code.to_owned()),
            message: failure.map(|failure| failure.in_one_line()),
        }
    }
}

impl MintEntry {
    pub(super) fn of(mint: &MintView) -> Self {
        let units = mint.units.iter().map(|unit| {
            let active = unit.active.as_ref();
            MintUnit {
                unit: unit.unit.code().to_owned(),
                exponent: unit.unit.exponent(),
                keyset: active.map(|active| active.keyset.to_text()),
                issue_until: active.map(|active| seconds(active.issue_until)),
                spend_until: active.map(|active| seconds(active.spend_until)),
                withdrawal_fee_ppm: active.map(|active| active.fees.withdrawal_ppm),
                deposit_fee_ppm: active.map(|active| active.fees.deposit_ppm),
            }
        });
        Self {
            mint: mint.id.to_text(),
            mint_url: mint.url.as_str().to_owned(),
            trusted: mint.pinned,
            refused: mint.refused,
            units: units.collect(),
        }
    }

    fn state(&self) -> &'static str {
        match (self.refused, self.trusted) {
            (true, _) => "refused: it contradicted itself",
            (false, true) => "trusted",
            (false, false) => "not trusted yet",
        }
    }
}

impl Answer for MintAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("{}: {}", self.mint.mint_url, self.mint.state()));
    }
}

impl Answer for MintsAnswer {
    fn show(&self, screen: &Screen) {
        let mut rows = Rows::new(["mint", "state", "unit", "issues until", "spend until"]);
        for mint in &self.mints {
            let until = |at: Option<u64>| {
                at.map_or_else(|| "-".to_owned(), |at| time(farthing_protocol::amount::UnixTime::from_seconds(at)))
            };
            for unit in &mint.units {
                rows.add([
                    mint.mint_url.clone(),
                    mint.state().to_owned(),
                    unit.unit.clone(),
                    until(unit.issue_until),
                    until(unit.spend_until),
                ]);
            }
        }
        rows.show(screen);
        for mint in &self.mints {
            screen.say(format!("{} is", mint.mint_url));
            screen.say(format!("  {}", grouped(&mint.mint)));
        }
    }
}

impl Answer for MintRefreshAnswer {
    fn show(&self, screen: &Screen) {
        for entry in &self.refreshed {
            match &entry.message {
                None => screen.say(format!("{}: up to date", entry.mint_url)),
                Some(why) => screen.say(format!("{}: {why}", entry.mint_url)),
            }
        }
    }
}
