//! What a command writes, for people and for programs.
//!
//! Standard output carries the answer: lines and tables for people, one JSON object for programs. Standard error carries
//! progress, warnings and questions, and is silent under `--quiet`. Colours and progress bars are for terminals only.

mod json;
mod progress;
mod table;

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::is_plain;
use serde::Serialize;

pub(crate) use json::{Envelope, Money, Warning, WarningCode, seconds};
pub(crate) use progress::Progress;
pub(crate) use table::{Rows, show, table};

use crate::exit::{Exit, Explained, Told};
use crate::log::{self, Level};
use crate::prompt;

/// The widest line that is written, in columns. Only what cannot be broken is longer.
pub(crate) const WIDTH: usize = 80;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// An answer of a command: fields for programs, lines and tables for people.
pub(crate) trait Answer: Serialize {
    /// Writes it for people.
    fn show(&self, screen: &Screen);
}

/// Where a command writes. Clones share it.
#[derive(Clone)]
pub(crate) struct Screen {
    inner: Arc<Inner>,
}

struct Inner {
    json: bool,
    quiet: bool,
    /// Whether standard error is a terminal.
    terminal: bool,
    colour: bool,
    warnings: Mutex<Vec<Warning>>,
    progress: progress::Current,
}

impl Screen {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let inner = Inner {
            json,
            quiet,
            terminal,
            colour: terminal && colours_wanted(),
            warnings: Mutex::default(),
            progress: progress::Current::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.inner.json
    }

    /// Whether the answer goes to a terminal that takes colours.
    pub(crate) fn colours_answers(&self) -> bool {
        io::stdout().is_terminal() && colours_wanted()
    }

    /// A line of the answer, for people. A reader who has gone away is no error of ours.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if !self.inner.json {
            say_wrapped(line);
        }
    }

    /// One of several things to say, for people.
    pub(crate) fn bullet(&self, text: &str) {
        self.say(wrap(text, "- ", "  "));
    }

    /// What happens meanwhile, or what to do next.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        self.note_for(false, text);
    }

    /// What somebody must know who is asked next; only a note if nobody is.
    pub(crate) fn note_for(&self, asked: bool, text: impl AsRef<str>) {
        if (asked && prompt::possible()) || !self.inner.quiet {
            self.write(&wrap(text.as_ref(), "", ""));
        }
    }

    /// Whether a person may be reading standard error.
    pub(crate) fn is_seen(&self) -> bool {
        self.inner.terminal
    }

    /// What must be seen, such as the words of a new wallet: also under `--quiet`.
    pub(crate) fn must_see(&self, line: impl AsRef<str>) {
        self.write(line.as_ref());
    }

    /// The same in sentences.
    pub(crate) fn must_tell(&self, text: impl AsRef<str>) {
        self.write(&wrap(text.as_ref(), "", ""));
    }

    /// Says how much is done of the work in progress.
    pub(crate) fn progress(&self, done: usize, total: usize, what: String) {
        self.inner.progress.set(done, total, what);
    }

    /// Something that should not stay as it is.
    pub(crate) fn warn(&self, code: WarningCode, text: impl Into<String>) {
        let text = text.into();
        if !self.inner.quiet {
            let label = painted("warning:", WARNING, self.inner.colour);
            self.write(&wrap(&text, "warning: ", "  ").replacen("warning:", &label, 1));
        }
        self.inner.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(Warning { code, message: text });
    }

    /// Writes the answer: the last thing that a command does.
    pub(crate) fn answer<T: Answer>(&self, answer: &T) -> anyhow::Result<()> {
        if self.inner.json {
            return self.json(answer);
        }
        answer.show(self);
        Ok(())
    }

    /// Writes an answer for programs.
    pub(crate) fn json<T: Serialize>(&self, answer: &T) -> anyhow::Result<()> {
        let warnings = std::mem::take(&mut *self.inner.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        say(plain_json(&serde_json::to_string(&Envelope { answer, warnings })?));
        Ok(())
    }

    /// Writes why the command failed, what lies below that, and what to do next.
    pub(crate) fn fail(&self, error: &anyhow::Error) -> Exit {
        if let Some(exit) = Told::exit(error) {
            return exit;
        }
        let explained = Explained::of(error);
        if self.inner.json {
            say(plain_json(&explained.to_json()));
            return explained.exit;
        }
        if log::take(Level::Error, &explained.in_one_line()) {
            return explained.exit;
        }
        let label = painted("error:", ERROR, self.inner.colour);
        self.write(&wrap(&explained.message, "error: ", "  ").replacen("error:", &label, 1));
        for cause in &explained.causes {
            self.write(&wrap(cause, "  because: ", "    "));
        }
        if let Some(hint) = &explained.hint {
            self.write(&wrap(hint, "  next: ", "    "));
        }
        explained.exit
    }

    fn write(&self, text: &str) {
        self.inner.progress.aside(|| note(text));
    }
}

