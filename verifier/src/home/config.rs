//! `config.toml`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::str::FromStr;

use farthing_http::client::{BaseUrl, Endpoint};
use farthing_protocol::amount::Amount;
use farthing_protocol::identity::MintId;
use serde::{Deserialize, Deserializer};

use super::Tokens;
use crate::merchant::Keep;
use crate::offline::{DEFAULT_MAX_LIST_AGE, DEFAULT_MAX_OFFLINE_VALUE, LockedLimits};

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
    /// Where it listens, unless the command line says otherwise.
    pub listen: SocketAddr,
    /// The files of the certificate under which it is served; if not given, it is served without TLS.
    pub tls: Option<TlsFiles>,
    /// Where figures are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// How what it does is logged, unless the command line says otherwise.
    pub log_format: LogFormat,
    /// The gateway, as far as the command line does not say it.
    pub gateway: GatewaySettings,
    /// Who is told of accepted payments.
    pub webhook: Option<WebhookOptions>,
    /// How long records are kept; if not given, for ever.
    pub keep: Option<Keep>,
    /// What is taken without asking the mint.
    pub offline: OfflineOptions,
}

/// How the lines of a log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// As text.
    #[default]
    Text,
    /// Each as a JSON object.
    Json,
}

impl LogFormat {
    /// As it stands in files of settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The receiver of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Its address.
    pub url: Endpoint,
    /// The file with the secrets shared with it, from the verifier's folder on.
    pub secret_file: PathBuf,
}

/// How much is taken in locked tokens without asking the mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineOptions {
    /// How old the list of keysets may be without a network, in hours.
    pub max_list_age_hours: u32,
    /// How much before it is deposited.
    pub limits: LockedLimits,
}

impl Default for OfflineOptions {
    fn default() -> Self {
        let max_list_age_hours = u32::try_from(DEFAULT_MAX_LIST_AGE / 3600).unwrap_or(u32::MAX);
        let limits = LockedLimits { outstanding: Some(DEFAULT_MAX_OFFLINE_VALUE), payment: None };
        Self { max_list_age_hours, limits }
    }
}

/// A gateway's settings. What is not set is as the command line has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// The server behind: scheme, host and port.
    pub upstream: Option<String>,
    /// The file of rules. What does not begin with a slash is in the verifier's folder.
    pub rules: Option<PathBuf>,
    /// Where it listens.
    pub listen: Option<SocketAddr>,
    /// Under which addresses it is reached.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The largest body of a request that is paid for, in KiB.
    pub max_body_kib: Option<usize>,
    /// How long after its authorization a payment is served again, in seconds.
    pub window_seconds: Option<u64>,
    /// Longest time until the server behind begins to answer, in seconds.
    pub upstream_timeout_seconds: Option<u64>,
}

/// PEM files. What does not begin with a slash is in the verifier's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where a verifier listens unless it is told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3339));

