//! Is everything in order?

use std::collections::{BTreeMap, BTreeSet};

use farthing_http::client::BaseUrl;
use farthing_protocol::amount::UnixTime;
use farthing_protocol::identity::MintId;

use crate::error::{MintError, StoreError};
use crate::mints::Mint;
use crate::operation::{OpId, Operation};
use crate::stock::{self, StoredToken, TokenKey, TokenState};
use crate::vault::Tx;
use crate::views::OperationView;
use crate::wallet::Wallet;

/// What a look through the wallet found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong with the state; nothing if all is well.
    pub findings: Vec<Finding>,
    /// Tokens that are not spent.
    pub tokens: usize,
    /// Finished operations.
    pub finished: usize,
    /// Operations that are not finished.
    pub unfinished: Vec<OperationView>,
    /// The mints.
    pub mints: Vec<MintDiagnosis>,
    /// Files in which a mint contradicts itself, all of it signed by the mint.
    pub proofs: usize,
    /// Files that hold what others said, or what a mint said unsigned: who is right they do not prove.
    pub statements: usize,
}

/// Something wrong with the wallet's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// A part of the state cannot be read.
    #[error("the wallet's {0} cannot be read: put back a copy of its folder, or restore it from its words")]
    Damaged(&'static str),
    /// A token is reserved for an operation that is not there or does not know of it.
    #[error("a token is held by operation {op}, which does not know of it")]
    Held {
        /// The operation.
        op: OpId,
    },
    /// An operation's token is not reserved for it.
    #[error("operation {op} misses a token")]
    Missing {
        /// The operation.
        op: OpId,
    },
}

/// How a mint is doing.
#[derive(Debug)]
#[non_exhaustive]
pub struct MintDiagnosis {
    /// The mint.
    pub mint: MintId,
    /// Its address.
    pub url: BaseUrl,
    /// Whether its identity was confirmed.
    pub pinned: bool,
    /// Whether it was caught contradicting itself.
    pub refused: bool,
    /// Whether it answers, with keysets that extend what is known. `None` if it was not asked.
    pub answers: Option<Result<(), MintError>>,
    /// When the first of its tokens held here end.
    pub first_end: Option<UnixTime>,
}

/// What the state holds.
struct Contents {
    tokens: Vec<(TokenKey, StoredToken)>,
    live: Vec<Operation>,
    finished: usize,
    findings: Vec<Finding>,
}

impl Wallet {
    /// Looks the whole wallet through and, with `ask`, asks every mint that was confirmed for its keysets. Changes nothing of value.
    ///
    /// # Errors
    /// A [`StoreError`] if the state cannot be read at all. What can be read and is wrong is among the findings.
    pub async fn doctor(&self, ask: bool) -> Result<Diagnosis, StoreError> {
        let contents = self.inner.vault.run::<_, StoreError>(|tx| Ok(Contents::read(tx))).await?;
        let mut mints = Vec::new();
        for mint in self.inner.all_mints() {
            let answers = match ask && mint.usable().is_ok() {
                true => Some(self.inner.refresh(&mint.id).await.map(drop)),
                false => None,
            };
            // What it answered may have changed it.
            let mint = self.inner.find_mint(&mint.id).unwrap_or(mint);
            let first_end = contents.first_end(&mint);
            let (pinned, refused) = (mint.pinned, mint.refused);
            mints.push(MintDiagnosis { mint: mint.id, url: mint.url.clone(), pinned, refused, answers, first_end });
        }
        let (proofs, statements) = self.inner.count_evidence();
        let unfinished = contents.live.iter().filter(|operation| !operation.is_out());
        Ok(Diagnosis {
            tokens: contents.tokens.len(),
            finished: contents.finished,
            unfinished: unfinished.map(OperationView::of).collect(),
            findings: contents.findings,
            mints,
            proofs,
            statements,
        })
    }
}

impl Contents {
    fn read(tx: &Tx<'_, '_>) -> Self {
        let mut findings = Vec::new();
        let tokens = stock::all_live(tx).unwrap_or_else(|_| {
            findings.push(Finding::Damaged("tokens"));
            Vec::new()
        });
        let live = Operation::all_live(tx).unwrap_or_else(|_| {
            findings.push(Finding::Damaged("unfinished operations"));
            Vec::new()
        });
        let finished = Operation::all_ended(tx).map(|ended| ended.len()).unwrap_or_else(|_| {
            findings.push(Finding::Damaged("history"));
            0
        });
        if findings.is_empty() {
            findings = compare(&tokens, &live);
        }
        Self { tokens, live, finished, findings }
    }

    fn first_end(&self, mint: &Mint) -> Option<UnixTime> {
        let ends = self.tokens.iter().filter_map(|(key, _)| mint.keyset(&key.keyset));
        ends.map(|keyset| keyset.terms().spend_until).min()
    }
}

/// A reservation is known on both sides.
fn compare(tokens: &[(TokenKey, StoredToken)], live: &[Operation]) -> Vec<Finding> {
    let operations: BTreeMap<OpId, BTreeSet<TokenKey>> =
        live.iter().map(|operation| (operation.id, operation.tokens().iter().copied().collect())).collect();
    let mut findings = Vec::new();
    let mut reserved: BTreeSet<(OpId, TokenKey)> = BTreeSet::new();
    for (key, token) in tokens {
        if let TokenState::Reserved(op) = token.state {
            reserved.insert((op, *key));
            if operations.get(&op).is_none_or(|own| !own.contains(key)) {
                findings.push(Finding::Held { op });
            }
        }
    }
    for (op, own) in &operations {
        if own.iter().any(|key| !reserved.contains(&(*op, *key))) {
            findings.push(Finding::Missing { op: *op });
        }
    }
    findings
}
