//! A token as it lies in the stock.

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::blind::Commitment;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::locked::RecipientKey;
use farthing_protocol::token::{CoinKey, Token};
use zeroize::Zeroizing;

use super::TokenState;
use crate::error::StoreError;
use crate::operation::Lock;

/// Set in a token's flags when whom it is held for follows.
const HELD: u8 = 16;

/// A token as it is kept. Decoded in two steps, for most are only counted.
pub(crate) struct StoredToken {
    pub(crate) mint: MintId,
    pub(crate) denomination: Denomination,
    pub(crate) state: TokenState,
    /// When it came into this wallet.
    pub(crate) since: UnixTime,
    /// Came back from the words, and may have been spent since: it may be renewed, alone, and not be paid.
    pub(crate) restored: bool,
    /// And the mint's filters, or the payee whom it is held for, say that it was.
    pub(crate) suspected: bool,
    /// For whom it is held, if it is locked: it can be paid to him, and is of no other use.
    pub(crate) held: Option<Held>,
    /// Token ‖ coin key ‖ commitment: the commitment is what recoup needs to show how the token was blinded. Of a locked token
    /// nobody but its recipient knows the coin key, and zero stands there.
    secret: Zeroizing<[u8; Self::SECRET]>,
}

/// Whom a locked token can be paid to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Q.
    pub(crate) key: RecipientKey,
    /// Whose key that is.
    pub(crate) payee: PayeeKey,
}

impl Held {
    /// Of tokens that are locked to be held, not to be given away.
    pub(crate) fn of(lock: &Lock) -> Option<Self> {
        lock.held_for.map(|payee| Self { key: lock.key, payee })
    }
}

impl StoredToken {
    const SECRET: usize = Token::LENGTH + 32 + 64;

    pub(crate) fn new(
        mint: MintId,
        token: &Token,
        key: &CoinKey,
        commitment: &Commitment,
        since: UnixTime,
    ) -> Result<Self, StoreError> {
        let mut out = Writer::default();
        out.part(token);
        out.part(key);
        out.part(commitment);
        let bytes = Zeroizing::new(out.finish());
        let mut secret = Zeroizing::new([0; Self::SECRET]);
        if bytes.len() != secret.len() {
            return Err(StoreError::Damaged);
        }
        secret.copy_from_slice(&bytes);
        Ok(Self {
            mint,
            denomination: token.denomination,
            state: TokenState::Available,
            since,
            restored: false,
            suspected: false,
            held: None,
            secret,
        })
    }

    /// A token that is locked to a payee.
    pub(crate) fn held(mint: MintId, token: &Token, held: Held, commitment: &Commitment, since: UnixTime) -> Self {
        let mut out = Writer::default();
        out.part(token);
        out.bytes(&[0; 32]);
        out.part(commitment);
        let mut secret = Zeroizing::new([0; Self::SECRET]);
        secret.iter_mut().zip(out.finish()).for_each(|(place, byte)| *place = byte);
        Self {
            mint,
            denomination: token.denomination,
            state: TokenState::Available,
            since,
            restored: false,
            suspected: false,
            held: Some(held),
            secret,
        }
    }

    /// Whether it may be chosen for whatever comes.
    pub(crate) fn is_payable(&self) -> bool {
        self.state == TokenState::Available && !self.restored && self.held.is_none()
    }

    /// The token.
    pub(crate) fn token(&self) -> Result<Token, StoreError> {
        Ok(Reader::new(self.secret.as_slice()).part()?)
    }

    /// (A, B): what the mint committed to when it signed it.
    pub(crate) fn commitment(&self) -> Result<Commitment, StoreError> {
        let mut input = Reader::new(self.secret.as_slice());
        input.bytes(Token::LENGTH + 32)?;
        Ok(input.part()?)
    }

    /// Token and coin key; an error for one that is locked.
    pub(crate) fn open(&self) -> Result<(Token, CoinKey), StoreError> {
        let mut input = Reader::new(self.secret.as_slice());
        Ok((input.part()?, input.part()?))
    }
}

impl Encode for StoredToken {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.mint);
        out.part(&self.denomination);
        out.part(&self.state);
        out.part(&self.since);
        let doubt = match (self.restored, self.suspected) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        match self.held {
            None => out.u8(doubt),
            Some(Held { key, payee }) => {
                out.u8(HELD | doubt);
                out.part(&key);
                out.part(&payee);
            }
        }
        out.bytes(self.secret.as_slice());
    }
}

impl Decode for StoredToken {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mint, denomination, state, since) = (input.part()?, input.part()?, input.part()?, input.part()?);
        let flags = input.u8()?;
        let (restored, suspected) = match flags & !HELD {
            0 => (false, false),
            1 => (true, false),
            2 => (true, true),
            _ => return Err(DecodeError::UnknownTag),
        };
        let held = match flags & HELD {
            0 => None,
            _ => Some(Held { key: input.part()?, payee: input.part()? }),
        };
        let secret = Zeroizing::new(input.array()?);
        Ok(Self { mint, denomination, state, since, restored, suspected, held, secret })
    }
}

impl Wire for StoredToken {}

/// A token that nobody signed.
#[cfg(test)]
pub(crate) fn sample(exponent: u8, since: u64) -> StoredToken {
    StoredToken {
        mint: MintId::from_bytes([2; 32]),
        denomination: Denomination::new(exponent).unwrap(),
        state: TokenState::Available,
        since: UnixTime::from_seconds(since),
        restored: false,
        suspected: false,
        held: None,
        secret: Zeroizing::new([0; StoredToken::SECRET]),
    }
}
