//! Tokens locked to their recipient: nobody else can ever claim them, not even their sender.

use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::identity::{MintId, PayeeKey};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::Recipient;
use farthing_protocol::request::TransferRequest;
use farthing_protocol::shape::Shape;

use super::send::check;
use super::{SendError, Sent};
use crate::error::{IssueError, StoreError};
use crate::exact::Wanted;
use crate::heads::Asked;
use crate::mints::Mint;
use crate::operation::{Body, Issue, Lock, LockTo, Locking, OpId, Operation, Outcome, Source};
use crate::vault::Tx;
use crate::wallet::{Inner, Wallet};

/// A transfer request whose signature fits, to be shown before it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferView {
    /// Who asks.
    pub payee: PayeeKey,
    /// How much.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// The mints whose tokens would do.
    pub mints: Vec<MintId>,
    /// Before when.
    pub expires_at: UnixTime,
    /// The note.
    pub memo: Option<String>,
    /// The operation that answered it before: [`Wallet::answer`] then gives the same text, and takes nothing.
    pub answered: Option<OpId>,
}

impl Wallet {
    /// Locks tokens to the owner of a record. First goes on with whatever was left unfinished.
    ///
    /// What is locked cannot be taken back.
    ///
    /// # Errors
    /// A [`SendError`].
    pub async fn send_to(
        &self,
        recipient: &Recipient,
        unit: &Unit,
        amount: Amount,
        memo: Option<String>,
    ) -> Result<Sent, SendError> {
        self.ready().await?;
        let inner = &self.inner;
        check(amount, memo.as_deref())?;
        recipient.verify().map_err(|_| SendError::InvalidSignature)?;
        let mut refusal = SendError::NoCommonMint;
        for mint in recipient.mints().iter().filter_map(|mint| inner.find_mint(mint)) {
            if mint.usable().is_err() || mint.chain(unit, &Redemption::Open).is_none() {
                continue;
            }
            if inner.spendable(&mint, &Redemption::Open, unit).await? >= amount {
                let wanted = open(&mint, unit, amount, None);
                return inner.lock(&wanted, LockTo::Recipient(recipient.clone()), memo).await;
            }
            refusal = SendError::InsufficientFunds;
        }
        Err(refusal)
    }

    /// Verifies a transfer request without answering it, and without asking anybody.
    ///
    /// # Errors
    /// [`SendError::InvalidSignature`]; and unless it was answered before [`SendError::InProgress`], [`SendError::Expired`],
    /// [`SendError::NoCommonMint`].
    pub async fn read_transfer(&self, request: &TransferRequest) -> Result<TransferView, SendError> {
        request.verify().map_err(|_| SendError::InvalidSignature)?;
        let (inner, draft) = (&self.inner, request.draft());
        let answered = inner.answered_before(request).await?;
        let mints = draft.mints.iter().map(|accepted| accepted.mint);
        let mints: Vec<MintId> = mints.filter(|id| inner.is_payable(id, Asked::Transfer(request))).collect();
        if answered.is_none() {
            inner.check_transfer(request)?;
            if mints.is_empty() {
                return Err(SendError::NoCommonMint);
            }
        }
        Ok(TransferView {
            payee: draft.payee,
            amount: draft.amount,
            unit: draft.unit.clone(),
            mints,
            expires_at: draft.expires_at,
            memo: draft.memo.clone(),
            answered,
        })
    }

    /// Answers a transfer request with tokens locked to whoever asks. First goes on with whatever was left unfinished.
    ///
    /// A request answered before is not answered again: the same text is returned.
    ///
    /// # Errors
    /// A [`SendError`].
    pub async fn answer(&self, request: &TransferRequest) -> Result<Sent, SendError> {
        self.ready().await?;
        let inner = &self.inner;
        request.verify().map_err(|_| SendError::InvalidSignature)?;
        if let Some(op) = inner.answered_before(request).await? {
            return inner.sent(op, true).await;
        }
        inner.check_transfer(request)?;
        let target = inner.choose_mint(Asked::Transfer(request)).await?;
        let draft = request.draft();
        let wanted = open(&target.mint, &draft.unit, draft.amount, Some(draft.expires_at));
        inner.lock(&wanted, LockTo::Request(request.clone()), draft.memo.clone()).await
    }
}

