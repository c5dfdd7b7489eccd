//! Looking accepted payments up.

use std::fmt;

use farthing_durable::{Engine, StoreFault, Txn};
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::{
    PaymentSummary, PaymentsAnswer, PaymentsQuery, RefundAnswer, RefundRequest, WebhooksAnswer,
};
use farthing_protocol::ids::PaymentId;
use farthing_protocol::receipt::ReceiptDraft;

use super::Merchant;
use super::record::{self, Accepted, Logged};
use super::refund::{self, RefundError};
use crate::store::StoreError;
use crate::webhook::{WebhookError, Webhooks, outbox};

/// How many payments are listed unless a limit is given, and how many at most.
pub const LISTED: (usize, usize) = (50, 1000);

/// So many lines of the log are looked through in one transaction, while payments wait.
const IN_ONE: usize = 256;

/// So many for one answer: a search that finds little says how far it came.
const FOR_ONE: usize = 64 * IN_ONE;

/// How much later than it is written down here a payment can be accepted by the mint's clock, in seconds.
const CLOCKS_APART: u64 = 86_400;

/// What a merchant has on record, for reading. Clones share it.
#[derive(Clone)]
pub struct Books {
    engine: Engine,
}

/// What is looked for.
struct Search {
    query: PaymentsQuery,
    memo: Option<String>,
}

impl Books {
    /// The records in this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Accepted payments, newest first. An answer with `next` is not the end, however few there are in it.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn payments(&self, query: PaymentsQuery) -> Result<PaymentsAnswer, StoreError> {
        let (usual, most) = LISTED;
        let limit = query.limit.unwrap_or(usual).min(most);
        let memo = query.memo.as_deref().map(str::to_lowercase);
        let mut search = Search { query, memo };
        let (mut payments, mut looked_at) = (Vec::new(), 0_usize);
        // A whole id needs no search.
        if let Some(id) = search.query.id.as_deref().and_then(|id| PaymentId::from_text(id).ok()) {
            let job = self.engine.submit(move |txn| {
                let found = record::accepted(txn, &id)?.filter(|found| search.wants(found));
                found.map(|found| summary(txn, found)).transpose()
            });
            payments.extend(job.await?.map_err(|_: StoreFault| StoreError::Stopped)?);
            return Ok(PaymentsAnswer { payments, next: None });
        }
        loop {
            let wanted = limit.saturating_sub(payments.len());
            if wanted == 0 || looked_at >= FOR_ONE {
                return Ok(PaymentsAnswer { payments, next: search.query.before });
            }
            let job = self.engine.submit(move |txn| search.step(txn, wanted).map(|found| (search, found)));
            let (back, Step { found, seen, next }) = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
            search = back;
            payments.extend(found);
            looked_at = looked_at.saturating_add(seen);
            search.query.before = next;
            if next.is_none() {
                return Ok(PaymentsAnswer { payments, next });
            }
        }
    }

    /// What the receipt of an accepted payment says.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn receipt(&self, id: PaymentId) -> Result<Option<ReceiptDraft>, StoreError> {
        let job = self.engine.submit(move |txn| record::accepted(txn, &id));
        Ok(job.await?.map_err(|_: StoreFault| StoreError::Stopped)?.map(|accepted| accepted.draft))
    }

    /// Events for the webhook that were not delivered, in the order of their payments' ids.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn webhooks(&self, after: Option<PaymentId>, limit: usize) -> Result<WebhooksAnswer, StoreError> {
        let job = self.engine.submit(move |txn| outbox::list(txn, after.as_ref(), limit));
        let events = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
        let next = if events.len() < limit { None } else { events.last().map(|event| event.payment) };
        Ok(WebhooksAnswer { events, next })
    }

    /// Sends a payment's event again, or all that were put aside. Returns how many.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`] for a payment whose event was delivered, or that has none.
    pub async fn retry_webhooks(&self, payment: Option<PaymentId>, now: UnixTime) -> Result<u64, WebhookError> {
        if let Some(payment) = payment {
            let job = self.engine.submit(move |txn| outbox::retry(txn, &payment, now));
            return if job.await?? { Ok(1) } else { Err(WebhookError::Unknown) };
        }
        let (mut retried, mut after) = (0_u64, None);
        loop {
            let job = self.engine.submit(move |txn| outbox::retry_dead(txn, after.as_ref(), IN_ONE, now));
            let (count, last) = job.await??;
            retried = retried.saturating_add(count);
            after = last;
            if after.is_none() {
                return Ok(retried);
            }
        }
    }
}

impl Merchant {
    /// What is on record, for reading.
    pub fn books(&self) -> Books {
        Books::new(self.inner.engine.clone())
    }

    /// See [`Books::begin_refund`].
    ///
    /// # Errors
    /// A [`RefundError`].
    pub async fn begin_refund(&self, refund: RefundRequest) -> Result<RefundAnswer, RefundError> {
        self.books().begin_refund(refund, (self.inner.clock)()).await
    }

