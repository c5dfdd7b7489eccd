//! `farthing verifier recoup`: what was taken offline of a keyset that was revoked before it could be deposited.

use anyhow::Result;
use farthing_http::client::{CallError, HttpClient};
use farthing_protocol::amount::Unit;
use farthing_protocol::api::{
    LockedClaim, LockedClaims, RecoupAnswer, RecoupCall, RecoupState, mint_path, verifier_path,
};
use farthing_verifier::home::Network;
use farthing_verifier::service::locked_claims;
use serde::Serialize;

use super::offline::{no_lock_key, stopped};
use super::open::{control, open};
use crate::args::VerifierRecoup;
use crate::exit::Told;
use crate::output::{Answer, Money, Rows, Screen, short};

/// What was filed with the mint.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FiledAnswer {
    payments: Vec<FiledEntry>,
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
    let LockedClaims { claims } = match control(&home)?.get_json(verifier_path::LOCKED_CLAIMS).await {
        Ok(claims) => claims,
        Err(CallError::NotSent(_)) => {
            if home.recipient().is_none() {
                anyhow::bail!(no_lock_key());
            }
            locked_claims(stopped(home, Network::None).await?.recoup_claims().await?)
        }
        Err(error) => return Err(error.into()),
    };
    let mut payments = Vec::new();
    for claim in claims {
        payments.push(file(&client, &url, claim).await?);
    }
    let open = payments.iter().any(|entry| entry.waiting + entry.unproven > 0);
    screen.answer(&FiledAnswer { payments })?;
    if open { Err(Told::unfinished().into()) } else { Ok(()) }
}

async fn file(client: &HttpClient, url: &farthing_http::client::Endpoint, claim: LockedClaim) -> Result<FiledEntry> {
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
    let answer: Result<RecoupAnswer, CallError> = client.post_json(url, &RecoupCall { claim }).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => match error.problem().and_then(|problem| problem.known()) {
            // A refusal of this payment; the others are filed all the same.
            Some(code) if !code.outcome_unknown() => {
                entry.code = Some(code.as_str().to_owned());
                return Ok(entry);
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
    Ok(entry)
}

impl Answer for FiledAnswer {
    fn show(&self, screen: &Screen) {
        if self.payments.is_empty() {
            screen.say("nothing to file: the mint refused no deposit because of a revoked keyset");
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