impl Inner {
    fn check_transfer(&self, request: &TransferRequest) -> Result<(), SendError> {
        if self.now() >= request.draft().expires_at { Err(SendError::Expired) } else { Ok(()) }
    }

    async fn answered_before(&self, request: &TransferRequest) -> Result<Option<OpId>, SendError> {
        let key = key_of(request);
        self.vault.run(move |tx| before(tx, &key)).await
    }

    /// Swaps exact tokens for locked ones.
    async fn lock(self: &Arc<Self>, wanted: &Wanted, to: LockTo, memo: Option<String>) -> Result<Sent, SendError> {
        // What cannot be issued must not be begun.
        let mint = self.current_mint(&wanted.mint).await?;
        let active = self.active(&mint, &wanted.unit, &wanted.redemption).await?;
        let shape = Shape::Renew(wanted.amount);
        shape.outputs(&active).map_err(IssueError::from)?;
        let redemption = wanted.redemption;
        let request = match &to {
            LockTo::Recipient(_) => None,
            LockTo::Request(request) => Some(request.clone()),
        };
        let to = Arc::new(std::sync::Mutex::new(Some(to)));
        let working = self
            .with_exact::<SendError>(wanted, move |tx, exact| {
                let to = to.lock().ok().and_then(|mut to| to.take()).ok_or(StoreError::Busy)?;
                if let LockTo::Request(request) = &to {
                    let key = key_of(request);
                    if let Some(op) = before(tx, &key)? {
                        return Err(SendError::InProgress { op });
                    }
                    tx.put(&key, &exact.op)?;
                }
                let mut issue = Issue::new(shape, redemption, Source::Tokens(exact.keys()));
                issue.lock = Some(Lock::given(*to.key()));
                let (memo, swaps) = (memo.clone(), exact.swaps);
                Ok(Body::Lock(Box::new(Locking { to, memo, swaps, issue, made: None })))
            })
            .await?;
        let op = working.op;
        let error = match self.begin_issue(working).await {
            Ok(_) => return self.sent(op, false).await,
            Err(error) => error,
        };
        // An earlier attempt that the mint had refused came to something after all.
        match request {
            Some(request) if matches!(error, IssueError::Refused { .. }) => {
                match self.answered_before(&request).await? {
                    Some(op) => self.sent(op, true).await,
                    None => Err(error.into()),
                }
            }
            _ => Err(error.into()),
        }
    }
}

fn open(mint: &Mint, unit: &Unit, amount: Amount, before: Option<UnixTime>) -> Wanted {
    Wanted { mint: mint.id, redemption: Redemption::Open, unit: unit.clone(), amount, before, lasting: false }
}

/// The operation that answered a request, if there is one that counts.
fn before(tx: &Tx<'_, '_>, key: &[u8]) -> Result<Option<OpId>, SendError> {
    let Some(op) = tx.get::<OpId>(key)? else { return Ok(None) };
    let operation = Operation::find(tx, op)?.ok_or(StoreError::Damaged)?;
    match operation.ended {
        None => Err(SendError::InProgress { op }),
        Some((_, Outcome::Issued)) => Ok(Some(op)),
        Some(_) => Ok(None),
    }
}

/// Notes which operation answers somebody who asked.
pub(crate) fn remember_answer(tx: &mut Tx<'_, '_>, to: &LockTo, op: OpId) -> Result<(), StoreError> {
    match to {
        LockTo::Recipient(_) => Ok(()),
        LockTo::Request(request) => tx.put(&key_of(request), &op),
    }
}

/// Forgets that this operation answered somebody who asked.
pub(crate) fn forget_answer(tx: &mut Tx<'_, '_>, to: &LockTo, op: OpId) -> Result<(), StoreError> {
    match to {
        LockTo::Recipient(_) => Ok(()),
        LockTo::Request(request) => forget_if(tx, &key_of(request), op),
    }
}

/// Deletes the operation kept under a key, if it is this one.
pub(crate) fn forget_if(tx: &mut Tx<'_, '_>, key: &[u8], op: OpId) -> Result<(), StoreError> {
    if tx.get::<OpId>(key)? == Some(op) { tx.delete(key) } else { Ok(()) }
}

/// Under which key it is kept which operation answers a request.
fn key_of(request: &TransferRequest) -> Vec<u8> {
    [b"r".as_slice(), request.hash().as_bytes()].concat()
}
