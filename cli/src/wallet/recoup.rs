//! `farthing wallet recoup`: what tokens were worth whose keyset's key leaked.

use anyhow::Result;
use farthing_protocol::amount::UnixTime;
use farthing_wallet::{LostBecause, RecoupView, Recoupable, Shown, Unclaimable, WHAT_A_RECOUP_SHOWS, Wallet};
use serde::Serialize;

use super::open::{Place, choose_mint};
use crate::args::WalletRecoup;
use crate::exit::{Told, Trouble, fault};
use crate::output::{Answer, Money, Progress, Screen, seconds, time};
use crate::prompt;

/// What can be claimed, and how what was claimed stands.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RecoupAnswer {
    /// Tokens of revoked keysets that can be claimed.
    claimable: Vec<ClaimableEntry>,
    /// What was claimed, newest first.
    claimed: Vec<ClaimedEntry>,
    /// What the wallet holds of revoked keysets and cannot claim.
    unclaimable: Vec<UnclaimableEntry>,
    /// What came of showing tokens that were locked to payees and paid, if that was asked for.
    shown: Option<ShownEntry>,
}

/// Tokens of a revoked keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ClaimableEntry {
    mint: String,
    keyset: String,
    revoked_at: u64,
    amount: Money,
    tokens: u64,
    /// How much of it is in payments that nobody is known to have accepted.
    in_payments: Money,
    /// How much of it was given out as a text that nobody is known to have claimed.
    in_texts: Money,
}

/// What cannot be claimed of a revoked keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnclaimableEntry {
    mint: String,
    keyset: String,
    /// Received as a text and not swapped in time: only its sender's wallet can show where the tokens came from.
    received: Money,
    /// Of that, what was locked to this wallet: its sender cannot claim it for himself either.
    received_locked: Money,
    /// Locked to payees, and not paid.
    held: Money,
}

/// Claims on tokens of a revoked keyset.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ClaimedEntry {
    operation: u64,
    mint: String,
    keyset: String,
    claimed: Money,
    /// Not paid yet.
    waiting: Money,
    /// In the account.
    paid: Money,
    /// Not paid.
    lost: Money,
    /// Why not, with how much for each reason.
    lost_because: Vec<LostEntry>,
    /// Until then nothing is paid.
    claims_until: Option<u64>,
}

/// What is not paid for one reason.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LostEntry {
    /// `spent`, `issued_after_leak`, `unknown_issuance`, `paid_to_another`, `too_late`,
    /// `not_decided_there` or `given_up`.
    reason: &'static str,
    amount: Money,
    #[serde(skip)]
    #[cfg_attr(test, schemars(skip))]
    why: LostBecause,
}

/// What came of showing tokens that were paid.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownEntry {
    shown: u64,
    deposited: u64,
    excluded: u64,
    /// For so many it was too late.
    late: u64,
    /// The mint does not know from which issuance they came.
    unknown: u64,
}

pub(super) async fn recoup(place: &Place, args: WalletRecoup) -> Result<()> {
    let (wallet, _) = place.open_and_resume().await?;
    for mint in wallet.mints().iter().filter(|mint| mint.pinned && !mint.refused) {
        if let Err(error) = wallet.refresh_mint(&mint.id).await {
            place.screen.note(format!("The mint's list could not be fetched: {error}"));
        }
    }
    let mint = args.mint.as_deref().map(|named| choose_mint(&wallet, Some(named))).transpose()?.map(|mint| mint.id);
    let found: Vec<Recoupable> =
        wallet.recoupable().await?.into_iter().filter(|one| mint.is_none_or(|mint| mint == one.mint)).collect();
    if args.list {
        let answer = answer(&wallet, &found, None).await?;
        return place.screen.answer(&answer);
    }
    let shown = if args.for_payees { Some(show(place, &wallet, mint, args.yes).await?) } else { None };
    if found.is_empty() {
        let answer = answer(&wallet, &[], shown).await?;
        return place.screen.answer(&answer);
    }
    for one in &found {
        explain(place, one);
    }
    if !args.yes && !prompt::confirm("Claim it?", "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was claimed").into());
    }
    let progress = Progress::start(&place.screen, "claiming");
    for one in &found {
        wallet.recoup(&one.mint, &one.keyset).await?;
    }
    drop(progress);
    let answer = answer(&wallet, &wallet.recoupable().await?, shown).await?;
    place.screen.answer(&answer)?;
    let waits = answer.claimed.iter().any(|entry| entry.waiting.units != "0");
    if waits { Err(Told::unfinished().into()) } else { Ok(()) }
}

fn explain(place: &Place, one: &Recoupable) {
    let amount = one.amount.display(&one.unit);
    place.screen.note(format!("A key of the mint leaked: {amount} in {} tokens of yours can be claimed.", one.tokens));
    if !one.in_payments.is_zero() {
        let amount = one.in_payments.display(&one.unit);
        place.screen.note(format!(
            "{amount} of it is in payments that nobody is known to have accepted: a payee who did comes before you."
        ));
    }
    if !one.in_texts.is_zero() {
        let amount = one.in_texts.display(&one.unit);
        place.screen.note(format!(
            "{amount} of it you gave out as a text that nobody is known to have claimed: whoever has it gets nothing for it any more."
        ));
    }
    place.screen.note(WHAT_A_RECOUP_SHOWS);
}

