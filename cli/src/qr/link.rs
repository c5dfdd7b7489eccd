//! The `farthing:` link: the scheme before a text. In upper case it makes a small QR code.

use crate::exit::{Fault, Trouble, fault};
use crate::qr::parts::{self, Part};

const SCHEME: &str = "farthing:";

/// A text as a link.
pub(crate) fn link(text: &str) -> String {
    format!("{SCHEME}{text}")
}

/// A link as it stands in a QR code: upper case, which takes 11 bits for two characters.
pub(super) fn in_code(text: &str) -> String {
    link(text).to_ascii_uppercase()
}

/// The one text that stands in `raw`: alone or as a link, broken into lines by a mail program, or in parts.
///
/// # Errors
/// [`Trouble::BadText`] for none or several, [`Trouble::BadParts`] when its parts are not whole.
pub(crate) fn join(raw: &str) -> Result<String, Fault> {
    let mut texts: Vec<String> = Vec::new();
    for word in raw.split_whitespace() {
        match texts.last_mut() {
            Some(text) if !begins(word) => text.push_str(word),
            _ => texts.push(word.to_owned()),
        }
    }
    let texts: Vec<&str> = texts.iter().map(|text| without_scheme(text)).collect();
    let mut found = Vec::new();
    for text in &texts {
        if parts::is_part(text) {
            found.push(Part::read(text)?);
        }
    }
    match (found.len(), texts.as_slice()) {
        (0, [only]) => Ok((*only).to_owned()),
        (0, []) => Err(fault(Trouble::BadText, "there is no text")),
        (0, several) => {
            Err(fault(Trouble::BadText, format!("these are {} texts", several.len())).next("give one at a time"))
        }
        (found_parts, all) if found_parts == all.len() => parts::assemble(&found),
        _ => {
            Err(fault(Trouble::BadParts, "parts of a text and a whole text are mixed").next("give one text at a time"))
        }
    }
}

fn begins(word: &str) -> bool {
    word.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("farthing"))
}

fn without_scheme(word: &str) -> &str {
    match word.get(..SCHEME.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(SCHEME) => {
            let rest = word.get(SCHEME.len()..).unwrap_or_default();
            rest.strip_prefix("//").unwrap_or(rest)
        }
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_comes() {
        for raw in [
            "farthingtest1qqqsyqcyq5rqwzqf",
            "  farthingtest1qqqsyqcyq5rqwzqf\r\n",
            "farthing:farthingtest1qqqsyqcyq5rqwzqf",
            "FARTHING:farthingtest1qqqsyqcyq5rqwzqf",
            "farthing://farthingtest1qqqsyqcyq5rqwzqf",
            "farthing:farthingtest1qqq\n  syqcyq5rq\n wzqf\n",
        ] {
            assert_eq!(join(raw).unwrap(), "farthingtest1qqqsyqcyq5rqwzqf", "{raw:?}");
        }
        assert_eq!(join("FARTHING:FARTHINGTEST1QQQ").unwrap(), "FARTHINGTEST1QQQ");
        assert_eq!(join(&link("farthingtest1q")).unwrap(), "farthingtest1q");
        assert!(join("").is_err());
        assert!(join("farthingtest1q farthingtest1p").is_err());
        assert_eq!(join("ärger").unwrap(), "ärger");
    }
}
