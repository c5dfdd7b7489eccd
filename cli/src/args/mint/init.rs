use std::net::SocketAddr;

use clap::Args;

use super::{MintFolder, Unlocking};

const INIT: &str = "\
For example:
  farthing mint init                      asks for everything
  farthing mint init --key-file mint.key --yes
  farthing mint init --unit CHF --withdrawal-fee 0.5 --max-issue 200.00";

/// `farthing mint init`
#[derive(Debug, Args)]
#[command(after_help = INIT)]
pub(crate) struct MintInit {
    #[command(flatten)]
    pub(crate) folder: MintFolder,
    #[command(flatten)]
    pub(crate) unlocking: Unlocking,
    /// Code of the currency unit, up to 16 letters or digits [default: EUR]
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// How many decimals people see: with 2, one token unit is 0.01 [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=12))]
    pub(crate) decimals: Option<u8>,
    /// How many denominations: tokens of 1, 2, 4, … 2^(n−1) units
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=63))]
    pub(crate) denominations: u8,
    /// Address to listen on [default: 127.0.0.1:3338]
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address under which wallets and merchants reach it, if it is another
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Fee on withdrawals, in percent with at most 4 decimals [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) withdrawal_fee: Option<Percent>,
    /// Fee on deposits, in percent with at most 4 decimals [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) deposit_fee: Option<Percent>,
    /// Most that is issued in one withdrawal [default: no limit]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_issue: Option<String>,
    /// Most that is issued to one account in a day [default: no limit]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_issue_account_day: Option<String>,
    /// Most that may be out in tokens at once [default: no limit]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_outstanding: Option<String>,
    /// Ask nothing: what is not said is as usual
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// A part of the whole, of at most all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Percent {
    /// In parts per million.
    pub(crate) ppm: u32,
}

impl std::str::FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FAULT: &str = "a percentage from 0 to 100, such as 0.5, with at most 4 decimals";
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !digits(whole) || !digits(part) {
            return Err(FAULT);
        }
        let ppm: u32 = format!("{whole}{part:0<4}").parse().map_err(|_| FAULT)?;
        if ppm <= 1_000_000 { Ok(Self { ppm }) } else { Err(FAULT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_parts_per_million() {
        let ppm = |text: &str| text.parse::<Percent>().map(|percent| percent.ppm);
        for (text, expected) in
            [("0", 0), ("0.5", 5_000), ("1%", 10_000), ("0.0001", 1), ("100", 1_000_000), ("12.34 %", 123_400)]
        {
            assert_eq!(ppm(text), Ok(expected), "{text}");
        }
        for text in ["", "-1", "100.0001", "101", "0.00001", "1,5", ".5", "1.2.3", "1e2"] {
            assert!(ppm(text).is_err(), "{text}");
        }
    }
}
