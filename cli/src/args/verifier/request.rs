//! `farthing verifier request`

use clap::Args;

use super::{Reply, VerifierFolder};
use crate::args::Delivery;

/// `farthing verifier request`
#[derive(Debug, Args)]
pub(crate) struct VerifierRequest {
    #[command(flatten)]
    pub(crate) folder: VerifierFolder,
    /// The amount in the mint's unit, such as 0.37
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// A note for the payer
    #[arg(long)]
    pub(crate) memo: Option<String>,
    /// How long it can be paid, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) expires_in: u32,
    /// Let it be paid more than once
    #[arg(long)]
    pub(crate) reusable: bool,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
    #[command(flatten)]
    pub(crate) reply: Reply,
}
