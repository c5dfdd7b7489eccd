//! What a payment would show, said before it is made.

use farthing_protocol::amount::UnixTime;
use farthing_wallet::{Outlook, Remark, Severity};

use super::open::Place;
use crate::output::{WarningCode, time};

impl Place {
    /// Says what is known of the anonymity set. Afterwards the library need not say it again when it happens.
    pub(super) fn tell_outlook(&self, outlook: &Outlook) {
        self.outlook_told.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(keyset) = &outlook.keyset {
            self.screen.note(format!(
                "You hide among all who hold tokens of the same keyset, issued {}, to be spent until {} UTC.{}",
                since(keyset.age_days),
                time(keyset.spend_until),
                tokens_since(outlook.tokens_since)
            ));
        }
        for remark in &outlook.remarks {
            let Some(text) = words(remark) else { continue };
            match remark.severity() {
                Severity::Notice => self.screen.note(text),
                Severity::Warning | Severity::Obstacle => self.screen.warn(WarningCode::Shows, text),
            }
        }
    }
}

fn ago(seconds: u64) -> String {
    match seconds / 60 {
        0 => "moments ago".to_owned(),
        1 => "a minute ago".to_owned(),
        minutes => format!("{minutes} minutes ago"),
    }
}

fn since(days: u64) -> String {
    match days {
        0 => "since today".to_owned(),
        1 => "since yesterday".to_owned(),
        days => format!("for {days} days"),
    }
}

fn tokens_since(since: Option<(UnixTime, UnixTime)>) -> String {
    since.map_or_else(String::new, |(oldest, newest)| {
        if time(oldest) == time(newest) {
            format!(" Your tokens came on {} UTC.", time(oldest))
        } else {
            format!(" Your tokens came between {} and {} UTC.", time(oldest), time(newest))
        }
    })
}

/// What cannot be paid at all is said by the failure itself.
fn words(remark: &Remark) -> Option<String> {
    Some(match remark {
        Remark::ListFirst => {
            "the mint's keysets must be fetched first: the mint sees that, and then a payment, and can guess \
                              that they belong together. `farthing wallet refresh` now and then avoids it"
                .to_owned()
        }
        Remark::SwapsFirst(count) => format!(
            "{} must come first: the mint sees that, and then a payment that it made possible, and can guess that they \
             belong together. `farthing wallet refresh` ahead of need avoids it",
            if *count == 1 { "a swap".to_owned() } else { format!("{count} swaps") }
        ),
        Remark::IssuedMomentsAgo(seconds) => format!(
            "the newest of the tokens came {}: the mint saw a withdrawal or swap, and sees a payment just afterwards. Waiting \
             a while hides it better",
            ago(*seconds)
        ),
        Remark::YoungKeyset(_) => "The keyset is young: few others hold tokens of it yet.".to_owned(),
        Remark::EndsSoon(end) => {
            format!("The keyset ends on {} UTC: fewer and fewer others hold tokens of it.", time(*end))
        }
        _ => return None,
    })
}
