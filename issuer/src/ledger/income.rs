//! Money that a payment processor says came in: credited once for each of its ids, or held until the operator says whose it is.

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::QuoteId;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer, is_plain};
use farthing_protocol::identity::AccountKey;

use super::LedgerError;
use super::book::{Place, TransferError, transfer};
use super::forgotten::NOBODY;
use super::outflow::AccountRules;
use super::quotes::{note_credit, quote};
use super::records::{Table, from_value, get, put};
use super::registration::is_open;

/// The longest id of a processor, in bytes.
const MAX_ID: usize = 128;

/// As much as is kept of the text in the place of a quote's name, in bytes.
const MAX_QUOTE: usize = 256;

/// The account that holds what came in for nobody known. Its key is the curve's neutral element, under which no signature is ever
/// valid (section 6 of the specification): nobody can take anything out of it but the operator, here.
pub(crate) const SUSPENSE: AccountKey = {
    let mut key = [0; 32];
    key[0] = 1;
    AccountKey::from_bytes(key)
};

/// Why money from outside was not noted or assigned. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IncomeError {
    /// The amount is zero.
    #[error("the amount is zero")]
    Zero,
    /// The id is empty, longer than 128 bytes, or does not show what it says.
    #[error("the id must be plain text of 1 to 128 bytes")]
    Text,
    /// The id was reported before, with another amount or quote.
    #[error("the id was used for another payment")]
    IdUsed,
    /// There is no payment with this number.
    #[error("there is no payment with this number")]
    Unknown,
    /// It is not held: it went to an account, or back.
    #[error("the payment is not held any more")]
    NotHeld,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<TransferError> for IncomeError {
    fn from(error: TransferError) -> Self {
        match error {
            // What is held covers every part of itself.
            TransferError::Insufficient => Self::Ledger(LedgerError::Damaged),
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// What a processor says.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Its own id of the payment.
    pub(crate) id: String,
    /// The quote's name, as the payer wrote it, whatever that is.
    pub(crate) quote: String,
    pub(crate) amount: Amount,
}

/// Credits a payment to the account of its quote, or holds it. The same payment again changes nothing. Says whether it was known.
pub(crate) fn receive(
    txn: &mut Txn<'_>,
    now: UnixTime,
    rules: &AccountRules,
    unit: &Unit,
    report: &Report,
) -> Result<(IncomeNumber, IncomeRow, bool), IncomeError> {
    let Report { id, quote: name, amount } = report;
    if amount.is_zero() {
        return Err(IncomeError::Zero);
    }
    if id.is_empty() || id.len() > MAX_ID || !is_plain(id) {
        return Err(IncomeError::Text);
    }
    let name = &shown(name);
    if let Some(number) = get::<IncomeNumber>(txn, Table::IncomeId, id.as_bytes())? {
        let row = income(txn, number)?.ok_or(LedgerError::Damaged)?;
        // What the payer wrote is not kept once the account is forgotten.
        let is_forgotten =
            matches!(row.fate, Fate::Credited { account: NOBODY, .. } | Fate::Assigned { account: NOBODY, .. });
        let same = row.amount == *amount && (is_forgotten || row.quote == *name);
        return if same { Ok((number, row, true)) } else { Err(IncomeError::IdUsed) };
    }
    rules.admit_payment(*amount)?;
    let known = match QuoteId::from_text(name) {
        Ok(quote_id) => quote(txn, &quote_id)?.filter(|row| row.unit == *unit).map(|row| (quote_id, row)),
        Err(_) => None,
    };
    // Into an account that was closed since then nothing comes by itself: the operator sees it, and decides.
    let known = match known {
        Some((quote_id, row)) if is_open(txn, rules, &row.account)? => Some((quote_id, row)),
        _ => None,
    };
    let fate = match known {
        None => {
            transfer(txn, unit, Place::World, Place::Account(&SUSPENSE), *amount)?;
            Fate::Held
        }
        Some((quote_id, row)) => {
            let (account, late) = (row.account, now >= row.expires_at);
            transfer(txn, unit, Place::World, Place::Account(&account), *amount)?;
            note_credit(txn, &quote_id, row, *amount)?;
            Fate::Credited { account, late }
        }
    };
    let number = get::<IncomeNumber>(txn, Table::IncomeCount, &[])?.unwrap_or_default();
    let (id, name, amount, unit) = (id.clone(), name.clone(), *amount, unit.clone());
    let row = IncomeRow { id, quote: name, amount, unit, received_at: now, fate };
    put(txn, Table::IncomeCount, &[], &number.next()?)?;
    put(txn, Table::IncomeId, row.id.as_bytes(), &number)?;
    put(txn, Table::Income, &number.key(), &row)?;
    if row.fate == Fate::Held {
        put(txn, Table::IncomeHeld, &number.key(), &row.amount)?;
    }
    Ok((number, row, false))
}

/// What a payer wrote, as it can be shown: it is his, and no reason to refuse his money. Lines become blanks; whatever else does not show what
/// it says becomes a question mark. What is beyond [`MAX_QUOTE`] is left out.
fn shown(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if is_plain(c.encode_utf8(&mut [0; 4])) => c,
        _ => '?',
    };
    let mut kept = String::new();
    for c in text.chars().map(shown) {
        if kept.len().saturating_add(c.len_utf8()) > MAX_QUOTE {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Where held money goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination {
    /// To the account of whoever paid it.
    Account(AccountKey),
    /// Back outside.
    World,
}

/// Says whose a held payment is, or that it was sent back. The same again changes nothing.
pub(crate) fn release(
    txn: &mut Txn<'_>,
    now: UnixTime,
    number: IncomeNumber,
    to: Destination,
) -> Result<IncomeRow, IncomeError> {
    let mut row = income(txn, number)?.ok_or(IncomeError::Unknown)?;
    match (row.fate, to) {
        (Fate::Held, _) => {}
        (Fate::Assigned { account, .. }, Destination::Account(wanted)) if account == wanted => return Ok(row),
        (Fate::Returned { .. }, Destination::World) => return Ok(row),
        _ => return Err(IncomeError::NotHeld),
    }
    let (place, fate) = match &to {
        Destination::Account(account) => (Place::Account(account), Fate::Assigned { account: *account, at: now }),
        Destination::World => (Place::World, Fate::Returned { at: now }),
    };
    transfer(txn, &row.unit, Place::Account(&SUSPENSE), place, row.amount)?;
    row.fate = fate;
    put(txn, Table::Income, &number.key(), &row)?;
    txn.delete(&Table::IncomeHeld.key(&number.key())).map_err(LedgerError::from)?;
    Ok(row)
}

/// Payments in the order in which they were reported, those that are held or all of them, at most so many, after this number.
pub(crate) fn incomes(
    txn: &Txn<'_>,
    all: bool,
    after: Option<IncomeNumber>,
    limit: usize,
) -> Result<Vec<(IncomeNumber, IncomeRow)>, LedgerError> {
    let table = if all { Table::Income } else { Table::IncomeHeld };
    let after = after.map(|number| table.key(&number.key()));
    let rows = txn.scan_prefix(table.prefix(), after.as_deref(), limit)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let number = IncomeNumber::of(key.get(table.prefix().len()..).unwrap_or_default())?;
        let row = if all { from_value(&value)? } else { income(txn, number)?.ok_or(LedgerError::Damaged)? };
        Ok((number, row))
    };
    rows.into_iter().map(read).collect()
}

fn income(txn: &Txn<'_>, number: IncomeNumber) -> Result<Option<IncomeRow>, LedgerError> {
    get(txn, Table::Income, &number.key())
}

/// A payment's place in the order in which they were reported, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IncomeNumber(pub(crate) u64);

impl IncomeNumber {
    /// Numbers order as their keys do.
    pub(crate) const fn key(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(crate) fn of(key: &[u8]) -> Result<Self, LedgerError> {
        key.try_into().map(|key| Self(u64::from_be_bytes(key))).map_err(|_| LedgerError::Damaged)
    }

    fn next(self) -> Result<Self, LedgerError> {
        self.0.checked_add(1).map(Self).ok_or(LedgerError::Overflow)
    }
}

impl Encode for IncomeNumber {
    fn encode_to(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for IncomeNumber {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u64().map(Self)
    }
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the account of its quote.
    Credited {
        account: AccountKey,
        /// Whether it came after the quote's time.
        late: bool,
    },
    /// It names no quote that is known: it waits in [`SUSPENSE`].
    Held,
    /// The operator said whose it is.
    Assigned { account: AccountKey, at: UnixTime },
    /// The operator sent it back.
    Returned { at: UnixTime },
}

impl Encode for Fate {
    fn encode_to(&self, out: &mut Writer) {
        match self {
            Self::Credited { account, late } => {
                out.u8(1);
                out.part(account);
                out.u8(u8::from(*late));
            }
            Self::Held => out.u8(2),
            Self::Assigned { account, at } => {
                out.u8(3);
                out.part(account);
                out.part(at);
            }
            Self::Returned { at } => {
                out.u8(4);
                out.part(at);
            }
        }
    }
}

impl Decode for Fate {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            1 => {
                let account = input.part()?;
                match input.u8()? {
                    0 => Ok(Self::Credited { account, late: false }),
                    1 => Ok(Self::Credited { account, late: true }),
                    _ => Err(DecodeError::UnknownTag),
                }
            }
            2 => Ok(Self::Held),
            3 => Ok(Self::Assigned { account: input.part()?, at: input.part()? }),
            4 => Ok(Self::Returned { at: input.part()? }),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// A payment that a processor reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IncomeRow {
    /// The processor's id.
    pub(crate) id: String,
    /// What stood in the place of a quote's name, as it can be shown.
    pub(crate) quote: String,
    pub(crate) amount: Amount,
    pub(crate) unit: Unit,
    pub(crate) received_at: UnixTime,
    pub(crate) fate: Fate,
}

impl Encode for IncomeRow {
    fn encode_to(&self, out: &mut Writer) {
        out.text(&self.id);
        out.text(&self.quote);
        out.part(&self.amount);
        out.part(&self.unit);
        out.part(&self.received_at);
        out.part(&self.fate);
    }
}

impl Decode for IncomeRow {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: input.text(MAX_ID)?.to_owned(),
            quote: input.text(MAX_QUOTE)?.to_owned(),
            amount: input.part()?,
            unit: input.part()?,
            received_at: input.part()?,
            fate: input.part()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use farthing_protocol::identity::{Keypair, Signature};

    use super::*;

    /// The neutral element verifies one signature for every message, unless small orders are refused.
    #[test]
    fn nobody_signs_for_the_suspense_account() {
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(SUSPENSE.verify(&[7; 32], &Signature::from_bytes(forged)).is_err());
        let signed = Keypair::from_secret(&[1; 32]).sign(&[7; 32]);
        assert!(SUSPENSE.verify(&[7; 32], &signed).is_err());
    }
}
