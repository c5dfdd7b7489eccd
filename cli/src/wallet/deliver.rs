//! A text handed over: printed, as a QR code, as pictures, as a file.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::args::{Delivery, Pictures};
use crate::exit::{Trouble, fault};
use crate::output::Screen;
use crate::qr::{self, Format};

/// How a text was handed over.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Delivered {
    /// Null if it went into files, as it may be money.
    text: Option<String>,
    link: Option<String>,
    /// Files that were written.
    files: Vec<String>,
}

/// Requires that files can be written where they are to be, before anything moves.
///
/// # Errors
/// When there is a file already, or no folder.
pub(crate) fn check(how: &Delivery) -> Result<()> {
    check_pictures(&how.pictures)?;
    how.file.as_deref().map_or(Ok(()), check_path)
}

/// The same for pictures.
///
/// # Errors
/// As above.
pub(crate) fn check_pictures(pictures: &Pictures) -> Result<()> {
    [&pictures.png, &pictures.svg].into_iter().flatten().try_for_each(|path| check_path(path))
}

fn check_path(path: &Path) -> Result<()> {
    let problem = if path.exists() {
        "there is a file already"
    } else if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        "there is no such folder"
    } else {
        return Ok(());
    };
    let message = format!("{} cannot be written: {problem}", path.display());
    Err(fault(Trouble::BadFile, message).next("nothing was done; name a file that does not exist yet").into())
}

/// Hands a text over as the options say.
///
/// # Errors
/// When a file cannot be written, or the text is too large for QR codes.
pub(crate) fn deliver(screen: &Screen, text: String, how: &Delivery) -> Result<Delivered> {
    deliver_to(screen, text, &how.pictures, how.file.as_deref())
}

/// The same, where pictures are all there is to choose.
///
/// # Errors
/// As above.
pub(crate) fn deliver_to(screen: &Screen, text: String, pictures: &Pictures, file: Option<&Path>) -> Result<Delivered> {
    let mut files = Vec::new();
    for (path, format) in [(&pictures.png, Format::Png), (&pictures.svg, Format::Svg)] {
        if let Some(path) = path {
            files.extend(qr::write_pictures(&text, path, format)?);
        }
    }
    if let Some(path) = file {
        qr::write_private(path, format!("{text}\n").as_bytes())?;
        files.push(path.to_owned());
    }
    if pictures.qr && !screen.is_json() {
        for (title, lines) in qr::terminal(&text, screen.colours_answers())? {
            title.iter().chain(&lines).for_each(|line| screen.say(line));
        }
    }
    let shown = pictures.qr || files.is_empty();
    let files = files.iter().map(|path| path.display().to_string()).collect();
    let (link, text) = if shown { (Some(qr::link(&text)), Some(text)) } else { (None, None) };
    Ok(Delivered { text, link, files })
}

impl Delivered {
    /// Writes the text, unless it went into files, and which files those are.
    pub(crate) fn show(&self, screen: &Screen) {
        if let Some(text) = &self.text {
            screen.say(text);
        }
        for file in &self.files {
            screen.note(format!("written: {file}"));
        }
    }
}
