//! Coin keys, tokens, and the text form in which tokens go from person to person (protocol section 4).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::scalar::Scalar;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::amount::{Amount, Denomination};
use crate::blind::{BlindSignature, InvalidToken};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain, wire_serde};
use crate::group::{Element, nonzero_scalar_from_bytes};
use crate::identity::MintId;
use crate::ids::KeysetId;
use crate::keyset::Keyset;
use crate::text::TextForm;

/// The secret key p of a coin, with P = pG. Zeroized when dropped, never cloned.
#[derive(ZeroizeOnDrop)]
pub struct CoinKey {
    secret: Scalar,
    #[zeroize(skip)]
    public: Element,
}

impl CoinKey {
    pub(crate) fn from_scalar(mut secret: Scalar) -> Self {
        let key = Self { secret, public: Element::of_nonzero(&secret) };
        secret.zeroize();
        key
    }

    /// P, the message that the mint signs without seeing it.
    pub fn public(&self) -> &Element {
        &self.public
    }

    pub(crate) fn scalar(&self) -> &Scalar {
        &self.secret
    }
}

impl Encode for CoinKey {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(self.secret.as_bytes());
    }
}

impl Decode for CoinKey {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        nonzero_scalar_from_bytes(input.array()?).map(Self::from_scalar)
    }
}

impl fmt::Debug for CoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoinKey(<redacted>)")
    }
}

/// What makes a token unique: (keyset id, P).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial {
    keyset: KeysetId,
    coin: Element,
}

impl Serial {
    /// The serial of a coin in a keyset.
    pub fn new(keyset: KeysetId, coin: Element) -> Self {
        Self { keyset, coin }
    }

    /// The keyset.
    pub fn keyset(&self) -> &KeysetId {
        &self.keyset
    }

    /// P.
    pub fn coin(&self) -> &Element {
        &self.coin
    }

    /// keyset id ‖ P, 64 bytes: the key under which stores know it.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let (keyset, coin) = bytes.split_at_mut(32);
        keyset.copy_from_slice(self.keyset.as_bytes());
        coin.copy_from_slice(self.coin.as_bytes());
        bytes
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serial(<redacted>)")
    }
}

/// A token of a known keyset, as it stands in a payment: d, P, σ (129 bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The denomination d.
    pub denomination: Denomination,
    /// The coin key P.
    pub coin: Element,
    /// The mint's signature over P.
    pub signature: BlindSignature,
}

impl Token {
    /// Length of the encoding, in bytes.
    pub const LENGTH: usize = 129;

    /// 2^d.
    pub fn value(&self) -> Amount {
        self.denomination.value()
    }

    /// Verifies the mint's signature.
    ///
    /// # Errors
    /// [`InvalidToken`], also when the keyset has no such denomination.
    pub fn verify(&self, keyset: &Keyset) -> Result<(), InvalidToken> {
        keyset.key(self.denomination).ok_or(InvalidToken)?.verify(&self.coin, &self.signature)
    }
}

impl Encode for Token {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.denomination);
        out.part(&self.coin);
        out.part(&self.signature);
    }
}

impl Decode for Token {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { denomination: input.part()?, coin: input.part()?, signature: input.part()? })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("denomination", &self.denomination).finish_non_exhaustive()
    }
}

/// Tokens of one keyset on their way from person to person, strictly ascending.
///
/// # Security
/// A bearer text token IS the money: whoever reads it can take it.
pub struct TextToken {
    mint: MintId,
    keyset: KeysetId,
    memo: Option<String>,
    content: TextTokenContent,
}

/// What a text token holds.
pub enum TextTokenContent {
    /// Tokens with their coin keys: whoever has them can spend them.
    Bearer(Vec<(Token, CoinKey)>),
    /// Tokens locked to one recipient, each with its E.
    Locked(Vec<(Token, Element)>),
}

impl TextToken {
    /// The longest memo, in bytes.
    pub const MAX_MEMO: usize = 140;

