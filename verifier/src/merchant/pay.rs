//! The way of a payment through the payee's service.

use std::collections::BTreeSet;
use std::sync::Arc;

use farthing_durable::StoreFault;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::PayRequest;
use farthing_protocol::ids::{Claim, PaymentId};
use farthing_protocol::payment::Payment;
use farthing_protocol::receipt::{Receipt, ReceiptDraft};
use farthing_protocol::request::PaymentRequest;

use super::record::{self, Attempt, Reservation};
use super::{Inner, PayError};
use crate::check::{CheckError, KnownKeysets, PayeeRules, VerifiedPayment, check_requested};
use crate::store::{Acceptance, AcceptedPayment, Outcome, SpentStore, StoreError};

impl Inner {
    /// Look up, check, reserve, accept, record, receipt.
    pub(super) async fn pay(self: &Arc<Self>, request: PayRequest) -> Result<Receipt, PayError> {
        let PayRequest { payment, request } = request;
        let id = payment.id();
        // One submission of a payment at a time: a refusal of one cannot cross the acceptance of another.
        let _lock = self.locks.lock(BTreeSet::from([*id.as_bytes()])).await;
        if let Some(receipt) = self.receipt(&id).await? {
            return Ok(receipt);
        }
        // Begun before and not ended: it is judged as of then, for the question is what became of it.
        let begun = self.engine.submit(move |txn| record::attempt(txn, &id)).await;
        let begun = begun.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)?;
        let now = (self.clock)();
        let as_of = begun.as_ref().map_or(now, |attempt| attempt.received_at);
        let verified = match self.check(payment, &request, as_of, now).await {
            // It was in order when it was given to the store. What became known of the keyset since then does not
            // undo what the store may have decided.
            Err(error) if begun.is_some() && is_about_the_keyset(&error) => return Err(StoreError::Unavailable.into()),
            verdict => verdict?,
        };
        let store = self.store_for(&verified).ok_or(StoreError::NotDecidedHere)?;

