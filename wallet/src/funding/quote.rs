//! Money from outside for the account: the mint says how to pay it, and what came.

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{QuoteAnswer, QuoteCall, QuoteDraft, QuoteId, QuoteRequest, QuoteState, mint_path};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer, is_plain};
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::ids::OperationId;

use crate::error::{MintError, StoreError};
use crate::vault::Tx;
use crate::wallet::{Inner, Wallet, to_the_minute};

/// A quote, as the mint last spoke of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuoteView {
    /// The mint.
    pub mint: MintId,
    /// Its name, which must stand on the payment.
    pub quote: QuoteId,
    /// How much was asked for.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// How to pay, in the words of the mint's operator: shown, and never followed.
    pub payment: String,
    /// When it was asked for.
    pub asked_at: UnixTime,
    /// Until when it should be paid.
    pub expires_at: UnixTime,
    /// How far it is.
    pub state: QuoteState,
    /// What was credited to the account for it so far.
    pub credited: Amount,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// The wallet's own state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mint could not be asked, or refused.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The amount is zero.
    #[error("the amount is zero")]
    Nothing,
    /// The mint gives no quotes: its operator credits accounts.
    #[error("the mint gives no quotes: its operator credits accounts")]
    NotOffered,
    /// Too many quotes wait to be paid.
    #[error("too many quotes of this mint wait to be paid")]
    TooMany,
    /// The mint's answer is not one, or would show something else than it says.
    #[error("the mint's answer cannot be shown")]
    BadAnswer,
}

impl Wallet {
    /// Asks a mint how to pay so much into the account. Whatever is paid under the quote's name is credited to it, and can then be
    /// [withdrawn](Self::withdraw).
    ///
    /// # Errors
    /// A [`QuoteError`]. If the answer was lost, [`quotes`](Self::quotes) asks for it again.
    pub async fn quote(&self, mint: &MintId, unit: &Unit, amount: Amount) -> Result<QuoteView, QuoteError> {
        let inner = &self.inner;
        inner.mint(mint)?.usable()?;
        let key = inner.seed.account_key(mint);
        let draft = QuoteDraft {
            account: AccountKey::from(&key),
            mint: *mint,
            operation: OperationId::from_bytes(rand::random()),
            amount,
            unit: unit.clone(),
            requested_at: to_the_minute(inner.now()),
        };
        let request = draft.sign(&key).map_err(|_| QuoteError::Nothing)?;
        let asked = Asked { request, answer: None };
        let kept = asked.clone();
        inner.vault.run::<_, StoreError>(move |tx| kept.keep(tx)).await?;
        match inner.ask_quote(asked).await? {
            Some(view) => Ok(view),
            // It was asked for just now: the mint's clock is another than ours, or it keeps nothing.
            None => Err(QuoteError::BadAnswer),
        }
    }

    /// Asks the mints of all quotes how far they are. Those that a mint has forgotten are forgotten here, too. What cannot be asked stays
    /// as it was last heard of; why is said beside it.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn quotes(&self) -> Result<Vec<(QuoteView, Option<QuoteError>)>, StoreError> {
        let inner = &self.inner;
        let mut views = Vec::new();
        for asked in inner.vault.run::<_, StoreError>(|tx| Asked::all(tx)).await? {
            match inner.ask_quote(asked.clone()).await {
                Ok(view) => views.extend(view.map(|view| (view, None))),
                Err(QuoteError::Store(error)) => return Err(error),
                Err(error) => views.extend(asked.view().map(|view| (view, Some(error)))),
            }
        }
        views.sort_by_key(|(view, _)| (view.asked_at, view.quote));
        Ok(views)
    }
}

