//! Questions at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::Result;
use zeroize::Zeroizing;

use crate::exit::{Trouble, fault};
use crate::output::wrap;

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
        return Err(fault(Trouble::NobodyToAsk, format!("nobody can be asked here: {question}"))
            .next(format!("give {option} to go on without asking"))
            .into());
    }
    let mut err = io::stderr().lock();
    let question = wrap(&format!("{question} [y/N]"), "", "");
    loop {
        write!(err, "{question} ")?;
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

/// Says something to whoever is asked.
///
/// # Errors
/// When the terminal is gone.
pub(crate) fn tell(text: &str) -> Result<()> {
    Ok(writeln!(io::stderr().lock(), "{text}")?)
}

/// Asks for a line, and shows what is typed.
///
/// # Errors
/// When the terminal is gone or closed.
pub(crate) fn line(question: &str) -> Result<Zeroizing<String>> {
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = Zeroizing::new(String::new());
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        return Err(fault(Trouble::Declined, "nothing was answered").into());
    }
    Ok(answer)
}

/// Asks for a passphrase without showing it.
///
/// # Errors
/// When nobody can be asked: then the command says which options answer instead.
pub(crate) fn passphrase(question: &str, options: &str) -> Result<Zeroizing<String>> {
    if !possible() {
        let message = "nobody can be asked for the passphrase here";
        return Err(fault(Trouble::NobodyToAsk, message).next(format!("give {options}")).into());
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
        return Err(anyhow::Error::new(farthing_wallet::OpenError::EmptyPassphrase));
    }
    if *first != *passphrase("Again: ", options)? {
        return Err(fault(Trouble::PassphrasesDiffer, "the two passphrases differ").next("begin again").into());
    }
    Ok(first)
}
