//! Bodies about tokens of revoked keysets.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{
    CreditedCall, CreditedClaims, Forgotten, LockedClaim, LockedClaims, RecoupAnswer, RecoupCall, RecoupState,
    RecoupToken, RecoupWindow, RecoupsAnswer,
};
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::recoup::RecoupClaim;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::described::{Described, Shelf};
use crate::object;
use crate::scalars::inline;

object! {
    /// Which keysets were revoked, and what can be claimed of their tokens.
    RecoupsAnswer {
        /// The revoked keysets, by id.
        recoups: Vec<RecoupWindow>,
    }

    /// What can be claimed of a revoked keyset's tokens, and until when.
    RecoupWindow {
        /// The keyset.
        keyset: KeysetId,
        /// Since when it is revoked.
        revoked_at: UnixTime,
        /// Since when its key may have been in other hands: tokens that were issued from then on are not recouped.
        leaked_since: UnixTime,
        /// Until then claims are collected and nothing is paid.
        claims_until: UnixTime,
        /// From then on nothing is taken any more.
        ends_at: UnixTime,
        /// What the mint has forgotten of it, if it was revoked because the mint's ledger was put back from a copy.
        forgotten: Option<Forgotten>,
    }

    /// A stretch of time of which a mint has forgotten what it accepted of a keyset's tokens.
    Forgotten {
        /// When the copy was taken.
        since: UnixTime,
        /// From then on nothing of the keyset was accepted any more.
        until: UnixTime,
    }

    /// Files a claim, or asks again what became of it.
    RecoupCall {
        /// The claim.
        claim: RecoupClaim,
    }

    /// What became of a claim.
    RecoupAnswer {
        /// Until then claims are collected and nothing is paid.
        claims_until: UnixTime,
        /// One for each token: in the order of the claim's payment, or else of its evidence.
        tokens: Vec<RecoupToken>,
    }

    /// What is to be filed with the mint.
    LockedClaims {
        /// One claim for each payment.
        claims: Vec<LockedClaim>,
    }

    /// Asks for what was credited of keysets while the mint has forgotten it.
    CreditedCall {
        /// What the mint says that it has forgotten.
        recoups: Vec<RecoupWindow>,
        /// Only what comes behind this payment.
        after: Option<PaymentId>,
    }

    /// Some of what was credited and is to be filed.
    CreditedClaims {
        /// One claim for each payment.
        claims: Vec<LockedClaim>,
        /// Behind which payment to go on; none when this was all.
        next: Option<PaymentId>,
    }

    /// A payment that could not be deposited, or whose deposit the mint has forgotten, as it is filed with the mint.
    LockedClaim {
        /// The payment as it was accepted.
        payment: PaymentId,
        /// Its worth.
        amount: Amount,
        /// The unit's code.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// What is to be filed.
        claim: RecoupClaim,
    }

    /// A token of a claim.
    RecoupToken {
        /// How far it is.
        state: RecoupState,
        /// When it was paid, if it was paid for this claim.
        paid_at: Option<UnixTime>,
    }
}

impl Described for RecoupState {
    const NAME: Option<&'static str> = Some("RecoupState");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "How far a token of a claim is: nobody has shown yet how it was blinded; it is paid when claims are \
                     collected no more; its issuance does not count; it was paid; it was paid to somebody who came before; nobody is paid for it any more.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        inline(text.enum_values(Some(["unproven", "waiting", "excluded", "paid", "paid_to_another", "unpaid"])))
    }

    fn examples() -> Vec<Value> {
        ["waiting", "unproven", "excluded", "paid", "paid_to_another", "unpaid"].map(|state| json!(state)).to_vec()
    }
}
