//! The signed list, the same bytes for everyone between two signings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use farthing_http::problem::Code;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::api::KeysetsAnswer;
use farthing_protocol::keyset::KeysetList;
use tokio::sync::Mutex;

use crate::books::Books;
use crate::keysets::KeysetBook;
use crate::ledger::{self, LedgerError};
use crate::signer::{Signer, SignerRefusal, SigningError};

/// A list is signed anew when it is this old, in seconds, and somebody asks for it.
const RESIGN_SECONDS: u64 = 600;

/// How long a list is valid, in seconds.
pub(crate) const VALID_SECONDS: u64 = 86_400;

/// Why there is no signed list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The signer.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl ListError {
    /// The signer has perhaps signed something that this mint does not know of: what it should sign takes that back, or
    /// is dated before it.
    pub(crate) fn contradicts(&self) -> bool {
        use SignerRefusal::{NotItsTime, WentBack};
        matches!(self, Self::Signing(SigningError::Refused(WentBack | NotItsTime)))
    }

    /// What should be signed cannot be, however often it is tried: the list that is out will end, and nobody pays by an old one.
    pub(crate) fn blocks(&self) -> bool {
        match self {
            Self::Ledger(error) => *error == LedgerError::Damaged,
            Self::Signing(SigningError::Unreached) => false,
            Self::Signing(_) => true,
        }
    }

    /// The stable code under which it is told to clients.
    pub fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Signing(error) => error.code(),
        }
    }
}

/// Keeps the list that is given out.
#[derive(Debug, Default)]
pub(crate) struct ListKeeper {
    served: Mutex<Option<Served>>,
    blocked: AtomicBool,
}

#[derive(Debug)]
struct Served {
    list: KeysetList,
    book: Arc<KeysetBook>,
    body: Bytes,
}

impl ListKeeper {
    /// Notes what became of the last try to give a list out.
    pub(crate) fn note<T>(&self, tried: &Result<T, ListError>) {
        match tried {
            Ok(_) => self.blocked.store(false, Ordering::SeqCst),
            Err(error) if error.blocks() => self.blocked.store(true, Ordering::SeqCst),
            // It is not known.
            Err(_) => {}
        }
    }

    /// Whether no list can be signed, as far as it was tried.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::SeqCst)
    }

    /// The JSON of a [`KeysetsAnswer`]. What it holds is durable: no later list is ever older.
    pub(crate) async fn body(&self, books: &Books, signer: &Signer) -> Result<Bytes, ListError> {
        let mut kept = self.served.lock().await;
        let (book, now) = (books.keyset_book(), books.clock().now());
        if let Some(served) = &*kept
            && Arc::ptr_eq(&served.book, &book)
            && is_fresh(&served.list, now)
        {
            return Ok(served.body.clone());
        }
        let last = match kept.take() {
            Some(served) => Some(served.list),
            None => books.ledger().read(ledger::stored_list).await?,
        };
        let list = match last {
            Some(list) if is_fresh(&list, now) && says_all(&list, &book) => list,
            last => sign(books, signer, &book, last.as_ref(), now).await?,
        };
        let answer = KeysetsAnswer { list, keysets: book.documents() };
        let body: Bytes = serde_json::to_vec(&answer).map_err(|_| LedgerError::Damaged)?.into();
        *kept = Some(Served { list: answer.list, book, body: body.clone() });
        Ok(body)
    }
}

fn is_fresh(list: &KeysetList, now: UnixTime) -> bool {
    now < list.issued_at().plus(RESIGN_SECONDS) && now.plus(RESIGN_SECONDS) < list.valid_until()
}

fn says_all(list: &KeysetList, book: &KeysetBook) -> bool {
    list.heads() == book.heads() && list.revocations() == book.revocations()
}

/// Signs a list later than the last, and makes it durable.
async fn sign(
    books: &Books,
    signer: &Signer,
    book: &KeysetBook,
    last: Option<&KeysetList>,
    now: UnixTime,
) -> Result<KeysetList, ListError> {
    let issued_at = last.map_or(now, |last| now.max(last.issued_at().plus(1)));
    let valid_until = issued_at.plus(VALID_SECONDS);
    let (mint, revocations) = (*books.home().mint_id(), book.revocations().to_vec());
    let draft = KeysetList::draft(mint, issued_at, valid_until, book.heads(), revocations);
    let list = signer.sign(draft.map_err(|_| LedgerError::Damaged)?).await?;
    // A book that has lost a keyset or a revocation must not be signed: it would contradict what was published.
    list.accept(&mint, last, issued_at).map_err(|error| {
        tracing::error!(%error, "keysets or revocations that were published are missing; nothing is signed");
        LedgerError::Damaged
    })?;
    let stored = list.clone();
    books.ledger().run(move |txn, _| ledger::store_list(txn, &stored)).await?;
    Ok(list)
}
