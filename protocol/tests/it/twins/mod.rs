//! Every role's dishonest twin.

mod between;
mod keysets;
mod linking;
mod mint;
mod nonce_reuse;
mod payers;
mod recoup;
mod sessions;

use farthing_protocol::amount::Denomination;
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::{Keyset, SecretKeyset};

use crate::reference::world::world;

pub(crate) fn keyset() -> Keyset {
    Keyset::from_bytes(&world().document_bytes()).unwrap()
}

pub(crate) fn secrets(keyset: &Keyset) -> SecretKeyset {
    SecretKeyset::from_bytes(&world().secrets(), keyset).unwrap()
}

pub(crate) fn seed() -> Seed {
    Seed::from_bytes(world().seed)
}

pub(crate) fn context(keyset: &Keyset, n: u64, position: u32, d: u8) -> CoinContext {
    let number = IssuanceNumber::new(n);
    let issuance = IssuanceContext { mint: MintId::from_bytes(world().mint), keyset: *keyset.id(), number };
    CoinContext { issuance, position, denomination: Denomination::new(d).unwrap() }
}
