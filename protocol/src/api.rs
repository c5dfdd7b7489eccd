//! JSON bodies of the services. Wire objects stand in them as base64url strings, ids likewise, amounts as
//! strings of decimal digits, times as numbers. Unknown fields are refused.

mod factor;
mod funding;
mod merchant;
mod payout;
mod recoup;
mod settings;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use merlin::Transcript;
use serde::{Deserialize, Serialize};

use crate::amount::{Amount, UnixTime};
use crate::archive::ArchiveIndex;
use crate::blind::mint::OpenedSession;
use crate::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer, wire_serde};
use crate::identity::{AccountKey, InvalidSignature, Keypair, MintId, Signature};
use crate::ids::{Claim, HttpBinding, KeysetId, PaymentId};
use crate::issuance::{IssuanceRecord, IssuanceRequest};
use crate::keyset::{KeysetDocument, KeysetList};
use crate::locked::Recipient;
use crate::payment::Payment;
use crate::receipt::Receipt;
use crate::request::{Invoice, PaymentRequest};
use crate::shape::Shape;
use crate::text::TextForm;
use crate::transcript::{Domain, TranscriptExt, label};

pub use factor::{
    Enrolment, FactorOf, FactorSecret, FactorState, RecoveryCode, SecondFactor, TimeCode, recovery_codes,
};
pub use funding::{QuoteAnswer, QuoteCall, QuoteDraft, QuoteId, QuoteRequest, QuoteState};
pub use merchant::{
    PaymentSummary, PaymentsAnswer, PaymentsQuery, RefundAnswer, RefundEndRequest, RefundRequest, RefundState,
    WebhookFailure, WebhookRetryAnswer, WebhookRetryRequest, WebhookState, WebhookSummary, WebhooksAnswer,
    WebhooksQuery,
};
pub use payout::{PayoutAnswer, PayoutCall, PayoutDraft, PayoutRequest, PayoutState};
pub use recoup::{
    CreditedCall, CreditedClaims, Forgotten, LockedClaim, LockedClaims, RecoupAnswer, RecoupCall, RecoupState,
    RecoupToken, RecoupWindow, RecoupsAnswer,
};
pub use settings::{
    AccountLimit, PermitAnswer, PermitCall, PermitDraft, PermitPurpose, PermitRequest, SettingsAnswer, SettingsCall,
    SettingsChange, SettingsDraft, SettingsRequest,
};

/// Paths of a mint's public endpoints.
pub mod mint_path {
    /// GET: [`KeysetsAnswer`](super::KeysetsAnswer), the same bytes for everyone.
    pub const KEYSETS: &str = "/v1/keysets";
    /// POST [`OpenRequest`](super::OpenRequest) → [`OpenAnswer`](super::OpenAnswer).
    pub const OPEN: &str = "/v1/issuance/open";
    /// POST [`FinishRequest`](super::FinishRequest) → [`FinishAnswer`](super::FinishAnswer).
    pub const FINISH: &str = "/v1/issuance/finish";
    /// POST [`DepositRequest`](super::DepositRequest) → [`DepositAnswer`](super::DepositAnswer).
    pub const DEPOSIT: &str = "/v1/deposit";
    /// POST [`AccountRequest`](super::AccountRequest) → [`AccountAnswer`](super::AccountAnswer).
    pub const ACCOUNT: &str = "/v1/account";
    /// POST [`SettingsCall`](super::SettingsCall) → [`SettingsAnswer`](super::SettingsAnswer).
    pub const SETTINGS: &str = "/v1/account/settings";
    /// POST [`PermitCall`](super::PermitCall) → [`PermitAnswer`](super::PermitAnswer).
    pub const PERMIT: &str = "/v1/permit";
    /// POST [`PayoutCall`](super::PayoutCall) → [`PayoutAnswer`](super::PayoutAnswer).
    pub const PAYOUT: &str = "/v1/payout";
    /// GET: [`RecoupsAnswer`](super::RecoupsAnswer), the same bytes for everyone.
    pub const RECOUPS: &str = "/v1/recoup";
    /// POST [`RecoupCall`](super::RecoupCall) → [`RecoupAnswer`](super::RecoupAnswer).
    pub const RECOUP_CLAIM: &str = "/v1/recoup/claim";
    /// POST [`QuoteCall`](super::QuoteCall) → [`QuoteAnswer`](super::QuoteAnswer).
    pub const QUOTE: &str = "/v1/funding/quote";
    /// GET: [`ArchiveAnswer`](super::ArchiveAnswer), the same bytes for everyone.
    pub const ARCHIVE: &str = "/v1/archive";
    /// GET with a keyset, a period and a part: the bytes of a [`SpentFilter`](crate::archive::SpentFilter), the same
    /// for ever. Numbers are decimal without leading zeros.
    pub const SPENT: &str = "/v1/archive/spent/{keyset}/{period}/{part}";
    /// GET with a keyset, a segment and a prefix: the bytes of an [`IssuanceFile`](crate::archive::IssuanceFile), the
    /// same for ever.
    pub const ISSUED: &str = "/v1/archive/issued/{keyset}/{segment}/{prefix}";

