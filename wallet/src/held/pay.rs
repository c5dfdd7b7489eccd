//! Paying with held tokens: over HTTP, or by hand.

use std::sync::Arc;

use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayRequest;
use farthing_protocol::derive::{CoinContext, IssuanceNumber, Seed};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Relation;
use farthing_protocol::locked::LockedCoin;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::text::TextForm;

use crate::error::{PayError, StoreError};
use crate::heads::Asked;
use crate::issue::{context, fail};
use crate::operation::{Body, Delivery, OpId, Operation, Outcome, Pay, Used};
use crate::options::Step;
use crate::pay::{before, invoice_key};
use crate::stock::{self, Held, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
use crate::views::Paid;
use crate::wallet::{Inner, Wallet, Working, to_the_minute};

/// A payment to be handed over: as a file, or a picture. Its payee answers with a receipt, for [`Wallet::take_receipt`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handed {
    /// The operation.
    pub op: OpId,
    /// The payment and the invoice that it answers, `farthingpay1…`. It is of use to the payee alone.
    pub text: String,
    /// Whether it was handed over before: it is the same payment, and nothing more is paid.
    pub again: bool,
}

impl Wallet {
    /// Pays an invoice with tokens that are held for its payee, without asking anybody: the payment is handed over by its owner.
    ///
    /// An invoice that is being paid with held tokens already gets the same payment again.
    ///
    /// # Errors
    /// A [`PayError`]: [`PayError::NoHeldTokens`] when the wallet holds none that make exactly this amount.
    pub async fn pay_by_hand(&self, invoice: &Invoice) -> Result<Handed, PayError> {
        let inner = &self.inner;
        invoice.verify().map_err(|_| PayError::InvalidInvoice)?;
        match inner.paid_before(invoice).await {
            Ok(None) => {}
            // An invoice that was paid stays paid.
            Ok(Some(Paid { op, .. })) | Err(PayError::InProgress { op }) => return inner.hand_again(op).await,
            Err(error) => return Err(error),
        }
        if inner.now() >= invoice.draft().expires_at {
            return Err(PayError::Expired);
        }
        let working = inner.prepare_held(invoice, Delivery::Handed).await?.ok_or(PayError::NoHeldTokens)?;
        inner.vault.at(Step::PaymentStored)?;
        inner.hand(working.op, false).await
    }

    /// Whether [`Wallet::pay`] would pay an invoice with held tokens.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn holds_for(&self, invoice: &Invoice) -> Result<bool, StoreError> {
        let keysets = self.inner.keysets_for(invoice);
        let invoice = invoice.clone();
        self.inner
            .vault
            .run(move |tx| {
                let held = stock::held(tx)?;
                Ok(keysets.iter().any(|(_, keyset)| choose(&held, &invoice, keyset).is_some()))
            })
            .await
    }

    /// Takes a receipt that the payee of a payment gave out of band.
    ///
    /// # Errors
    /// [`StoreError::NoSuchOperation`] when this wallet knows no such payment, or is taking it back;
    /// [`PayError::Unknown`] when the receipt does not count.
    pub async fn take_receipt(&self, receipt: Receipt) -> Result<Paid, PayError> {
        let inner = &self.inner;
        let id = receipt.draft().payment;
        let op = inner.vault.run::<_, StoreError>(move |tx| find_payment(tx, &id)).await?;
        let op = op.ok_or(StoreError::NoSuchOperation)?;
        let operation = inner.vault.run::<_, StoreError>(move |tx| Operation::find(tx, op)).await?;
        let operation = operation.ok_or(StoreError::NoSuchOperation)?;
        let Body::Pay(pay) = &operation.body else { return Err(StoreError::NoSuchOperation.into()) };
        if operation.ended.is_none() {
            let _working = inner.work_on(op)?;
            return inner.take_receipt(&operation, pay, receipt).await;
        }
        if let Err(cause) = inner.check_receipt(&operation, pay, &receipt).await {
            return Err(PayError::Unknown { op, cause });
        }
        Ok(crate::pay::paid(op, pay, Some(receipt)))
    }
}

