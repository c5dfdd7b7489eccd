//! Is a recorded issuance ours, and what did it make?

use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::blind::Commitment;
use farthing_protocol::blind::wallet::unblind_all;
use farthing_protocol::derive::{CoinContext, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::token::Token;

use super::request::{self, Coin};
use crate::error::{Lie, StoreError};
use crate::operation::{Lock, Used};
use crate::stock::{self, Held, StoredToken, TokenKey};

/// What came of an issuance.
pub(crate) enum Made {
    /// Tokens of this wallet, or that it holds for a payee.
    Own(Vec<(TokenKey, StoredToken)>),
    /// Tokens locked to somebody, each with its E.
    Locked(Vec<(Token, Element)>),
}

impl Made {
    /// What the tokens of this wallet are worth together.
    pub(crate) fn own_worth(&self) -> Result<Amount, StoreError> {
        match self {
            Self::Own(tokens) => stock::worth(tokens.iter().map(|(_, token)| token.denomination)),
            Self::Locked(_) => Ok(Amount::ZERO),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Own(tokens) => tokens.len(),
            Self::Locked(tokens) => tokens.len(),
        }
    }
}

/// What a record is to us.
pub(super) enum Found {
    /// Made for this operation.
    Ours(Made),
    /// Recorded under our issuance id with other challenges.
    Other,
    /// Ours, but funded by something this operation knows nothing of.
    OtherFunding,
}

/// Whether a record is of the session that a request was made for: no two sessions have a commitment in common.
pub(super) fn is_of_session(request: &IssuanceRequest, record: &IssuanceRecord) -> bool {
    let asked = &request.terms().outputs;
    let is_asked = |commitment: &Commitment| asked.iter().any(|output| output.commitment == *commitment);
    record.outputs.iter().any(|recorded| is_asked(&recorded.output.commitment))
}

/// Recomputes every challenge from the recorded commitments, and unblinds if they are ours.
pub(super) fn examine(
    seed: &Seed,
    keyset: &Keyset,
    used: Used,
    lock: Option<&Lock>,
    request: &IssuanceRequest,
    record: &IssuanceRecord,
    now: UnixTime,
) -> Result<Found, Lie> {
    let terms = request.terms();
    if record.issuance != terms.issuance {
        return Err(Lie::OtherRecord);
    }
    if record.keyset != used.keyset || record.outputs.is_empty() {
        return Ok(Found::Other);
    }
    let context = request::context(terms.mint, &used);
    let mut waiting = Vec::with_capacity(record.outputs.len());
    let mut coins = Vec::with_capacity(record.outputs.len());
    for (position, recorded) in (0..).zip(&record.outputs) {
        let output = &recorded.output;
        let context = CoinContext { issuance: context, position, denomination: output.denomination };
        let Ok((key, coin, state)) =
            request::awaiting(seed, keyset, &context, &output.commitment, lock.map(|lock| &lock.key))
        else {
            return Ok(Found::Other);
        };
        if state.challenge() != output.challenge {
            return Ok(Found::Other);
        }
        waiting.push((key, state));
        coins.push((TokenKey::new(&used, position), coin, output));
    }
    let asked = terms.outputs.iter().map(|output| output.denomination);
    let got = record.outputs.iter().map(|recorded| recorded.output.denomination);
    let same = record.funding == request.funding().source().id()
        && record.debit == terms.debit
        && record.shape == terms.shape
        && asked.eq(got);
    if !same {
        // In our own session it answers nothing that we signed; in another, somebody with the same words asked for it.
        return if is_of_session(request, record) { Err(Lie::OtherTerms) } else { Ok(Found::OtherFunding) };
    }
    let responses: Vec<_> = record.outputs.iter().map(|recorded| recorded.response).collect();
    let signatures = unblind_all(&mut rand::rng(), waiting, &responses)?;
    let (mut own, mut locked) = (Vec::new(), Vec::new());
    for ((place, coin, output), signature) in coins.into_iter().zip(signatures) {
        let token = Token { denomination: output.denomination, coin: *coin.public(), signature };
        match coin {
            Coin::Own(key) => {
                let stored = StoredToken::new(terms.mint, &token, &key, &output.commitment, now);
                // A token has one length.
                own.push((place, stored.map_err(|_: StoreError| Lie::OtherTerms)?));
            }
            Coin::Locked(coin) => match lock.and_then(Held::of) {
                Some(held) => own.push((place, StoredToken::held(terms.mint, &token, held, &output.commitment, now))),
                None => locked.push((token, *coin.ephemeral())),
            },
        }
    }
    let given = lock.is_some_and(|lock| lock.held_for.is_none());
    Ok(Found::Ours(if given { Made::Locked(locked) } else { Made::Own(own) }))
}