    /// The path of one part of a filter.
    pub fn spent(filter: &crate::archive::FilterHead) -> alloc::string::String {
        alloc::format!("/v1/archive/spent/{}/{}/{}", filter.keyset, filter.period, filter.part)
    }

    /// The path of one file of issuance records.
    pub fn issued(file: &crate::archive::FileHead) -> alloc::string::String {
        alloc::format!("/v1/archive/issued/{}/{}/{}", file.keyset, file.segment, file.prefix.value())
    }
}

/// Paths of a verifier's endpoints. Those that say "control only" are the payee's own and stand on the control listener only.
pub mod verifier_path {
    /// GET: [`PayeeAnswer`](super::PayeeAnswer).
    pub const PAYEE: &str = "/v1/payee";
    /// POST [`PayRequest`](super::PayRequest) → [`PayAnswer`](super::PayAnswer).
    pub const PAY: &str = "/v1/pay";
    /// GET with a payment id: [`PaymentAnswer`](super::PaymentAnswer).
    pub const PAYMENT: &str = "/v1/payments/{id}";
    /// POST [`InvoiceRequest`](super::InvoiceRequest) → [`InvoiceAnswer`](super::InvoiceAnswer). Control only.
    pub const INVOICES: &str = "/v1/invoices";
    /// GET with [`PaymentsQuery`](super::PaymentsQuery): [`PaymentsAnswer`](super::PaymentsAnswer). Control only.
    pub const PAYMENTS: &str = "/v1/payments";
    /// POST [`RefundRequest`](super::RefundRequest) → [`RefundAnswer`](super::RefundAnswer). Control only.
    pub const REFUNDS: &str = "/v1/refunds";
    /// POST [`RefundEndRequest`](super::RefundEndRequest) → [`RefundAnswer`](super::RefundAnswer). Control only.
    pub const REFUNDS_END: &str = "/v1/refunds/end";
    /// GET with [`WebhooksQuery`](super::WebhooksQuery): [`WebhooksAnswer`](super::WebhooksAnswer). Control only.
    pub const WEBHOOKS: &str = "/v1/webhooks";
    /// POST [`WebhookRetryRequest`](super::WebhookRetryRequest) → [`WebhookRetryAnswer`](super::WebhookRetryAnswer). Control only.
    pub const WEBHOOKS_RETRY: &str = "/v1/webhooks/retry";
    /// GET: [`RecipientAnswer`](super::RecipientAnswer).
    pub const RECIPIENT: &str = "/v1/recipient";
    /// POST [`KeysetsAnswer`](super::KeysetsAnswer) of the mint, carried in →
    /// [`KeysetsTaken`](super::KeysetsTaken). Control only.
    pub const KEYSETS: &str = "/v1/keysets";
    /// GET: [`LockedAnswer`](super::LockedAnswer), asking nobody. Control only.
    pub const LOCKED: &str = "/v1/locked";
    /// POST [`LockedDeposit`](super::LockedDeposit) → [`LockedAnswer`](super::LockedAnswer). Control only.
    pub const LOCKED_DEPOSIT: &str = "/v1/locked/deposit";
    /// GET: [`LockedClaims`](super::LockedClaims), asking nobody. Control only.
    pub const LOCKED_CLAIMS: &str = "/v1/locked/claims";
    /// POST [`CreditedCall`](super::CreditedCall): [`CreditedClaims`](super::CreditedClaims), asking nobody. Control only.
    pub const CREDITED_CLAIMS: &str = "/v1/credited/claims";
}

