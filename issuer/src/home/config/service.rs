//! `[service]`

use std::net::SocketAddr;
use std::path::PathBuf;

use farthing_http::client::BaseUrl;
use farthing_verifier::home::{LogFormat, TlsFiles};
use serde::Deserialize;

use crate::home::HomeError;
use crate::home::options::{DEFAULT_LISTEN, ServiceOptions};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    listen: Option<SocketAddr>,
    public_url: Option<BaseUrl>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    alert_command: Vec<String>,
    audit_seconds: Option<u64>,
    log_format: LogFormat,
}

impl Service {
    pub(super) fn options(self) -> Result<ServiceOptions, HomeError> {
        let Self { listen, public_url, certificate, key, metrics, alert_command, audit_seconds, log_format } = self;
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err(HomeError::HalfTls),
        };
        let audit_seconds = audit_seconds.unwrap_or(ServiceOptions::default().audit_seconds);
        if audit_seconds == 0 {
            return Err(HomeError::Config);
        }
        Ok(ServiceOptions {
            listen: listen.unwrap_or(DEFAULT_LISTEN),
            public_url,
            tls,
            metrics,
            alert_command,
            audit_seconds,
            log_format,
        })
    }
}

pub(super) fn text(service: &ServiceOptions) -> String {
    let ServiceOptions { listen, public_url, tls, metrics, alert_command, audit_seconds, log_format } = service;
    let public_url = setting("public_url", public_url.as_ref().map(BaseUrl::as_str), "https://mint.example.com");
    let tls = tls.as_ref().map(|files| [&files.certificate, &files.key].map(|path| path.to_string_lossy()));
    let [certificate, key] = match &tls {
        Some([certificate, key]) => [Some(certificate.as_ref()), Some(key.as_ref())],
        None => [None, None],
    };
    let certificate = setting("certificate", certificate, "/etc/letsencrypt/live/mint.example.com/fullchain.pem");
    let key = setting("key", key, "/etc/letsencrypt/live/mint.example.com/privkey.pem");
    let metrics = setting("metrics", metrics.map(|address| address.to_string()).as_deref(), "127.0.0.1:9465");
    let words: Vec<String> = alert_command.iter().map(|word| quoted(word)).collect();
    let alert = match words.as_slice() {
        [] => "# alert_command = [\"/usr/local/bin/farthing-alert\"]".to_owned(),
        words => format!("alert_command = [{}]", words.join(", ")),
    };
    format!(
        "\
# Where the mint is served, and how it is watched. What the command line says counts more. Restart it after a change;
# `farthing mint check-config` checks everything first.
[service]

# Where it listens. Others than this machine should reach it by TLS only.
listen = \"{listen}\"

# The address under which wallets and merchants reach it. If not set, the one it listens on.
{public_url}

# TLS: PEM files of the certificate, with those between it and the root, and of its key. SIGHUP reads them again.
{certificate}
{key}

# Figures for Prometheus at /metrics, beside /health and /ready. They tell how much money there is: keep the address private.
{metrics}

# A program, with its arguments, that is run when the mint stops issuing and when it goes on. FARTHING_ALERT says what
# about, FARTHING_ALERT_STATE whether it \"began\" or \"ended\", FARTHING_ALERT_TEXT says it in a sentence.
{alert}

# The books are added up every second from their running totals, and so often from every record.
audit_seconds = {audit_seconds}

# The log on standard error: \"text\", or \"json\" for programs that collect logs.
log_format = \"{log_format}\"
",
        log_format = log_format.name(),
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
