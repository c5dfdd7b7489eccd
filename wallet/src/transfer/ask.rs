//! Asking for money: the record that a wallet publishes, and requests for an amount.

use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::{ReceivingIndex, Seed};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::RequestNonce;
use farthing_protocol::keyset::Redemption;
use farthing_protocol::locked::{LockKey, Recipient};
use farthing_protocol::request::{AcceptedMint, TransferDraft, TransferRequest};
use farthing_protocol::token::TextToken;

use super::AskError;
use crate::error::StoreError;
use crate::operation::{Body, Count, OpId, Operation};
use crate::vault::Tx;
use crate::wallet::{Wallet, to_the_minute};

/// A wallet looks for its keys so far beyond the last that it knows to have used: after a restore it knows of none.
const SEARCHED: u32 = 256;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How much.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// Whose tokens; the first mint that the wallet trusts with the unit, if none is named.
    pub mint: Option<MintId>,
    /// A note for the payer, 1 to 140 bytes.
    pub memo: Option<String>,
    /// How long it can be answered, in seconds.
    pub expires_in: u64,
}

/// A request that this wallet made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskView {
    /// The request.
    pub request: TransferRequest,
    /// The operation that received its answer.
    pub answered: Option<OpId>,
}

impl Wallet {
    /// The record by which everybody can lock tokens to this wallet. It is always the same while the wallet trusts the same mints: whoever
    /// has it from two places knows that they are of one wallet. A [`request`](Self::request) has a key of its own.
    ///
    /// # Errors
    /// [`AskError::NoMint`].
    pub fn recipient(&self) -> Result<Recipient, AskError> {
        let usable = self.inner.all_mints().into_iter().filter(|mint| mint.usable().is_ok());
        let mints: Vec<MintId> = usable.map(|mint| mint.id).take(Recipient::MAX_MINTS).collect();
        let seed = &self.inner.seed;
        let key = *seed.lock_key(ReceivingIndex::FIRST).public();
        Recipient::sign(&seed.payee_key(ReceivingIndex::FIRST), key, mints).map_err(|_| AskError::NoMint)
    }

    /// Makes a request for money, with keys that no other request has.
    ///
    /// # Errors
    /// An [`AskError`].
    pub async fn request(&self, ask: Ask) -> Result<TransferRequest, AskError> {
        if ask.amount.is_zero() {
            return Err(AskError::Nothing);
        }
        ask.memo.as_deref().map_or(Ok(()), TextToken::check_memo).map_err(AskError::Memo)?;
        let usable = self.inner.all_mints().into_iter().filter(|mint| mint.usable().is_ok());
        let mut asked = usable.filter(|mint| ask.mint.is_none_or(|id| id == mint.id));
        // One alone: a list of all that it trusts, and how far it knows them, would be the same in all of a wallet's requests.
        let accepted = asked.find_map(|mint| {
            let head = mint.chain(&ask.unit, &Redemption::Open)?.head();
            Some(AcceptedMint { mint: mint.id, head })
        });
        let mints = vec![accepted.ok_or(AskError::NoMint)?];
        let (inner, now) = (self.inner.clone(), self.inner.now());
        self.inner
            .vault
            .run(move |tx| {
                let index = next(tx)?;
                let seed = &inner.seed;
                let draft = TransferDraft {
                    payee: (&seed.payee_key(index)).into(),
                    key: *seed.lock_key(index).public(),
                    amount: ask.amount,
                    unit: ask.unit,
                    mints,
                    nonce: RequestNonce::from_bytes(rand::random()),
                    expires_at: to_the_minute(now).plus(ask.expires_in),
                    memo: ask.memo,
                };
                // Amount, mints and note were checked.
                let request = draft.sign(&seed.payee_key(index)).map_err(StoreError::from)?;
                tx.put_large(&key_of(index), &Kept { request: request.clone(), answered: None })?;
                tx.put(NEXT, &Count(u64::from(index.get()).saturating_add(1)))?;
                Ok(request)
            })
            .await
    }

