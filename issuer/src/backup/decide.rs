//! Saying what became of the original of a mint that was put back from a copy.

use std::sync::Arc;

use farthing_durable::Options;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{KeysetsAnswer, SecondFactor};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetList};

use super::{BackupError, Proof};
use crate::home::MintHome;
use crate::keysets::KeysetBook;
use crate::ledger::{self, Duty, HeldLedger, Loss};

/// What became of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It answered nothing after the copy was taken, and never will: the mint goes on as it was.
    NothingLost,
    /// It did, or nobody knows. What it answered is lost. Whatever was a token then may have been spent since: all keysets are revoked, so that
    /// nothing is redeemed twice. Recovery codes may have been used since: those of the administrator and of all accounts are void.
    AcceptLoss,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When the copy was taken.
    pub copied_at: UnixTime,
    /// The keysets that were revoked.
    pub revoked: Vec<KeysetId>,
}

/// Lets a mint that was put back from a copy be served again. `newest` is the newest answer of the original at `/v1/keysets` that anybody has kept: with it
/// the mint knows the keysets that were published after the copy, and never makes another one in the place of one of them.
///
/// # Errors
/// A [`BackupError`]; [`BackupError::WentOn`] if nothing should be lost and something certainly is, [`BackupError::Factor`] if the administrator has a
/// second factor that was not proven.
///
/// # Security
/// With [`Decision::NothingLost`] the caller answers for it that the original is out of service and answered nothing after the copy. What can be seen of
/// the contrary is refused: a fence, or a list that was signed later.
pub fn decide(
    home: &MintHome,
    decision: Decision,
    newest: Option<KeysetsAnswer>,
    proof: Proof,
    now: UnixTime,
) -> Result<Decided, BackupError> {
    let ledger = HeldLedger::open(&home.ledger(), home.ledger_options(Options::new()), *home.mint_id())?;
    let Duty::Undecided { copied_at, went_on } = ledger.lineage()?.duty else {
        return Err(BackupError::NothingToDecide);
    };
    let stored = ledger.run(|txn| ledger::stored_list(txn))?;
    let newest = newest.map(|answer| Newest::read(home, answer, stored.as_ref())).transpose()?;
    if decision == Decision::NothingLost {
        if went_on {
            return Err(BackupError::WentOn("the fence beside the mint's folder says so"));
        }
        if newest.is_some_and(|newest| newest.is_later) {
            return Err(BackupError::WentOn("it has signed a later list of keysets"));
        }
        let authority = proof.judge(home, &ledger, now)?;
        ledger.run_at(now, move |txn, now| ledger::nothing_lost(txn, now, &authority, copied_at))?;
        return Ok(Decided { copied_at, revoked: Vec::new() });
    }
    if let Proof::Code(Some(SecondFactor::Recovery(_))) = proof {
        return Err(BackupError::RecoveryCode);
    }
    let authority = proof.judge(home, &ledger, now)?;
    let mut keysets = home.load_keysets()?;
    let mut list = None;
    if let Some(newest) = newest {
        for keyset in newest.keysets {
            if keysets.iter().all(|known| known.id() != keyset.id()) {
                home.store_keyset(&keyset)?;
                keysets.push(keyset);
            }
        }
        list = Some(newest.list);
    }
    let revoked: Vec<KeysetId> =
        keysets.iter().filter(|keyset| now < keyset.terms().deposit_until).map(|keyset| *keyset.id()).collect();
    let loss = Loss { copied_at, keysets: revoked.clone(), list };
    ledger.run_at(now, move |txn, now| ledger::accept_loss(txn, now, &authority, &loss))?;
    Ok(Decided { copied_at, revoked })
}

/// A verified answer of the original.
struct Newest {
    list: KeysetList,
    keysets: Vec<Arc<Keyset>>,
    /// Whether it was signed after the copy was taken.
    is_later: bool,
}

impl Newest {
    fn read(home: &MintHome, answer: KeysetsAnswer, stored: Option<&KeysetList>) -> Result<Self, BackupError> {
        let KeysetsAnswer { list, keysets } = answer;
        // It may have expired: what counts is that nothing of the copy's is taken back by it.
        list.accept(home.mint_id(), stored, list.issued_at())?;
        let mut verified = Vec::new();
        for document in keysets {
            verified.push(Arc::new(document.verify().map_err(|_| BackupError::ListIncomplete)?));
        }
        let book = KeysetBook::new(verified.clone(), list.revocations().to_vec());
        if book.map_err(|_| BackupError::ListIncomplete)?.heads() != list.heads() {
            return Err(BackupError::ListIncomplete);
        }
        let is_later = stored.is_none_or(|stored| list.issued_at() > stored.issued_at());
        Ok(Self { list, keysets: verified, is_later })
    }
}
