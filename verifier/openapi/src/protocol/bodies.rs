//! The bodies of `farthing_protocol::api`.

use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{
    AccountAnswer, AccountQuery, AccountRequest, ArchiveAnswer, Deposit, DepositAnswer, DepositOutcome, DepositRequest,
    FinishAnswer, FinishRequest, InvoiceAnswer, InvoiceRequest, KeysetsAnswer, KeysetsTaken, LockedAnswer,
    LockedDeposit, LockedRefusal, LockedSum, MintHead, OpenAnswer, OpenRequest, PayAnswer, PayRequest, PayeeAnswer,
    PaymentAnswer, RecipientAnswer, UnitBalance,
};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::{Claim, HttpBinding, KeysetId, PaymentId};
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{ChainHead, KeysetDocument, KeysetList};
use farthing_protocol::locked::Recipient;
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::shape::Shape;
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};

use super::example;
use crate::described::{Described, Shelf};
use crate::object;

object! {
    /// A mint's keysets.
    KeysetsAnswer {
        /// The signed list.
        list: KeysetList,
        /// Every keyset of every chain, each chain in order.
        keysets: Vec<KeysetDocument>,
    }

    /// What there is in a mint's archive.
    ArchiveAnswer {
        /// The signed index.
        index: ArchiveIndex,
    }

    /// Asks for an issuance session.
    OpenRequest {
        /// The keyset, which must be issuing.
        keyset: KeysetId,
        /// What is to be made.
        shape: Shape,
    }

    /// A session, open for ten minutes.
    OpenAnswer {
        /// Session, seal and commitments.
        opened: OpenedSession,
    }

    /// Finishes an issuance.
    FinishRequest {
        /// The signed request.
        request: IssuanceRequest,
    }

    /// The issuance is recorded.
    FinishAnswer {
        /// The record of this issuance id: the same, however often and with whatever it is asked.
        record: IssuanceRecord,
    }

    /// Payments to be cleared.
    DepositRequest {
        /// The payments, 1 to 64.
        deposits: Vec<Deposit>,
    }

    /// One payment to be cleared.
    Deposit {
        /// The payment, of kind `pay`.
        payment: Payment,
        /// The depositor's claim. The mint keeps the first one.
        claim: Claim,
    }

    /// What became of each.
    DepositAnswer {
        /// One outcome for each deposit, in their order.
        outcomes: Vec<DepositOutcome>,
    }

    /// A question about an account.
    AccountRequest {
        /// The signed question.
        query: AccountQuery,
    }

    /// What an account holds.
    AccountAnswer {
        /// One balance for each unit that it ever held, by the unit's code.
        balances: Vec<UnitBalance>,
    }

    /// A balance.
    UnitBalance {
        /// The unit's code.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// How much.
        balance: Amount,
        /// How much may leave now without a second factor. Not given if its owner set no limit.
        free: Option<Amount>,
    }

    /// Who is paid here, and with what.
    PayeeAnswer {
        /// The payee.
        payee: PayeeKey,
        /// The code of the unit he is paid in.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// The mints whose tokens are taken.
        mints: Vec<MintHead>,
    }

    /// A mint, and what the payee knows of its keysets.
    MintHead {
        /// The mint.
        mint: MintId,
        /// The head of its chain. A wallet that sees another one has found a mint that tells two stories.
        head: ChainHead,
    }

    /// Pays.
    PayRequest {
        /// The payment.
        payment: Payment,
        /// The request that it answers, as the payer had it.
        request: PaymentRequest,
    }

    /// The payment is accepted, now or before.
    PayAnswer {
        /// The payee's receipt.
        receipt: Receipt,
    }

    /// A payment that was accepted.
    PaymentAnswer {
        /// The payee's receipt.
        receipt: Receipt,
    }

    /// Asks for an invoice.
    InvoiceRequest {
        /// How much.
        amount: Amount,
        /// A note for the payer, at most 280 bytes.
        memo: Option<String> => "Two cups of tea",
        /// How long it can be paid, in seconds; 900 if not given.
        expires_in: Option<u32> => 900,
        /// Whether it may be paid more than once; if not given, it may not.
        reusable: bool = false,
        /// What binds it to one HTTP request.
        http: Option<HttpBinding>,
    }

