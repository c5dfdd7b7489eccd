//! What the ledger keeps, and under which keys.
//!
//! | key | value |
//! |---|---|
//! | `meta/…` | the mint, the layout (`schema`), the highest time seen, for how long it was served (`lived`), whether it may be (`lineage`) |
//! | `unit/` ‖ unit | [`UnitTotals`] |
//! | `keyset/` ‖ keyset | [`KeysetTotals`] |
//! | `account/` ‖ account ‖ unit | [`AccountState`] |
//! | `credit/` ‖ reference, `payout/` ‖ reference | [`Movement`] |
//! | `pending/` ‖ unit | Σ payouts that were asked for and are not settled |
//! | `asked/` ‖ account ‖ operation id | the [`PayoutNumber`](super::PayoutNumber) of a payout |
//! | `payouts/` ‖ number | [`PayoutRow`](super::PayoutRow) |
//! | `refused/` ‖ account ‖ operation id | why a payout was refused that is never taken |
//! | `refused-until/` ‖ time ‖ account ‖ operation id | the same, until that time |
//! | `unpaid/` ‖ number | its amount, as long as it is pending |
//! | `summed/` ‖ account ‖ unit | [`Summed`](super::summed::Summed): what erased rows said about an account |
//! | `summed-unit/` ‖ unit | [`SummedTotals`](super::summed::SummedTotals): the same about a unit |
//! | `erased/` ‖ hash | when a movement was made whose reference is erased |
//! | `voucher/` ‖ voucher | [`VoucherState`] |
//! | `batch/` ‖ number | [`BatchRow`](super::vouchers::BatchRow): vouchers that were made together |
//! | `batch-of/` ‖ voucher | the [`BatchNumber`](super::vouchers::BatchNumber) of its batch |
//! | `batch-due/` ‖ time ‖ number | the same: when a batch ends, as long as it has not |
//! | `quote/` ‖ name | [`QuoteRow`](super::quotes::QuoteRow) |
//! | `quoted/` ‖ account ‖ operation id | the name of a quote |
//! | `quote-open/` ‖ account ‖ name | the same, as long as it waits to be paid; how many do is in `meta/quotes` |
//! | `quote-due/` ‖ time ‖ name | the same: when it waits no longer, or is forgotten |
//! | `quote-queue/` ‖ share ‖ time ‖ name | the same, as long as it waits, by its [share](super::quote_queue) and its end |
//! | `registered/` ‖ account | since when an account is open that the operator opened |
//! | `income/` ‖ number | [`IncomeRow`](super::income::IncomeRow): money that a processor reported |
//! | `income-id/` ‖ the processor's id | its [`IncomeNumber`](super::income::IncomeNumber), for ever |
//! | `income-held/` ‖ number | its amount, as long as it is not known whose it is |
//! | `issuance/` ‖ issuance id | [`IssuanceEntry`], and as a large value the record |
//! | `session/` ‖ sid | issuance id, hash of the challenges |
//! | `funding/` ‖ funding id | issuance id |
//! | `revoked/` ‖ keyset | when |
//! | `forged/` ‖ keyset | [`ForgedRow`](super::forged::ForgedRow): more would have been redeemed of it than was issued |
//! | `revoked-listed/` ‖ keyset | when by the published list, if that is another time |
//! | `leak/` ‖ keyset | [`LeakRow`](super::LeakRow): since when its key had leaked, and until when claims are collected |
//! | `recoup/token/` ‖ keyset ‖ P | [`TokenRow`](super::TokenRow): claims on a token of a revoked keyset, and what it was paid |
//! | `recoup/open/` ‖ keyset ‖ P | its worth, as long as nothing is decided about it |
//! | `recoup/origin/` ‖ issuance id ‖ position | P of the token that was shown to come from there |
//! | `recoup/closed/` ‖ keyset | when the operator said that what is not covered of its claims is not paid |
//! | `recoup/end/` ‖ keyset | [`RecoupEnd`](super::recoup::RecoupEnd): what was recouped of a keyset that has a tombstone |
//! | `recoup/cover/` ‖ reference | [`CoverRow`](super::recoup::CoverRow): the operator's money for a revoked keyset |
//! | `list` (large) | the signed keyset list |
//! | `issued/` ‖ number | [`LoggedIssuance`]: issuances in the order in which they were recorded |
//! | `backing/` ‖ unit | [`Backing`] |
//! | `day/account/` ‖ account ‖ unit, `day/all/` ‖ unit | [`RollingDay`](super::limits::RollingDay): issued in the last day, where a limit is set |
//! | `archive/state` | [`ArchiveState`] |
//! | `archive/segment/` ‖ keyset ‖ number | [`SegmentRow`] |
//! | `archive/filter/` ‖ keyset ‖ number | [`FilterRow`] |
//! | `archive/index` (large) | the signed index of the archive |
//! | `archive/foreign/` ‖ keyset ‖ kind ‖ number | when a segment (1) or filter (2) was taken over that somebody else had listed |
//! | `tombstone/` ‖ keyset | [`Tombstone`](super::Tombstone): what stays of a keyset for ever |
//! | `swapped/` ‖ keyset ‖ keyset | Σ tokens of the second, swapped into tokens of the first, which has a tombstone |
//! | `flow/` ‖ keyset ‖ keyset | [`Flow`](super::ended::Flow): when that was |
//! | `carried/` ‖ account ‖ unit | [`Carried`](super::ended::Carried): what dropped records did to an account |
//! | `lapsed/` ‖ unit | Σ tokens that were never redeemed of keysets with a tombstone |
//! | `dropping/` ‖ keyset | a keyset with a tombstone whose records are not all dropped |
//! | `owner/` ‖ account | what its owner set |
//! | `outflow/` ‖ account ‖ unit | what left it within the last day |
//! | `permits/` ‖ account | what may leave it beyond its limit |
//! | `judged/` ‖ account | what its last codes were worth, each by the hash of the request that it was in |
//! | `owner-changes/` ‖ account | how often its owner has changed settings within a day |
//! | `meta/journal-erased` | up to which entry of the journal references are erased |
//! | `meta/journal` | length and last link of the journal |
//! | `journal/` ‖ number | when, who, what, hash of the details, link |
//! | `journal-details/` ‖ number | salt, fields of the [`Act`](super::acts::Act) |
//! | `factor/` ‖ holder | the second factor that is asked for; its secret is sealed under the mint's `factors.key` |
//! | `factor-new/` ‖ holder | one that waits for its first code |
//!
//! Keys that begin with `spent/` are the verifier's.

