//! The stock of tokens, and the counters from which they derive.

mod token;

use std::collections::BTreeSet;

use farthing_protocol::amount::{Amount, Denomination};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::identity::PayeeKey;
use farthing_protocol::ids::KeysetId;

use crate::error::StoreError;
use crate::operation::{OpId, Used};
use crate::vault::Tx;

#[cfg(test)]
pub(crate) use token::sample;
pub(crate) use token::{Held, StoredToken};

/// A live wallet draws no number further than this beyond the last one that was issued under; a restore searches further.
pub(crate) const MAX_GAP: u64 = 100;

/// Where a token came from: keyset, issuance number, position. No two tokens of a wallet share it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenKey {
    pub(crate) keyset: KeysetId,
    number: u64,
    position: u32,
}

/// A token belongs to nobody or to one operation, until it is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Available,
    Reserved(OpId),
    Spent(OpId),
    /// Spent by somebody else, says the mint.
    Lost(OpId),
}

/// All own tokens that are not spent. Those that are held for a payee are no use for anything else, and not among them.
pub(crate) fn live(tx: &Tx<'_, '_>) -> Result<Vec<(TokenKey, StoredToken)>, StoreError> {
    let mut tokens = all_live(tx)?;
    tokens.retain(|(_, token)| token.held.is_none());
    Ok(tokens)
}

/// All tokens that are held for a payee and not spent.
pub(crate) fn held(tx: &Tx<'_, '_>) -> Result<Vec<(TokenKey, StoredToken, Held)>, StoreError> {
    let tokens = all_live(tx)?.into_iter();
    Ok(tokens.filter_map(|(key, token)| token.held.map(|held| (key, token, held))).collect())
}

/// All tokens that are not spent, held for a payee or not.
pub(crate) fn all_live(tx: &Tx<'_, '_>) -> Result<Vec<(TokenKey, StoredToken)>, StoreError> {
    let pairs = tx.scan(&[LIVE])?;
    pairs.into_iter().map(|(key, token)| Ok((TokenKey::from_key(&key)?, token))).collect()
}

/// Adds a token; the same one again changes nothing.
pub(crate) fn add(tx: &mut Tx<'_, '_>, key: TokenKey, token: &StoredToken) -> Result<(), StoreError> {
    add_new(tx, key, token).map(drop)
}

/// Adds a token that is not known; whether it was new.
pub(crate) fn add_new(tx: &mut Tx<'_, '_>, key: TokenKey, token: &StoredToken) -> Result<bool, StoreError> {
    let known =
        tx.get::<StoredToken>(&key.to_key(LIVE))?.is_some() || tx.get::<StoredToken>(&key.to_key(GONE))?.is_some();
    if !known {
        tx.put(&key.to_key(LIVE), token)?;
    }
    Ok(!known)
}

/// What a token was worth that is spent or lost.
pub(crate) fn worth_of_gone(tx: &Tx<'_, '_>, key: TokenKey) -> Result<Amount, StoreError> {
    let token: StoredToken = tx.get(&key.to_key(GONE))?.ok_or(StoreError::Damaged)?;
    Ok(token.denomination.value())
}

/// Tokens of a keyset that operations spent, and that are such as are asked for.
pub(crate) fn paid_of(
    tx: &Tx<'_, '_>,
    keyset: &KeysetId,
    is_such: impl Fn(&StoredToken) -> bool,
) -> Result<Vec<(TokenKey, StoredToken)>, StoreError> {
    let mut found = Vec::new();
    for (key, token) in tx.scan::<StoredToken>(&[GONE])? {
        let key = TokenKey::from_key(&key)?;
        if key.keyset == *keyset && matches!(token.state, TokenState::Spent(_)) && is_such(&token) {
            found.push((key, token));
        }
    }
    Ok(found)
}

/// Marks a token as one that may have been spent elsewhere: it must be renewed before it is paid. What has reserved it keeps it.
pub(crate) fn doubt(tx: &mut Tx<'_, '_>, key: TokenKey) -> Result<(), StoreError> {
    flag(tx, key, |token| token.restored = true)
}

/// Marks a held token of which its payee says that it may have been paid before.
pub(crate) fn suspect_held(tx: &mut Tx<'_, '_>, key: TokenKey) -> Result<(), StoreError> {
    flag(tx, key, |token| (token.restored, token.suspected) = (true, true))
}

/// Marks a token that came back as one that the mint's filters hold.
pub(crate) fn suspect(tx: &mut Tx<'_, '_>, key: TokenKey) -> Result<(), StoreError> {
    flag(tx, key, |token| token.suspected = token.restored)
}

