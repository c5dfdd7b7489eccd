//! The double's recoup: it files claims, pays them when their time is over, and does what a test wants instead.

use std::collections::BTreeMap;

use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem};
use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::api::{RecoupAnswer, RecoupState, RecoupToken};
use farthing_protocol::identity::AccountKey;
use farthing_protocol::ids::{KeysetId, PaymentId};
use farthing_protocol::keyset::{Keyset, Revocation};
use farthing_protocol::locked::deposit_request;
use farthing_protocol::payment::{CheckBinding, PaymentCheck, PaymentKind, verify_payment};
use farthing_protocol::recoup::{RecoupClaim, recoup_request};

use crate::double::{DAY, Double, State};

/// For so long claims are collected.
pub(crate) const WINDOW: u64 = 30 * DAY;

/// What the mint does wrong, or says of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Refuse(Code),
    Says(RecoupState),
    /// Answers with nothing, for one token.
    NoTokens,
    /// Answers with two, for one token.
    TwoTokens,
    /// Never pays, and says each time that it will in a day.
    Later,
}

/// Who claims what, payees first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Payee,
    Holder,
}

struct Row {
    denomination: Denomination,
    proven: bool,
    claims: Vec<(Rank, PaymentId, AccountKey)>,
    paid: Option<PaymentId>,
}

#[derive(Default)]
pub(crate) struct Recoups {
    rows: BTreeMap<(KeysetId, [u8; 32]), Row>,
    pub(crate) mood: Option<Mood>,
    /// Each claim that came in, by its bytes.
    pub(crate) filed: u32,
}

impl Double {
    /// Revokes the last keyset, makes the next, and lets a second pass.
    pub(crate) fn revoke(&self) -> KeysetId {
        let now = self.now();
        let revoked = self.with(|state| {
            let keyset = *state.keysets.last().unwrap().1.id();
            state.revocations.push(Revocation { keyset, revoked_at: now });
            let mut terms = state.next_terms();
            (terms.active_from, terms.issue_until) = (now, now.plus(90 * DAY));
            let next = state.make(terms);
            state.keysets.push(next);
            keyset
        });
        self.pass(1);
        revoked
    }

    pub(crate) fn mood(&self, mood: Option<Mood>) {
        self.with(|state| state.recoups.mood = mood);
    }
}

impl State {
    pub(crate) fn is_revoked(&self, keyset: &KeysetId) -> bool {
        self.revocations.iter().any(|revocation| revocation.keyset == *keyset)
    }

    pub(crate) fn recoup(&mut self, claim: &RecoupClaim, now: UnixTime) -> Result<RecoupAnswer, Problem> {
        let revoked = self.revocations.iter().find(|revocation| revocation.keyset == *claim.keyset());
        let claims_until = revoked.ok_or(Code::KeysetNotRevoked)?.revoked_at.plus(WINDOW);
        let of = |state| RecoupToken { state, paid_at: None };
        match self.recoups.mood {
            Some(Mood::Refuse(code)) => return Err(code.into()),
            Some(Mood::Says(state)) => return Ok(RecoupAnswer { claims_until, tokens: vec![of(state)] }),
            Some(Mood::NoTokens) => return Ok(RecoupAnswer { claims_until, tokens: Vec::new() }),
            Some(Mood::TwoTokens) => {
                return Ok(RecoupAnswer { claims_until, tokens: vec![of(RecoupState::Paid); 2] });
            }
            Some(Mood::Later) | None => {}
        }
        let (_, keyset) = self.keysets.iter().find(|(_, keyset)| keyset.id() == claim.keyset()).unwrap();
        let claimant = claimant(claim, keyset)?;
        for evidence in claim.evidence() {
            let record = self.records.iter().find(|record| record.issuance == *evidence.proof.issuance());
            evidence
                .proof
                .verify(keyset, &evidence.token, record.ok_or(Code::InvalidProof)?)
                .map_err(|_| Code::InvalidProof)?;
        }
        for token in claim.tokens() {
            let key = (*claim.keyset(), *token.coin.as_bytes());
            let serial = [key.0.as_bytes().as_slice(), &key.1].concat();
            if let Some(earlier) = self.spent.iter().find(|(spent, _)| spent.as_slice() == serial).map(|(_, id)| id) {
                return Err(Problem::new(Code::DoubleSpend).with(EARLIER_PAYMENT_ID, earlier.to_text()));
            }
            let new = || Row { denomination: token.denomination, proven: false, claims: Vec::new(), paid: None };
            let row = self.recoups.rows.entry(key).or_insert_with(new);
            row.proven |= claim.proof_of(token).is_some();
            if let Some(claimed) = claimant.filter(|claimed| !row.claims.contains(claimed)) {
                row.claims.push(claimed);
            }
        }
        self.recoups.filed += 1;
        if self.recoups.mood == Some(Mood::Later) {
            return Ok(RecoupAnswer { claims_until: now.plus(DAY), tokens: vec![of(RecoupState::Waiting)] });
        }
        if now >= claims_until {
            self.pay_claims();
        }
        let told = |key| self.told(&key, claimant.map(|(_, payment, _)| payment));
        let tokens = claim.tokens().iter().map(|token| told((*claim.keyset(), *token.coin.as_bytes()))).collect();
        Ok(RecoupAnswer { claims_until, tokens })
    }

    fn told(&self, key: &(KeysetId, [u8; 32]), own: Option<PaymentId>) -> RecoupToken {
        let row = &self.recoups.rows[key];
        let state = match row.paid {
            Some(paid) if own.is_none_or(|own| own == paid) => RecoupState::Paid,
            Some(_) => RecoupState::PaidToAnother,
            None if row.proven => RecoupState::Waiting,
            None => RecoupState::Unproven,
        };
        RecoupToken { state, paid_at: None }
    }

    fn pay_claims(&mut self) {
        let open = self.recoups.rows.values_mut().filter(|row| row.proven && row.paid.is_none());
        for row in open {
            if let Some((_, payment, account)) = row.claims.iter().min_by_key(|(rank, ..)| *rank) {
                row.paid = Some(*payment);
                *self.accounts.entry(*account).or_default() += row.denomination.value().units();
            }
        }
    }
}

/// Who is to be paid, if his payment is what it must be.
fn claimant(claim: &RecoupClaim, keyset: &Keyset) -> Result<Option<(Rank, PaymentId, AccountKey)>, Problem> {
    let Some(payment) = claim.payment() else { return Ok(None) };
    let request = claim.locked().map_or_else(|| recoup_request(keyset.id()), deposit_request);
    if *payment.request() != request {
        return Err(Code::WrongRequest.into());
    }
    let check = PaymentCheck { payment: payment.clone(), keyset, binding: CheckBinding::None };
    verify_payment(&mut rand::rng(), check).map_err(|_| Code::InvalidProof)?;
    let rank = if payment.kind() == PaymentKind::Pay { Rank::Payee } else { Rank::Holder };
    Ok(Some((rank, payment.id(), payment.payee().account())))
}
