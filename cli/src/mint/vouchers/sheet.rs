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

    fn html(&self, pages: &[Zeroizing<String>]) -> Zeroizing<String> {
        let (width, height) = self.size();
        let mut html = Zeroizing::new(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\n\
             @page {{ size: {width}mm {height}mm; margin: 0 }}\n\
             body {{ margin: 0 }}\n\
             svg {{ display: block; width: {width}mm; height: {height}mm; break-inside: avoid; break-after: page }}\n\
             svg:last-child {{ break-after: auto }}\n\
             @media print {{ .note {{ display: none }} svg {{ height: {shorter}mm }} }}\n\
             @media screen {{\n  body {{ background: #ddd; font-family: sans-serif }}\n  \
             .note {{ max-width: {width}mm; margin: 6mm auto; padding: 0 4mm }}\n  \
             svg {{ margin: 6mm auto; background: #fff }}\n}}\n\
             </style>\n</head>\n<body>\n\
             <p class=\"note\">Print at 100&#160;%, without margins, headers and footers, and cut along the lines. Whoever reads this file \
             can redeem the vouchers: erase it when they are printed.</p>\n",
            title = escaped(self.title),
            // A page that is exactly full makes some browsers add an empty one.
            shorter = height - 0.5,
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
             font-family=\"Helvetica, Arial, sans-serif\" fill=\"#000\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
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
        write(
            page,
            format_args!(
                "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\" stroke-width=\"0.2\" stroke-dasharray=\"1 1\"/>\n\
                 <text x=\"3.5\" y=\"6.4\" font-size=\"{title_size:.2}\" font-weight=\"bold\">{title}</text>\n\
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
        if let Some(url) = self.mint_url {
            let size = fitting(url, WORDS_WIDTH, 2.5);
            let url = escaped(url);
            write(page, format_args!("<text x=\"{WORDS}\" y=\"25.4\" font-size=\"{size:.2}\">{url}</text>\n"));
        }
        write(
            page,
            format_args!(
                "<text x=\"{WORDS}\" y=\"29.4\" font-size=\"2.3\">scan it, or: farthing wallet redeem</text>\n\
                 <text font-family=\"Courier New, Courier, monospace\" font-size=\"2.2\">\n"
            ),
        );
        for (row, line) in lines(&text).enumerate() {
            let y = 33.0 + 2.7 * self::number(row);
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
    fn many_vouchers_take_several_pages() {
        let svg = written(21, "out/sheet.svg", Format::Svg, Paper::A4);
        let names: Vec<&str> = svg.iter().map(|(path, _)| path.to_str().unwrap()).collect();
        assert_eq!(names, ["out/sheet-1-of-3.svg", "out/sheet-2-of-3.svg", "out/sheet-3-of-3.svg"]);
        assert_eq!(svg.iter().map(|(_, page)| links(page).count()).collect::<Vec<_>>(), [10, 10, 1]);
        assert!(svg[2].1.contains(">21 of 21<"));
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
