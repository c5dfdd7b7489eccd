//! `farthing mint journal`

use std::borrow::Cow;

use anyhow::{Result, bail};
use farthing_issuer::control::{JournalCheck, JournalEntry, JournalField, JournalReport, path};
use farthing_issuer::{Books, Who};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{from_base64url, is_plain};
use farthing_protocol::identity::AccountKey;
use farthing_wallet::account_text;
use serde::Serialize;

use super::home::{Desk, ask_running, open};
use crate::args::MintJournal;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen, seconds, time};

/// So many are read at once.
const PAGE: usize = 500;

/// What was changed, newest first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JournalAnswer {
    /// How many entries there are.
    length: u64,
    entries: Vec<EntryAnswer>,
}

/// A change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EntryAnswer {
    number: u64,
    at: u64,
    /// `operator`, `administrator`, `administrator_recovered`, `mint`, `owner` or `key_holder`.
    who: String,
    /// A stable word.
    act: String,
    /// Null if they were erased.
    details: Option<Vec<DetailAnswer>>,
    /// The hash of everything up to it.
    link: String,
    #[serde(skip)]
    time: UnixTime,
}

/// A detail of a change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DetailAnswer {
    name: String,
    value: String,
}

/// Whether the journal is whole.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CheckAnswer {
    length: u64,
    /// The hash of everything: write it down elsewhere.
    link: String,
    /// After which entry the journal had the link that was looked for.
    found: Option<u64>,
}

pub(super) async fn journal(args: MintJournal, screen: &Screen) -> Result<()> {
    let desk = open(args.folder)?;
    if args.link.as_deref().is_some_and(|link| !is_link(link)) {
        return Err(fault(Trouble::BadText, "this is no link of a journal").next("a link has 43 characters").into());
    }
    if args.verify { verify(&desk, args.link, screen).await } else { list(&desk, args.limit, screen).await }
}

async fn list(desk: &Desk, limit: usize, screen: &Screen) -> Result<()> {
    let (mut entries, mut before, mut books) = (Vec::new(), None, None);
    loop {
        let page = limit.saturating_sub(entries.len()).min(PAGE);
        let (many, from) = (page.to_string(), before.map(|number: u64| number.to_string()));
        let mut query = vec![("limit", many.as_str())];
        query.extend(from.as_deref().map(|from| ("before", from)));
        let asked = match &books {
            None => ask_running(desk, async |client| client.get_json_with(path::JOURNAL, &query).await).await?,
            Some(_) => None,
        };
        let JournalReport { entries: found, next, length } = match asked {
            Some(report) => report,
            None => {
                let books = match &mut books {
                    Some(books) => books,
                    none => none.insert(Books::open(desk).await?),
                };
                books.journal(before, page).await?
            }
        };
        entries.extend(found.into_iter().map(EntryAnswer::of));
        before = next;
        if before.is_none() || entries.len() >= limit {
            return screen.answer(&JournalAnswer { length, entries });
        }
    }
}

async fn verify(desk: &Desk, link: Option<String>, screen: &Screen) -> Result<()> {
    let query: Vec<(&str, &str)> = link.as_deref().map(|link| ("link", link)).into_iter().collect();
    let asked = ask_running(desk, async |client| client.get_json_with(path::JOURNAL_CHECK, &query).await);
    let check: JournalCheck = match asked.await? {
        Some(check) => check,
        None => Books::open(desk).await?.check_journal(link.clone()).await?,
    };
    let JournalCheck { right, length, link: last, found } = check;
    if !right {
        bail!("the journal is not whole: an entry was changed, added or taken away");
    }
    if link.is_some() && found.is_none() {
        return Err(fault(Trouble::BadText, "the journal never ended in this link")
            .next("if you copied it right, what was written until then was exchanged")
            .into());
    }
    screen.answer(&CheckAnswer { length, link: last, found })
}

fn is_link(text: &str) -> bool {
    from_base64url(text).is_ok_and(|bytes| bytes.len() == 32)
}

impl EntryAnswer {
    fn of(entry: JournalEntry) -> Self {
        let JournalEntry { number, at, who, act, details, link } = entry;
        let details = details.map(|details| details.into_iter().map(DetailAnswer::of).collect());
        Self { number, at: seconds(at), who: word(who).to_owned(), act, details, link, time: at }
    }

    fn line(&self) -> String {
        let Self { number, who, act, .. } = self;
        let details = match &self.details {
            None => " (its details were erased)".to_owned(),
            Some(details) => details.iter().map(|detail| format!(" {}={}", detail.name, detail.shown())).collect(),
        };
        format!("{number:>5} {} {who} {act}{details}", time(self.time))
    }
}

impl DetailAnswer {
    /// Accounts as commands take them.
    fn of(field: JournalField) -> Self {
        let JournalField { name, value } = field;
        let account = || from_base64url(&value).ok()?.try_into().ok().map(AccountKey::from_bytes);
        let value = match name.as_str() {
            "account" => account().map_or(value.clone(), |account| account_text(&account)),
            _ => value,
        };
        Self { name, value }
    }

    /// As people read it, and so that it shows what it says.
    fn shown(&self) -> Cow<'_, str> {
        match (self.name.as_str(), self.value.parse()) {
            (name, Ok(at)) if name == "until" || name.ends_with("_at") || name.ends_with("_since") => {
                format!("\"{}\"", time(UnixTime::from_seconds(at))).into()
            }
            _ if is_plain(&self.value) => self.value.as_str().into(),
            _ => self.value.escape_debug().to_string().into(),
        }
    }
}

const fn word(who: Who) -> &'static str {
    match who {
        Who::Operator => "operator",
        Who::Administrator => "administrator",
        Who::AdministratorRecovered => "administrator_recovered",
        Who::Mint => "mint",
        Who::Owner => "owner",
        Who::KeyHolder => "key_holder",
        _ => "unknown",
    }
}

impl Answer for JournalAnswer {
    fn show(&self, screen: &Screen) {
        if self.entries.is_empty() {
            screen.say("nothing was changed yet");
        }
        for entry in &self.entries {
            screen.say(entry.line());
        }
    }
}

impl Answer for CheckAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("whole: {} entries", self.length));
        screen.say(format!("last link: {}", self.link));
        if let Some(found) = self.found {
            screen.say(format!("after entry {found} it ended in the link that you gave"));
        }
    }
}
