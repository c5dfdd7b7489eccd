//! Which records of a file are ours, and what did they make?

use std::collections::{BTreeMap, BTreeSet};

use farthing_protocol::amount::UnixTime;
use farthing_protocol::archive::IssuanceFile;
use farthing_protocol::blind::wallet::{AwaitingResponse, unblind_all};
use farthing_protocol::blind::{BlindSignature, Response, VerificationKey};
use farthing_protocol::derive::{CoinContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{IssuanceId, MintId};
use farthing_protocol::issuance::{IssuanceRecord, Output};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::token::Token;

use super::record::{self, PerhapsSent, Progress, Restoring};
use crate::error::StoreError;
use crate::issue::{Coin, awaiting, context, read_field};
use crate::operation::{IssueStage, Lock, Operation, Used};
use crate::stock::{self, Held, StoredToken, TokenKey};
use crate::vault::Tx;

/// The issuance ids of a keyset's first numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_id: BTreeMap<IssuanceId, u64>,
}

impl Numbers {
    /// Computes more of them, up to so many.
    pub(super) fn extend(&mut self, seed: &Seed, keyset: &Keyset, until: u64) {
        let mint = keyset.terms().mint;
        for number in self.count()..until {
            let used = Used { keyset: *keyset.id(), number: IssuanceNumber::new(number) };
            let id = IssuanceId::from(&seed.issuance_key(&context(mint, &used)));
            self.by_id.insert(id, number);
        }
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.by_id.len()).unwrap_or(u64::MAX)
    }

    fn of(&self, id: &IssuanceId) -> Option<u64> {
        self.by_id.get(id).copied()
    }
}

/// What a file brought.
#[derive(Default)]
pub(super) struct Adopted {
    own: Vec<(TokenKey, StoredToken)>,
    locked: Vec<(TokenKey, PerhapsSent)>,
    /// Every number that the mint has a record of.
    numbers: Vec<u64>,
    /// Up to which number was searched.
    until: u64,
    /// When the file's segment began.
    from: UnixTime,
    place: record::FilePlace,
    /// How many records the file held, everybody's.
    held: u64,
    /// The mint signed a record of ours with wrong responses, or something that is not a record under an id of ours.
    pub(super) lie: bool,
}

/// A record that is ours, before its signatures are.
struct Candidate<'k> {
    used: Used,
    lock: Option<Lock>,
    requested_at: UnixTime,
    outputs: Vec<(Coin, Output)>,
    waiting: Vec<(&'k VerificationKey, AwaitingResponse)>,
    responses: Vec<Response>,
}

/// Looks for all numbers in a file. A record that is wrong costs only itself. Takes long: not for an executor's thread.
pub(super) fn examine(
    seed: &Seed,
    keyset: &Keyset,
    numbers: &Numbers,
    file: &IssuanceFile,
) -> Result<Adopted, StoreError> {
    let head = file.head();
    let place = (head.segment, head.prefix.value());
    let held = u64::try_from(file.records().len()).unwrap_or(u64::MAX);
    let mut adopted = Adopted { until: numbers.count(), from: head.span.from(), place, held, ..Adopted::default() };
    let mut records = Vec::new();
    for filed in file.records() {
        let Some(number) = numbers.of(filed.issuance()) else { continue };
        adopted.numbers.push(number);
        match filed.open() {
            Ok(record) => records.push((Used { keyset: *keyset.id(), number: IssuanceNumber::new(number) }, record)),
            Err(_) => adopted.lie = true,
        }
    }
    // All responses of the file by one multiplication; one by one when one of them is wrong.
    if !take_over(&mut adopted, seed, keyset, &records)? {
        adopted.lie = true;
        for record in &records {
            take_over(&mut adopted, seed, keyset, std::slice::from_ref(record))?;
        }
    }
    Ok(adopted)
}

/// Takes records over, all of them or none. Whether their responses are right.
fn take_over(
    adopted: &mut Adopted,
    seed: &Seed,
    keyset: &Keyset,
    records: &[(Used, IssuanceRecord)],
) -> Result<bool, StoreError> {
    let candidates = records.iter().filter_map(|(used, record)| candidate(seed, keyset, *used, record));
    let mut candidates: Vec<Candidate<'_>> = candidates.collect();
    let (mut waiting, mut responses) = (Vec::new(), Vec::new());
    for candidate in &mut candidates {
        waiting.append(&mut candidate.waiting);
        responses.append(&mut candidate.responses);
    }
    let Ok(signatures) = unblind_all(&mut rand::rng(), waiting, &responses) else { return Ok(false) };
    let mut signatures = signatures.into_iter();
    for candidate in candidates {
        keep(adopted, keyset.terms().mint, candidate, &mut signatures)?;
    }
    Ok(true)
}

/// A record whose challenges are ours. One whose field we cannot read, or with other challenges, is none of our tokens.
fn candidate<'k>(seed: &Seed, keyset: &'k Keyset, used: Used, record: &IssuanceRecord) -> Option<Candidate<'k>> {
    let context = context(keyset.terms().mint, &used);
    let text = seed.field_key(&context).decrypt(&record.issuance, &record.field).ok()?;
    let field = read_field(&text)?;
    let count = record.outputs.len();
    let (mut outputs, mut waiting) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (position, recorded) in (0..).zip(&record.outputs) {
        let output = recorded.output;
        let context = CoinContext { issuance: context, position, denomination: output.denomination };
        let lock = field.lock.as_ref().map(|lock| &lock.key);
        let (key, coin, state) = awaiting(seed, keyset, &context, &output.commitment, lock).ok()?;
        if state.challenge() != output.challenge {
            return None;
        }
        waiting.push((key, state));
        outputs.push((coin, output));
    }
    let responses = record.outputs.iter().map(|recorded| recorded.response).collect();
    Some(Candidate { used, lock: field.lock, requested_at: field.requested_at, outputs, waiting, responses })
}

