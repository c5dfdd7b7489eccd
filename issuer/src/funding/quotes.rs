use farthing_protocol::amount::Amount;
use farthing_protocol::api::{QuoteAnswer, QuoteId, QuoteRequest};
use farthing_protocol::identity::AccountKey;

use super::Funding;
use crate::books::Books;
use crate::control::{IncomeState, IncomeView};
use crate::ledger::{
    self, Act, Authority, Destination, Fate, IncomeError, IncomeNumber, IncomeRow, LedgerError, NOBODY, Number, Offer,
    QuoteError, Report,
};

impl Books {
    /// Tells an account's owner how to pay money in, and what came so far. The same request again changes nothing.
    ///
    /// # Errors
    /// A [`QuoteError`].
    pub async fn request_quote(&self, request: &QuoteRequest) -> Result<QuoteAnswer, QuoteError> {
        request.verify(self.home().mint_id()).map_err(|_| QuoteError::InvalidSignature)?;
        let draft = request.draft().clone();
        let offer = if draft.unit == *self.home().unit() { self.offer(draft.amount) } else { None };
        let given = self.ledger().run(move |txn, now| {
            let (id, row) = ledger::request_quote(txn, now, &draft, offer)?;
            Ok::<_, QuoteError>(row.answer(id, now))
        });
        given.await
    }

    /// What a quote would be like that is given now, if any are.
    fn offer(&self, amount: Amount) -> Option<Offer> {
        let Funding { payment, quote, late, most_open, .. } = &self.home().config().funding;
        let rules = self.home().config().accounts;
        let (id, unit) = (QuoteId::from_bytes(crate::random()), self.home().unit());
        let shown = amount.display(unit);
        let decimal = shown.split(' ').next().unwrap_or_default();
        let text = Funding::text(payment.as_ref()?, &id.to_text(), &shown, decimal, &amount.to_string());
        Some(Offer { id, payment: text, seconds: *quote, late: *late, most_open: *most_open, rules })
    }

    /// Takes what a payment processor says: credits the account of the payment's quote, or holds the money if there is no such quote.
    /// With the same id it is done once only. Says whether it was known.
    ///
    /// # Errors
    /// An [`IncomeError`].
    pub async fn receive(
        &self,
        id: impl Into<String>,
        quote: impl Into<String>,
        amount: Amount,
    ) -> Result<(IncomeView, bool), IncomeError> {
        let (report, unit) = (Report { id: id.into(), quote: quote.into(), amount }, self.home().unit().clone());
        let rules = self.home().config().accounts;
        let received = self.ledger().run(move |txn, now| ledger::receive(txn, now, &rules, &unit, &report)).await;
        let (number, row, known) = received?;
        Ok((view(number, row), known))
    }

    /// Says whose a held payment is: it is credited to this account. The same again changes nothing.
    ///
    /// # Errors
    /// An [`IncomeError`].
    pub async fn assign_income(&self, number: u64, account: AccountKey) -> Result<IncomeView, IncomeError> {
        self.release_income_by(Authority::local(), number, Some(account)).await
    }

    /// Says of a held payment that it was sent back outside. The same again changes nothing.
    ///
    /// # Errors
    /// An [`IncomeError`].
    pub async fn return_income(&self, number: u64) -> Result<IncomeView, IncomeError> {
        self.release_income_by(Authority::local(), number, None).await
    }

    /// Says on somebody's authority whose a held payment is, or that it was sent back if it is nobody's.
    ///
    /// # Errors
    /// An [`IncomeError`].
    pub async fn release_income_by(
        &self,
        authority: Authority,
        number: u64,
        account: Option<AccountKey>,
    ) -> Result<IncomeView, IncomeError> {
        let number = IncomeNumber(number);
        let release = move |txn: &mut farthing_durable::Txn<'_>, now| {
            let (to, act) = match account {
                Some(account) => {
                    (Destination::Account(account), Act::IncomeAssigned { income: Number(number.0), account })
                }
                None => (Destination::World, Act::IncomeReturned { income: Number(number.0) }),
            };
            ledger::journal::record(txn, now, &authority, &act)?;
            ledger::release(txn, now, number, to)
        };
        let row = self.ledger().run(release).await?;
        Ok(view(number, row))
    }

    /// Payments that a processor reported, in the order in which it did: those that are held, or all of them. At most so many, after
    /// this number.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn incomes(&self, all: bool, after: Option<u64>, limit: usize) -> Result<Vec<IncomeView>, LedgerError> {
        let after = after.map(IncomeNumber);
        let rows = self.ledger().read(move |txn| ledger::incomes(txn, all, after, limit)).await?;
        Ok(rows.into_iter().map(|(number, row)| view(number, row)).collect())
    }

    /// Closes quotes whose time has passed, and forgets those that are long over.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn expire_quotes(&self) -> Result<(), LedgerError> {
        // Each transaction does some.
        while self.ledger().run(ledger::expire_quotes).await? > 0 {}
        Ok(())
    }
}

fn view(number: IncomeNumber, row: IncomeRow) -> IncomeView {
    let IncomeRow { id, quote, amount, unit, received_at, fate } = row;
    let (state, account, settled_at) = match fate {
        Fate::Credited { account, late: false } => (IncomeState::Credited, Some(account), None),
        Fate::Credited { account, late: true } => (IncomeState::Late, Some(account), None),
        Fate::Held => (IncomeState::Held, None, None),
        Fate::Assigned { account, at } => (IncomeState::Assigned, Some(account), Some(at)),
        Fate::Returned { at } => (IncomeState::Returned, None, Some(at)),
    };
    // Whose it was is forgotten.
    let account = account.filter(|account| *account != NOBODY);
    let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
    IncomeView { number: number.0, id, quote, amount, unit, exponent, received_at, state, account, settled_at }
}