/// Says of a held token that the owner of the key to which it is locked is another payee.
pub(crate) fn hold_for(tx: &mut Tx<'_, '_>, key: TokenKey, payee: PayeeKey) -> Result<(), StoreError> {
    flag(tx, key, |token| token.held = token.held.map(|held| Held { payee, ..held }))
}

/// Changes a token that is still there.
fn flag(tx: &mut Tx<'_, '_>, key: TokenKey, change: impl FnOnce(&mut StoredToken)) -> Result<(), StoreError> {
    match tx.get::<StoredToken>(&key.to_key(LIVE))? {
        Some(mut token) => {
            change(&mut token);
            tx.put(&key.to_key(LIVE), &token)
        }
        None => Ok(()),
    }
}

/// Reserves an available token for one operation.
pub(crate) fn reserve(tx: &mut Tx<'_, '_>, key: TokenKey, op: OpId) -> Result<StoredToken, StoreError> {
    change(tx, key, TokenState::Available, TokenState::Reserved(op))
}

/// A token that is reserved for this operation.
pub(crate) fn reserved(tx: &Tx<'_, '_>, key: TokenKey, op: OpId) -> Result<StoredToken, StoreError> {
    let token: StoredToken = tx.get(&key.to_key(LIVE))?.ok_or(StoreError::Damaged)?;
    if token.state == TokenState::Reserved(op) { Ok(token) } else { Err(StoreError::Damaged) }
}

/// Gives back what an operation reserved.
pub(crate) fn release(tx: &mut Tx<'_, '_>, keys: &[TokenKey], op: OpId) -> Result<(), StoreError> {
    keys.iter().try_for_each(|key| change(tx, *key, TokenState::Reserved(op), TokenState::Available).map(drop))
}

/// Hands a reservation on to another operation.
pub(crate) fn hand_on(tx: &mut Tx<'_, '_>, key: TokenKey, from: OpId, to: OpId) -> Result<StoredToken, StoreError> {
    change(tx, key, TokenState::Reserved(from), TokenState::Reserved(to))
}

/// Marks what an operation reserved as spent by it.
pub(crate) fn spend(tx: &mut Tx<'_, '_>, keys: &[TokenKey], op: OpId) -> Result<(), StoreError> {
    keys.iter().try_for_each(|key| change(tx, *key, TokenState::Reserved(op), TokenState::Spent(op)).map(drop))
}

/// Marks a token as spent by an operation, if nobody has reserved or spent it.
pub(crate) fn spend_available(tx: &mut Tx<'_, '_>, key: TokenKey, op: OpId) -> Result<(), StoreError> {
    match change(tx, key, TokenState::Available, TokenState::Spent(op)) {
        Ok(_) | Err(StoreError::Busy) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Marks a reserved token as spent by somebody else.
pub(crate) fn lose(tx: &mut Tx<'_, '_>, key: TokenKey, op: OpId) -> Result<(), StoreError> {
    change(tx, key, TokenState::Reserved(op), TokenState::Lost(op)).map(drop)
}

fn change(tx: &mut Tx<'_, '_>, key: TokenKey, from: TokenState, to: TokenState) -> Result<StoredToken, StoreError> {
    let mut token: StoredToken = tx.get(&key.to_key(LIVE))?.ok_or(StoreError::Busy)?;
    if token.state != from {
        return Err(StoreError::Busy);
    }
    token.state = to;
    match to {
        TokenState::Available | TokenState::Reserved(_) => tx.put(&key.to_key(LIVE), &token)?,
        TokenState::Spent(_) | TokenState::Lost(_) => {
            tx.delete(&key.to_key(LIVE))?;
            tx.put(&key.to_key(GONE), &token)?;
        }
    }
    Ok(token)
}

/// Forgets tokens that the given operations spent or lost; with `dry`, only counts them. What came of a number that some kept
/// operation asked for stays known, for its record may be seen again.
pub(crate) fn forget_gone(
    tx: &mut Tx<'_, '_>,
    forgotten: &BTreeSet<OpId>,
    asked: &BTreeSet<(KeysetId, u64)>,
    dry: bool,
) -> Result<usize, StoreError> {
    let mut count = 0_usize;
    for (key, token) in tx.scan::<StoredToken>(&[GONE])? {
        let place = TokenKey::from_key(&key)?;
        let by_forgotten = match token.state {
            TokenState::Spent(op) | TokenState::Lost(op) => forgotten.contains(&op),
            TokenState::Available | TokenState::Reserved(_) => false,
        };
        if by_forgotten && !asked.contains(&(place.keyset, place.number)) {
            count = count.saturating_add(1);
            if !dry {
                tx.delete(&key)?;
            }
        }
    }
    Ok(count)
}

/// Available tokens of a keyset with exactly these denominations, if it has them: of each denomination the one that has been here
/// longest.
///
/// The mint does not see which of a keyset's tokens it issued when. What it can see is an issuance, and a payment just afterwards: so
/// nothing is as telling as a token that came moments ago, and a choice by chance would take such a one now and then. Taking the
/// longest held leaves every token as much time as the stock allows.
pub(crate) fn choose<'t>(
    tokens: &'t [(TokenKey, StoredToken)],
    keyset: &KeysetId,
    denominations: &[Denomination],
) -> Option<Vec<&'t (TokenKey, StoredToken)>> {
    let mut chosen: Vec<&(TokenKey, StoredToken)> = Vec::with_capacity(denominations.len());
    for denomination in denominations {
        let fits = |(key, token): &&(TokenKey, StoredToken)| {
            token.is_payable()
                && key.keyset == *keyset
                && token.denomination == *denomination
                && chosen.iter().all(|(other, _)| other != key)
        };
        let token = tokens.iter().filter(fits).min_by_key(|(key, token)| (token.since, *key))?;
        chosen.push(token);
    }
    Some(chosen)
}

