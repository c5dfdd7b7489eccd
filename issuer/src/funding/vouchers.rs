use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::identity::VoucherKey;

use crate::books::Books;
use crate::control::BatchView;
use crate::ledger::{self, Act, Authority, BatchDraft, BatchNumber, BatchRow, LedgerError, Number, VoucherError, Why};

/// A batch of vouchers that is to be made.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// The public keys of their codes, 1 to 10,000.
    pub vouchers: Vec<VoucherKey>,
    /// What each is worth, in the mint's unit.
    pub amount: Amount,
    /// When they end.
    pub expires_at: UnixTime,
    /// The operator's words, at most 128 bytes.
    pub note: String,
}

/// How far a batch of vouchers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Its vouchers can be redeemed.
    Open,
    /// Its time has passed.
    Expired,
    /// The operator ended it.
    Revoked,
}

impl Books {
    /// Makes a batch of vouchers of money from outside. The same batch again changes nothing, so that a call whose outcome is
    /// unknown can be repeated. Says whether it was known.
    ///
    /// # Errors
    /// A [`VoucherError`].
    pub async fn create_vouchers(&self, batch: NewBatch) -> Result<(BatchView, bool), VoucherError> {
        self.create_vouchers_by(Authority::local(), batch).await
    }

    /// As [`create_vouchers`](Self::create_vouchers), on somebody's authority.
    ///
    /// # Errors
    /// A [`VoucherError`].
    pub async fn create_vouchers_by(
        &self,
        authority: Authority,
        batch: NewBatch,
    ) -> Result<(BatchView, bool), VoucherError> {
        let NewBatch { vouchers, amount, expires_at, note } = batch;
        if self.most_at_once().is_some_and(|most| amount > most) {
            return Err(VoucherError::Amount);
        }
        let draft = BatchDraft { vouchers, unit: self.home().unit().clone(), amount, expires_at, note };
        let rules = self.home().config().accounts;
        let made = self.ledger().run(move |txn, now| {
            let made = ledger::create_batch(txn, now, &rules, &draft)?;
            let (number, _, known) = &made;
            if !known {
                let count = Number(u64::try_from(draft.vouchers.len()).unwrap_or(u64::MAX));
                let (unit, amount) = (draft.unit.clone(), draft.amount);
                let act = Act::VouchersMade { batch: Number(number.0), unit, amount, count };
                ledger::journal::record(txn, now, &authority, &act)?;
            }
            Ok::<_, VoucherError>((made, now))
        });
        let ((number, row, known), now) = made.await?;
        Ok((view(number, row, now)?, known))
    }

    /// Ends a batch: none of its vouchers can be redeemed any more, and what was open goes back to the outside. One that has ended
    /// stays as it is.
    ///
    /// # Errors
    /// A [`VoucherError`].
    pub async fn revoke_vouchers(&self, batch: u64) -> Result<BatchView, VoucherError> {
        self.revoke_vouchers_by(Authority::local(), batch).await
    }

    /// As [`revoke_vouchers`](Self::revoke_vouchers), on somebody's authority.
    ///
    /// # Errors
    /// A [`VoucherError`].
    pub async fn revoke_vouchers_by(&self, authority: Authority, batch: u64) -> Result<BatchView, VoucherError> {
        let number = BatchNumber(batch);
        let end = move |txn: &mut farthing_durable::Txn<'_>, now| {
            let row = ledger::revoke_batch(txn, now, number)?;
            ledger::journal::record(txn, now, &authority, &Act::VouchersRevoked { batch: Number(number.0) })?;
            Ok::<_, VoucherError>((row, now))
        };
        let (row, now) = self.ledger().run(end).await?;
        Ok(view(number, row, now)?)
    }

    /// Batches in the order in which they were made, at most so many, after this number.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn vouchers(&self, after: Option<u64>, limit: usize) -> Result<Vec<BatchView>, LedgerError> {
        let (after, now) = (after.map(BatchNumber), self.clock().now());
        let rows = self.ledger().read(move |txn| ledger::batches(txn, after, limit)).await?;
        rows.into_iter().map(|(number, row)| view(number, row, now)).collect()
    }

    /// Ends every batch whose time has passed.
    ///
    /// # Errors
    /// A [`VoucherError`].
    pub async fn expire_vouchers(&self) -> Result<(), VoucherError> {
        // Each transaction ends some.
        while self.ledger().run_sure(ledger::expire_batches).await? > 0 {}
        Ok(())
    }

    /// What can be withdrawn at once: by the configured chain's last keyset, if there is one, and by the limit, if there is one.
    fn most_at_once(&self) -> Option<Amount> {
        let (book, config) = (self.keyset_book(), self.home().config());
        let keyset = book.last_of(&config.unit, &config.redemption).map(|keyset| keyset.max_amount());
        [keyset, config.limits.operation].into_iter().flatten().min()
    }
}

fn view(number: BatchNumber, row: BatchRow, now: UnixTime) -> Result<BatchView, LedgerError> {
    let open = row.open()?;
    let (state, ended_at) = match row.ended {
        None if row.expires_at <= now => (BatchState::Expired, None),
        None => (BatchState::Open, None),
        Some(ended) => match ended.why {
            Why::Expired => (BatchState::Expired, Some(ended.at)),
            Why::Revoked => (BatchState::Revoked, Some(ended.at)),
        },
    };
    let BatchRow { unit, amount, count, redeemed, created_at, expires_at, note, .. } = row;
    let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
    let number = number.0;
    Ok(BatchView {
        number,
        amount,
        unit,
        exponent,
        count,
        redeemed,
        open,
        created_at,
        expires_at,
        note,
        state,
        ended_at,
    })
}
