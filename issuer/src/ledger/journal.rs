//! The administrative journal: who changed what and when, in rows that hang together by hashes and are never taken away.
//!
//! A row holds when, who and what kind of thing, a salted hash of its details, and the hash of all rows so far, its *link*. The
//! details lie beside it: they can be erased, when an account is to be forgotten, and the chain holds all the same.
//!
//! # Security
//! Whoever can write to the ledger can write another chain. What he cannot do is to have it end in the link that somebody has written
//! down elsewhere.

use farthing_durable::Txn;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer, from_base64url, to_base64url};
use farthing_protocol::identity::AccountKey;
use sha2::{Digest, Sha256};

use super::LedgerError;
use super::acts::Act;
use super::authority::{Authority, Who};
use super::factor::{self, Holder};
use super::moment::{Join, Moment};
use super::records::{Table, get, put};

/// Says what was done, if whoever did it may: the one way into the journal.
///
/// # Errors
/// [`LedgerError::SecondFactor`] when a second factor is enrolled and was not proven. The change is then taken back with the
/// transaction.
pub(crate) fn record(txn: &mut Txn<'_>, now: UnixTime, authority: &Authority, act: &Act) -> Result<(), LedgerError> {
    let enrolled = factor::is_active(txn, &Holder::Administrator)?;
    let who = authority.judge(now, enrolled).ok_or(LedgerError::SecondFactor)?;
    let Head { length, link } = head(txn)?;
    let mut details = Writer::default();
    details.bytes(&crate::random::<16>());
    act.encode_to(&mut details);
    let details = details.finish();
    let mut row = Row { at: now, who, act: act.number(), details: hash(DETAILS, &[&details]), link };
    row.link = row.link_after(length, &link);
    put(txn, Table::Journal, &key(length), &row)?;
    txn.put(&Table::JournalDetails.key(&key(length)), &details)?;
    put(
        txn,
        Table::JournalHead,
        &[],
        &Head { length: length.checked_add(1).ok_or(LedgerError::Overflow)?, link: row.link },
    )
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) at: UnixTime,
    pub(crate) who: Who,
    pub(crate) word: &'static str,
    /// None if they were erased.
    pub(crate) fields: Option<Vec<(&'static str, String)>>,
    pub(crate) link: Link,
}

/// How long the journal is, and its last link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: u64,
    pub(crate) link: Link,
}

/// The hash of all rows up to one: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) [u8; 32]);

impl Link {
    pub(crate) fn to_text(self) -> String {
        to_base64url(&self.0)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        from_base64url(text).ok()?.try_into().ok().map(Self)
    }
}

/// The journal's end.
pub(crate) fn head(txn: &Txn<'_>) -> Result<Head, LedgerError> {
    Ok(get(txn, Table::JournalHead, &[])?.unwrap_or(Head { length: 0, link: Link([0; 32]) }))
}

/// At most so many entries before a number, newest first.
pub(crate) fn entries(txn: &Txn<'_>, before: Option<u64>, limit: usize) -> Result<Vec<Entry>, LedgerError> {
    let end = before.unwrap_or(u64::MAX).min(head(txn)?.length);
    let count = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for number in (end.saturating_sub(count)..end).rev() {
        let row: Row = get(txn, Table::Journal, &key(number))?.ok_or(LedgerError::Damaged)?;
        let act = txn.get(&Table::JournalDetails.key(&key(number)))?.map(|bytes| read(row.act, &bytes)).transpose()?;
        let fields = act.map(|act| act.fields());
        let Row { at, who, link, .. } = row;
        found.push(Entry { number, at, who, word: Act::word(row.act), fields, link });
    }
    Ok(found)
}

/// Recomputes the chain. Answers whether it holds, and after which entry it had the link that is looked for.
pub(crate) fn check(moment: &Moment, wanted: Option<Link>) -> Result<(bool, Option<u64>), LedgerError> {
    let (mut number, mut link, mut right, mut found) = (0_u64, Link([0; 32]), true, None);
    let details: Join<Row, Option<Vec<u8>>> = |txn, name, _| Ok(txn.get(&Table::JournalDetails.key(name))?);
    moment.scan_with(Table::Journal, details, &mut |name, row, details| {
        let told = details.is_none_or(|bytes| hash(DETAILS, &[&bytes]) == row.details && read(row.act, &bytes).is_ok());
        right &= told && name == key(number) && row.link == row.link_after(number, &link);
        link = row.link;
        if wanted == Some(link) {
            found = Some(number);
        }
        number = number.checked_add(1).ok_or(LedgerError::Overflow)?;
        Ok(())
    })?;
    Ok((right && moment.read(head)? == Head { length: number, link }, found))
}

