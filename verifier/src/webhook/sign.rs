//! Signatures, as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use farthing_protocol::amount::UnixTime;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// How long a secret is, in bytes.
const LENGTH: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets shared with a receiver. While one is replaced there are two, and every event is signed with both.
#[derive(Clone)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

/// Why a text holds no secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// There is none in it.
    #[error("there is no secret in it")]
    Empty,
    /// A line is not of the form `whsec_` and base64, or of another length.
    #[error("a webhook's secret is `whsec_` followed by 24 to 64 bytes in base64")]
    Malformed,
}

impl Secrets {
    /// Reads secrets, one on each line: `whsec_` and 24 to 64 bytes in base64. Blank lines are passed over.
    ///
    /// # Errors
    /// A [`SecretsError`], which shows nothing of them.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let mut secrets = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let encoded = line.strip_prefix(PREFIX).ok_or(SecretsError::Malformed)?;
            let secret = Zeroizing::new(BASE64.decode(encoded.as_bytes()).map_err(|_| SecretsError::Malformed)?);
            if !LENGTH.contains(&secret.len()) {
                return Err(SecretsError::Malformed);
            }
            secrets.push(secret);
        }
        if secrets.is_empty() { Err(SecretsError::Empty) } else { Ok(Self(secrets)) }
    }

    /// A new secret, as it is written into a file and given to the receiver.
    pub fn generate() -> Zeroizing<String> {
        let bytes = Zeroizing::new(crate::random::random::<32>());
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str(PREFIX);
        BASE64.encode_append(&*bytes, &mut text);
        text
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> String {
        let signatures = self.0.iter().filter_map(|secret| {
            // HMAC takes keys of every length.
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            // id ‖ "." ‖ seconds ‖ "." ‖ body
            mac.update(format!("{id}.{}.", at.seconds()).as_bytes());
            mac.update(body);
            Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_standard_is_signed_as_its_libraries_have_it() {
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", UnixTime::from_seconds(1_614_265_330));
        let signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let one = Secrets::parse(SECRET).unwrap();
        assert_eq!(one.sign(id, at, br#"{"test": 2432232314}"#), signed);
        let two = Secrets::parse(&format!("{SECRET}\n\n{}\n", *Secrets::generate())).unwrap();
        let both = two.sign(id, at, br#"{"test": 2432232314}"#);
        assert!(both.starts_with(&format!("{signed} v1,")) && both.len() == 2 * signed.len() + 1);
        assert_ne!(one.sign(id, at.plus(1), br#"{"test": 2432232314}"#), signed);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_a_secret_is_not_shown() {
        assert_eq!(Secrets::parse(" \n").unwrap_err(), SecretsError::Empty);
        let short = format!("whsec_{}", BASE64.encode(&[7; 23]));
        let long = format!("whsec_{}", BASE64.encode(&[7; 65]));
        for text in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", &short, &long, &format!("{SECRET}\nx")] {
            assert_eq!(Secrets::parse(text).unwrap_err(), SecretsError::Malformed, "{text}");
        }
        assert_eq!(format!("{:?}", Secrets::parse(SECRET).unwrap()), "Secrets(<redacted>)");
    }
}
