//! Settings of accounts, and permissions.

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{
    AccountLimit, FactorSecret, FactorState, PermitAnswer, PermitCall, PermitRequest, RecoveryCode, SettingsAnswer,
    SettingsCall, SettingsRequest,
};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::described::{Described, Shelf};
use crate::object;
use crate::scalars::inline;

object! {
    /// Asks for an account's settings, or to change them.
    SettingsCall {
        /// The signed request.
        request: SettingsRequest,
    }

    /// An account's settings, as they are now.
    SettingsAnswer {
        /// Which they are: the next change names it.
        version: u64,
        /// Whether codes are asked for.
        factor: FactorState,
        /// Whether another second factor was drawn that waits for its first code.
        waiting: bool,
        /// How much may leave within a day without a code.
        limits: Vec<AccountLimit>,
        /// How many recovery codes are left.
        recovery_codes_left: u8,
        /// Until when codes of the authenticator are refused, because too many were wrong.
        locked_until: Option<UnixTime>,
        /// For the authenticator: told once, when it was drawn.
        secret: Option<FactorSecret>,
        /// To be written down: told once, when they were drawn.
        recovery_codes: Vec<RecoveryCode>,
    }

    /// What may leave an account without a second factor, in one unit.
    AccountLimit {
        /// The unit's code.
        unit: String => "EUR",
        /// Its number of decimals.
        exponent: u8,
        /// How much within a day.
        limit: Amount,
        /// How much of it is left now.
        left: Amount,
    }

    /// Asks for a permission.
    PermitCall {
        /// The signed permission.
        request: PermitRequest,
    }

    /// A permission stands in the mint's books.
    PermitAnswer {
        /// Before when the operation must be done.
        until: UnixTime,
    }
}

impl Described for FactorState {
    const NAME: Option<&'static str> = Some("FactorState");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "How far a second factor is: there is none; it waits for its first code; it is asked for.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        inline(text.enum_values(Some(["none", "pending", "active"])))
    }

    fn examples() -> Vec<Value> {
        vec![json!("none"), json!("pending"), json!("active")]
    }
}

impl Described for FactorSecret {
    const NAME: Option<&'static str> = Some("FactorSecret");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about =
            "The secret of an authenticator (RFC 6238: HMAC-SHA-1, six digits, 30 seconds): 20 bytes in base 32.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        inline(text.pattern(Some("^[A-Z2-7]{32}$")))
    }

    fn examples() -> Vec<Value> {
        vec![json!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    }
}

impl Described for RecoveryCode {
    const NAME: Option<&'static str> = Some("RecoveryCode");

    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        let about = "A code that is good once: 10 bytes in base 32, in groups of four.";
        let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
        inline(text.pattern(Some("^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$")))
    }

    fn examples() -> Vec<Value> {
        vec![json!("GEZD-GNBV-GY3T-QOJQ")]
    }
}