/// All keysets of a mint, and its signed list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetsAnswer {
    /// The signed list.
    pub list: KeysetList,
    /// Every keyset of every chain, each chain in order.
    pub keysets: Vec<KeysetDocument>,
}

/// What there is in a mint's archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveAnswer {
    /// The signed index.
    pub index: ArchiveIndex,
}

/// Asks a mint to open an issuance session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The keyset, which must be active.
    pub keyset: KeysetId,
    /// What is to be made.
    pub shape: Shape,
}

/// A mint's answer to [`OpenRequest`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAnswer {
    /// Session, seal and commitments.
    pub opened: OpenedSession,
}

/// Finishes an issuance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// The signed request.
    pub request: IssuanceRequest,
}

/// A mint's answer to [`FinishRequest`]: the record of this issuance id, whatever was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishAnswer {
    /// The record.
    pub record: IssuanceRecord,
}

/// Deposits payments of kind `pay`, at most 64 at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositRequest {
    /// The payments.
    pub deposits: Vec<Deposit>,
}

/// One payment to be cleared.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    /// The payment.
    pub payment: Payment,
    /// The depositor's random claim; the mint stores the first.
    pub claim: Claim,
}

/// A mint's answer to [`DepositRequest`], one outcome for each deposit in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositAnswer {
    /// The outcomes.
    pub outcomes: Vec<DepositOutcome>,
}

/// What became of one deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum DepositOutcome {
    /// Accepted now.
    Accepted {
        /// When.
        accepted_at: UnixTime,
    },
    /// Accepted before.
    AlreadyAccepted {
        /// Whether the claim is the one stored then.
        claim_matches: bool,
        /// When.
        accepted_at: UnixTime,
    },
    /// A token was spent in another payment. Nothing changed.
    DoubleSpend {
        /// That payment.
        earlier_payment_id: PaymentId,
    },
    /// Refused before anything was decided.
    Refused {
        /// A problem code.
        code: String,
    },
    /// Not known: ask again with the same payment and claim.
    Unavailable {},
}

/// A question about an account, signed by its key so that nobody else learns the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountQuery {
    account: AccountKey,
    mint: MintId,
    asked_at: UnixTime,
    signature: Signature,
}

impl AccountQuery {
    /// How far `asked_at` may lie from the mint's clock, in seconds.
    pub const MAX_SKEW: u64 = 300;

    /// Signs a question to a mint.
    pub fn sign(key: &Keypair, mint: MintId, asked_at: UnixTime) -> Self {
        let mut query = Self { account: key.into(), mint, asked_at, signature: Signature::from_bytes([0; 64]) };
        query.signature = key.sign(&query.digest());
        query
    }

    /// Verifies that the account's owner asked this mint.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify(&self, mint: &MintId) -> Result<AccountKey, InvalidSignature> {
        if self.mint != *mint {
            return Err(InvalidSignature);
        }
        self.account.verify(&self.digest(), &self.signature)?;
        Ok(self.account)
    }

    /// When it was asked.
    pub fn asked_at(&self) -> UnixTime {
        self.asked_at
    }

    fn digest(&self) -> [u8; 32] {
        let mut transcript = Transcript::for_domain(Domain::AccountQuery);
        transcript.append_bytes(label::ACCOUNT, self.account.as_bytes());
        transcript.append_bytes(label::MINT, self.mint.as_bytes());
        transcript.append_number(label::TIME, self.asked_at.seconds());
        transcript.draw_bytes(label::OUTPUT)
    }
}

impl Encode for AccountQuery {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.account);
        out.part(&self.mint);
        out.part(&self.asked_at);
        out.part(&self.signature);
    }
}

