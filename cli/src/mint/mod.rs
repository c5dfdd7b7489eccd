//! `farthing mint …`: one file for each command.

mod amount;
mod audit;
mod credit;
mod home;
mod init;
mod keysets;
mod listen;
pub(crate) mod payouts;
pub(crate) mod recoup;
mod run;

use anyhow::Result;

use crate::args::MintCommand;
use crate::output::Screen;

pub(crate) use amount::{read_account, read_amount, read_amount_or_zero};
pub(crate) use audit::show_books;
pub(crate) use listen::{explain_listening, warn_of_plain_http};

pub(crate) async fn run(command: MintCommand, screen: &Screen) -> Result<()> {
    match command {
        MintCommand::Init(args) => init::init(args).await,
        MintCommand::Run(args) => run::serve(args).await,
        MintCommand::Credit(args) => credit::credit(args).await,
        MintCommand::Keysets(folder) => keysets::keysets(folder).await,
        MintCommand::Audit(folder) => audit::audit(folder).await,
        MintCommand::Payouts(args) => payouts::payouts(args, screen).await,
        MintCommand::Revoke(args) => recoup::revoke(args, screen).await,
        MintCommand::Recoup(args) => recoup::recoup(args, screen).await,
    }
}