impl Inner {
    /// Reserves held tokens that make exactly an invoice's amount, and keeps the payment. Nothing if there are none.
    pub(crate) async fn prepare_held(
        self: &Arc<Self>,
        invoice: &Invoice,
        delivery: Delivery,
    ) -> Result<Option<Working>, PayError> {
        let asked = Asked::Invoice(invoice);
        for accepted in &invoice.draft().mints {
            // Nobody need be asked: the tokens are the payee's alone, whatever keysets he was shown since. One that contradicts
            // this wallet's is refused.
            if let Some(mint) = self.find_mint(&accepted.mint)
                && asked.relation(&mint, &accepted.head) == Some(Relation::Differs)
            {
                self.compare_heads(asked, accepted).await?;
            }
        }
        let keysets = self.keysets_for(invoice);
        let (invoice, now, inner) = (invoice.clone(), self.now(), Arc::clone(self));
        self.create::<PayError>(move |tx| {
            let draft = invoice.draft();
            if let Some(paid) = before(tx, &invoice_key(&invoice), draft.reusable)? {
                return Err(PayError::InProgress { op: paid.op });
            }
            let held = stock::held(tx)?;
            let found = keysets.iter().find_map(|(mint, keyset)| Some((*mint, choose(&held, &invoice, keyset)?)));
            let Some((mint, (whom, chosen))) = found else { return Ok(None) };
            let payment = authorize(&inner.seed, mint, &whom, &chosen, &invoice, now)?;
            let id = Operation::next_id(tx)?;
            let tokens: Vec<TokenKey> = chosen.iter().map(|(key, _)| *key).collect();
            for key in &tokens {
                stock::reserve(tx, *key, id)?;
            }
            tx.put(&invoice_key(&invoice), &id)?;
            let (unit, amount) = (draft.unit.clone(), draft.amount);
            let request = PaymentRequest::Invoice(invoice);
            let body = Body::Pay(Box::new(Pay { request, payment, tokens, swaps: 0, delivery, settling: None }));
            Operation { id, created_at: now, mint, unit, amount, body, ended: None }.keep(tx)?;
            Ok(Some(id))
        })
        .await
    }

    /// Keysets whose tokens can pay an invoice, those that end first before the others.
    fn keysets_for(&self, invoice: &Invoice) -> Vec<(MintId, KeysetId)> {
        let (asked, now) = (Asked::Invoice(invoice), self.now());
        let mut keysets = Vec::new();
        for accepted in &invoice.draft().mints {
            let Some(mint) = self.find_mint(&accepted.mint).filter(|mint| mint.usable().is_ok()) else { continue };
            let usable = asked.candidates(&mint).flat_map(|chain| chain.iter());
            let usable = usable.filter(|keyset| mint.is_spendable(keyset, now));
            keysets.extend(usable.map(|keyset| (keyset.terms().spend_until, mint.id, *keyset.id())));
        }
        keysets.sort_by_key(|(end, _, keyset)| (*end, *keyset.as_bytes()));
        keysets.into_iter().map(|(_, mint, keyset)| (mint, keyset)).collect()
    }

    /// The payee refused a payment of held tokens: it ends, and they can be paid to him in another way.
    pub(crate) async fn refused_held(&self, op: OpId, code: Code) -> Result<PayError, StoreError> {
        let now = self.now();
        self.vault
            .run::<_, StoreError>(move |tx| {
                let operation = Operation::load(tx, op)?;
                let tokens = operation.tokens().to_vec();
                fail(tx, operation, now)?;
                match (code, tokens.as_slice()) {
                    // The one that there is.
                    (Code::DoubleSpend | Code::AcceptedElsewhere, [only]) => stock::suspect_held(tx, *only),
                    // One of them at least, and he does not say which; or he knows no more of what he said before.
                    (
                        Code::DoubleSpend | Code::AcceptedElsewhere | Code::RequestExpired | Code::RequestTaken,
                        several,
                    ) => several.iter().try_for_each(|key| stock::doubt(tx, *key)),
                    _ => Ok(()),
                }
            })
            .await?;
        self.vault.at(Step::PaymentSettled)?;
        Ok(PayError::TakenBack { op, code: Some(code) })
    }

    /// Lets a payment of held tokens go at its owner's word. They stay payable to its payee, who may have been paid with them.
    pub(crate) async fn let_go(&self, op: OpId) -> Result<(), StoreError> {
        let now = self.now();
        self.vault
            .run(move |tx| {
                let operation = Operation::load(tx, op)?;
                operation.tokens().iter().try_for_each(|key| stock::doubt(tx, *key))?;
                fail(tx, operation, now)
            })
            .await
    }

    async fn take_receipt(&self, operation: &Operation, pay: &Pay, receipt: Receipt) -> Result<Paid, PayError> {
        let op = operation.id;
        if pay.settling.is_some() {
            return Err(StoreError::NoSuchOperation.into());
        }
        match self.check_receipt(operation, pay, &receipt).await {
            Ok(()) => Ok(self.accept_receipt(operation, pay, receipt).await?),
            Err(cause) => Err(PayError::Unknown { op, cause }),
        }
    }

