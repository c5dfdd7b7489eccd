//! Paths, as rules are matched against them.

use farthing_protocol::codec::is_plain;

/// A path in the one form in which it is matched: decoded once, in lower case, without doubled and closing slashes.
///
/// None for a path that the server behind might take for another one: with dot segments, semicolons, encoded slashes, backslashes, something
/// encoded twice, or bytes that are no text. Which of two readings is meant nobody can know, and one may be free.
pub(super) fn subject(raw: &str) -> Option<String> {
    let decoded = decode(raw)?;
    // Some servers take what follows a semicolon for parameters, and others for a part of the name.
    if !decoded.starts_with('/') || !is_plain(&decoded) || decoded.contains(['\\', '%', '?', '#', ';']) {
        return None;
    }
    let mut subject = String::with_capacity(decoded.len());
    for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
        if matches!(segment.trim(), "" | "." | "..") {
            return None;
        }
        subject.push('/');
        subject.push_str(&segment.to_lowercase());
    }
    if subject.is_empty() { Some("/".to_owned()) } else { Some(subject) }
}

/// Decodes percent signs, but for those that hide a slash or another percent sign.
fn decode(raw: &str) -> Option<String> {
    let mut bytes = raw.bytes();
    let mut out = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (bytes.next()?, bytes.next()?);
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let decoded = digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?;
        if matches!(decoded, b'/' | b'%' | b'\\') {
            return None;
        }
        out.push(decoded);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_what_is_the_same() {
        for (raw, subject_is) in [
            ("/", "/"),
            ("//", "/"),
            ("/A/b/", "/a/b"),
            ("//a///b", "/a/b"),
            ("/a%20b", "/a b"),
            ("/caf%C3%A9", "/café"),
            ("/a..b/...", "/a..b/..."),
        ] {
            assert_eq!(subject(raw).as_deref(), Some(subject_is), "{raw}");
        }
    }

    #[test]
    fn what_could_be_another_path_is_none() {
        for raw in [
            "",
            "a",
            "*",
            "/free/../paid",
            "/free/%2e%2e/paid",
            "/free/.%2E/paid",
            "/./a",
            "/free/..;/paid",
            "/free%2fpaid",
            "/free/%5c..%5cpaid",
            "/a\\b",
            "/%252e%252e/paid",
            "/%",
            "/%2",
            "/%zz",
            "/%ff",
            "/a%00b",
            "/a%0ab",
            "/%20../a",
            "/a/;x/b",
            "/a;v=1",
            "/a%3bv=1",
            "/a%3fb",
            "/a%23b",
        ] {
            assert_eq!(subject(raw), None, "{raw}");
        }
    }
}
