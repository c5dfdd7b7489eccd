//! Second factors: drawn, confirmed by a first code, and judged, each code once.
//!
//! ```text
//! (none) ── draw ──▶ pending ── first code ──▶ active ── draw ──▶ active, and another pending ── first code ──▶ active
//! ```
//!
//! Whoever judges a code MUST let the transaction become durable whatever the verdict is: a wrong code counts, and a right one is used.

use std::fmt;

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{Enrolment, FactorSecret, FactorState, RecoveryCode, SecondFactor, TimeCode};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Secret};

use super::LedgerError;
use super::authority::Who;
use super::records::{Table, get, put, scan, scan_keys};
use crate::keys::{FactorKey, SealedFactor};

/// So many wrong codes in a row, and those of the authenticator are refused for a while.
const FAILURES: u8 = 5;
/// For how long at first, in seconds; then twice as long each time.
const LOCKED: u64 = 900;
/// So often it is doubled: to sixteen hours.
const DOUBLED: u8 = 6;
/// How long a factor that was drawn waits for its first code, in seconds.
const PENDING_LASTS: u64 = 3600;
/// A code of this many steps of 30 seconds before or after now is taken (RFC 6238, section 5.2).
const SKEW: u16 = 1;
/// How long a step is, in seconds.
const STEP: u64 = 30;

/// Whose second factor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Administrator,
    Owner(AccountKey),
}

impl Holder {
    fn key(&self) -> Vec<u8> {
        match self {
            Self::Administrator => vec![1],
            Self::Owner(account) => [&[2], account.as_bytes().as_slice()].concat(),
        }
    }
}

/// Why a code is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is wrong, or was used before, or there is no factor.
    Wrong,
    /// It is wrong, and one too many: until then codes of the authenticator are refused.
    NowLocked(UnixTime),
    /// Codes of the authenticator are refused until then, as they were before.
    Locked(UnixTime),
    /// The key under which its secret lies is lost: no code of the authenticator can be judged, and none counts.
    Lost,
}

/// What a code is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// It is right, and used up.
    Right(Means),
    Refused(Refused),
}

/// What was proven with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    Authenticator,
    RecoveryCode,
}

impl Means {
    /// Whose hand it was, of an administrator's factor.
    pub(crate) const fn administrator(self) -> Who {
        match self {
            Self::Authenticator => Who::Administrator,
            Self::RecoveryCode => Who::AdministratorRecovered,
        }
    }
}

/// What its holder may know of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: FactorState,
    /// Whether another one was drawn that waits for its first code.
    pub(crate) waiting: bool,
    pub(crate) recovery_codes_left: u8,
    pub(crate) locked_until: Option<UnixTime>,
}

/// Whether codes of this holder are asked for.
pub(crate) fn is_active(txn: &Txn<'_>, holder: &Holder) -> Result<bool, LedgerError> {
    Ok(active(txn, holder)?.is_some())
}

/// How the factor of a holder stands.
pub(crate) fn standing(txn: &Txn<'_>, now: UnixTime, holder: &Holder) -> Result<Standing, LedgerError> {
    let (active, waiting) = (active(txn, holder)?, pending(txn, now, holder)?.is_some());
    let state = match (&active, waiting) {
        (Some(_), _) => FactorState::Active,
        (None, true) => FactorState::Pending,
        (None, false) => FactorState::None,
    };
    let left = active.as_ref().map_or(0, |row| row.recovery.hashes.len());
    Ok(Standing {
        state,
        waiting,
        recovery_codes_left: u8::try_from(left).unwrap_or(u8::MAX),
        locked_until: active.and_then(|row| row.locked(now)),
    })
}

/// Keeps a factor that was drawn, until its first code comes. One that waited before is void.
pub(crate) fn draw(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    holder: &Holder,
    drawn: &Enrolment,
) -> Result<(), LedgerError> {
    let secret = key.seal(&holder.key(), &drawn.secret).map_err(|error| {
        tracing::error!(%error, "the key for second factors cannot be used");
        LedgerError::Stopped
    })?;
    let recovery = Recovery::of(&drawn.recovery_codes);
    let row = PendingRow { secret: Sealed(secret), recovery, drawn_at: now, failures: 0 };
    put(txn, Table::FactorPending, &holder.key(), &row)
}

