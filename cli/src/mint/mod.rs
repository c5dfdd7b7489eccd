//! `farthing mint …`: one file for each command.

mod amount;
mod audit;
pub(crate) mod backing;
mod check;
mod credit;
mod home;
mod init;
mod keysets;
mod listen;
pub(crate) mod payouts;
mod run;

use anyhow::Result;

use crate::args::MintCommand;
use crate::output::Screen;

pub(crate) use amount::{read_account, read_amount, read_amount_or_zero};
pub(crate) use audit::show_books;
pub(crate) use listen::{explain_listening, warn_of_plain_http};

pub(crate) async fn run(command: MintCommand, screen: &Screen) -> Result<()> {
    match command {
        MintCommand::Init(args) => init::init(args, screen).await,
        MintCommand::Run(args) => run::serve(args).await,
        MintCommand::Credit(args) => credit::credit(args).await,
        MintCommand::Keysets(folder) => keysets::keysets(folder).await,
        MintCommand::Audit(folder) => audit::audit(folder).await,
        MintCommand::Backing(args) => backing::backing(args, screen).await,
        MintCommand::CheckConfig(args) => check::check(args, screen),
        MintCommand::Payouts(args) => payouts::payouts(args, screen).await,
    }
}