    /// The same payment again, if it is of held tokens.
    async fn hand_again(&self, op: OpId) -> Result<Handed, PayError> {
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::find(tx, op)).await?;
        match operation.map(|operation| operation.body) {
            Some(Body::Pay(pay)) if pay.is_held() => self.hand(op, true).await,
            _ => Err(PayError::InProgress { op }),
        }
    }

    async fn hand(&self, op: OpId, again: bool) -> Result<Handed, PayError> {
        let operation = self.vault.run::<_, StoreError>(move |tx| Operation::find(tx, op)).await?;
        let Some(Body::Pay(pay)) = operation.map(|operation| operation.body) else {
            return Err(StoreError::Damaged.into());
        };
        let text = PayRequest { payment: pay.payment.clone(), request: pay.request.clone() }.to_text();
        Ok(Handed { op, text, again })
    }
}

/// The payment with this id that is not finished, or was paid.
fn find_payment(tx: &Tx<'_, '_>, id: &farthing_protocol::ids::PaymentId) -> Result<Option<OpId>, StoreError> {
    let is_it = |operation: &Operation| matches!(&operation.body, Body::Pay(pay) if pay.payment.id() == *id);
    if let Some(live) = Operation::all_live(tx)?.iter().find(|operation| is_it(operation)) {
        return Ok(Some(live.id));
    }
    let paid = |operation: &&Operation| is_it(operation) && matches!(operation.ended, Some((_, Outcome::Paid(_))));
    Ok(Operation::all_ended(tx)?.iter().find(paid).map(|operation| operation.id))
}

/// Tokens of a keyset that are held for an invoice's payee under one key and make exactly its amount, ascending. Those that may
/// have been paid before come last, and one that was is not chosen.
fn choose<'t>(
    held: &'t [(TokenKey, StoredToken, Held)],
    invoice: &Invoice,
    keyset: &KeysetId,
) -> Option<(Held, Vec<(TokenKey, &'t StoredToken)>)> {
    let draft = invoice.draft();
    let is_for_it = |(key, token, whom): &&(TokenKey, StoredToken, Held)| {
        key.keyset == *keyset && whom.payee == draft.payee && token.state == TokenState::Available && !token.suspected
    };
    let mut usable: Vec<_> = held.iter().filter(is_for_it).collect();
    usable.sort_by_key(|(key, token, _)| (token.restored, token.since, *key));
    let digits = draft.amount.digits();
    let of_one_key = |whom: &Held| {
        let tokens = usable.iter().filter(|(_, _, other)| other == whom);
        let pick = |d| {
            let mut fits = tokens.clone().filter(move |(_, token, _)| token.denomination == d);
            fits.next().map(|(key, token, _)| (*key, token))
        };
        Some((*whom, digits.iter().map(|d| pick(*d)).collect::<Option<Vec<_>>>()?))
    };
    usable.iter().find_map(|(_, _, whom)| of_one_key(whom))
}

/// Proves knowledge of t for each token; nobody knows its coin key but the payee.
fn authorize(
    seed: &Seed,
    mint: MintId,
    whom: &Held,
    chosen: &[(TokenKey, &StoredToken)],
    invoice: &Invoice,
    now: UnixTime,
) -> Result<Payment, StoreError> {
    let draft = invoice.draft();
    let keyset = chosen.first().ok_or(StoreError::Damaged)?.0.keyset;
    let open = |(key, token): &(TokenKey, &StoredToken)| {
        let used = Used { keyset: key.keyset, number: IssuanceNumber::new(key.number()) };
        let (issuance, position) = (context(mint, &used), key.position());
        let coin = CoinContext { issuance, position, denomination: token.denomination };
        let coin = LockedCoin::derive(seed, &coin, &whom.key).ok_or(StoreError::Damaged)?;
        Ok((token.token()?, coin))
    };
    let opened = chosen.iter().map(open).collect::<Result<Vec<_>, StoreError>>()?;
    let tokens: Vec<_> = opened.iter().map(|(token, coin)| (*token, Witness::Locked(coin))).collect();
    let terms = PaymentTerms {
        kind: PaymentKind::Locked,
        mint,
        keyset,
        request: invoice.hash(),
        payee: draft.payee,
        amount: draft.amount,
    };
    Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::Recipient(&whom.key), to_the_minute(now))
        .map_err(|_| StoreError::Damaged)
}
