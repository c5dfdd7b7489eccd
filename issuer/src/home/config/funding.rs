//! `[funding]`

use std::net::SocketAddr;
use std::path::PathBuf;

use farthing_protocol::api::QuoteAnswer;
use farthing_protocol::codec::is_plain;
use farthing_verifier::home::TlsFiles;
use serde::Deserialize;

use crate::home::{FundingSettingsError, HomeError};

const DAY: u64 = 86_400;

/// The name of the quote, which every payment text must hold.
const QUOTE: &str = "{quote}";

/// How accounts are paid money into, besides by the operator's own credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Funding {
    /// What wallets are told about how to pay; without it there are no quotes.
    pub(crate) payment: Option<String>,
    /// How long a quote should be paid, in seconds.
    pub(crate) quote: u64,
    /// How long after that money is still credited for it, in seconds.
    pub(crate) late: u64,
    /// So many quotes may wait to be paid.
    pub(crate) most_open: u64,
    /// Where the payment processor's messages are taken; without it nowhere.
    pub(crate) webhook_listen: Option<SocketAddr>,
    /// The files of the certificate under which they are taken; without it they come without TLS.
    pub(crate) webhook_tls: Option<TlsFiles>,
    /// The file with the secrets shared with it, from the mint's folder on.
    pub(crate) webhook_secret_file: PathBuf,
}

impl Default for Funding {
    /// No quotes and no webhook; a quote would wait for a day, and be remembered for 90 more.
    fn default() -> Self {
        Self {
            payment: None,
            quote: DAY,
            late: 90 * DAY,
            most_open: 10_000,
            webhook_listen: None,
            webhook_tls: None,
            webhook_secret_file: PathBuf::from("webhook.secret"),
        }
    }
}

impl Funding {
    /// The text for one quote.
    pub(crate) fn text(template: &str, quote: &str, amount: &str, decimal: &str, units: &str) -> String {
        let parts = [(QUOTE, quote), ("{amount}", amount), ("{decimal}", decimal), ("{units}", units)];
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(before);
            match parts.iter().find_map(|(name, value)| Some((from.strip_prefix(name)?, value))) {
                Some((after, value)) => {
                    text.push_str(value);
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = from.strip_prefix('{').unwrap_or("");
                }
            }
        }
        text.push_str(rest);
        text
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    payment: Option<String>,
    quote_seconds: Option<u64>,
    late_seconds: Option<u64>,
    most_open: Option<u64>,
    webhook_listen: Option<SocketAddr>,
    webhook_certificate: Option<PathBuf>,
    webhook_key: Option<PathBuf>,
    webhook_secret_file: Option<PathBuf>,
}

impl File {
    /// What is not said is as usual.
    pub(super) fn settings(self) -> Result<Funding, HomeError> {
        let usual = Funding::default();
        let webhook_tls = match (self.webhook_certificate, self.webhook_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(HomeError::HalfTls),
        };
        let settings = Funding {
            payment: self.payment.filter(|text| !text.is_empty()),
            quote: self.quote_seconds.unwrap_or(usual.quote),
            late: self.late_seconds.unwrap_or(usual.late),
            most_open: self.most_open.unwrap_or(usual.most_open),
            webhook_listen: self.webhook_listen,
            webhook_tls,
            webhook_secret_file: self.webhook_secret_file.unwrap_or(usual.webhook_secret_file),
        };
        if let Some(text) = &settings.payment {
            // Names and amounts make it longer by less than that.
            if text.len() > QuoteAnswer::MAX_PAYMENT / 2 || !is_plain(text) {
                return Err(FundingSettingsError::Payment.into());
            }
            if !text.contains(QUOTE) {
                return Err(FundingSettingsError::NoQuote.into());
            }
        }
        let in_range = (60..=30 * DAY).contains(&settings.quote) && settings.late <= 3660 * DAY;
        if in_range { Ok(settings) } else { Err(FundingSettingsError::Seconds.into()) }
    }
}

