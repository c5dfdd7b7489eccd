//! `farthing mint audit`

use anyhow::{Result, bail};
use farthing_issuer::control::path;
use farthing_issuer::{AuditReport, Books};
use farthing_protocol::amount::Unit;

use super::home::{ask_running, open};
use crate::args::MintFolder;
use crate::output::{note, say_wrapped, show, table};

pub(super) async fn audit(folder: MintFolder) -> Result<()> {
    let home = open(folder)?;
    let report: Option<AuditReport> = ask_running(&home, async |client| client.get_json(path::AUDIT).await).await?;
    let report = match report {
        Some(report) => report,
        None => Books::open(&home).await?.audit().await?,
    };
    show_books(&report)?;
    if report.is_right() {
        say_wrapped("balanced: funded − paid out = balances + fees + vouchers + pending + (issued − redeemed)");
        return Ok(());
    }
    show_differences(&report);
    bail!("the books are not right: the mint issues nothing until they are")
}

/// The running totals of each unit.
fn show_books(report: &AuditReport) -> Result<()> {
    for books in &report.units {
        let unit = Unit::new(&books.unit, books.exponent)?;
        let mut rows = table([&books.unit, ""]);
        let figures = [
            ("funded", books.funded),
            ("paid out", books.paid_out),
            ("account balances", books.balances),
            ("fee income", books.fees),
            ("unused vouchers", books.vouchers),
            ("pending payouts", books.pending),
            ("tokens issued", books.issued),
            ("tokens redeemed", books.redeemed),
            ("of the rest, lapsed", books.lapsed),
        ];
        for (name, amount) in figures {
            rows.add_row([name.to_owned(), amount.display(&unit)]);
        }
        if let Some(column) = rows.column_mut(1) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        show(&rows);
    }
    Ok(())
}

pub(super) fn show_differences(report: &AuditReport) {
    for difference in &report.differences {
        note(format!(
            "{}{}: the books say {}, the records {}",
            difference.figure,
            difference.unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default(),
            difference.recorded,
            difference.computed
        ));
    }
}
