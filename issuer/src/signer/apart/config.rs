//! `signer.toml`

use std::net::SocketAddr;

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::MintId;
use farthing_verifier::home::LogFormat;
use serde::Deserialize;

use super::tls::TlsKey;
use super::wire::Purpose;
use crate::home::{Config, HomeError, KeysetSettings, Keysets, ProtectionKind, keysets_text};

/// How far ahead the next keyset is made at most, if nothing else is said, in seconds: 31 days.
const AHEAD: u64 = 31 * 86_400;

/// Keysets that are made within any 7 days, if nothing else is said: one is made in three months, and a few where keys leak.
const MADE: u64 = 4;

/// Keysets that are revoked within any 7 days, if nothing else is said: more than a mint has that were not buried, all of which are revoked
/// when its newest ledger is lost.
const REVOKED: u64 = 16;

/// What a signer issues at most within any 60 minutes, of all keysets of its unit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLimits {
    /// Withdrawn from accounts and vouchers. Nothing is no limit.
    pub withdrawn: Option<Amount>,
    /// Exchanged for other tokens. Nothing is no limit.
    pub swapped: Option<Amount>,
    /// How far ahead of its issue window the next keyset is made at most, in seconds.
    pub ahead: u64,
    /// How many keysets are made within any 7 days, at most.
    pub keysets_per_week: u64,
    /// How many keysets are revoked within any 7 days, at most.
    pub revocations_per_week: u64,
}

impl Default for ValueLimits {
    /// No limits on value; keysets at most 31 days ahead, 4 of them and 16 revocations in a week.
    fn default() -> Self {
        let (keysets_per_week, revocations_per_week) = (MADE, REVOKED);
        Self { withdrawn: None, swapped: None, ahead: AHEAD, keysets_per_week, revocations_per_week }
    }
}

impl ValueLimits {
    pub(super) const fn of(&self, purpose: Purpose) -> Option<Amount> {
        match purpose {
            Purpose::Withdrawal => self.withdrawn,
            Purpose::Swap => self.swapped,
        }
    }
}

/// The settings of a signer.
#[derive(Clone, Debug)]
pub(super) struct SignerConfig {
    pub(super) protection: ProtectionKind,
    pub(super) listen: Listen,
    pub(super) limits: ValueLimits,
    pub(super) settings: KeysetSettings,
    pub(super) log_format: LogFormat,
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Listen {
    /// On the socket in its folder.
    Socket,
    /// On TCP, for the mint that has this key.
    Tcp(SocketAddr, TlsKey),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mint: MintId,
    protection: ProtectionKind,
    unit: String,
    decimals: u8,
    listen: Option<SocketAddr>,
    mint_key: Option<TlsKey>,
    #[serde(default)]
    log_format: LogFormat,
    #[serde(default)]
    limits: Limits,
    keysets: Keysets,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    withdrawn_per_hour: Option<u64>,
    swapped_per_hour: Option<u64>,
    ahead_seconds: Option<u64>,
    keysets_per_week: Option<u64>,
    revocations_per_week: Option<u64>,
}

impl SignerConfig {
    pub(super) fn parse(text: &str) -> Result<Self, HomeError> {
        let File { mint, protection, unit, decimals, listen, mint_key, log_format, limits, keysets } =
            toml::from_str(text).map_err(|_| HomeError::Config)?;
        let listen = match (listen, mint_key) {
            (None, None) => Listen::Socket,
            (Some(address), Some(key)) => Listen::Tcp(address, key),
            _ => return Err(HomeError::Config),
        };
        let amount = |units: Option<u64>| units.map(|units| Amount::new(units).ok_or(HomeError::Config)).transpose();
        let limits = ValueLimits {
            withdrawn: amount(limits.withdrawn_per_hour)?,
            swapped: amount(limits.swapped_per_hour)?,
            ahead: limits.ahead_seconds.unwrap_or(AHEAD),
            keysets_per_week: limits.keysets_per_week.unwrap_or(MADE),
            revocations_per_week: limits.revocations_per_week.unwrap_or(REVOKED),
        };
        let settings = KeysetSettings {
            mint,
            unit: Unit::new(&unit, decimals).map_err(|_| HomeError::Config)?,
            redemption: keysets.redemption()?,
            denominations: keysets.denominations,
            windows: keysets.windows(),
            fees: keysets.fees(),
            bundles: keysets.bundles()?,
        };
        Ok(Self { protection, listen, limits, settings, log_format })
    }
}

/// The file, with comments.
pub(super) fn text(mint: &Config, listen: Listen, limits: &ValueLimits) -> String {
    let protection = match mint.protection {
        ProtectionKind::Passphrase => "passphrase",
        ProtectionKind::KeyFile => "key_file",
    };
    let listen = match listen {
        Listen::Socket => String::from("# It listens on the socket signer.sock in this folder.\n"),
        Listen::Tcp(address, key) => format!(
            "# It listens on TCP, with TLS, for the mint that has this key and for nobody else.\nlisten = \"{address}\"\nmint_key = \"{}\"\n",
            key.to_text()
        ),
    };
    let limit = |name: &str, value: Option<Amount>| match value {
        Some(amount) => format!("{name} = {}\n", amount.units()),
        None => format!("# {name} = 1000000\n"),
    };
    format!(
        "\
# The signer of a Farthing mint: the process that holds its secret keys.

# The mint's identity, whose secret lies encrypted in keys/identity.key.
mint = \"{mint_id}\"

# What encrypts the secret keys: \"passphrase\" or \"key_file\".
protection = \"{protection}\"

# The currency unit, and how many decimals people see.
unit = \"{unit}\"
decimals = {decimals}

{listen}
# The log on standard error: \"text\", or \"json\" for programs that collect logs.
log_format = \"text\"

# What is issued within any 60 minutes, at most, in the smallest units, of all keysets together: withdrawn from accounts and vouchers,
# and exchanged for other tokens. Whoever has broken into the mint can print no more than this unnoticed. Without a number there is no limit.
[limits]
{withdrawn}{swapped}
# How far ahead of its issue window the next keyset is made, at most.
ahead_seconds = {ahead}
# How many keysets are made, and how many are revoked, within any 7 days, at most. All of them stay in the list that everybody reads, for
# ever. Raise a number if you must do more than that.
keysets_per_week = {made}
revocations_per_week = {revoked}

{keysets}",
        mint_id = mint.mint.to_text(),
        unit = mint.unit.code(),
        decimals = mint.unit.exponent(),
        withdrawn = limit("withdrawn_per_hour", limits.withdrawn),
        swapped = limit("swapped_per_hour", limits.swapped),
        ahead = limits.ahead,
        made = limits.keysets_per_week,
        revoked = limits.revocations_per_week,
        keysets = keysets_text(mint),
    )
}
