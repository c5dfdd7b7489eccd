//! `farthing wallet receive`, `request` and `recipient`

use anyhow::Result;
use farthing_protocol::text::TextForm;
use farthing_wallet::Ask;
use serde::Serialize;

use super::deliver::{Delivered, check, deliver};
use super::open::{Place, choose_mint, choose_unit};
use super::text::{Text, read_input};
use crate::args::{WalletReceive, WalletRecipient, WalletRequest};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Progress, Screen, WarningCode, seconds, time};

/// Money arrived.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiveAnswer {
    operation: u64,
    mint: String,
    /// What arrived.
    amount: Money,
    /// What the text held: more, if somebody had claimed a part.
    held: Money,
    tokens: u64,
    memo: Option<String>,
    /// Whether it was locked to this wallet.
    locked: bool,
}

/// A request for money.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RequestAnswer {
    payee: String,
    amount: Money,
    memo: Option<String>,
    expires_at: u64,
    #[serde(flatten)]
    delivered: Delivered,
}

/// To whom money can be locked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RecipientAnswer {
    payee: String,
    mints: Vec<String>,
    #[serde(flatten)]
    delivered: Delivered,
}

pub(super) async fn receive(place: &Place, args: WalletReceive) -> Result<ReceiveAnswer> {
    let token = match read_input(&args.input, "token")? {
        Text::Token(token) => *token,
        other => return Err(other.misplaced("money").into()),
    };
    let wallet = place.open().await?;
    let progress = Progress::start(&place.screen, "receiving");
    let received = wallet.receive(token).await;
    drop(progress);
    let received = received?;
    if received.amount < received.held {
        place.screen.warn(
            WarningCode::PartClaimed,
            format!("the text held {}: somebody claimed a part of it before", received.held.display(&received.unit)),
        );
    }
    Ok(ReceiveAnswer {
        operation: received.op.get(),
        mint: received.mint.to_text(),
        amount: Money::of(received.amount, &received.unit),
        held: Money::of(received.held, &received.unit),
        tokens: u64::try_from(received.tokens)?,
        memo: received.memo,
        locked: received.locked,
    })
}

impl Answer for ReceiveAnswer {
    fn show(&self, screen: &Screen) {
        let memo = self.memo.as_ref().map(|memo| format!(" for {memo:?}")).unwrap_or_default();
        screen.say(format!("received {}{memo} in {} tokens", self.amount.text, self.tokens));
    }
}

pub(super) async fn request(place: &Place, args: WalletRequest) -> Result<RequestAnswer> {
    check(&args.delivery)?;
    let wallet = place.open().await?;
    let unit = choose_unit(&wallet, &args.which)?;
    let amount = read_amount(&args.amount, &unit)?;
    let mint =
        args.which.mint.as_deref().map(|named| choose_mint(&wallet, Some(named))).transpose()?.map(|mint| mint.id);
    let expires_in = u64::from(args.expires_in);
    let ask = Ask { amount, unit, mint, memo: args.memo, expires_in };
    let request = wallet.request(ask).await?;
    let draft = request.draft();
    Ok(RequestAnswer {
        payee: draft.payee.to_text(),
        amount: Money::of(draft.amount, &draft.unit),
        memo: draft.memo.clone(),
        expires_at: seconds(draft.expires_at),
        delivered: deliver(&place.screen, request.to_text(), &args.delivery)?,
    })
}

impl Answer for RequestAnswer {
    fn show(&self, screen: &Screen) {
        self.delivered.show(screen);
        let until = time(farthing_protocol::amount::UnixTime::from_seconds(self.expires_at));
        screen.note(format!("{}, to be answered before {until} UTC with `farthing wallet pay`.", self.amount.text));
        screen.note("Take the answer with `farthing wallet receive`.");
    }
}

pub(super) async fn recipient(place: &Place, args: WalletRecipient) -> Result<RecipientAnswer> {
    let wallet = place.open().await?;
    let recipient = wallet.recipient()?;
    Ok(RecipientAnswer {
        payee: recipient.payee().to_text(),
        mints: recipient.mints().iter().map(|mint| mint.to_text()).collect(),
        delivered: deliver(&place.screen, recipient.to_text(), &args.delivery)?,
    })
}

impl Answer for RecipientAnswer {
    fn show(&self, screen: &Screen) {
        self.delivered.show(screen);
    }
}