    /// An invoice.
    InvoiceAnswer {
        /// The invoice.
        invoice: Invoice,
        /// The same as text for people: Bech32m, `farthinginvoice1…`.
        text: String => example("text"),
    }

    /// Where tokens can be locked to.
    RecipientAnswer {
        /// The record.
        recipient: Recipient,
        /// The same as text for people: Bech32m, `farthingrecipient1…`.
        text: String => "farthingrecipient1…",
    }

    /// A list of keysets was taken over.
    KeysetsTaken {
        /// When the mint signed it.
        issued_at: UnixTime,
    }

    /// Asks for a deposit of what was taken in locked tokens.
    LockedDeposit {
        /// Whether to send once more what the mint refused.
        again: bool = false,
    }

    /// What became of what was taken in locked tokens.
    LockedAnswer {
        /// What the mint credited now, for each unit.
        credited: Vec<LockedSum>,
        /// What is accepted, and neither credited nor refused.
        open: Vec<LockedSum>,
        /// What the mint refused, now or before.
        refused: Vec<LockedRefusal>,
        /// Why something is still open: a problem code.
        cause: Option<String> => "unavailable",
    }

    /// How many payments, and what they are worth together.
    LockedSum {
        /// The unit's code.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// How many payments.
        payments: u64,
        /// Their worth.
        amount: Amount,
    }

    /// A payment that was accepted, and that the mint refused to credit.
    LockedRefusal {
        /// Which one.
        payment: PaymentId,
        /// The unit's code.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// Its worth.
        amount: Amount,
        /// When it was accepted.
        accepted_at: UnixTime,
        /// When the mint refused it.
        refused_at: UnixTime,
        /// Why: a problem code.
        code: String => "keyset_ended",
    }
}

impl Described for DepositOutcome {
    const NAME: Option<&'static str> = Some("DepositOutcome");

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        let at = shelf.field::<UnixTime>("When.");
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let variant = |name: &str, about: &str| {
            let open =
                ObjectBuilder::new().description(Some(about)).property("outcome", text().enum_values(Some([name])));
            open.required("outcome").additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let matches = ObjectBuilder::new().schema_type(Type::Boolean);
        let code = text().description(Some("Why: a code of a problem, as in docs/errors.md."));
        let earlier = shelf.field::<PaymentId>("That payment.");
        let accepted = variant("accepted", "Accepted now.").property("accepted_at", at.clone()).required("accepted_at");
        let already = variant("already_accepted", "Accepted before.")
            .property("accepted_at", at)
            .required("accepted_at")
            .property("claim_matches", matches.description(Some("Whether the claim is the one of then.")))
            .required("claim_matches");
        let double = variant("double_spend", "A token was spent in another payment. Nothing changed.")
            .property("earlier_payment_id", earlier)
            .required("earlier_payment_id");
        let refused = variant("refused", "Refused. Nothing changed.").property("code", code).required("code");
        let unavailable = variant("unavailable", "Not known: ask again, with the same payment and claim.");
        let variants = [accepted, already, double, refused, unavailable];
        let one = OneOfBuilder::new().description(Some("What became of one deposit."));
        RefOr::T(Schema::OneOf(variants.into_iter().fold(one, OneOfBuilder::item).build()))
    }

    fn examples() -> Vec<Value> {
        let (at, earlier) = (UnixTime::example(), PaymentId::example());
        vec![
            json!({ "outcome": "accepted", "accepted_at": at }),
            json!({ "outcome": "already_accepted", "claim_matches": true, "accepted_at": at }),
            json!({ "outcome": "double_spend", "earlier_payment_id": earlier }),
            json!({ "outcome": "refused", "code": Code::KeysetEnded.as_str() }),
            json!({ "outcome": "unavailable" }),
        ]
    }
}
