//! The mint's configuration file.

use farthing_protocol::amount::{Denomination, Fees, Unit};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::{Bundle, Redemption};
use serde::{Deserialize, Serialize};

use super::{ArchiveTimes, HomeError, InitOptions, Windows};
use crate::keys::Protection;

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
    pub(crate) fees: Fees,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) archive: ArchiveTimes,
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
    archive: Archive,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Archive {
    seal_seconds: Option<u64>,
    filter_seconds: Option<u64>,
}

impl Archive {
    /// What is not said is as usual, or as seldom as it must be.
    fn times(&self, windows: &Windows) -> Result<ArchiveTimes, HomeError> {
        let (least, usual) = (ArchiveTimes::least(windows), ArchiveTimes::default());
        let seal = self.seal_seconds.unwrap_or(usual.seal.max(least.seal));
        let filter = self.filter_seconds.unwrap_or(usual.filter.max(least.filter));
        if seal < least.seal || filter < least.filter {
            return Err(HomeError::ArchiveTimes(least));
        }
        Ok(ArchiveTimes { seal, filter })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keysets {
    denominations: u8,
    redemption: String,
    #[serde(default)]
    closed_to: Vec<PayeeKey>,
    issue_seconds: u64,
    spend_seconds: u64,
    deposit_seconds: u64,
    withdrawal_fee_ppm: u32,
    deposit_fee_ppm: u32,
    bundles: Vec<Vec<(u8, u16)>>,
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
            fees: options.fees,
            bundles: options.bundles.clone(),
            archive: options.archive,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, HomeError> {
        let file: File = toml::from_str(text).map_err(|_| HomeError::Config)?;
        let keysets = file.keysets;
        let windows =
            Windows { issue: keysets.issue_seconds, spend: keysets.spend_seconds, deposit: keysets.deposit_seconds };
        let archive = file.archive.times(&windows)?;
        let redemption = match keysets.redemption.as_str() {
            "open" => Redemption::Open,
            payee => Redemption::Closed(PayeeKey::from_text(payee).map_err(|_| HomeError::Config)?),
        };
        let bundle = |counts: &Vec<(u8, u16)>| {
            let counts: Option<Vec<_>> =
                counts.iter().map(|(d, count)| Some((Denomination::new(*d)?, *count))).collect();
            Bundle::new(counts.ok_or(HomeError::Config)?).map_err(|_| HomeError::Config)
        };
        Ok(Self {
            mint: file.mint,
            protection: file.protection,
            unit: Unit::new(&file.unit, file.decimals).map_err(|_| HomeError::Config)?,
            denominations: keysets.denominations,
            redemption,
            closed_to: keysets.closed_to,
            windows,
            fees: Fees { withdrawal_ppm: keysets.withdrawal_fee_ppm, deposit_ppm: keysets.deposit_fee_ppm },
            bundles: keysets.bundles.iter().map(bundle).collect::<Result<_, _>>()?,
            archive,
        })
    }

    /// The file, with comments.
    pub(crate) fn to_text(&self) -> String {
        let protection = match self.protection {
            ProtectionKind::Passphrase => "passphrase",
            ProtectionKind::KeyFile => "key_file",
        };
        let redemption = match self.redemption {
            Redemption::Open => "open".to_owned(),
            Redemption::Closed(payee) => payee.to_text(),
        };
        let closed_to: Vec<String> = self.closed_to.iter().map(|payee| format!("\"{}\"", payee.to_text())).collect();
        let bundles: Vec<String> = self.bundles.iter().map(bundle_text).collect();
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

# What the NEXT keyset will be like. A keyset that exists never changes.
[keysets]

# Tokens of 1, 2, 4, ... 2^(n-1) units.
denominations = {denominations}

# \"open\": tokens may be spent with any payee and are cleared here. Or a payee's key: with that payee only.
redemption = \"{redemption}\"

# Payees who are one operator with this mint and keep no store of spent tokens of their own: keysets closed to them
# are decided in this ledger. Never name a payee here who has a store: a token could then be spent twice.
closed_to = [{closed_to}]

# How long tokens are issued, how long they can be spent after that, how long payees can deposit after that.
issue_seconds = {issue}
spend_seconds = {spend}
deposit_seconds = {deposit}

# Fees in parts per million. Swaps are always free.
withdrawal_fee_ppm = {withdrawal}
deposit_fee_ppm = {deposit_fee}

# What a wallet can withdraw at once, as [exponent, count]: [3, 2] means two tokens of 2^3. Few, so that wallets
# look alike.
bundles = [
{bundles}]

# What is published so that wallets can be restored from their words: issuances in files sealed every so many seconds,
# spent tokens in filters closed every so many seconds. A restore is finished after the next sealing. What was published
# stays listed, so there are at most 20000 of each in the life of a keyset.
[archive]
seal_seconds = {seal}
filter_seconds = {filter}
",
            mint = self.mint.to_text(),
            unit = self.unit.code(),
            decimals = self.unit.exponent(),
            denominations = self.denominations,
            closed_to = closed_to.join(", "),
            issue = self.windows.issue,
            spend = self.windows.spend,
            deposit = self.windows.deposit,
            withdrawal = self.fees.withdrawal_ppm,
            deposit_fee = self.fees.deposit_ppm,
            bundles = bundles.concat(),
            seal = self.archive.seal,
            filter = self.archive.filter,
        )
    }
}

fn bundle_text(bundle: &Bundle) -> String {
    let counts: Vec<String> = bundle.counts().iter().map(|(d, count)| format!("[{}, {count}]", d.exponent())).collect();
    format!("    [{}],\n", counts.join(", "))
}