fn keep(
    adopted: &mut Adopted,
    mint: MintId,
    candidate: Candidate<'_>,
    signatures: &mut impl Iterator<Item = BlindSignature>,
) -> Result<(), StoreError> {
    let Candidate { used, lock, requested_at, outputs, .. } = candidate;
    for (position, (coin, output)) in (0..).zip(outputs) {
        let signature = signatures.next().ok_or(StoreError::Damaged)?;
        let token = Token { denomination: output.denomination, coin: *coin.public(), signature };
        let key = TokenKey::new(&used, position);
        match (coin, lock) {
            (Coin::Own(secret), _) => {
                let mut stored = StoredToken::new(mint, &token, &secret, &output.commitment, requested_at)?;
                stored.restored = true;
                adopted.own.push((key, stored));
            }
            // Held to pay with: it may have been paid since, which its payee alone can tell.
            (Coin::Locked(_), Some(Lock { key: recipient, held_for: Some(payee) })) => {
                let held = Held { key: recipient, payee };
                let mut stored = StoredToken::held(mint, &token, held, &output.commitment, requested_at);
                stored.restored = true;
                adopted.own.push((key, stored));
            }
            (Coin::Locked(locked), Some(Lock { key: to, held_for: None })) => {
                let (keyset, ephemeral) = (used.keyset, *locked.ephemeral());
                adopted.locked.push((key, PerhapsSent { mint, keyset, requested_at, to, token, ephemeral }));
            }
            (Coin::Locked(_), None) => return Err(StoreError::Damaged),
        }
    }
    Ok(())
}

/// Keeps what a file brought and that it was read, all in one transaction. What the wallet knows already stays as it is.
/// Answers the keyset's progress.
pub(super) fn keep_adopted(tx: &mut Tx<'_, '_>, keyset: &Keyset, adopted: &Adopted) -> Result<Progress, StoreError> {
    let (id, mint) = (*keyset.id(), keyset.terms().mint);
    let unanswered = unanswered(tx, &id)?;
    let is_left = |key: &TokenKey| unanswered.contains(&key.number());
    let mut progress = Progress::load(tx, &id)?;
    let mut found = 0_u64;
    for (key, token) in adopted.own.iter().filter(|(key, _)| !is_left(key)) {
        if stock::add_new(tx, *key, token)? {
            found = found.saturating_add(1);
        }
    }
    if !adopted.locked.is_empty() {
        // What an operation of this wallet locked is listed there.
        let known = drawn(tx, &id)?;
        for (key, sent) in adopted.locked.iter().filter(|(key, _)| !known.contains(&key.number())) {
            sent.keep(tx, *key)?;
        }
    }
    let last = adopted.numbers.iter().max().map_or(0, |last| last.saturating_add(1));
    progress.beyond = progress.beyond.max(last);
    progress.tokens = progress.tokens.saturating_add(found);
    if !adopted.own.is_empty() {
        progress.first_from = Some(progress.first_from.map_or(adopted.from, |first| first.min(adopted.from)));
    }
    progress.keep(tx, &id)?;
    if found > 0 {
        let mut restoring = Restoring::load(tx, &mint)?.ok_or(StoreError::Damaged)?;
        restoring.found_from = Some(restoring.found_from.map_or(adopted.from, |first| first.min(adopted.from)));
        restoring.keep(tx, &mint)?;
    }
    record::note_held(tx, &id, adopted.place, adopted.held)?;
    // What an unfinished operation asks for is its own to answer for; if it comes to nothing, the file is read again.
    let is_again = adopted.numbers.iter().any(|number| unanswered.contains(number));
    record::note_searched(tx, &id, adopted.place, if is_again { 0 } else { adopted.until })?;
    Ok(progress)
}

/// Numbers of a keyset that operations of this wallet drew, finished or not.
fn drawn(tx: &Tx<'_, '_>, keyset: &farthing_protocol::ids::KeysetId) -> Result<BTreeSet<u64>, StoreError> {
    let all = Operation::all_live(tx)?.into_iter().chain(Operation::all_ended(tx)?);
    let numbers = |operation: Operation| -> Vec<u64> {
        let used = operation.issue().map(|issue| issue.used.clone()).unwrap_or_default();
        used.iter().filter(|used| used.keyset == *keyset).map(|used| used.number.get()).collect()
    };
    Ok(all.flat_map(numbers).collect())
}

/// Numbers of a keyset that unfinished operations wait for an answer under.
fn unanswered(tx: &Tx<'_, '_>, keyset: &farthing_protocol::ids::KeysetId) -> Result<BTreeSet<u64>, StoreError> {
    let live = Operation::all_live(tx)?;
    let sent = live.iter().filter_map(Operation::issue).filter(|issue| issue.stage == IssueStage::Sent);
    let last = sent.filter_map(|issue| issue.used.last()).filter(|used| used.keyset == *keyset);
    Ok(last.map(|used| used.number.get()).collect())
}
