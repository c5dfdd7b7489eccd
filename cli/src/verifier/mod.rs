//! `farthing verifier …`: one file for each command.

pub(crate) mod account;
mod check;
mod factor;
mod gateway;
pub(crate) mod init;
pub(crate) mod keys;
mod mint;
mod offline;
mod open;
pub(crate) mod payments;
pub(crate) mod receipt;
pub(crate) mod recoup;
pub(crate) mod refund;
pub(crate) mod request;
mod run;
mod source;
pub(crate) mod webhooks;

use anyhow::Result;

pub(crate) use self::mint::{expect_mint, read_url};
use crate::args::VerifierCommand;
use crate::output::Screen;

pub(crate) async fn run(command: VerifierCommand, screen: &Screen) -> Result<()> {
    match command {
        VerifierCommand::Init(args) => screen.answer(&init::init(args, screen).await?),
        VerifierCommand::Run(args) => run::serve(args).await,
        VerifierCommand::Gateway(args) => gateway::serve(args).await,
        VerifierCommand::CheckConfig(args) => check::check(args, screen).await,
        VerifierCommand::RotateKey(args) => screen.answer(&keys::rotate(args, screen)?),
        VerifierCommand::Keys(args) => screen.answer(&keys::keys(args)?),
        VerifierCommand::Request(args) => screen.answer(&request::request(args, screen).await?),
        VerifierCommand::Payments(args) => payments::payments(args, screen).await,
        VerifierCommand::Receipt(args) => receipt::receipt(args, screen).await,
        VerifierCommand::Refund(args) => Box::pin(refund::refund(args, screen)).await,
        VerifierCommand::Webhooks(args) => webhooks::webhooks(args, screen).await,
        VerifierCommand::Balance(args) => account::balance(args, screen).await,
        VerifierCommand::Payout(args) => account::payout(args, screen).await,
        VerifierCommand::Payouts(args) => account::payouts(args, screen).await,
        VerifierCommand::Factor(args) => factor::factor(args, screen).await,
        VerifierCommand::Recipient(args) => offline::recipient(args),
        VerifierCommand::ExportKeysets(args) => offline::export_keysets(args).await,
        VerifierCommand::ImportKeysets(args) => offline::import_keysets(args).await,
        VerifierCommand::Accept(args) => offline::accept(args).await,
        VerifierCommand::Deposit(args) => offline::deposit(args).await,
        VerifierCommand::Recoup(args) => recoup::recoup(args, screen).await,
    }
}
