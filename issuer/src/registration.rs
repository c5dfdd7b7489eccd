//! Who may have an account: whoever has a key, or those whose account the operator opened.

use farthing_protocol::identity::AccountKey;

use crate::books::Books;
use crate::control::RegisteredView;
use crate::ledger::{self, Authority, LedgerError, Registration};

impl Books {
    /// Whether those alone have accounts whose account the operator opened.
    pub fn registers(&self) -> bool {
        self.home().config().accounts.registration == Registration::Closed
    }

    /// Opens an account, so that money can come into it where the operator opens accounts. One that is open stays as it is. Says whether
    /// it was.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn open_account(&self, authority: Authority, account: AccountKey) -> Result<bool, LedgerError> {
        self.ledger().run(move |txn, now| ledger::open_account(txn, now, &authority, &account)).await
    }

    /// Closes an account: where the operator opens accounts nothing comes into it any more but by his own hand. What it holds may
    /// leave. Says whether it was open.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn close_account(&self, authority: Authority, account: AccountKey) -> Result<bool, LedgerError> {
        self.ledger().run(move |txn, now| ledger::close_account(txn, now, &authority, &account)).await
    }

    /// Accounts that the operator opened, in the order of their keys; at most so many, after this one.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn registered(
        &self,
        after: Option<AccountKey>,
        limit: usize,
    ) -> Result<Vec<RegisteredView>, LedgerError> {
        let rows = self.ledger().read(move |txn| ledger::registered(txn, after.as_ref(), limit)).await?;
        Ok(rows.into_iter().map(|(account, opened_at)| RegisteredView { account, opened_at }).collect())
    }
}
