//! `farthing wallet passphrase`

use anyhow::{Context, Result};
use farthing_wallet::{Protection, Wallet};
use serde::Serialize;

use super::open::Place;
use crate::args::WalletPassphrase;
use crate::output::{Answer, Screen};
use crate::unlock;

/// The passphrase was changed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PassphraseAnswer {
    /// Whether there is one now.
    protected: bool,
}

pub(super) async fn passphrase(place: &Place, args: WalletPassphrase) -> Result<PassphraseAnswer> {
    let folder = place.folder()?;
    let unlock = unlock::unlock(&folder, &place.common.unlocking)?;
    let protection = unlock::changed_protection(&args.new)?;
    let protected = !matches!(protection, Protection::NoPassphrase);
    let changed = Wallet::change_passphrase(&folder, unlock, protection, &place.options()).await;
    changed.with_context(|| format!("the passphrase of {} was not changed", folder.display()))?;
    Ok(PassphraseAnswer { protected })
}

impl Answer for PassphraseAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(if self.protected {
            "passphrase changed"
        } else {
            "the wallet has no passphrase any more: protect its folder like cash"
        });
    }
}
