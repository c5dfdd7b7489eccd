//! The sheet: pages of cards, each with a code as QR code and as text. An SVG drawing for each page; the HTML file has them all.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use farthing_protocol::text::TextForm;
use farthing_protocol::voucher::{VoucherCode, VoucherTerms};
use zeroize::Zeroizing;

use crate::args::Paper;
use crate::exit::{Fault, Trouble, fault};
use crate::output::time;
use crate::qr;

/// The longest title, in bytes: more has no place on a card.
pub(super) const MAX_TITLE: usize = 60;

/// The longest address of a mint, in bytes: two lines of letters that can be read.
pub(super) const MAX_ADDRESS: usize = 96;

/// Cards side by side and below one another.
const COLUMNS: usize = 2;
const ROWS: usize = 5;
/// A card's size, in millimetres.
const WIDTH: f64 = 90.0;
const HEIGHT: f64 = 52.0;
/// The side of a code, its light edge included: modules of 0.7 mm, which every telephone reads.
const CODE: f64 = 39.0;
/// Where the words beside a code begin, and how much place they have.
const WORDS: f64 = 42.0;
const WORDS_WIDTH: f64 = 45.0;
/// Characters of the code's text on a line.
const LINE: usize = 33;

/// A sheet that is to be written.
pub(super) struct Sheet<'a> {
    pub(super) title: &'a str,
    pub(super) mint_url: Option<&'a str>,
    pub(super) paper: Paper,
    pub(super) terms: &'a VoucherTerms,
    pub(super) codes: &'a [VoucherCode],
}

/// What a sheet is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Svg,
}

impl Format {
    /// By the file's name.
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("svg") => Ok(Self::Svg),
            _ => Err(fault(Trouble::BadFile, format!("{} is neither .html nor .svg", path.display()))
                .next("name the sheet so that its end says what it is")),
        }
    }
}

/// The links of all codes in a sheet that was written here.
pub(super) fn links(sheet: &str) -> impl Iterator<Item = &str> {
    let begin = concat!("href=\"", "farthing:");
    sheet.split(begin).skip(1).filter_map(|rest| rest.split('"').next())
}

