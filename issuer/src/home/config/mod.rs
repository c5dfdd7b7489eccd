//! The mint's configuration file: one file for each section of it.

mod accounts;
mod archive;
mod data;
mod funding;
mod keysets;
mod limits;
mod service;
mod signer;

pub(crate) use data::{Data, with_fence};
use farthing_protocol::amount::{Fees, Unit};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::{Bundle, Redemption};
use serde::{Deserialize, Serialize};

use super::{ArchiveTimes, HomeError, InitOptions, KeysetSettings, ServiceOptions, Windows};
use crate::keys::Protection;
use crate::ledger::AccountRules;
use crate::limits::{IssueLimits, RequestRates};
pub(crate) use keysets::{Keysets, text as keysets_text};
pub(crate) use signer::{SignerAt, SignerPlace, text as signer_text};

pub(crate) use funding::Funding;

/// What protects the mint's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionKind {
    /// A passphrase.
    Passphrase,
    /// A key file.
    KeyFile,
}

/// The settings as they are used.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) mint: MintId,
    pub(crate) protection: ProtectionKind,
    pub(crate) unit: Unit,
    pub(crate) denominations: u8,
    pub(crate) redemption: Redemption,
    pub(crate) closed_to: Vec<PayeeKey>,
    pub(crate) windows: Windows,
    /// So many seconds before a keyset ceases to issue the next one is made.
    pub(crate) ahead: u64,
    pub(crate) fees: Fees,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) archive: ArchiveTimes,
    pub(crate) service: ServiceOptions,
    pub(crate) limits: IssueLimits,
    pub(crate) rates: RequestRates,
    /// Where the signer is, if it is a process of its own.
    pub(crate) signer: Option<SignerPlace>,
    pub(crate) funding: Funding,
    pub(crate) data: Data,
    pub(crate) accounts: AccountRules,
}

/// The settings as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mint: MintId,
    protection: ProtectionKind,
    unit: String,
    decimals: u8,
    keysets: Keysets,
    /// A mint made before there were archives has none.
    #[serde(default)]
    archive: archive::Archive,
    #[serde(default)]
    service: service::Service,
    #[serde(default)]
    limits: limits::Limits,
    /// Without it the mint holds its keys itself.
    signer: Option<signer::Section>,
    #[serde(default)]
    funding: funding::File,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    accounts: accounts::Accounts,
}

impl Config {
    pub(crate) fn new(mint: MintId, options: &InitOptions) -> Self {
        Self {
            mint,
            protection: match options.protection {
                Protection::Passphrase { .. } => ProtectionKind::Passphrase,
                Protection::KeyFile(_) => ProtectionKind::KeyFile,
            },
            unit: options.unit.clone(),
            denominations: options.denominations,
            redemption: options.redemption,
            closed_to: options.closed_to.clone(),
            windows: options.windows,
            ahead: options.ahead.unwrap_or_else(|| options.windows.usual_ahead()),
            fees: options.fees,
            bundles: options.bundles.clone(),
            archive: options.archive,
            service: options.service.clone(),
            limits: options.limits,
            rates: options.rates,
            signer: None,
            funding: Funding::default(),
            data: Data::default(),
            accounts: AccountRules::default(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, HomeError> {
        let file: File = toml::from_str(text)?;
        let keysets = file.keysets;
        let windows = keysets.windows();
        Ok(Self {
            mint: file.mint,
            protection: file.protection,
            unit: Unit::new(&file.unit, file.decimals).map_err(|_| HomeError::Config)?,
            denominations: keysets.denominations,
            redemption: keysets.redemption()?,
            windows,
            ahead: keysets.ahead()?,
            fees: keysets.fees(),
            bundles: keysets.bundles()?,
            closed_to: keysets.closed_to,
            archive: file.archive.times(&windows)?,
            service: file.service.options()?,
            limits: file.limits.issue()?,
            rates: file.limits.rates(),
            signer: file.signer.map(signer::Section::place).transpose()?,
            funding: file.funding.settings()?,
            data: file.data.checked()?,
            accounts: file.accounts.rules()?,
        })
    }

    /// What the next keyset is like.
    pub(crate) fn keyset_settings(&self) -> KeysetSettings {
        KeysetSettings {
            mint: self.mint,
            unit: self.unit.clone(),
            redemption: self.redemption,
            denominations: self.denominations,
            windows: self.windows,
            fees: self.fees,
            bundles: self.bundles.clone(),
        }
    }

    /// The file, with comments.
    pub(crate) fn to_text(&self) -> String {
        let protection = match self.protection {
            ProtectionKind::Passphrase => "passphrase",
            ProtectionKind::KeyFile => "key_file",
        };
        format!(
            "\
# A Farthing mint.

# The mint's identity, whose secret lies encrypted in keys/identity.key. It cannot be changed.
mint = \"{mint}\"

# What encrypts the secret keys: \"passphrase\" or \"key_file\".
protection = \"{protection}\"

# The currency unit, and how many decimals people see.
unit = \"{unit}\"
decimals = {decimals}

{service}
{keysets}
{limits}
{archive}
{funding}
{data}
{accounts}",
            mint = self.mint.to_text(),
            unit = self.unit.code(),
            decimals = self.unit.exponent(),
            service = service::text(&self.service),
            keysets = keysets::text(self),
            limits = limits::text(&self.limits, &self.rates),
            archive = archive::text(&self.archive),
            funding = funding::text(&self.funding),
            data = data::text(&self.data),
            accounts = accounts::text(&self.accounts),
        )
    }
}
