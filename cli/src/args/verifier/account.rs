use clap::Args;
use farthing_protocol::api::SecondFactor;

use super::{Reply, VerifierFolder};
use crate::factor::read_code;

const BALANCE: &str = "\
For example:
  farthing verifier balance";

const PAYOUT: &str = "\
For example:
  farthing verifier payout 25.00 --reference \"DE02 1203 0000 0000 2020 51\"
  farthing verifier payout 25.00 --to $(farthing wallet account)

The money leaves your account at once. Whether it was paid shows in
`farthing verifier payouts`; if the mint's operator rejects it, it is in the
account again.";

const PAYOUTS: &str = "\
For example:
  farthing verifier payouts";

/// `farthing verifier balance`
#[derive(Debug, Args)]
#[command(after_help = BALANCE)]
pub(crate) struct VerifierBalance {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// `farthing verifier payout`
#[derive(Debug, Args)]
#[command(after_help = PAYOUT)]
pub(crate) struct VerifierPayout {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The amount in the mint's unit, such as 25.00
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// What the mint's operator needs to know to pay you, such as a bank account: at most 128 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reference: String,
    /// Move it to another account at the mint instead, at once: of a wallet of yours, as `farthing wallet account` prints it
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) to: Option<String>,
    /// Take it from the account of an earlier payee key of yours
    #[arg(long, value_name = "PAYEE", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Code of the unit, if the account holds several
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// A code of the account's second factor, if it is more than the account's limit
    #[arg(long, value_name = "CODE", value_parser = read_code)]
    pub(crate) code: Option<SecondFactor>,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// `farthing verifier payouts`
#[derive(Debug, Args)]
#[command(after_help = PAYOUTS)]
pub(crate) struct VerifierPayouts {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
