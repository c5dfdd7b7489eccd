//! Everything the wallet knows, for its owner's own use. No secret is in it: nothing can be spent with it.

use std::fmt;

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::request::PaymentRequest;
use farthing_protocol::text::TextForm;
use serde::Serialize;

use crate::budget::Budget;
use crate::error::StoreError;
use crate::mints::Mint;
use crate::operation::{Body, Delivery, LockTo, Operation, Outcome, Source};
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::transfer::AskView;
use crate::vault::Tx;
use crate::wallet::{Wallet, account_text};

/// The layout of this version's exports.
const FORMAT: u32 = 1;

/// Everything the wallet knows. Times are Unix seconds, amounts smallest units, ids base64url, objects their text forms.
///
/// # Security
/// It shows what its owner did with whom. Coin keys, serials and the seed are not in it.
#[derive(Serialize)]
pub struct Export {
    format: u32,
    exported_at: UnixTime,
    mints: Vec<ExportedMint>,
    tokens: Vec<ExportedToken>,
    operations: Vec<ExportedOperation>,
    requests: Vec<ExportedRequest>,
    budgets: Vec<ExportedBudget>,
}

#[derive(Serialize)]
struct ExportedMint {
    mint: MintId,
    url: String,
    pinned: bool,
    refused: bool,
    account: String,
    list_issued_at: UnixTime,
    list_valid_until: UnixTime,
    keysets: Vec<ExportedKeyset>,
}

#[derive(Serialize)]
struct ExportedKeyset {
    keyset: KeysetId,
    sequence: u64,
    unit: String,
    exponent: u8,
    active_from: UnixTime,
    issue_until: UnixTime,
    spend_until: UnixTime,
    deposit_until: UnixTime,
    revoked_at: Option<UnixTime>,
}

#[derive(Serialize)]
struct ExportedToken {
    mint: MintId,
    keyset: KeysetId,
    amount: Amount,
    since: UnixTime,
    state: &'static str,
    operation: Option<u64>,
    restored: bool,
    /// The payee whom it can be paid to, if to nobody else.
    held_for: Option<PayeeKey>,
}

#[derive(Serialize)]
struct ExportedOperation {
    operation: u64,
    kind: &'static str,
    mint: MintId,
    unit: String,
    exponent: u8,
    amount: Amount,
    began_at: UnixTime,
    ended_at: Option<UnixTime>,
    outcome: Option<&'static str>,
    payee: Option<PayeeKey>,
    memo: Option<String>,
    url: Option<String>,
    /// The server's name for the settlement of a payment over HTTP.
    transaction: Option<String>,
    payment: Option<PaymentId>,
    request: Option<String>,
    receipt: Option<String>,
}

#[derive(Serialize)]
struct ExportedRequest {
    request: String,
    amount: Amount,
    unit: String,
    exponent: u8,
    expires_at: UnixTime,
    memo: Option<String>,
    answered_by: Option<u64>,
}

#[derive(Serialize)]
struct ExportedBudget {
    origin: String,
    unit: String,
    exponent: u8,
    limit: Amount,
    spent: Amount,
    since: UnixTime,
    window: Option<u64>,
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Export(<redacted>)")
    }
}

impl Wallet {
    /// Everything the wallet knows.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn export(&self) -> Result<Export, StoreError> {
        let read = |tx: &mut Tx<'_, '_>| {
            let mut operations = Operation::all_ended(tx)?;
            operations.extend(Operation::all_live(tx)?);
            Ok((stock::all_live(tx)?, operations))
        };
        let (tokens, operations) = self.inner.vault.run::<_, StoreError>(read).await?;
        let mut operations: Vec<_> = operations.iter().map(ExportedOperation::of).collect();
        operations.sort_by_key(|operation| operation.operation);
        let requests = self.requests().await?;
        let budgets = self.budgets().await?;
        let mint = |mint: &Mint| ExportedMint::of(mint, account_text(&self.account(&mint.id)));
        Ok(Export {
            format: FORMAT,
            exported_at: self.inner.now(),
            mints: self.inner.all_mints().iter().map(|known| mint(known)).collect(),
            tokens: tokens.iter().map(ExportedToken::of).collect(),
            operations,
            requests: requests.iter().map(ExportedRequest::of).collect(),
            budgets: budgets.iter().map(ExportedBudget::of).collect(),
        })
    }
}