    /// Sends a payment's event again, or all that were put aside, at once. Returns how many.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`] for a payment whose event was delivered, or that has none.
    pub async fn retry_webhooks(&self, payment: Option<PaymentId>) -> Result<u64, WebhookError> {
        let retried = self.books().retry_webhooks(payment, (self.inner.clock)()).await;
        self.inner.webhooks.iter().for_each(Webhooks::wake_at_once);
        retried
    }
}

struct Step {
    found: Vec<PaymentSummary>,
    seen: usize,
    /// The last line that was looked at, unless it was the last of all.
    next: Option<u64>,
}

impl Search {
    fn step(&self, txn: &Txn<'_>, wanted: usize) -> Result<Step, StoreFault> {
        let lines = record::log(txn, self.query.before, IN_ONE)?;
        let (mut found, mut seen) = (Vec::new(), 0);
        for Logged { number, payment, recorded_at } in lines {
            // Whatever follows was written down still earlier.
            if self.query.since.is_some_and(|since| recorded_at.plus(CLOCKS_APART) < since) {
                return Ok(Step { found, seen, next: None });
            }
            seen = seen.saturating_add(1);
            if self.query.id.as_deref().is_none_or(|id| payment.to_text().starts_with(id)) {
                let accepted = record::accepted(txn, &payment)?.ok_or(StoreFault::Damaged)?;
                if self.wants(&accepted) {
                    found.push(summary(txn, accepted)?);
                }
            }
            if found.len() >= wanted || seen == IN_ONE {
                return Ok(Step { found, seen, next: Some(number) });
            }
        }
        Ok(Step { found, seen, next: None })
    }

    fn wants(&self, accepted: &Accepted) -> bool {
        let at = accepted.draft.accepted_at;
        let holds = |wanted: &str| accepted.memo.as_deref().is_some_and(|memo| memo.to_lowercase().contains(wanted));
        self.query.since.is_none_or(|since| at >= since)
            && self.query.until.is_none_or(|until| at < until)
            && self.memo.as_deref().is_none_or(holds)
    }
}

fn summary(txn: &Txn<'_>, accepted: Accepted) -> Result<PaymentSummary, StoreFault> {
    let Accepted { draft: ReceiptDraft { payment, amount, accepted_at, .. }, unit, request, memo, .. } = accepted;
    let (unit, exponent) = (unit.code().to_owned(), unit.exponent());
    let refunded = refund::refunded(txn, &payment)?;
    Ok(PaymentSummary { payment, request, amount, unit, exponent, accepted_at, memo, refunded })
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use farthing_durable::Options;
    use farthing_protocol::amount::{Amount, Unit};
    use farthing_protocol::identity::{Keypair, PayeeKey};
    use farthing_protocol::ids::{Claim, KeysetId, RequestHash};
    use farthing_protocol::keyset::ChainHead;

    use super::super::door::Door;
    use super::super::record::Attempt;
    use super::*;

    const COUNT: u64 = 3 * IN_ONE as u64 + 7;

    /// The n-th is accepted at second n.
    fn accept(txn: &mut Txn<'_>, payee: PayeeKey, n: u64) -> Result<(), StoreFault> {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let (at, head) = (UnixTime::from_seconds(n), ChainHead { sequence: 0, keyset: KeysetId::from_bytes([1; 32]) });
        let payment = PaymentId::from_bytes(id);
        let draft = ReceiptDraft { payment, payee, amount: Amount::new(n + 1).unwrap(), accepted_at: at, head };
        let attempt = Attempt {
            received_at: at,
            claim: Claim::from_bytes([0; 32]),
            request: RequestHash::from_bytes(id),
            single_use: true,
            expires_at: at,
            unit: Unit::new("EUR", 2).unwrap(),
            head,
            memo: (n == 3).then(|| "the needle".to_owned()),
            door: Door::Direct,
        };
        record::finish(txn, draft, attempt, at, false).map(|_| ())
    }

    #[tokio::test]
    async fn a_search_goes_through_the_whole_log() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), Options::new()).unwrap();
        let payee = PayeeKey::from(&Keypair::generate(&mut rand::rng()));
        let job = engine.submit(move |txn| (0..COUNT).try_for_each(|n| accept(txn, payee, n)));
        job.await.unwrap().unwrap();
        let books = Books::new(engine);
        let ask = async |query: PaymentsQuery| {
            let answer = books.payments(query).await.unwrap();
            let units: Vec<u64> = answer.payments.iter().map(|payment| payment.amount.units()).collect();
            (units, answer.next)
        };
        let memo = PaymentsQuery { memo: Some("NEEDLE".into()), ..PaymentsQuery::default() };
        assert_eq!(ask(memo).await, (vec![4], None));
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let query = PaymentsQuery { before, limit: Some(300), ..PaymentsQuery::default() };
            let (page, next) = ask(query).await;
            assert_eq!(page.len(), usize::try_from(COUNT - all.len() as u64).unwrap().min(300));
            all.extend(page);
            before = next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(all, (1..=COUNT).rev().collect::<Vec<_>>());
        let (since, until) = (Some(UnixTime::from_seconds(10)), Some(UnixTime::from_seconds(12)));
        assert_eq!(ask(PaymentsQuery { since, until, ..PaymentsQuery::default() }).await, (vec![12, 11], None));
    }
}
