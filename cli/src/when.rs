//! Times as people type them.

use farthing_protocol::amount::UnixTime;

use crate::exit::{Fault, Trouble, fault};

/// A day (its beginning, in UTC), or how long ago: `7d`, `12h`, `30m`.
pub(crate) fn read(text: &str, now: UnixTime) -> Result<UnixTime, Fault> {
    ago(text).map(|seconds| now.minus(seconds)).or_else(|| day(text)).ok_or_else(|| {
        fault(Trouble::BadDate, format!("{text:?} is no time"))
            .next("write a day as 2026-11-23 (UTC), or how long ago as 7d, 12h or 30m")
    })
}

/// A day (its beginning, in UTC), or after how long: `90d`, `12h`, `30m`.
pub(crate) fn ahead(text: &str, now: UnixTime) -> Result<UnixTime, Fault> {
    ago(text).map(|seconds| now.plus(seconds)).or_else(|| day(text)).ok_or_else(|| {
        fault(Trouble::BadDate, format!("{text:?} is no time"))
            .next("write after how long as 90d, 12h or 30m, or a day as 2027-01-31 (UTC)")
    })
}

fn ago(text: &str) -> Option<u64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3600,
        "m" => 60,
        _ => return None,
    };
    let plain = count.bytes().all(|digit| digit.is_ascii_digit());
    if plain { count.parse::<u64>().ok()?.checked_mul(seconds) } else { None }
}

/// Midnight of a day, in UTC.
fn day(text: &str) -> Option<UnixTime> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let midnight = date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(midnight.timestamp().as_second()).ok().map(UnixTime::from_seconds)
}

#[test]
fn days_and_spans_are_read() {
    let now = UnixTime::from_seconds(1_800_000_000);
    for (text, seconds) in [
        ("2026-11-23", 1_795_392_000),
        ("7d", 1_800_000_000 - 7 * 86_400),
        ("12h", 1_800_000_000 - 12 * 3600),
        ("30m", 1_800_000_000 - 1800),
        ("99999999999d", 0),
    ] {
        assert_eq!(read(text, now).unwrap().seconds(), seconds, "{text}");
    }
    assert_eq!(ahead("90d", now).unwrap().seconds(), 1_800_000_000 + 90 * 86_400);
    assert_eq!(ahead("2027-01-31", now).unwrap().seconds(), 1_801_353_600);
    for text in ["", "d", "-1d", "+1d", "1w", "2026-13-01", "yesterday", "ä", "1.5h", "99999999999999999999d"] {
        assert!(read(text, now).is_err() && ahead(text, now).is_err(), "{text}");
    }
}
