//! The `farthing` command: mint, verifier and wallet in one binary.
//!
//! Exit codes: 0 done; 1 refused or failed, with the reason on standard error; 2 the command line was wrong.

mod args;
mod demo;
mod mint;
mod output;
mod place;
mod prompt;
mod unlock;
mod verifier;
mod wallet;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use args::{Cli, Role};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = start_log(&cli.log) {
        return output::fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match cli.role {
            Role::Mint(command) => mint::run(command).await,
            Role::Verifier(command) => verifier::run(command).await,
            Role::Wallet(command) => wallet::run(command).await,
            Role::Demo(args) => demo::run(&args).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(&error),
    }
}

fn start_log(directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives).with_context(|| format!("{directives:?} says not what to log"))?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
    Ok(())
}