/// Whether the chain holds. A row that does not even decode is as good as one that does not fit.
pub(super) fn is_whole(moment: &Moment) -> Result<bool, LedgerError> {
    match check(moment, None) {
        Ok((right, _)) => Ok(right),
        Err(LedgerError::Damaged) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Erases the details of every entry that names an account, a portion from this entry on. Their rows stay, and the chain holds. Answers
/// where to go on: where it began, if there was nothing more.
pub(crate) fn forget(txn: &mut Txn<'_>, account: &AccountKey, from: u64) -> Result<u64, LedgerError> {
    let end = UnixTime::from_seconds(u64::MAX);
    erase(txn, from, end, |row, details| Ok(read(row.act, details)?.names(account)))
}

/// Erases the details of entries before a time that hold a reference or a reason, a portion. Entries are in the order of time: it goes on
/// where it ended before. Says whether there was something to look at.
pub(crate) fn erase_references(txn: &mut Txn<'_>, before: UnixTime) -> Result<bool, LedgerError> {
    let Looked(from) = get(txn, Table::JournalErased, &[])?.unwrap_or_default();
    let next = erase(txn, from, before, |row, _| Ok(Act::is_worded(row.act)))?;
    if next != from {
        put(txn, Table::JournalErased, &[], &Looked(next))?;
    }
    Ok(next != from)
}

/// Looks at a portion of the entries from a number on and before a time. Answers the number behind the last one.
fn erase<F>(txn: &mut Txn<'_>, from: u64, before: UnixTime, wanted: F) -> Result<u64, LedgerError>
where
    F: Fn(&Row, &[u8]) -> Result<bool, LedgerError>,
{
    let mut next = from;
    for _ in 0..PORTION {
        let Some(row) = get::<Row>(txn, Table::Journal, &key(next))?.filter(|row| row.at < before) else { break };
        let name = Table::JournalDetails.key(&key(next));
        if let Some(bytes) = txn.get(&name)?
            && wanted(&row, &bytes)?
        {
            txn.delete(&name)?;
        }
        next = next.checked_add(1).ok_or(LedgerError::Overflow)?;
    }
    Ok(next)
}

fn read(number: u16, bytes: &[u8]) -> Result<Act, LedgerError> {
    let mut input = Reader::new(bytes);
    let damaged = |_: DecodeError| LedgerError::Damaged;
    input.bytes(SALT).map_err(damaged)?;
    let act = Act::decode_from(number, &mut input).map_err(damaged)?;
    input.finish().map_err(damaged)?;
    Ok(act)
}

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// So many entries are looked at in one transaction.
const PORTION: u64 = 1000;
const SALT: usize = 16;
const LINK: &[u8] = b"farthing/journal/1/link";
const DETAILS: &[u8] = b"farthing/journal/1/details";

/// Each part goes in with its length before it.
fn hash(purpose: &[u8], parts: &[&[u8]]) -> Link {
    let mut digest = Sha256::new();
    for part in std::iter::once(&purpose).chain(parts) {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    Link(digest.finalize().into())
}

/// What stays of an entry, whatever is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    at: UnixTime,
    who: Who,
    act: u16,
    /// Salted: it gives away nothing of details that were erased.
    details: Link,
    link: Link,
}

impl Row {
    fn link_after(&self, number: u64, earlier: &Link) -> Link {
        let mut row = Writer::default();
        row.part(&self.at);
        row.part(&self.who);
        row.u16(self.act);
        row.part(&self.details);
        hash(LINK, &[&earlier.0, &key(number), &row.finish()])
    }
}

impl Encode for Row {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.at);
        out.part(&self.who);
        out.u16(self.act);
        out.part(&self.details);
        out.part(&self.link);
    }
}

impl Decode for Row {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (at, who, act) = (input.part()?, input.part()?, input.u16()?);
        Ok(Self { at, who, act, details: input.part()?, link: input.part()? })
    }
}

/// Up to which entry it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Looked(u64);

impl Encode for Looked {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Looked {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

impl Encode for Link {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}

impl Decode for Link {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self)
    }
}

impl Encode for Head {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.length);
        out.part(&self.link);
    }
}

impl Decode for Head {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { length: input.u64()?, link: input.part()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_durable::{Engine, Options};

    use super::super::acts::Text;
    use super::*;

    const START: UnixTime = UnixTime::from_seconds(1_800_000_000);

    /// Entries a second apart, of which every tenth names an account and has a reference.
    fn journal(engine: &Engine, account: AccountKey, count: u64) {
        let written = engine.submit(move |txn| {
            for second in 0..count {
                let act = match second % 10 {
                    0 => {
                        let unit = farthing_protocol::amount::Unit::new("EUR", 2).unwrap();
                        let reference = Text(format!("bank {second}"));
                        Act::Credited { account, unit, amount: farthing_protocol::amount::Amount::ZERO, reference }
                    }
                    _ => Act::AccountForgotten {},
                };
                record(txn, START.plus(second), &Authority::of_the_mint(), &act)?;
            }
            Ok::<_, LedgerError>(())
        });
        written.wait().unwrap().unwrap();
    }

    fn details(engine: &Engine) -> usize {
        let prefix = Table::JournalDetails.prefix();
        engine.submit(move |txn| txn.scan_prefix(prefix, None, 100_000)).wait().unwrap().unwrap().len()
    }

    #[test]
    fn it_is_erased_in_portions_and_from_where_the_last_one_ended() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Options::new()).unwrap();
        let account = AccountKey::from_bytes([7; 32]);
        journal(&engine, account, 2100);
        let erase =
            |before: u64| engine.submit(move |txn| erase_references(txn, START.plus(before))).wait().unwrap().unwrap();
        assert!(erase(1500));
        assert_eq!(details(&engine), 2000, "a thousand entries in one transaction");
        assert!(erase(1500) && !erase(1500));
        assert_eq!(details(&engine), 1950);
        // What was looked at is not looked at again.
        let looked: Option<Looked> = engine.submit(|txn| get(txn, Table::JournalErased, &[])).wait().unwrap().unwrap();
        assert_eq!(looked, Some(Looked(1500)));

        let mut from = 0;
        for expected in [1000, 2000, 2100, 2100] {
            from = engine.submit(move |txn| forget(txn, &account, from)).wait().unwrap().unwrap();
            assert_eq!(from, expected);
        }
        assert_eq!(details(&engine), 1890);
    }
}
