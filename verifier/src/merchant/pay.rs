//! The way of a payment through the payee's service.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use farthing_durable::StoreFault;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::ids::{Claim, PaymentId};
use farthing_protocol::payment::{Payment, PaymentKind};
use farthing_protocol::receipt::{Receipt, ReceiptDraft};
use farthing_protocol::request::{OfferDraft, PaymentRequest};

use super::door::{Door, OfferTerms};
use super::record::{self, Accepted, Attempt, Reservation};
use super::{Inner, InvoiceError, PayError};
use crate::check::{CheckError, VerifiedPayment};
use crate::pipeline::{Demand, Question};
use crate::store::{Acceptance, AcceptedPayment, Outcome, SpentStore, StoreError};
use crate::webhook::Webhooks;

/// A payment, and what it is given in for.
pub(super) struct Submission {
    pub(super) payment: Payment,
    pub(super) request: PaymentRequest,
    pub(super) demand: Demand,
    pub(super) door: Door,
    /// What the HTTP request that comes with it costs now.
    pub(super) price: Option<OfferTerms>,
}

/// A payment that was accepted.
pub(super) struct Taken {
    pub(super) receipt: Receipt,
    /// When it was first found in order.
    pub(super) received_at: UnixTime,
}

/// When a payment is judged: its expiry and its keyset's times as of then, its own time as of now.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) as_of: UnixTime,
    pub(super) now: UnixTime,
}

impl Inner {
    /// As [`take`](Self::take), counted and timed.
    pub(super) async fn take_measured(self: &Arc<Self>, submission: Submission) -> Result<Taken, PayError> {
        let begun = Instant::now();
        let answer = self.take(submission).await;
        self.metrics.answered(answer.as_ref(), begun.elapsed());
        answer
    }

    /// Look up, check, reserve, accept, record, receipt.
    pub(super) async fn take(self: &Arc<Self>, submission: Submission) -> Result<Taken, PayError> {
        let Submission { payment, request, demand, door, price } = submission;
        let id = payment.id();
        // One submission of a payment at a time: a refusal of one cannot cross the acceptance of another.
        let _lock = self.locks.lock(BTreeSet::from([*id.as_bytes()])).await;
        let now = (self.clock)();
        if let Some(accepted) = self.accepted(&id).await? {
            self.recognise(payment, &request, &accepted, door).await?;
            return Ok(Taken { receipt: self.sign(accepted.draft)?, received_at: accepted.received_at });
        }
        // What was asked for with an HTTP request is given in with it: else whoever sees it first could have it taken for a receipt alone.
        if door == Door::Direct
            && matches!(&request, PaymentRequest::Invoice(invoice) if invoice.draft().http.is_some())
        {
            return Err(CheckError::WrongRequest.into());
        }
        // Begun before and not ended: it is judged as of then, for the question is what became of it.
        let begun = self.begun(&id).await?;
        if begun.as_ref().is_some_and(|attempt| attempt.door != door) {
            return Err(PayError::AcceptedElsewhere);
        }
        if begun.is_none() {
            self.judge_retired(&payment, &request, price.as_ref(), now)?;
        }
        let moment = Moment { as_of: begun.as_ref().map_or(now, |attempt| attempt.received_at), now };
        let demand = if begun.is_some() { as_accepted(&request) } else { demand };
        let verified = match self.check(payment, &request, &demand, moment).await {
            // It was in order when it was given to the store. What became of the keyset since then, of the payee's key, or of the
            // network, does not undo what the store may have decided.
            Err(error) if begun.is_some() && is_about_the_times(&error) => return Err(StoreError::Unavailable.into()),
            // Neither does that there is too much to do now.
            Err(PayError::Store(StoreError::Busy)) if begun.is_some() => return Err(StoreError::Unavailable.into()),
            verdict => verdict?,
        };
        let sent_before = begun.is_some();
        let attempt = match begun {
            Some(attempt) => attempt,
            None => self.reserve(&id, self.attempt(&verified, &request, door, now)).await?,
        };
        let received_at = attempt.received_at;
        let receipt = self.decide(verified, attempt, sent_before, now).await?;
        Ok(Taken { receipt, received_at })
    }

