//! Words: shown once, asked back, and read again.

use std::path::{Path, PathBuf};

use anyhow::Result;
use farthing_wallet::{WordCount, Words};
use rand::rngs::SysRng;
use rand::seq::index;
use rand_core::UnwrapErr;
use zeroize::Zeroizing;

use crate::exit::{Trouble, fault};
use crate::output::Screen;
use crate::prompt;
use crate::qr::write_private;
use crate::wallet::text::{read_file, read_stdin};

/// How many words are asked back.
const ASKED: usize = 3;
/// How often a word may be typed wrong.
const ATTEMPTS: usize = 3;

/// What new words are for, and where they go.
pub(crate) struct NewWords<'a> {
    /// What derives from them, such as "in the wallet".
    pub(crate) of: &'a str,
    pub(crate) count: WordCount,
    /// Into this new file, instead of to a terminal.
    pub(crate) file: Option<&'a PathBuf>,
    /// Whether nobody is asked if they were written down.
    pub(crate) yes: bool,
}

impl NewWords<'_> {
    /// Requires that somebody can be asked whether the words were written down, or need not be.
    pub(crate) fn expect_reader(&self) -> Result<()> {
        if self.yes || prompt::possible() {
            return Ok(());
        }
        let message = "nobody can be asked here whether the words were written down";
        Err(fault(Trouble::NobodyToAsk, message).next("give --yes").into())
    }

    /// Requires that the words go to somebody who can see them, or into a file that somebody named.
    pub(crate) fn expect_paper(&self, screen: &Screen) -> Result<()> {
        if self.file.is_some() || screen.is_seen() {
            return Ok(());
        }
        let message = "the words can be shown to nobody here: standard error is no terminal";
        Err(fault(Trouble::NobodyToAsk, message)
            .next("give --words-file FILE, which must not exist yet, and keep it as you would keep money")
            .into())
    }

    /// Draws words and hands them over, before anything is made of them.
    pub(crate) fn make(&self, screen: &Screen) -> Result<Words> {
        let words = Words::generate(&mut UnwrapErr(SysRng), self.count)?;
        match self.file {
            Some(file) => self.write(screen, &words, file)?,
            None => self.show(screen, &words),
        }
        if !self.yes && self.file.is_none() {
            confirm(&words)?;
        }
        Ok(words)
    }

    /// Words go to a terminal: never to a file by a redirected output, and never into JSON.
    fn show(&self, screen: &Screen, words: &Words) {
        let of = self.of;
        screen.must_see(format!(
            "Everything {of} derives from these words.\nWrite them on paper, now: they are not shown again.\n"
        ));
        let all: Vec<&str> = words.iter().collect();
        for (row, chunk) in all.chunks(4).enumerate() {
            let line: Vec<String> =
                chunk.iter().enumerate().map(|(i, word)| format!("{:>2} {word:<9}", row * 4 + i + 1)).collect();
            screen.must_see(format!("  {}", line.join(" ").trim_end()));
        }
        screen.must_see("");
    }

    /// Or into a file of which somebody said that they belong there, as `--words-file` reads it.
    fn write(&self, screen: &Screen, words: &Words, file: &Path) -> Result<()> {
        let all: Vec<&str> = words.iter().collect();
        let text = Zeroizing::new(format!("{}\n", all.join(" ")));
        write_private(file, text.as_bytes())?;
        screen.note(format!(
            "The words that everything {} derives from are in {}. Whoever has them has the money: write them on paper, and erase \
             the file.",
            self.of,
            file.display()
        ));
        Ok(())
    }
}

/// Asks for some of the words, so that they are surely on paper.
fn confirm(words: &Words) -> Result<()> {
    let all: Vec<&str> = words.iter().collect();
    let mut asked: Vec<usize> = index::sample(&mut rand::rng(), all.len(), ASKED.min(all.len())).into_vec();
    asked.sort_unstable();
    prompt::tell("From your paper, please:")?;
    for place in asked {
        let Some(word) = all.get(place) else { continue };
        let mut right = false;
        for _ in 0..ATTEMPTS {
            let answer = prompt::line(&format!("  word {}: ", place + 1))?;
            right = answer.trim().eq_ignore_ascii_case(word);
            if right {
                break;
            }
            prompt::tell("  That is not the word above.")?;
        }
        if !right {
            let message = "nothing was made, and these words are void";
            return Err(fault(Trouble::WrongAnswer, message).next("begin again when you have paper").into());
        }
    }
    Ok(())
}

/// Reads the words of a wallet or a verifier: from a file, standard input (`-`), or whoever sits at the terminal.
pub(crate) fn read(file: Option<&Path>, of: &str) -> Result<Words> {
    let text: Zeroizing<String> = match file {
        Some(file) if file.as_os_str() == "-" => read_stdin()?,
        Some(file) => read_file(file)?,
        None if prompt::possible() => prompt::line("The 12 or 24 words, in their order: ")?,
        None => {
            let message = "nobody can be asked for the words here";
            return Err(fault(Trouble::NobodyToAsk, message).next("give --words-file").into());
        }
    };
    Words::parse(&text).map_err(|error| {
        fault(Trouble::BadWords, format!("these are not the words of a {of}: {error}"))
            .next("type them as they stand on your paper, with blanks between them")
            .into()
    })
}
