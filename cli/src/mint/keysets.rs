//! `farthing mint keysets` and `farthing mint new-keyset`

use anyhow::{Context, Result};
use farthing_issuer::control::{KeysetsReport, NewKeysetAnswer as Made, NewKeysetRequest, path};
use farthing_issuer::{Books, KeysetState, KeysetSummary, Mint};
use farthing_protocol::amount::{Unit, UnixTime};
use serde::Serialize;

use super::home::{Desk, ask_running, open, unlock};
use crate::args::{MintKeysets, MintNewKeyset};
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Money, Rows, Screen, date, percent, seconds, time};
use crate::prompt;

/// All keysets of a mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeysetsAnswer {
    mint: String,
    /// Each chain in order.
    keysets: Vec<KeysetEntry>,
}

/// A keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeysetEntry {
    keyset: String,
    /// Its place in its chain.
    sequence: u64,
    unit: String,
    exponent: u8,
    /// The payee it is closed to; none if it is open.
    closed_to: Option<String>,
    denominations: u8,
    /// What is taken of a withdrawal, in parts per million.
    withdrawal_fee_ppm: u32,
    /// What is taken of a deposit, in parts per million.
    deposit_fee_ppm: u32,
    state: State,
    active_from: u64,
    issue_until: u64,
    spend_until: u64,
    deposit_until: u64,
    revoked_at: Option<u64>,
    /// Since when it is known that somebody else signs with its key, if he does.
    forged_at: Option<u64>,
    /// Since when nothing is left of it but its tombstone.
    buried_at: Option<u64>,
    /// What of its tokens was never redeemed, and can never be; known once it is buried.
    lapsed: Option<Money>,
    #[serde(skip)]
    times: [UnixTime; 4],
}

/// What a keyset may be used for now.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It will issue later.
    Announced,
    Issuing,
    /// Its tokens can be spent, and are not issued any more.
    Spendable,
    /// Payees can still deposit its tokens.
    Depositable,
    /// Its time is over.
    Ended,
    /// Nothing is left of it but its tombstone.
    Buried,
    Revoked,
}

/// The keyset that was made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NewKeysetAnswer {
    keyset: String,
    sequence: u64,
    state: State,
    active_from: u64,
    issue_until: u64,
    #[serde(skip)]
    times: [UnixTime; 2],
}

pub(super) async fn keysets(args: MintKeysets, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let report = match running(&home).await? {
        Some(report) => report.keysets,
        None => Books::open(&home).await?.keysets(),
    };
    let keysets = report.into_iter().map(KeysetEntry::of).collect::<Result<_>>()?;
    screen.answer(&KeysetsAnswer { mint: home.mint_id().to_text(), keysets })
}

pub(super) async fn new_keyset(args: MintNewKeyset, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let (made, all) = match running(&home).await? {
        Some(KeysetsReport { keysets }) => {
            confirm_another(&keysets, args.yes)?;
            let request = NewKeysetRequest {};
            let asked = ask_running(&home, async |client| client.post_json(path::NEW_KEYSET, &request).await).await?;
            let stopped = "the mint stopped meanwhile";
            let Made { keyset } = asked.context(stopped)?;
            (keyset, running(&home).await?.context(stopped)?.keysets)
        }
        None => {
            let mint = Mint::open(&home, unlock(&home, &args.unlocking)?).await?;
            confirm_another(&mint.keysets(), args.yes)?;
            let authority = home.prove(mint.books()).await?;
            (mint.new_keyset_by(authority).await?, mint.keysets())
        }
    };
    let summary = all.iter().find(|summary| summary.keyset == made).context("the mint does not list the keyset")?;
    screen.answer(&NewKeysetAnswer {
        keyset: made.to_text(),
        sequence: summary.sequence,
        state: State::of(summary.state),
        active_from: seconds(summary.active_from),
        issue_until: seconds(summary.issue_until),
        times: [summary.active_from, summary.issue_until],
    })
}

/// One keyset ahead is enough, and each is for good.
fn confirm_another(keysets: &[KeysetSummary], yes: bool) -> Result<()> {
    let Some(announced) = keysets.iter().rfind(|keyset| keyset.state == KeysetState::Announced) else { return Ok(()) };
    let (number, from, until) = (announced.sequence, date(announced.active_from), date(announced.issue_until));
    let question = format!(
        "Keyset no. {number} is announced already, and issues from {from} until {until}. Another one would issue after it, \
         with the settings of today, and cannot be taken back. Make it?"
    );
    if yes || prompt::confirm(&question, "--yes")? {
        return Ok(());
    }
    Err(fault(Trouble::Declined, "no keyset was made").into())
}

