//! Who may change something in a ledger that is not served: whoever may at the running mint.

use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::SecondFactor;

use super::BackupError;
use crate::home::MintHome;
use crate::keys::{KeyHome, Unlock};
use crate::ledger::{Authority, HeldLedger, administrator};

/// How somebody shows that he may change something.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By a code of the administrator's second factor, as it is in this ledger. As long as none is enrolled no code is needed.
    Code(Option<SecondFactor>),
    /// By opening the mint's keys, where they are, for when the second factor and its recovery codes are lost.
    Keys(KeyHome, Unlock),
}

impl Proof {
    /// The right to make one change. A wrong code counts, and a right one is used up, whatever comes of the change.
    pub(super) fn judge(self, home: &MintHome, ledger: &HeldLedger, now: UnixTime) -> Result<Authority, BackupError> {
        match self {
            Self::Code(code) => {
                let key = home.factor_key()?;
                Ok(ledger.run_at(now, move |txn, now| administrator::prove(txn, now, &key, code.as_ref()))??)
            }
            Self::Keys(keys, unlock) => {
                keys.open_identity(home.mint_id(), &unlock)?;
                Ok(Authority::of_the_keys())
            }
        }
    }
}