impl Default for HomeOptions {
    /// Open tokens of the mint's only unit, none locked, no public address, [`DEFAULT_LISTEN`], no TLS, no figures.
    fn default() -> Self {
        Self {
            tokens: Tokens::Open,
            unit: None,
            locked: false,
            public_url: None,
            listen: DEFAULT_LISTEN,
            tls: None,
            metrics: None,
            log_format: LogFormat::default(),
            gateway: GatewaySettings::default(),
            webhook: None,
            keep: None,
            offline: OfflineOptions::default(),
        }
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
    listen: Option<SocketAddr>,
    tls: Option<TlsFiles>,
    metrics: Option<Metrics>,
    #[serde(default)]
    log_format: LogFormat,
    #[serde(default)]
    gateway: GatewaySettings,
    webhook: Option<Webhook>,
    #[serde(default)]
    records: Records,
    #[serde(default)]
    offline: Offline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metrics {
    listen: SocketAddr,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offline {
    max_list_age_hours: Option<u32>,
    max_offline_value: Option<u64>,
    max_offline_payment: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    #[serde(deserialize_with = "from_text")]
    url: Endpoint,
    secret_file: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    #[serde(default, deserialize_with = "some_from_text")]
    keep: Option<Keep>,
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
    let file: File = toml::from_str(text)?;
    let File { mint, tokens, unit, locked, public_url, listen, tls, metrics, log_format, .. } = file;
    let File { gateway, webhook, records, offline, .. } = file;
    let tokens = match tokens {
        TokensText::Open => Tokens::Open,
        TokensText::Closed => Tokens::Closed,
    };
    let (listen, metrics) = (listen.unwrap_or(DEFAULT_LISTEN), metrics.map(|metrics| metrics.listen));
    let webhook = webhook.map(|Webhook { url, secret_file }| WebhookOptions { url, secret_file });
    let keep = records.keep;
    let usual = OfflineOptions::default();
    // The largest number that a setting can be is the largest amount.
    let amount = |units: u64| Amount::new(units).unwrap_or(Amount::MAX);
    let offline = OfflineOptions {
        max_list_age_hours: offline.max_list_age_hours.unwrap_or(usual.max_list_age_hours),
        limits: LockedLimits {
            outstanding: offline.max_offline_value.map(amount).or(usual.limits.outstanding),
            payment: offline.max_offline_payment.map(amount),
        },
    };
    let options = HomeOptions {
        tokens,
        unit,
        locked,
        public_url,
        listen,
        tls,
        metrics,
        log_format,
        gateway,
        webhook,
        keep,
        offline,
    };
    Ok((mint.url, mint.id, options))
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn some_from_text<'de, D: Deserializer<'de>, T: FromStr<Err: fmt::Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    from_text(deserializer).map(Some)
}

pub(super) fn write(mint_url: &BaseUrl, mint: &MintId, options: &HomeOptions) -> String {
    let HomeOptions { tokens, unit, locked, public_url, listen, tls, metrics, log_format, .. } = options;
    let HomeOptions { gateway, webhook, keep, offline, .. } = options;
    let log_format = log_format.name();
    let OfflineOptions { max_list_age_hours, limits } = offline;
    let max_value = limits.outstanding.unwrap_or(Amount::MAX);
    let max_payment = match limits.payment {
        Some(amount) => format!("max_offline_payment = {amount}"),
        None => "# max_offline_payment = 5000".to_owned(),
    };
    let tokens = match tokens {
        Tokens::Open => "open",
        Tokens::Closed => "closed",
    };
    let unit = setting("unit", unit.as_deref(), "EUR");
    let public_url = setting("public_url", public_url.as_ref().map(BaseUrl::as_str), "https://pay.example.com");
    let tls = tls.as_ref().map(|files| [&files.certificate, &files.key].map(|path| path.to_string_lossy()));
    let [certificate, key] = match &tls {
        Some([certificate, key]) => [Some(certificate.as_ref()), Some(key.as_ref())],
        None => [None, None],
    };
    let tls_section = section("tls", tls.is_some());
    let certificate = setting("certificate", certificate, "/etc/letsencrypt/live/pay.example.com/fullchain.pem");
    let key = setting("key", key, "/etc/letsencrypt/live/pay.example.com/privkey.pem");
    let metrics_section = section("metrics", metrics.is_some());
    let metrics = setting("listen", metrics.map(|address| address.to_string()).as_deref(), "127.0.0.1:9464");
    let gateway = write_gateway(gateway);
    let keep = setting("keep", keep.map(|keep| keep.to_string()).as_deref(), "90d");
    let (table, url, secret_file) = match webhook {
        None => ("# [webhook]", None, None),
        Some(WebhookOptions { url, secret_file }) => ("[webhook]", Some(url.as_str()), secret_file.to_str()),
    };
    let webhook = setting("url", url, "https://shop.example.com/farthing-events");
    let secret_file = setting("secret_file", secret_file, "webhook.secret");
    format!(
        r#"# Settings of a Farthing verifier. Restart it after a change; `farthing verifier check-config` checks them first. What the command
# line says counts more.

# Which tokens invoices ask for: "open", cleared with the mint, or "closed", of a keyset that the mint
# issues for this payee alone and that this verifier's own store decides over.
tokens = "{tokens}"

# The unit's code. Needed when the mint issues several.
{unit}

# Whether tokens locked to this payee are taken. Their key must never be used by a second verifier.
locked = {locked}

# Where payers reach this service. If not set, the address it listens on.
{public_url}

# Where it listens. Others than this machine should reach it by TLS only.
listen = "{listen}"

# The log on standard error: "text", or "json" for programs that collect logs.
log_format = "{log_format}"

# TLS: PEM files of the certificate, with those between it and the root, and of its key. SIGHUP reads them again.
{tls_section}
{certificate}
{key}

# Figures for Prometheus at /metrics, beside /health and /ready. They tell how much business is done: keep the address private.
{metrics_section}
{metrics}

# What `farthing verifier gateway` sells, and where.
{gateway}

# Tokens locked to this payee are taken without asking the mint, also where there is no network
# (farthing verifier run --offline), and deposited later.
[offline]
# How old the list of the mint's keysets may be. A keyset that was revoked since then is not known to be.
max_list_age_hours = {max_list_age_hours}
# How much is taken before it is deposited, in the unit's smallest parts: 50000 is 500.00 of a unit with two decimals.
max_offline_value = {max_value}
# How much in one payment.
{max_payment}

[mint]
# The mint's address.
url = {url}
# The mint's identity. Whoever answers at the address must prove to be this mint.
id = {id}

[records]
# How long accepted payments are kept, in days: receipts, memos and what was served for them. Older ones are erased. If
# not set, they stay for ever.
{keep}

# Who is told of accepted payments, by signed requests (Standard Webhooks). The file holds the secret shared with it, from
# this folder on: `farthing verifier webhooks --new-secret` makes one.
{table}
{webhook}
{secret_file}
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

fn write_gateway(gateway: &GatewaySettings) -> String {
    let GatewaySettings { upstream, rules, listen, origins, max_body_kib, window_seconds, upstream_timeout_seconds } =
        gateway;
    let origins: Vec<String> = origins.iter().map(|origin| quoted(origin)).collect();
    let number = |name: &str, value: Option<u64>, usual: u64| match value {
        Some(value) => format!("{name} = {value}"),
        None => format!("# {name} = {usual}"),
    };
    let rules = rules.as_ref().map(|path| path.to_string_lossy());
    let lines = [
        section("gateway", *gateway != GatewaySettings::default()),
        "# The server whose answers are sold, and the file that says what they cost.".to_owned(),
        setting("upstream", upstream.as_deref(), "http://127.0.0.1:8000"),
        setting("rules", rules.as_deref(), "rules.toml"),
        setting("listen", listen.map(|address| address.to_string()).as_deref(), "127.0.0.1:8402"),
        "# Under which addresses clients reach it. Payments are bound to them.".to_owned(),
        match origins.as_slice() {
            [] => "# origins = [\"https://api.example.com\"]".to_owned(),
            some => format!("origins = [{}]", some.join(", ")),
        },
        "# The largest body of a request that costs something.".to_owned(),
        number("max_body_kib", max_body_kib.and_then(|kib| u64::try_from(kib).ok()), 1024),
        "# How long a payment is served again, and how long the server behind is waited for.".to_owned(),
        number("window_seconds", *window_seconds, 600),
        number("upstream_timeout_seconds", *upstream_timeout_seconds, 25),
    ];
    lines.map(|line| line + "\n").concat()
}

fn section(name: &str, set: bool) -> String {
    if set { format!("[{name}]") } else { format!("# [{name}]") }
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
            listen: "[::1]:0".parse().unwrap(),
            tls: Some(TlsFiles { certificate: "a \"b\".pem".into(), key: "/c.pem".into() }),
            metrics: Some("127.0.0.1:1".parse().unwrap()),
            log_format: LogFormat::Json,
            gateway: GatewaySettings {
                upstream: Some("http://127.0.0.1:1".into()),
                rules: Some("a'b.toml".into()),
                listen: Some("127.0.0.1:2".parse().unwrap()),
                origins: vec!["https://a".into(), "https://b".into()],
                max_body_kib: Some(1),
                window_seconds: Some(2),
                upstream_timeout_seconds: Some(3),
            },
            webhook: Some(WebhookOptions {
                url: Endpoint::parse("https://shop.example/hook?a=b").unwrap(),
                secret_file: "a \"secret\"".into(),
            }),
            keep: Some("90d".parse().unwrap()),
            offline: OfflineOptions {
                max_list_age_hours: 3,
                limits: LockedLimits { outstanding: Amount::new(7), payment: Amount::new(5) },
            },
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
        let kept = |keep: &str| read(&text.replace("# keep = \"90d\"", &format!("keep = \"{keep}\"")));
        assert_eq!(kept("7d").unwrap().2.keep.unwrap().seconds(), 7 * 86_400);
        assert!(kept("7").is_err());
    }
}
