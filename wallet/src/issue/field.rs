//! What the wallet keeps for itself in an issuance's encrypted field, for a restore from words.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | layout, 1 |
//! | 1 | shape: 1 withdrawal, 2 bundle, 3 split, 4 merge, 5 renew |
//! | 8 | when it was requested, Unix seconds, little-endian |
//! | 1 | 0 if the tokens are the wallet's own, 1 if they are locked to a recipient to be given away, 2 if to be paid to him |
//! | 32 | the recipient's key Q, or zero |
//! | 32 | if they are to be paid to him: the payee, else zero |
//! | 13 | zero |

use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Reader, Writer};
use farthing_protocol::issuance::FIELD_PLAINTEXT;
use farthing_protocol::shape::Shape;

use crate::operation::Lock;

const LAYOUT: u8 = 1;

/// The field's 88 bytes.
pub(super) fn plaintext(shape: &Shape, requested_at: UnixTime, lock: Option<&Lock>) -> [u8; FIELD_PLAINTEXT] {
    let kind = match shape {
        Shape::Withdrawal(_) => 1,
        Shape::Bundle(_) => 2,
        Shape::Split(_) => 3,
        Shape::Merge(_) => 4,
        Shape::Renew(_) => 5,
    };
    let mut content = Writer::default();
    content.u8(LAYOUT);
    content.u8(kind);
    content.part(&requested_at);
    Lock::encode(lock, &mut content);
    let mut text = [0; FIELD_PLAINTEXT];
    text.iter_mut().zip(content.finish()).for_each(|(place, byte)| *place = byte);
    text
}

/// What a field says.
pub(crate) struct FieldContent {
    pub(crate) requested_at: UnixTime,
    pub(crate) lock: Option<Lock>,
}

/// Reads a field's 88 bytes; nothing if they are of a layout that this version does not know.
pub(crate) fn read(text: &[u8; FIELD_PLAINTEXT]) -> Option<FieldContent> {
    let mut input = Reader::new(text);
    let (layout, _kind) = (input.u8().ok()?, input.u8().ok()?);
    if layout != LAYOUT {
        return None;
    }
    Some(FieldContent { requested_at: input.part().ok()?, lock: Lock::decode(&mut input).ok()? })
}

#[cfg(test)]
mod tests {
    use farthing_protocol::amount::{Amount, Denomination};
    use farthing_protocol::derive::{ReceivingIndex, Seed};
    use farthing_protocol::identity::PayeeKey;

    use super::*;

    #[test]
    fn the_layout_is_as_documented() {
        let text = plaintext(&Shape::Merge(Denomination::new(3).unwrap()), UnixTime::from_seconds(0x0102), None);
        assert_eq!(text[..10], [1, 4, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert!(text[10..].iter().all(|byte| *byte == 0));
        let key = *Seed::from_bytes([2; 64]).lock_key(ReceivingIndex::FIRST).public();
        let text =
            plaintext(&Shape::Renew(Amount::new(1).unwrap()), UnixTime::from_seconds(0x0102), Some(&Lock::given(key)));
        assert_eq!(text[..11], [1, 5, 2, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(text[11..43], *key.element().as_bytes());
        assert!(text[43..].iter().all(|byte| *byte == 0));
        let read = read(&text).unwrap();
        assert_eq!((read.requested_at, read.lock), (UnixTime::from_seconds(0x0102), Some(Lock::given(key))));
        let held = Lock { key, held_for: Some(PayeeKey::from_bytes([3; 32])) };
        let text = plaintext(&Shape::Bundle(1), UnixTime::from_seconds(0x0102), Some(&held));
        assert_eq!(text[..11], [1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!((&text[11..43], &text[43..75]), (key.element().as_bytes().as_slice(), [3; 32].as_slice()));
        assert!(text[75..].iter().all(|byte| *byte == 0));
        assert_eq!(super::read(&text).unwrap().lock, Some(held));
        assert!(super::read(&[0; FIELD_PLAINTEXT]).is_none());
    }
}