    /// Puts tokens together, with a note for the recipient of 1 to 140 bytes or none.
    ///
    /// # Errors
    /// A [`DecodeError`] unless the tokens ascend strictly, none is repeated, and each bearer key is its token's.
    pub fn new(
        mint: MintId,
        keyset: KeysetId,
        memo: Option<String>,
        content: TextTokenContent,
    ) -> Result<Self, DecodeError> {
        if let Some(memo) = &memo {
            Self::check_memo(memo)?;
        }
        if let TextTokenContent::Bearer(tokens) = &content
            && tokens.iter().any(|(token, key)| token.coin != *key.public())
        {
            return Err(DecodeError::OutOfRange);
        }
        let token = Self { mint, keyset, memo, content };
        let tokens = token.tokens();
        if tokens.is_empty() {
            return Err(DecodeError::Empty);
        }
        if !tokens.is_sorted_by(|a, b| a.denomination < b.denomination) {
            return Err(DecodeError::NonCanonicalShape);
        }
        let mut coins: Vec<&Element> = tokens.iter().map(|token| &token.coin).collect();
        coins.sort_unstable();
        if coins.is_sorted_by(|a, b| a < b) { Ok(token) } else { Err(DecodeError::Repeated) }
    }

    /// Checks a note: 1 to 140 bytes of plain text.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`], [`DecodeError::NonCanonicalText`].
    pub fn check_memo(memo: &str) -> Result<(), DecodeError> {
        match memo {
            memo if memo.len() > Self::MAX_MEMO => Err(DecodeError::TooLong),
            memo if memo.is_empty() || !is_plain(memo) => Err(DecodeError::NonCanonicalText),
            _ => Ok(()),
        }
    }

    /// The mint.
    pub fn mint(&self) -> &MintId {
        &self.mint
    }

    /// The keyset.
    pub fn keyset(&self) -> &KeysetId {
        &self.keyset
    }

    /// The note for the recipient.
    pub fn memo(&self) -> Option<&str> {
        self.memo.as_deref()
    }

    /// The tokens with what makes them spendable.
    pub fn content(&self) -> &TextTokenContent {
        &self.content
    }

    /// The tokens with what makes them spendable, taken out.
    pub fn into_content(self) -> TextTokenContent {
        self.content
    }

    /// The tokens without their secrets.
    pub fn tokens(&self) -> Vec<&Token> {
        match &self.content {
            TextTokenContent::Bearer(tokens) => tokens.iter().map(|(token, _)| token).collect(),
            TextTokenContent::Locked(tokens) => tokens.iter().map(|(token, _)| token).collect(),
        }
    }

    /// What they are worth together.
    pub fn amount(&self) -> Amount {
        // Strictly ascending denominations cannot add up to more than the maximum.
        Amount::checked_sum(self.tokens().into_iter().map(Token::value)).unwrap_or(Amount::MAX)
    }
}

impl Encode for TextToken {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.keyset);
        out.text(self.memo.as_deref().unwrap_or(""));
        match &self.content {
            TextTokenContent::Bearer(tokens) => {
                out.u8(0);
                out.u8(u8::try_from(tokens.len()).unwrap_or(u8::MAX));
                for (token, key) in tokens {
                    out.part(token);
                    out.part(key);
                }
            }
            TextTokenContent::Locked(tokens) => {
                out.u8(1);
                out.u8(u8::try_from(tokens.len()).unwrap_or(u8::MAX));
                for (token, ephemeral) in tokens {
                    out.part(token);
                    out.part(ephemeral);
                }
            }
        }
    }
}

impl Decode for TextToken {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, keyset) = (input.part()?, input.part()?);
        let memo = Some(input.text(Self::MAX_MEMO)?).filter(|memo| !memo.is_empty()).map(String::from);
        let tag = input.u8()?;
        let count = input.u8()?;
        let content = match tag {
            0 => TextTokenContent::Bearer(pairs(input, count)?),
            1 => TextTokenContent::Locked(pairs(input, count)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        Self::new(mint, keyset, memo, content)
    }
}

fn pairs<T: Decode>(input: &mut Reader<'_>, count: u8) -> Result<Vec<(Token, T)>, DecodeError> {
    (0..count).map(|_| Ok((input.part()?, input.part()?))).collect()
}

wire_serde!(TextToken);

impl TextForm for TextToken {
    const PREFIX: &'static str = "farthingtoken";
}

impl fmt::Debug for TextToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextToken").field("mint", &self.mint).field("keyset", &self.keyset).finish_non_exhaustive()
    }
}