pub(super) fn text(funding: &Funding) -> String {
    let Funding { quote, late, most_open, webhook_listen, webhook_tls, webhook_secret_file, .. } = funding;
    let path = |name: &str, path: Option<&PathBuf>, example: &str| match path {
        Some(path) => format!("{name} = {}", toml::Value::String(path.display().to_string())),
        None => format!("# {name} = \"{example}\""),
    };
    let files = webhook_tls.as_ref();
    let certificate = path(
        "webhook_certificate",
        files.map(|files| &files.certificate),
        "/etc/letsencrypt/live/pay.example.com/fullchain.pem",
    );
    let key = path("webhook_key", files.map(|files| &files.key), "/etc/letsencrypt/live/pay.example.com/privkey.pem");
    let payment = funding.payment.as_ref().map_or_else(
        || "# payment = \"Pay {amount} to DE02 1203 0000 0000 2020 51, reference {quote}\"".to_owned(),
        |text| format!("payment = {}", toml::Value::String(text.clone())),
    );
    let listen = webhook_listen.as_ref().map_or_else(
        || "# webhook_listen = \"127.0.0.1:3340\"".to_owned(),
        |address| format!("webhook_listen = \"{address}\""),
    );
    format!(
        "\
# How money comes into accounts, besides by `farthing mint credit` and vouchers: see docs/funding.md.
[funding]

# What a wallet is told that asks how to pay in. It must hold {{quote}}, the name that goes with the payment; {{amount}}
# is the amount with its unit, {{decimal}} without it, {{units}} in smallest units. An address of a payment page will do.
{payment}

# How long a quote should be paid, and how long after that money is still credited for it. So many may wait to be paid; of
# these, accounts that never held anything here have a half at most, and what has waited an hour gives way.
quote_seconds = {quote}
late_seconds = {late}
most_open = {most_open}

# Where your payment processor's messages are taken. Keep it on loopback, behind a proxy with TLS, or give it a certificate:
# PEM files, as in [service]; SIGHUP reads them again. Whoever knows a secret of the file (one on each line; `farthing mint
# funding secret` makes one) can credit accounts.
{listen}
{certificate}
{key}
webhook_secret_file = {secret}
",
        secret = toml::Value::String(webhook_secret_file.display().to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_text_is_filled_in() {
        let fill = |template: &str| Funding::text(template, "FQAB", "12.50 EUR", "12.50", "1250");
        assert_eq!(fill("Pay {amount}, name {quote}."), "Pay 12.50 EUR, name FQAB.");
        assert_eq!(
            fill("https://pay.example/{quote}?a={decimal}&u={units}"),
            "https://pay.example/FQAB?a=12.50&u=1250"
        );
        assert_eq!(fill("{{quote}} {other} {"), "{FQAB} {other} {");
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let read = |text: &str| toml::from_str::<File>(text).map_err(|_| HomeError::Config)?.settings();
        assert_eq!(read("").unwrap(), Funding::default());
        assert_eq!(read("payment = \"\"").unwrap().payment, None);
        let refused = |text: &str| match read(text) {
            Err(HomeError::Funding(error)) => error,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(refused("payment = \"send money\""), FundingSettingsError::NoQuote);
        assert_eq!(refused("payment = \"{quote}\\u001b[31m\""), FundingSettingsError::Payment);
        assert_eq!(refused(&format!("payment = \"{{quote}}{}\"", "x".repeat(1024))), FundingSettingsError::Payment);
        for text in ["quote_seconds = 59", "quote_seconds = 2592001", "late_seconds = 316224001"] {
            assert_eq!(refused(text), FundingSettingsError::Seconds);
        }
        assert!(matches!(read("other = 1"), Err(HomeError::Config)));
        for half in ["webhook_certificate = \"a\"", "webhook_key = \"b\""] {
            assert!(matches!(read(half), Err(HomeError::HalfTls)));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut settings = Funding::default();
        for _ in 0..2 {
            #[derive(Deserialize)]
            struct Whole {
                funding: File,
            }
            let whole: Whole = toml::from_str(&text(&settings)).unwrap();
            assert_eq!(whole.funding.settings().unwrap(), settings);
            settings = Funding {
                payment: Some("\"{quote}\" \\ {amount}".to_owned()),
                quote: 60,
                late: 0,
                most_open: 1,
                webhook_listen: Some("127.0.0.1:3340".parse().unwrap()),
                webhook_tls: Some(TlsFiles { certificate: "a \"b\".pem".into(), key: "/c.pem".into() }),
                webhook_secret_file: PathBuf::from("/run/secrets/hook"),
            };
        }
    }
}
