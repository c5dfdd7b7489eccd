//! The command line: what can be typed, and the help that teaches it.

mod mint;
mod settings;
mod verifier;
mod wallet;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use farthing_verifier::home::LogFormat;

pub(crate) use mint::*;
pub(crate) use settings::SettingsCommand;
pub(crate) use verifier::*;
pub(crate) use wallet::*;

/// Private digital cash for small payments.
///
/// A mint signs tokens without seeing them, a wallet holds and spends them, a merchant's verifier checks
/// them and refuses double spends. Nobody, the mint included, can tell who paid whom.
///
/// Unaudited software: use it with small amounts only.
#[derive(Debug, Parser)]
#[command(name = "farthing", version, propagate_version = true, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Role,

    /// What is logged to standard error, such as `info` or `farthing_issuer=debug`.
    ///
    /// Logs never hold serials, keys, payments or addresses.
    #[arg(long, global = true, env = "FARTHING_LOG", default_value = "warn", hide_env_values = true)]
    pub(crate) log: String,

    /// How it is logged [default: that of the settings of a mint, signer or verifier that runs, else text]
    #[arg(long, global = true, value_name = "FORMAT", env = "FARTHING_LOG_FORMAT", hide_env_values = true)]
    pub(crate) log_format: Option<LogLines>,
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLines {
    /// For people
    Text,
    /// A JSON object in each line
    Json,
}

impl From<LogLines> for LogFormat {
    fn from(lines: LogLines) -> Self {
        match lines {
            LogLines::Text => Self::Text,
            LogLines::Json => Self::Json,
        }
    }
}

const FIRST_STEPS: &str = "\
First steps:
  farthing demo                 a mint, a merchant, two wallets: see it work
  farthing mint init            make a mint, then `farthing mint run`
  farthing verifier init --mint http://127.0.0.1:3338
  farthing wallet init --mint http://127.0.0.1:3338

Exit codes:
  0  done
  1  refused, or failed
  2  the command line is wrong
  3  the outcome is not known yet, or an operation is left unfinished: ask again
  4  not enough funds
  5  the wallet is locked or in use, or the passphrase is wrong
  6  a mint or payee was not reached, and nothing happened
  7  evidence of misconduct was found and kept
  8  a question had to be asked, and nobody can answer here";

const COMPLETIONS: &str = "\
For example:
  source <(farthing completions bash)
  farthing completions zsh > ~/.zfunc/_farthing
  farthing completions fish > ~/.config/fish/completions/farthing.fish";

/// Who runs the command.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Run a mint: sign tokens, keep accounts, clear deposits
    #[command(subcommand)]
    Mint(MintCommand),
    /// Be paid: issue invoices, verify payments, refuse double spends
    #[command(subcommand)]
    Verifier(VerifierCommand),
    /// Hold and spend tokens
    Wallet(WalletArgs),
    /// Watch a mint, a merchant and two wallets at work, in a temporary folder
    Demo(DemoArgs),
    /// Print a script that completes commands and options for a shell
    #[command(after_help = COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Write a manual page for every command into a folder
    Man(ManArgs),
}

impl Role {
    /// Whether it runs until it is ended.
    pub(crate) fn is_service(&self) -> bool {
        matches!(
            self,
            Self::Mint(MintCommand::Run(_) | MintCommand::Signer(MintSigner::Run(_)))
                | Self::Verifier(VerifierCommand::Run(_) | VerifierCommand::Gateway(_))
        )
    }
}

/// `farthing demo`
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Keep the temporary folder, to look into it
    #[arg(long)]
    pub(crate) keep: bool,
}

/// `farthing completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `farthing man`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder, which is made if it is not there
    pub(crate) dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    /// The commands that stand as examples in a page, on lines of their own.
    fn examples(page: &str) -> Vec<&str> {
        let lines = page.lines().filter(|line| line.starts_with("    ")).map(str::trim);
        lines.filter(|line| line.starts_with("farthing ")).collect()
    }

    /// Words as a shell makes them; what a substitution would give is left as it is.
    fn words(line: &str) -> Vec<String> {
        let line = line.split_once(" #").map_or(line, |(line, _)| line.trim_end());
        let mut words = vec![String::new()];
        let (mut quoted, mut depth) = (false, 0);
        for character in line.chars() {
            match character {
                '"' if depth == 0 => quoted = !quoted,
                ' ' if !quoted && depth == 0 => words.push(String::new()),
                _ => {
                    depth += i32::from(character == '(') - i32::from(character == ')');
                    words.last_mut().unwrap().push(character);
                }
            }
        }
        words
    }

    #[test]
    fn examples_in_the_documentation_can_be_typed() {
        let pages = [
            include_str!("../../../README.md"),
            include_str!("../../../docs/wallet.md"),
            include_str!("../../../docs/merchant-operating.md"),
            include_str!("../../../docs/mint.md"),
            include_str!("../../../docs/mint-operating.md"),
            include_str!("../../../docs/offline.md"),
            include_str!("../../../docs/funding.md"),
            include_str!("../../../docs/accounts.md"),
            include_str!("../../../docs/keysets.md"),
            include_str!("../../../docs/recoup.md"),
            include_str!("../../../docs/mint-keys.md"),
            include_str!("../../../docs/backup.md"),
            include_str!("../../../docs/merchant.md"),
            include_str!("../../../docs/restore.md"),
            include_str!("../../../docs/stock.md"),
        ];
        let examples: Vec<&str> = pages.iter().flat_map(|page| examples(page)).collect();
        assert!(examples.len() > 20);
        let refused = |example: &&&str| Cli::try_parse_from(words(example)).is_err();
        assert_eq!(examples.iter().filter(refused).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn examples_in_the_help_fit_a_terminal() {
        fn look(command: &clap::Command, seen: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            seen.extend(help.lines().map(str::to_owned));
            command.get_subcommands().for_each(|command| look(command, seen));
        }
        let mut seen = Vec::new();
        look(&Cli::command(), &mut seen);
        assert!(seen.len() > 100);
        seen.retain(|line| line.chars().count() > 80);
        assert_eq!(seen, Vec::<String>::new());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
