//! The mint that a verifier is made for.

use anyhow::{Context, Result, bail};
use farthing_http::client::{BaseUrl, HttpClient};
use farthing_protocol::amount::{Unit, UnixTime};
use farthing_protocol::api::{KeysetsAnswer, mint_path};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::Redemption;

use crate::hooks;

/// Fetches a mint's keysets and verifies its list and their signatures.
pub(super) async fn fetch_mint(url: &BaseUrl) -> Result<KeysetsAnswer> {
    let client = HttpClient::builder().build()?;
    let answer: KeysetsAnswer = client
        .get_json(&url.join(mint_path::KEYSETS)?)
        .await
        .with_context(|| format!("there is no mint to be reached at {}", url.as_str()))?;
    answer.list.accept(answer.list.mint(), None, hooks::now())?;
    Ok(answer)
}

/// Reads an address.
pub(crate) fn read_url(text: &str) -> Result<BaseUrl> {
    BaseUrl::parse(text).with_context(|| format!("{text:?} is not an address such as http://127.0.0.1:3338"))
}

/// Refuses a mint that is not the one expected.
pub(crate) fn expect_mint(found: &MintId, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let expected: String = expected.split_whitespace().collect();
    let expected = MintId::from_text(&expected).context("the mint's identity is 43 characters of base64url")?;
    if expected == *found {
        return Ok(());
    }
    Err(anyhow::Error::new(farthing_wallet::MintError::WrongIdentity)
        .context(format!("another mint answers at this address: {found}")))
}

/// The units that a mint issues, each once.
pub(super) fn units_of(answer: &KeysetsAnswer) -> Result<Vec<Unit>> {
    let mut units: Vec<Unit> = Vec::new();
    for document in &answer.keysets {
        let keyset = document.clone().verify()?;
        if keyset.terms().mint == *answer.list.mint() && !units.contains(&keyset.terms().unit) {
            units.push(keyset.terms().unit.clone());
        }
    }
    Ok(units)
}

/// What a mint takes of deposits of tokens that are issued now, in parts per million, for each unit.
pub(super) fn deposit_fees(answer: &KeysetsAnswer, now: UnixTime) -> Vec<(Unit, u32)> {
    let mut fees: Vec<(Unit, u32)> = Vec::new();
    for keyset in answer.keysets.iter().filter_map(|document| document.clone().verify().ok()) {
        let terms = keyset.terms();
        let issues = terms.mint == *answer.list.mint() && terms.active_from <= now && now < terms.issue_until;
        let revoked = answer.list.revocations().iter().any(|revocation| revocation.keyset == *keyset.id());
        if issues && !revoked && terms.redemption == Redemption::Open {
            fees.push((terms.unit.clone(), terms.fees.deposit_ppm));
        }
    }
    fees
}

/// The unit that was named, or the only one.
pub(super) fn choose_unit(units: &[Unit], code: Option<&str>) -> Result<Unit> {
    match (units, code) {
        ([], _) => bail!("the mint issues nothing"),
        ([only], None) => Ok(only.clone()),
        (units, Some(code)) => units
            .iter()
            .find(|unit| unit.code() == code)
            .cloned()
            .with_context(|| format!("the mint does not issue {code}")),
        (units, None) => {
            let codes: Vec<&str> = units.iter().map(Unit::code).collect();
            bail!("the mint issues several units: choose with --unit one of {}", codes.join(", "))
        }
    }
}
