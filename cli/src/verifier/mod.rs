//! `farthing verifier …`: one file for each command.

mod gateway;
mod init;
mod mint;
mod open;
mod payments;
mod request;
mod run;

use anyhow::Result;

pub(crate) use self::mint::{expect_mint, read_url};
use crate::args::VerifierCommand;

pub(crate) async fn run(command: VerifierCommand) -> Result<()> {
    match command {
        VerifierCommand::Init(args) => init::init(args).await,
        VerifierCommand::Run(args) => run::serve(args).await,
        VerifierCommand::Gateway(args) => gateway::serve(args).await,
        VerifierCommand::Request(args) => request::request(args).await,
        VerifierCommand::Payments(args) => payments::payments(args).await,
    }
}
