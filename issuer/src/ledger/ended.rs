//! Keysets whose time is over (protocol section 8).
//!
//! ```text
//! ended ── the books of one moment are audited ──▶ Prepared ── one transaction: the tombstone stands ──▶ Buried
//! Buried ── the archive's index lists it no more ──▶ Unlisted ── records dropped in portions ──▶ only the tombstone is left
//! ```
//!
//! From the tombstone on it alone speaks for the keyset, in every check and in the audit: whether its records are still there, or
//! half of them, makes no difference. So a crash at any point changes nothing but where the dropping goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::identity::{AccountKey, IssuanceId};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::PaymentKind;
use farthing_verifier::spent::{self, RecordError, SpentRecord};

use super::LedgerError;
use super::Times;
use super::audit::{KeysetFacts, audit};
use super::forged::is_forged;
use super::forgotten::{NOBODY, leave};
use super::moment::Moment;
use super::records::{
    IssuanceEntry, KeysetTotals, LogPlace, LoggedIssuance, Source, Table, account_key, from_value, get, parse, put,
    record, scan, unit_key,
};
use super::recoup::{self, Ending, LateSums, Recouped, ending};
use super::summed::{self, Erasures, Said};

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
    /// Payees can still deposit, or claims are still taken.
    #[error("the keyset has not ended")]
    NotEnded,
    /// It was revoked, and claims on its tokens are not settled, or not covered.
    #[error("the keyset was revoked, and claims on its tokens are open")]
    Unsettled,
    /// What the audit finds wrong could never be found again.
    #[error("the books are not right")]
    NotRight,
    /// What was added up is not what stands now.
    #[error("something of the keyset has changed since the books were audited")]
    Changed,
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

/// What an audited keyset's records added up to at one moment. It comes out of [`prepare_burial`] only.
pub(crate) struct Prepared(Option<Ready>);

struct Ready {
    sums: Sums,
    erasures: Erasures,
    /// Since when its key had leaked, if it was revoked.
    leaked: Option<UnixTime>,
}

/// Audits the books as they stood at one moment, and adds the keyset's records up: all that takes long of a burial.
pub(crate) fn prepare_burial(
    moment: &Moment,
    times: Times,
    keyset: &Arc<Keyset>,
    facts: &KeysetFacts,
) -> Result<Prepared, BurialRefusal> {
    let id = *keyset.id();
    if moment.read(move |txn| tombstone(txn, &id))?.is_some() {
        return Ok(Prepared(None));
    }
    let ended = Arc::clone(keyset);
    let leaked = moment.read(move |txn| Ok(may_be_buried(txn, times, &ended)))??;
    if !audit(moment, times.now, facts)?.is_right() {
        return Err(BurialRefusal::NotRight);
    }
    let erasures = moment.read(summed::erasures)?;
    Ok(Prepared(Some(Ready { sums: Sums::of(moment, keyset, leaked)?, erasures, leaked })))
}

/// Buries a keyset: writes its tombstone, if the keyset's records are still what they were when they were added up. One that was buried
/// before stays as it is.
///
/// Nothing is issued of a keyset that ended, nor redeemed: its running totals would show it. What can still change is whose accounts its
/// records name, and each such change is counted.
pub(crate) fn bury(
    txn: &mut Txn<'_>,
    times: Times,
    keyset: &Keyset,
    Prepared(prepared): Prepared,
) -> Result<(Buried, Tombstone), BurialRefusal> {
    let id = *keyset.id();
    if let Some(known) = tombstone(txn, &id)? {
        return Ok((Buried(id), known));
    }
    let leaked = may_be_buried(txn, times, keyset)?;
    let Ready { sums, erasures, leaked: then } = prepared.ok_or(LedgerError::Damaged)?;
    let totals = get::<KeysetTotals>(txn, Table::Keyset, id.as_bytes())?;
    let totals = totals.map(|totals| (totals.issued, totals.redeemed)).unwrap_or_default();
    if totals != (sums.issued, sums.redeemed) || summed::erasures(txn)? != erasures || leaked != then {
        return Err(BurialRefusal::Changed);
    }
    // The mark of the verifier's that every payment is checked against before any clock.
    spent::bury(txn, keyset, times.now)?;
    let tombstone = sums.write(txn, keyset, times.now)?;
    Ok((Buried(id), tombstone))
}

