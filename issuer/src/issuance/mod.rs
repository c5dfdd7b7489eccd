//! Issuance (protocol sections 2 and 7): one challenge for each nonce, one debit for each funding, one record for each
//! issuance id.
//!
//! A session is opened inside its keyset's issue window, and may be finished until it expires, ten minutes later, even
//! if the window ends meanwhile: what the wallet began it can end. A revocation stops it at once.

mod check;
mod error;

use std::convert::Infallible;
use std::time::Instant;

use farthing_protocol::amount::Amount;
use farthing_protocol::api::{OpenAnswer, OpenRequest};
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::SessionError;
use farthing_protocol::identity::IssuanceId;
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::shape::ShapeError;

use crate::ledger::{self, Foresight, IssueRefusal, LedgerError, Means, Order};
use crate::metrics::Work;
use crate::mint::Mint;
use crate::signer::{Presented, Purpose, SessionRefusal};
pub use error::{FinishError, OpenError};

impl Mint {
    /// Opens an issuance session. Costs no memory.
    ///
    /// # Errors
    /// An [`OpenError`].
    pub async fn open_issuance(&self, request: &OpenRequest) -> Result<OpenAnswer, OpenError> {
        let begun = Instant::now();
        let opened = self.open_session(request).await;
        self.metrics().answered(Work::Open, &opened, begun.elapsed());
        opened
    }

    async fn open_session(&self, request: &OpenRequest) -> Result<OpenAnswer, OpenError> {
        if let Some(halt) = self.books().halt(request.shape.is_swap()) {
            return Err(halt.into());
        }
        let book = self.books().keyset_book();
        let keyset = book.get(&request.keyset).ok_or(OpenError::UnknownKeyset)?;
        if !book.is_issuing(keyset, self.books().clock().now()) {
            return Err(OpenError::KeysetNotIssuing);
        }
        let outputs = request.shape.outputs(keyset)?;
        // Told here, before a session is opened and a number used up. What the books must say is told at the end.
        if !request.shape.is_swap() {
            let worth = Amount::checked_sum(outputs.iter().map(|denomination| denomination.value()));
            self.books().home().config().limits.allow(worth.ok_or(ShapeError::AmountOutOfRange)?)?;
        }
        let (mint, keyset) = (self.clone(), request.keyset);
        let permit = self.permit().ok_or(OpenError::Busy)?;
        let opened = tokio::spawn(async move {
            let _until_the_end = permit;
            mint.signer().open(keyset, outputs).await
        });
        Ok(OpenAnswer { opened: opened.await.map_err(|_| OpenError::Failed)?? })
    }

    /// Finishes an issuance, or answers with the record of its id. It goes on to its end even if this future is
    /// dropped.
    ///
    /// # Guarantees
    /// When this returns a record, the record and the debit are durable, and every later call for this issuance id
    /// returns the same record.
    ///
    /// # Errors
    /// A [`FinishError`].
    pub async fn finish(&self, request: IssuanceRequest) -> Result<IssuanceRecord, FinishError> {
        let begun = Instant::now();
        let finished = self.finish_in_any_case(request).await;
        self.metrics().answered(Work::Finish, &finished, begun.elapsed());
        finished
    }

    async fn finish_in_any_case(&self, request: IssuanceRequest) -> Result<IssuanceRecord, FinishError> {
        let mint = self.clone();
        let permit = self.permit().ok_or(LedgerError::Busy)?;
        let work = tokio::spawn(async move {
            let _until_the_end = permit;
            let finished = mint.finish_to_the_end(request).await;
            if let Err(FinishError::Ledger(error)) = &finished {
                mint.books().heed(*error).await;
            }
            finished
        });
        work.await.unwrap_or(Err(FinishError::Ledger(LedgerError::Unavailable)))
    }