async fn show(
    place: &Place,
    wallet: &Wallet,
    mint: Option<farthing_protocol::identity::MintId>,
    yes: bool,
) -> Result<Shown> {
    let question = "Show the mint from which withdrawals your payments with locked tokens were made, and those that it has forgotten, so \
                    that their payees are paid?";
    if !yes && !prompt::confirm(question, "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was shown").into());
    }
    let mut sum = Shown::default();
    for (of, keyset) in wallet.revoked_keysets() {
        if mint.is_none_or(|mint| mint == of) {
            let progress = Progress::start(&place.screen, "showing");
            let shown = wallet.show_paid(&of, &keyset).await?;
            drop(progress);
            sum.shown += shown.shown;
            sum.deposited += shown.deposited;
            sum.excluded += shown.excluded;
            sum.late += shown.late;
            sum.unknown += shown.unknown;
        }
    }
    Ok(sum)
}

async fn answer(wallet: &Wallet, found: &[Recoupable], shown: Option<Shown>) -> Result<RecoupAnswer> {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(RecoupAnswer {
        claimable: found.iter().map(ClaimableEntry::of).collect(),
        claimed: wallet.recoups().await?.iter().map(ClaimedEntry::of).collect(),
        unclaimable: wallet.unclaimable().await?.iter().map(UnclaimableEntry::of).collect(),
        shown: shown.map(|shown| ShownEntry {
            shown: count(shown.shown),
            deposited: count(shown.deposited),
            excluded: count(shown.excluded),
            late: count(shown.late),
            unknown: count(shown.unknown),
        }),
    })
}

impl ClaimableEntry {
    fn of(one: &Recoupable) -> Self {
        Self {
            mint: one.mint.to_text(),
            keyset: one.keyset.to_text(),
            revoked_at: seconds(one.revoked_at),
            amount: Money::of(one.amount, &one.unit),
            tokens: u64::try_from(one.tokens).unwrap_or(u64::MAX),
            in_payments: Money::of(one.in_payments, &one.unit),
            in_texts: Money::of(one.in_texts, &one.unit),
        }
    }
}

impl UnclaimableEntry {
    fn of(one: &Unclaimable) -> Self {
        let money = |amount| Money::of(amount, &one.unit);
        Self {
            mint: one.mint.to_text(),
            keyset: one.keyset.to_text(),
            received: money(one.received),
            received_locked: money(one.received_locked),
            held: money(one.held),
        }
    }

    fn show(&self, screen: &Screen) {
        if self.received.units != "0" {
            screen.say(format!(
                "cannot be claimed here: {} received as a text and not swapped in time",
                self.received.text
            ));
            screen.note(
                "Only the wallet that sent it can show the mint where it came from: ask its sender to run `farthing wallet recoup`, and to \
                 pay you again.",
            );
        }
        if self.received_locked.units != "0" {
            let locked = &self.received_locked.text;
            screen.note(format!(
                "{locked} of it was locked to you. Nobody can claim that: its sender does not know its keys, and you not where it came from."
            ));
        }
        if self.held.units != "0" {
            screen.say(format!("cannot be claimed: {} locked to payees whom it was not paid to", self.held.text));
            screen.note(
                "You do not know the keys of these tokens, and their payees have accepted nothing: they are lost.",
            );
        }
    }
}

impl ClaimedEntry {
    fn of(view: &RecoupView) -> Self {
        let money = |amount| Money::of(amount, &view.unit);
        Self {
            operation: view.op.get(),
            mint: view.mint.to_text(),
            keyset: view.keyset.to_text(),
            claimed: money(view.claimed),
            waiting: money(view.waiting),
            paid: money(view.paid),
            lost: money(view.lost),
            lost_because: view
                .lost_because
                .iter()
                .map(|(why, amount)| LostEntry { reason: why.name(), amount: money(*amount), why: *why })
                .collect(),
            claims_until: view.claims_until.map(seconds),
        }
    }
}

fn because(why: LostBecause) -> &'static str {
    match why {
        LostBecause::Spent => "spent before",
        LostBecause::IssuedAfterLeak => "issued after the leak, as far as the mint's operator knows; ask him",
        LostBecause::UnknownIssuance => {
            "the mint does not know this withdrawal or swap: it was restored from a backup. What a withdrawal took is in the account again"
        }
        LostBecause::PaidToAnother => "a payee who had accepted it was paid",
        LostBecause::TooLate => "the mint pays for these tokens no more",
        LostBecause::NotDecidedThere => "these tokens are not the mint's to decide about",
        LostBecause::GivenUp => "the mint had not taken the claim, and you gave it up",
        _ => "the mint does not pay it",
    }
}

impl Answer for RecoupAnswer {
    fn show(&self, screen: &Screen) {
        let nothing = self.claimable.is_empty() && self.claimed.is_empty() && self.unclaimable.is_empty();
        if nothing && self.shown.is_none() {
            screen.say("nothing to claim: the wallet holds no tokens of a revoked keyset");
        }
        for entry in &self.claimable {
            screen.say(format!("can be claimed: {} in {} tokens", entry.amount.text, entry.tokens));
        }
        for entry in &self.claimed {
            screen.say(format!(
                "operation {}: claimed {}, paid {}, waiting {}, not paid {}",
                entry.operation, entry.claimed.text, entry.paid.text, entry.waiting.text, entry.lost.text
            ));
            for lost in &entry.lost_because {
                screen.say(format!("  not paid {}: {}", lost.amount.text, because(lost.why)));
            }
            if let Some(until) = entry.claims_until.filter(|_| entry.waiting.units != "0") {
                let until = time(UnixTime::from_seconds(until));
                screen.note(format!("The mint pays after {until} UTC; the next command after that sees it."));
            }
        }
        self.unclaimable.iter().for_each(|entry| entry.show(screen));
        if let Some(shown) = &self.shown {
            screen.say(format!(
                "shown for payees: {} tokens; {} had been deposited, {} do not count, {} the mint does not know, for {} it is too late",
                shown.shown, shown.deposited, shown.excluded, shown.unknown, shown.late
            ));
        }
    }
}
