//! Issuances: the debit and the record, in one transaction.

use std::sync::Arc;

use farthing_durable::Txn;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::PermitPurpose;
use farthing_protocol::blind::SessionId;
use farthing_protocol::codec::Wire;
use farthing_protocol::identity::{AccountKey, IssuanceId, VoucherKey};
use farthing_protocol::ids::{Claim, FundingId, PaymentId};
use farthing_protocol::issuance::{Field, IssuanceRecord, Output, RecordedOutput};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use farthing_verifier::check::VerifiedPayment;
use farthing_verifier::spent::{self, RecordError};
use farthing_verifier::store::Outcome;

use super::LedgerError;
use super::archive::log;
use super::book::{Place, TransferError, transfer};
use super::deposits::is_revoked;
use super::ended::tombstone;
use super::limits::{Asked, admit};
use super::outflow::{AccountRules, LeaveRefusal, Leaving, leave};
use super::records::{AnsweredSession, IssuanceEntry, RedeemedBy, Source, Table, VoucherState, get, put};
use super::vouchers::count_redeemed;
use crate::limits::{IssueLimits, Limit};
use crate::signer::Answer;

/// What pays, verified.
#[derive(Clone, Debug)]
pub(crate) enum Means {
    Account(AccountKey),
    Voucher(VoucherKey),
    Tokens(Box<VerifiedPayment>),
}

impl Means {
    /// What kind it is, for figures.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Voucher(_) => "voucher",
            Self::Tokens(_) => "tokens",
        }
    }
}

/// An issuance of which everything is verified but what only the ledger knows.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: IssuanceId,
    pub(crate) keyset: Arc<Keyset>,
    pub(crate) session: SessionId,
    pub(crate) shape: Shape,
    pub(crate) amount: Amount,
    pub(crate) debit: Amount,
    pub(crate) outputs: Vec<Output>,
    pub(crate) field: Field,
    pub(crate) funding: FundingId,
    pub(crate) means: Means,
    pub(crate) rules: AccountRules,
}

/// What would become of an order now.
#[derive(Clone, Debug)]
pub(crate) enum Foresight {
    /// It is recorded already.
    Recorded(Box<IssuanceRecord>),
    /// It would be refused.
    Refused(IssueRefusal),
    /// It would be recorded.
    Good,
}

/// Why an issuance was not recorded. Nothing changed, except where the ledger's error says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueRefusal {
    #[error("the session was answered before")]
    SessionAnswered,
    #[error("the funding was used by another issuance")]
    FundingUsed(IssuanceId),
    #[error("a token was spent before")]
    DoubleSpend(PaymentId),
    #[error("the funds do not cover the amount")]
    InsufficientFunds,
    #[error("this needs a code of the account's second factor")]
    SecondFactor,
    #[error("more would leave the account within a day than the mint allows")]
    DayLimit,
    #[error("a voucher is redeemed whole")]
    VoucherNotWhole,
    #[error("the voucher has expired or was revoked")]
    VoucherEnded,
    #[error("the keyset is not issuing")]
    KeysetNotIssuing,
    #[error("the keyset of the tokens has ended")]
    InputsEnded,
    #[error(transparent)]
    OverLimit(#[from] Limit),
    #[error("what is owed is more than what was declared to be held against it")]
    NotBacked,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RecordError> for IssueRefusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::KeysetEnded => Self::InputsEnded,
            other => Self::Ledger(other.into()),
        }
    }
}

