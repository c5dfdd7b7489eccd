//! What the journal can say was done. To add something: one line in the table below, with a number that was never used.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::KeysetId;

/// What stands in an act.
pub(crate) trait Detail: Encode + Decode {
    /// How it is written for people and programs.
    fn shown(&self) -> String;

    /// The account that it names: what is erased when the account is forgotten.
    fn account(&self) -> Option<AccountKey> {
        None
    }
}

/// A text of the operator's, or an owner's, at most 65,535 bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

/// A count or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal { $($field:ident: $type:ty),* $(,)? };)*) => {
        /// An administrative change, as the journal keeps it. It never holds a secret.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Act {
            $($(#[$doc])* $name { $($field: $type,)* },)*
        }

        impl Act {
            /// Its number in the journal.
            pub(crate) const fn number(&self) -> u16 {
                match self { $(Self::$name { .. } => $number,)* }
            }

            /// The word for an act of this number.
            pub(crate) const fn word(number: u16) -> &'static str {
                match number { $($number => $text,)* _ => "unknown" }
            }

            /// Its fields, by name.
            pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
                match self {
                    $(Self::$name { $($field,)* } => vec![$((stringify!($field), $field.shown()),)*],)*
                }
            }

            /// Whether it names an account.
            pub(crate) fn names(&self, account: &AccountKey) -> bool {
                match self {
                    $(Self::$name { $($field,)* } => {
                        let named: &[Option<AccountKey>] = &[$($field.account(),)*];
                        named.contains(&Some(*account))
                    })*
                }
            }

            /// Whether a text of the operator's about an account is in it.
            pub(crate) const fn is_worded(number: u16) -> bool {
                matches!(number, 20..=24)
            }

            /// The fields of it, one after another.
            pub(crate) fn encode_to(&self, out: &mut Writer) {
                match self {
                    $(Self::$name { $($field,)* } => {
                        $(out.part($field);)*
                    })*
                }
            }

            /// The act of a number, from its fields.
            pub(crate) fn decode_from(number: u16, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(match number {
                    $($number => Self::$name { $($field: input.part()?,)* },)*
                    _ => return Err(DecodeError::UnknownTag),
                })
            }
        }

        #[cfg(test)]
        const NUMBERS: &[u16] = &[$($number),*];
        #[cfg(test)]
        const WORDS: &[&str] = &[$($text),*];
    };
}

