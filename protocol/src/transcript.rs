//! Every label and domain separator of the protocol, in one place.
//!
//! All challenges, ids and derivations are [Merlin](https://merlin.cool) transcripts. A transcript begins
//! with one of the [`Domain`]s, whose text holds the protocol's version; then come the fields, in the order
//! that `docs/spec.md` lists, each under a label of [`label`].

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use zeroize::Zeroize;

use crate::group::Element;

macro_rules! domains {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a transcript is for. Two purposes never share a domain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Domain { $($(#[$doc])* $name,)* }

        impl Domain {
            /// Every domain, for the test that no two are alike.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The bytes given to `Transcript::new`.
            pub const fn separator(self) -> &'static [u8] {
                match self { $(Self::$name => concat!("farthing/v1/", $text).as_bytes(),)* }
            }
        }
    };
}

domains! {
    /// Challenge of the blind signature, c̄ (protocol section 2).
    BlindSignature = "blind-signature";
    /// Id of a keyset (section 3).
    KeysetId = "keyset-id";
    /// Digest of the mint's signed list (section 3).
    KeysetList = "keyset-list";
    /// Splitting a boot key into its two keys (section 2).
    BootKey = "boot-key";
    /// MAC of a session id (section 2).
    SessionMac = "session-mac";
    /// MAC of a session's commitments (section 2).
    SessionSeal = "session-seal";
    /// The mint's nonces a, b, y (section 2).
    SessionNonces = "session-nonces";
    /// Hash of a session's challenges, for the claim (section 2).
    SessionChallenges = "session-challenges";
    /// Coin keys (section 4).
    CoinKey = "coin-key";
    /// ρ, the root of a token's blinding (section 2).
    BlindingRoot = "blinding-root";
    /// α, r, β from ρ (section 2).
    BlindingScalars = "blinding-scalars";
    /// Issuance keys (section 7).
    IssuanceKey = "issuance-key";
    /// Key of the encrypted field (section 7).
    FieldKey = "field-key";
    /// The wallet's account key at a mint (section 7).
    AccountKey = "account-key";
    /// q of a wallet that receives locked tokens (section 9).
    LockKey = "lock-key";
    /// The key by which a wallet signs its requests and recipient's records (section 9).
    PayeeKey = "payee-key";
    /// The key of a merchant, who is paid and owns his balance at the mint (section 10 of docs/spec.md).
    MerchantKey = "merchant-key";
    /// q of a merchant who takes tokens that are locked to him.
    MerchantLockKey = "merchant-lock-key";
    /// e of a locked token (section 9).
    LockEphemeral = "lock-ephemeral";
    /// t of a locked token (section 9).
    LockTweak = "lock-tweak";
    /// Digest of a recipient's record (section 9).
    Recipient = "recipient";
    /// D, the digest that funds an issuance (section 7).
    IssuanceDigest = "issuance-digest";
    /// Funding id (section 7).
    FundingId = "funding-id";
    /// Request hash of a swap: H(issuance id) (section 7).
    SwapRequest = "swap-request";
    /// Hash of an invoice (section 5).
    Invoice = "invoice";
    /// Hash of an offer (section 5).
    Offer = "offer";
    /// Hash of a transfer request (section 9).
    Transfer = "transfer";
    /// Binding of an invoice to an HTTP request (section 5).
    HttpBinding = "http-binding";
    /// Request hash of the deposit of a locked payment (section 9).
    LockedDeposit = "locked-deposit";
    /// Payment id (section 5).
    PaymentId = "payment-id";
    /// The one authorization for all tokens (section 5).
    Authorization = "authorization";
    /// Digest of a receipt (section 5).
    Receipt = "receipt";
    /// Digest of a signed question about an account.
    AccountQuery = "account-query";
    /// Digest of a payout request.
    Payout = "payout";
    /// Request hash of a claim on a token of a revoked keyset (section 10).
    RecoupRequest = "recoup-request";
    /// Digest of a quote request.
    FundingQuote = "funding-quote";
    /// Digest of a request to see or change an account's settings.
    AccountSettings = "account-settings";
    /// Digest of a permission to take more from an account than its limit.
    Permit = "permit";
    /// H(salt, issuance id), by which a segment of the archive is cut into files (section 11).
    IssuanceHash = "issuance-hash";
    /// Digest of a file of issuance records (section 11).
    IssuanceFile = "issuance-file";
    /// Fingerprint of a spent serial (section 11).
    SpentFingerprint = "spent-fingerprint";
    /// Digest of a filter of spent serials (section 11).
    SpentFilter = "spent-filter";
    /// Digest of the archive's index (section 11).
    ArchiveIndex = "archive-index";
}

macro_rules! labels {
    ($($name:ident = $text:literal;)*) => {
        /// Labels of transcript fields.
        #[allow(missing_docs, reason = "a label's name is its documentation; docs/spec.md says where each stands")]
        pub mod label {
            $(pub const $name: &[u8] = $text;)*
            /// Every label, for the test that no two are alike.
            pub const ALL: &[&[u8]] = &[$($name,)*];
        }
    };
}

labels! {
    KEY = b"key";
    CHALLENGE = b"challenge";
    OUTPUT = b"output";
    WITNESS = b"witness";
    KEYSET = b"keyset";
    KEYSET_BODY = b"keyset-body";
    LIST_BODY = b"list-body";
    DENOMINATION = b"denomination";
    DENOMINATIONS = b"denominations";
    ISSUER_KEY = b"X";
    COIN = b"P";
    SIGNATURE_R = b"R";
    COMMITMENT_A = b"A";
    COMMITMENT_B = b"B";
    COMMITMENTS = b"commitments";
    CHALLENGES = b"challenges";
    RANDOMNESS = b"randomness";
    EXPIRY = b"expiry";
    INSTANCE = b"instance";
    SESSION = b"sid";
    PURPOSE = b"purpose";
    POSITION = b"position";
    SEED = b"seed";
    MINT = b"mint";
    NUMBER = b"n";
    RHO = b"rho";
    RECIPIENT_KEY = b"Q";
    RECIPIENT_BODY = b"recipient-body";
    EPHEMERAL = b"E";
    EPHEMERALS = b"ephemerals";
    SHARED = b"eQ";
    ISSUANCE = b"issuance";
    FUNDING = b"funding";
    FUNDING_KIND = b"funding-kind";
    AMOUNT = b"amount";
    DEBIT = b"debit";
    OUTPUTS = b"outputs";
    FIELD = b"field";
    OPERATION = b"operation";
    ACCOUNT = b"account";
    TIME = b"time";
    REQUEST_BODY = b"request-body";
    METHOD = b"method";
    URL = b"url";
    BODY = b"body";
    KIND = b"kind";
    COINS = b"coins";
    REQUEST = b"request";
    PAYEE = b"payee";
    PAYMENT = b"payment";
    SIGNATURES = b"signatures";
    AUTHORIZED_AT = b"authorized-at";
    BINDING = b"binding";
    PROOF_K = b"K";
    PROOF_CHALLENGES = b"e";
    RECEIPT_BODY = b"receipt-body";
    PAYOUT_BODY = b"payout-body";
    QUOTE_BODY = b"quote-body";
    SETTINGS_BODY = b"settings-body";
    PERMIT_BODY = b"permit-body";
    PERIOD = b"period";
    SALT = b"salt";
    FILE_BODY = b"file-body";
    FILTER_BODY = b"filter-body";
    INDEX_BODY = b"index-body";
}

/// What Farthing appends to and draws from a transcript.
pub trait TranscriptExt {
    /// A transcript for one purpose.
    fn for_domain(domain: Domain) -> Self;
    /// Appends bytes of any length; the length is bound.
    fn append_bytes(&mut self, label: &'static [u8], bytes: &[u8]);
    /// Appends the canonical 32 bytes of a point, which is never the identity.
    fn append_point(&mut self, label: &'static [u8], point: &Element);
    /// Appends the canonical 32 bytes of a scalar.
    fn append_scalar(&mut self, label: &'static [u8], scalar: &Scalar);
    /// Appends an integer as eight little-endian bytes.
    fn append_number(&mut self, label: &'static [u8], number: u64);
    /// Draws 32 bytes: an id, a digest, a key.
    fn draw_bytes(&mut self, label: &'static [u8]) -> [u8; 32];
    /// Draws a scalar, reduced from 64 bytes.
    fn draw_scalar(&mut self, label: &'static [u8]) -> Scalar;
    /// Draws a scalar that is not zero: zero (probability 2⁻²⁵²) becomes one.
    fn draw_nonzero(&mut self, label: &'static [u8]) -> Scalar;
}

impl TranscriptExt for Transcript {
    fn for_domain(domain: Domain) -> Self {
        Self::new(domain.separator())
    }

    fn append_bytes(&mut self, label: &'static [u8], bytes: &[u8]) {
        self.append_message(label, bytes);
    }

    fn append_point(&mut self, label: &'static [u8], point: &Element) {
        self.append_message(label, point.as_bytes());
    }

    fn append_scalar(&mut self, label: &'static [u8], scalar: &Scalar) {
        self.append_message(label, scalar.as_bytes());
    }

    fn append_number(&mut self, label: &'static [u8], number: u64) {
        self.append_message(label, &number.to_le_bytes());
    }

    fn draw_bytes(&mut self, label: &'static [u8]) -> [u8; 32] {
        let mut out = [0; 32];
        self.challenge_bytes(label, &mut out);
        out
    }

    fn draw_scalar(&mut self, label: &'static [u8]) -> Scalar {
        let mut wide = [0; 64];
        self.challenge_bytes(label, &mut wide);
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        wide.zeroize();
        scalar
    }

    fn draw_nonzero(&mut self, label: &'static [u8]) -> Scalar {
        crate::group::zero_to_one(self.draw_scalar(label))
    }
}

#[cfg(test)]
mod tests {
    use super::{Domain, label};
    use alloc::collections::BTreeSet;

    #[test]
    fn domains_and_labels_are_distinct() {
        let domains: BTreeSet<_> = Domain::ALL.iter().map(|d| d.separator()).collect();
        assert_eq!(domains.len(), Domain::ALL.len());
        let labels: BTreeSet<_> = label::ALL.iter().collect();
        assert_eq!(labels.len(), label::ALL.len());
        assert!(label::ALL.iter().all(|l| !l.is_empty()));
    }
}