use farthing_durable::{Cursor, Txn};
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::archive::{ListedFilter, ListedSegment, SegmentSalt};
use farthing_protocol::blind::SessionId;
use farthing_protocol::blind::mint::ChallengesHash;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::{AccountKey, IssuanceId, VoucherKey};
use farthing_protocol::ids::{FundingId, KeysetId, PaymentId};

use super::LedgerError;

/// Format of the values in this version.
const FORMAT: u8 = 1;

/// The first part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Mint,
    /// The layout, and how far a migration is.
    Schema,
    /// How often the ledger was put back from a copy, and whether it may be served.
    Lineage,
    Time,
    /// For how long the ledger was served.
    Lived,
    Unit,
    Keyset,
    Account,
    Credit,
    PayOut,
    /// Σ pending payouts of a unit.
    Pending,
    PayoutCount,
    PayoutAsked,
    Payout,
    PayoutOpen,
    Summed,
    SummedTotals,
    Erased,
    /// How many rows were erased or changed, so that what was added up before is known to be old.
    Erasures,
    /// With what references are hashed before they are erased.
    ErasedSalt,
    Voucher,
    BatchCount,
    Batch,
    VoucherBatch,
    BatchDue,
    /// How many quotes wait to be paid.
    QuotesOpen,
    Quote,
    QuoteAsked,
    QuoteOpen,
    QuoteDue,
    QuoteQueue,
    IncomeCount,
    Income,
    IncomeId,
    IncomeHeld,
    Issuance,
    Session,
    Funding,
    Revoked,
    Forged,
    /// Revocations whose published time is another.
    Listed,
    Leak,
    /// What was forgotten of a keyset when the ledger was put back.
    Forgotten,
    Recoup,
    RecoupOpen,
    /// How many tokens of a keyset somebody claims of which nobody has shown where they came from.
    RecoupUnproven,
    RecoupOrigin,
    RecoupClosed,
    RecoupEnd,
    Cover,
    List,
    /// How many issuances are in the log.
    LogLength,
    Log,
    Backing,
    AccountDay,
    Day,
    ArchiveState,
    Segment,
    Filter,
    ArchiveIndex,
    ArchiveForeign,
    Tombstone,
    /// Σ tokens of other keysets that were swapped into those of a keyset with a tombstone.
    Swapped,
    /// When that was.
    Flow,
    Carried,
    /// Σ lapsed tokens of a unit.
    Lapsed,
    Dropping,
    /// Length and last link of the journal.
    JournalHead,
    Journal,
    JournalDetails,
    Factor,
    FactorPending,
    Owner,
    Outflow,
    Permits,
    Judged,
    OwnerChanges,
    /// Up to which entry details with references are erased.
    JournalErased,
    /// Accounts that the operator opened.
    Registered,
    PayoutRefused,
    PayoutRefusedUntil,
}

