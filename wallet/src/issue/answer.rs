//! What a mint's answer to a finish request means, and what follows from it.

use std::sync::Arc;

use farthing_http::client::CallError;
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, WINNER};
use farthing_protocol::amount::Amount;
use farthing_protocol::api::FinishAnswer;
use farthing_protocol::identity::IssuanceId;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};

use super::examine::{Found, examine, is_of_session};
use super::request::Kept;
use super::settle::Came;
use super::{Answered, request, settle};
use crate::error::{IssueError, Lie, MintError, StoreError};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::mints::Mint;
use crate::operation::{Body, OpId, Operation, Source, Used};
use crate::options::Step;
use crate::restore::record::{self, Restoring};
use crate::stock;
use crate::views::Issued;
use crate::wallet::Inner;

/// Whether a code means for sure that nothing happened and that asking again is no use. Codes of overload and failure do not, nor
/// those that a misplaced proxy might give.
pub(crate) fn is_definite(code: Code) -> bool {
    match code {
        Code::BadRequest
        | Code::UnknownField
        | Code::BodyTooLarge
        | Code::UnsupportedMediaType
        | Code::MalformedObject
        | Code::UnknownKeyset
        | Code::KeysetNotIssuing
        | Code::KeysetEnded
        | Code::KeysetNotRevoked
        | Code::IssuanceExcluded
        | Code::UnknownMint
        | Code::UnknownAccount
        | Code::InsufficientFunds
        | Code::LimitExceeded
        | Code::InvalidSignature
        | Code::InvalidProof
        | Code::InvalidShape
        | Code::AmountOutOfRange
        | Code::WrongPayee
        | Code::WrongRequest
        | Code::UnknownRequest
        | Code::RequestExpired
        | Code::RequestTaken
        | Code::DoubleSpend
        | Code::AcceptedElsewhere
        | Code::FundingUsed
        | Code::VoucherEnded
        | Code::UnknownSession
        | Code::SessionGone
        | Code::NotDecidedHere
        | Code::OfflineLimit
        | Code::SecondFactorRequired
        | Code::ListOutdated
        | Code::UnsupportedKind => true,
        // Codes of a later version are not understood, and so decide nothing.
        _ => false,
    }
}

/// Whether a mint gives a code only after it looked the issuance id up: no request under this id was recorded then, whatever was
/// sent before. The other definite codes come before the look-up, or from somebody else, and speak of the one message only.
const fn is_after_lookup(code: Code) -> bool {
    matches!(
        code,
        Code::KeysetNotIssuing
            | Code::KeysetEnded
            | Code::InsufficientFunds
            | Code::LimitExceeded
            | Code::SecondFactorRequired
            | Code::InvalidSignature
            | Code::InvalidProof
            | Code::InvalidShape
            | Code::AmountOutOfRange
            | Code::WrongRequest
            | Code::DoubleSpend
            | Code::FundingUsed
            | Code::VoucherEnded
            | Code::UnknownSession
            | Code::SessionGone
            | Code::NotDecidedHere
    )
}

/// The code of an answer that decides.
pub(crate) fn deciding_code(error: &CallError) -> Option<Code> {
    error.problem().and_then(|problem| problem.known()).filter(|code| is_definite(*code))
}

/// The code of an answer to a finish request that decides. `unsent` says that the request surely never left before.
pub(super) fn deciding_finish_code(error: &CallError, unsent: bool) -> Option<Code> {
    deciding_code(error).filter(|code| unsent || is_after_lookup(*code))
}

