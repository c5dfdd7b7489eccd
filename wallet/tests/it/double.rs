//! A mint and a payee in memory, honest until told otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, Problem, WINNER};
use farthing_protocol::amount::{Amount, Denomination, Fees, Unit, UnixTime};
use farthing_protocol::api::{
    AccountAnswer, AccountRequest, ArchiveAnswer, FinishAnswer, FinishRequest, KeysetsAnswer, OpenAnswer, OpenRequest,
    PayAnswer, PayRequest, PaymentAnswer, PermitAnswer, PermitCall, QuoteAnswer, QuoteCall, QuoteDraft, QuoteId,
    QuoteRequest, QuoteState, RecoupCall, SecondFactor, UnitBalance, mint_path, verifier_path,
};
use farthing_protocol::blind::Response;
use farthing_protocol::blind::mint::{SessionError, Sessions};
use farthing_protocol::codec::{Decode, Encode, Reader, Writer};
use farthing_protocol::identity::{AccountKey, Keypair, MintId, PayeeKey, VoucherKey};
use farthing_protocol::ids::{FundingId, KeysetId, PaymentId, RequestNonce};
use farthing_protocol::issuance::{Funding, FundingSource, IssuanceRecord, IssuanceRequest, RecordedOutput};
use farthing_protocol::keyset::{
    Bundle, ChainHead, Keyset, KeysetList, KeysetTerms, ListedHead, Redemption, Revocation, SecretKeyset,
};
use farthing_protocol::locked::{LockKey, Recipient};
use farthing_protocol::payment::{CheckBinding, Payment, PaymentCheck, PaymentKind, verify_payment};
use farthing_protocol::receipt::{Receipt, ReceiptDraft};
use farthing_protocol::request::{AcceptedMint, Invoice, InvoiceDraft, PaymentRequest};
use farthing_protocol::text::TextForm;

use crate::archive::Archive;
use crate::claims::Recoups;
use crate::http::{Fault, Service};

pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;
/// The one code of a second factor.
pub(crate) const CODE: &str = "123456";

/// What the mint does wrong while issuing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    RepeatedCommitment,
    FewerCommitments,
    WrongB,
    WrongY,
    WrongZ,
    FewerResponses,
    OtherRecord,
    OtherDebit,
    OtherFunding,
    OtherChallenge,
    /// The same, once.
    OtherChallengeOnce,
    SessionGone,
}

/// What the payee does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cheat {
    /// Accepts and says so, with a receipt that another key signed.
    ForeignReceipt,
    /// Accepts and says so, with a receipt of another payment.
    OtherReceipt,
    /// Refuses, and deposits all the same.
    RefuseAndKeep(Code),
    /// Refuses.
    Refuse(Code),
    /// Accepts, with a receipt whose head is on no chain of the mint.
    DifferingHead,
}

/// A voucher in the mint's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voucher {
    Worth(u64),
    Ended,
}

/// A quote that was given.
pub(crate) struct Quote {
    id: QuoteId,
    made_at: UnixTime,
    pub(crate) credited: u64,
}

