//! Tables that fit the screen.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::{Screen, WIDTH, colours_wanted, say};

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
    if !terminal {
        table.set_width(u16::try_from(WIDTH).unwrap_or(u16::MAX));
    }
    table
}

/// Writes a table without trailing blanks.
pub(crate) fn show(table: &Table) {
    for line in table.lines() {
        say(line.trim_end());
    }
}