impl Table {
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Mint => b"meta/mint",
            Self::Schema => b"meta/schema",
            Self::Lineage => b"meta/lineage",
            Self::Time => b"meta/time",
            Self::Lived => b"meta/lived",
            Self::Unit => b"unit/",
            Self::Keyset => b"keyset/",
            Self::Account => b"account/",
            Self::Credit => b"credit/",
            Self::PayOut => b"payout/",
            Self::Pending => b"pending/",
            Self::PayoutCount => b"meta/payouts",
            Self::PayoutAsked => b"asked/",
            Self::Payout => b"payouts/",
            Self::PayoutOpen => b"unpaid/",
            Self::Summed => b"summed/",
            Self::SummedTotals => b"summed-unit/",
            Self::Erased => b"erased/",
            Self::Erasures => b"meta/erasures",
            Self::ErasedSalt => b"meta/erased",
            Self::Voucher => b"voucher/",
            Self::BatchCount => b"meta/batches",
            Self::Batch => b"batch/",
            Self::VoucherBatch => b"batch-of/",
            Self::BatchDue => b"batch-due/",
            Self::QuotesOpen => b"meta/quotes",
            Self::Quote => b"quote/",
            Self::QuoteAsked => b"quoted/",
            Self::QuoteOpen => b"quote-open/",
            Self::QuoteDue => b"quote-due/",
            Self::QuoteQueue => b"quote-queue/",
            Self::IncomeCount => b"meta/income",
            Self::Income => b"income/",
            Self::IncomeId => b"income-id/",
            Self::IncomeHeld => b"income-held/",
            Self::Issuance => b"issuance/",
            Self::Session => b"session/",
            Self::Funding => b"funding/",
            Self::Revoked => b"revoked/",
            Self::Forged => b"forged/",
            Self::Listed => b"revoked-listed/",
            Self::Leak => b"leak/",
            Self::Forgotten => b"recoup/forgotten/",
            Self::Recoup => b"recoup/token/",
            Self::RecoupOpen => b"recoup/open/",
            Self::RecoupUnproven => b"recoup/unproven/",
            Self::RecoupOrigin => b"recoup/origin/",
            Self::RecoupClosed => b"recoup/closed/",
            Self::RecoupEnd => b"recoup/end/",
            Self::Cover => b"recoup/cover/",
            Self::List => b"list",
            Self::LogLength => b"meta/issued",
            Self::Log => b"issued/",
            Self::Backing => b"backing/",
            Self::AccountDay => b"day/account/",
            Self::Day => b"day/all/",
            Self::ArchiveState => b"archive/state",
            Self::Segment => b"archive/segment/",
            Self::Filter => b"archive/filter/",
            Self::ArchiveIndex => b"archive/index",
            Self::ArchiveForeign => b"archive/foreign/",
            Self::Tombstone => b"tombstone/",
            Self::Swapped => b"swapped/",
            Self::Flow => b"flow/",
            Self::Carried => b"carried/",
            Self::Lapsed => b"lapsed/",
            Self::Dropping => b"dropping/",
            Self::JournalHead => b"meta/journal",
            Self::Journal => b"journal/",
            Self::JournalDetails => b"journal-details/",
            Self::Factor => b"factor/",
            Self::FactorPending => b"factor-new/",
            Self::Owner => b"owner/",
            Self::Outflow => b"outflow/",
            Self::Permits => b"permits/",
            Self::Judged => b"judged/",
            Self::OwnerChanges => b"owner-changes/",
            Self::JournalErased => b"meta/journal-erased",
            Self::Registered => b"registered/",
            Self::PayoutRefused => b"refused/",
            Self::PayoutRefusedUntil => b"refused-until/",
        }
    }

    pub(crate) fn key(self, rest: &[u8]) -> Vec<u8> {
        [self.prefix(), rest].concat()
    }
}

/// A value with its format byte.
pub(crate) fn to_value<T: Encode>(value: &T) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(FORMAT);
    out.part(value);
    out.finish()
}

pub(crate) fn from_value<T: Decode>(bytes: &[u8]) -> Result<T, LedgerError> {
    read_exactly(bytes).map_err(|_| LedgerError::Damaged)
}