impl Decode for AccountQuery {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { account: input.part()?, mint: input.part()?, asked_at: input.part()?, signature: input.part()? })
    }
}

wire_serde!(AccountQuery);

impl fmt::Debug for AccountQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountQuery(<redacted>)")
    }
}

/// Asks for an account's balance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// The signed question.
    pub query: AccountQuery,
}

/// An account's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountAnswer {
    /// What it holds, for each unit it ever held: unit code and balance, by code.
    pub balances: Vec<UnitBalance>,
}

/// A balance in one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitBalance {
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// The balance.
    pub balance: Amount,
    /// How much may leave now without a second factor. Not given if its owner set no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<Amount>,
}

/// Who a verifier is paid for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayeeAnswer {
    /// The payee.
    pub payee: crate::identity::PayeeKey,
    /// The code of the unit he is paid in.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// The mints whose tokens are taken, each with the head the payee knows (base64url).
    pub mints: Vec<MintHead>,
}

/// A mint and the head of its keyset chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintHead {
    /// The mint.
    pub mint: MintId,
    /// The head.
    pub head: crate::keyset::ChainHead,
}

/// Pays a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayRequest {
    /// The payment.
    pub payment: Payment,
    /// The request it answers.
    pub request: PaymentRequest,
}

impl Encode for PayRequest {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.payment);
        out.part(&self.request);
    }
}

impl Decode for PayRequest {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { payment: input.part()?, request: input.part()? })
    }
}

impl Wire for PayRequest {}

/// What a payer hands over where there is no network: by a file or a picture.
impl TextForm for PayRequest {
    const PREFIX: &'static str = "farthingpay";
}

/// The payment was accepted, now or before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayAnswer {
    /// The payee's receipt.
    pub receipt: Receipt,
}

/// A payment that a verifier accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentAnswer {
    /// The receipt.
    pub receipt: Receipt,
}

/// Where tokens can be locked to, so that this payee takes them without asking their mint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientAnswer {
    /// The record, signed by the payee.
    pub recipient: Recipient,
    /// Its text form.
    pub text: String,
}

/// A list of keysets that was carried in was taken over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetsTaken {
    /// When the mint signed it.
    pub issued_at: UnixTime,
}

/// Asks a verifier to deposit what it took in locked tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedDeposit {
    /// Whether to try once more what the mint refused.
    #[serde(default)]
    pub again: bool,
}

/// What became of what a verifier took in locked tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedAnswer {
    /// What the mint credited now, for each unit.
    pub credited: Vec<LockedSum>,
    /// What is accepted, and neither credited nor refused.
    pub open: Vec<LockedSum>,
    /// What the mint refused, now or before.
    pub refused: Vec<LockedRefusal>,
    /// Why something is still open: a problem code. Not given when nobody was asked.
    pub cause: Option<String>,
}

/// How many payments, and what they are worth together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSum {
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// How many payments.
    pub payments: u64,
    /// Their worth.
    pub amount: Amount,
}

/// A payment that a verifier accepted and that the mint refused to credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRefusal {
    /// The payment.
    pub payment: PaymentId,
    /// The unit's code.
    pub unit: String,
    /// Its decimals.
    pub exponent: u8,
    /// The payment's worth.
    pub amount: Amount,
    /// When it was accepted.
    pub accepted_at: UnixTime,
    /// When the mint refused it.
    pub refused_at: UnixTime,
    /// Why: a problem code.
    pub code: String,
}

/// Asks the verifier for an invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceRequest {
    /// How much.
    pub amount: Amount,
    /// A note for the payer.
    #[serde(default)]
    pub memo: Option<String>,
    /// How long it can be paid, in seconds; 900 if not given.
    #[serde(default)]
    pub expires_in: Option<u32>,
    /// Whether it may be paid more than once.
    #[serde(default)]
    pub reusable: bool,
    /// Binding to an HTTP request.
    #[serde(default)]
    pub http: Option<HttpBinding>,
}

/// A signed invoice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceAnswer {
    /// The invoice.
    pub invoice: Invoice,
    /// Its text form.
    pub text: String,
}
