//! What the mint says.

use farthing_http::client::{CallError, HttpClient};
use farthing_protocol::api::{KeysetsAnswer, mint_path};
use farthing_protocol::keyset::Redemption;

use super::{FindingCode, Looked, PATIENCE, Report, gateway};
use crate::home::{HomeOptions, VerifierHome};
use crate::keyring::{KeyringError, MintView};
use crate::merchant::Tokens;

pub(super) async fn mint(looked: &Looked<'_>, report: &mut Report) {
    let (home, now) = (looked.home, looked.options.now);
    let answer = match ask(home).await {
        Ok(answer) => answer,
        Err(error) => {
            let url = home.mint_url().as_str();
            report.fault(FindingCode::MintNotReached, format!("the mint at {url} was not reached: {error}"));
            return;
        }
    };
    if answer.list.mint() != home.mint() {
        let message = format!("another mint answers at {}: {}", home.mint_url().as_str(), answer.list.mint());
        report.fault(FindingCode::Mint, message);
        return;
    }
    let issued_at = answer.list.issued_at();
    match MintView::default().follow(home.mint(), answer, now) {
        Ok(view) => {
            report.fine(FindingCode::Mint, format!("the mint at {} answers", home.mint_url().as_str()));
            unit(looked, &view, report);
        }
        Err(KeyringError::List(error)) if issued_at > now => {
            report.fault(FindingCode::Clock, format!("{error}: this machine's clock is behind the mint's"));
        }
        Err(error) => report.fault(FindingCode::Mint, error.to_string()),
    }
}

async fn ask(home: &VerifierHome) -> Result<KeysetsAnswer, Box<dyn std::error::Error + Send + Sync>> {
    let client = HttpClient::builder().timeout(PATIENCE).build()?;
    let answer: Result<KeysetsAnswer, CallError> = client.get_json(&home.mint_url().join(mint_path::KEYSETS)?).await;
    Ok(answer?)
}

/// Whether there is exactly one chain of keysets to be paid in, as when invoices are made.
fn unit(looked: &Looked<'_>, view: &MintView, report: &mut Report) {
    let HomeOptions { tokens, unit, .. } = looked.home.options();
    let redemption = match tokens {
        Tokens::Open => Redemption::Open,
        Tokens::Closed => Redemption::Closed(looked.home.payee()),
    };
    let of_kind = view.chains().filter(|chain| chain.key().redemption == redemption);
    let units: Vec<_> = of_kind.map(|chain| chain.key().unit).collect();
    let named: Vec<_> = units.iter().filter(|found| unit.as_deref().is_none_or(|code| code == found.code())).collect();
    match (named.as_slice(), unit) {
        ([one], _) => {
            report.fine(FindingCode::Unit, format!("paid in {}", one.code()));
            if gateway::rules_fault(looked, None).is_none()
                && let Some(fault) = gateway::rules_fault(looked, Some((*one).clone()))
            {
                report.fault(FindingCode::Gateway, fault);
            }
            gateway::long_payments(looked, one, report);
        }
        ([], _) if *tokens == Tokens::Closed && units.is_empty() => {
            report.fault(FindingCode::Unit, "the mint issues no tokens that are closed to this payee");
        }
        ([], Some(code)) => report.fault(FindingCode::Unit, format!("the mint issues no {code}")),
        ([], None) => report.fault(FindingCode::Unit, "the mint issues nothing"),
        (several, _) => {
            let codes: Vec<&str> = several.iter().map(|unit| unit.code()).collect();
            report.fault(FindingCode::Unit, format!("the mint issues {}: set unit to one of them", codes.join(", ")));
        }
    }
}
