//! `farthing wallet …`

use anyhow::{Context, Result, bail};
use farthing_http::client::BaseUrl;
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_wallet::{
    Event, HistoryEntry, MintView, Options, Outcome, Resumption, UnitView, Wallet, WithdrawWhat, WordCount, Words,
    Work, account_text,
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use crate::args::{WalletCommand, WalletFolder, WalletInit, WalletPay, WalletWithdraw};
use crate::mint::read_amount;
use crate::output::{note, say, short, show, table, time};
use crate::verifier::{expect_mint, fetch_mint};
use crate::{place, prompt};

pub(crate) async fn run(command: WalletCommand) -> Result<()> {
    match command {
        WalletCommand::Init(args) => init(args).await,
        WalletCommand::Balance(folder) => balance(folder).await,
        WalletCommand::Account(folder) => account(folder).await,
        WalletCommand::Withdraw(args) => withdraw(args).await,
        WalletCommand::Pay(args) => pay(args).await,
        WalletCommand::History(folder) => history(folder).await,
    }
}

async fn init(args: WalletInit) -> Result<()> {
    let folder = place::folder(args.folder.dir, "wallet")?;
    if !args.yes && !prompt::possible() {
        bail!("nobody can be asked here whether the words were written down: give --yes");
    }
    // Before anything is made: is there a mint, and the right one?
    let url = BaseUrl::parse(&args.mint)?;
    expect_mint(fetch_mint(&url).await?.list.mint(), args.mint_id.as_deref())?;
    let count = if args.words == 24 { WordCount::TwentyFour } else { WordCount::Twelve };
    let words = Words::generate(&mut UnwrapErr(SysRng), count)?;
    let wallet = Wallet::create(&folder, &words, options()).await?;
    note("These words are the wallet. Write them on paper, now: they are not shown again.");
    note("");
    show_words(&words);
    note("");
    if !args.yes && !prompt::confirm("Did you write them down?", "--yes")? {
        note("The wallet is made all the same; its words are in its folder only.");
    }
    let mint = wallet.add_mint(&args.mint).await.context("the wallet is made, but knows no mint yet")?;
    expect_mint(&mint.id, args.mint_id.as_deref())?;
    note(format!("The mint at {} says that it is", mint.url.as_str()));
    note(format!("  {}", mint.id));
    let sure = args.yes || args.mint_id.is_some();
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        bail!("the mint was not confirmed; nothing can be withdrawn from it");
    }
    wallet.pin_mint(&mint.id).await?;
    note(format!("wallet made in {}", folder.display()));
    note("Next: give the account below to the mint's operator, then farthing wallet withdraw");
    say(account_text(&wallet.account(&mint.id)));
    Ok(())
}

async fn balance(folder: WalletFolder) -> Result<()> {
    let wallet = open(folder).await?;
    for balance in wallet.balance().await? {
        let unit = &balance.unit;
        say(format!("{}  in {} tokens", balance.available.display(unit), balance.tokens));
        if !balance.reserved.is_zero() {
            say(format!("{}  held by unfinished operations", balance.reserved.display(unit)));
        }
        if !balance.ended.is_zero() {
            say(format!("{}  in tokens that have ended", balance.ended.display(unit)));
        }
        if let Some(end) = balance.first_end {
            say(format!("the first of them end at {} UTC", time(end)));
        }
    }
    for mint in wallet.mints() {
        match wallet.account_balance(&mint.id).await {
            Ok(balances) => {
                for held in balances {
                    let unit = Unit::new(&held.unit, held.exponent)?;
                    say(format!("{}  in the account at {}", held.balance.display(&unit), mint.url.as_str()));
                }
            }
            Err(error) => note(format!("the account at {} could not be asked for: {error}", mint.url.as_str())),
        }
    }
    Ok(())
}

async fn account(folder: WalletFolder) -> Result<()> {
    let wallet = open(folder).await?;
    let (mint, _) = mint_of(&wallet)?;
    say(account_text(&wallet.account(&mint.id)));
    Ok(())
}

async fn withdraw(args: WalletWithdraw) -> Result<()> {
    let wallet = open(args.folder).await?;
    let (mint, unit) = mint_of(&wallet)?;
    let what = match (&args.amount, args.bundle.as_deref()) {
        (Some(amount), _) => WithdrawWhat::Amount(read_amount(amount, &unit.unit)?),
        (None, Some("list")) => return list_bundles(&unit),
        (None, Some(number)) => WithdrawWhat::Bundle(
            number.parse().ok().context("a bundle is named by its number; `--bundle list` shows them")?,
        ),
        (None, None) => bail!("give an amount or --bundle"),
    };
    if let Some(active) = &unit.active
        && active.fees.withdrawal_ppm > 0
    {
        note(format!("the mint's fee is {} parts per million of what is withdrawn", active.fees.withdrawal_ppm));
    }
    let issued = wallet.withdraw(&mint.id, &unit.unit, what).await?;
    say(format!("withdrew {} in {} tokens", issued.amount.display(&unit.unit), issued.tokens));
    Ok(())
}

fn list_bundles(unit: &UnitView) -> Result<()> {
    let active = unit.active.as_ref().context("the mint issues nothing at the moment")?;
    let mut rows = table(["bundle", "worth", "tokens"]);
    for (number, bundle) in active.bundles.iter().enumerate() {
        let tokens: Vec<String> =
            bundle.counts().iter().map(|(denomination, count)| format!("{count}×{}", denomination.value())).collect();
        rows.add_row([number.to_string(), bundle.amount().display(&unit.unit), tokens.join(" ")]);
    }
    show(&rows);
    Ok(())
}

