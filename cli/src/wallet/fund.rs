//! `farthing wallet fund`

use anyhow::Result;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::QuoteState;
use farthing_wallet::QuoteView;
use serde::Serialize;

use super::deliver::check_pictures;
use super::open::{Place, because, choose};
use crate::args::{Pictures, WalletFund};
use crate::mint::read_amount;
use crate::output::{Answer, Money, Progress, Rows, Screen, WarningCode, seconds, time};
use crate::qr::{self, Format};

/// All quotes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FundListAnswer {
    /// Oldest first.
    quotes: Vec<QuoteEntry>,
}

/// How to pay into the account, and what came.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct QuoteEntry {
    mint: String,
    /// Must stand on the payment.
    quote: String,
    amount: Money,
    /// The operator's words.
    payment: String,
    expires_at: u64,
    state: State,
    /// What is in the account because of it.
    credited: Money,
    #[serde(skip)]
    time: UnixTime,
}

/// A quote that was asked for now.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FundAnswer {
    #[serde(flatten)]
    quote: QuoteEntry,
    /// Pictures that were written.
    files: Vec<String>,
    /// Whether it is shown as a QR code.
    #[serde(skip)]
    qr: bool,
}

/// How far a quote is.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Open,
    Paid,
    Expired,
}

pub(super) async fn fund(place: &Place, args: WalletFund) -> Result<()> {
    let wallet = place.open().await?;
    if let Some(amount) = &args.amount {
        let pictures = Pictures { qr: args.qr, png: args.png, svg: args.svg };
        check_pictures(&pictures)?;
        let (mint, unit) = choose(&wallet, &args.which)?;
        let amount = read_amount(amount, &unit.unit)?;
        let progress = Progress::start(&place.screen, "asking the mint");
        let quote = wallet.quote(&mint.id, &unit.unit, amount).await;
        drop(progress);
        let quote = QuoteEntry::of(quote?);
        let files = write(&quote.payment, &pictures)?;
        return place.screen.answer(&FundAnswer { quote, files, qr: pictures.qr });
    }
    let progress = Progress::start(&place.screen, "asking the mint");
    let known = wallet.quotes().await;
    drop(progress);
    let mut quotes = Vec::new();
    for (view, error) in known? {
        if let Some(error) = error {
            let text = format!("quote {} is as it was last heard of: {}", view.quote.to_text(), because(&error));
            place.screen.warn(WarningCode::MintNotAsked, text);
        }
        quotes.push(QuoteEntry::of(view));
    }
    place.screen.answer(&FundListAnswer { quotes })
}

/// How to pay as pictures, word for word: it is for whatever the payer pays with, and no text of ours.
fn write(payment: &str, Pictures { png, svg, .. }: &Pictures) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for (path, format) in [(png, Format::Png), (svg, Format::Svg)] {
        if let Some(path) = path {
            qr::write_address(payment, path, format)?;
            files.push(path.display().to_string());
        }
    }
    Ok(files)
}

impl Answer for FundAnswer {
    fn show(&self, screen: &Screen) {
        if self.qr {
            match qr::address(&self.quote.payment, screen.colours_answers()) {
                Ok(lines) => lines.iter().for_each(|line| screen.say(line)),
                // The quote is there, and so are its words.
                Err(_) => screen.note("It is too long for a QR code on a terminal."),
            }
        }
        self.quote.show(screen);
        for file in &self.files {
            screen.note(format!("written: {file}"));
        }
    }
}

impl QuoteEntry {
    fn of(view: QuoteView) -> Self {
        Self {
            mint: view.mint.to_text(),
            quote: view.quote.to_text(),
            amount: Money::of(view.amount, &view.unit),
            payment: view.payment,
            expires_at: seconds(view.expires_at),
            state: match view.state {
                QuoteState::Open => State::Open,
                QuoteState::Paid => State::Paid,
                QuoteState::Expired => State::Expired,
            },
            credited: Money::of(view.credited, &view.unit),
            time: view.expires_at,
        }
    }

    const fn state(&self) -> &'static str {
        match self.state {
            State::Open => "open",
            State::Paid => "paid",
            State::Expired => "expired",
        }
    }
}

impl Answer for QuoteEntry {
    fn show(&self, screen: &Screen) {
        screen.say(&self.payment);
        screen.note(format!(
            "These are the words of the mint's operator. Quote {} of {} should be paid before {} UTC.",
            self.quote,
            self.amount.text,
            time(self.time)
        ));
        screen.note("`farthing wallet fund` says when it is, and `farthing wallet withdraw` then gets tokens.");
    }
}

impl Answer for FundListAnswer {
    fn show(&self, screen: &Screen) {
        if self.quotes.is_empty() {
            screen.say("no quotes were asked for");
            return;
        }
        let mut rows = Rows::new(["quote", "asked for", "state", "credited", "pay before (UTC)"]).right(1).right(3);
        for quote in &self.quotes {
            let state = quote.state().to_owned();
            let (amount, credited) = (quote.amount.text.clone(), quote.credited.text.clone());
            rows.add([quote.quote.clone(), amount, state, credited, time(quote.time)]);
        }
        rows.show(screen);
        for quote in self.quotes.iter().filter(|quote| matches!(quote.state, State::Open)) {
            screen.say(format!("{}: {}", quote.quote, quote.payment));
        }
    }
}