/// Judges the first code of the factor that waits. A right one makes it the one that is asked for; after five wrong ones it is void.
pub(crate) fn confirm(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    holder: &Holder,
    code: &TimeCode,
) -> Result<Verdict, LedgerError> {
    let Some(mut row) = pending(txn, now, holder)? else { return Ok(Verdict::Refused(Refused::Wrong)) };
    let Some(secret) = row.secret.open(key, holder) else { return Ok(Verdict::Refused(Refused::Lost)) };
    let key = holder.key();
    let Some(step) = step(&secret, code, now) else {
        row.failures = row.failures.saturating_add(1);
        if row.failures < FAILURES {
            put(txn, Table::FactorPending, &key, &row)?;
        } else {
            txn.delete(&Table::FactorPending.key(&key))?;
        }
        return Ok(Verdict::Refused(Refused::Wrong));
    };
    let PendingRow { secret, recovery, .. } = row;
    let row =
        FactorRow { secret, recovery, last_step: step, failures: 0, lockings: 0, locked_until: UnixTime::default() };
    put(txn, Table::Factor, &key, &row)?;
    txn.delete(&Table::FactorPending.key(&key))?;
    Ok(Verdict::Right(Means::Authenticator))
}

/// Judges a code of the factor that is asked for.
///
/// A code is good once: of the authenticator's, none of a step that was used or is before it. A recovery code is looked at even while
/// those of the authenticator are not; it ends that.
pub(crate) fn judge(
    txn: &mut Txn<'_>,
    now: UnixTime,
    key: &FactorKey,
    holder: &Holder,
    code: &SecondFactor,
) -> Result<Verdict, LedgerError> {
    let Some(mut row) = active(txn, holder)? else { return Ok(Verdict::Refused(Refused::Wrong)) };
    let verdict = row.judge(now, row.secret.open(key, holder).as_ref(), code);
    put(txn, Table::Factor, &holder.key(), &row)?;
    Ok(verdict)
}

/// Puts other recovery codes in the place of all.
pub(crate) fn replace_codes(txn: &mut Txn<'_>, holder: &Holder, codes: &[RecoveryCode]) -> Result<(), LedgerError> {
    let Some(mut row) = active(txn, holder)? else { return Ok(()) };
    row.recovery = Recovery::of(codes);
    put(txn, Table::Factor, &holder.key(), &row)
}

/// Takes a factor away, and one that waits. Whether there was one that was asked for.
pub(crate) fn remove(txn: &mut Txn<'_>, holder: &Holder) -> Result<bool, LedgerError> {
    let was_active = is_active(txn, holder)?;
    txn.delete(&Table::Factor.key(&holder.key()))?;
    txn.delete(&Table::FactorPending.key(&holder.key()))?;
    Ok(was_active)
}

/// Voids what was told of factors, or proven with them, while nobody knows which codes were used: recovery codes, codes of authenticators up to
/// now, and factors that wait for their first code.
pub(crate) fn distrust(txn: &mut Txn<'_>, now: UnixTime) -> Result<(), LedgerError> {
    let mut rows: Vec<(Vec<u8>, FactorRow)> = Vec::new();
    scan(txn, Table::Factor, &[], &mut |key, row| {
        rows.push((key.to_vec(), row));
        Ok(())
    })?;
    for (key, mut row) in rows {
        row.distrust(now);
        put(txn, Table::Factor, &key, &row)?;
    }
    for key in scan_keys(txn, Table::FactorPending, &[], None, usize::MAX)? {
        txn.delete(&Table::FactorPending.key(&key))?;
    }
    // One that was used up since would be good again; and nothing is answered of one that is void.
    for table in [Table::Permits, Table::Judged] {
        for key in scan_keys(txn, table, &[], None, usize::MAX)? {
            txn.delete(&table.key(&key))?;
        }
    }
    Ok(())
}

fn active(txn: &Txn<'_>, holder: &Holder) -> Result<Option<FactorRow>, LedgerError> {
    get(txn, Table::Factor, &holder.key())
}

fn pending(txn: &Txn<'_>, now: UnixTime, holder: &Holder) -> Result<Option<PendingRow>, LedgerError> {
    let row: Option<PendingRow> = get(txn, Table::FactorPending, &holder.key())?;
    Ok(row.filter(|row| now <= row.drawn_at.plus(PENDING_LASTS)))
}

/// The time step of which a code is, if it is one of those around now.
fn step(secret: &FactorSecret, code: &TimeCode, now: UnixTime) -> Option<u64> {
    let totp = Builder::new().with_secret(Secret::new_stack(*secret.as_bytes())).with_skew(SKEW).build().ok()?;
    totp.check(&code.digits(), now.seconds())
}

/// A secret, sealed under the mint's [`FactorKey`] for its holder.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sealed(SealedFactor);

impl Sealed {
    fn open(&self, key: &FactorKey, holder: &Holder) -> Option<FactorSecret> {
        key.unseal(&holder.key(), &self.0)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(<redacted>)")
    }
}

