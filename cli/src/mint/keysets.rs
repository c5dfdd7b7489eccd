//! `farthing mint keysets`

use anyhow::Result;
use farthing_issuer::control::{KeysetsReport, path};
use farthing_issuer::{Books, KeysetState, KeysetSummary};

use super::home::{ask_running, open};
use crate::args::MintFolder;
use crate::output::{say, show, table, time};

pub(super) async fn keysets(folder: MintFolder) -> Result<()> {
    let home = open(folder)?;
    let report: Option<KeysetsReport> = ask_running(&home, async |client| client.get_json(path::KEYSETS).await).await?;
    let keysets = match report {
        Some(report) => report.keysets,
        None => Books::open(&home).await?.keysets(),
    };
    say(format!("mint {}", home.mint_id()));
    let mut rows = table(["no.", "unit", "state", "issues until", "spend until", "deposit until"]);
    for keyset in &keysets {
        rows.add_row([
            keyset.sequence.to_string(),
            keyset.unit.clone(),
            state(keyset).to_owned(),
            time(keyset.issue_until),
            time(keyset.spend_until),
            time(keyset.deposit_until),
        ]);
    }
    show(&rows);
    for keyset in &keysets {
        say(format!("no. {} is {}", keyset.sequence, keyset.keyset));
    }
    Ok(())
}

fn state(keyset: &KeysetSummary) -> &'static str {
    match keyset.state {
        KeysetState::Announced => "announced",
        KeysetState::Issuing => "issuing",
        KeysetState::Spendable => "spendable",
        KeysetState::Depositable => "depositable",
        KeysetState::Ended => "ended",
        KeysetState::Revoked => "revoked",
    }
}