impl From<TransferError> for IssueRefusal {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Insufficient => Self::InsufficientFunds,
            TransferError::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl From<LeaveRefusal> for IssueRefusal {
    fn from(refusal: LeaveRefusal) -> Self {
        match refusal {
            LeaveRefusal::SecondFactor => Self::SecondFactor,
            LeaveRefusal::DayLimit => Self::DayLimit,
            LeaveRefusal::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// The record of an issuance id.
pub(crate) fn find_issuance(txn: &Txn<'_>, id: &IssuanceId) -> Result<Option<IssuanceRecord>, LedgerError> {
    let Some(bytes) = txn.get_large(&Table::Issuance.key(id.as_bytes()))? else { return Ok(None) };
    IssuanceRecord::from_bytes(&bytes).map(Some).map_err(|_| LedgerError::Damaged)
}

/// The issuance recorded for a funding id.
pub(crate) fn funded_by(txn: &Txn<'_>, funding: &FundingId) -> Result<Option<IssuanceId>, LedgerError> {
    get(txn, Table::Funding, funding.as_bytes())
}

/// What [`issue`] would say now. Nothing changes: the job ends with an error, whatever it says.
pub(crate) fn foresee(txn: &mut Txn<'_>, now: UnixTime, order: &Order, limits: &IssueLimits) -> Foresight {
    match find_issuance(txn, &order.id) {
        Ok(Some(record)) => Foresight::Recorded(Box::new(record)),
        Err(error) => Foresight::Refused(error.into()),
        Ok(None) => match judge(txn, now, order, limits) {
            Ok(_) => Foresight::Good,
            Err(refusal) => Foresight::Refused(refusal),
        },
    }
}

/// Records an issuance with its debit and its responses, or finds the record of its id.
///
/// # Security
/// The responses are taken here and nowhere else, and leave with the job's answer: when all is durable.
pub(crate) fn issue(
    txn: &mut Txn<'_>,
    now: UnixTime,
    order: Order,
    answer: Answer,
    limits: &IssueLimits,
) -> Result<IssuanceRecord, IssueRefusal> {
    if let Some(record) = find_issuance(txn, &order.id)? {
        return Ok(record);
    }
    let source = judge(txn, now, &order, limits)?;
    write(txn, now, order, answer, source)
}

/// Refuses what must not be recorded, and moves the value.
fn judge(txn: &mut Txn<'_>, now: UnixTime, order: &Order, limits: &IssueLimits) -> Result<Source, IssueRefusal> {
    if get::<AnsweredSession>(txn, Table::Session, order.session.as_bytes())?.is_some() {
        return Err(IssueRefusal::SessionAnswered);
    }
    if let Some(winner) = funded_by(txn, &order.funding)? {
        return Err(IssueRefusal::FundingUsed(winner));
    }
    if is_revoked(txn, order.keyset.id(), now)? || tombstone(txn, order.keyset.id())?.is_some() {
        return Err(IssueRefusal::KeysetNotIssuing);
    }
    let asked = Asked { means: &order.means, unit: &order.keyset.terms().unit, amount: order.amount };
    admit(txn, now, asked, limits)?;
    pay(txn, now, order)
}

/// Moves the value from the funding into tokens of the keyset.
fn pay(txn: &mut Txn<'_>, now: UnixTime, order: &Order) -> Result<Source, IssueRefusal> {
    let unit = &order.keyset.terms().unit;
    let outputs = Place::Tokens(order.keyset.id());
    match &order.means {
        Means::Account(account) => {
            let operation = (PermitPurpose::Withdrawal, order.funding);
            let leaving = Leaving { account, unit, amount: order.debit, operation };
            leave(txn, now, &order.rules, &leaving)?;
            let fee = order.debit.checked_sub(order.amount).ok_or(LedgerError::Overflow)?;
            transfer(txn, unit, Place::Account(account), outputs, order.amount)?;
            transfer(txn, unit, Place::Account(account), Place::Fees, fee)?;
            Ok(Source::Account(*account))
        }
        Means::Voucher(voucher) => {
            redeem(txn, now, voucher, unit, order)?;
            transfer(txn, unit, Place::Vouchers, outputs, order.amount)?;
            Ok(Source::Voucher(*voucher))
        }
        Means::Tokens(payment) => {
            let inputs = payment.keyset().id();
            if is_revoked(txn, inputs, now)? || now >= payment.keyset().terms().spend_until {
                return Err(IssueRefusal::InputsEnded);
            }
            // Nobody compares the claim of a swap; the issuance id stands for it.
            match spent::record(txn, payment, &Claim::from_bytes(*order.id.as_bytes()), now)? {
                Outcome::Accepted { .. } => {}
                Outcome::DoubleSpend { earlier } => return Err(IssueRefusal::DoubleSpend(earlier)),
                // A swap is recorded together with its issuance, which was not found.
                Outcome::AlreadyAccepted { .. } => return Err(LedgerError::Damaged.into()),
            }
            transfer(txn, unit, Place::Tokens(inputs), outputs, order.amount)?;
            Ok(Source::Tokens(*inputs, *payment.id()))
        }
    }
}

fn redeem(
    txn: &mut Txn<'_>,
    now: UnixTime,
    voucher: &VoucherKey,
    unit: &Unit,
    order: &Order,
) -> Result<(), IssueRefusal> {
    let mut state: VoucherState =
        get(txn, Table::Voucher, voucher.as_bytes())?.ok_or(IssueRefusal::InsufficientFunds)?;
    if state.redeemed_by.0.is_some() || state.unit != *unit {
        return Err(IssueRefusal::InsufficientFunds);
    }
    if state.amount != order.amount {
        return Err(IssueRefusal::VoucherNotWhole);
    }
    if !count_redeemed(txn, now, voucher)? {
        return Err(IssueRefusal::VoucherEnded);
    }
    state.redeemed_by = RedeemedBy(Some(order.id));
    Ok(put(txn, Table::Voucher, voucher.as_bytes(), &state)?)
}

fn write(
    txn: &mut Txn<'_>,
    now: UnixTime,
    order: Order,
    answer: Answer,
    source: Source,
) -> Result<IssuanceRecord, IssueRefusal> {
    let Order { id, keyset, session, shape, amount, debit, outputs, field, funding, .. } = order;
    let entry = IssuanceEntry { keyset: *keyset.id(), amount, debit, source, funding, session, at: now };
    let (challenges, responses) = answer.into_record();
    let answered = AnsweredSession { issuance: id, challenges };
    if responses.len() != outputs.len() {
        return Err(LedgerError::Damaged.into());
    }
    let outputs =
        outputs.into_iter().zip(responses).map(|(output, response)| RecordedOutput { output, response }).collect();
    let record = IssuanceRecord { keyset: *keyset.id(), shape, issuance: id, funding, debit, outputs, field };
    put(txn, Table::Session, session.as_bytes(), &answered)?;
    put(txn, Table::Funding, funding.as_bytes(), &id)?;
    put(txn, Table::Issuance, id.as_bytes(), &entry)?;
    log(txn, entry.keyset, id, now)?;
    txn.put_large(&Table::Issuance.key(id.as_bytes()), &record.to_bytes()).map_err(LedgerError::from)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_durable::Options;
    use farthing_protocol::amount::Denomination;
    use farthing_protocol::blind::Challenge;
    use farthing_protocol::blind::mint::Sessions;
    use farthing_protocol::codec::Decode;
    use farthing_protocol::identity::Keypair;
    use farthing_protocol::ids::OperationId;
    use farthing_protocol::issuance::FundingSource;
    use farthing_protocol::keyset::{KeysetTerms, Redemption, SecretKeyset};

    use super::super::ended::Prepared;
    use super::super::{
        AuditReport, BurialRefusal, KeysetFacts, Ledger, Moment, Times, Tombstone, bury, credit, prepare_burial,
    };
    use super::*;
    use crate::clock::{Clock, SystemClock};

    struct Fixture {
        ledger: Ledger,
        sessions: Sessions,
        keys: SecretKeyset,
        keyset: Arc<Keyset>,
        account: AccountKey,
        now: UnixTime,
    }

    impl Fixture {
        fn new(folder: &std::path::Path) -> Self {
            let (identity, now) = (Keypair::from_secret(&[1; 32]), SystemClock.now());
            let terms = KeysetTerms {
                mint: (&identity).into(),
                sequence: 0,
                predecessor: None,
                unit: Unit::new("EUR", 2).unwrap(),
                redemption: Redemption::Open,
                active_from: now,
                issue_until: now.plus(10),
                spend_until: now.plus(20),
                deposit_until: now.plus(30),
                fees: farthing_protocol::amount::Fees::default(),
                bundles: Vec::new(),
            };
            let mut rng = crate::system_rng();
            let (keys, keyset) = SecretKeyset::generate(&mut rng, terms, 8, &identity).unwrap();
            let ledger = Ledger::open(
                folder,
                Options::new(),
                (&identity).into(),
                super::super::Opened::by(Arc::new(SystemClock)),
                &crate::keys::FactorKey::open(folder).unwrap(),
            )
            .unwrap();
            let account = AccountKey::from_bytes([2; 32]);
            let unit = keyset.terms().unit.clone();
            let credited = ledger
                .submit(move |txn, now| credit(txn, now, &account, &unit, Amount::new(100).unwrap(), "all"))
                .wait();
            credited.unwrap().unwrap();
            let sessions = Sessions::new(&mut rng);
            Self { ledger, sessions, keys, keyset: Arc::new(keyset), account, now }
        }

        /// An issuance of one token of 4 in a session of its own.
        fn issue(&mut self, id: u8, operation: u8) -> (Order, Answer) {
            let denomination = Denomination::new(2).unwrap();
            let opened = self.sessions.open(&mut crate::system_rng(), self.keyset.id(), &[denomination], self.now);
            let commitment = *opened.commitments.first().unwrap();
            let challenge =
                Challenge::decode_from(&mut farthing_protocol::codec::Reader::new(&[operation; 32].map(|b| b & 1)))
                    .unwrap();
            let (session, seal, keyset) = (opened.session, opened.seal, *self.keyset.id());
            let authentic =
                self.sessions.authenticate(&session, &seal, &keyset, &[denomination], &[commitment], self.now).unwrap();
            let claimed = self.sessions.claim(authentic, vec![challenge], self.now).unwrap();
            let operation = OperationId::from_bytes([operation; 16]);
            let order = Order {
                id: IssuanceId::from_bytes([id; 32]),
                keyset: Arc::clone(&self.keyset),
                session,
                shape: Shape::Withdrawal(denomination.value()),
                amount: denomination.value(),
                debit: denomination.value(),
                outputs: vec![Output { denomination, commitment, challenge }],
                field: Field::from_bytes([0; 128]),
                funding: FundingSource::Account(self.account, operation).id(),
                means: Means::Account(self.account),
                rules: AccountRules::default(),
            };
            (order, Answer::to(claimed, &self.keys).unwrap())
        }

        fn moment(&self) -> Moment {
            Moment::new(Moment::of(&self.ledger.engine).wait().unwrap().unwrap())
        }

        fn facts(&self) -> KeysetFacts {
            let terms = self.keyset.terms();
            [(*self.keyset.id(), (terms.unit.clone(), terms.fees))].into()
        }

        fn audit(&self) -> AuditReport {
            crate::ledger::audit(&self.moment(), self.now, &self.facts()).unwrap()
        }

        fn later(&self) -> Times {
            let later = self.keyset.terms().deposit_until;
            Times { now: later, sure: later }
        }

        fn prepare(&self) -> Prepared {
            prepare_burial(&self.moment(), self.later(), &self.keyset, &self.facts()).unwrap()
        }

        fn bury(&self, prepared: Prepared) -> Result<Tombstone, BurialRefusal> {
            let (keyset, later) = (Arc::clone(&self.keyset), self.later());
            let buried = self.ledger.submit(move |txn, _| bury(txn, later, &keyset, prepared)).wait();
            buried.unwrap().map(|(_, tombstone)| tombstone)
        }

        fn run(&self, (order, answer): (Order, Answer)) -> Result<IssuanceRecord, IssueRefusal> {
            self.ledger.submit(move |txn, now| issue(txn, now, order, answer, &IssueLimits::default())).wait().unwrap()
        }
    }

    /// What the races of the integration tests reach by luck alone: two requests that both found nothing recorded,
    /// and both claimed a session.
    #[test]
    fn the_transaction_itself_keeps_ids_and_fundings_unique() {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::new(folder.path());
        let (first, same_id) = (fixture.issue(1, 1), fixture.issue(1, 2));
        let (same_funding, mut same_session) = (fixture.issue(2, 1), fixture.issue(3, 3));
        same_session.0.session = first.0.session;
        let record = fixture.run(first).unwrap();
        assert_eq!(fixture.run(same_id).unwrap(), record);
        assert_eq!(fixture.run(same_funding), Err(IssueRefusal::FundingUsed(record.issuance)));
        assert_eq!(fixture.run(same_session), Err(IssueRefusal::SessionAnswered));
        let account = fixture.account;
        let held = fixture.ledger.submit(move |txn, _| super::super::balances(txn, &account)).wait();
        assert_eq!(held.unwrap().unwrap().first().unwrap().1.units(), 96);
    }

    /// What was added up is not what is buried when anything of it has changed, its account's name included.
    #[test]
    fn a_keyset_that_changes_while_it_is_audited_is_not_buried() {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::new(folder.path());
        let (first, second) = (fixture.issue(1, 1), fixture.issue(2, 2));
        fixture.run(first).unwrap();
        let (account, unit, authority) =
            (fixture.account, fixture.keyset.terms().unit.clone(), crate::ledger::Authority::local());
        let old = fixture.prepare();
        fixture.run(second).unwrap();
        assert_eq!(fixture.bury(old).map(drop), Err(BurialRefusal::Changed));
        let leave = move |txn: &mut Txn<'_>, now| {
            let rest = (&account, &unit, Amount::new(92).unwrap());
            crate::ledger::pay_out_by(txn, now, &authority, rest, "all").map(drop)
        };
        fixture.ledger.submit(leave).wait().unwrap().unwrap();
        let old = fixture.prepare();
        let mut place = Some(crate::ledger::ErasePlace::of_an_account());
        while let Some(from) = place {
            let erase =
                fixture.ledger.submit(move |txn, now| crate::ledger::erase_account(txn, now, &account, from)).wait();
            place = erase.unwrap().unwrap().1;
        }
        assert_eq!(fixture.bury(old).map(drop), Err(BurialRefusal::Changed));
        let tombstone = fixture.bury(fixture.prepare()).unwrap();
        assert_eq!((tombstone.issued.units(), tombstone.redeemed.units()), (8, 0));
        assert!(fixture.audit().is_right());
    }

    /// Whoever reads everything holds nobody up, and sees nothing of what they do.
    #[test]
    fn the_ledger_goes_on_while_a_moment_of_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::new(folder.path());
        let (first, second) = (fixture.issue(1, 1), fixture.issue(2, 2));
        fixture.run(first).unwrap();
        let moment = fixture.moment();
        let count = || {
            let mut found = 0;
            moment.scan(Table::Issuance, &mut |_, _: IssuanceEntry| {
                found += 1;
                Ok(())
            })?;
            Ok::<_, LedgerError>(found)
        };
        assert_eq!(count(), Ok(1));
        fixture.run(second).unwrap();
        assert_eq!(count(), Ok(1));
        assert!(crate::ledger::audit(&moment, fixture.now, &fixture.facts()).unwrap().is_right());
        drop(moment.reading());
        assert_eq!(count(), Err(LedgerError::Busy));
    }

    #[test]
    fn a_revocation_that_comes_between_stops_the_issuance() {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Fixture::new(folder.path());
        let (issuance, keyset) = (fixture.issue(1, 1), *fixture.keyset.id());
        let revoked = fixture.ledger.submit(move |txn, now| super::super::revoke(txn, now, &keyset)).wait();
        revoked.unwrap().unwrap();
        assert_eq!(fixture.run(issuance), Err(IssueRefusal::KeysetNotIssuing));
    }
}