pub(crate) struct Double {
    pub(crate) clock: Arc<AtomicU64>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) identity: Keypair,
    pub(crate) payee: Keypair,
    /// What tokens can be locked to, to pay this payee.
    pub(crate) lock: LockKey,
    pub(crate) keysets: Vec<(SecretKeyset, Keyset)>,
    pub(crate) revocations: Vec<Revocation>,
    /// Answered instead of the truth.
    pub(crate) answer: Option<KeysetsAnswer>,
    pub(crate) lie: Option<Lie>,
    pub(crate) cheat: Option<Cheat>,
    pub(crate) faults: VecDeque<(&'static str, Fault)>,
    /// Requests of a path before its faults begin.
    pub(crate) healthy: u32,
    pub(crate) requests: BTreeMap<String, u32>,
    /// The times that wallets signed.
    pub(crate) times: Vec<UnixTime>,
    /// The last payment that came in.
    pub(crate) last_payment: Option<PayRequest>,
    sessions: Sessions,
    pub(crate) accounts: BTreeMap<AccountKey, u64>,
    pub(crate) recoups: Recoups,
    pub(crate) vouchers: BTreeMap<VoucherKey, Voucher>,
    /// What those are told who ask how to pay in; without it nobody is told anything.
    pub(crate) payment: Option<String>,
    pub(crate) quotes: BTreeMap<[u8; 16], Quote>,
    /// How much may leave an account without a permission, if not all.
    pub(crate) free: Option<u64>,
    /// What may leave beyond it: funding ids and amounts.
    pub(crate) permits: Vec<(FundingId, Amount)>,
    pub(crate) records: Vec<IssuanceRecord>,
    /// Keysets that have ended, and whose records are no more given out.
    pub(crate) buried: Vec<KeysetId>,
    /// When each was recorded.
    pub(crate) recorded_at: Vec<UnixTime>,
    /// Keyset, coin and time of what was spent.
    pub(crate) spendings: Vec<(KeysetId, [u8; 32], UnixTime)>,
    pub(crate) archive: Archive,
    pub(crate) spent: BTreeMap<[u8; 64], PaymentId>,
    receipts: BTreeMap<PaymentId, Receipt>,
    paid: u64,
    /// The one message that each session, issuance id and payment id may be seen in.
    messages: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) violations: u32,
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn denomination(d: u8) -> Denomination {
    Denomination::new(d).unwrap()
}

pub(crate) fn unit() -> Unit {
    Unit::new("EUR", 2).unwrap()
}

