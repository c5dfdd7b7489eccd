//! `farthing verifier recoup`: what was taken offline of a keyset that was revoked before it could be deposited, and what the mint credited and has
//! forgotten.

use anyhow::Result;
use farthing_http::client::{CallError, HttpClient};
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID};
use farthing_http::unix_client::UnixClient;
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{
    CreditedCall, CreditedClaims, LockedClaim, LockedClaims, RecoupAnswer, RecoupCall, RecoupState, RecoupWindow,
    RecoupsAnswer, mint_path, verifier_path,
};
use farthing_protocol::ids::PaymentId;
use farthing_verifier::home::Network;
use farthing_verifier::merchant::Merchant;
use farthing_verifier::service::{credited_claims, locked_claims};
use serde::Serialize;

use super::offline::stopped;
use super::open::{control, open};
use crate::args::VerifierRecoup;
use crate::exit::Told;
use crate::output::{Answer, Money, Rows, Screen, short};

/// What was filed with the mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FiledAnswer {
    payments: Vec<FiledEntry>,
    /// So many payments more the mint has in its books.
    in_the_books: u64,
}

/// A payment that was filed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FiledEntry {
    /// The payment as it was accepted.
    payment: String,
    amount: Money,
    /// So many of its tokens were paid for.
    paid: u64,
    /// So many are paid when claims are collected no more.
    waiting: u64,
    /// So many nobody has shown to come from an honest issuance: their payer can.
    unproven: u64,
    /// So many are not paid: their issuance does not count, somebody came before, or the mint pays nothing any more.
    refused: u64,
    /// Until then nothing is paid.
    claims_until: Option<u64>,
    /// Why it was not filed: a code of the mint's.
    code: Option<String>,
}

pub(super) async fn recoup(args: VerifierRecoup, screen: &Screen) -> Result<()> {
    let home = open(args.folder)?;
    let (url, client) = (home.mint_url().join(mint_path::RECOUP_CLAIM)?, HttpClient::builder().build()?);
    let RecoupsAnswer { mut recoups } = client.get_json(&home.mint_url().join(mint_path::RECOUPS)?).await?;
    recoups.retain(|recoup| recoup.forgotten.is_some());
    let running = control(&home)?;
    let (books, claims) = match running.get_json(verifier_path::LOCKED_CLAIMS).await {
        Ok(LockedClaims { claims }) => (Records::Running(running), claims),
        Err(CallError::NotSent(_)) => {
            let merchant = stopped(home, Network::Mint).await?;
            let LockedClaims { claims } = locked_claims(merchant.recoup_claims().await?);
            (Records::Stopped(Box::new(merchant)), claims)
        }
        Err(error) => return Err(error.into()),
    };
    let mut filed = FiledAnswer { payments: Vec::new(), in_the_books: 0 };
    for claim in claims {
        filed.add(file(&client, &url, claim).await?);
    }
    let mut after = None;
    while !recoups.is_empty() {
        let CreditedClaims { claims, next } = books.credited(recoups.clone(), after).await?;
        for claim in claims {
            filed.add(file(&client, &url, claim).await?);
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    let open = filed.payments.iter().any(|entry| entry.waiting + entry.unproven > 0);
    screen.answer(&filed)?;
    if open { Err(Told::unfinished().into()) } else { Ok(()) }
}

/// Where the payee's records are read.
enum Records {
    Running(UnixClient),
    Stopped(Box<Merchant>),
}

impl Records {
    async fn credited(&self, recoups: Vec<RecoupWindow>, after: Option<PaymentId>) -> Result<CreditedClaims> {
        match self {
            Self::Running(client) => {
                Ok(client.post_json(verifier_path::CREDITED_CLAIMS, &CreditedCall { recoups, after }).await?)
            }
            Self::Stopped(merchant) => Ok(credited_claims(merchant.credited_claims(recoups, after).await?)),
        }
    }
}

impl FiledAnswer {
    fn add(&mut self, entry: Option<FiledEntry>) {
        match entry {
            Some(entry) => self.payments.push(entry),
            None => self.in_the_books = self.in_the_books.saturating_add(1),
        }
    }
}

/// Files a claim. Nothing if its payment is in the mint's books.
async fn file(
    client: &HttpClient,
    url: &farthing_http::client::Endpoint,
    claim: LockedClaim,
) -> Result<Option<FiledEntry>> {
    let LockedClaim { payment, amount, unit, exponent, claim } = claim;
    let mut entry = FiledEntry {
        payment: payment.to_text(),
        amount: Money::of(amount, &Unit::new(&unit, exponent)?),
        paid: 0,
        waiting: 0,
        unproven: 0,
        refused: 0,
        claims_until: None,
        code: None,
    };
    let own = claim.payment().map(|payment| payment.id().to_text());
    let answer: Result<RecoupAnswer, CallError> = client.post_json(url, &RecoupCall { claim }).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => match error.problem().and_then(|problem| problem.known()) {
            Some(Code::DoubleSpend) if own.as_deref() == earlier(&error) => return Ok(None),
            // A refusal of this payment; the others are filed all the same.
            Some(code) if !code.outcome_unknown() => {
                entry.code = Some(code.as_str().to_owned());
                return Ok(Some(entry));
            }
            _ => return Err(error.into()),
        },
    };
    entry.claims_until = Some(answer.claims_until.seconds());
    for token in &answer.tokens {
        let count = match token.state {
            RecoupState::Paid => &mut entry.paid,
            RecoupState::Waiting => &mut entry.waiting,
            RecoupState::Unproven => &mut entry.unproven,
            RecoupState::Excluded | RecoupState::PaidToAnother | RecoupState::Unpaid => &mut entry.refused,
        };
        *count = count.saturating_add(1);
    }
    Ok(Some(entry))
}

fn earlier(error: &CallError) -> Option<&str> {
    error.problem()?.extension(EARLIER_PAYMENT_ID)
}

impl Answer for FiledAnswer {
    fn show(&self, screen: &Screen) {
        if self.payments.is_empty() {
            screen.say("nothing to file: no deposit was refused because of a revoked keyset, and none was forgotten");
            return;
        }
        let mut rows = Rows::new(["payment", "amount", "paid", "waiting", "unproven", "not paid", "code"]).right(1);
        for entry in &self.payments {
            rows.add([
                short(&entry.payment),
                entry.amount.text.clone(),
                entry.paid.to_string(),
                entry.waiting.to_string(),
                entry.unproven.to_string(),
                entry.refused.to_string(),
                entry.code.clone().unwrap_or_default(),
            ]);
        }
        rows.show(screen);
        screen.note(
            "Of an unproven token only its payer can show where it came from: `farthing wallet recoup --for-payees`.",
        );
    }
}