fn read_exactly<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut input = Reader::new(bytes);
    if input.u8()? != FORMAT {
        return Err(DecodeError::UnsupportedVersion);
    }
    let value = input.part()?;
    input.finish()?;
    Ok(value)
}

pub(crate) fn get<T: Decode>(txn: &Txn<'_>, table: Table, rest: &[u8]) -> Result<Option<T>, LedgerError> {
    txn.get(&table.key(rest))?.map(|bytes| from_value(&bytes)).transpose()
}

pub(crate) fn put<T: Encode>(txn: &mut Txn<'_>, table: Table, rest: &[u8], value: &T) -> Result<(), LedgerError> {
    Ok(txn.put(&table.key(rest), &to_value(value))?)
}

/// What a scan calls for each row: the rest of its key, and its value.
type EachRow<'a, T> = &'a mut dyn FnMut(&[u8], T) -> Result<(), LedgerError>;

/// Reads all of a table, the rest of each key and its value, in portions.
pub(crate) fn scan<T: Decode>(
    txn: &Txn<'_>,
    table: Table,
    within: &[u8],
    each: EachRow<'_, T>,
) -> Result<(), LedgerError> {
    let prefix = table.key(within);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = txn.scan_prefix(&prefix, after.as_deref(), 256)?;
        for (key, value) in &rows {
            each(key.get(table.prefix().len()..).unwrap_or_default(), from_value(value)?)?;
        }
        match rows.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(()),
        }
    }
}

/// Keys of a table, the prefix left out, at most so many after a key.
pub(crate) fn scan_keys(
    txn: &Txn<'_>,
    table: Table,
    within: &[u8],
    after: Option<&[u8]>,
    at_most: usize,
) -> Result<Vec<Vec<u8>>, LedgerError> {
    let after = after.map(|after| table.key(after));
    let rows = txn.scan_prefix(&table.key(within), after.as_deref(), at_most)?;
    Ok(rows.into_iter().map(|(key, _)| key.get(table.prefix().len()..).unwrap_or_default().to_vec()).collect())
}

/// Bytes of a unit within a key.
pub(crate) fn unit_key(unit: &Unit) -> Vec<u8> {
    let mut out = Writer::default();
    out.part(unit);
    out.finish()
}

pub(crate) fn parse<T: Decode>(bytes: &[u8]) -> Result<T, LedgerError> {
    let mut input = Reader::new(bytes);
    let value = input.part().map_err(|_| LedgerError::Damaged)?;
    input.finish().map_err(|_| LedgerError::Damaged)?;
    Ok(value)
}

/// The key of an account's balance in a unit.
pub(crate) fn account_key(account: &AccountKey, unit: &Unit) -> Vec<u8> {
    [account.as_bytes().as_slice(), &unit_key(unit)].concat()
}

/// Gives a struct of encodable fields its layout: the fields one after another.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name { $($(#[$field_doc])* pub(crate) $field: $type,)* }

        impl Encode for $name {
            fn encode_to(&self, out: &mut Writer) {
                $(out.part(&self.$field);)*
            }
        }

        impl Decode for $name {
            fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: input.part()?,)* })
            }
        }
    };
}
pub(super) use record;

record! {
    /// Running totals of a unit.
    UnitTotals {
        /// What came from outside.
        funded: Amount,
        /// What went outside.
        paid_out: Amount,
        /// Σ balances of all accounts but the mint's fee income.
        balances: Amount,
        /// The mint's fee income.
        fees: Amount,
        /// Σ unused vouchers.
        vouchers: Amount,
    }
}

impl UnitTotals {
    pub(crate) const ZERO: Self = Self {
        funded: Amount::ZERO,
        paid_out: Amount::ZERO,
        balances: Amount::ZERO,
        fees: Amount::ZERO,
        vouchers: Amount::ZERO,
    };
}

record! {
    /// Running totals of a keyset.
    KeysetTotals {
        /// Its unit.
        unit: Unit,
        /// Σ tokens issued.
        issued: Amount,
        /// Σ tokens redeemed: deposited or swapped.
        redeemed: Amount,
    }
}

record! {
    /// What the operator holds against what is owed.
    Backing {
        amount: Amount,
        declared_at: UnixTime,
    }
}

/// A fraction of the smallest unit, in millionths, below a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Millionths(pub(crate) u32);

impl Encode for Millionths {
    fn encode_to(&self, out: &mut Writer) {
        out.u32(self.0);
    }
}

