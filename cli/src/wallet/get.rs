//! `farthing wallet get`: like curl, and pays.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use data_encoding::BASE64;
use farthing_protocol::text::TextForm;
use farthing_wallet::{Denied, GetError, GetLimits, GetOutcome, HttpPayment, HttpRequest, NotAllowed, Price, Wallet};
use serde::Serialize;

use super::content::{self, is_text, presentable, to_terminal, write_out};
use super::open::{Place, choose_unit};
use crate::args::{WalletGet, Which};
use crate::exit::{Advise, Exit, Told, Trouble, advice, fault};
use crate::mint::read_amount;
use crate::output::{Money, Progress, WarningCode, seconds, short, time};
use crate::prompt;

/// An answer, and what was paid for it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct GetAnswer {
    status: u16,
    headers: Vec<Header>,
    /// The body, if it is text and did not go into a file.
    body: Option<String>,
    /// The body in base64, if it is not text and did not go into a file.
    body_base64: Option<String>,
    /// The file that the body went into.
    file: Option<String>,
    payment: PaymentIs,
    operation: Option<u64>,
    amount: Option<Money>,
    payee: Option<String>,
    receipt: Option<String>,
    /// Why the server did not take the payment, as it says.
    reason: Option<String>,
    /// Until when the same request sends the same payment.
    until: Option<u64>,
}

/// A header of the answer.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Header {
    name: String,
    value: String,
}

/// What became of the payment.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentIs {
    /// Nothing was paid.
    None,
    Paid,
    /// The server did not take it, and the money is back.
    TakenBack,
    /// The server says that it did not take it, and the mint could not be asked yet. It is never sent again.
    Refused,
    /// It is not known yet.
    Open,
}

pub(super) async fn get(place: &Place, args: WalletGet) -> Result<()> {
    let request = request_of(&args)?;
    let file = args.output.as_deref().filter(|path| *path != Path::new("-")).map(content::prepare).transpose()?;
    let wallet = place.open().await?;
    let mut limits = GetLimits::default();
    if let Some(most) = &args.max_amount {
        let unit = choose_unit(&wallet, &Which { mint: None, unit: args.unit.clone() })?;
        limits.max_amount = Some(Price { amount: read_amount(most, &unit)?, unit });
    }
    let outcome = match fetch(place, &wallet, request.clone(), &limits).await {
        Err(GetError::Denied(denied)) if denied.why == Denied::NoLimit => {
            limits.max_amount = Some(ask(&denied)?);
            limits.only = Some((denied.payee, denied.mint));
            fetch(place, &wallet, request, &limits).await
        }
        outcome => outcome,
    };
    let outcome = explained(outcome)?;
    let mut is_kept = true;
    let kept = match file.map(|file| file.keep(outcome.answer.body())) {
        None => None,
        Some(Ok(path)) => Some(path),
        // What was paid for is not lost, and that it was paid is said all the same.
        Some(Err(unkept)) => {
            is_kept = false;
            let instead = unkept.rescued.as_ref().map(|path| format!("it is in {}", path.display()));
            let instead = instead.unwrap_or_else(|| "it follows here".to_owned());
            place.screen.warn(WarningCode::NotWritten, format!("{}; {instead}", unkept.why));
            unkept.rescued
        }
    };
    let mut answer = GetAnswer::of(&outcome, kept.as_deref());
    answer.complete(&wallet).await?;
    if place.screen.is_json() {
        place.screen.json(&answer)?;
    } else {
        show(place, &answer, &outcome, &args)?;
    }
    let fails = answer.status >= 400;
    match answer.payment {
        PaymentIs::Open | PaymentIs::Refused => Err(Told::unfinished().into()),
        PaymentIs::TakenBack => Err(Told::failed().into()),
        // Money for nothing is never a success.
        PaymentIs::Paid if fails => Err(Told::failed().into()),
        PaymentIs::None if fails && args.fail => Err(Told::because(Exit::Failed).into()),
        PaymentIs::None | PaymentIs::Paid if !is_kept => Err(Told::failed().into()),
        PaymentIs::None | PaymentIs::Paid => Ok(()),
    }
}