impl Sheet<'_> {
    /// The sheet's files: one, or with numbers one for each page.
    pub(super) fn files(&self, path: &Path, format: Format) -> Result<Vec<(PathBuf, Zeroizing<String>)>, Fault> {
        let chunks: Vec<&[VoucherCode]> = self.codes.chunks(COLUMNS * ROWS).collect();
        let pages = chunks.len();
        let drawn = chunks.into_iter().enumerate().map(|(page, codes)| self.page(page * COLUMNS * ROWS, codes));
        let drawn: Vec<Zeroizing<String>> = drawn.collect::<Result<_, _>>()?;
        Ok(match format {
            Format::Html => vec![(path.to_owned(), self.html(&drawn))],
            Format::Svg if pages == 1 => drawn.into_iter().map(|page| (path.to_owned(), page)).collect(),
            Format::Svg => {
                let named = drawn.into_iter().enumerate();
                named.map(|(page, drawn)| (qr::numbered(path, page + 1, pages), drawn)).collect()
            }
        })
    }

    /// Whatever the paper and its margins are, a page shrinks until it fits, so that no card is cut in two. One that is exactly
    /// full makes some browsers add an empty one: hence the half millimetre.
    fn html(&self, pages: &[Zeroizing<String>]) -> Zeroizing<String> {
        let (width, height) = self.size();
        let mut html = Zeroizing::new(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\n\
             @page {{ size: {width}mm {height}mm; margin: 0 }}\n\
             body {{ margin: 0 }}\n\
             svg {{ display: block; width: {width}mm; height: {height}mm; max-width: 100%; break-inside: avoid; break-after: page }}\n\
             svg:last-child {{ break-after: auto }}\n\
             @media print {{ .note {{ display: none }} svg {{ max-height: calc(100vh - 0.5mm) }} }}\n\
             @media screen {{\n  body {{ background: #ddd; font-family: sans-serif }}\n  \
             .note {{ max-width: {width}mm; margin: 6mm auto; padding: 0 4mm }}\n  \
             svg {{ margin: 6mm auto; background: #fff }}\n}}\n\
             </style>\n</head>\n<body>\n\
             <p class=\"note\">Print at 100&#160;%, without margins, headers and footers, and cut along the lines. Whoever reads this file \
             can redeem the vouchers: erase it when they are printed.</p>\n",
            title = escaped(self.title),
        ));
        for page in pages {
            html.push_str(page);
        }
        html.push_str("</body>\n</html>\n");
        html
    }

    /// Width and height of the paper, in millimetres.
    const fn size(&self) -> (f64, f64) {
        match self.paper {
            Paper::A4 => (210.0, 297.0),
            Paper::Letter => (215.9, 279.4),
        }
    }

    /// The drawing of one page, whose first voucher has this number.
    fn page(&self, first: usize, codes: &[VoucherCode]) -> Result<Zeroizing<String>, Fault> {
        let (width, height) = self.size();
        let (left, top) = ((width - WIDTH * columns()) / 2.0, (height - HEIGHT * rows()) / 2.0);
        let mut page = Zeroizing::new(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"Helvetica, Arial, sans-serif\" fill=\"#000\">\n<style>@page {{ size: {width}mm {height}mm; margin: 0 }}</style>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{cuts}",
            cuts = cuts(left, top, codes.len()),
        ));
        for (place, code) in codes.iter().enumerate() {
            let (column, row) = (number(place % COLUMNS), number(place / COLUMNS));
            let (x, y) = (left + column * WIDTH, top + row * HEIGHT);
            write(&mut page, format_args!("<g transform=\"translate({x:.2} {y:.2})\">\n"));
            self.card(&mut page, first + place + 1, code)?;
            page.push_str("</g>\n");
        }
        page.push_str("</svg>\n");
        Ok(page)
    }

    fn card(&self, page: &mut String, number: usize, code: &VoucherCode) -> Result<(), Fault> {
        let text = Zeroizing::new(code.to_text());
        let (modules, path) = qr::drawing(&text)?;
        let scale = CODE / self::number(modules);
        let amount = self.terms.amount.display(&self.terms.unit);
        let until = format!("redeem before {} UTC", time(self.terms.expires_at));
        let address = self.mint_url.map(in_two).unwrap_or_default();
        write(
            page,
            format_args!(
                "<text x=\"3.5\" y=\"6.4\" font-size=\"{title_size:.2}\" font-weight=\"bold\">{title}</text>\n\
                 <a href=\"farthing:{link}\"><path transform=\"translate(1.5 9) scale({scale:.5})\" shape-rendering=\"crispEdges\" \
                 d=\"{path}\"/></a>\n\
                 <text x=\"{WORDS}\" y=\"17\" font-size=\"{size:.2}\" font-weight=\"bold\">{amount}</text>\n\
                 <text x=\"{WORDS}\" y=\"21.8\" font-size=\"{until_size:.2}\">{until}</text>\n",
                title = escaped(self.title),
                title_size = fitting(self.title, WIDTH - 7.0, 3.2),
                link = text.as_str(),
                amount = escaped(&amount),
                size = fitting(&amount, WORDS_WIDTH, 8.0),
                until_size = fitting(&until, WORDS_WIDTH, 2.7),
            ),
        );
        let longest = address.iter().copied().max_by_key(|line| line.len()).unwrap_or_default();
        let size = fitting(longest, WORDS_WIDTH, 2.5);
        let mut y = 21.8;
        for line in address {
            y += 3.3;
            let line = escaped(line);
            write(page, format_args!("<text x=\"{WORDS}\" y=\"{y:.1}\" font-size=\"{size:.2}\">{line}</text>\n"));
        }
        y += 4.0;
        write(
            page,
            format_args!(
                "<text x=\"{WORDS}\" y=\"{y:.1}\" font-size=\"2.3\">scan it, or: farthing wallet redeem</text>\n\
                 <text font-family=\"Courier New, Courier, monospace\" font-size=\"2.2\">\n"
            ),
        );
        y += 0.9;
        for line in lines(&text) {
            y += 2.7;
            write(page, format_args!("<tspan x=\"{WORDS}\" y=\"{y:.1}\">{line}</tspan>\n"));
        }
        let (of, y) = (self.codes.len(), HEIGHT - 2.0);
        write(
            page,
            format_args!(
                "</text>\n<text x=\"3.5\" y=\"{y}\" font-size=\"2.2\" fill=\"#666\">{number} of {of}</text>\n"
            ),
        );
        Ok(())
    }
}

/// The lines along which so many cards are cut, each drawn once: two dashed lines on one another are no dashes.
fn cuts(left: f64, top: f64, cards: usize) -> String {
    let mut path = String::new();
    let full = cards / COLUMNS;
    for row in 0..=cards.div_ceil(COLUMNS) {
        // Below the last card of a row that is not full there is nothing to be cut beside it.
        let wide = if row > full { cards % COLUMNS } else { cards.min(COLUMNS) };
        let (y, length) = (top + number(row) * HEIGHT, number(wide) * WIDTH);
        write(&mut path, format_args!("M{left:.2} {y:.2}h{length:.2}"));
    }
    for column in 0..=cards.min(COLUMNS) {
        let rows = if column > cards % COLUMNS { full } else { cards.div_ceil(COLUMNS) };
        let (x, length) = (left + number(column) * WIDTH, number(rows) * HEIGHT);
        write(&mut path, format_args!("M{x:.2} {top:.2}v{length:.2}"));
    }
    format!("<path fill=\"none\" stroke=\"#888\" stroke-width=\"0.2\" stroke-dasharray=\"1 1\" d=\"{path}\"/>\n")
}

/// An address in one line, or in two if its letters would be too small.
fn in_two(address: &str) -> Vec<&str> {
    if address.len() <= LINE {
        return vec![address];
    }
    let half = address.char_indices().nth(address.chars().count().div_ceil(2)).map_or(address.len(), |(at, _)| at);
    // Rather where the path or the port begins, if the parts are of about the same length then.
    let near = |at: &usize| at.abs_diff(half) <= 8;
    let at = address.match_indices(['/', ':', '.']).map(|(at, _)| at).filter(near).min_by_key(|at| at.abs_diff(half));
    let (first, second) = address.split_at(at.unwrap_or(half));
    vec![first, second]
}

/// The size of letters at which a text is no wider than this: few fonts have letters that are wider, on the average.
fn fitting(text: &str, width: f64, largest: f64) -> f64 {
    (width / (0.62 * number(text.chars().count().max(1)))).min(largest)
}

/// A text in lines of equal length.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    (0..text.len()).step_by(LINE).filter_map(move |from| text.get(from..text.len().min(from + LINE)))
}

/// What is written into a text never fails.
fn write(page: &mut String, what: std::fmt::Arguments<'_>) {
    let _written = page.write_fmt(what);
}

/// A text as it stands in SVG and HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

fn columns() -> f64 {
    number(COLUMNS)
}

fn rows() -> f64 {
    number(ROWS)
}

/// A small count as a length.
fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use farthing_protocol::amount::{Amount, Unit, UnixTime};
    use farthing_protocol::identity::{Keypair, MintId};
    use image::{GrayImage, Luma};

    use super::*;

    const TITLE: &str = "Summer <fair> & \"more\"";

    fn terms() -> VoucherTerms {
        VoucherTerms {
            mint: MintId::from_bytes([7; 32]),
            amount: Amount::new(500).unwrap(),
            unit: Unit::new("EUR", 2).unwrap(),
            expires_at: UnixTime::from_seconds(1_800_000_000),
        }
    }

    fn codes(count: u8) -> Vec<VoucherCode> {
        (0..count).map(|n| VoucherCode::new(Keypair::from_secret(&[n; 32]), &terms()).unwrap()).collect()
    }

    fn written(count: u8, name: &str, format: Format, paper: Paper) -> Vec<(PathBuf, Zeroizing<String>)> {
        let (codes, terms) = (codes(count), terms());
        let mint_url = Some("https://mint.example");
        Sheet { title: TITLE, mint_url, paper, terms: &terms, codes: &codes }.files(Path::new(name), format).unwrap()
    }

    /// What a printer makes of a drawing: its codes' modules as pixels, everything else left white.
    fn printed(svg: &str) -> GrayImage {
        let scale = 8.0;
        let mut paper = GrayImage::from_pixel(216 * 8, 297 * 8, Luma([255]));
        let value = |text: &str, from: &str| -> Vec<f64> {
            let (_, rest) = text.split_once(from).unwrap();
            let inside = rest.split(')').next().unwrap();
            inside.split(' ').map(|number| number.parse().unwrap()).collect()
        };
        for card in svg.split("<g transform=").skip(1) {
            let at = value(card, "\"translate(");
            let (_, code) = card.split_once("<path transform=").unwrap();
            let (inner, size) = (value(code, "\"translate("), value(code, " scale(")[0]);
            let path = code.split_once(" d=\"").unwrap().1.split('"').next().unwrap();
            for run in path.split('M').skip(1) {
                let numbers: Vec<f64> =
                    run.split(['h', ' ', 'v']).take(3).map(|number| number.parse().unwrap()).collect();
                let [x, y, length] = numbers[..] else { panic!("{run}") };
                let place = |offset: f64, in_code: f64| ((offset + in_code * size) * scale).round() as u32;
                let left = place(at[0] + inner[0], x)..place(at[0] + inner[0], x + length);
                for column in left {
                    for row in place(at[1] + inner[1], y)..place(at[1] + inner[1], y + 1.0) {
                        paper.put_pixel(column, row, Luma([0]));
                    }
                }
            }
        }
        paper
    }

    #[test]
    fn every_card_of_a_printed_page_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        for paper in [Paper::A4, Paper::Letter] {
            let sheet = written(10, "sheet.svg", Format::Svg, paper);
            let page = printed(&sheet[0].1);
            for (card, code) in sheet[0].1.split("<g transform=").skip(1).zip(codes(10)) {
                let corner = card.split(['(', ' ', ')']).skip(1).take(2).map(|mm| mm.parse::<f64>().unwrap() * 8.0);
                let corner: Vec<u32> = corner.map(|pixel| pixel as u32).collect();
                // Somebody cuts the card out and photographs it.
                let card = image::imageops::crop_imm(&page, corner[0], corner[1], 720, 416).to_image();
                let picture = folder.path().join("card.png");
                card.save(&picture).unwrap();
                let read = qr::read_image(&picture).unwrap();
                assert_eq!(read.len(), 1);
                assert_eq!(qr::join(&read[0]).unwrap().to_lowercase(), code.to_text());
            }
        }
    }

    #[test]
    fn the_links_and_the_printed_texts_are_the_codes() {
        for (format, name) in [(Format::Html, "sheet.html"), (Format::Svg, "sheet.svg")] {
            for paper in [Paper::A4, Paper::Letter] {
                let files = written(7, name, format, paper);
                assert_eq!(files.len(), 1);
                let sheet = &files[0].1;
                let expected: Vec<String> = codes(7).iter().map(|code| code.to_text()).collect();
                assert_eq!(links(sheet).collect::<Vec<_>>(), expected);
                // Whoever types what he sees gets the same.
                for (card, code) in sheet.split("<g transform=").skip(1).zip(&expected) {
                    let typed: Vec<&str> =
                        card.split("<tspan").skip(1).map(|t| t.split(['>', '<']).nth(1).unwrap()).collect();
                    assert_eq!(&qr::join(&typed.join("\n")).unwrap(), code);
                    assert!(card.contains(">5.00 EUR<") && card.contains("redeem before 2027-01-15 08:00 UTC"));
                }
                assert!(sheet.contains("Summer &lt;fair&gt; &amp; &quot;more&quot;") && !sheet.contains("<fair>"));
                assert!(sheet.contains("https://mint.example"));
            }
        }
    }

    #[test]
    fn long_addresses_take_two_lines() {
        assert_eq!(in_two("https://mint.example"), ["https://mint.example"]);
        let long = "https://a-rather-long-name.mint.example.org:8443/farthing";
        assert_eq!(in_two(long), ["https://a-rather-long-name.mint", ".example.org:8443/farthing"]);
        assert_eq!(in_two(&"ö".repeat(40)), ["ö".repeat(20), "ö".repeat(20)]);
    }

    #[test]
    fn each_line_to_cut_along_is_drawn_once() {
        let lengths = |cards: usize, to: char| -> Vec<f64> {
            let path = cuts(0.0, 0.0, cards);
            let (_, path) = path.split_once(" d=\"").unwrap();
            let lines = path.split(['M', '"']).filter_map(|line| line.split_once(to));
            lines.map(|(_, length)| length.parse().unwrap()).collect()
        };
        assert_eq!((lengths(10, 'h'), lengths(10, 'v')), (vec![180.0; 6], vec![260.0; 3]));
        assert_eq!((lengths(3, 'h'), lengths(3, 'v')), (vec![180.0, 180.0, 90.0], vec![104.0, 104.0, 52.0]));
        assert_eq!((lengths(1, 'h'), lengths(1, 'v')), (vec![90.0; 2], vec![52.0; 2]));
    }

    #[test]
    fn many_vouchers_take_several_pages() {
        let svg = written(21, "out/sheet.svg", Format::Svg, Paper::A4);
        let names: Vec<&str> = svg.iter().map(|(path, _)| path.to_str().unwrap()).collect();
        assert_eq!(names, ["out/sheet-1-of-3.svg", "out/sheet-2-of-3.svg", "out/sheet-3-of-3.svg"]);
        assert_eq!(svg.iter().map(|(_, page)| links(page).count()).collect::<Vec<_>>(), [10, 10, 1]);
        assert!(svg[2].1.contains(">21 of 21<"));
        // A drawing alone says what paper it is for, as the whole file does.
        assert!(svg.iter().all(|(_, page)| page.contains("@page { size: 210mm 297mm; margin: 0 }")));
        let html = written(21, "sheet.html", Format::Html, Paper::A4);
        assert_eq!((html.len(), html[0].1.matches("<svg ").count(), links(&html[0].1).count()), (1, 3, 21));
        assert!(html[0].1.contains("default-src 'none'") && !html[0].1.contains("<script"));
    }

    #[test]
    fn the_name_says_what_a_sheet_is() {
        assert_eq!(Format::of(Path::new("a.HTML")).unwrap(), Format::Html);
        assert_eq!(Format::of(Path::new("a.svg")).unwrap(), Format::Svg);
        for name in ["a.pdf", "a", ".html"] {
            assert!(Format::of(Path::new(name)).is_err(), "{name}");
        }
    }
}