impl Decode for Millionths {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let millionths = input.u32()?;
        if millionths < 1_000_000 { Ok(Self(millionths)) } else { Err(DecodeError::OutOfRange) }
    }
}

record! {
    /// An account in one unit.
    AccountState {
        /// What it holds.
        balance: Amount,
        /// Deposit fees not charged yet.
        fee_owed: Millionths,
    }
}

record! {
    /// A credit from outside or a payment to it.
    Movement {
        account: AccountKey,
        unit: Unit,
        amount: Amount,
        at: UnixTime,
    }
}

/// Whether a voucher was redeemed, and for which issuance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RedeemedBy(pub(crate) Option<IssuanceId>);

impl Encode for RedeemedBy {
    fn encode_to(&self, out: &mut Writer) {
        out.optional(self.0.as_ref());
    }
}

impl Decode for RedeemedBy {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.optional().map(Self)
    }
}

record! {
    /// A voucher.
    VoucherState {
        unit: Unit,
        amount: Amount,
        created_at: UnixTime,
        redeemed_by: RedeemedBy,
    }
}

/// What paid for a recorded issuance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Account(AccountKey),
    Voucher(VoucherKey),
    Tokens(KeysetId, PaymentId),
    /// An account that was forgotten since.
    Forgotten,
}

impl Encode for Source {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Account(account) => {
                out.u8(1);
                out.part(account);
            }
            Self::Voucher(voucher) => {
                out.u8(2);
                out.part(voucher);
            }
            Self::Tokens(keyset, payment) => {
                out.u8(3);
                out.part(keyset);
                out.part(payment);
            }
            Self::Forgotten => out.u8(4),
        }
    }
}

impl Decode for Source {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => input.part().map(Self::Account),
            2 => input.part().map(Self::Voucher),
            3 => Ok(Self::Tokens(input.part()?, input.part()?)),
            4 => Ok(Self::Forgotten),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

record! {
    /// What the books need of an issuance; the record itself lies beside it.
    IssuanceEntry {
        keyset: KeysetId,
        amount: Amount,
        debit: Amount,
        source: Source,
        funding: FundingId,
        session: SessionId,
        at: UnixTime,
    }
}

record! {
    /// What a session was answered with.
    AnsweredSession {
        issuance: IssuanceId,
        challenges: ChallengesHash,
    }
}

/// A place in the log of issuances, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogPlace(pub(crate) u64);

impl LogPlace {
    /// Places order as their keys do.
    pub(crate) const fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(key: &[u8]) -> Result<Self, LedgerError> {
        key.try_into().map(|key| Self(u64::from_be_bytes(key))).map_err(|_| LedgerError::Damaged)
    }

    pub(crate) fn next(self) -> Result<Self, LedgerError> {
        self.0.checked_add(1).map(Self).ok_or(LedgerError::Overflow)
    }
}

impl Encode for LogPlace {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for LogPlace {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

record! {
    /// An issuance, in the order of recording.
    LoggedIssuance {
        keyset: KeysetId,
        issuance: IssuanceId,
        at: UnixTime,
    }
}

/// Behind which entry of a keyset's spent records something begins; its first if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpentPlace(pub(crate) Option<Cursor>);

impl Encode for SpentPlace {
    fn encode_to(&self, out: &mut Writer) {
        match self.0 {
            None => out.u8(0),
            Some(cursor) => {
                out.u8(1);
                out.bytes(&cursor.to_bytes());
            }
        }
    }
}

impl Decode for SpentPlace {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self(None)),
            1 => Ok(Self(Some(Cursor::from_bytes(input.array()?)))),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

record! {
    /// How far the archive is.
    ArchiveState {
        /// Issuances before this are listed.
        sealed_until: UnixTime,
        /// Issuances before this are being listed: whatever is recorded from now on is later.
        sealing_until: UnixTime,
        /// By which the next segments are cut: drawn after everything in them was recorded.
        salt: SegmentSalt,
        /// The first in the log that is not listed.
        next: LogPlace,
        /// Serials spent before this are listed.
        filtered_until: UnixTime,
        /// Serials spent before this are being listed.
        filtering_until: UnixTime,
    }
}

record! {
    /// A listed segment, and where in the log its issuances are, among those of other keysets.
    SegmentRow {
        listed: ListedSegment,
        first: LogPlace,
        end: LogPlace,
    }
}

record! {
    /// A listed filter, and where the keyset's spent records of its time are.
    FilterRow {
        listed: ListedFilter,
        after: SpentPlace,
        last: SpentPlace,
    }
}
