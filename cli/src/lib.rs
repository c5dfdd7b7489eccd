//! The `farthing` command: mint, verifier and wallet in one binary.
//!
//! `farthing help` lists the exit codes; `docs/cli.md` the codes of failures and the fields of the JSON answers.

mod args;
mod check;
mod demo;
mod exit;
mod factor;
mod hooks;
mod log;
mod mint;
mod output;
mod place;
mod prompt;
mod qr;
mod reference;
#[cfg(test)]
mod schema;
mod serving;
mod settings;
mod unlock;
mod verifier;
mod wallet;
mod when;
mod words;

use std::process::ExitCode;

use args::{Cli, Role};
use clap::Parser;
use output::Screen;

#[doc(hidden)]
pub use hooks::Hooks;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    main_under(Hooks::default())
}

/// The same, with a test's hand on it.
#[doc(hidden)]
pub fn main_under(hooks: Hooks) -> ExitCode {
    hooks::install(hooks);
    let cli = Cli::parse();
    let screen = match &cli.role {
        Role::Wallet(args) => Screen::new(args.common.json, args.common.quiet),
        Role::Mint(command) => Screen::new(command.wants_json(), false),
        Role::Verifier(command) => Screen::new(command.wants_json(), false),
        _ => Screen::new(false, false),
    };
    match run(cli, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => screen.fail(&error).into(),
    }
}

fn run(cli: Cli, screen: &Screen) -> anyhow::Result<()> {
    log::start(&cli.log, cli.log_format.map(Into::into), cli.role.is_service())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.role {
            Role::Mint(command) => mint::run(command, screen).await,
            Role::Verifier(command) => verifier::run(command, screen).await,
            Role::Wallet(args) => wallet::run(args, screen).await,
            Role::Demo(args) => demo::run(&args).await,
            Role::Completions(args) => {
                reference::completions(args.shell);
                Ok(())
            }
            Role::Man(args) => reference::man(&args.dir),
        }
    })
}
