//! Rows of tokens that are being recouped.

use farthing_durable::Txn;
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use farthing_protocol::identity::{AccountKey, IssuanceId};
use farthing_protocol::ids::{KeysetId, PaymentId};

use crate::ledger::LedgerError;
use crate::ledger::records::{KeysetTotals, Table, get, put};

/// The most claims of one rank on one token: nobody honest makes two.
pub(super) const MAX_CLAIMS: usize = 16;

/// The most tokens of a keyset that are claimed and of which nobody has shown where they came from. Who has a leaked key makes as many as
/// he likes; what is shown is bounded by what was issued.
const MAX_UNPROVEN: u64 = 1 << 16;

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A payee, with the payment that redeems locked tokens which he had accepted, or that he was credited while it was forgotten.
    Payee,
    /// A holder, who signed with p.
    Holder,
}

/// The place in a recorded issuance from which a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) issuance: IssuanceId,
    pub(crate) position: u8,
}

/// One claim on one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) rank: Rank,
    pub(crate) payment: PaymentId,
    pub(crate) account: AccountKey,
    pub(crate) at: UnixTime,
}

/// What was decided about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    /// It was paid for this claim.
    Paid(PaymentId, AccountKey, UnixTime),
    /// Its issuance does not count, or it was spent all the same.
    Excluded(UnixTime),
    /// Nobody is paid for it any more: it was not shown or not claimed in time, or the operator did not cover it.
    Unpaid(UnixTime),
}

/// A token of which anything was filed. Claims are in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) denomination: Denomination,
    pub(crate) origin: Option<Origin>,
    pub(crate) claims: Vec<Claimed>,
    pub(crate) verdict: Verdict,
}

impl TokenRow {
    pub(super) const fn new(denomination: Denomination) -> Self {
        Self { denomination, origin: None, claims: Vec::new(), verdict: Verdict::Open }
    }

    pub(super) fn load(txn: &Txn<'_>, keyset: &KeysetId, coin: &[u8; 32]) -> Result<Option<Self>, LedgerError> {
        get(txn, Table::Recoup, &token_key(keyset, coin))
    }

    /// Keeps the row. The token is listed as long as something can be decided about it and is not; it is counted as long as nobody has
    /// shown where it came from.
    pub(super) fn store(&self, txn: &mut Txn<'_>, keyset: &KeysetId, coin: &[u8; 32]) -> Result<(), LedgerError> {
        let key = token_key(keyset, coin);
        let was_unproven = Self::load(txn, keyset, coin)?.is_some_and(|row| row.is_unproven());
        if was_unproven != self.is_unproven() {
            let count = unproven(txn, keyset)?;
            let count = if was_unproven { count.saturating_sub(1) } else { count.saturating_add(1) };
            put(txn, Table::RecoupUnproven, keyset.as_bytes(), &Count(count))?;
        }
        put(txn, Table::Recoup, &key, self)?;
        if self.is_open() && !self.is_undecidable() {
            put(txn, Table::RecoupOpen, &key, &self.denomination.value())
        } else {
            Ok(txn.delete(&Table::RecoupOpen.key(&key))?)
        }
    }

    /// Whether nothing is decided.
    pub(crate) fn is_open(&self) -> bool {
        self.verdict == Verdict::Open
    }

    /// Whether nobody claims it, or nobody has shown where it came from: then nothing can be decided.
    pub(crate) fn is_undecidable(&self) -> bool {
        self.origin.is_none() || self.claims.is_empty()
    }

    pub(super) fn is_unproven(&self) -> bool {
        self.is_open() && self.origin.is_none()
    }

    /// Whose claim counts: the first of the payees', else the first of the holders'.
    pub(crate) fn winner(&self) -> Option<&Claimed> {
        self.claims.iter().min_by_key(|claim| claim.rank)
    }

    pub(super) fn has_claim(&self, payment: &PaymentId) -> bool {
        self.claims.iter().any(|claim| claim.payment == *payment)
    }
}

/// Whether one more token of a keyset can be claimed of which nobody has shown where it came from. There are no more honest ones than were issued.
pub(super) fn has_room(txn: &Txn<'_>, keyset: &KeysetId) -> Result<bool, LedgerError> {
    let totals: Option<KeysetTotals> = get(txn, Table::Keyset, keyset.as_bytes())?;
    let most = totals.map_or(0, |totals| totals.issued.units()).min(MAX_UNPROVEN);
    Ok(unproven(txn, keyset)? < most)
}

/// How many there are. A ledger of a version that did not count begins with none.
fn unproven(txn: &Txn<'_>, keyset: &KeysetId) -> Result<u64, LedgerError> {
    Ok(get::<Count>(txn, Table::RecoupUnproven, keyset.as_bytes())?.map_or(0, |count| count.0))
}

struct Count(u64);

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

pub(super) fn token_key(keyset: &KeysetId, coin: &[u8; 32]) -> Vec<u8> {
    [keyset.as_bytes().as_slice(), coin].concat()
}

pub(in crate::ledger) fn origin_key(origin: &Origin) -> Vec<u8> {
    [origin.issuance.as_bytes().as_slice(), &[origin.position]].concat()
}

impl Encode for Origin {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.issuance);
        out.u8(self.position);
    }
}

impl Decode for Origin {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { issuance: input.part()?, position: input.u8()? })
    }
}

impl Encode for Claimed {
    fn encode_to(&self, out: &mut Writer) {
        out.u8(match self.rank {
            Rank::Payee => 1,
            Rank::Holder => 2,
        });
        out.part(&self.payment);
        out.part(&self.account);
        out.part(&self.at);
    }
}

impl Decode for Claimed {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let rank = match input.u8()? {
            1 => Rank::Payee,
            2 => Rank::Holder,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { rank, payment: input.part()?, account: input.part()?, at: input.part()? })
    }
}

impl Encode for Verdict {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Open => out.u8(0),
            Self::Paid(payment, account, at) => {
                out.u8(1);
                out.part(payment);
                out.part(account);
                out.part(at);
            }
            Self::Excluded(at) => {
                out.u8(2);
                out.part(at);
            }
            Self::Unpaid(at) => {
                out.u8(3);
                out.part(at);
            }
        }
    }
}

impl Decode for Verdict {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Open),
            1 => Ok(Self::Paid(input.part()?, input.part()?, input.part()?)),
            2 => input.part().map(Self::Excluded),
            3 => input.part().map(Self::Unpaid),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

impl Encode for TokenRow {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.denomination);
        out.optional(self.origin.as_ref());
        out.list(&self.claims);
        out.part(&self.verdict);
    }
}

impl Decode for TokenRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            denomination: input.part()?,
            origin: input.optional()?,
            claims: input.list(MAX_CLAIMS.saturating_mul(2))?,
            verdict: input.part()?,
        })
    }
}
