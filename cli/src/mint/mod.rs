//! `farthing mint …`: one file for each command.

pub(crate) mod account;
pub(crate) mod admin;
mod amount;
mod audit;
pub(crate) mod backing;
pub(crate) mod backup;
mod check;
mod credit;
pub(crate) mod forgery;
pub(crate) mod forget;
pub(crate) mod funding;
mod home;
mod init;
pub(crate) mod journal;
pub(crate) mod keys;
pub(crate) mod keysets;
mod listen;
pub(crate) mod payouts;
pub(crate) mod recoup;
mod reset_factor;
pub(crate) mod restore;
mod run;
pub(crate) mod signer;
pub(crate) mod status;
pub(crate) mod vouchers;

use anyhow::Result;

use crate::args::MintCommand;
use crate::output::Screen;

pub(crate) use admin::FactorWord;
pub(crate) use amount::{read_account, read_amount, read_amount_or_zero};
pub(crate) use listen::{explain_listening, warn_of_plain_http};

pub(crate) async fn run(command: MintCommand, screen: &Screen) -> Result<()> {
    match command {
        MintCommand::Init(args) => init::init(args, screen).await,
        MintCommand::Run(args) => run::serve(args).await,
        MintCommand::Credit(args) => credit::credit(args).await,
        MintCommand::Keysets(args) => keysets::keysets(args, screen).await,
        MintCommand::NewKeyset(args) => keysets::new_keyset(args, screen).await,
        MintCommand::Account(command) => account::run(command, screen).await,
        MintCommand::Admin(args) => admin::admin(args, screen).await,
        MintCommand::ResetFactor(args) => reset_factor::reset_factor(args).await,
        MintCommand::Journal(args) => journal::journal(args, screen).await,
        MintCommand::Audit(folder) => audit::audit(folder).await,
        MintCommand::Backing(args) => backing::backing(args, screen).await,
        MintCommand::CheckConfig(args) => check::check(args, screen).await,
        MintCommand::Status(args) => status::status(args, screen).await,
        MintCommand::Payouts(args) => payouts::payouts(args, screen).await,
        MintCommand::Signer(command) => signer::signer(command, screen).await,
        MintCommand::Passphrase(command) => keys::passphrase(command, screen).await,
        MintCommand::Keys(command) => keys::keys(command, screen).await,
        MintCommand::Revoke(args) => recoup::revoke(args, screen).await,
        MintCommand::DismissForgery(args) => forgery::dismiss(args, screen).await,
        MintCommand::Recoup(args) => recoup::recoup(args, screen).await,
        MintCommand::Funding(command) => funding::run(command, screen).await,
        MintCommand::Vouchers(command) => vouchers::run(command, screen).await,
        MintCommand::Backup(args) => backup::backup(args, screen).await,
        MintCommand::Forget(args) => forget::forget(args, screen).await,
        MintCommand::Restore(args) => restore::restore(args, screen).await,
    }
}
