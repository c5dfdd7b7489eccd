//! What the codes in owners' requests were worth, each judged once: the same signed bytes, sent again by whoever saw them, get the verdict
//! that was given then, and count nothing.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{PermitDraft, SettingsDraft};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use sha2::{Digest, Sha256};

use super::acts::Act;
use super::administrator::{FactorError, Judged};
use super::authority::Authority;
use super::factor::{Holder, Refused, Verdict};
use super::records::{Table, get, put};
use super::{LedgerError, journal};

/// So many verdicts of an account are kept at most. In the time for which they are, an authenticator shows twenty right codes.
const MOST: usize = 32;
/// For how long, in seconds: as long as a request can be taken that was judged, at most.
const LASTS: u64 = 2 * PermitDraft::MAX_SKEW;
const _: () = assert!(PermitDraft::MAX_SKEW == SettingsDraft::MAX_SKEW);

/// The hash of a request, without its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHash([u8; 32]);

impl RequestHash {
    pub(super) fn of_settings(draft: &SettingsDraft) -> Self {
        Self::of(b"farthing/judged/1/settings", draft)
    }

    pub(super) fn of_permit(draft: &PermitDraft) -> Self {
        Self::of(b"farthing/judged/1/permit", draft)
    }

    fn of(what: &[u8], draft: &impl Encode) -> Self {
        let mut bytes = Writer::default();
        draft.encode_to(&mut bytes);
        Self(Sha256::new_with_prefix(what).chain_update(bytes.finish()).finalize().into())
    }
}

/// Judges the code of a request by `code`, unless it was judged before: then it is refused again, if it was. What is refused is kept.
pub(super) fn judge<F>(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    request: &RequestHash,
    code: F,
) -> Judged<()>
where
    F: FnOnce(&mut Txn<'_>, &Holder) -> Result<Verdict, LedgerError>,
{
    if let Some(refused) = recall(txn, now, account, request)?.and_then(|worth| worth.refused(now)) {
        return Ok(Err(FactorError::refused(refused, now)));
    }
    let Verdict::Refused(refused) = code(txn, &Holder::Owner(*account))? else { return Ok(Ok(())) };
    if let Refused::NowLocked(until) = refused {
        journal::record(txn, now, &Authority::of_the_mint(), &Act::OwnerLocked { account: *account, until })?;
    }
    let worth = match refused {
        // It was not judged, and may be right when the key is back.
        Refused::Lost => return Ok(Err(FactorError::refused(refused, now))),
        Refused::Wrong => Worth::Wrong,
        Refused::NowLocked(until) | Refused::Locked(until) => Worth::Locked(until),
    };
    keep(txn, now, account, *request, worth)?;
    Ok(Err(FactorError::refused(refused, now)))
}

/// Keeps that a request has bought a permission.
pub(super) fn keep_permission(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    request: RequestHash,
    until: UnixTime,
) -> Result<(), LedgerError> {
    keep(txn, now, account, request, Worth::Permission(until))
}

/// Until when the permission was good that a request has bought, if it did.
pub(super) fn permission(
    txn: &Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    request: &RequestHash,
) -> Result<Option<UnixTime>, LedgerError> {
    Ok(match recall(txn, now, account, request)? {
        Some(Worth::Permission(until)) => Some(until),
        Some(Worth::Wrong | Worth::Locked(_)) | None => None,
    })
}

fn recall(
    txn: &Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    request: &RequestHash,
) -> Result<Option<Worth>, LedgerError> {
    let known = Judgements::load(txn, now, account)?;
    Ok(known.0.iter().find(|known| known.request == *request).map(|known| known.worth))
}

fn keep(
    txn: &mut Txn<'_>,
    now: UnixTime,
    account: &AccountKey,
    request: RequestHash,
    worth: Worth,
) -> Result<(), LedgerError> {
    let mut known = Judgements::load(txn, now, account)?;
    if known.0.len() >= MOST {
        known.0.remove(0);
    }
    known.0.push(Judgement { request, at: now, worth });
    put(txn, Table::Judged, account.as_bytes(), &known)
}

/// What a code was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// A permission that is good until then.
    Permission(UnixTime),
    Wrong,
    /// Codes of the authenticator are refused until then.
    Locked(UnixTime),
}

impl Worth {
    fn refused(self, now: UnixTime) -> Option<Refused> {
        match self {
            Self::Permission(_) => None,
            Self::Locked(until) if now < until => Some(Refused::Locked(until)),
            Self::Wrong | Self::Locked(_) => Some(Refused::Wrong),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judgement {
    request: RequestHash,
    at: UnixTime,
    worth: Worth,
}

/// Of an account, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Judgements(Vec<Judgement>);

impl Judgements {
    /// Those that can still be asked for.
    fn load(txn: &Txn<'_>, now: UnixTime, account: &AccountKey) -> Result<Self, LedgerError> {
        let mut known: Self = get(txn, Table::Judged, account.as_bytes())?.unwrap_or_default();
        known.0.retain(|known| now <= known.at.plus(LASTS));
        Ok(known)
    }
}

impl Encode for Worth {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Permission(until) => {
                out.u8(1);
                out.part(until);
            }
            Self::Wrong => out.u8(2),
            Self::Locked(until) => {
                out.u8(3);
                out.part(until);
            }
        }
    }
}

impl Decode for Worth {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Permission(input.part()?)),
            2 => Ok(Self::Wrong),
            3 => Ok(Self::Locked(input.part()?)),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Judgement {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.request.0);
        out.part(&self.at);
        out.part(&self.worth);
    }
}

impl Decode for Judgement {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { request: RequestHash(input.array()?), at: input.part()?, worth: input.part()? })
    }
}

impl Encode for Judgements {
    fn encode_to(&self, out: &mut Writer) {
        out.list(&self.0);
    }
}

impl Decode for Judgements {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.list(MOST).map(Self)
    }
}