/// Whether a keyset may be buried; and since when its key had leaked, if it was revoked.
fn may_be_buried(
    txn: &Txn<'_>,
    Times { now, sure }: Times,
    keyset: &Keyset,
) -> Result<Option<UnixTime>, BurialRefusal> {
    if sure < keyset.terms().deposit_until {
        return Err(BurialRefusal::NotEnded);
    }
    if is_forged(txn, now, keyset.id())? {
        return Err(BurialRefusal::Forged);
    }
    match ending(txn, sure, keyset)? {
        Ending::NotRevoked => Ok(None),
        Ending::Running => Err(BurialRefusal::NotEnded),
        Ending::Unsettled => Err(BurialRefusal::Unsettled),
        Ending::Over(leak) => Ok(Some(leak.leaked_since)),
    }
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
    /// If it was revoked.
    recouped: Option<(Recouped, LateSums)>,
}

impl Sums {
    fn of(moment: &Moment, keyset: &Keyset, leaked: Option<UnixTime>) -> Result<Self, LedgerError> {
        let (mut sums, mut late) = (Self::default(), LateSums::default());
        moment.scan(Table::Issuance, &mut |_, entry: IssuanceEntry| {
            leaked.map_or(Ok(()), |since| late.add(&entry, keyset.id(), since))?;
            if entry.keyset == *keyset.id() { sums.add_issuance(&entry) } else { Ok(()) }
        })?;
        let fees = keyset.terms().fees;
        moment.payments_of(keyset.id(), &mut |SpentRecord { kind, payment, .. }| {
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
        if leaked.is_some() {
            sums.add_recouped(Recouped::of(moment, keyset.id())?, late)?;
        }
        Ok(sums)
    }

    /// What was paid for claims left the books like a deposit; what the operator put in stands there as issued.
    fn add_recouped(&mut self, recouped: Recouped, late: LateSums) -> Result<(), LedgerError> {
        for (account, amount) in &recouped.paid {
            add(&mut self.redeemed, *amount)?;
            self.account(*account).deposited.add(amount.units().into())?;
        }
        add(&mut self.issued, recouped.covered)?;
        self.recouped = Some((recouped, late));
        Ok(())
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
        if let Some((recouped, late)) = &self.recouped {
            recouped.write(txn, id, *late)?;
        }
        for (account, more) in &self.accounts {
            carry(txn, account, unit, more)?;
            let is_forgotten = txn.get(&Table::Account.key(&account_key(account, unit)))?.is_none();
            if is_forgotten && *account != NOBODY {
                // These payments may have been all that still named it.
                leave(txn, account, unit)?;
            }
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

/// Adds what records did to an account that are dropped, or to be.
pub(super) fn carry(txn: &mut Txn<'_>, account: &AccountKey, unit: &Unit, more: &Carried) -> Result<(), LedgerError> {
    let key = account_key(account, unit);
    let mut carried = get(txn, Table::Carried, &key)?.unwrap_or(Carried::NOTHING);
    carried.add(more)?;
    put(txn, Table::Carried, &key, &carried)
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
    super::archive::delete_rows(txn, &keyset)?;
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

/// Takes names out of a portion of the claims on a keyset's tokens, if it was revoked. Returns where to go on; behind the last it is noted that
/// nothing of the keyset is left but its tombstone.
pub(crate) fn dropped(
    txn: &mut Txn<'_>,
    now: UnixTime,
    unlisted: &Unlisted,
    after: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, LedgerError> {
    let next = recoup::drop_claims(txn, unlisted, (after, PORTION), now)?;
    if next.is_none() {
        txn.delete(&Table::Dropping.key(unlisted.keyset().as_bytes()))?;
    }
    Ok(next)
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

    /// Σ deposits, Σ debits, Σ deposit fees in millionths.
    pub(super) const fn sums(&self) -> (u128, u128, u128) {
        (self.deposited.0, self.debited.0, self.fee_millionths.0)
    }

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