impl ExportedBudget {
    fn of(budget: &Budget) -> Self {
        Self {
            origin: budget.origin.clone(),
            unit: budget.unit.code().to_owned(),
            exponent: budget.unit.exponent(),
            limit: budget.limit,
            spent: budget.spent,
            since: budget.since,
            window: budget.window,
        }
    }
}

impl ExportedMint {
    fn of(mint: &Mint, account: String) -> Self {
        let keysets = mint.chains.iter().flat_map(|chain| chain.iter()).map(|keyset| {
            let terms = keyset.terms();
            ExportedKeyset {
                keyset: *keyset.id(),
                sequence: terms.sequence,
                unit: terms.unit.code().to_owned(),
                exponent: terms.unit.exponent(),
                active_from: terms.active_from,
                issue_until: terms.issue_until,
                spend_until: terms.spend_until,
                deposit_until: terms.deposit_until,
                revoked_at: mint.list.revoked_at(keyset.id()),
            }
        });
        Self {
            mint: mint.id,
            url: mint.url.as_str().to_owned(),
            pinned: mint.pinned,
            refused: mint.refused,
            account,
            list_issued_at: mint.list.issued_at(),
            list_valid_until: mint.list.valid_until(),
            keysets: keysets.collect(),
        }
    }
}

impl ExportedToken {
    fn of((key, token): &(TokenKey, StoredToken)) -> Self {
        let (state, op) = match token.state {
            TokenState::Available => ("available", None),
            TokenState::Reserved(op) => ("reserved", Some(op)),
            TokenState::Spent(op) => ("spent", Some(op)),
            TokenState::Lost(op) => ("lost", Some(op)),
        };
        Self {
            mint: token.mint,
            keyset: key.keyset,
            amount: token.denomination.value(),
            since: token.since,
            state,
            operation: op.map(|op| op.get()),
            restored: token.restored,
            held_for: token.held.map(|held| held.payee),
        }
    }
}

impl ExportedOperation {
    fn of(operation: &Operation) -> Self {
        let mut exported = Self {
            operation: operation.id.get(),
            kind: "",
            mint: operation.mint,
            unit: operation.unit.code().to_owned(),
            exponent: operation.unit.exponent(),
            amount: operation.amount,
            began_at: operation.created_at,
            ended_at: operation.ended.map(|(at, _)| at),
            outcome: operation.ended.map(|(_, outcome)| outcome.name()),
            payee: None,
            memo: None,
            url: None,
            transaction: None,
            payment: None,
            request: None,
            receipt: None,
        };
        if let Some((_, Outcome::Paid(Some(receipt)))) = operation.ended {
            exported.receipt = Some(receipt.to_text());
        }
        exported.fill(&operation.body);
        exported
    }

    fn fill(&mut self, body: &Body) {
        match body {
            Body::Issue(issue) if matches!(issue.source, Source::Voucher(_)) => self.kind = "voucher",
            Body::Issue(issue) => self.kind = if issue.shape.is_swap() { "swap" } else { "withdrawal" },
            Body::Pay(pay) => {
                self.kind = "payment";
                self.payee = Some(*pay.request.payee());
                self.payment = Some(pay.payment.id());
                if let PaymentRequest::Invoice(invoice) = &pay.request {
                    self.memo.clone_from(&invoice.draft().memo);
                    self.request = Some(invoice.to_text());
                }
                if let Delivery::Http(exchange) = &pay.delivery {
                    self.url = Some(exchange.url.clone());
                    self.transaction = exchange.settlement().map(|settlement| settlement.transaction);
                }
            }
            Body::Send(sending) => {
                self.kind = "send";
                self.memo.clone_from(&sending.memo);
            }
            Body::Lock(locking) => {
                self.kind = "locked_send";
                self.payee = Some(*locking.to.payee());
                self.memo.clone_from(&locking.memo);
                self.request = match &locking.to {
                    LockTo::Recipient(recipient) => Some(recipient.to_text()),
                    LockTo::Request(request) => Some(request.to_text()),
                };
            }
            Body::Receive(receiving) => {
                self.kind = "receive";
                self.memo.clone_from(&receiving.memo);
            }
            Body::Recoup(_) => self.kind = "recoup",
        }
    }
}

impl ExportedRequest {
    fn of(view: &AskView) -> Self {
        let draft = view.request.draft();
        Self {
            request: view.request.to_text(),
            amount: draft.amount,
            unit: draft.unit.code().to_owned(),
            exponent: draft.unit.exponent(),
            expires_at: draft.expires_at,
            memo: draft.memo.clone(),
            answered_by: view.answered.map(|op| op.get()),
        }
    }
}