    /// Gives a payment to the store that decides over it, and ends the attempt when the outcome is certain.
    async fn decide(
        &self,
        verified: VerifiedPayment,
        attempt: Attempt,
        sent_before: bool,
        now: UnixTime,
    ) -> Result<Receipt, PayError> {
        let (id, amount, payee) = (*verified.id(), verified.payment().amount(), *verified.payment().payee());
        let outcome = match self.store_for(&verified) {
            Some(store) => {
                let acceptance = Acceptance { payment: verified, claim: attempt.claim, now };
                store.accept(vec![acceptance]).await.pop().unwrap_or(Err(StoreError::Unavailable))
            }
            None => Err(StoreError::NotDecidedHere),
        };
        let refusal = match outcome {
            Ok(Outcome::Accepted { accepted_at } | Outcome::AlreadyAccepted { accepted_at, claim_matches: true }) => {
                let draft = record::draft(&id, payee, amount, accepted_at, attempt.head);
                self.metrics.accepted(attempt.door.name());
                return self.finish(draft, attempt).await.map_err(PayError::from);
            }
            Ok(Outcome::AlreadyAccepted { claim_matches: false, .. }) => PayError::AcceptedElsewhere,
            Ok(Outcome::DoubleSpend { earlier }) => PayError::DoubleSpend { earlier },
            // Another answer may come later, so the invoice stays reserved; that this time nothing changed says nothing
            // of an earlier time, and so nobody is told that nothing changed.
            Err(error) if !error.nothing_changed() => return Err(error.into()),
            Err(error) if error.is_passing() && sent_before => return Err(StoreError::Unavailable.into()),
            Err(error) => error.into(),
        };
        // Failing this, it is given back when open attempts are looked through.
        if let Err(error) = self.release(&id).await {
            tracing::warn!(%error, "a refused payment's invoice is still reserved");
        }
        Err(refusal)
    }

    /// Checks an offer's payment for a server that will ask for it to be settled. Spends nothing.
    pub(super) async fn verify(self: &Arc<Self>, submission: Submission) -> Result<(), PayError> {
        let Submission { payment, request, demand, door, price } = submission;
        let (id, now) = (payment.id(), (self.clock)());
        if let Some(accepted) = self.accepted(&id).await? {
            return self.recognise(payment, &request, &accepted, door).await;
        }
        let begun = self.begun(&id).await?;
        if begun.as_ref().is_some_and(|attempt| attempt.door != door) {
            return Err(PayError::AcceptedElsewhere);
        }
        if begun.is_none() {
            self.judge_retired(&payment, &request, price.as_ref(), now)?;
        }
        let moment = Moment { as_of: begun.as_ref().map_or(now, |attempt| attempt.received_at), now };
        let demand = if begun.is_some() { as_accepted(&request) } else { demand };
        self.check(payment, &request, &demand, moment).await.map(|_| ())
    }

    /// What is taken for a payee's key that is not in use any more. Whoever stole it can sign what he likes, and pay himself.
    ///
    /// Offers are made in the moment, to the key in use. Of the invoices for HTTP requests those that were out when this service
    /// began with another key are taken, for as long as a demand is answered, and for no less than is demanded now.
    fn judge_retired(
        &self,
        payment: &Payment,
        request: &PaymentRequest,
        price: Option<&OfferTerms>,
        now: UnixTime,
    ) -> Result<(), PayError> {
        if payment.payee() == self.keys.payee() {
            return Ok(());
        }
        let invoice = match request {
            PaymentRequest::Offer(_) => return Err(CheckError::WrongPayee.into()),
            PaymentRequest::Invoice(invoice) => invoice.draft(),
        };
        let Some(OfferTerms { amount, timeout_seconds, .. }) = price else { return Ok(()) };
        if now > self.opened_at.plus((*timeout_seconds).into()) {
            return Err(CheckError::WrongPayee.into());
        }
        let (unit, ..) = self.asked_for(now).map_err(|error| PayError::Keysets(error.code()))?;
        if invoice.unit == unit && invoice.amount >= *amount { Ok(()) } else { Err(CheckError::WrongRequest.into()) }
    }

