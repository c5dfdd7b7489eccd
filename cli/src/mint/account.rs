//! `farthing mint account`

use anyhow::Result;
use farthing_issuer::Books;
use farthing_issuer::control::{RegisteredReport, RegisteredView, RegistrationAnswer, RegistrationRequest, path};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::AccountKey;
use farthing_wallet::account_text;
use serde::Serialize;

use super::amount::read_account;
use super::home::{ask_running, open};
use crate::args::{MintAccountCommand, MintAccountList, MintAccountNamed};
use crate::output::{Answer, Screen, seconds, time};

/// So many are read at once.
const PAGE: usize = 500;

/// An account was opened or closed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RegistrationEntry {
    account: String,
    /// Whether it is open now.
    open: bool,
    /// Whether it was before.
    was_open: bool,
    /// Whether that makes a difference: whether `registration` in mint.toml is "closed".
    counts: bool,
}

/// The accounts that the operator opened.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RegisteredAnswer {
    /// Whether that makes a difference: whether `registration` in mint.toml is "closed".
    counts: bool,
    accounts: Vec<RegisteredEntry>,
}

/// One of them.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RegisteredEntry {
    account: String,
    opened_at: u64,
    #[serde(skip)]
    time: UnixTime,
}

pub(super) async fn run(command: MintAccountCommand, screen: &Screen) -> Result<()> {
    match command {
        MintAccountCommand::Open(args) => change(args, true, screen).await,
        MintAccountCommand::Close(args) => change(args, false, screen).await,
        MintAccountCommand::List(args) => list(args, screen).await,
    }
}

async fn change(args: MintAccountNamed, to_open: bool, screen: &Screen) -> Result<()> {
    let desk = open(args.folder)?;
    let account = read_account(&args.account)?;
    let request = RegistrationRequest { account };
    let path = if to_open { path::OPEN_ACCOUNT } else { path::CLOSE_ACCOUNT };
    let asked = ask_running(&desk, async |client| client.post_json(path, &request).await).await?;
    let RegistrationAnswer { was_open, counts } = match asked {
        Some(answer) => answer,
        None => {
            let (books, authority) = desk.books().await?;
            let was_open = if to_open {
                books.open_account(authority, account).await?
            } else {
                books.close_account(authority, account).await?
            };
            RegistrationAnswer { was_open, counts: books.registers() }
        }
    };
    screen.answer(&RegistrationEntry { account: account_text(&account), open: to_open, was_open, counts })
}

async fn list(args: MintAccountList, screen: &Screen) -> Result<()> {
    let desk = open(args.folder)?;
    let mut answer = RegisteredAnswer { counts: false, accounts: Vec::new() };
    let mut after: Option<AccountKey> = None;
    let mut books: Option<Books> = None;
    loop {
        let (limit, from) = (PAGE.to_string(), after.map(|account| account.to_text()));
        let mut query = vec![("limit", limit.as_str())];
        query.extend(from.as_deref().map(|from| ("after", from)));
        let asked = match &books {
            None => ask_running(&desk, async |client| client.get_json_with(path::REGISTERED, &query).await).await?,
            Some(_) => None,
        };
        let RegisteredReport { accounts, counts } = match asked {
            Some(report) => report,
            None => {
                if books.is_none() {
                    books = Some(Books::open(&desk).await?);
                }
                let Some(books) = &books else { continue };
                RegisteredReport { accounts: books.registered(after, PAGE).await?, counts: books.registers() }
            }
        };
        after = accounts.last().map(|registered| registered.account);
        let last = accounts.len() < PAGE;
        answer.counts = counts;
        answer.accounts.extend(accounts.into_iter().map(RegisteredEntry::of));
        if last {
            return screen.answer(&answer);
        }
    }
}

impl RegisteredEntry {
    fn of(view: RegisteredView) -> Self {
        let RegisteredView { account, opened_at } = view;
        Self { account: account_text(&account), opened_at: seconds(opened_at), time: opened_at }
    }
}

impl Answer for RegistrationEntry {
    fn show(&self, screen: &Screen) {
        screen.say(match (self.open, self.was_open) {
            (true, false) => "the account is open",
            (true, true) => "the account was open before",
            (false, true) => "the account is closed: nothing comes into it, and what it holds may leave",
            (false, false) => "the account was not open",
        });
        note_registration(self.counts, screen);
    }
}

impl Answer for RegisteredAnswer {
    fn show(&self, screen: &Screen) {
        if self.accounts.is_empty() {
            screen.say("you have opened no account");
        } else {
            // A table would break the accounts, which are there to be copied.
            for entry in &self.accounts {
                screen.say(format!("{}  {}", time(entry.time), entry.account));
            }
        }
        note_registration(self.counts, screen);
    }
}

fn note_registration(counts: bool, screen: &Screen) {
    if !counts {
        screen.note("Whoever has a key has an account: `registration` in mint.toml is not \"closed\".");
    }
}
