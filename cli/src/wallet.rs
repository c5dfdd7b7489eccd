//! `farthing wallet …`

use anyhow::{Context, Result, bail};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use farthing_wallet::{
    Event, HistoryEntry, IssueError, MintError, MintView, OpenError, Options, Outcome, PayError, Protection,
    Resumption, UnitView, Wallet, WithdrawWhat, WordCount, Words, Work, account_text,
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use crate::args::{WalletCommand, WalletFolder, WalletInit, WalletPassphrase, WalletPay, WalletWithdraw};
use crate::mint::read_amount;
use crate::output::{note, say, short, show, table, time};
use crate::verifier::{expect_mint, read_url};
use crate::{place, prompt, unlock};

pub(crate) async fn run(command: WalletCommand) -> Result<()> {
    match command {
        WalletCommand::Init(args) => init(args).await,
        WalletCommand::Balance(folder) => balance(folder).await,
        WalletCommand::Account(folder) => account(folder).await,
        WalletCommand::Withdraw(args) => withdraw(args).await,
        WalletCommand::Pay(args) => pay(args).await,
        WalletCommand::History(folder) => history(folder).await,
        WalletCommand::Passphrase(args) => passphrase(args).await,
    }
}

async fn init(args: WalletInit) -> Result<()> {
    let folder = place::folder(args.folder.dir, "wallet")?;
    if !args.yes && !prompt::possible() {
        bail!("nobody can be asked here whether the words were written down: give --yes");
    }
    match Wallet::needs_passphrase(&folder) {
        Err(OpenError::Missing) => {}
        Err(error @ (OpenError::Unencrypted | OpenError::Io(_))) => return Err(error.into()),
        _ => bail!("there is a wallet in {} already; --dir names another folder", folder.display()),
    }
    unlock::expect_new(&args.folder.unlocking, args.no_passphrase)?;
    // Every question comes before anything is made, so that whoever stops here can begin again.
    let url = read_url(&args.mint)?;
    let found = Wallet::look_at_mint(&args.mint, &options()).await;
    let mint = match found {
        Err(MintError::Call(error)) => {
            return Err(
                anyhow::Error::new(*error).context(format!("there is no mint to be reached at {}", url.as_str()))
            );
        }
        found => found?.id,
    };
    expect_mint(&mint, args.mint_id.as_deref())?;
    note(format!("The mint at {} says that it is", url.as_str()));
    note(format!("  {mint}"));
    let sure = args.yes || args.mint_id.is_some();
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        bail!("nothing was made. Ask the mint's operator for its identity, and give it with --mint-id");
    }
    let protection = unlock::protection(&args.folder.unlocking, args.no_passphrase)?;
    let count = if args.words == 24 { WordCount::TwentyFour } else { WordCount::Twelve };
    let words = Words::generate(&mut UnwrapErr(SysRng), count)?;
    note("Everything in the wallet derives from these words. Write them on paper,");
    note("now: they are not shown again. This version cannot restore a wallet from");
    note("them yet, so keep its folder too.");
    note("");
    show_words(&words);
    note("");
    if !args.yes && !prompt::confirm("Did you write them down?", "--yes")? {
        bail!("nothing was made, and these words are void: begin again when you have paper");
    }
    let wallet = Wallet::create(&folder, &words, protection, options()).await?;
    let found = wallet.add_mint(&args.mint).await?;
    expect_mint(&found.id, Some(&mint.to_text()))?;
    wallet.pin_mint(&mint).await?;
    note(format!("wallet made in {}", folder.display()));
    note("Next: have the mint's operator credit the account below, and then");
    note("  farthing wallet withdraw --bundle 0");
    say(account_text(&wallet.account(&mint)));
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
            say(format!("the first tokens expire on {} UTC", time(end)));
        }
    }
    for mint in wallet.mints() {
        match wallet.account_balance(&mint.id).await {
            Ok(balances) => {
                if balances.is_empty()
                    && let Some(unit) = mint.units.first()
                {
                    say(format!("{}  in the account at {}", Amount::ZERO.display(&unit.unit), mint.url.as_str()));
                }
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
    let issued = match wallet.withdraw(&mint.id, &unit.unit, what).await {
        Err(IssueError::InsufficientFunds) => {
            bail!(
                "the account does not hold so much: `farthing wallet balance` shows it, its mint's operator credits it"
            )
        }
        issued => issued?,
    };
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
    if !args.yes && !asked.paid {
        let memo = asked.memo.as_ref().map(|memo| format!(" for {memo:?}")).unwrap_or_default();
        let question = format!("Pay {}{memo} to {}?", asked.amount.display(&unit), short(&asked.payee.to_text()));
        if !prompt::confirm(&question, "--yes")? {
            bail!("nothing was paid");
        }
    }
    let paid = match wallet.pay(invoice).await {
        Err(PayError::InsufficientFunds) => {
            bail!(
                "the wallet's tokens do not cover {}: `farthing wallet withdraw` gets more",
                asked.amount.display(&unit)
            )
        }
        Err(error @ PayError::Unknown { .. }) => {
            return Err(anyhow::Error::new(error).context(format!(
                "{} are held until it is known whether the payee accepted. Nothing is lost, and nothing can be paid twice: \
                 `farthing wallet balance` asks again",
                asked.amount.display(&unit)
            )));
        }
        paid => paid?,
    };
    let what = if asked.paid { "was paid before, and nothing is taken now:" } else { "paid" };
    say(format!("{what} {} to {}", paid.amount.display(&unit), short(&paid.payee.to_text())));
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

async fn passphrase(args: WalletPassphrase) -> Result<()> {
    let folder = place::folder(args.folder.dir, "wallet")?;
    let unlock = unlock::unlock(&folder, &args.folder.unlocking)?;
    let protection = unlock::changed_protection(&args.new)?;
    let none = matches!(protection, Protection::NoPassphrase);
    match Wallet::change_passphrase(&folder, unlock, protection).await {
        Err(OpenError::Missing) => bail!(unlock::missing(&folder)),
        changed => changed.with_context(|| format!("the passphrase of {} was not changed", folder.display()))?,
    }
    say(if none {
        "the wallet has no passphrase any more: protect its folder like cash"
    } else {
        "passphrase changed"
    });
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
        Outcome::TokensEnded => "tokens ended",
        Outcome::SpentElsewhere => "tokens were spent elsewhere",
        _ => "ended",
    }
}

/// Opens the wallet and goes on with what was left unfinished.
async fn open(args: WalletFolder) -> Result<Wallet> {
    let folder = place::folder(args.dir, "wallet")?;
    let unlock = unlock::unlock(&folder, &args.unlocking)?;
    let wallet = match Wallet::open(&folder, unlock, options()).await {
        Err(OpenError::Missing) => bail!(unlock::missing(&folder)),
        wallet => wallet.with_context(|| format!("the wallet in {} cannot be opened", folder.display()))?,
    };
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
    Options::new().observer(|event| match event {
        Event::Resuming { op } => note(format!("going on with operation {}, which was left unfinished", op.get())),
        Event::SwapBeforePaying => {
            note("Tokens must be swapped first: the mint sees the swap and then the payee's");
            note("deposit, and can guess that they belong together. To avoid it next time,");
            note("withdraw a bundle ahead of need: farthing wallet withdraw --bundle 0");
        }
        Event::ListBeforePaying { .. } => {
            note("The mint's keysets had to be fetched just before paying: the mint sees that,");
            note("and then the payee's deposit, and can guess that they belong together.");
        }
        _ => {}
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