acts! {
    /// A second factor of the administrator was drawn, and waits for its first code.
    AdministratorDrawn = 1, "administrator_factor_drawn" {};
    /// It is asked for from now on.
    AdministratorEnrolled = 2, "administrator_factor_enrolled" {};
    /// No second factor is asked for any more.
    AdministratorRemoved = 3, "administrator_factor_removed" {};
    /// New recovery codes; the old ones are void.
    AdministratorCodes = 4, "administrator_recovery_codes" {};
    /// Too many codes were wrong.
    AdministratorLocked = 5, "administrator_locked" { until: UnixTime };
    /// An account's owner enrolled a second factor.
    OwnerEnrolled = 10, "account_factor_enrolled" { account: AccountKey };
    /// He removed it.
    OwnerRemoved = 11, "account_factor_removed" { account: AccountKey };
    /// He set another limit; none stands for no limit.
    OwnerLimit = 12, "account_limit" { account: AccountKey, unit: Unit, limit: Maybe<Amount> };
    /// He drew new recovery codes.
    OwnerCodes = 13, "account_recovery_codes" { account: AccountKey };
    /// Too many codes of an account were wrong.
    OwnerLocked = 14, "account_locked" { account: AccountKey, until: UnixTime };
    /// The operator removed an account's second factor, because its owner lost it.
    OwnerReset = 15, "account_factor_reset" { account: AccountKey };
    /// An account that held nothing was forgotten, and so it is not named here.
    AccountForgotten = 16, "account_forgotten" {};
    /// The operator opened an account, so that something can come into it.
    AccountOpened = 17, "account_opened" { account: AccountKey };
    /// He closed it: nothing comes into it any more.
    AccountClosed = 18, "account_closed" { account: AccountKey };
    /// An account was credited with money from outside.
    Credited = 20, "credited" { account: AccountKey, unit: Unit, amount: Amount, reference: Text };
    /// Money of an account was paid to its owner outside.
    PaidOut = 21, "paid_out" { account: AccountKey, unit: Unit, amount: Amount, reference: Text };
    /// A payout that was asked for is to be paid.
    PayoutApproved = 22, "payout_approved" { payout: Number, account: AccountKey, unit: Unit, amount: Amount };
    /// It was paid outside.
    PayoutPaid = 23, "payout_paid" { payout: Number, account: AccountKey, reference: Text };
    /// It is not paid: the money is in the account again.
    PayoutRejected = 24, "payout_rejected" { payout: Number, account: AccountKey, reason: Text };
    /// A batch of vouchers was made of money from outside.
    VouchersMade = 26, "vouchers_made" { batch: Number, unit: Unit, amount: Amount, count: Number };
    /// None of a batch can be redeemed any more.
    VouchersRevoked = 27, "vouchers_revoked" { batch: Number };
    /// Money that a processor reported for nobody known was credited to an account.
    IncomeAssigned = 28, "income_assigned" { income: Number, account: AccountKey };
    /// It was sent back.
    IncomeReturned = 29, "income_returned" { income: Number };
    /// A keyset was made.
    KeysetMade = 30, "keyset_made" { keyset: KeysetId };
    /// A keyset was revoked, or said to have leaked earlier.
    KeysetRevoked = 31, "keyset_revoked" { keyset: KeysetId, revoked_at: UnixTime, leaked_since: UnixTime };
    /// More would have been redeemed of a keyset than was issued.
    KeysetForged = 35, "keyset_forged" { keyset: KeysetId };
    /// The administrator says that it means nothing.
    ForgeryDismissed = 36, "forgery_dismissed" { keyset: KeysetId };
    /// The operator put money in for the honest tokens of a revoked keyset.
    RecoupCovered = 32, "recoup_covered" { keyset: KeysetId, amount: Amount, reference: Text };
    /// The operator said that what is not covered of the claims on a revoked keyset's tokens is not paid.
    RecoupClosed = 33, "recoup_closed" { keyset: KeysetId };
    /// The operator declared what he holds against what the mint owes; none stands for nothing declared.
    BackingDeclared = 40, "backing_declared" { unit: Unit, amount: Maybe<Amount> };
    /// The operator said that the clock is right, after the mint was off for more than a month.
    ClockBelieved = 45, "clock_believed" { seen: UnixTime, now: UnixTime };
    /// The mint was taken out of service here, and its last copy made.
    GivenAway = 50, "given_away" {};
    /// The mint was put back from a copy, and nothing was lost.
    NothingLost = 51, "nothing_lost" { copied_at: UnixTime };
    /// The mint was put back from a copy, and what was answered later is lost: so many keysets were revoked, and all recovery codes are void.
    LossAccepted = 52, "loss_accepted" { copied_at: UnixTime, keysets: Number };
    /// A secret was made that is shared with the payment processor.
    WebhookSecretMade = 53, "webhook_secret_made" {};
    /// A copy of the ledger was taken while the mint goes on.
    CopyTaken = 55, "copy_taken" {};
}

/// A field that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T: Encode> Encode for Maybe<T> {
    fn encode_to(&self, out: &mut Writer) {
        out.optional(self.0.as_ref());
    }
}

impl<T: Decode> Decode for Maybe<T> {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.optional().map(Self)
    }
}

impl<T: Detail> Detail for Maybe<T> {
    fn shown(&self) -> String {
        self.0.as_ref().map_or_else(|| "none".to_owned(), Detail::shown)
    }

    fn account(&self) -> Option<AccountKey> {
        self.0.as_ref().and_then(Detail::account)
    }
}

impl Encode for Text {
    fn encode_to(&self, out: &mut Writer) {
        out.text(&self.0);
    }
}

impl Decode for Text {
    /// The operator's texts may hold anything.
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(input.u16()?);
        let text = std::str::from_utf8(input.bytes(count)?).map_err(|_| DecodeError::NonCanonicalText)?;
        Ok(Self(text.to_owned()))
    }
}

impl Detail for Text {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

impl Encode for Number {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Number {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

impl Detail for Number {
    fn shown(&self) -> String {
        self.0.to_string()
    }
}

impl Detail for AccountKey {
    fn shown(&self) -> String {
        self.to_text()
    }

    fn account(&self) -> Option<AccountKey> {
        Some(*self)
    }
}

impl Detail for Amount {
    fn shown(&self) -> String {
        self.units().to_string()
    }
}

impl Detail for Unit {
    fn shown(&self) -> String {
        self.code().to_owned()
    }
}

impl Detail for UnixTime {
    fn shown(&self) -> String {
        self.seconds().to_string()
    }
}

impl Detail for KeysetId {
    fn shown(&self) -> String {
        self.to_text()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_or_word_stands_for_two_acts() {
        assert_eq!(NUMBERS.iter().collect::<BTreeSet<_>>().len(), NUMBERS.len());
        assert_eq!(WORDS.iter().collect::<BTreeSet<_>>().len(), WORDS.len());
        assert!(NUMBERS.iter().zip(WORDS).all(|(number, word)| Act::word(*number) == *word));
    }
}