impl Encode for Sealed {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Sealed {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

/// A factor that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FactorRow {
    secret: Sealed,
    recovery: Recovery,
    /// The last step of which a code was used.
    last_step: u64,
    /// Wrong codes in a row.
    failures: u8,
    /// How often it was locked since the last right code.
    lockings: u8,
    locked_until: UnixTime,
}

impl FactorRow {
    /// `secret` is its own, as far as it can be opened.
    fn judge(&mut self, now: UnixTime, secret: Option<&FactorSecret>, code: &SecondFactor) -> Verdict {
        let means = match code {
            SecondFactor::Recovery(code) => self.recovery.take(code).then_some(Means::RecoveryCode),
            SecondFactor::Time(code) => {
                if let Some(until) = self.locked(now) {
                    return Verdict::Refused(Refused::Locked(until));
                }
                let Some(secret) = secret else { return Verdict::Refused(Refused::Lost) };
                step(secret, code, now).filter(|step| *step > self.last_step).map(|step| {
                    self.last_step = step;
                    Means::Authenticator
                })
            }
        };
        match means {
            Some(means) => {
                (self.failures, self.lockings, self.locked_until) = (0, 0, UnixTime::default());
                Verdict::Right(means)
            }
            None => Verdict::Refused(self.fail(now)),
        }
    }

    fn distrust(&mut self, now: UnixTime) {
        self.recovery.hashes.clear();
        // The last one that could have been accepted until now.
        self.last_step = self.last_step.max((now.seconds() / STEP).saturating_add(SKEW.into()));
    }

    /// Until when codes of the authenticator are refused, if they are. No lock is longer than the longest: one that is was set by a clock
    /// that was ahead.
    fn locked(&self, now: UnixTime) -> Option<UnixTime> {
        let longest = now.plus(LOCKED << DOUBLED);
        Some(self.locked_until).filter(|until| now < *until && *until <= longest)
    }

    fn fail(&mut self, now: UnixTime) -> Refused {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES {
            return Refused::Wrong;
        }
        let seconds = LOCKED << self.lockings.min(DOUBLED);
        self.failures = 0;
        self.lockings = self.lockings.saturating_add(1);
        let was_locked = self.locked(now).is_some();
        // A wrong recovery code makes no lock shorter.
        self.locked_until = self.locked(now).unwrap_or_default().max(now.plus(seconds));
        if was_locked { Refused::Locked(self.locked_until) } else { Refused::NowLocked(self.locked_until) }
    }
}

/// A factor that waits for its first code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PendingRow {
    secret: Sealed,
    recovery: Recovery,
    drawn_at: UnixTime,
    failures: u8,
}

/// Salted hashes of recovery codes that were not used. A code has 80 random bits: no slow hash is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Recovery {
    salt: [u8; 16],
    hashes: Vec<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hash([u8; 32]);

impl Recovery {
    fn of(codes: &[RecoveryCode]) -> Self {
        let mut recovery = Self { salt: crate::random(), hashes: Vec::new() };
        recovery.hashes = codes.iter().map(|code| recovery.hash(code)).collect();
        recovery
    }

    fn hash(&self, code: &RecoveryCode) -> Hash {
        let mut digest = Sha256::new();
        digest.update(b"farthing/recovery-code/1");
        digest.update(self.salt);
        digest.update(code.as_bytes());
        Hash(digest.finalize().into())
    }

    /// Uses a code up, if it is one of them. What is compared are hashes: their bytes tell a guesser nothing.
    fn take(&mut self, code: &RecoveryCode) -> bool {
        let hash = self.hash(code);
        let before = self.hashes.len();
        self.hashes.retain(|known| *known != hash);
        self.hashes.len() < before
    }
}

impl Encode for Hash {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Hash {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl Encode for Recovery {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.salt);
        out.list(&self.hashes);
    }
}

impl Decode for Recovery {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { salt: input.array()?, hashes: input.list(RecoveryCode::COUNT)? })
    }
}

impl Encode for FactorRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.secret);
        out.part(&self.recovery);
        out.u64(self.last_step);
        out.u8(self.failures);
        out.u8(self.lockings);
        out.part(&self.locked_until);
    }
}

impl Decode for FactorRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            secret: input.part()?,
            recovery: input.part()?,
            last_step: input.u64()?,
            failures: input.u8()?,
            lockings: input.u8()?,
            locked_until: input.part()?,
        })
    }
}

impl Encode for PendingRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.secret);
        out.part(&self.recovery);
        out.part(&self.drawn_at);
        out.u8(self.failures);
    }
}

impl Decode for PendingRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { secret: input.part()?, recovery: input.part()?, drawn_at: input.part()?, failures: input.u8()? })
    }
}

#[cfg(test)]
mod tests;
