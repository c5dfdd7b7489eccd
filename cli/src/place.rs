//! Where things are when nothing else was said: under `~/.farthing`.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The folder given, or the role's own under `~/.farthing`.
///
/// # Errors
/// When none was given and there is no home folder.
pub(crate) fn folder(given: Option<PathBuf>, role: &str) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.with_context(|| format!("there is no home folder: name the {role}'s folder with --dir"))?;
    Ok(home.join(".farthing").join(role))
}