/// Tokens by denomination and coin key: the order in which a payment has them.
pub(crate) fn in_payment_order(chosen: Vec<&(TokenKey, StoredToken)>) -> Result<Vec<TokenKey>, StoreError> {
    let coin = |(key, token): &(TokenKey, StoredToken)| Ok((token.denomination, token.open()?.0.coin, *key));
    let mut ordered = chosen.into_iter().map(coin).collect::<Result<Vec<_>, StoreError>>()?;
    ordered.sort_by_key(|(denomination, coin, _)| (*denomination, *coin.as_bytes()));
    Ok(ordered.into_iter().map(|(_, _, key)| key).collect())
}

/// Where numbers of a keyset stand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counter {
    next: u64,
    /// One beyond the last number that tokens came of.
    floor: u64,
}

/// Draws the next number of a keyset, or none when too many in a row came to nothing.
pub(crate) fn draw(tx: &mut Tx<'_, '_>, keyset: &KeysetId) -> Result<Option<IssuanceNumber>, StoreError> {
    let mut counter: Counter = tx.get(&counter_key(keyset))?.unwrap_or_default();
    if counter.next.saturating_sub(counter.floor) >= MAX_GAP {
        return Ok(None);
    }
    let number = IssuanceNumber::new(counter.next);
    counter.next = counter.next.checked_add(1).ok_or(StoreError::TooLarge)?;
    tx.put(&counter_key(keyset), &counter)?;
    Ok(Some(number))
}

/// Goes on from a number at least: whatever lies before was used, or is left out.
pub(crate) fn raise(tx: &mut Tx<'_, '_>, keyset: &KeysetId, at_least: u64) -> Result<(), StoreError> {
    let mut counter: Counter = tx.get(&counter_key(keyset))?.unwrap_or_default();
    if counter.next < at_least {
        counter = Counter { next: at_least, floor: at_least };
        tx.put(&counter_key(keyset), &counter)?;
    }
    Ok(())
}

/// Notes that tokens came of a number.
pub(crate) fn came_to_something(tx: &mut Tx<'_, '_>, used: &Used) -> Result<(), StoreError> {
    let mut counter: Counter = tx.get(&counter_key(&used.keyset))?.ok_or(StoreError::Damaged)?;
    counter.floor = counter.floor.max(used.number.get().saturating_add(1));
    tx.put(&counter_key(&used.keyset), &counter)
}

/// What tokens are worth together.
pub(crate) fn worth(denominations: impl IntoIterator<Item = Denomination>) -> Result<Amount, StoreError> {
    Amount::checked_sum(denominations.into_iter().map(Denomination::value)).ok_or(StoreError::TooLarge)
}

const LIVE: u8 = b't';
const GONE: u8 = b's';

/// A keyset id is the hash of everything in it, its mint included.
fn counter_key(keyset: &KeysetId) -> Vec<u8> {
    [b"n".as_slice(), keyset.as_bytes()].concat()
}

impl TokenKey {
    pub(crate) fn new(used: &Used, position: u32) -> Self {
        Self { keyset: used.keyset, number: used.number.get(), position }
    }

    /// Where it stands in its issuance.
    pub(crate) fn position(&self) -> u32 {
        self.position
    }

    /// The issuance's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn to_key(self, kind: u8) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(kind);
        out.part(&self);
        out.finish()
    }

    fn from_key(key: &[u8]) -> Result<Self, StoreError> {
        let mut input = Reader::new(key);
        input.u8()?;
        let key = input.part()?;
        input.finish()?;
        Ok(key)
    }
}

