//! Tables that fit the screen.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::{Screen, WIDTH, colours_wanted, say};

/// Fewer columns than this no terminal has that somebody reads.
const NARROWEST: usize = 20;

/// Rows under a header, for people.
pub(crate) struct Rows {
    table: Table,
}

impl Rows {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { table: table(header) }
    }

    /// Numbers stand below one another.
    pub(crate) fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    pub(crate) fn add<const N: usize>(&mut self, row: [String; N]) {
        self.table.add_row(row);
    }

    pub(crate) fn show(&self, screen: &Screen) {
        if !screen.is_json() {
            show(&self.table);
        }
    }
}

/// A table without borders that fits the terminal.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    let terminal = io::stdout().is_terminal();
    let bold = terminal && colours_wanted();
    let header = header.map(|name| if bold { Cell::new(name).add_attribute(Attribute::Bold) } else { Cell::new(name) });
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    if let Some(width) = width(terminal, table.width()) {
        table.set_width(width);
    }
    table
}

/// How wide a table is made, if that is not left to the terminal: one that says that it has no columns, or hardly any, does not know.
fn width(terminal: bool, columns: Option<u16>) -> Option<u16> {
    let known = terminal && columns.is_some_and(|columns| usize::from(columns) >= NARROWEST);
    (!known).then(|| u16::try_from(WIDTH).unwrap_or(u16::MAX))
}

/// Writes a table without trailing blanks.
pub(crate) fn show(table: &Table) {
    for line in table.lines() {
        say(line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_does_not_know_its_width_gets_the_usual_one() {
        let usual = Some(80);
        assert_eq!(width(false, Some(200)), usual);
        assert_eq!((width(true, None), width(true, Some(0)), width(true, Some(1))), (usual, usual, usual));
        assert_eq!((width(true, Some(20)), width(true, Some(200))), (None, None));
    }
}
