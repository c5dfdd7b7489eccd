//! Questions at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use zeroize::Zeroizing;

/// Whether somebody can be asked.
pub(crate) fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question whose answer is yes only if it is typed.
///
/// # Errors
/// When nobody can be asked: then the command says which option answers instead.
pub(crate) fn confirm(question: &str, option: &str) -> Result<bool> {
    if !possible() {
        bail!("nobody can be asked here: {question} Give {option} to go on without asking");
    }
    let mut err = io::stderr().lock();
    loop {
        write!(err, "{question} [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            return Ok(false);
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "" | "n" | "no" => return Ok(false),
            _ => writeln!(err, "Please answer y or n.")?,
        }
    }
}

/// Asks for a passphrase without showing it.
///
/// # Errors
/// When nobody can be asked: then the command says which options answer instead.
pub(crate) fn passphrase(question: &str, options: &str) -> Result<Zeroizing<String>> {
    if !possible() {
        bail!("nobody can be asked for the passphrase here: give {options}");
    }
    Ok(Zeroizing::new(rpassword::prompt_password(question)?))
}

/// Asks for a new passphrase, twice.
///
/// # Errors
/// When nobody can be asked, the two differ, or it is empty.
pub(crate) fn new_passphrase(question: &str, options: &str) -> Result<Zeroizing<String>> {
    let first = passphrase(question, options)?;
    if first.is_empty() {
        bail!("the passphrase is empty");
    }
    if *first != *passphrase("Again: ", options)? {
        bail!("the two passphrases differ");
    }
    Ok(first)
}