/// Numbers big-endian, so that keys sort by them.
impl Encode for TokenKey {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.keyset);
        out.bytes(&self.number.to_be_bytes());
        out.bytes(&self.position.to_be_bytes());
    }
}

impl Decode for TokenKey {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            keyset: input.part()?,
            number: u64::from_be_bytes(input.array()?),
            position: u32::from_be_bytes(input.array()?),
        })
    }
}

impl Encode for TokenState {
    fn encode_to(&self, out: &mut Writer) {
        let (tag, op) = match self {
            Self::Available => (0, None),
            Self::Reserved(op) => (1, Some(op)),
            Self::Spent(op) => (2, Some(op)),
            Self::Lost(op) => (3, Some(op)),
        };
        out.u8(tag);
        op.into_iter().for_each(|op| out.part(op));
    }
}

impl Decode for TokenState {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Available),
            1 => input.part().map(Self::Reserved),
            2 => input.part().map(Self::Spent),
            3 => input.part().map(Self::Lost),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for Counter {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.next);
        out.u64(self.floor);
    }
}

impl Decode for Counter {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { next: input.u64()?, floor: input.u64()? })
    }
}

impl Wire for Counter {}

#[cfg(test)]
mod tests {
    use super::token::sample;
    use super::*;
    use crate::vault::Vault;

    #[test]
    fn the_longest_held_is_chosen_and_none_that_may_be_spent() {
        let keyset = KeysetId::from_bytes([1; 32]);
        let key = |number| TokenKey::new(&Used { keyset, number: IssuanceNumber::new(number) }, 0);
        let mut perhaps_spent = sample(3, 1);
        perhaps_spent.restored = true;
        let tokens =
            [(key(0), sample(3, 50)), (key(1), sample(3, 20)), (key(2), sample(3, 30)), (key(3), perhaps_spent)];
        let d = Denomination::new(3).unwrap();
        let chosen = |number| -> Option<Vec<u64>> {
            let chosen = choose(&tokens, &keyset, &vec![d; number])?;
            Some(chosen.into_iter().map(|(key, _)| key.number).collect())
        };
        assert_eq!(chosen(1), Some(vec![1]));
        assert_eq!(chosen(3), Some(vec![1, 2, 0]));
        assert_eq!(chosen(4), None);
    }

    #[tokio::test]
    async fn a_token_is_reserved_for_one_operation_and_spent_by_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), &[0; 32], None).unwrap();
        let used = Used { keyset: KeysetId::from_bytes([1; 32]), number: IssuanceNumber::FIRST };
        let key = TokenKey::new(&used, 0);
        let (one, two) = (OpId::new(1), OpId::new(2));
        let done = vault.run::<_, StoreError>(move |tx| {
            add(tx, key, &sample(3, 1))?;
            reserve(tx, key, one)?;
            assert_eq!(reserve(tx, key, two).err(), Some(StoreError::Busy));
            assert_eq!(reserved(tx, key, two).err(), Some(StoreError::Damaged));
            assert_eq!(spend(tx, &[key], two), Err(StoreError::Busy));
            assert_eq!(release(tx, &[key], two), Err(StoreError::Busy));
            hand_on(tx, key, one, two)?;
            assert_eq!(spend(tx, &[key], one), Err(StoreError::Busy));
            spend(tx, &[key], two)?;
            assert_eq!(reserve(tx, key, one).err(), Some(StoreError::Busy));
            // Issued once more, it stays spent.
            add(tx, key, &sample(3, 1))?;
            assert!(live(tx)?.is_empty());
            Ok(())
        });
        done.await.unwrap();
    }

    #[tokio::test]
    async fn a_number_is_drawn_once_and_not_beyond_the_gap() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), &[0; 32], None).unwrap();
        let keyset = KeysetId::from_bytes([1; 32]);
        let done = vault.run::<_, StoreError>(move |tx| {
            for expected in 0..MAX_GAP {
                assert_eq!(draw(tx, &keyset)?, Some(IssuanceNumber::new(expected)));
            }
            assert_eq!(draw(tx, &keyset)?, None);
            came_to_something(tx, &Used { keyset, number: IssuanceNumber::new(2) })?;
            for expected in MAX_GAP..MAX_GAP + 3 {
                assert_eq!(draw(tx, &keyset)?, Some(IssuanceNumber::new(expected)));
            }
            assert_eq!(draw(tx, &keyset)?, None);
            Ok(())
        });
        done.await.unwrap();
    }
}
