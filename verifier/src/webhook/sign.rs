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

/// More signatures than any sender makes of one message.
const MAX_SIGNATURES: usize = 16;

/// The secrets shared with a receiver. While one is replaced there are two, and every event is signed with both.
#[derive(Clone)]
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

/// How far a message's time may lie from the receiver's clock, in seconds.
const TOLERANCE: u64 = 300;

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsignedError {
    /// The time is none, or not within five minutes of now.
    #[error("the message is not of now")]
    NotNow,
    /// No signature of it is made with a secret that is known here.
    #[error("the message's signature does not fit")]
    InvalidSignature,
}

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
            let mac = mac(secret, id, &at.seconds().to_string(), body)?;
            Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// Verifies that whoever shares one of the secrets sent a message, within five minutes of now: `id`, `timestamp` and `signature` are
    /// the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. The same message passes as often as it is sent.
    ///
    /// # Errors
    /// An [`UnsignedError`].
    ///
    /// # Security
    /// The body MUST be the bytes that came, before anything is read in them. A message MUST take effect once only, by an id of its
    /// own, since whoever saw it can send it again while its time lasts.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: UnixTime,
    ) -> Result<(), UnsignedError> {
        let plain = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = timestamp.parse().ok().filter(|_| plain).map(UnixTime::from_seconds).ok_or(UnsignedError::NotNow)?;
        if at > now.plus(TOLERANCE) || now > at.plus(TOLERANCE) {
            return Err(UnsignedError::NotNow);
        }
        let given = signature.split(' ').filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?.as_bytes()).ok());
        let given: Vec<Vec<u8>> = given.take(MAX_SIGNATURES).collect();
        // Every secret is tried with every signature, each in constant time.
        let mut fits = false;
        for secret in &self.0 {
            for signature in &given {
                let mac = mac(secret, id, timestamp, body);
                fits |= mac.is_some_and(|mac| mac.verify_slice(signature).is_ok());
            }
        }
        if fits { Ok(()) } else { Err(UnsignedError::InvalidSignature) }
    }
}

/// HMAC over id ‖ "." ‖ seconds ‖ "." ‖ body. It takes keys of every length.
fn mac(secret: &[u8], id: &str, seconds: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(mac)
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
    fn what_is_signed_is_verified_and_nothing_else() {
        let now = UnixTime::from_seconds(1_614_265_330);
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#.as_slice());
        let signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let secrets = Secrets::parse(SECRET).unwrap();
        let both = Secrets::parse(&format!("{}\n{SECRET}", *Secrets::generate())).unwrap();
        let verify = |timestamp: &str, signature: &str, now| secrets.verify(id, timestamp, signature, body, now);
        let among = format!("v1a,xyz v1,AAAA {signed} v1,!");
        for signature in [signed, &among] {
            assert_eq!(verify("1614265330", signature, now), Ok(()));
            assert_eq!(both.verify(id, "1614265330", signature, body, now), Ok(()));
        }
        for within in [now.plus(300), now.minus(300)] {
            assert_eq!(verify("1614265330", signed, within), Ok(()));
        }
        for outside in [now.plus(301), now.minus(301)] {
            assert_eq!(verify("1614265330", signed, outside), Err(UnsignedError::NotNow));
        }
        for none in ["", "now", "+1614265330", "1614265330.0", " 1614265330", "99999999999999999999"] {
            assert_eq!(verify(none, signed, now), Err(UnsignedError::NotNow), "{none}");
        }
        let forged = Err(UnsignedError::InvalidSignature);
        for other in ["", "v1,", "v1", &signed[3..], &signed.replace("v1", "v2"), &signed.replace('g', "h")] {
            assert_eq!(verify("1614265330", other, now), forged, "{other}");
        }
        assert_eq!(verify("1614265331", signed, now), forged, "its time is signed");
        assert_eq!(verify("01614265330", signed, now), forged, "as it was written");
        assert_eq!(secrets.verify("msg", "1614265330", signed, body, now), forged);
        assert_eq!(secrets.verify(id, "1614265330", signed, b"{}", now), forged);
        let others = Secrets::parse(&Secrets::generate()).unwrap();
        assert_eq!(others.verify(id, "1614265330", signed, body, now), forged);
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