async fn fetch(
    place: &Place,
    wallet: &Wallet,
    request: HttpRequest,
    limits: &GetLimits,
) -> Result<GetOutcome, GetError> {
    let _progress = Progress::start(&place.screen, "waiting for the server");
    wallet.get(request, limits).await
}

/// Whether a price may be paid that nobody allowed yet.
fn ask(denied: &NotAllowed) -> Result<Price> {
    let (price, origin) = (&denied.price, denied.origin.as_deref().unwrap_or_default());
    if !prompt::possible() {
        let message = format!("{origin} asks {price}, and nobody can be asked here whether to pay");
        return Err(fault(Trouble::NobodyToAsk, message)
            .next("--max-amount allows it for this request, `farthing wallet budget set` for the server")
            .into());
    }
    let (payee, mint) = (short(&denied.payee.to_text()), short(&denied.mint.to_text()));
    let question = format!("{origin} asks {price}, to be paid to {payee} with tokens of the mint {mint}. Pay?");
    if prompt::confirm(&question, "--max-amount")? {
        Ok(price.clone())
    } else {
        Err(fault(Trouble::Declined, "nothing was paid").into())
    }
}

/// What to do next, where it depends on the request.
fn explained(outcome: Result<GetOutcome, GetError>) -> Result<GetOutcome> {
    match outcome {
        Err(error @ GetError::Unknown { .. }) => {
            let GetError::Unknown { op, until, .. } = &error else { return Err(error.into()) };
            let message = format!("no answer came, and it is not known whether operation {op} was paid");
            let hint = format!(
                "nothing is lost, and nothing is paid twice: the same command sends the same payment again until {} UTC; \
                 afterwards it is settled with the mint",
                time(*until)
            );
            Err(anyhow::Error::new(error).context(advice(message, hint)))
        }
        outcome => Ok(outcome?),
    }
}

fn request_of(args: &WalletGet) -> Result<HttpRequest> {
    let method = args.request.as_deref().unwrap_or(if args.data.is_some() { "POST" } else { "GET" });
    let bad = || format!("this request cannot be made: {} {}", method, args.url);
    let mut request = HttpRequest::new(method, &args.url).advise(bad(), "see `farthing wallet get --help`")?;
    for header in &args.header {
        let Some((name, value)) = header.split_once(':') else {
            return Err(fault(Trouble::BadText, format!("{header:?} is no header"))
                .next("write it as \"Name: value\"")
                .into());
        };
        request = request
            .header(name.trim(), value.trim().as_bytes())
            .advise(format!("the header {:?} cannot be sent", name.trim()), "leave it out")?;
    }
    match &args.data {
        None => Ok(request),
        Some(data) => Ok(request.body(read_data(data)?)),
    }
}

fn read_data(data: &str) -> Result<Vec<u8>> {
    let Some(file) = data.strip_prefix('@') else { return Ok(data.as_bytes().to_vec()) };
    let unreadable = |error: std::io::Error| fault(Trouble::BadFile, format!("{file} cannot be read: {error}"));
    if file == "-" {
        let mut body = Vec::new();
        std::io::stdin().lock().read_to_end(&mut body).map_err(unreadable)?;
        return Ok(body);
    }
    Ok(std::fs::read(file).map_err(unreadable)?)
}