impl Inner {
    /// Sends a request and follows the answer. `fresh` says that it surely was not sent before. `None`: the operation has changed,
    /// look again.
    pub(super) async fn finish(
        self: &Arc<Self>,
        operation: &Operation,
        used: Used,
        request: IssuanceRequest,
        fresh: bool,
    ) -> Result<Option<Issued>, IssueError> {
        let op = operation.id;
        let mint = self.mint(&operation.mint)?;
        let Answered { answer, code } = self.send_finish(op, &mint, &request, fresh).await?;
        let error = match answer {
            Ok(FinishAnswer { record }) => return self.adopt(operation, used, &request, &record).await,
            Err(error) => error,
        };
        let extension = |name| error.problem().and_then(|problem| problem.extension(name));
        match code {
            Some(Code::UnknownSession | Code::SessionGone) => self.abandon(op, used).await,
            Some(Code::KeysetNotIssuing) => {
                self.refresh_for(operation).await?;
                self.abandon(op, used).await
            }
            Some(Code::FundingUsed) => match extension(WINNER).map(IssuanceId::from_text) {
                Some(Ok(winner)) => self.adopt_winner(operation, used, winner, &request, error).await,
                _ => Err(IssueError::Pending { op, cause: error.into() }),
            },
            Some(Code::DoubleSpend) => match extension(EARLIER_PAYMENT_ID).map(PaymentId::from_text) {
                Some(Ok(earlier)) => self.follow_double_spend(operation, used, earlier, error).await,
                _ => Err(IssueError::Pending { op, cause: error.into() }),
            },
            Some(code) => {
                let now = self.now();
                self.vault.run::<_, StoreError>(move |tx| settle::refused(tx, op, used, now)).await?;
                Err(IssueError::Refused { op, code })
            }
            None => Err(IssueError::Pending { op, cause: error.into() }),
        }
    }

    /// Keeps a record's tokens if they are ours.
    async fn adopt(
        self: &Arc<Self>,
        operation: &Operation,
        used: Used,
        request: &IssuanceRequest,
        record: &IssuanceRecord,
    ) -> Result<Option<Issued>, IssueError> {
        let op = operation.id;
        let mint = self.mint(&operation.mint)?;
        let keyset = mint.keyset(&used.keyset).ok_or(MintError::BadKeysets)?;
        let lock = operation.issue().and_then(|issue| issue.lock);
        match examine(&self.seed, keyset, used, lock.as_ref(), request, record, self.now()) {
            Err(lie) => Err(self.lie(op, lie, request, record)),
            Ok(Found::Other) => self.abandon(op, used).await,
            Ok(Found::OtherFunding) => {
                // The funding id keeps the next number from being debited a second time.
                self.tell(&Event::NumberTaken { op });
                self.taken(operation, used).await
            }
            Ok(Found::Ours(made)) => {
                let (count, now) = (made.count(), self.now());
                self.vault.run::<_, StoreError>(move |tx| settle::issued(tx, op, used, made, now)).await?;
                self.vault.at(Step::TokensStored)?;
                // What was signed is what is due, so that it is no less.
                let fee = record.debit.checked_sub(operation.amount).unwrap_or(Amount::ZERO);
                Ok(Some(Issued { op, amount: operation.amount, tokens: count, fee }))
            }
        }
    }

    /// The funding went to another number. If it is one of ours, its record is ours.
    async fn adopt_winner(
        self: &Arc<Self>,
        operation: &Operation,
        current: Used,
        winner: IssuanceId,
        request: &IssuanceRequest,
        error: CallError,
    ) -> Result<Option<Issued>, IssueError> {
        let issue = operation.issue().ok_or(StoreError::NoSuchOperation)?;
        let is_winner = |used: &&Used| {
            let context = request::context(operation.mint, used);
            IssuanceId::from(&self.seed.issuance_key(&context)) == winner
        };
        match issue.used.iter().find(is_winner).copied() {
            None => match self.find_kept(move |request| request.terms().issuance == winner).await? {
                Some(kept) => self.adopt_other(operation, kept, Code::FundingUsed).await,
                // Whoever else had the keys of these tokens swapped exactly them.
                None if self.may_be_claimed(operation).await? => {
                    let (op, now) = (operation.id, self.now());
                    self.vault.run::<_, StoreError>(move |tx| settle::claimed(tx, op, now)).await?;
                    Err(IssueError::SpentElsewhere { op })
                }
                None => Err(self.stop(operation.id, request, winner).await?),
            },
            // Asked under this very number, the mint would have answered with the record.
            Some(used) if used == current => Err(IssueError::Pending { op: operation.id, cause: error.into() }),
            Some(used) => self.fetch_own_record(operation, used).await,
        }
    }

    /// Whether somebody else may rightly have the keys of an operation's tokens or voucher: they were given out or received, or came back
    /// from the words, under which they may have been given out before.
    async fn may_be_claimed(&self, operation: &Operation) -> Result<bool, StoreError> {
        let is_voucher = operation.issue().is_some_and(|issue| matches!(issue.source, Source::Voucher(_)));
        if is_voucher || matches!(operation.body, Body::Send(_) | Body::Receive(_)) {
            return Ok(true);
        }
        let (op, tokens) = (operation.id, operation.tokens().to_vec());
        self.vault
            .run(move |tx| {
                let restored = tokens.iter().map(|token| Ok(stock::reserved(tx, *token, op)?.restored));
                Ok(restored.collect::<Result<Vec<_>, StoreError>>()?.contains(&true))
            })
            .await
    }

