//! Second factors at the command line: codes given or asked for, and what is told once when a factor is drawn.

use std::path::{Path, PathBuf};

use anyhow::Result;
use farthing_protocol::api::{Enrolment, FactorOf, RecoveryCode, SecondFactor, TimeCode};
use farthing_protocol::identity::MintId;
use zeroize::Zeroizing;

use crate::exit::{Trouble, fault};
use crate::output::Screen;
use crate::prompt;
use crate::qr::{self, write_private};

/// How often a first code may be typed wrong here.
const ATTEMPTS: usize = 3;

/// Reads a code of the command line.
///
/// # Errors
/// A sentence.
pub(crate) fn read_code(text: &str) -> Result<SecondFactor, &'static str> {
    SecondFactor::parse(text).map_err(|_| "a code has six digits, a recovery code 16 letters and digits")
}

/// Reads the first code of a factor.
///
/// # Errors
/// A sentence.
pub(crate) fn read_time_code(text: &str) -> Result<TimeCode, &'static str> {
    TimeCode::parse(text).map_err(|_| "the authenticator shows six digits")
}

/// Asks for a code.
///
/// # Errors
/// When nobody can be asked, or what is typed is none.
pub(crate) fn ask(question: &str) -> Result<SecondFactor> {
    if !prompt::possible() {
        let message = "this needs a code of the second factor, and nobody can be asked for it here";
        return Err(fault(Trouble::NobodyToAsk, message).next("give --code").into());
    }
    let typed = prompt::line(question)?;
    let bad = |_| fault(Trouble::WrongAnswer, "this is no code: an authenticator shows six digits").next("try again");
    Ok(SecondFactor::parse(typed.trim()).map_err(bad)?)
}

/// Asks for the first code of a factor that was just drawn, until it is right or was wrong three times. Whether it was right; not, if
/// nobody can be asked.
///
/// # Errors
/// What `confirm` fails with, but for a wrong code, of which it says `false`.
pub(crate) async fn ask_first(confirm: impl AsyncFn(TimeCode) -> Result<bool>) -> Result<bool> {
    if !prompt::possible() {
        return Ok(false);
    }
    for _ in 0..ATTEMPTS {
        let typed = prompt::line("The code that the authenticator shows now (Enter: later): ")?;
        match TimeCode::parse(typed.trim()) {
            _ if typed.trim().is_empty() => return Ok(false),
            Ok(code) if confirm(code.clone()).await? => return Ok(true),
            _ => prompt::tell("That is not the code.")?,
        }
    }
    Ok(false)
}

/// Where secrets go that are told once: to a terminal, or into a new file that somebody named; never into JSON.
pub(crate) struct Secrets<'a> {
    pub(crate) file: Option<&'a PathBuf>,
}

impl Secrets<'_> {
    /// Requires that they can be handed over, before they are drawn.
    pub(crate) fn expect_reader(&self, screen: &Screen) -> Result<()> {
        match self.file {
            Some(file) if file.exists() => {
                let message = format!("{} cannot be written: there is a file already", file.display());
                Err(fault(Trouble::BadFile, message).next("name a file that does not exist yet").into())
            }
            None if !screen.is_seen() => {
                let message = "the secret can be shown to nobody here: standard error is no terminal";
                Err(fault(Trouble::NobodyToAsk, message)
                    .next("give --secret-file FILE, which must not exist yet, and keep it as you would keep a key")
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// Hands over a factor that was drawn.
    pub(crate) fn tell(&self, screen: &Screen, mint: &MintId, of: FactorOf, drawn: &Enrolment) -> Result<()> {
        let uri = Zeroizing::new(drawn.secret.to_uri(mint, of));
        match self.file {
            Some(file) => self.write(screen, file, &format!("{}\n{}", &*uri, list(&drawn.recovery_codes).as_str())),
            None => {
                // First, so that the picture is still on the screen when its first code is asked for.
                show_codes(screen, &drawn.recovery_codes);
                screen.must_see("Scan this with an authenticator (RFC 6238), or type the secret below it:\n");
                for line in qr::address(&uri, screen.colours_answers())? {
                    screen.must_see(line);
                }
                screen.must_see(format!("\n  {}\n", Zeroizing::new(drawn.secret.to_text()).as_str()));
                Ok(())
            }
        }
    }

    /// Hands over recovery codes.
    pub(crate) fn tell_codes(&self, screen: &Screen, codes: &[RecoveryCode]) -> Result<()> {
        match self.file {
            Some(file) => self.write(screen, file, &list(codes)),
            None => {
                show_codes(screen, codes);
                Ok(())
            }
        }
    }

    fn write(&self, screen: &Screen, file: &Path, text: &str) -> Result<()> {
        write_private(file, text.as_bytes())?;
        screen.note(format!("Written to {}: whoever has it has the second factor.", file.display()));
        Ok(())
    }

    /// The file's name, for an answer.
    pub(crate) fn name(&self) -> Option<String> {
        self.file.map(|file| file.display().to_string())
    }
}

fn list(codes: &[RecoveryCode]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for code in codes {
        text.push_str(&code.to_text());
        text.push('\n');
    }
    text
}

fn show_codes(screen: &Screen, codes: &[RecoveryCode]) {
    screen.must_tell(
        "Recovery codes, for when the authenticator is lost. Each is good once. Write them on paper: they are not shown again.",
    );
    screen.must_see("");
    for pair in codes.chunks(2) {
        let line: Vec<String> = pair.iter().map(RecoveryCode::to_text).collect();
        screen.must_see(format!("  {}", line.join("   ")));
    }
    screen.must_see("");
}