    /// Whether who comes with an accepted payment is who paid it, by the same door. The payment's id says neither: it leaves
    /// signatures and authorization out. Those who are given no more than a receipt need not show it.
    async fn recognise(
        self: &Arc<Self>,
        payment: Payment,
        request: &PaymentRequest,
        accepted: &Accepted,
        door: Door,
    ) -> Result<(), PayError> {
        if accepted.door != door {
            return Err(PayError::AcceptedElsewhere);
        }
        if door == Door::Direct {
            return Ok(());
        }
        // However old the mint's list is, and whatever it revoked since then: a keyset's keys do not change.
        let known = self.keyring.ever_known(&self.mint).map_err(|error| PayError::Keysets(error.code()))?;
        let (demand, as_of) = (as_accepted(request), accepted.received_at);
        let question = Question { payment, request: request.clone(), demand, as_of, keysets: Some(known) };
        match self.pipeline.verify(question).await.map_err(PayError::from) {
            Err(error) if is_about_the_times(&error) || error == PayError::Store(StoreError::Busy) => {
                Err(StoreError::Unavailable.into())
            }
            verdict => verdict.map(|_| ()),
        }
    }

    pub(super) async fn receipt(&self, id: &PaymentId) -> Result<Option<Receipt>, StoreError> {
        self.accepted(id).await?.map(|accepted| self.sign(accepted.draft)).transpose()
    }

