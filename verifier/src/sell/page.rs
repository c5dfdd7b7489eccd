//! What a browser is shown instead of what costs something.

use axum::http::{HeaderMap, header};
use farthing_protocol::request::Invoice;
use farthing_protocol::text::TextForm;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Whether whoever asks reads pages.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter();
    accept.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

/// The page: what it costs, what for, the invoice as a QR code, and the command that pays.
pub(super) fn page(invoice: &Invoice, url: &str, description: Option<&str>, error: &str) -> String {
    let draft = invoice.draft();
    let amount = escaped(&draft.amount.display(&draft.unit));
    let what = description.map(|text| format!("<p>{}</p>\n", escaped(text))).unwrap_or_default();
    let link = format!("farthing:{}", invoice.to_text());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{amount}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>This costs {amount}</h1>\n{what}<p>{error}</p>\n\
         <p>Pay with a Farthing wallet on this computer:</p>\n<pre>farthing wallet get '{url}' \\\n    --max-amount {most}</pre>\n\
         <p>The invoice, bound to this request:</p>\n{code}\n<p class=\"small\"><a href=\"{link}\">open it in a wallet</a></p>\n\
         </main>\n</body>\n</html>\n",
        error = escaped(error),
        url = escaped(&url.replace('\'', "%27")),
        most = escaped(draft.amount.display(&draft.unit).split(' ').next().unwrap_or_default()),
        code = code(&link),
    )
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0;background:#fff;color:#1a1a1a}\
main{max-width:40rem;margin:3rem auto;padding:0 1rem}pre{background:#f2f2f2;padding:.8rem;overflow-x:auto;font-size:.95rem}\
svg{max-width:100%;height:auto}.small{font-size:.95rem}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}pre{background:#262626}a{color:#9cf}}";

/// In upper case, which makes a small code.
fn code(link: &str) -> String {
    let code = QrCode::with_error_correction_level(link.to_ascii_uppercase(), EcLevel::L);
    let draw = |code: QrCode| {
        let picture = code.render::<svg::Color<'_>>().min_dimensions(320, 320).build();
        // The declaration has no place inside a page.
        picture.find("<svg").and_then(|at| picture.get(at..)).unwrap_or_default().to_owned()
    };
    code.map(draw).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