    async fn fetch_own_record(
        self: &Arc<Self>,
        operation: &Operation,
        used: Used,
    ) -> Result<Option<Issued>, IssueError> {
        let op = operation.id;
        let request = self.kept_request(op, used).await?;
        let mint = self.mint(&operation.mint)?;
        let Answered { answer, code } = self.send_finish(op, &mint, &request, false).await?;
        match answer {
            Err(_) if code.is_some() && operation.tokens().is_empty() && self.has_ended(&mint, used) => {
                // The account paid for it, it was never fetched, and the mint has dropped it with its keyset: what it was worth is gone.
                let now = self.now();
                self.vault.run::<_, StoreError>(move |tx| settle::tokens_ended(tx, op, now)).await?;
                Err(IssueError::TokensEnded { op })
            }
            Err(cause) => Err(IssueError::Pending { op, cause: cause.into() }),
            Ok(FinishAnswer { record }) => {
                let keyset = mint.keyset(&used.keyset).ok_or(MintError::BadKeysets)?;
                let lock = operation.issue().and_then(|issue| issue.lock);
                let found = examine(&self.seed, keyset, used, lock.as_ref(), &request, &record, self.now());
                if matches!(found, Ok(Found::Other)) {
                    return Err(self.not_ours(operation, &request, &record).await?);
                }
                self.adopt(operation, used, &request, &record).await
            }
        }
    }

    /// Whether the mint may have dropped what it recorded under a number, because payees can deposit its keyset's tokens no more.
    fn has_ended(&self, mint: &Mint, used: Used) -> bool {
        mint.keyset(&used.keyset).is_some_and(|keyset| self.now() >= keyset.terms().deposit_until)
    }

    /// A token that was to fund the issuance is spent: by an earlier number, by the payment that is being settled, or elsewhere.
    async fn follow_double_spend(
        self: &Arc<Self>,
        operation: &Operation,
        current: Used,
        earlier: PaymentId,
        error: CallError,
    ) -> Result<Option<Issued>, IssueError> {
        let (op, now) = (operation.id, self.now());
        let issue = operation.issue().ok_or(StoreError::NoSuchOperation)?;
        for used in &issue.used {
            if request::swap_payment_id(&self.kept_request(op, *used).await?) == Some(earlier) {
                if *used == current {
                    return Err(IssueError::Pending { op, cause: error.into() });
                }
                return self.fetch_own_record(operation, *used).await;
            }
        }
        match &operation.body {
            Body::Pay(pay) if pay.payment.id() == earlier => {
                self.vault.run::<_, StoreError>(move |tx| settle::accepted(tx, op, None, now)).await?;
                self.vault.at(Step::PaymentSettled)?;
                Ok(None)
            }
            _ if issue.source.keyset().is_none() => Err(IssueError::Pending { op, cause: error.into() }),
            _ => {
                let is_it = move |request: &IssuanceRequest| request::swap_payment_id(request) == Some(earlier);
                if let Some(kept) = self.find_kept(is_it).await? {
                    return self.adopt_other(operation, kept, Code::DoubleSpend).await;
                }
                self.vault.run::<_, StoreError>(move |tx| settle::spent_elsewhere(tx, op, now)).await?;
                Err(IssueError::SpentElsewhere { op })
            }
        }
    }

    /// A request of any operation of this wallet, finished or not, that is still kept.
    async fn find_kept(
        &self,
        is_it: impl Fn(&IssuanceRequest) -> bool + Send + 'static,
    ) -> Result<Option<Kept>, StoreError> {
        self.vault.run(move |tx| request::find_kept(tx, is_it)).await
    }

