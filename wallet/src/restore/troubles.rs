//! Files that cannot be read: each costs itself, and is told when all others were read.

use farthing_http::client::CallError;

use super::RestoreError;
use crate::error::MintError;

/// After so many files in a row that did not come, the mint is not reached rather than a file lost.
const IN_A_ROW: u32 = 4;

/// What went wrong in a round.
#[derive(Default)]
pub(super) struct Troubles {
    worst: Option<RestoreError>,
    /// A file did not come, and the mint has not answered since.
    lost: Option<RestoreError>,
    in_a_row: u32,
}

impl Troubles {
    /// The mint answered.
    pub(super) fn answered(&mut self) {
        self.in_a_row = 0;
        if let Some(lost) = self.lost.take() {
            self.worst.get_or_insert(lost);
        }
    }

    /// Notes what is wrong with a file, so that the others are read.
    ///
    /// # Errors
    /// The error, when it is of more than one file.
    pub(super) fn note(&mut self, error: RestoreError) -> Result<(), RestoreError> {
        match error {
            RestoreError::Lie { .. } => {
                self.answered();
                self.worst = Some(error);
            }
            RestoreError::File(_) => {
                self.answered();
                self.worst.get_or_insert(error);
            }
            RestoreError::Mint(MintError::Call(ref call)) if is_passing(call) => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                if self.in_a_row >= IN_A_ROW {
                    return Err(error);
                }
                self.lost.get_or_insert(error);
            }
            RestoreError::Mint(MintError::Call(_)) => {
                self.answered();
                self.worst.get_or_insert(error);
            }
            _ => return Err(error),
        }
        Ok(())
    }

    /// Requires that the mint answered after whatever did not come.
    ///
    /// # Errors
    /// That of what did not come.
    pub(super) fn require_reached(&mut self) -> Result<(), RestoreError> {
        self.lost.take().map_or(Ok(()), Err)
    }

    /// The worst that happened.
    pub(super) fn into_worst(self) -> Option<RestoreError> {
        self.worst
    }
}

/// Whether a call failed because the mint cannot be reached or is not well, and not because of what was asked for.
fn is_passing(call: &CallError) -> bool {
    matches!(call, CallError::NotSent(_) | CallError::Unknown(_) | CallError::Refused(_, 408 | 429 | 500..))
}
