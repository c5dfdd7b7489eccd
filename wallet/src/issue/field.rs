//! What the wallet keeps for itself in an issuance's encrypted field, for a restore from words.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | layout, 1 |
//! | 1 | shape: 1 withdrawal, 2 bundle, 3 split, 4 merge, 5 renew |
//! | 8 | when it was requested, Unix seconds, little-endian |
//! | 78 | zero; later layouts keep the recipient's key Q of locked tokens here |

use farthing_protocol::amount::UnixTime;
use farthing_protocol::issuance::FIELD_PLAINTEXT;
use farthing_protocol::shape::Shape;

const LAYOUT: u8 = 1;

/// The field's 88 bytes.
pub(super) fn plaintext(shape: &Shape, requested_at: UnixTime) -> [u8; FIELD_PLAINTEXT] {
    let kind = match shape {
        Shape::Withdrawal(_) => 1,
        Shape::Bundle(_) => 2,
        Shape::Split(_) => 3,
        Shape::Merge(_) => 4,
        Shape::Renew(_) => 5,
    };
    let content = [LAYOUT, kind].into_iter().chain(requested_at.seconds().to_le_bytes());
    let mut text = [0; FIELD_PLAINTEXT];
    text.iter_mut().zip(content).for_each(|(place, byte)| *place = byte);
    text
}

#[cfg(test)]
mod tests {
    use farthing_protocol::amount::Denomination;

    use super::*;

    #[test]
    fn the_layout_is_as_documented() {
        let text = plaintext(&Shape::Merge(Denomination::new(3).unwrap()), UnixTime::from_seconds(0x0102));
        assert_eq!(text[..10], [1, 4, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert!(text[10..].iter().all(|byte| *byte == 0));
    }
}
