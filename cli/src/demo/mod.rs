//! `farthing demo`: a mint, a merchant and two wallets in a temporary folder, on free loopback ports.
//!
//! Everything is real: sockets, folders, ledgers, signatures. Two taps on the lines keep what the mint and the merchant saw, so that it
//! can be shown, and compared, at the end.

mod stage;
mod tap;
mod views;

use anyhow::{Context, Result, bail, ensure};
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, ProblemBody};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::{InvoiceRequest, PayAnswer, verifier_path};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::text::TextForm;
use farthing_wallet::{Paid, Wallet, WithdrawWhat};

use crate::args::DemoArgs;
use crate::output::{say, short, time};
use stage::Stage;
use tap::Call;

const PRICE: u64 = 37;
const FUNDS: u64 = 1000;

pub(crate) async fn run(args: &DemoArgs) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("farthing-demo-").tempdir()?;
    let outcome = play(folder.path()).await;
    if args.keep {
        say(format!("\nThe folder is kept: {}", folder.keep().display()));
    }
    outcome
}

async fn play(folder: &std::path::Path) -> Result<()> {
    let stage = Stage::set(folder).await?;
    let unit = stage.unit.clone();
    say("1. A mint and a merchant, each with a public address on this machine");
    say(format!("     mint      {}  http://{}", short(&stage.mint.id().to_text()), stage.mint_address));
    say(format!("     merchant  {}  {}", short(&stage.merchant.payee().to_text()), stage.shop_url.as_str()));

    say("2. Alice and Bob each make a wallet and give the mint's operator 10.00");
    let (alice, bob) = (stage.wallet("alice").await?, stage.wallet("bob").await?);
    for (name, wallet) in [("Alice", &alice), ("Bob", &bob)] {
        stage.credit(wallet, FUNDS).await?;
        say(format!("     {name}'s account holds {}", stage.account_of(wallet).await?.display(&unit)));
    }

    say("3. Each withdraws the bundle of small change: the mint signs blindly");
    for (name, wallet) in [("Alice", &alice), ("Bob", &bob)] {
        let issued = wallet.withdraw(stage.mint.id(), &unit, WithdrawWhat::Bundle(0)).await?;
        ensure!(issued.tokens == 16 && issued.amount.units() == 510, "the bundle is not what it should be");
        say(format!("     {name} holds {} in {} tokens", issued.amount.display(&unit), issued.tokens));
    }
    // What a cheat does: he keeps a copy of the wallet, to spend from both.
    let (alice, copy) = stage.copied("alice", alice).await?;

    let paid = pay(&stage, &alice, &unit).await?;
    let receipt = paid.receipt.context("the merchant gave no receipt")?;
    again(&stage, &receipt).await?;
    cheat(&stage, &copy, &receipt).await?;
    books(&stage, &unit).await?;
    views::show(&stage, &receipt)
}

async fn pay(stage: &Stage, alice: &Wallet, unit: &Unit) -> Result<Paid> {
    say("4. The merchant asks for 0.37, Alice pays with tokens of 0.32, 0.04 and 0.01");
    let invoice = stage.invoice("a cup of tea")?;
    say(format!("     invoice   {}", short(&invoice.to_text())));
    let paid = alice.pay(invoice).await?;
    let Paid { amount, swaps, .. } = &paid;
    ensure!(amount.units() == PRICE && *swaps == 0, "the payment is not what was asked");
    let receipt = paid.receipt.as_ref().context("the merchant gave no receipt")?;
    receipt.verify()?;
    let draft = receipt.draft();
    say(format!("     receipt   payment {}", draft.payment.to_text()));
    say(format!("               {} at {} UTC, signed by the merchant", amount.display(unit), time(draft.accepted_at)));
    Ok(paid)
}

async fn again(stage: &Stage, receipt: &Receipt) -> Result<()> {
    say("5. The very same payment is sent again, as after a lost answer");
    let Call { request, answer, .. } = stage.last_payment()?;
    let second = stage.send_to_shop(request).await?;
    ensure!(second.status().is_success(), "the same payment was refused");
    ensure!(*second.body() == answer, "the second answer differs from the first");
    let second: PayAnswer = second.into_json()?;
    ensure!(second.receipt == *receipt, "the second receipt differs from the first");
    say("     the same receipt, byte for byte; nothing was taken twice");
    Ok(())
}

async fn cheat(stage: &Stage, copy: &Wallet, receipt: &Receipt) -> Result<()> {
    say("6. The same tokens are spent from a copy of Alice's wallet, for something else");
    let invoice = stage.invoice("a second cup of tea")?;
    // The wallet reports what came of it in its own way; what the merchant answered is examined below.
    if copy.pay(invoice).await.is_ok() {
        bail!("the same tokens were accepted twice");
    }
    let Call { answer, .. } = stage.last_payment()?;
    let problem: ProblemBody = serde_json::from_slice(&answer)?;
    ensure!(problem.known() == Some(Code::DoubleSpend), "it was refused for another reason");
    let earlier = problem.extension(EARLIER_PAYMENT_ID).context("the refusal names no payment")?;
    ensure!(earlier == receipt.draft().payment.to_text(), "the refusal names another payment");
    say("     refused: double_spend. The evidence is the payment they went into before,");
    say(format!("     {earlier}"));
    Ok(())
}

async fn books(stage: &Stage, unit: &Unit) -> Result<()> {
    say("7. The mint has credited the merchant's account, and its books balance");
    let credited = stage.balance(&stage.merchant.payee().account()).await?;
    ensure!(credited.units() == PRICE, "the merchant was credited something else");
    say(format!("     the merchant's account holds {}", credited.display(unit)));
    let report = stage.mint.audit().await?;
    ensure!(report.is_right(), "the books are not right");
    let books = report.units.first().context("the audit saw no unit")?;
    ensure!(books.funded.units() == 2 * FUNDS && books.redeemed.units() == PRICE, "the books show something else");
    say(format!(
        "     funded {} = in accounts {} + in tokens {}",
        books.funded.display(unit),
        books.balances.display(unit),
        books.issued.checked_sub(books.redeemed).context("more redeemed than issued")?.display(unit)
    ));
    Ok(())
}

/// The request that the merchant's invoices are made from.
fn order(memo: &str) -> Result<InvoiceRequest> {
    let amount = Amount::new(PRICE).context("too large")?;
    Ok(InvoiceRequest { amount, memo: Some(memo.to_owned()), expires_in: None, reusable: false, http: None })
}

const PAY: &str = verifier_path::PAY;
