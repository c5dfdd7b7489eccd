use clap::Args;

use super::{MintFolder, Unlocking};

/// `farthing mint init`
#[derive(Debug, Args)]
pub(crate) struct MintInit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Code of the currency unit, up to 16 letters or digits
    #[arg(long, default_value = "EUR")]
    pub(crate) unit: String,
    /// How many decimals people see: with 2, one token unit is 0.01
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) decimals: u8,
    /// How many denominations: tokens of 1, 2, 4, … 2^(n−1) units
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=63))]
    pub(crate) denominations: u8,
}