    /// The order matters: see section 2 of the protocol.
    async fn finish_to_the_end(&self, request: IssuanceRequest) -> Result<IssuanceRecord, FinishError> {
        let id = request.terms().issuance;
        // A known issuance id gets its stored record, whatever is asked: each refusal below looks for it first, and so does the foresight.
        // Whoever asks for the first time, nearly everybody, does not wait for the ledger to say that there is none.
        if let Some(halt) = self.books().halt(request.terms().shape.is_swap()) {
            return self.recorded(id).await?.ok_or(halt.into());
        }
        // 1. Session, signatures, shape, amounts: everything that needs no ledger. What is cheap comes first: a made-up
        // session costs two MACs.
        let presented = Presented::by(&request);
        if let Err(refusal) = self.signer().authenticate(&presented).await {
            return self.without_session(id, refusal).await;
        }
        let mint = self.clone();
        let checked = tokio::task::spawn_blocking(move || check::check(&mint, &request));
        let order = match checked.await.map_err(|_| LedgerError::Stopped)? {
            Ok(order) => order,
            // Meanwhile the same request, sent twice, may have been recorded: then the answer is the record.
            Err(error) => return self.recorded(id).await?.ok_or(error),
        };
        // 2. What the ledger would say now. A refusal burns the session, so that a copy of the request that comes later cannot succeed
        // after all; the signer need not count what is never issued. A funding that was used names its winner, and burns nothing.
        let challenges: Vec<Challenge> = order.outputs.iter().map(|output| output.challenge).collect();
        let foreseen = match self.foresee(order.clone()).await? {
            Foresight::Recorded(record) => return Ok(*record),
            Foresight::Refused(IssueRefusal::FundingUsed(winner)) => return Err(FinishError::FundingUsed(winner)),
            Foresight::Refused(refusal) => Err(refusal),
            Foresight::Good => Ok(()),
        };
        // The owner has signed it. The session is not claimed: the same request may come again.
        if let Means::Account(account) = &order.means {
            self.heed_owner(account)?;
        }
        if let Err(refusal) = foreseen {
            return match self.signer().burn(&presented, challenges).await {
                Ok(()) => self.recorded(id).await?.ok_or(refusal.into()),
                Err(refusal) => self.without_session(id, refusal).await,
            };
        }
        let paid_by = order.means.as_str();
        // 3. The claim, and behind it the one transaction.
        let (purpose, limits) = (Purpose::of(&order.shape), self.books().home().config().limits);
        let queue =
            |answer| self.books().ledger().submit(move |txn, now| ledger::issue(txn, now, order, answer, &limits));
        match self.signer().claim(&presented, challenges, purpose, queue).await {
            Ok(pending) => {
                let record = ledger::settle(pending).await?;
                self.metrics().issued(paid_by);
                Ok(record)
            }
            Err(refusal) => self.without_session(id, refusal).await,
        }
    }

    async fn foresee(&self, order: Order) -> Result<Foresight, LedgerError> {
        let limits = self.books().home().config().limits;
        // What it tried is taken back, for it ends with an error.
        let tried = self
            .books()
            .ledger()
            .submit(move |txn, now| Err::<Infallible, _>(Tried::Foreseen(ledger::foresee(txn, now, &order, &limits))));
        match ledger::settle(tried).await {
            Ok(never) => match never {},
            Err(Tried::Foreseen(foresight)) => Ok(foresight),
            Err(Tried::Failed(error)) => Err(error),
        }
    }

    /// Says that the session is gone only when the issuance is known not to be recorded: asked after the session
    /// was found claimed or over, the ledger answers behind every job that a claim has queued.
    async fn without_session(&self, id: IssuanceId, refusal: SessionRefusal) -> Result<IssuanceRecord, FinishError> {
        if let Some(record) = self.recorded(id).await? {
            return Ok(record);
        }
        Err(match refusal {
            SessionRefusal::Session(error) => match error {
                SessionError::Unknown => FinishError::UnknownSession,
                SessionError::Mismatch => FinishError::Mismatch,
                SessionError::Full => FinishError::Ledger(LedgerError::Busy),
                SessionError::Expired | SessionError::Claimed | _ => FinishError::SessionGone,
            },
            SessionRefusal::NotIssuing => FinishError::KeysetNotIssuing,
            SessionRefusal::Limit => FinishError::SignerLimit,
            SessionRefusal::Busy => FinishError::Ledger(LedgerError::Busy),
            SessionRefusal::Unreached => FinishError::SignerUnreached,
            SessionRefusal::Failed => FinishError::Ledger(LedgerError::Stopped),
        })
    }

    async fn recorded(&self, id: IssuanceId) -> Result<Option<IssuanceRecord>, LedgerError> {
        self.books().ledger().read(move |txn| ledger::find_issuance(txn, &id)).await
    }
}

/// How a job ends that only tries.
enum Tried {
    Foreseen(Foresight),
    Failed(LedgerError),
}

impl From<LedgerError> for Tried {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error)
    }
}
