use farthing_protocol::amount::{Fees, Unit, UnixTime};
use farthing_protocol::codec::DecodeError;
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::{Bundle, Keyset, KeysetTerms, Redemption};

use super::{HomeError, Windows};

/// What the next keyset of a mint is like.
#[derive(Clone, Debug)]
pub(crate) struct KeysetSettings {
    pub(crate) mint: MintId,
    pub(crate) unit: Unit,
    pub(crate) redemption: Redemption,
    pub(crate) denominations: u8,
    pub(crate) windows: Windows,
    pub(crate) fees: Fees,
    pub(crate) bundles: Vec<Bundle>,
}

impl KeysetSettings {
    /// The terms of the keyset after `previous`, which issues within a window.
    pub(crate) fn terms(
        &self,
        previous: Option<&Keyset>,
        (active_from, issue_until): (UnixTime, UnixTime),
    ) -> Result<KeysetTerms, HomeError> {
        let Self { windows, unit, redemption, fees, bundles, mint, .. } = self;
        let spend_until = issue_until.plus(windows.spend);
        let sequence = previous.map_or(Some(0), |previous| previous.terms().sequence.checked_add(1));
        Ok(KeysetTerms {
            mint: *mint,
            sequence: sequence.ok_or(HomeError::Settings(DecodeError::OutOfRange))?,
            predecessor: previous.map(|previous| *previous.id()),
            unit: unit.clone(),
            redemption: *redemption,
            active_from,
            issue_until,
            spend_until,
            deposit_until: spend_until.plus(windows.deposit),
            fees: *fees,
            bundles: bundles.clone(),
        })
    }
}
