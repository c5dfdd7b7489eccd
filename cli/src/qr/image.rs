//! QR codes read from picture files.

use std::fs::File;
use std::io::BufReader;
use std::panic::catch_unwind;
use std::path::Path;

use image::{GrayImage, ImageReader, Limits};
use rqrr::PreparedImage;

use crate::exit::{Fault, Trouble, fault};

/// The largest side of a picture, in pixels.
const MAX_SIDE: u32 = 10_000;
/// The most memory that reading a picture takes.
const MAX_BYTES: u64 = 512 << 20;

/// The texts of all QR codes in a picture.
///
/// # Errors
/// [`Trouble::BadFile`] when the file cannot be read, [`Trouble::BadImage`] when it is no picture or has no code that can be read.
pub(crate) fn read_image(path: &Path) -> Result<Vec<String>, Fault> {
    let name = path.display();
    let file = File::open(path).map_err(|error| fault(Trouble::BadFile, format!("{name} cannot be read: {error}")))?;
    let no_picture =
        || fault(Trouble::BadImage, format!("{name} is no picture that can be read")).next("PNG and JPEG are read");
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|_| no_picture())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|_| no_picture())?.into_luma8();
    // The picture is anybody's, and the reader of codes is not made for enemies: should it panic, the picture is refused.
    let texts = catch_unwind(|| codes(&picture)).unwrap_or_default();
    if texts.is_empty() {
        let message = format!("no QR code can be read in {name}");
        return Err(fault(Trouble::BadImage, message)
            .next("take a sharp picture from straight above, with a light edge around it"));
    }
    Ok(texts)
}

fn codes(picture: &GrayImage) -> Vec<String> {
    let side = |side: u32| usize::try_from(side).unwrap_or_default();
    let grey = |x: usize, y: usize| {
        let pixel = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        picture.get_pixel_checked(pixel(x), pixel(y)).map_or(255, |pixel| pixel.0[0])
    };
    let mut prepared = PreparedImage::prepare_from_greyscale(side(picture.width()), side(picture.height()), grey);
    prepared.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use farthing_protocol::text;

    use super::super::{Format, join, terminal, write_pictures};
    use super::*;

    fn sample(length: u16) -> String {
        let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
        text::encode("farthingtest", &bytes)
    }

    #[test]
    fn what_is_written_is_read_again_in_one_picture_or_several() {
        let folder = tempfile::tempdir().unwrap();
        for (length, pictures) in [(40, 1), (500, 1), (700, 2), (2500, 5)] {
            let text = sample(length);
            let path = folder.path().join(format!("code{length}.png"));
            let written = write_pictures(&text, &path, Format::Png).unwrap();
            assert_eq!(written.len(), pictures, "{length}");
            let raw: Vec<String> = written.iter().rev().flat_map(|path| read_image(path).unwrap()).collect();
            assert_eq!(join(&raw.join("\n")).unwrap().to_lowercase(), text);
        }
        // Nothing is written over.
        assert!(write_pictures(&sample(40), &folder.path().join("code40.png"), Format::Png).is_err());
    }

    #[test]
    fn a_photograph_as_jpeg_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (png, jpeg) = (folder.path().join("code.png"), folder.path().join("code.jpg"));
        write_pictures(&sample(100), &png, Format::Png).unwrap();
        // Smaller, turned and on a grey table.
        let code =
            image::open(&png).unwrap().resize(300, 300, image::imageops::FilterType::Triangle).rotate90().into_luma8();
        let mut photograph = GrayImage::from_pixel(500, 400, image::Luma([180]));
        image::imageops::overlay(&mut photograph, &code, 90, 40);
        photograph.save(&jpeg).unwrap();
        assert_eq!(read_image(&jpeg).unwrap().len(), 1);
        assert_eq!(join(&read_image(&jpeg).unwrap()[0]).unwrap().to_lowercase(), sample(100));
    }

    /// What somebody sees who photographs a terminal.
    fn photographed(lines: &[String], dark: [char; 2]) -> GrayImage {
        let plain: Vec<Vec<char>> = lines
            .iter()
            .map(|line| line.trim_start_matches("\x1b[38;5;16;48;5;231m").trim_end_matches("\x1b[0m").chars().collect())
            .collect();
        let (width, height) = (plain[0].len(), plain.len() * 2);
        let scale = 4;
        let side = |modules: usize| u32::try_from(modules * scale).unwrap();
        GrayImage::from_fn(side(width), side(height), |x, y| {
            let (x, y) = (usize::try_from(x).unwrap() / scale, usize::try_from(y).unwrap() / scale);
            let cell = plain[y / 2][x];
            let filled = cell == '█' || (cell == '▀' && y % 2 == 0) || (cell == '▄' && y % 2 == 1);
            image::Luma([if filled == (dark[0] == '█') { 0 } else { 255 }])
        })
    }

    #[test]
    fn codes_on_a_terminal_are_read_again_with_and_without_colours() {
        let text = sample(900);
        for (colour, dark) in [(true, ['█', ' ']), (false, [' ', '█'])] {
            let shown = terminal(&text, colour).unwrap();
            assert_eq!(shown.len(), 3);
            let mut raw = Vec::new();
            for (title, lines) in &shown {
                assert!(title.as_ref().unwrap().ends_with("of 3"));
                assert!(lines.iter().all(|line| line.chars().filter(|c| "█▀▄ ".contains(*c)).count() <= 80));
                raw.extend(codes(&photographed(lines, dark)));
            }
            assert_eq!(join(&raw.join("\n")).unwrap().to_lowercase(), text);
        }
    }

    #[test]
    fn svg_is_whole_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code.svg");
        write_pictures(&sample(40), &path, Format::Svg).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("M4 4h7v1h-7z"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn pictures_without_codes_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blank = folder.path().join("blank.png");
        GrayImage::from_pixel(200, 200, image::Luma([255])).save(&blank).unwrap();
        assert!(read_image(&blank).unwrap_err().to_string().contains("no QR code"));
        let text = folder.path().join("text.png");
        std::fs::write(&text, "not a picture").unwrap();
        assert!(read_image(&text).unwrap_err().to_string().contains("no picture"));
        assert!(read_image(&folder.path().join("nowhere.png")).unwrap_err().to_string().contains("cannot be read"));
    }
}
