//! What an account's owner sets: a second factor, and above which sum it is asked for.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;
use serde::{Deserialize, Serialize};

use super::{FactorSecret, FactorState, RecoveryCode, SecondFactor, TimeCode};
use crate::amount::{Amount, Unit, UnixTime};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, wire_serde};
use crate::identity::{AccountKey, InvalidSignature, Keypair, MintId, Signature};
use crate::ids::{OperationId, PayoutDigest};
use crate::transcript::{Domain, TranscriptExt, label};

/// How far a request's time may lie from the mint's clock, in seconds.
const MAX_SKEW: u64 = 300;

/// What the owner wants of his account's settings.
#[derive(Clone, PartialEq, Eq)]
pub enum SettingsChange {
    /// To see them. Nothing changes.
    Show,
    /// A second factor, or another one. It is asked for when its first code has confirmed it.
    Enrol {
        /// In which unit the limit is.
        unit: Unit,
        /// How much may leave within a day without a code.
        limit: Amount,
        /// A code of the one that is asked for now, if there is one.
        code: Option<SecondFactor>,
    },
    /// To begin with the one that was drawn.
    Confirm {
        /// Its first code.
        code: TimeCode,
    },
    /// Another limit.
    Limit {
        /// In which unit.
        unit: Unit,
        /// How much may leave within a day without a code; everything, if none.
        limit: Option<Amount>,
        /// A code.
        code: SecondFactor,
    },
    /// New recovery codes; the old ones are void.
    RecoveryCodes {
        /// A code.
        code: SecondFactor,
    },
    /// No second factor any more, and no limits.
    Remove {
        /// A code.
        code: SecondFactor,
    },
}

/// Everything of a settings request but the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsDraft {
    /// Whose settings; signs the request.
    pub account: AccountKey,
    /// The mint that is asked.
    pub mint: MintId,
    /// The version of the settings that the owner has seen; 0 if there were none. For [`SettingsChange::Show`] it means nothing.
    pub version: u64,
    /// When it was asked.
    pub requested_at: UnixTime,
    /// What is wanted.
    pub change: SettingsChange,
}

impl SettingsDraft {
    /// How far `requested_at` may lie from the mint's clock, in seconds.
    pub const MAX_SKEW: u64 = MAX_SKEW;

    /// Signs the request.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] for another account's key.
    pub fn sign(self, key: &Keypair) -> Result<SettingsRequest, DecodeError> {
        if self.account != AccountKey::from(key) {
            return Err(DecodeError::OutOfRange);
        }
        let signature = key.sign(&digest(Domain::AccountSettings, label::SETTINGS_BODY, &self));
        Ok(SettingsRequest { draft: self, signature })
    }
}

/// A settings request: well-formed, **its signature not checked yet**.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsRequest {
    draft: SettingsDraft,
    signature: Signature,
}

impl SettingsRequest {
    /// Everything but the signature.
    pub fn draft(&self) -> &SettingsDraft {
        &self.draft
    }

    /// Verifies that the account's owner asks this mint.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self, mint: &MintId) -> Result<(), InvalidSignature> {
        if self.draft.mint != *mint {
            return Err(InvalidSignature);
        }
        let digest = digest(Domain::AccountSettings, label::SETTINGS_BODY, &self.draft);
        self.draft.account.verify(&digest, &self.signature)
    }
}

/// What a permission is for, and nothing else: operation ids of withdrawals and of payouts have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermitPurpose {
    /// An issuance that the account pays for.
    Withdrawal,
    /// This payout, or transfer to another account, as it is in every field: a permission for one to somebody is none for one to
    /// somebody else.
    Payout(PayoutDigest),
}

/// Everything of a permission but the signature: that an operation may take this much from the account, whatever its limit.
#[derive(Clone, PartialEq, Eq)]
pub struct PermitDraft {
    /// Whose account; signs the permission.
    pub account: AccountKey,
    /// The mint that is asked.
    pub mint: MintId,
    /// What for.
    pub purpose: PermitPurpose,
    /// Which operation.
    pub operation: OperationId,
    /// In which unit.
    pub unit: Unit,
    /// What it takes, fees included: neither more nor less.
    pub amount: Amount,
    /// When it was asked for.
    pub requested_at: UnixTime,
    /// The code.
    pub code: SecondFactor,
}

impl PermitDraft {
    /// How far `requested_at` may lie from the mint's clock, in seconds.
    pub const MAX_SKEW: u64 = MAX_SKEW;
    /// How long a permission is good for, in seconds: a day.
    pub const LASTS: u64 = 86_400;

    /// Signs the permission.
    ///
    /// # Errors
    /// [`DecodeError::OutOfRange`] for another account's key, or an amount of zero.
    pub fn sign(self, key: &Keypair) -> Result<PermitRequest, DecodeError> {
        if self.account != AccountKey::from(key) || self.amount.is_zero() {
            return Err(DecodeError::OutOfRange);
        }
        let signature = key.sign(&digest(Domain::Permit, label::PERMIT_BODY, &self));
        Ok(PermitRequest { draft: self, signature })
    }
}

/// A permission: well-formed, **its signature not checked yet**.
#[derive(Clone, PartialEq, Eq)]
pub struct PermitRequest {
    draft: PermitDraft,
    signature: Signature,
}

