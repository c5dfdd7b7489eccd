//! Why a signer refuses.

use farthing_protocol::codec::DecodeError;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a signer does not do what it was asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Refusal {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As a sentence.
            pub(crate) const fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!("The signer refuses: ", $text, "."),)* }
            }

            pub(super) const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            pub(super) fn of(code: u8) -> Result<Self, DecodeError> {
                match code { $($code => Ok(Self::$name),)* _ => Err(DecodeError::UnknownTag) }
            }
        }
    };
}

refusals! {
    /// The session is none of this process's.
    UnknownSession = 1, "the session is not known";
    /// Its time is over.
    Expired = 2, "the session has expired";
    /// It was claimed before.
    Claimed = 3, "the session was answered or given up before";
    /// Too many sessions are claimed.
    Full = 4, "too many sessions are claimed at the moment";
    /// Challenges and tokens differ in number.
    Mismatch = 5, "the challenges do not fit the session";
    /// The signer has no such keyset, it is not its time, or it was revoked.
    NotIssuing = 6, "the keyset is not issuing tokens";
    /// More value would be issued within an hour than the signer allows.
    Limit = 7, "the signer's limit on value issued within an hour is reached";
    /// Too much to do.
    Busy = 8, "the signer is busy";
    /// It signs for another mint.
    OtherMint = 9, "the signer signs for another mint";
    /// What should be signed takes back or contradicts what was signed before.
    WentBack = 10, "what should be signed takes back or contradicts what was signed before";
    /// It is dated where it must not be.
    NotItsTime = 11, "what should be signed is dated where it must not be";
    /// The keyset's terms are not those of the signer's own settings.
    Settings = 12, "the keyset's terms are not those of the signer's settings";
    /// The keyset does not follow the last one, or something names a keyset that the signer never made.
    NotNext = 13, "the keyset does not follow the signer's last one, or is none of its";
    /// The frame could not be understood.
    Malformed = 14, "the signer did not understand the request";
    /// A fault of the signer.
    Failed = 15, "the signer has failed";
    /// A file of the archive with the same head and another content was signed before.
    OtherContent = 16, "another file of the archive was signed under the same head";
    /// More of the archive would be signed within an hour than ever is.
    TooMuch = 17, "more of the archive would be signed within an hour than the signer allows";
    /// More keysets would be made, or revoked, within a week than the signer allows.
    TooManyKeysets = 18, "more keysets would be made or revoked within a week than the signer allows";
}