        let sent_before = begun.is_some();
        let attempt = match begun {
            Some(attempt) => attempt,
            None => self.reserve(&id, self.attempt(&verified, &request, now)).await?,
        };
        let acceptance = Acceptance { payment: verified.clone(), claim: attempt.claim, now };
        let outcome = store.accept(vec![acceptance]).await.pop().unwrap_or(Err(StoreError::Unavailable));
        let refusal = match outcome {
            Ok(Outcome::Accepted { accepted_at } | Outcome::AlreadyAccepted { accepted_at, claim_matches: true }) => {
                let amount = verified.payment().amount();
                let draft = record::draft(&id, self.payee, amount, accepted_at, attempt.head);
                return self.finish(draft, attempt).await.map_err(PayError::from);
            }
            Ok(Outcome::AlreadyAccepted { claim_matches: false, .. }) => PayError::AcceptedElsewhere,
            Ok(Outcome::DoubleSpend { earlier }) => PayError::DoubleSpend { earlier },
            // Another answer may come later, so the invoice stays reserved; that this time nothing changed says nothing
            // of an earlier time.
            Err(error) if !error.nothing_changed() || (error.is_passing() && sent_before) => return Err(error.into()),
            Err(error) => error.into(),
        };
        // Failing this, it is given back when open attempts are looked through.
        if let Err(error) = self.release(&id).await {
            tracing::warn!(%error, "a refused payment's invoice is still reserved");
        }
        Err(refusal)
    }

    pub(super) async fn receipt(&self, id: &PaymentId) -> Result<Option<Receipt>, StoreError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::accepted(txn, &id));
        let accepted = job.await?.map_err(|_| StoreError::Stopped)?;
        accepted.map(|accepted| self.sign(accepted.draft)).transpose()
    }

    /// Ends an attempt whose outcome is known: with a receipt if a store knows the payment as accepted for this payee,
    /// else by giving the invoice back. Returns whether nothing is open any more.
    pub(super) async fn end_if_known(&self, id: &PaymentId) -> Result<bool, StoreError> {
        let _lock = self.locks.lock(BTreeSet::from([*id.as_bytes()])).await;
        let key = *id;
        let job = self.engine.submit(move |txn| record::attempt(txn, &key));
        let Some(attempt) = job.await?.map_err(|_: StoreFault| StoreError::Stopped)? else { return Ok(true) };
        for store in &self.stores {
            let found = store.find(id).await?;
            if let Some(AcceptedPayment { amount, accepted_at, claim, .. }) = found
                && claim.matches(&attempt.claim)
            {
                let draft = record::draft(id, self.payee, amount, accepted_at, attempt.head);
                self.finish(draft, attempt).await?;
                return Ok(true);
            }
        }
        // With the lock held nobody is giving it to a store. The own one decides at once, so only the mint can still
        // have to say something about it.
        if self.clearing.is_open(id).await? {
            return Ok(false);
        }
        self.release(id).await?;
        Ok(true)
    }

    /// Checks a payment; an unknown keyset is a reason to ask the mint, once, and check again.
    async fn check(
        self: &Arc<Self>,
        payment: Payment,
        request: &PaymentRequest,
        as_of: UnixTime,
        now: UnixTime,
    ) -> Result<VerifiedPayment, PayError> {
        let unknown = |error: crate::keyring::KeyringError| PayError::Keysets(error.code());
        if *payment.mint() != self.mint {
            return Err(CheckError::UnknownMint.into());
        }
        let first = match self.keyring.known(&self.mint, now) {
            Ok(known) => self.check_with(known, payment.clone(), request, (as_of, now)).await,
            Err(_) => Err(CheckError::UnknownKeyset.into()),
        };
        if first.as_ref().err() != Some(&CheckError::UnknownKeyset.into()) {
            return first;
        }
        // Whether this failed shows in what is known afterwards.
        if let Err(error) = self.keyring.refresh_soon(&self.mint, now).await {
            tracing::debug!(%error, "the mint's keysets were not refreshed");
        }
        let known = self.keyring.known(&self.mint, now).map_err(unknown)?;
        self.check_with(known, payment, request, (as_of, now)).await
    }

    /// On a thread on which nobody else waits: the cryptography takes its time.
    async fn check_with(
        self: &Arc<Self>,
        keysets: Arc<KnownKeysets>,
        payment: Payment,
        request: &PaymentRequest,
        (as_of, now): (UnixTime, UnixTime),
    ) -> Result<VerifiedPayment, PayError> {
        let (inner, request) = (Arc::clone(self), request.clone());
        let task = tokio::task::spawn_blocking(move || {
            let lock = inner.lock.as_ref();
            let rules = PayeeRules { payee: &inner.payee, now, as_of, keysets: &keysets, lock };
            check_requested(&mut crate::random::system_rng(), &rules, vec![(payment, request)]).pop()
        });
        let verdict = task.await.ok().flatten().ok_or(StoreError::Unavailable)?;
        Ok(verdict?)
    }

    fn store_for(&self, payment: &VerifiedPayment) -> Option<&dyn SpentStore> {
        let class = payment.class();
        self.stores.iter().find(|store| store.decides().covers(&class)).map(AsRef::as_ref)
    }

    fn attempt(&self, payment: &VerifiedPayment, request: &PaymentRequest, now: UnixTime) -> Attempt {
        let (single_use, memo) = match request {
            PaymentRequest::Invoice(invoice) => (!invoice.draft().reusable, invoice.draft().memo.clone()),
            PaymentRequest::Offer(_) => (true, None),
        };
        Attempt {
            received_at: now,
            claim: Claim::from_bytes(crate::random::random()),
            request: *payment.payment().request(),
            single_use,
            head: self.keyring.head_of(payment.keyset()),
            memo,
        }
    }

    async fn reserve(&self, id: &PaymentId, attempt: Attempt) -> Result<Attempt, PayError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::reserve(txn, &id, attempt));
        match job.await.map_err(StoreError::from)?.map_err(|_| StoreError::Stopped)? {
            Reservation::Free(attempt) => Ok(*attempt),
            Reservation::Taken => Err(PayError::RequestTaken),
        }
    }

    async fn release(&self, id: &PaymentId) -> Result<(), StoreError> {
        let id = *id;
        let job = self.engine.submit(move |txn| record::release(txn, &id));
        job.await?.map_err(|_| StoreError::Stopped)
    }

    /// The payment is accepted; that it is not recorded here yet leaves the payer without an answer, no more.
    async fn finish(&self, draft: ReceiptDraft, attempt: Attempt) -> Result<Receipt, StoreError> {
        let job = self.engine.submit(move |txn| record::finish(txn, draft, attempt));
        match job.await {
            Ok(Ok(draft)) => self.sign(draft),
            Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable),
        }
    }

    /// The same draft gives the same bytes.
    fn sign(&self, draft: ReceiptDraft) -> Result<Receipt, StoreError> {
        draft.sign(&self.key).map_err(|_| StoreError::Stopped)
    }
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
