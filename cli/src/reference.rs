//! `farthing completions` and `farthing man`: what is made from the command line's own description.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::args::Cli;
use crate::output::note;

/// Writes a shell's completion script to standard output.
pub(crate) fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "farthing", &mut std::io::stdout());
}

/// Writes a manual page for every command.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn man(folder: &Path) -> Result<()> {
    let unwritable = || format!("{} cannot be written", folder.display());
    fs::create_dir_all(folder).with_context(unwritable)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = 0_u32;
    page(&command, folder, &mut pages).with_context(unwritable)?;
    note(format!("wrote {pages} pages; read one with `man {}`", folder.join("farthing.1").display()));
    Ok(())
}

fn page(command: &clap::Command, folder: &Path, pages: &mut u32) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut body = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.clone()).render(&mut body)?;
    fs::write(folder.join(format!("{name}.1")), body)?;
    *pages = pages.saturating_add(1);
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| page(sub, folder, pages))
}