impl Double {
    pub(crate) fn new() -> Arc<Self> {
        let mut rng = rand::rng();
        let identity = Keypair::generate(&mut rng);
        let clock = Arc::new(AtomicU64::new(START));
        let mut state = State {
            identity,
            payee: Keypair::generate(&mut rng),
            lock: LockKey::generate(&mut rng),
            keysets: Vec::new(),
            revocations: Vec::new(),
            answer: None,
            lie: None,
            cheat: None,
            faults: VecDeque::new(),
            healthy: 0,
            requests: BTreeMap::new(),
            times: Vec::new(),
            last_payment: None,
            sessions: Sessions::new(&mut rng),
            accounts: BTreeMap::new(),
            recoups: Recoups::default(),
            vouchers: BTreeMap::new(),
            payment: None,
            quotes: BTreeMap::new(),
            free: None,
            permits: Vec::new(),
            records: Vec::new(),
            buried: Vec::new(),
            recorded_at: Vec::new(),
            spendings: Vec::new(),
            archive: Archive::default(),
            spent: BTreeMap::new(),
            receipts: BTreeMap::new(),
            paid: 0,
            messages: BTreeMap::new(),
            violations: 0,
        };
        state.add_keyset();
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap())
    }

    pub(crate) fn id(&self) -> MintId {
        self.with(|state| MintId::from(&state.identity))
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::from_seconds(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn credit(&self, account: AccountKey, units: u64) {
        self.with(|state| *state.accounts.entry(account).or_default() += units);
    }

    pub(crate) fn fail_next(&self, path: &'static str, fault: Fault) {
        self.with(|state| state.faults.push_back((path, fault)));
    }

    pub(crate) fn asked(&self, path: &str) -> u32 {
        self.with(|state| state.requests.get(path).copied().unwrap_or(0))
    }

    /// What accounts and the payee hold.
    pub(crate) fn held(&self) -> (u64, u64) {
        self.with(|state| (state.accounts.values().sum(), state.paid))
    }

    /// The payee's record.
    pub(crate) fn recipient(&self) -> Recipient {
        let mint = self.id();
        self.with(|state| Recipient::sign(&state.payee, *state.lock.public(), vec![mint]).unwrap())
    }

    /// Takes a payment that was handed over.
    pub(crate) fn take(&self, handed: &str) -> Result<Receipt, Problem> {
        let PayRequest { payment, request } = PayRequest::from_text(handed).unwrap();
        let now = self.now();
        self.with(|state| state.pay(&payment, &request, now)).map(|answer| answer.receipt)
    }

    /// Hands the last payment in once more, as a payee might who refused it.
    pub(crate) fn replay(&self) -> Result<PayAnswer, Problem> {
        let now = self.now();
        self.with(|state| {
            let PayRequest { payment, request } = state.last_payment.clone().unwrap();
            state.pay(&payment, &request, now)
        })
    }

    /// A restart: sessions of before are unknown.
    pub(crate) fn restart(&self) {
        self.with(|state| state.sessions = Sessions::new(&mut rand::rng()));
    }

    pub(crate) fn invoice(&self, endpoint: &str, units: u64, change: impl FnOnce(&mut InvoiceDraft)) -> Invoice {
        let now = self.now();
        self.with(|state| {
            let mut draft = InvoiceDraft {
                payee: PayeeKey::from(&state.payee),
                amount: amount(units),
                unit: unit(),
                mints: vec![AcceptedMint { mint: MintId::from(&state.identity), head: state.head() }],
                nonce: RequestNonce::from_bytes(rand::random()),
                expires_at: now.plus(900),
                reusable: false,
                memo: Some("tea".to_owned()),
                endpoint: Some(endpoint.to_owned()),
                http: None,
            };
            change(&mut draft);
            draft.sign(&state.payee).unwrap()
        })
    }
}

impl State {
    /// Terms of the next keyset: 90 days of issuing each, one after the other.
    pub(crate) fn next_terms(&self) -> KeysetTerms {
        self.next_terms_at(self.keysets.len() as u64, self.keysets.last().map(|(_, keyset)| *keyset.id()))
    }

    pub(crate) fn next_terms_at(&self, sequence: u64, predecessor: Option<KeysetId>) -> KeysetTerms {
        let from = UnixTime::from_seconds(START - DAY + sequence * 90 * DAY);
        KeysetTerms {
            mint: MintId::from(&self.identity),
            sequence,
            predecessor,
            unit: unit(),
            redemption: Redemption::Open,
            active_from: from,
            issue_until: from.plus(90 * DAY),
            spend_until: from.plus(455 * DAY),
            deposit_until: from.plus(485 * DAY),
            fees: Fees { withdrawal_ppm: 10_000, deposit_ppm: 0 },
            bundles: vec![Bundle::new((0..6).map(|d| (denomination(d), 3)).collect()).unwrap()],
        }
    }

    pub(crate) fn make(&self, terms: KeysetTerms) -> (SecretKeyset, Keyset) {
        SecretKeyset::generate(&mut rand::rng(), terms, 16, &self.identity).unwrap()
    }

    pub(crate) fn add_keyset(&mut self) {
        let keyset = self.make(self.next_terms());
        self.keysets.push(keyset);
    }

    pub(crate) fn head(&self) -> ChainHead {
        self.keysets.last().unwrap().1.head()
    }

    pub(crate) fn list(&self, issued_at: UnixTime, head: ChainHead) -> KeysetList {
        let head = ListedHead { unit: unit(), redemption: Redemption::Open, head };
        KeysetList::sign(&self.identity, issued_at, issued_at.plus(7 * DAY), vec![head], self.revocations.clone())
            .unwrap()
    }

    pub(crate) fn truth(&self, now: UnixTime) -> KeysetsAnswer {
        let keysets = self.keysets.iter().map(|(_, keyset)| keyset.document().clone()).collect();
        KeysetsAnswer { list: self.list(now, self.head()), keysets }
    }

    fn open(&mut self, request: &OpenRequest, now: UnixTime) -> Result<OpenAnswer, Problem> {
        let (_, keyset) = self.keyset(request.keyset.as_bytes())?;
        if now < keyset.terms().active_from || now >= keyset.terms().issue_until {
            return Err(Code::KeysetNotIssuing.into());
        }
        let outputs = request.shape.outputs(keyset).map_err(|_| Code::InvalidShape)?;
        let mut opened = self.sessions.open(&mut rand::rng(), &request.keyset, &outputs, now);
        match self.lie {
            Some(Lie::RepeatedCommitment) => opened.commitments[0] = opened.commitments[1],
            Some(Lie::FewerCommitments) => drop(opened.commitments.pop()),
            _ => {}
        }
        Ok(OpenAnswer { opened })
    }

    fn finish(&mut self, request: &IssuanceRequest, now: UnixTime) -> Result<FinishAnswer, Problem> {
        let digest = request.verify().map_err(|_| Code::InvalidSignature)?;
        let terms = request.terms();
        if self.lie == Some(Lie::SessionGone) {
            return Err(Code::SessionGone.into());
        }
        let is_there = |record: &&IssuanceRecord| !self.buried.contains(&record.keyset);
        if let Some(record) = self.records.iter().filter(is_there).find(|record| record.issuance == terms.issuance) {
            let record = record.clone();
            return Ok(FinishAnswer { record: self.distort(record) });
        }
        let (_, keyset) = self.keyset(terms.keyset.as_bytes())?;
        let outputs = terms.shape.outputs(keyset).map_err(|_| Code::InvalidShape)?;
        if !outputs.iter().eq(terms.outputs.iter().map(|output| &output.denomination)) {
            return Err(Code::InvalidShape.into());
        }
        let worth = Amount::checked_sum(outputs.iter().map(|d| d.value())).unwrap();
        let fees = keyset.terms().fees;
        let commitments: Vec<_> = terms.outputs.iter().map(|output| output.commitment).collect();
        let session = self
            .sessions
            .authenticate(&terms.session, request.seal(), &terms.keyset, &outputs, &commitments, now)
            .map_err(|error| match error {
                SessionError::Expired => Code::SessionGone,
                _ => Code::UnknownSession,
            })?;
        let funding = request.funding().source().id();
        if let Some(winner) = self.records.iter().find(|record| record.funding == funding) {
            return Err(Problem::new(Code::FundingUsed).with(WINNER, winner.issuance.to_text()));
        }
        match request.funding() {
            Funding::Account { account, .. } => {
                let held = self.accounts.get(account).copied().unwrap_or(0);
                if Some(terms.debit) != fees.debit(worth) || terms.amount != worth {
                    return Err(Code::InvalidShape.into());
                }
                if held < terms.debit.units() {
                    return Err(Code::InsufficientFunds.into());
                }
                let permitted = self.permits.iter().any(|(of, much)| *of == funding && terms.debit == *much);
                if self.free.is_some_and(|free| free < terms.debit.units()) && !permitted {
                    return Err(Code::SecondFactorRequired.into());
                }
            }
            Funding::Tokens(payment) => {
                let inputs = payment.tokens().iter().map(|token| token.denomination);
                let asked = terms.shape.inputs().unwrap_or_default();
                if !inputs.eq(asked) || terms.debit != worth || payment.amount() != worth {
                    return Err(Code::InvalidShape.into());
                }
                if *payment.request() != terms.issuance.swap_request() {
                    return Err(Code::WrongRequest.into());
                }
                self.authentic(payment, CheckBinding::Issuance(&digest), now)?;
            }
            Funding::Voucher { voucher, .. } => match self.vouchers.get(voucher) {
                None => return Err(Code::InsufficientFunds.into()),
                Some(Voucher::Ended) => return Err(Code::VoucherEnded.into()),
                Some(Voucher::Worth(units)) if worth.units() != *units || terms.debit != worth => {
                    return Err(Code::InvalidShape.into());
                }
                Some(Voucher::Worth(_)) => {}
            },
        }
        let challenges = terms.outputs.iter().map(|output| output.challenge).collect();
        let claimed = self.sessions.claim(session, challenges, now).map_err(|_| Code::SessionGone)?;
        let (secret, _) = self.keyset(terms.keyset.as_bytes())?;
        let responses = claimed.respond(secret).unwrap();
        match request.funding() {
            Funding::Account { account, .. } => *self.accounts.get_mut(account).unwrap() -= terms.debit.units(),
            Funding::Tokens(payment) => self.spend(payment, now),
            // Its funding id is used from now on.
            Funding::Voucher { .. } => {}
        }
        let outputs = terms.outputs.iter().zip(responses);
        let record = IssuanceRecord {
            keyset: terms.keyset,
            shape: terms.shape,
            issuance: terms.issuance,
            funding,
            debit: terms.debit,
            outputs: outputs.map(|(output, response)| RecordedOutput { output: *output, response }).collect(),
            field: terms.field,
        };
        self.records.push(record.clone());
        self.recorded_at.push(now);
        Ok(FinishAnswer { record: self.distort(record) })
    }

    fn quote(&mut self, request: &QuoteRequest, now: UnixTime) -> Result<QuoteAnswer, Problem> {
        request.verify(&MintId::from(&self.identity)).map_err(|_| Code::InvalidSignature)?;
        let draft = request.draft();
        let operation = *draft.operation.as_bytes();
        if !self.quotes.contains_key(&operation) {
            if self.payment.is_none() {
                return Err(Code::UnsupportedKind.into());
            }
            if now.seconds().abs_diff(draft.requested_at.seconds()) > QuoteDraft::MAX_SKEW {
                return Err(Code::RequestExpired.into());
            }
            let id = QuoteId::from_bytes(rand::random());
            self.quotes.insert(operation, Quote { id, made_at: now, credited: 0 });
        }
        let Quote { id, made_at, credited } = &self.quotes[&operation];
        let payment = self.payment.as_ref().unwrap().replace("{quote}", &id.to_text());
        let state = if *credited > 0 { QuoteState::Paid } else { QuoteState::Open };
        let expires_at = made_at.plus(DAY);
        Ok(QuoteAnswer { quote: *id, payment, expires_at, state, credited: amount(*credited) })
    }

    fn distort(&mut self, mut record: IssuanceRecord) -> IssuanceRecord {
        let wrong = |response: &Response, at: usize| {
            let mut out = Writer::default();
            response.encode_to(&mut out);
            let mut bytes = out.finish();
            bytes[at..at + 32].fill(0);
            bytes[at] = 7;
            Response::decode_from(&mut Reader::new(&bytes)).unwrap()
        };
        let last = record.outputs.len() - 1;
        let response = record.outputs[last].response;
        match self.lie {
            Some(Lie::WrongB) => record.outputs[last].response = wrong(&response, 0),
            Some(Lie::WrongY) => record.outputs[last].response = wrong(&response, 32),
            Some(Lie::WrongZ) => record.outputs[last].response = wrong(&response, 64),
            Some(lie @ (Lie::OtherChallenge | Lie::OtherChallengeOnce)) => {
                record.outputs[0].output.challenge = record.outputs[1].output.challenge;
                self.lie = Some(lie).filter(|lie| *lie == Lie::OtherChallenge);
            }
            Some(Lie::FewerResponses) => drop(record.outputs.pop()),
            Some(Lie::OtherRecord) => record = self.records[0].clone(),
            Some(Lie::OtherFunding) => record.funding = FundingId::from_bytes([9; 32]),
            Some(Lie::OtherDebit) => record.debit = record.debit.checked_add(amount(1)).unwrap(),
            _ => {}
        }
        record
    }

    fn keyset(&self, id: &[u8; 32]) -> Result<&(SecretKeyset, Keyset), Problem> {
        self.keysets.iter().find(|(_, keyset)| keyset.id().as_bytes() == id).ok_or(Code::UnknownKeyset.into())
    }

    /// Verifies tokens and authorization, and that nothing is spent.
    fn authentic(&self, payment: &Payment, binding: CheckBinding<'_>, now: UnixTime) -> Result<(), Problem> {
        let (_, keyset) = self.keyset(payment.keyset().as_bytes())?;
        if now >= keyset.terms().spend_until || self.is_revoked(keyset.id()) {
            return Err(Code::KeysetEnded.into());
        }
        verify_payment(&mut rand::rng(), PaymentCheck { payment: payment.clone(), keyset, binding })
            .map_err(|_| Code::InvalidProof)?;
        match payment.serials().find_map(|serial| self.spent.get(&serial.to_bytes())) {
            Some(earlier) => Err(Problem::new(Code::DoubleSpend).with(EARLIER_PAYMENT_ID, earlier.to_text())),
            None => Ok(()),
        }
    }

    fn spend(&mut self, payment: &Payment, now: UnixTime) {
        let (id, keyset) = (payment.id(), *payment.keyset());
        self.spendings.extend(payment.tokens().iter().map(|token| (keyset, *token.coin.as_bytes(), now)));
        self.spent.extend(payment.serials().map(|serial| (serial.to_bytes(), id)));
    }

    fn pay(&mut self, payment: &Payment, request: &PaymentRequest, now: UnixTime) -> Result<PayAnswer, Problem> {
        let id = payment.id();
        if let Some(Cheat::Refuse(code)) = self.cheat {
            return Err(code.into());
        }
        if let Some(receipt) = self.receipts.get(&id) {
            return Ok(PayAnswer { receipt: *receipt });
        }
        if *payment.request() != request.hash() || payment.amount() != request.amount() {
            return Err(Code::WrongRequest.into());
        }
        if now >= request.expires_at() {
            return Err(Code::RequestExpired.into());
        }
        let binding = match payment.kind() {
            PaymentKind::Locked => CheckBinding::Recipient(&self.lock),
            _ => CheckBinding::None,
        };
        self.authentic(payment, binding, now)?;
        self.spend(payment, now);
        self.paid += payment.amount().units();
        let mut draft = ReceiptDraft {
            payment: id,
            payee: PayeeKey::from(&self.payee),
            amount: payment.amount(),
            accepted_at: now,
            head: self.head(),
        };
        match self.cheat {
            Some(Cheat::ForeignReceipt) => {
                let other = Keypair::generate(&mut rand::rng());
                draft.payee = PayeeKey::from(&other);
                return Ok(PayAnswer { receipt: draft.sign(&other).unwrap() });
            }
            Some(Cheat::OtherReceipt) => draft.payment = PaymentId::from_bytes([9; 32]),
            Some(Cheat::DifferingHead) => draft.head.keyset = KeysetId::from_bytes([9; 32]),
            Some(Cheat::RefuseAndKeep(code)) => return Err(code.into()),
            Some(Cheat::Refuse(_)) | None => {}
        }
        let receipt = draft.sign(&self.payee).unwrap();
        if self.cheat.is_none() {
            self.receipts.insert(id, receipt);
        }
        Ok(PayAnswer { receipt })
    }
}

impl Service for Double {
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.with(|state| state.archive.files.get(path).cloned())
    }

    fn date(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.clock.load(Ordering::SeqCst))
    }

    fn saw(&self, path: &str, body: &[u8]) {
        let keys = match path {
            mint_path::FINISH => {
                let request = read::<FinishRequest>(body).request;
                let terms = request.terms();
                vec![terms.session.as_bytes().to_vec(), terms.issuance.as_bytes().to_vec()]
            }
            mint_path::QUOTE => vec![read::<QuoteCall>(body).request.draft().operation.as_bytes().to_vec()],
            verifier_path::PAY => vec![read::<PayRequest>(body).payment.id().as_bytes().to_vec()],
            mint_path::RECOUP_CLAIM => {
                let claim = read::<RecoupCall>(body).claim;
                claim.payment().map(|payment| payment.id().as_bytes().to_vec()).into_iter().collect()
            }
            _ => Vec::new(),
        };
        self.with(|state| {
            for key in keys {
                let first = state.messages.entry(key).or_insert_with(|| body.to_vec());
                state.violations += u32::from(first != body);
            }
        });
    }

    fn fault(&self, path: &str) -> Option<Fault> {
        self.with(|state| {
            let count = state.requests.entry(path.to_owned()).or_default();
            *count += 1;
            let begun = *count > state.healthy;
            match state.faults.front() {
                Some((at, _)) if begun && path.starts_with(at) => state.faults.pop_front().map(|(_, fault)| fault),
                _ => None,
            }
        })
    }

    fn answer(&self, path: &str, body: &[u8]) -> Result<String, Problem> {
        let now = self.now();
        let mut state = self.state.lock().unwrap();
        match path {
            mint_path::ARCHIVE => {
                let index = state.archive.index.clone().ok_or(Code::NotFound)?;
                Ok(json(&ArchiveAnswer { index }))
            }
            mint_path::KEYSETS => Ok(json(&state.answer.clone().unwrap_or_else(|| state.truth(now)))),
            mint_path::OPEN => state.open(&read::<OpenRequest>(body), now).map(|answer| json(&answer)),
            mint_path::FINISH => {
                let request = read::<FinishRequest>(body).request;
                if let Funding::Tokens(payment) = request.funding() {
                    state.times.push(payment.authorized_at());
                }
                state.finish(&request, now).map(|answer| json(&answer))
            }
            mint_path::QUOTE => {
                let request = read::<QuoteCall>(body).request;
                state.times.push(request.draft().requested_at);
                state.quote(&request, now).map(|answer| json(&answer))
            }
            mint_path::ACCOUNT => {
                let query = read::<AccountRequest>(body).query;
                state.times.push(query.asked_at());
                let account = query.verify(&MintId::from(&state.identity)).map_err(|_| Code::InvalidSignature)?;
                let balance = *state.accounts.get(&account).ok_or(Code::UnknownAccount)?;
                let balance = UnitBalance {
                    unit: "EUR".to_owned(),
                    exponent: 2,
                    balance: amount(balance),
                    free: state.free.map(amount),
                };
                Ok(json(&AccountAnswer { balances: vec![balance] }))
            }
            mint_path::RECOUP_CLAIM => state.recoup(&read::<RecoupCall>(body).claim, now).map(|answer| json(&answer)),
            mint_path::PERMIT => {
                let request = read::<PermitCall>(body).request;
                request.verify(&MintId::from(&state.identity)).map_err(|_| Code::InvalidSignature)?;
                let draft = request.draft();
                if draft.code != SecondFactor::parse(CODE).unwrap() {
                    return Err(Code::SecondFactorWrong.into());
                }
                let funding = FundingSource::Account(draft.account, draft.operation).id();
                state.permits.push((funding, draft.amount));
                Ok(json(&PermitAnswer { until: now.plus(DAY) }))
            }
            verifier_path::PAY => {
                let PayRequest { payment, request } = read(body);
                state.times.push(payment.authorized_at());
                state.last_payment = Some(PayRequest { payment: payment.clone(), request: request.clone() });
                state.pay(&payment, &request, now).map(|answer| json(&answer))
            }
            other => {
                let id = other.strip_prefix("/v1/payments/").and_then(|id| PaymentId::from_text(id).ok());
                let receipt = id.and_then(|id| state.receipts.get(&id)).ok_or(Code::NotFound)?;
                Ok(json(&PaymentAnswer { receipt: *receipt }))
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}
