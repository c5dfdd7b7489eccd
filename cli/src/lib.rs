//! The `farthing` command: mint, verifier and wallet in one binary.
//!
//! `farthing help` lists the exit codes; `docs/cli.md` the codes of failures and the fields of the JSON answers.

mod args;
mod check;
mod demo;
mod exit;
mod factor;
mod hooks;
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

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use args::{Cli, Role};
use clap::Parser;
use output::Screen;
use tracing_subscriber::EnvFilter;

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
    start_log(&cli.log)?;
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

/// Libraries that would log addresses. Named one by one in `--log` they do.
const QUIET_LIBRARIES: &str = "hyper=off,hyper_util=off,reqwest=off,rustls=off,h2=off,sled=warn,mio=off,tokio=warn";

fn start_log(directives: &str) -> anyhow::Result<()> {
    // What the libraries of the network say names addresses, and is of use to those only who build on them.
    let all = format!("{QUIET_LIBRARIES},{directives}");
    let filter = EnvFilter::try_new(all).with_context(|| format!("{directives:?} says not what to log"))?;
    let colour = std::io::stderr().is_terminal() && output::colours_wanted();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
    Ok(())
}
