//! Questions whose answer has a usual one, for whoever presses Enter.

use anyhow::Result;

use crate::output::Screen;
use crate::prompt;

/// Asks at a terminal; elsewhere what was not said is as usual.
pub(super) struct Asker {
    asks: bool,
}

impl Asker {
    pub(super) const fn new(asks: bool) -> Self {
        Self { asks }
    }

    pub(super) fn introduce(&self, screen: &Screen) {
        if self.asks {
            screen
                .note("Enter takes what stands in brackets. All of it can be changed in mint.toml, but for the unit.");
        }
    }

    /// What was given, or what somebody answers, or what is usual.
    pub(super) fn ask<T>(
        &self,
        given: Option<T>,
        question: &str,
        (usual, shown): (T, &str),
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<T> {
        match given {
            Some(given) => Ok(given),
            None => Ok(self.answer(question, shown, read)?.unwrap_or(usual)),
        }
    }

    /// The same where nothing is usual.
    pub(super) fn ask_if<T>(
        &self,
        given: Option<T>,
        question: &str,
        shown: &str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<Option<T>> {
        match given {
            Some(given) => Ok(Some(given)),
            None => self.answer(question, shown, read),
        }
    }

    /// Asks until the answer can be read. Nothing, if Enter alone was pressed or nobody is asked.
    fn answer<T>(&self, question: &str, shown: &str, read: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
        if !self.asks {
            return Ok(None);
        }
        loop {
            let line = prompt::line(&format!("{question} [{shown}]: "))?;
            match line.trim() {
                "" => return Ok(None),
                answer => match read(answer) {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(error) => prompt::tell(&format!("{error}."))?,
                },
            }
        }
    }
}