async fn pay(args: WalletPay) -> Result<()> {
    let wallet = open(args.folder).await?;
    let invoice = Invoice::from_text(args.invoice.trim()).context("this is not an invoice, or it is damaged")?;
    let asked = wallet.read_invoice(&invoice).await?;
    let unit = asked.unit.clone();
    if !args.yes {
        let memo = asked.memo.as_ref().map(|memo| format!(" for {memo:?}")).unwrap_or_default();
        let question = format!("Pay {}{memo} to {}?", asked.amount.display(&unit), short(&asked.payee.to_text()));
        if !prompt::confirm(&question, "--yes")? {
            bail!("nothing was paid");
        }
    }
    let paid = wallet.pay(invoice).await?;
    if paid.swaps > 0 {
        note("Tokens had to be swapped first. The mint sees the swap and then the deposit, and can guess that they");
        note("belong together. Withdrawing a bundle ahead of need avoids it.");
    }
    say(format!("paid {} to {}", paid.amount.display(&unit), short(&paid.payee.to_text())));
    match paid.receipt {
        Some(receipt) => note(format!("receipt: {}", receipt.to_text())),
        None => note("The mint says that it was accepted; the payee has not given a receipt."),
    }
    Ok(())
}

async fn history(folder: WalletFolder) -> Result<()> {
    let wallet = open(folder).await?;
    let entries = wallet.history().await?;
    let unfinished = wallet.operations().await?;
    if entries.is_empty() && unfinished.is_empty() {
        say("nothing yet");
        return Ok(());
    }
    let mut rows = table(["time (UTC)", "what", "amount", "outcome", "memo"]);
    for operation in &unfinished {
        let (what, memo) = describe(&operation.work);
        rows.add_row([
            time(operation.created_at),
            what,
            operation.amount.display(&operation.unit),
            "unfinished".to_owned(),
            memo,
        ]);
    }
    for entry in &entries {
        let (what, memo) = describe(&entry.work);
        rows.add_row([time(entry.ended_at), what, entry.amount.display(&entry.unit), outcome(entry).to_owned(), memo]);
    }
    show(&rows);
    Ok(())
}

fn describe(work: &Work) -> (String, String) {
    match work {
        Work::Withdrawal => ("withdrawal".to_owned(), String::new()),
        Work::Swap => ("swap".to_owned(), String::new()),
        Work::Payment { payee, memo, .. } => {
            (format!("payment to {}", short(&payee.to_text())), memo.clone().unwrap_or_default())
        }
        _ => ("other".to_owned(), String::new()),
    }
}

fn outcome(entry: &HistoryEntry) -> &'static str {
    match entry.outcome {
        Outcome::Issued => "done",
        Outcome::Paid(Some(_)) => "paid, with receipt",
        Outcome::Paid(None) => "paid",
        Outcome::TakenBack => "taken back",
        Outcome::Failed => "failed, nothing moved",
        Outcome::SpentElsewhere => "tokens were spent elsewhere",
        _ => "ended",
    }
}

/// Opens the wallet and goes on with what was left unfinished.
async fn open(folder: WalletFolder) -> Result<Wallet> {
    let folder = place::folder(folder.dir, "wallet")?;
    let wallet = Wallet::open(&folder, options()).await.with_context(|| {
        format!(
            "no wallet can be opened in {}: `farthing wallet init` makes one, --dir names another",
            folder.display()
        )
    })?;
    for resumed in wallet.resume().await? {
        match resumed.result {
            Ok(Resumption::Issued(issued)) => {
                note(format!("finished: {} tokens that were left unfinished arrived", issued.tokens));
            }
            Ok(Resumption::Paid(_)) => note("finished: a payment that was left unfinished is paid"),
            Ok(Resumption::TakenBack(_)) => note("finished: a payment that was never accepted is taken back"),
            Ok(_) => note("finished: an operation that was left unfinished"),
            Err(error) => note(format!("still unfinished: {error}")),
        }
    }
    Ok(wallet)
}

fn options() -> Options {
    Options::new().observer(|event| {
        if let Event::Resuming { op } = event {
            note(format!("going on with operation {} first", op.get()));
        }
    })
}

/// The wallet's mint, and what it issues for everybody.
fn mint_of(wallet: &Wallet) -> Result<(MintView, UnitView)> {
    let mints = wallet.mints();
    let mint = mints.into_iter().find(|mint| mint.pinned && !mint.refused);
    let mint = mint.context("the wallet knows no mint that you confirmed: make it with `farthing wallet init`")?;
    let unit = mint.units.iter().find(|unit| unit.active.is_some()).or(mint.units.first());
    let unit = unit.context("the mint issues nothing")?.clone();
    Ok((mint, unit))
}

/// Words go to the terminal only: never to a file by a redirected standard output.
fn show_words(words: &Words) {
    let all: Vec<&str> = words.iter().collect();
    for (row, chunk) in all.chunks(4).enumerate() {
        let line: Vec<String> =
            chunk.iter().enumerate().map(|(i, word)| format!("{:>2} {word:<9}", row * 4 + i + 1)).collect();
        note(format!("  {}", line.join(" ").trim_end()));
    }
}

/// An amount of whole smallest units.
pub(crate) fn units(units: u64) -> Result<Amount> {
    Amount::new(units).context("too large")
}
