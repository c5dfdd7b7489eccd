//! `config.toml`.

use farthing_http::client::BaseUrl;
use farthing_protocol::identity::MintId;
use serde::Deserialize;

use super::Tokens;

/// What may be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeOptions {
    /// Which tokens invoices ask for.
    pub tokens: Tokens,
    /// The unit's code; needed when the mint issues several.
    pub unit: Option<String>,
    /// Whether tokens locked to this payee are taken, with a lock key of his own.
    pub locked: bool,
    /// Where payers reach the service; if not given, the address it listens on.
    pub public_url: Option<BaseUrl>,
}

impl Default for HomeOptions {
    /// Open tokens of the mint's only unit, none locked, no public address.
    fn default() -> Self {
        Self { tokens: Tokens::Open, unit: None, locked: false, public_url: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mint: Mint,
    #[serde(default)]
    tokens: TokensText,
    unit: Option<String>,
    #[serde(default)]
    locked: bool,
    public_url: Option<BaseUrl>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    url: BaseUrl,
    id: MintId,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TokensText {
    #[default]
    Open,
    Closed,
}

pub(super) fn read(text: &str) -> Result<(BaseUrl, MintId, HomeOptions), toml::de::Error> {
    let File { mint, tokens, unit, locked, public_url } = toml::from_str(text)?;
    let tokens = match tokens {
        TokensText::Open => Tokens::Open,
        TokensText::Closed => Tokens::Closed,
    };
    Ok((mint.url, mint.id, HomeOptions { tokens, unit, locked, public_url }))
}

pub(super) fn write(mint_url: &BaseUrl, mint: &MintId, options: &HomeOptions) -> String {
    let HomeOptions { tokens, unit, locked, public_url } = options;
    let tokens = match tokens {
        Tokens::Open => "open",
        Tokens::Closed => "closed",
    };
    let unit = setting("unit", unit.as_deref(), "EUR");
    let public_url = setting("public_url", public_url.as_ref().map(BaseUrl::as_str), "https://pay.example.com");
    format!(
        r#"# Settings of a Farthing verifier. Restart it after a change.

# Which tokens invoices ask for: "open", cleared with the mint, or "closed", of a keyset that the mint
# issues for this payee alone and that this verifier's own store decides over.
tokens = "{tokens}"

# The unit's code. Needed when the mint issues several.
{unit}

# Whether tokens locked to this payee are taken. Their key must never be used by a second verifier.
locked = {locked}

# Where payers reach this service. If not set, the address it listens on.
{public_url}

[mint]
# The mint's address.
url = {url}
# The mint's identity. Whoever answers at the address must prove to be this mint.
id = {id}
"#,
        url = quoted(mint_url.as_str()),
        id = quoted(&mint.to_text()),
    )
}

fn setting(name: &str, value: Option<&str>, example: &str) -> String {
    match value {
        Some(value) => format!("{name} = {}", quoted(value)),
        None => format!("# {name} = {}", quoted(example)),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let url = BaseUrl::parse("http://127.0.0.1:1/a'b").unwrap();
        let mint = MintId::from_bytes([7; 32]);
        let set = HomeOptions {
            tokens: Tokens::Closed,
            unit: Some("A\"\\\nB".into()),
            locked: true,
            public_url: Some(BaseUrl::parse("https://shop.example/pay").unwrap()),
        };
        for options in [HomeOptions::default(), set] {
            let text = write(&url, &mint, &options);
            assert_eq!(read(&text).unwrap(), (url.clone(), mint, options));
        }
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let text = write(&BaseUrl::parse("http://a").unwrap(), &MintId::from_bytes([7; 32]), &HomeOptions::default());
        assert!(read(&text.replace("locked =", "loked =")).is_err());
    }
}