impl Inner {
    /// Sends a request that is kept, and keeps the answer. None if it came to nothing: then it is kept no longer.
    async fn ask_quote(&self, mut asked: Asked) -> Result<Option<QuoteView>, QuoteError> {
        let mint = self.mint(&asked.request.draft().mint)?;
        let url = mint.url.join(mint_path::QUOTE).map_err(MintError::from)?;
        let call = QuoteCall { request: asked.request.clone() };
        let answer = match self.http_once().map_err(MintError::from)?.post_json::<_, QuoteAnswer>(&url, &call).await {
            Ok(answer) => answer,
            Err(error) => return self.not_quoted(asked, error).await,
        };
        if answer.payment.len() > QuoteAnswer::MAX_PAYMENT || !is_plain(&answer.payment) {
            return Err(QuoteError::BadAnswer);
        }
        asked.answer = Some(answer);
        let view = asked.view();
        self.vault.run::<_, StoreError>(move |tx| asked.keep(tx)).await?;
        Ok(view)
    }

    async fn not_quoted(&self, asked: Asked, error: CallError) -> Result<Option<QuoteView>, QuoteError> {
        let code = error.problem().and_then(|problem| problem.known());
        let is_new = asked.answer.is_none();
        let is_gone = match (&error, code) {
            // A request of before is refused for its time once the mint has forgotten it.
            (_, Some(Code::RequestExpired | Code::UnsupportedKind | Code::NotFound)) => true,
            (CallError::Refused(..), _) => is_new && !error.may_have_taken_effect(),
            (CallError::NotSent(_), _) => is_new,
            _ => false,
        };
        if is_gone {
            self.vault.run::<_, StoreError>(move |tx| asked.forget(tx)).await?;
        }
        match code {
            Some(Code::UnsupportedKind | Code::NotFound) if is_new => Err(QuoteError::NotOffered),
            Some(Code::RateLimited) => Err(QuoteError::TooMany),
            Some(Code::RequestExpired | Code::UnsupportedKind | Code::NotFound) if !is_new => Ok(None),
            _ => Err(MintError::from(error).into()),
        }
    }
}

/// A quote request, and what was answered last.
#[derive(Clone)]
struct Asked {
    request: QuoteRequest,
    answer: Option<QuoteAnswer>,
}

impl Asked {
    fn all(tx: &Tx<'_, '_>) -> Result<Vec<Self>, StoreError> {
        Ok(tx.scan(&[PREFIX])?.into_iter().map(|(_, asked)| asked).collect())
    }

    fn keep(&self, tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
        tx.put(&self.key(), self)
    }

    fn forget(&self, tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
        tx.delete(&self.key())
    }

    fn key(&self) -> Vec<u8> {
        let draft = self.request.draft();
        [[PREFIX].as_slice(), draft.mint.as_bytes(), draft.operation.as_bytes()].concat()
    }

    fn view(&self) -> Option<QuoteView> {
        let (draft, answer) = (self.request.draft(), self.answer.as_ref()?);
        Some(QuoteView {
            mint: draft.mint,
            quote: answer.quote,
            amount: draft.amount,
            unit: draft.unit.clone(),
            payment: answer.payment.clone(),
            asked_at: draft.requested_at,
            expires_at: answer.expires_at,
            state: answer.state,
            credited: answer.credited,
        })
    }
}

const PREFIX: u8 = b'f';

impl Encode for Asked {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.request);
        match &self.answer {
            None => out.u8(0),
            Some(QuoteAnswer { quote, payment, expires_at, state, credited }) => {
                out.u8(1);
                out.part(quote);
                out.text(payment);
                out.part(expires_at);
                out.u8(match state {
                    QuoteState::Open => 1,
                    QuoteState::Paid => 2,
                    QuoteState::Expired => 3,
                });
                out.part(credited);
            }
        }
    }
}

impl Decode for Asked {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let request = input.part()?;
        let answer = match input.u8()? {
            0 => None,
            1 => Some(QuoteAnswer {
                quote: input.part()?,
                payment: input.text(QuoteAnswer::MAX_PAYMENT)?.to_owned(),
                expires_at: input.part()?,
                state: match input.u8()? {
                    1 => QuoteState::Open,
                    2 => QuoteState::Paid,
                    3 => QuoteState::Expired,
                    _ => return Err(DecodeError::UnknownTag),
                },
                credited: input.part()?,
            }),
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { request, answer })
    }
}

impl Wire for Asked {}
