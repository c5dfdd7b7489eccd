//! Filing what was taken in locked tokens of a keyset that was revoked before it could be deposited, and what was credited and forgotten by the
//! mint (protocol section 10).

use std::sync::Arc;

use farthing_durable::{StoreFault, Txn};
use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::api::RecoupWindow;
use farthing_protocol::ids::PaymentId;
use farthing_protocol::keyset::Redemption as SpendableWith;
use farthing_protocol::payment::Payment;
use farthing_protocol::recoup::RecoupClaim;

use super::Merchant;
use super::deposit::redeem;
use crate::check::MAX_SKEW;
use crate::offline::{self, RefusedDeposit};
use crate::store::{Credited, StoreError, credited_after, credited_payment};

/// The mint's word for a keyset that was revoked, or that ended.
const REFUSED_AS: &str = "keyset_ended";

/// So many records are looked at in one transaction.
const LOOKED_AT: usize = 1024;

/// So many claims are given out at once.
const AT_ONCE: usize = 64;

/// A payment that was credited, as it is filed with a mint that has forgotten it.
#[derive(Debug)]
pub struct CreditedClaim {
    /// The payment as it was accepted.
    pub payment: PaymentId,
    /// Its worth.
    pub amount: Amount,
    /// In which unit.
    pub unit: Unit,
    /// What is to be filed.
    pub claim: RecoupClaim,
}

impl Merchant {
    /// Payments that the mint credited in a time that it has forgotten, in the order of their ids, some of those behind one; and behind which to
    /// go on. Nobody is asked.
    ///
    /// What it does not have any more it takes as claims, before those of others. What it has it says so of.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn credited_claims(
        &self,
        recoups: Vec<RecoupWindow>,
        after: Option<PaymentId>,
    ) -> Result<(Vec<CreditedClaim>, Option<PaymentId>), StoreError> {
        let inner = &self.inner;
        let job = inner.engine.submit(move |txn| forgotten(txn, &recoups, after.as_ref()));
        let (kept, next) = job.await?.map_err(|_: StoreFault| StoreError::Stopped)?;
        let keysets = inner.keyring.ever_known(&inner.mint).map_err(|_| StoreError::Stopped)?;
        let claim = |(credited, payment): (Credited, Payment)| {
            let unit = keysets.get(payment.keyset())?.keyset.terms().unit.clone();
            let (id, amount) = (payment.id(), payment.amount());
            let claim = match credited.locked {
                Some(locked) => RecoupClaim::redeeming(payment, locked, Vec::new()),
                None => RecoupClaim::new(*payment.mint(), *payment.keyset(), Some(payment), Vec::new()),
            };
            Some(CreditedClaim { payment: credited.locked.unwrap_or(id), amount, unit, claim: claim.ok()? })
        };
        Ok((kept.into_iter().filter_map(claim).collect(), next))
    }

    /// The deposits that the mint refused because their keyset was revoked, each as what is to be filed with it: the payment that redeems it,
    /// and the id of what was accepted. Nobody is asked.
    ///
    /// The payment's id is the same each time, so that filing it again is filing it once. Paid is what its payers show to have come
    /// from an honest issuance.
    ///
    /// # Errors
    /// A [`StoreError`] when the records cannot be read.
    pub async fn recoup_claims(&self) -> Result<Vec<(RefusedDeposit, RecoupClaim)>, StoreError> {
        let inner = &self.inner;
        let kept = inner.engine.submit(|txn| refused(txn)).await?.map_err(|_: StoreFault| StoreError::Stopped)?;
        let keysets = Arc::new(inner.keyring.ever_known(&inner.mint).map_err(|_| StoreError::Stopped)?);
        let (locks, payee) = (inner.keys.locks(), *inner.keys.payee());
        let task = tokio::task::spawn_blocking(move || {
            let claim = |(refusal, locked): (RefusedDeposit, Payment)| {
                let keyset = &keysets.get(locked.keyset())?.keyset;
                let payee = match keyset.terms().redemption {
                    SpendableWith::Open => payee,
                    SpendableWith::Closed(payee) => payee,
                };
                let payment = locks.iter().find_map(|lock| redeem(lock, &payee, keyset, &locked))?;
                let claim = RecoupClaim::redeeming(payment, locked.id(), Vec::new()).ok()?;
                Some((refusal, claim))
            };
            kept.into_iter().filter_map(claim).collect()
        });
        task.await.map_err(|_| StoreError::Stopped)
    }
}

/// Some credited payments, and behind which to go on.
type Page = (Vec<(Credited, Payment)>, Option<PaymentId>);

/// Credited payments of times that a mint has forgotten.
fn forgotten(txn: &Txn<'_>, recoups: &[RecoupWindow], after: Option<&PaymentId>) -> Result<Page, StoreFault> {
    let is_forgotten = |credited: &Credited| {
        let window = recoups.iter().find(|window| window.keyset == credited.keyset);
        let forgotten = window.and_then(|window| window.forgotten);
        forgotten.is_some_and(|forgotten| credited.at.plus(MAX_SKEW) >= forgotten.since)
    };
    let rows = credited_after(txn, after, LOOKED_AT)?;
    let mut next = if rows.len() < LOOKED_AT { None } else { rows.last().map(|(id, _)| *id) };
    let mut found = Vec::new();
    for (id, credited) in rows.into_iter().filter(|(_, credited)| is_forgotten(credited)) {
        found.push((credited, credited_payment(txn, &id)?));
        if found.len() == AT_ONCE {
            next = Some(id);
            break;
        }
    }
    Ok((found, next))
}

fn refused(txn: &Txn<'_>) -> Result<Vec<(RefusedDeposit, Payment)>, StoreFault> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let more = offline::refused_after(txn, after.as_ref(), 256)?;
        let Some(last) = more.last() else { return Ok(found) };
        after = Some(last.payment);
        for refusal in more.into_iter().filter(|refusal| refusal.code == REFUSED_AS) {
            if let Some(payment) = offline::refused_payment(txn, &refusal.payment)? {
                found.push((refusal, payment));
            }
        }
    }
}
