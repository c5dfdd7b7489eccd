//! What the mint saw, what the merchant saw, and what neither could link.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use farthing_protocol::api::{DepositRequest, FinishAnswer, FinishRequest, PayRequest, mint_path};
use farthing_protocol::blind::fits;
use farthing_protocol::codec::{Encode, Writer, to_base64url};
use farthing_protocol::issuance::{Funding, RecordedOutput};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_wallet::account_text;

use super::stage::Stage;
use crate::output::{say, short};

pub(super) fn show(stage: &Stage, receipt: &Receipt) -> Result<()> {
    let withdrawals = withdrawals(stage)?;
    let records: Vec<RecordedOutput> =
        withdrawals.iter().flat_map(|(_, answer)| answer.record.outputs.iter().copied()).collect();
    let payment = paid(stage, receipt)?;
    let deposited = deposited(stage, &payment)?;
    ensure!(withdrawals.len() == 2 && records.len() == 32, "the mint saw other withdrawals");

    say("8. What the mint saw, what the merchant saw, and what neither can link");
    say("");
    line("THE MINT, AT THE WITHDRAWALS", "MERCHANT AND MINT, AT THE PAYMENT");
    let mut left = Vec::new();
    for (name, (request, answer)) in ["Alice", "Bob"].iter().zip(&withdrawals) {
        if let Funding::Account { account, .. } = request.request.funding() {
            left.push(format!(
                "{name}'s account {}",
                short(account_text(account).trim_start_matches("farthingaccount1"))
            ));
        }
        let first = answer.record.outputs.first().context("no output")?;
        left.push("  16 tokens; of the first it saw".to_owned());
        left.push(format!("  c  {}", hex(&first.output.challenge)));
        left.push(format!("  z  {}", hex_part(&first.response, 64)));
    }
    let mut right = vec![
        format!("payee {}, {} units", short(&payment.payee().to_text()), payment.amount()),
        "no account, no name of the payer".to_owned(),
    ];
    for token in payment.tokens() {
        right.push(format!("  a token of {:>2}: P  {}", token.value().units(), hex(&token.coin)));
        right.push(format!("                 z̄  {}", hex_part(&token.signature, 32)));
    }
    for row in 0..left.len().max(right.len()) {
        line(left.get(row).map_or("", String::as_str), right.get(row).map_or("", String::as_str));
    }
    say("");

    let seen_before: BTreeSet<Vec<u8>> = records.iter().flat_map(|record| words(record, 1)).collect();
    let seen_after: BTreeSet<Vec<u8>> = payment.tokens().iter().flat_map(|token| words(token, 1)).collect();
    ensure!(seen_before.len() == 32 * 6 && seen_after.len() == 3 * 4, "values repeat");
    ensure!(seen_before.is_disjoint(&seen_after), "a value of a withdrawal stands in the payment");
    say(format!(
        "   None of the {} values of the withdrawals stands among the {} of the payment.",
        seen_before.len(),
        seen_after.len()
    ));
    for token in deposited.tokens() {
        let (same, fitting) = count_fitting(stage, &records, token)?;
        ensure!(same == 4 && fitting == same, "some record fits a token better than others");
        say(format!(
            "   The token of {0:>2}: of the {same} tokens of {0:>2} that the mint signed, {fitting} could be it.",
            token.value().units()
        ));
    }
    say("   For each of them one blinding exists that makes it this one: no amount of");
    say("   computing tells Alice from Bob. What shows: the amount, the keyset, the time.");
    Ok(())
}

fn withdrawals(stage: &Stage) -> Result<Vec<(FinishRequest, FinishAnswer)>> {
    let calls = stage.mint_saw.to(mint_path::FINISH);
    let all = calls.iter().filter_map(|call| {
        let request: FinishRequest = serde_json::from_slice(&call.request).ok()?;
        let answer: FinishAnswer = serde_json::from_slice(&call.answer).ok()?;
        (!request.request.terms().shape.is_swap()).then_some((request, answer))
    });
    Ok(all.collect())
}

fn paid(stage: &Stage, receipt: &Receipt) -> Result<Payment> {
    let calls = stage.shop_saw.to(super::PAY);
    let mut payments = calls.iter().filter_map(|call| serde_json::from_slice::<PayRequest>(&call.request).ok());
    let found = payments.find(|request| request.payment.id() == receipt.draft().payment);
    Ok(found.context("the merchant did not see the payment")?.payment)
}

/// The payment as the mint saw it when the merchant deposited it.
fn deposited(stage: &Stage, payment: &Payment) -> Result<Payment> {
    let calls = stage.mint_saw.to(mint_path::DEPOSIT);
    let mut deposits = calls
        .iter()
        .filter_map(|call| serde_json::from_slice::<DepositRequest>(&call.request).ok())
        .flat_map(|request| request.deposits);
    let found = deposits.find(|deposit| deposit.payment == *payment);
    Ok(found.context("the mint did not see the payment")?.payment)
}

/// How many tokens of this denomination the mint signed, and how many of them could be this one.
fn count_fitting(
    stage: &Stage,
    records: &[RecordedOutput],
    token: &farthing_protocol::token::Token,
) -> Result<(usize, usize)> {
    let keyset: Keyset = stage.keyset()?;
    let key = keyset.key(token.denomination).context("the keyset has no such denomination")?;
    let same: Vec<&RecordedOutput> =
        records.iter().filter(|record| record.output.denomination == token.denomination).collect();
    let fitting = same.iter().filter(|record| {
        let session = (&record.output.commitment, &record.output.challenge, &record.response);
        fits(key, session, &token.coin, &token.signature)
    });
    Ok((same.len(), fitting.count()))
}

/// The 32-byte values of an encoding, behind so many bytes.
fn words(part: &impl Encode, skip: usize) -> Vec<Vec<u8>> {
    bytes(part).get(skip..).unwrap_or_default().chunks(32).map(<[u8]>::to_vec).collect()
}

fn bytes(part: &impl Encode) -> Vec<u8> {
    let mut out = Writer::default();
    part.encode_to(&mut out);
    out.finish()
}

fn hex(part: &impl Encode) -> String {
    hex_part(part, 0)
}

fn hex_part(part: &impl Encode, skip: usize) -> String {
    short(&to_base64url(bytes(part).get(skip..).unwrap_or_default()))
}

fn line(left: &str, right: &str) {
    say(format!("   {left:<34} {right}").trim_end());
}
