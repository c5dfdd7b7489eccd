//! What people read: lines and tables on standard output, errors on standard error.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use farthing_protocol::amount::UnixTime;

/// Writes a line to standard output. A reader who has gone away is no error of ours.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _closed = writeln!(out, "{}", line.as_ref());
}

/// Writes a line to standard error: progress and warnings.
pub(crate) fn note(line: impl AsRef<str>) {
    let mut err = io::stderr().lock();
    let _closed = writeln!(err, "{}", line.as_ref());
}

/// Writes why the command failed, and the causes below it.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let mut err = io::stderr().lock();
    let _closed = writeln!(err, "error: {error}");
    for cause in error.chain().skip(1) {
        let _closed = writeln!(err, "  because: {cause}");
    }
    ExitCode::FAILURE
}

/// A table without borders that fits the terminal.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    if !io::stdout().is_terminal() {
        table.set_width(100);
    }
    table
}

/// Writes a table without trailing blanks.
pub(crate) fn show(table: &Table) {
    for line in table.lines() {
        say(line.trim_end());
    }
}

/// A time as people read it, in UTC: `2026-11-23 21:04`.
pub(crate) fn time(at: UnixTime) -> String {
    let timestamp = i64::try_from(at.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| "never".to_owned(), |timestamp| timestamp.strftime("%Y-%m-%d %H:%M").to_string())
}

/// The first characters of an id, enough to tell it from its neighbours.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(12).chain(['…']).collect()
}