    /// What was to fund this operation went to another one, which the mint had refused or this wallet given up: what came of that is
    /// ours, and this one ends.
    async fn adopt_other(
        self: &Arc<Self>,
        operation: &Operation,
        kept: Kept,
        code: Code,
    ) -> Result<Option<Issued>, IssueError> {
        let (op, now) = (operation.id, self.now());
        let Kept { op: other, used, lock, request } = kept;
        let mint = self.mint(&operation.mint)?;
        let record = match self.send_finish(op, &mint, &request, false).await?.answer {
            Err(cause) => return Err(IssueError::Pending { op, cause: cause.into() }),
            Ok(FinishAnswer { record }) => record,
        };
        let keyset = mint.keyset(&used.keyset).ok_or(MintError::BadKeysets)?;
        let made = match examine(&self.seed, keyset, used, lock.as_ref(), &request, &record, now) {
            Ok(Found::Ours(made)) => made,
            Ok(Found::Other | Found::OtherFunding) => return Err(self.not_ours(operation, &request, &record).await?),
            Err(lie) => return Err(self.lie(op, lie, &request, &record)),
        };
        let (tokens, amount) = (made.count(), made.own_worth()?);
        let came =
            self.vault.run::<_, StoreError>(move |tx| settle::came_of_other(tx, op, other, used, made, now)).await?;
        self.vault.at(Step::TokensStored)?;
        match (&operation.body, came) {
            // A payment with a token that was spent before can never be accepted.
            (Body::Pay(_), _) => Ok(Some(Issued { op, amount: operation.amount, tokens, fee: Amount::ZERO })),
            // Whoever has the text has the other tokens still, so that each is settled by itself.
            (Body::Send(_), Came::InPart) => Err(IssueError::SpentElsewhere { op }),
            (Body::Send(_), Came::Whole) => {
                Ok(Some(Issued { op, amount: operation.amount, tokens, fee: Amount::ZERO }))
            }
            (Body::Receive(_), _) => Ok(Some(Issued { op, amount, tokens, fee: Amount::ZERO })),
            (Body::Issue(_) | Body::Lock(_) | Body::Recoup(_), _) => Err(IssueError::Refused { op, code }),
        }
    }

    /// Our funding went to a record under a number of ours that is not what this wallet asked for. Of our own session only the mint can
    /// have made it; of another one, whoever has the words and the same number: an older copy of the folder.
    async fn not_ours(
        &self,
        operation: &Operation,
        request: &IssuanceRequest,
        record: &IssuanceRecord,
    ) -> Result<IssueError, StoreError> {
        let (op, mint, now) = (operation.id, operation.mint, self.now());
        if is_of_session(request, record) {
            return Ok(self.lie(op, Lie::OtherTerms, request, record));
        }
        if self.write_evidence(&Evidence::Taken { request, record }).is_err() {
            tracing::warn!("what the mint answered could not be kept");
        }
        self.vault
            .run::<_, StoreError>(move |tx| {
                settle::claimed(tx, op, now)?;
                record::mark(tx, &mint)
            })
            .await?;
        Ok(StoreError::WordsUsedElsewhere.into())
    }

    /// A number was used with these words, and not by this wallet. A restore that is not finished will find what it brought; otherwise
    /// nothing more is moved until the wallet is resynchronised.
    async fn taken(&self, operation: &Operation, used: Used) -> Result<Option<Issued>, IssueError> {
        let (op, mint) = (operation.id, operation.mint);
        let alone = self
            .vault
            .run::<_, StoreError>(move |tx| {
                settle::abandoned(tx, op, used)?;
                let restoring = Restoring::load(tx, &mint)?.is_some_and(|restoring| restoring.is_unfinished());
                if restoring { Ok(true) } else { record::mark(tx, &mint).map(|()| false) }
            })
            .await?;
        self.tell(&Event::NumberAbandoned { op });
        self.vault.at(Step::NumberAbandoned)?;
        if alone { Ok(None) } else { Err(StoreError::WordsUsedElsewhere.into()) }
    }

    /// Gives a number up for good. The funding stays, and the next number comes.
    async fn abandon(&self, op: OpId, used: Used) -> Result<Option<Issued>, IssueError> {
        self.vault.run::<_, StoreError>(move |tx| settle::abandoned(tx, op, used)).await?;
        self.tell(&Event::NumberAbandoned { op });
        self.vault.at(Step::NumberAbandoned)?;
        Ok(None)
    }

    /// Stops an operation: another wallet uses the same seed.
    async fn stop(&self, op: OpId, request: &IssuanceRequest, winner: IssuanceId) -> Result<IssueError, IssueError> {
        let evidence = Evidence::Funding { request, winner: winner.to_text() };
        self.write_evidence(&evidence).map_err(MintError::from)?;
        self.vault.run::<_, StoreError>(move |tx| settle::stopped(tx, op)).await?;
        Ok(IssueError::SeedUsedElsewhere { op })
    }
}