    async fn accepted(&self, id: &PaymentId) -> Result<Option<Accepted>, StoreError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::accepted(txn, &id));
        job.await?.map_err(|_| StoreError::Stopped)
    }

    async fn begun(&self, id: &PaymentId) -> Result<Option<Attempt>, StoreError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::attempt(txn, &id));
        job.await?.map_err(|_: StoreFault| StoreError::Stopped)
    }

    /// Ends an attempt whose outcome is known: with a receipt if a store knows the payment as accepted for this payee,
    /// else by giving the invoice back. Returns whether nothing is open any more.
    pub(super) async fn end_if_known(&self, id: &PaymentId) -> Result<bool, StoreError> {
        let _lock = self.locks.lock(BTreeSet::from([*id.as_bytes()])).await;
        let Some(attempt) = self.begun(id).await? else { return Ok(true) };
        for store in &self.stores {
            let found = store.find(id).await?;
            if let Some(AcceptedPayment { payee, amount, accepted_at, claim, .. }) = found
                && claim.matches(&attempt.claim)
            {
                let draft = record::draft(id, payee, amount, accepted_at, attempt.head);
                self.metrics.accepted(attempt.door.name());
                self.finish(draft, attempt).await?;
                return Ok(true);
            }
        }
        // With the lock held nobody is giving it to a store. The own one decides at once, so only the mint can still
        // have to say something about it.
        // Without a network nobody says whether the mint has: what was begun is left for when there is one.
        match &self.clearing {
            None => return Ok(false),
            Some(clearing) if clearing.is_open(id).await? => return Ok(false),
            Some(_) => {}
        }
        self.release(id).await?;
        Ok(true)
    }

    /// Checks a payment; an unknown keyset is a reason to ask the mint, once, and check again.
    async fn check(
        self: &Arc<Self>,
        payment: Payment,
        request: &PaymentRequest,
        demand: &Demand,
        moment: Moment,
    ) -> Result<VerifiedPayment, PayError> {
        if *payment.mint() != self.mint {
            return Err(CheckError::UnknownMint.into());
        }
        if self.clearing.is_none() && payment.kind() != PaymentKind::Locked {
            return Err(CheckError::OnlyLocked.into());
        }
        let first = match self.question(&payment, request, demand, moment) {
            Ok(question) => self.pipeline.verify(question).await.map_err(PayError::from),
            Err(_) => Err(CheckError::UnknownKeyset.into()),
        };
        if first.as_ref().err() != Some(&CheckError::UnknownKeyset.into()) {
            return first;
        }
        // Whether this failed shows in what is known afterwards.
        if let Err(error) = self.keyring.refresh_soon(&self.mint, moment.now).await {
            tracing::debug!(%error, "the mint's keysets were not refreshed");
        }
        self.keyring.known(&self.mint, moment.now).map_err(|error| PayError::Keysets(error.code()))?;
        let question = self.question(&payment, request, demand, moment);
        Ok(self.pipeline.verify(question.map_err(|error| PayError::Keysets(error.code()))?).await?)
    }

    /// What the pipeline is asked. An offer's demand names its unit there.
    fn question(
        &self,
        payment: &Payment,
        request: &PaymentRequest,
        demand: &Demand,
        moment: Moment,
    ) -> Result<Question, InvoiceError> {
        let (payment, request, mut demand) = (payment.clone(), request.clone(), demand.clone());
        if let Demand::Offer(OfferTerms { asset: asset @ None, .. }) = &mut demand {
            let (unit, ..) = self.asked_for(moment.now)?;
            *asset = Some(unit.code().to_owned());
        }
        Ok(Question { payment, request, demand, as_of: moment.as_of, keysets: None })
    }

    fn store_for(&self, payment: &VerifiedPayment) -> Option<&dyn SpentStore> {
        let class = payment.class();
        self.stores.iter().find(|store| store.decides().covers(&class)).map(AsRef::as_ref)
    }

    fn attempt(&self, payment: &VerifiedPayment, request: &PaymentRequest, door: Door, now: UnixTime) -> Attempt {
        let (single_use, memo) = match request {
            PaymentRequest::Invoice(invoice) => (!invoice.draft().reusable, invoice.draft().memo.clone()),
            PaymentRequest::Offer(_) => (true, None),
        };
        Attempt {
            received_at: now,
            claim: Claim::from_bytes(crate::random::random()),
            request: *payment.payment().request(),
            single_use,
            expires_at: request.expires_at(),
            unit: payment.keyset().terms().unit.clone(),
            head: self.keyring.head_of(payment.keyset()),
            memo,
            door,
        }
    }

    async fn reserve(&self, id: &PaymentId, attempt: Attempt) -> Result<Attempt, PayError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::reserve(txn, &id, attempt));
        match job.await.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)? {
            Reservation::Free(attempt) => Ok(*attempt),
            Reservation::Taken => Err(PayError::RequestTaken),
            Reservation::OtherDoor => Err(PayError::AcceptedElsewhere),
        }
    }

    async fn release(&self, id: &PaymentId) -> Result<(), StoreError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::release(txn, &id));
        job.await?.map_err(|_| StoreError::Stopped)
    }

    /// The payment is accepted; that it is not recorded here yet leaves the payer without an answer, no more.
    async fn finish(&self, draft: ReceiptDraft, attempt: Attempt) -> Result<Receipt, StoreError> {
        let (now, events) = ((self.clock)(), self.webhooks.is_some());
        let job = self.engine.submit(move |txn| record::finish(txn, draft, attempt, now, events));
        match job.await {
            Ok(Ok(draft)) => {
                self.webhooks.iter().for_each(Webhooks::wake);
                self.sign(draft)
            }
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The same draft gives the same bytes.
    fn sign(&self, draft: ReceiptDraft) -> Result<Receipt, StoreError> {
        let key = self.keys.signer(&draft.payee).ok_or(StoreError::Stopped)?;
        draft.sign(key).map_err(|_| StoreError::Stopped)
    }
}

/// What was found in order before is not judged by today's prices.
fn as_accepted(request: &PaymentRequest) -> Demand {
    match request {
        PaymentRequest::Invoice(_) => Demand::Invoice,
        PaymentRequest::Offer(offer) => {
            let OfferDraft { asset, amount, timeout_seconds, .. } = offer.draft();
            Demand::Offer(OfferTerms { asset: Some(asset.clone()), amount: *amount, timeout_seconds: *timeout_seconds })
        }
    }
}

/// Whether a payment that was in order before is refused for what changed since then.
fn is_about_the_times(error: &PayError) -> bool {
    is_about_the_keyset(error) || matches!(error, PayError::Check(CheckError::WrongPayee | CheckError::OnlyLocked))
}

fn is_about_the_keyset(error: &PayError) -> bool {
    matches!(
        error,
        PayError::Keysets(_)
            | PayError::Check(
                CheckError::UnknownMint
                    | CheckError::UnknownKeyset
                    | CheckError::KeysetRevoked
                    | CheckError::KeysetEnded
            )
    )
}
