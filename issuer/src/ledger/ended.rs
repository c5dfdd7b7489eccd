//! Keysets whose time is over (protocol section 8).
//!
//! ```text
//! ended ── one transaction: the books are audited, the tombstone stands ──▶ Buried
//! Buried ── the archive's index lists it no more ──▶ Unlisted ── records dropped in portions ──▶ only the tombstone is left
//! ```
//!
//! From the tombstone on it alone speaks for the keyset, in every check and in the audit: whether its records are still there, or
//! half of them, makes no difference. So a crash at any point changes nothing but where the dropping goes on.

use std::collections::BTreeMap;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::identity::{AccountKey, IssuanceId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::PaymentKind;
use farthing_verifier::spent::{self, RecordError};

use super::LedgerError;
use super::Times;
use super::audit::{KeysetFacts, audit};
use super::forged::is_forged;
use super::records::{
    IssuanceEntry, KeysetTotals, LogPlace, LoggedIssuance, Source, Table, account_key, from_value, get, parse, put,
    record, scan, unit_key,
};
use super::summed::{self, Said};

/// How many issuances, or records of spent tokens, are looked at in one transaction of the dropping.
const PORTION: usize = 256;

record! {
    /// What stays of a keyset for ever, as it was audited when its records were still there.
    Tombstone {
        unit: Unit,
        buried_at: UnixTime,
        /// Σ tokens issued.
        issued: Amount,
        /// Σ tokens redeemed.
        redeemed: Amount,
        /// How many issuances there were, each with its place in the log.
        issuances: Count,
        /// Withdrawal fees that were paid for its tokens.
        fees: Amount,
        /// Of the tokens issued, those for vouchers.
        for_vouchers: Amount,
        /// Of the tokens issued, those for tokens.
        for_tokens: Amount,
        /// Of the tokens redeemed, those for tokens.
        into_tokens: Amount,
    }
}

record! {
    /// What stays of all issuances of a buried keyset that tokens of one other, or of its own, paid for: how they may have handed
    /// doubt on, should a key turn out to have leaked (protocol section 10).
    Flow {
        /// When the first of them was recorded.
        first: UnixTime,
        /// And the last.
        last: UnixTime,
    }
}

impl Tombstone {
    /// What was never redeemed, and can never be.
    pub(crate) fn lapsed(&self) -> Result<Amount, LedgerError> {
        self.issued.checked_sub(self.redeemed).ok_or(LedgerError::Damaged)
    }
}

record! {
    /// What records that were dropped did to an account in a unit.
    Carried {
        /// Σ deposits.
        deposited: Sum,
        /// Σ debits for tokens, fees included.
        debited: Sum,
        /// Σ deposit fees, in millionths.
        fee_millionths: Sum,
    }
}

/// A keyset that has a tombstone: it can be made by reading or writing one only.
///
/// MUST NOT leave the job it was made in but through the job's answer: then the tombstone is durable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Buried(KeysetId);

/// A keyset that has a tombstone, and that the archive's index lists no more: what it is made from may be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unlisted(KeysetId);

impl Buried {
    pub(crate) const fn keyset(&self) -> &KeysetId {
        &self.0
    }
}

impl Unlisted {
    pub(crate) const fn keyset(&self) -> &KeysetId {
        &self.0
    }
}

/// Why a keyset was not buried. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BurialRefusal {
    /// Payees can still deposit.
    #[error("the keyset has not ended")]
    NotEnded,
    /// Its records are evidence, and claims may be settled by them.
    #[error("the keyset was revoked, and its records are kept")]
    Revoked,
    /// What the audit finds wrong could never be found again.
    #[error("the books are not right")]
    NotRight,
    /// Somebody else signs with its key, and it is to be revoked.
    #[error("the keyset's key is in other hands")]
    Forged,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RecordError> for BurialRefusal {
    fn from(error: RecordError) -> Self {
        Self::Ledger(error.into())
    }
}

/// Buries a keyset: audits the books, and writes its tombstone. One that was buried before stays as it is.
pub(crate) fn bury(
    txn: &mut Txn<'_>,
    Times { now, sure }: Times,
    keyset: &Keyset,
    facts: &KeysetFacts,
) -> Result<(Buried, Tombstone), BurialRefusal> {
    let id = *keyset.id();
    if let Some(known) = tombstone(txn, &id)? {
        return Ok((Buried(id), known));
    }
    if sure < keyset.terms().deposit_until {
        return Err(BurialRefusal::NotEnded);
    }
    if is_forged(txn, now, &id)? {
        return Err(BurialRefusal::Forged);
    }
    if get::<UnixTime>(txn, Table::Revoked, id.as_bytes())?.is_some() {
        return Err(BurialRefusal::Revoked);
    }
    if !audit(txn, now, facts)?.is_right() {
        return Err(BurialRefusal::NotRight);
    }
    let (sums, totals) = (Sums::of(txn, keyset)?, get::<KeysetTotals>(txn, Table::Keyset, id.as_bytes())?);
    if totals.map(|totals| (totals.issued, totals.redeemed)).unwrap_or_default() != (sums.issued, sums.redeemed) {
        return Err(LedgerError::Damaged.into());
    }
    // The mark of the verifier's that every payment is checked against before any clock.
    spent::bury(txn, keyset, now)?;
    let tombstone = sums.write(txn, keyset, now)?;
    Ok((Buried(id), tombstone))
}

/// What a keyset's records add up to, by what they did elsewhere.
#[derive(Default)]
struct Sums {
    issued: Amount,
    redeemed: Amount,
    issuances: u64,
    fees: Amount,
    for_vouchers: Amount,
    into_tokens: Amount,
    /// By the keyset of the tokens that were given for them.
    for_tokens: BTreeMap<KeysetId, Amount>,
    flows: BTreeMap<KeysetId, Flow>,
    accounts: BTreeMap<AccountKey, Carried>,
    /// Σ debits of accounts that were forgotten.
    forgotten: Amount,
}

/// Whose name stands for accounts that were forgotten.
const NOBODY: AccountKey = AccountKey::from_bytes([0; 32]);

impl Sums {
    fn of(txn: &Txn<'_>, keyset: &Keyset) -> Result<Self, LedgerError> {
        let mut sums = Self::default();
        scan(txn, Table::Issuance, &[], &mut |_, entry: IssuanceEntry| {
            if entry.keyset == *keyset.id() { sums.add_issuance(&entry) } else { Ok(()) }
        })?;
        let fees = keyset.terms().fees;
        spent::for_each_of::<LedgerError>(txn, keyset.id(), &mut |kind, payment, _| {
            add(&mut sums.redeemed, payment.amount)?;
            match kind {
                PaymentKind::Pay => {
                    let carried = sums.account(payment.payee.account());
                    carried.deposited.add(payment.amount.units().into())?;
                    carried.fee_millionths.add(fees.deposit_millionths(payment.amount))
                }
                PaymentKind::Swap => add(&mut sums.into_tokens, payment.amount),
                // The audit has refused these.
                PaymentKind::Locked | PaymentKind::Recoup => Err(LedgerError::Damaged),
            }
        })?;
        Ok(sums)
    }

    fn account(&mut self, account: AccountKey) -> &mut Carried {
        self.accounts.entry(account).or_insert(Carried::NOTHING)
    }

    fn add_issuance(&mut self, entry: &IssuanceEntry) -> Result<(), LedgerError> {
        add(&mut self.issued, entry.amount)?;
        self.issuances = self.issuances.checked_add(1).ok_or(LedgerError::Overflow)?;
        match &entry.source {
            Source::Account(account) => {
                add(&mut self.fees, entry.debit.checked_sub(entry.amount).ok_or(LedgerError::Damaged)?)?;
                self.account(*account).debited.add(entry.debit.units().into())
            }
            Source::Forgotten => {
                add(&mut self.fees, entry.debit.checked_sub(entry.amount).ok_or(LedgerError::Damaged)?)?;
                add(&mut self.forgotten, entry.debit)?;
                self.account(NOBODY).debited.add(entry.debit.units().into())
            }
            Source::Voucher(_) => add(&mut self.for_vouchers, entry.amount),
            Source::Tokens(inputs, _) => {
                let flow = self.flows.entry(*inputs).or_insert(Flow { first: entry.at, last: entry.at });
                (flow.first, flow.last) = (flow.first.min(entry.at), flow.last.max(entry.at));
                add(self.for_tokens.entry(*inputs).or_default(), entry.amount)
            }
        }
    }

    fn write(self, txn: &mut Txn<'_>, keyset: &Keyset, now: UnixTime) -> Result<Tombstone, LedgerError> {
        let (id, unit) = (keyset.id(), &keyset.terms().unit);
        for (inputs, amount) in &self.for_tokens {
            put(txn, Table::Swapped, &pair_key(id, inputs), amount)?;
        }
        for (inputs, flow) in &self.flows {
            put(txn, Table::Flow, &pair_key(id, inputs), flow)?;
        }
        for (account, more) in &self.accounts {
            let key = account_key(account, unit);
            let mut carried = get(txn, Table::Carried, &key)?.unwrap_or(Carried::NOTHING);
            carried.add(more)?;
            put(txn, Table::Carried, &key, &carried)?;
        }
        if !self.forgotten.is_zero() {
            // What they came to is in the sums of erased rows already.
            summed::add(txn, &NOBODY, unit, Said::Received(self.forgotten))?;
        }
        let tombstone = Tombstone {
            unit: unit.clone(),
            buried_at: now,
            issued: self.issued,
            redeemed: self.redeemed,
            issuances: Count(self.issuances),
            fees: self.fees,
            for_vouchers: self.for_vouchers,
            for_tokens: Amount::checked_sum(self.for_tokens.into_values()).ok_or(LedgerError::Overflow)?,
            into_tokens: self.into_tokens,
        };
        let mut lapsed = lapsed(txn, unit)?;
        add(&mut lapsed, tombstone.lapsed()?)?;
        put(txn, Table::Lapsed, &unit_key(unit), &lapsed)?;
        put(txn, Table::Dropping, id.as_bytes(), &now)?;
        put(txn, Table::Tombstone, id.as_bytes(), &tombstone)?;
        Ok(tombstone)
    }
}

/// A keyset's tombstone, if it has one.
pub(crate) fn tombstone(txn: &Txn<'_>, keyset: &KeysetId) -> Result<Option<Tombstone>, LedgerError> {
    get(txn, Table::Tombstone, keyset.as_bytes())
}

/// All tombstones.
pub(crate) fn tombstones(txn: &Txn<'_>) -> Result<BTreeMap<KeysetId, Tombstone>, LedgerError> {
    let mut found = BTreeMap::new();
    scan(txn, Table::Tombstone, &[], &mut |key, tombstone| {
        found.insert(parse(key)?, tombstone);
        Ok(())
    })?;
    Ok(found)
}

/// When tokens of which keysets paid for issuances of those that have a tombstone: (the buried keyset, whose tokens paid), when.
pub(crate) fn flows(txn: &Txn<'_>) -> Result<BTreeMap<(KeysetId, KeysetId), Flow>, LedgerError> {
    let mut found = BTreeMap::new();
    scan(txn, Table::Flow, &[], &mut |key, flow| {
        let (outputs, inputs) = key.split_at_checked(KeysetId::LENGTH).ok_or(LedgerError::Damaged)?;
        found.insert((parse(outputs)?, parse(inputs)?), flow);
        Ok(())
    })?;
    Ok(found)
}

/// Σ tokens of a unit that were never redeemed, of keysets with a tombstone.
pub(crate) fn lapsed(txn: &Txn<'_>, unit: &Unit) -> Result<Amount, LedgerError> {
    Ok(get(txn, Table::Lapsed, &unit_key(unit))?.unwrap_or(Amount::ZERO))
}

/// Keysets with a tombstone whose records are not all dropped.
pub(crate) fn dropping(txn: &Txn<'_>) -> Result<Vec<Buried>, LedgerError> {
    let mut found = Vec::new();
    scan(txn, Table::Dropping, &[], &mut |key, _: UnixTime| {
        found.push(Buried(parse(key)?));
        Ok(())
    })?;
    // The row was written with the tombstone.
    found.iter().try_for_each(|buried| tombstone(txn, &buried.0)?.map(drop).ok_or(LedgerError::Damaged))?;
    Ok(found)
}

/// Takes a keyset out of the archive: stores the index that does not list it, if the last one did, and forgets which files there
/// were. The index MUST NOT leave before this is durable.
pub(crate) fn unlist(
    txn: &mut Txn<'_>,
    Buried(keyset): Buried,
    index: Option<&ArchiveIndex>,
) -> Result<Unlisted, LedgerError> {
    let last = super::archive::stored_index(txn)?;
    let lists = |index: &ArchiveIndex| index.keyset(&keyset).is_some();
    match (&last, index) {
        (Some(_), Some(index)) if !lists(index) => txn.put_large(Table::ArchiveIndex.prefix(), &index.to_bytes())?,
        (last, None) if !last.as_ref().is_some_and(lists) => {}
        _ => return Err(LedgerError::Damaged),
    }
    for table in [Table::Segment, Table::Filter] {
        let prefix = table.key(keyset.as_bytes());
        loop {
            let rows = txn.scan_prefix(&prefix, None, PORTION)?;
            if rows.is_empty() {
                break;
            }
            rows.iter().try_for_each(|(key, _)| txn.delete(key))?;
        }
    }
    Ok(Unlisted(keyset))
}

/// Drops records of spent tokens, and says whether any are left.
pub(crate) fn drop_spent(txn: &mut Txn<'_>, unlisted: &Unlisted) -> Result<bool, LedgerError> {
    Ok(spent::drop_buried(txn, unlisted.keyset(), u32::try_from(PORTION).unwrap_or(u32::MAX))?)
}

/// Looks at a portion of the log from a place on, and drops what is the keyset's: the issuance and its record, its session, its place in
/// the log, and the funding id if tokens paid. Accounts' and vouchers' funding ids stay: what they paid for is never paid for again.
/// Returns where to go on; nothing at the log's end.
pub(crate) fn drop_issuances(
    txn: &mut Txn<'_>,
    unlisted: &Unlisted,
    from: LogPlace,
) -> Result<Option<LogPlace>, LedgerError> {
    let portion = super::archive::logged(txn, from, PORTION)?;
    for (place, LoggedIssuance { keyset, issuance, .. }) in &portion {
        if keyset == unlisted.keyset() {
            drop_issuance(txn, *place, issuance)?;
        }
    }
    match portion.last() {
        Some((last, _)) if portion.len() == PORTION => last.next().map(Some),
        _ => Ok(None),
    }
}

fn drop_issuance(txn: &mut Txn<'_>, place: LogPlace, issuance: &IssuanceId) -> Result<(), LedgerError> {
    let key = Table::Issuance.key(issuance.as_bytes());
    let entry: IssuanceEntry = from_value(&txn.get(&key)?.ok_or(LedgerError::Damaged)?)?;
    txn.delete(&Table::Session.key(entry.session.as_bytes()))?;
    if let Source::Tokens(..) = entry.source {
        txn.delete(&Table::Funding.key(entry.funding.as_bytes()))?;
    }
    txn.delete(&Table::Log.key(&place.key()))?;
    txn.delete_large(&key)?;
    Ok(txn.delete(&key)?)
}

/// Notes that nothing of a keyset is left but its tombstone.
pub(crate) fn dropped(txn: &mut Txn<'_>, unlisted: &Unlisted) -> Result<(), LedgerError> {
    Ok(txn.delete(&Table::Dropping.key(unlisted.keyset().as_bytes()))?)
}

/// The key of how much was given in tokens of the second keyset for tokens of the first.
fn pair_key(outputs: &KeysetId, inputs: &KeysetId) -> Vec<u8> {
    [outputs.as_bytes().as_slice(), inputs.as_bytes()].concat()
}

fn add(sum: &mut Amount, amount: Amount) -> Result<(), LedgerError> {
    *sum = sum.checked_add(amount).ok_or(LedgerError::Overflow)?;
    Ok(())
}

impl Carried {
    const NOTHING: Self = Self { deposited: Sum(0), debited: Sum(0), fee_millionths: Sum(0) };

    fn add(&mut self, more: &Self) -> Result<(), LedgerError> {
        self.deposited.add(more.deposited.0)?;
        self.debited.add(more.debited.0)?;
        self.fee_millionths.add(more.fee_millionths.0)
    }
}

/// How many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(super) u64);

impl Encode for Count {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Count {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

/// What many years of amounts add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum(pub(super) u128);

impl Sum {
    fn add(&mut self, more: u128) -> Result<(), LedgerError> {
        self.0 = self.0.checked_add(more).ok_or(LedgerError::Overflow)?;
        Ok(())
    }
}

impl Encode for Sum {
    fn encode_to(&self, out: &mut Writer) {
        out.bytes(&self.0.to_le_bytes());
    }
}

impl Decode for Sum {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(|bytes| Self(u128::from_le_bytes(bytes)))
    }
}