impl GetAnswer {
    fn of(outcome: &GetOutcome, file: Option<&Path>) -> Self {
        let answer = &outcome.answer;
        let headers = answer.headers().iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        });
        let text = std::str::from_utf8(answer.body()).ok();
        let mut this = Self {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: if file.is_none() { text.map(str::to_owned) } else { None },
            body_base64: (file.is_none() && text.is_none()).then(|| BASE64.encode(answer.body())),
            file: file.map(|path| path.display().to_string()),
            payment: PaymentIs::None,
            operation: None,
            amount: None,
            payee: None,
            receipt: None,
            reason: None,
            until: None,
        };
        match &outcome.payment {
            HttpPayment::None => {}
            HttpPayment::Paid { paid, .. } => {
                this.payment = PaymentIs::Paid;
                (this.operation, this.payee) = (Some(paid.op.get()), Some(paid.payee.to_text()));
                this.receipt = paid.receipt.as_ref().map(TextForm::to_text);
            }
            HttpPayment::TakenBack { op, reason } => {
                (this.payment, this.operation) = (PaymentIs::TakenBack, Some(op.get()));
                this.reason.clone_from(reason);
            }
            HttpPayment::Refused { op, reason } => {
                (this.payment, this.operation) = (PaymentIs::Refused, Some(op.get()));
                this.reason.clone_from(reason);
            }
            HttpPayment::Open { op, until } => {
                (this.payment, this.operation) = (PaymentIs::Open, Some(op.get()));
                this.until = Some(seconds(*until));
            }
            // Something that this program does not know of yet.
            _ => this.payment = PaymentIs::Open,
        }
        this
    }

    /// Amount and unit, which stand in the operation.
    async fn complete(&mut self, wallet: &Wallet) -> Result<()> {
        let Some(number) = self.operation else { return Ok(()) };
        let ended = wallet.history().await?;
        let found =
            ended.iter().find(|entry| entry.id.get() == number).map(|entry| Money::of(entry.amount, &entry.unit));
        let live = wallet.operations().await?;
        let live = live.iter().find(|entry| entry.id.get() == number).map(|entry| Money::of(entry.amount, &entry.unit));
        self.amount = found.or(live);
        Ok(())
    }
}

fn show(place: &Place, answer: &GetAnswer, outcome: &GetOutcome, args: &WalletGet) -> Result<()> {
    let screen = &place.screen;
    if args.include {
        screen.say(format!("HTTP {}", answer.status));
        for header in &answer.headers {
            screen.say(format!("{}: {}", header.name, presentable(&header.value)));
        }
        screen.say("");
    }
    if answer.file.is_none() {
        show_body(place, outcome, args.output.as_deref() == Some(Path::new("-")));
    }
    let amount = answer.amount.as_ref().map_or("", |amount| amount.text.as_str());
    match answer.payment {
        PaymentIs::None => {}
        PaymentIs::Paid => {
            screen.note(format!("Paid {amount} to {}.", short(answer.payee.as_deref().unwrap_or_default())));
            if let Some(receipt) = &answer.receipt {
                screen.note(format!("receipt: {receipt}"));
            }
        }
        PaymentIs::TakenBack => {
            let why = answer.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            screen.note(format!("The server did not take the payment of {amount}, and the money is back{why}"));
        }
        PaymentIs::Refused => {
            let why = answer.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            screen.note(format!(
                "The server says that it did not take the payment of {amount}{why}. The mint could not be asked yet whether that is \
                 so: every command of the wallet asks again, and the payment is never sent again."
            ));
        }
        PaymentIs::Open => {
            let until =
                answer.until.map(farthing_protocol::amount::UnixTime::from_seconds).map(time).unwrap_or_default();
            screen.note(format!(
                "It is not known whether the payment of {amount} was accepted. The same command sends the same payment again \
                 until {until} UTC; afterwards it is settled with the mint."
            ));
        }
    }
    if answer.status >= 400 {
        screen.note(format!("The server answered with status {}.", answer.status));
    }
    Ok(())
}

/// A terminal obeys what it is shown: it gets text only, unless somebody wants it otherwise.
fn show_body(place: &Place, outcome: &GetOutcome, forced: bool) {
    let body = outcome.answer.body();
    if forced || !to_terminal() {
        return write_out(body);
    }
    if is_text(body) {
        write_out(body);
        if !body.is_empty() && !body.ends_with(b"\n") {
            write_out(b"\n");
        }
        return;
    }
    let bytes = body.len();
    let hint = "--output FILE keeps it in a file, and --output - shows it all the same";
    let paid = !matches!(outcome.payment, HttpPayment::None);
    match paid.then(|| content::rescue(body)) {
        None => place.screen.must_tell(format!("The answer's {bytes} bytes are no text for a terminal. {hint}.")),
        Some(Some(path)) => {
            let path = path.display();
            place.screen.must_tell(format!(
                "The answer's {bytes} bytes are no text for a terminal. They are in {path}. {hint}."
            ));
        }
        Some(None) => place.screen.must_see(body.escape_ascii().to_string()),
    }
}