impl PermitRequest {
    /// Everything but the signature.
    pub fn draft(&self) -> &PermitDraft {
        &self.draft
    }

    /// Verifies that the account's owner asks this mint.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self, mint: &MintId) -> Result<(), InvalidSignature> {
        if self.draft.mint != *mint {
            return Err(InvalidSignature);
        }
        let digest = digest(Domain::Permit, label::PERMIT_BODY, &self.draft);
        self.draft.account.verify(&digest, &self.signature)
    }
}

fn digest(domain: Domain, body_label: &'static [u8], draft: &impl Encode) -> [u8; 32] {
    let mut body = Writer::default();
    draft.encode_to(&mut body);
    let mut transcript = Transcript::for_domain(domain);
    transcript.append_bytes(body_label, &body.finish());
    transcript.draw_bytes(label::OUTPUT)
}

impl Encode for SettingsChange {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Show => out.u8(0),
            Self::Enrol { unit, limit, code } => {
                out.u8(1);
                out.part(unit);
                out.part(limit);
                out.optional(code.as_ref());
            }
            Self::Confirm { code } => {
                out.u8(2);
                out.part(code);
            }
            Self::Limit { unit, limit, code } => {
                out.u8(3);
                out.part(unit);
                out.optional(limit.as_ref());
                out.part(code);
            }
            Self::RecoveryCodes { code } => {
                out.u8(4);
                out.part(code);
            }
            Self::Remove { code } => {
                out.u8(5);
                out.part(code);
            }
        }
    }
}

impl Decode for SettingsChange {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Show),
            1 => Ok(Self::Enrol { unit: input.part()?, limit: input.part()?, code: input.optional()? }),
            2 => Ok(Self::Confirm { code: input.part()? }),
            3 => Ok(Self::Limit { unit: input.part()?, limit: input.optional()?, code: input.part()? }),
            4 => Ok(Self::RecoveryCodes { code: input.part()? }),
            5 => Ok(Self::Remove { code: input.part()? }),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for PermitPurpose {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Withdrawal => out.u8(1),
            Self::Payout(digest) => {
                out.u8(2);
                out.part(digest);
            }
        }
    }
}

impl Decode for PermitPurpose {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => Ok(Self::Withdrawal),
            2 => Ok(Self::Payout(input.part()?)),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for SettingsDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.mint);
        out.u64(self.version);
        out.part(&self.requested_at);
        out.part(&self.change);
    }
}

impl Decode for SettingsDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            account: input.part()?,
            mint: input.part()?,
            version: input.u64()?,
            requested_at: input.part()?,
            change: input.part()?,
        })
    }
}

impl Encode for SettingsRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for SettingsRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(SettingsRequest);

impl Encode for PermitDraft {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.mint);
        out.part(&self.purpose);
        out.part(&self.operation);
        out.part(&self.unit);
        out.part(&self.amount);
        out.part(&self.requested_at);
        out.part(&self.code);
    }
}

impl Decode for PermitDraft {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let draft = Self {
            account: input.part()?,
            mint: input.part()?,
            purpose: input.part()?,
            operation: input.part()?,
            unit: input.part()?,
            amount: input.part()?,
            requested_at: input.part()?,
            code: input.part()?,
        };
        if draft.amount.is_zero() { Err(DecodeError::OutOfRange) } else { Ok(draft) }
    }
}

impl Encode for PermitRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.draft);
        out.part(&self.signature);
    }
}

impl Decode for PermitRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { draft: input.part()?, signature: input.part()? })
    }
}

wire_serde!(PermitRequest);

/// Hides what names an account or proves a factor.
macro_rules! hidden {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    )*};
}

hidden!(SettingsChange SettingsDraft SettingsRequest PermitDraft PermitRequest);

/// Asks for an account's settings, or to change them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsCall {
    /// The signed request.
    pub request: SettingsRequest,
}

/// An account's settings, as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsAnswer {
    /// Which they are: the next change names it.
    pub version: u64,
    /// Whether codes are asked for.
    pub factor: FactorState,
    /// Whether another factor was drawn that waits for its first code.
    pub waiting: bool,
    /// How much may leave within a day without a code.
    pub limits: Vec<AccountLimit>,
    /// How many recovery codes are left.
    pub recovery_codes_left: u8,
    /// Until when codes of the authenticator are refused, because too many were wrong.
    pub locked_until: Option<UnixTime>,
    /// For the authenticator: in the one answer to [`SettingsChange::Enrol`].
    pub secret: Option<FactorSecret>,
    /// To be written down: in the one answer to [`SettingsChange::Enrol`] or [`SettingsChange::RecoveryCodes`].
    pub recovery_codes: Vec<RecoveryCode>,
}

/// What may leave an account without a second factor, in one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountLimit {
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// How much within a day.
    pub limit: Amount,
    /// How much of it is left now.
    pub left: Amount,
}

/// Asks for a permission.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitCall {
    /// The signed permission.
    pub request: PermitRequest,
}

/// A permission stands in the mint's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitAnswer {
    /// Before when the operation must be done.
    pub until: UnixTime,
}