pub(super) async fn running(home: &Desk) -> Result<Option<KeysetsReport>> {
    ask_running(home, async |client| client.get_json(path::KEYSETS).await).await
}

impl KeysetEntry {
    fn of(summary: KeysetSummary) -> Result<Self> {
        let unit = Unit::new(&summary.unit, summary.exponent)?;
        Ok(Self {
            keyset: summary.keyset.to_text(),
            sequence: summary.sequence,
            closed_to: summary.closed_to.map(|payee| payee.to_text()),
            denominations: summary.denominations,
            state: State::of(summary.state),
            active_from: seconds(summary.active_from),
            issue_until: seconds(summary.issue_until),
            spend_until: seconds(summary.spend_until),
            deposit_until: seconds(summary.deposit_until),
            revoked_at: summary.revoked_at.map(seconds),
            forged_at: summary.forged_at.map(seconds),
            buried_at: summary.buried_at.map(seconds),
            lapsed: summary.lapsed.map(|lapsed| Money::of(lapsed, &unit)),
            withdrawal_fee_ppm: summary.withdrawal_fee_ppm,
            deposit_fee_ppm: summary.deposit_fee_ppm,
            times: [summary.active_from, summary.issue_until, summary.spend_until, summary.deposit_until],
            unit: summary.unit,
            exponent: summary.exponent,
        })
    }
}

impl KeysetEntry {
    /// What is not in the table.
    fn about(&self) -> String {
        let fee = |ppm, what| if ppm > 0 { format!("{} on {what}", percent(ppm)) } else { String::new() };
        let fees = [fee(self.withdrawal_fee_ppm, "withdrawals"), fee(self.deposit_fee_ppm, "deposits")];
        let fees = fees.into_iter().filter(|fee| !fee.is_empty()).collect::<Vec<_>>().join(" and ");
        let mut parts = vec![self.unit.clone(), if fees.is_empty() { "no fees".to_owned() } else { fees }];
        parts.extend(self.revoked_at.map(|at| format!("revoked {}", time(UnixTime::from_seconds(at)))));
        parts.extend(self.lapsed.as_ref().map(|lapsed| format!("{} lapsed", lapsed.text)));
        parts.join(", ")
    }
}

impl State {
    const fn of(state: KeysetState) -> Self {
        match state {
            KeysetState::Announced => Self::Announced,
            KeysetState::Issuing => Self::Issuing,
            KeysetState::Spendable => Self::Spendable,
            KeysetState::Depositable => Self::Depositable,
            KeysetState::Ended => Self::Ended,
            KeysetState::Buried => Self::Buried,
            KeysetState::Revoked => Self::Revoked,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Issuing => "issuing",
            Self::Spendable => "spendable",
            Self::Depositable => "depositable",
            Self::Ended => "ended",
            Self::Buried => "buried",
            Self::Revoked => "revoked",
        }
    }
}

impl Answer for KeysetsAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(format!("mint {}", self.mint));
        let mut rows = Rows::new(["no.", "state", "issues from", "until", "spend until", "deposit until"]);
        for keyset in &self.keysets {
            let [from, issue, spend, deposit] = keyset.times.map(date);
            rows.add([keyset.sequence.to_string(), keyset.state.text().to_owned(), from, issue, spend, deposit]);
        }
        rows.show(screen);
        for keyset in &self.keysets {
            screen.say(format!("no. {} is {} ({})", keyset.sequence, keyset.keyset, keyset.about()));
        }
        for keyset in &self.keysets {
            if let (Some(at), None) = (keyset.forged_at, keyset.revoked_at) {
                let at = time(UnixTime::from_seconds(at));
                screen.note(format!(
                    "Somebody else has had the key of no. {} since {at} UTC or before: nothing is issued until you revoke it with `farthing mint revoke`.",
                    keyset.sequence
                ));
            }
        }
    }
}

impl Answer for NewKeysetAnswer {
    fn show(&self, screen: &Screen) {
        let [from, until] = self.times.map(time);
        screen.say(format!("keyset no. {} is {}", self.sequence, self.keyset));
        screen.say(format!("it issues from {from} until {until}"));
    }
}
