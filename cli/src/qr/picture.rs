//! QR codes on the terminal and in picture files.

use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode};

use super::{link, parts};
use crate::exit::{Fault, Trouble, fault};

/// Characters of a code on a terminal: version 13, which is 73 columns wide.
const TERMINAL_ROOM: usize = 619;
/// Characters of a code in a picture: version 20, which telephones still read well.
const PICTURE_ROOM: usize = 970;
/// Light modules around a code in a picture.
const QUIET: usize = 4;
/// The same on a terminal, where nothing dark touches it.
const TERMINAL_QUIET: usize = 2;
/// Pixels of a module.
const SCALE: u32 = 6;

/// Black on white, whatever the terminal's colours are.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// A picture file's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
}

/// Modules of a code with its quiet zone.
struct Modules {
    width: usize,
    dark: Vec<bool>,
}

impl Modules {
    fn of(text: &str, level: EcLevel, quiet: usize) -> Result<Self, Fault> {
        Self::verbatim(&link::in_code(text), level, quiet)
    }

    fn verbatim(text: &str, level: EcLevel, quiet: usize) -> Result<Self, Fault> {
        let code = QrCode::with_error_correction_level(text, level).map_err(|_| {
            fault(Trouble::BadText, "the text is too large for a QR code").next("write it to a file: --file")
        })?;
        let inner = code.width();
        let width = inner + 2 * quiet;
        let mut dark = vec![false; width * width];
        for (place, colour) in code.to_colors().into_iter().enumerate() {
            let (x, y) = (place % inner + quiet, place / inner + quiet);
            if let Some(module) = dark.get_mut(y * width + x) {
                *module = colour == Color::Dark;
            }
        }
        Ok(Self { width, dark })
    }

    /// Beyond the edge everything is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && self.dark.get(y * self.width + x).copied().unwrap_or(false)
    }

    /// Two rows of modules in one line of characters.
    fn lines(&self, colour: bool) -> Vec<String> {
        let line = |row: usize| {
            let halves = (0..self.width).map(|x| {
                // Without colours the terminal is taken to be light on dark, so that blocks are the light modules.
                match (self.is_dark(x, row) == colour, self.is_dark(x, row + 1) == colour) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }
            });
            let text: String = halves.collect();
            if colour { format!("{BLACK_ON_WHITE}{text}{RESET}") } else { text }
        };
        (0..self.width).step_by(2).map(line).collect()
    }

    fn file(&self, format: Format) -> Result<Vec<u8>, Fault> {
        match format {
            Format::Png => self.png(),
            Format::Svg => Ok(self.svg().into_bytes()),
        }
    }

    fn png(&self) -> Result<Vec<u8>, Fault> {
        let failed = || fault(Trouble::BadImage, "the picture could not be made");
        let side = u32::try_from(self.width).map_err(|_| failed())?.saturating_mul(SCALE);
        let picture = GrayImage::from_fn(side, side, |x, y| {
            let module = |pixel: u32| usize::try_from(pixel / SCALE).unwrap_or(usize::MAX);
            Luma([if self.is_dark(module(x), module(y)) { 0 } else { 255 }])
        });
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).map_err(|_| failed())?;
        Ok(file.into_inner())
    }

    fn svg(&self) -> String {
        let (width, path) = (self.width, self.path());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {width}\" shape-rendering=\"crispEdges\">\
             <rect width=\"{width}\" height=\"{width}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>\n"
        )
    }

    /// The dark modules as a path of SVG, each a square of side 1.
    fn path(&self) -> String {
        let width = self.width;
        let mut path = String::new();
        for y in 0..width {
            let mut x = 0;
            while x < width {
                let run = (x..width).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    path.push_str(&format!("M{x} {y}h{run}v1h-{run}z"));
                }
                x += run.max(1);
            }
        }
        path
    }
}

/// A code for the terminal, and what is written above it.
type Shown = (Option<String>, Vec<String>);

/// A text as codes for the terminal.
///
/// # Errors
/// When the text is too large even in parts.
pub(crate) fn terminal(text: &str, colour: bool) -> Result<Vec<Shown>, Fault> {
    let parts = parts::split(text, TERMINAL_ROOM)?;
    let total = parts.len();
    let codes = parts.iter().enumerate().map(|(index, part)| {
        let title = (total > 1).then(|| format!("part {} of {total}", index + 1));
        Ok((title, Modules::of(part, EcLevel::L, TERMINAL_QUIET)?.lines(colour)))
    });
    codes.collect()
}

/// An address that is none of ours, such as `otpauth:`, as a code for the terminal.
///
/// # Errors
/// When it is too large.
pub(crate) fn address(address: &str, colour: bool) -> Result<Vec<String>, Fault> {
    Ok(Modules::verbatim(address, EcLevel::L, TERMINAL_QUIET)?.lines(colour))
}

/// Writes an address or another text that is none of ours as a picture, as [`address`] shows it.
///
/// # Errors
/// When it is too large, or the file cannot be made: one that exists is not written over.
pub(crate) fn write_address(address: &str, path: &Path, format: Format) -> Result<(), Fault> {
    write_private(path, &Modules::verbatim(address, EcLevel::M, QUIET)?.file(format)?)
}

/// Writes a text as pictures, readable by their owner only, and returns their paths: one, or with numbers if it takes several.
///
/// # Errors
/// When the text is too large even in parts, or a file cannot be made: one that exists is not written over.
pub(crate) fn write_pictures(text: &str, path: &Path, format: Format) -> Result<Vec<PathBuf>, Fault> {
    let parts = parts::split(text, PICTURE_ROOM)?;
    let total = parts.len();
    let mut written = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let bytes = Modules::of(part, EcLevel::M, QUIET)?.file(format)?;
        let path = if total == 1 { path.to_owned() } else { numbered(path, index + 1, total) };
        write_private(&path, &bytes)?;
        written.push(path);
    }
    Ok(written)
}

/// A text as one code in a drawing: how many modules its side has, the light edge included, and the dark ones as a path of SVG.
///
/// # Errors
/// When the text is too large for one code.
pub(crate) fn drawing(text: &str) -> Result<(usize, String), Fault> {
    let modules = Modules::of(text, EcLevel::M, QUIET)?;
    Ok((modules.width, modules.path()))
}

/// `picture.png` → `picture-2-of-3.png`
pub(crate) fn numbered(path: &Path, number: usize, total: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}-of-{total}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}-of-{total}"),
    };
    path.with_file_name(name)
}

/// Writes a new file that its owner alone can read: what is in it may be money.
///
/// # Errors
/// When it exists or cannot be written.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let failed = |error: std::io::Error| {
        fault(Trouble::BadFile, format!("{} cannot be written: {error}", path.display()))
            .next("name a file that does not exist yet")
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::read_image;

    #[test]
    fn a_text_that_is_none_of_ours_is_read_again_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in
            ["Pay 20.00 EUR, reference FQabc", "https://pay.example/?q=FQ&a=20.00"].into_iter().enumerate()
        {
            let path = folder.path().join(format!("{number}.png"));
            write_address(text, &path, Format::Png).unwrap();
            assert_eq!(read_image(&path).unwrap(), [text]);
            assert!(write_address(text, &path, Format::Png).is_err(), "nothing is written over");
        }
        assert!(write_address(&"x".repeat(3000), &folder.path().join("large.svg"), Format::Svg).is_err());
    }
}