/// Writes a line to standard output.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let _closed = writeln!(out, "{}", line.as_ref());
}

/// The same, broken between words for a terminal. Elsewhere a line stays a line.
pub(crate) fn say_wrapped(line: impl AsRef<str>) {
    if io::stdout().is_terminal() { say(wrap(line.as_ref(), "", "  ")) } else { say(line) }
}

/// Writes a line to standard error: of the log, if that is to be read by programs.
pub(crate) fn note(line: impl AsRef<str>) {
    let line = line.as_ref();
    let level = if line.starts_with("warning:") { Level::Warn } else { Level::Info };
    if !log::take(level, line) {
        to_standard_error(line);
    }
}

/// Writes a line to standard error as it is.
pub(crate) fn to_standard_error(line: &str) {
    let mut err = io::stderr().lock();
    let _closed = writeln!(err, "{line}");
}

/// Breaks a text at the screen's width. Lines of the text that are indented stay as they are.
pub(crate) fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let start = if lines.is_empty() { first } else { rest };
        if line.starts_with(' ') {
            lines.push(line.to_owned());
            continue;
        }
        let options = textwrap::Options::new(WIDTH)
            .initial_indent(start)
            .subsequent_indent(rest)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        lines.extend(textwrap::wrap(line, options).iter().map(|line| line.trim_end().to_owned()));
    }
    if lines.is_empty() { first.trim_end().to_owned() } else { lines.join("\n") }
}

fn painted(text: &str, style: Style, colour: bool) -> String {
    if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The same JSON with everything escaped that a terminal might obey: whoever sent a text that is in it could write to the screen.
pub(crate) fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c.encode_utf8(&mut [0; 4])) {
            plain.push(c);
        } else {
            // Such characters stand in strings only, and none of them takes more than four digits.
            plain.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    plain
}

/// Whether the environment lets us colour a terminal: see <https://no-color.org>.
pub(crate) fn colours_wanted() -> bool {
    let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    said("NO_COLOR").is_none() && said("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// A time as people read it, in UTC: `2026-11-23 21:04`.
pub(crate) fn time(at: UnixTime) -> String {
    let timestamp = i64::try_from(at.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| "never".to_owned(), |timestamp| timestamp.strftime("%Y-%m-%d %H:%M").to_string())
}

/// Its day, where the hour does not matter: `2026-11-23`.
pub(crate) fn date(at: UnixTime) -> String {
    time(at).split(' ').next().unwrap_or_default().to_owned()
}

/// A time as programs read it: `2026-11-23T21:04:00Z`.
pub(crate) fn stamp(at: UnixTime) -> String {
    let timestamp = i64::try_from(at.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

/// Parts per million as people read them: `0.25 %`.
pub(crate) fn percent(ppm: u32) -> String {
    let (whole, part) = (ppm / 10_000, ppm % 10_000);
    let text = format!("{whole}.{part:04}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A text that somebody wrote, for a cell of a table: a spreadsheet must not take it for a formula.
pub(crate) fn harmless(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// The first characters of an id, enough to tell it from its neighbours.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(12).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_per_million_are_percentages() {
        for (ppm, text) in [(0, "0 %"), (1, "0.0001 %"), (2_500, "0.25 %"), (15_000, "1.5 %"), (1_000_000, "100 %")] {
            assert_eq!(percent(ppm), text);
        }
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys_and_means_the_same() {
        let text = "a\u{9b}31m\u{202e}b\u{7f}\x1b\u{1f600}ü";
        let json = serde_json::to_string(text).unwrap();
        let plain = plain_json(&json);
        assert!(is_plain(&plain) && !is_plain(&json));
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
    }

    #[test]
    fn lines_are_broken_at_the_width_and_indented_ones_stay() {
        let text = "word ".repeat(40);
        let wrapped = wrap(&text, "error: ", "  ");
        assert!(wrapped.lines().count() > 2);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH));
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with("  word")));
        let long = "x".repeat(200);
        assert_eq!(wrap(&format!("  {long}"), "", ""), format!("  {long}"));
        assert_eq!(wrap(&long, "", "").replace('\n', ""), long);
        assert_eq!(wrap("", "error: ", ""), "error:");
    }
}