    /// Requests that this wallet made, newest first.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn requests(&self) -> Result<Vec<AskView>, StoreError> {
        self.inner
            .vault
            .run(|tx| {
                let indices = (1..next(tx)?.get()).rev().map(ReceivingIndex::new);
                let view = |Kept { request, answered }| AskView { request, answered };
                indices
                    .filter_map(|index| tx.get_large(&key_of(index)).transpose().map(|kept| kept.map(view)))
                    .collect()
            })
            .await
    }
}

/// Which key of this wallet a token is locked to, searched for by `opens`.
pub(super) fn find_key<T>(
    seed: &Seed,
    next: ReceivingIndex,
    opens: impl Fn(&LockKey) -> Option<T>,
) -> Option<(ReceivingIndex, T)> {
    let indices = (0..next.get().saturating_add(SEARCHED)).map(ReceivingIndex::new);
    indices.into_iter().find_map(|index| Some((index, opens(&seed.lock_key(index))?)))
}

/// The first index that no request has.
pub(super) fn next(tx: &Tx<'_, '_>) -> Result<ReceivingIndex, StoreError> {
    let next = tx.get::<Count>(NEXT)?.map_or(1, |count| count.0);
    u32::try_from(next).map(ReceivingIndex::new).map_err(|_| StoreError::TooLarge)
}

/// Notes that tokens came which answer a request: exactly its amount, of one of its mints, and the first ones.
pub(crate) fn note_answer(tx: &mut Tx<'_, '_>, operation: &Operation) -> Result<(), StoreError> {
    let Body::Receive(receiving) = &operation.body else { return Ok(()) };
    let Some(index) = receiving.index else { return Ok(()) };
    let Some(mut kept) = tx.get_large::<Kept>(&key_of(index))? else { return Ok(()) };
    let draft = kept.request.draft();
    let fits = draft.amount == operation.amount
        && draft.unit == operation.unit
        && receiving.issue.redemption == Redemption::Open
        && draft.mints.iter().any(|accepted| accepted.mint == operation.mint);
    if fits && kept.answered.is_none() {
        kept.answered = Some(operation.id);
        tx.put_large(&key_of(index), &kept)?;
    }
    Ok(())
}

/// Notes that a key was used, so that no request gets it: after a restore this wallet does not know how far it was.
pub(super) fn note_used(tx: &mut Tx<'_, '_>, index: ReceivingIndex) -> Result<(), StoreError> {
    if index < next(tx)? { Ok(()) } else { tx.put(NEXT, &Count(u64::from(index.get()).saturating_add(1))) }
}

/// Lets a wallet that comes back from its words, and does not know which keys its requests had, go on with others. By chance, for a
/// wallet may be restored more than once.
pub(crate) fn start_anew(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    match tx.get::<Count>(NEXT)? {
        Some(_) => Ok(()),
        None => tx.put(NEXT, &Count(u64::from(SEARCHED).saturating_add(rand::random_range(1..=1024)))),
    }
}

/// Forgets requests that expired before a time; with `dry`, only counts them. Their keys stay used.
pub(crate) fn forget_asked(tx: &mut Tx<'_, '_>, before: UnixTime, dry: bool) -> Result<usize, StoreError> {
    let mut count = 0_usize;
    for index in (1..next(tx)?.get()).map(ReceivingIndex::new) {
        let kept = tx.get_large::<Kept>(&key_of(index))?;
        if kept.is_some_and(|kept| kept.request.draft().expires_at < before) {
            count = count.saturating_add(1);
            if !dry {
                tx.delete_large(&key_of(index))?;
            }
        }
    }
    Ok(count)
}

const NEXT: &[u8] = b"asked";

fn key_of(index: ReceivingIndex) -> Vec<u8> {
    [b"a/".as_slice(), &index.get().to_be_bytes()].concat()
}

/// A request as it is kept.
struct Kept {
    request: TransferRequest,
    answered: Option<OpId>,
}

impl Encode for Kept {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.request);
        out.optional(self.answered.as_ref());
    }
}

impl Decode for Kept {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { request: input.part()?, answered: input.optional()? })
    }
}

impl Wire for Kept {}
