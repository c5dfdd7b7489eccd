//! A voucher's money as tokens, without any account.

use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::{MintId, VoucherKey};
use farthing_protocol::keyset::Redemption;
use farthing_protocol::shape::Shape;
use farthing_protocol::voucher::VoucherCode;

use crate::error::{IssueError, MintError, StoreError};
use crate::operation::{Body, Issue, OpId, Operation, Outcome, Source};
use crate::vault::Tx;
use crate::views::Issued;
use crate::wallet::Wallet;

/// A voucher's money arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redeemed {
    /// The operation.
    pub op: OpId,
    /// The mint.
    pub mint: MintId,
    /// The unit.
    pub unit: Unit,
    /// What it was worth.
    pub amount: Amount,
    /// In how many tokens.
    pub tokens: usize,
}

/// Why a voucher was not redeemed (yet).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint or its keysets.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The tokens did not come about. [`IssueError::Pending`] leaves an operation behind that [`resume`](Wallet::resume) goes on with.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The voucher is of a mint that the wallet does not know.
    #[error("the voucher is of a mint that this wallet does not know: {mint}")]
    UnknownMint {
        /// The mint.
        mint: MintId,
    },
    /// This wallet redeemed it before.
    #[error("operation {op} redeemed this voucher before")]
    Before {
        /// The operation.
        op: OpId,
    },
    /// Somebody redeemed it.
    #[error("somebody redeemed this voucher before")]
    Used,
    /// It expired, or the mint's operator revoked it.
    #[error("the voucher has expired or was revoked")]
    Ended,
    /// The mint does not know it, or knows it as worth something else.
    #[error("the mint does not know this voucher: it is worth nothing")]
    Unknown,
}

/// What an issuance's failure means for the voucher that was to pay for it.
fn of_voucher(error: IssueError) -> RedeemError {
    match error {
        IssueError::Refused { code: Code::VoucherEnded, .. } => RedeemError::Ended,
        // A mint that has it in its books at another worth says that the parts do not fit.
        IssueError::Refused { code: Code::InsufficientFunds | Code::InvalidShape, .. } => RedeemError::Unknown,
        IssueError::SpentElsewhere { .. } => RedeemError::Used,
        other => RedeemError::Issue(other),
    }
}

impl Wallet {
    /// Turns a voucher into tokens, all of it. First goes on with whatever was left unfinished. A voucher that this wallet is redeeming
    /// already is gone on with.
    ///
    /// The code is kept before the mint is asked, and never sent. It says what it is worth and where, so that the mint is asked for
    /// nothing but the tokens.
    ///
    /// # Errors
    /// A [`RedeemError`]: [`IssueError::Pending`] in it when the outcome is not known; the operation then stays.
    pub async fn redeem(&self, code: VoucherCode) -> Result<Redeemed, RedeemError> {
        self.ready().await?;
        let inner = &self.inner;
        let (id, unit, amount) = (*code.mint(), code.unit().clone(), code.amount());
        inner.find_mint(&id).ok_or(RedeemError::UnknownMint { mint: id })?.usable()?;
        let mint = inner.current_mint(&id).await?;
        let shape = Shape::Withdrawal(amount);
        shape.outputs(&*inner.active(&mint, &unit, &Redemption::Open).await?).map_err(IssueError::from)?;
        let (now, of, public) = (inner.now(), unit.clone(), code.public());
        let source = Source::Voucher(Box::new(code.into_key()));
        let issue = Issue::new(shape, Redemption::Open, source);
        let working = inner
            .create::<RedeemError>(move |tx| {
                if let Some(op) = before(tx, &public)? {
                    return Ok(Some(op));
                }
                let op = Operation::next_id(tx)?;
                tx.put(&key_of(&public), &op)?;
                let body = Body::Issue(Box::new(issue));
                Operation { id: op, created_at: now, mint: id, unit: of, amount, body, ended: None }.keep(tx)?;
                Ok(Some(op))
            })
            .await?;
        let working = working.ok_or(StoreError::Busy)?;
        let issued = inner.begin_issue(working).await.map_err(of_voucher)?;
        let Issued { op, amount, tokens, fee: _ } = issued;
        Ok(Redeemed { op, mint: id, unit, amount, tokens })
    }
}

/// The operation that is redeeming this voucher, if there is one that goes on.
fn before(tx: &Tx<'_, '_>, voucher: &VoucherKey) -> Result<Option<OpId>, RedeemError> {
    let Some(op) = tx.get::<OpId>(&key_of(voucher))? else { return Ok(None) };
    // Its history was forgotten: the mint knows.
    let Some(operation) = Operation::find(tx, op)? else { return Ok(None) };
    match operation.ended {
        None => Ok(Some(op)),
        Some((_, Outcome::Issued)) => Err(RedeemError::Before { op }),
        // Nothing came of it: perhaps now.
        Some(_) => Ok(None),
    }
}

/// Forgets that an operation redeemed a voucher.
pub(crate) fn forget_voucher(tx: &mut Tx<'_, '_>, operation: &Operation, issue: &Issue) -> Result<(), StoreError> {
    let Source::Voucher(key) = &issue.source else { return Ok(()) };
    let key = key_of(&VoucherKey::from(key.as_ref()));
    match tx.get::<OpId>(&key)? {
        Some(op) if op == operation.id => tx.delete(&key),
        _ => Ok(()),
    }
}

/// Under which key it is kept which operation redeems a voucher.
fn key_of(voucher: &VoucherKey) -> Vec<u8> {
    [b"v".as_slice(), voucher.as_bytes()].concat()
}
