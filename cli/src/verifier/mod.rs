//! `farthing verifier …`: one file for each command.

pub(crate) mod check;
mod gateway;
pub(crate) mod init;
pub(crate) mod keys;
mod mint;
mod open;
mod payments;
pub(crate) mod request;
mod run;

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
        VerifierCommand::Payments(args) => payments::payments(args).await,
    }
}
