//! Which of a server's ways of paying this wallet has.

use std::collections::BTreeSet;
use std::fmt;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::{HttpBinding, RequestNonce};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::request::{Invoice, OfferDraft, PaymentRequest};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{BadInvoice, Demand, DemandError, Field, NAMESPACE, SCHEME, Unusable};

/// A mint as the wallet knows it.
pub(crate) struct Known {
    pub(crate) mint: MintId,
    /// Confirmed by the user, and not caught cheating.
    pub(crate) usable: bool,
    /// What it issues, and where that may be spent.
    pub(crate) units: Vec<(Unit, Redemption)>,
}

/// The request that a demand answered, and when.
pub(crate) struct Seen<'a> {
    /// None if somebody else made it, and the wallet was not told.
    pub(crate) request: Option<SeenRequest<'a>>,
    pub(crate) now: UnixTime,
}

/// What an invoice of a demand must be bound to.
pub(crate) struct SeenRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) body: &'a [u8],
}

/// A way of paying that this wallet has.
pub(crate) struct Choice {
    /// The entry as it came.
    pub(super) entry: Box<RawValue>,
    pub(crate) mint: MintId,
    pub(crate) unit: Unit,
    pub(crate) payee: PayeeKey,
    pub(crate) amount: Amount,
    pub(super) timeout_seconds: u32,
    /// The payee's signed word, if the entry comes with it: this is paid, and not an offer.
    pub(super) invoice: Option<Invoice>,
}

/// Every way of paying that this wallet has, in the server's order; at least one.
pub(crate) fn choose(demand: &Demand, known: &[Known], seen: &Seen<'_>) -> Result<Vec<Choice>, DemandError> {
    let mut choices = Vec::new();
    let mut reasons = Vec::new();
    for entry in &demand.accepts {
        match consider(entry, known, seen) {
            Ok(choice) => choices.push(choice),
            Err(reason) => reasons.push(reason),
        }
    }
    if choices.is_empty() { Err(DemandError::Unusable(reasons)) } else { Ok(choices) }
}

/// Every field as whatever it is, so that an entry of another scheme is passed over and not called malformed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    scheme: Value,
    #[serde(default)]
    network: Value,
    #[serde(default)]
    amount: Value,
    #[serde(default)]
    asset: Value,
    #[serde(default)]
    pay_to: Value,
    #[serde(default)]
    max_timeout_seconds: Value,
    #[serde(default)]
    extra: Value,
}

fn consider(raw: &RawValue, known: &[Known], seen: &Seen<'_>) -> Result<Choice, Unusable> {
    let entry: Option<Entry> = raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten();
    let entry = entry.ok_or(Unusable::NotFarthing)?;
    let network = entry.network.as_str().filter(|name| name.starts_with(NAMESPACE)).ok_or(Unusable::NotFarthing)?;
    if entry.scheme.as_str() != Some(SCHEME) {
        return Err(Unusable::NotFarthing);
    }
    let field = |field: Field| move || Unusable::Field(field);
    if !is_name(network) {
        return Err(Unusable::Field(Field::Network));
    }
    let amount: Amount = serde_json::from_value(entry.amount).map_err(|_| Unusable::Field(Field::Amount))?;
    if amount.is_zero() {
        return Err(Unusable::Field(Field::Amount));
    }
    let asset = entry.asset.as_str().filter(|code| Unit::new(code, 0).is_ok()).ok_or_else(field(Field::Asset))?;
    let payee = entry.pay_to.as_str().and_then(|key| PayeeKey::from_text(key).ok()).ok_or_else(field(Field::PayTo))?;
    let timeout_seconds = entry.max_timeout_seconds.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    let timeout_seconds = timeout_seconds.filter(|s| *s > 0).ok_or_else(field(Field::MaxTimeoutSeconds))?;

    let known = find(known, network)?;
    let unit = unit_of(known, asset, &payee)?;
    let invoice = match entry.extra.get("invoice") {
        None | Some(Value::Null) => None,
        Some(invoice) => Some(Invoice::deserialize(invoice).map_err(|_| Unusable::Invoice(BadInvoice::Malformed))?),
    };
    let entry = raw.to_owned();
    let choice = Choice { entry, mint: known.mint, unit, payee, amount, timeout_seconds, invoice };
    choice.check_invoice(seen).map_err(Unusable::Invoice)?;
    Ok(choice)
}

/// Whether a text has the form of a network's name.
fn is_name(network: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    network.strip_prefix(NAMESPACE).is_some_and(|name| name.len() == 32 && name.bytes().all(legal))
}

/// The mint of this name among those that are known. No id is ever made of a name.
fn find<'k>(known: &'k [Known], network: &str) -> Result<&'k Known, Unusable> {
    let mut named = known.iter().filter(|known| known.mint.network() == network);
    let found = named.next().ok_or(Unusable::UnknownMint)?;
    // Two mints of one name are a coincidence that nobody can bring about; were it one, neither would be meant.
    if named.next().is_some() {
        return Err(Unusable::UnknownMint);
    }
    if found.usable { Ok(found) } else { Err(Unusable::Mint) }
}

/// The one unit of this code whose tokens this payee takes.
fn unit_of(known: &Known, asset: &str, payee: &PayeeKey) -> Result<Unit, Unusable> {
    let is_payable = |redemption: &Redemption| match redemption {
        Redemption::Open => true,
        Redemption::Closed(to) => to == payee,
    };
    let units: BTreeSet<&Unit> =
        known.units.iter().filter(|(unit, to)| unit.code() == asset && is_payable(to)).map(|(unit, _)| unit).collect();
    match units.into_iter().collect::<Vec<_>>().as_slice() {
        [unit] => Ok((*unit).clone()),
        _ => Err(Unusable::Unit),
    }
}

impl Choice {
    /// What is paid: the invoice that came with the entry, or an offer made of its fields.
    ///
    /// The offer's time is the next full minute. Nobody knows a wallet again by how far its clock is off, and the server's time-out
    /// is left whole.
    pub(crate) fn request(&self, resource: &str, nonce: RequestNonce, now: UnixTime) -> Option<PaymentRequest> {
        if let Some(invoice) = &self.invoice {
            return Some(PaymentRequest::Invoice(invoice.clone()));
        }
        let draft = OfferDraft {
            mint: self.mint,
            payee: self.payee,
            asset: self.unit.code().to_owned(),
            amount: self.amount,
            resource: resource.to_owned(),
            nonce,
            offered_at: next_minute(now),
            timeout_seconds: self.timeout_seconds,
        };
        draft.make().ok().map(PaymentRequest::Offer)
    }

    fn check_invoice(&self, seen: &Seen<'_>) -> Result<(), BadInvoice> {
        let Some(invoice) = &self.invoice else { return Ok(()) };
        let draft = invoice.draft();
        invoice.verify().map_err(|_| BadInvoice::Signature)?;
        if let Some(SeenRequest { method, url, body }) = &seen.request {
            let binding = HttpBinding::new(&method.to_ascii_uppercase(), url, body);
            if draft.http != Some(binding) {
                return Err(BadInvoice::Binding);
            }
        }
        let same = draft.payee == self.payee
            && draft.amount == self.amount
            && draft.unit == self.unit
            && draft.mints.iter().any(|accepted| accepted.mint == self.mint);
        if !same {
            return Err(BadInvoice::Differs);
        }
        if seen.now < draft.expires_at { Ok(()) } else { Err(BadInvoice::Expired) }
    }
}

fn next_minute(now: UnixTime) -> UnixTime {
    now.plus(59).minus(now.plus(59).seconds() % 60)
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice(<redacted>)")
    }
}
