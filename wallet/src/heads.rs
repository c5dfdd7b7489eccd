//! Are both sides of a payment shown the same keysets? And which mint's tokens pay it?

use std::path::PathBuf;
use std::sync::Arc;

use farthing_protocol::amount::{Amount, Unit};
use farthing_protocol::identity::MintId;
use farthing_protocol::keyset::{Chain, ChainHead, Redemption, Relation};
use farthing_protocol::request::{AcceptedMint, Invoice, TransferRequest};

use crate::error::{MintError, StoreError};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::exact::GatherError;
use crate::mints::Mint;
use crate::restore::record;
use crate::wallet::Inner;

/// A mint and chain with whose tokens a request can be paid.
pub(crate) struct Target {
    pub(crate) mint: Arc<Mint>,
    pub(crate) redemption: Redemption,
}

/// Who asks for money.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    Invoice(&'a Invoice),
    Transfer(&'a TransferRequest),
}

impl<'a> Asked<'a> {
    pub(crate) fn mints(self) -> &'a [AcceptedMint] {
        match self {
            Self::Invoice(invoice) => &invoice.draft().mints,
            Self::Transfer(request) => &request.draft().mints,
        }
    }

    pub(crate) fn unit(self) -> &'a Unit {
        match self {
            Self::Invoice(invoice) => &invoice.draft().unit,
            Self::Transfer(request) => &request.draft().unit,
        }
    }

    pub(crate) fn amount(self) -> Amount {
        match self {
            Self::Invoice(invoice) => invoice.draft().amount,
            Self::Transfer(request) => request.draft().amount,
        }
    }

    /// The chains whose tokens can pay: those of many payees and, to a merchant, that of this payee.
    pub(crate) fn candidates(self, mint: &Mint) -> impl Iterator<Item = &Chain> {
        let closed = match self {
            Self::Invoice(invoice) => Some(Redemption::Closed(invoice.draft().payee)),
            Self::Transfer(_) => None,
        };
        let unit = self.unit();
        let redemptions = std::iter::once(Redemption::Open).chain(closed);
        redemptions.filter_map(move |redemption| mint.chain(unit, &redemption)).collect::<Vec<_>>().into_iter()
    }

    /// How the payee's head lies to the chain it can belong to; the best of several.
    pub(crate) fn relation(self, mint: &Mint, head: &ChainHead) -> Option<Relation> {
        let rank = |relation: &Relation| match relation {
            Relation::Known => 0,
            Relation::Newer => 1,
            Relation::Differs => 2,
        };
        self.candidates(mint).map(|chain| chain.relation(head)).min_by_key(rank)
    }
}

/// Why no mint can be paid with.
pub(crate) enum ChooseError {
    Gather(GatherError),
    NoCommonMint,
    HeadDiffers { evidence: PathBuf },
    HeadUnknown,
}

impl<E: Into<GatherError>> From<E> for ChooseError {
    fn from(error: E) -> Self {
        Self::Gather(error.into())
    }
}

impl Inner {
    /// The first mint whose tokens the payee takes, whose chain both know, and of which there is enough.
    pub(crate) async fn choose_mint(&self, asked: Asked<'_>) -> Result<Target, ChooseError> {
        let mut refusal = ChooseError::NoCommonMint;
        let named: Vec<MintId> = asked.mints().iter().map(|accepted| accepted.mint).collect();
        let mut stopped = self.vault.run::<_, StoreError>(move |tx| record::stopped(tx, &named)).await?;
        for accepted in asked.mints().iter().filter(|accepted| self.is_payable(&accepted.mint, asked)) {
            if let Some(why) = stopped.remove(&accepted.mint) {
                refusal = why.into();
                continue;
            }
            let target = match self.compare_heads(asked, accepted).await {
                Err(
                    error @ (ChooseError::HeadDiffers { .. }
                    | ChooseError::Gather(GatherError::Store(_) | GatherError::Mint(MintError::Store(_)))),
                ) => return Err(error),
                Err(error) => {
                    refusal = error;
                    continue;
                }
                Ok(target) => target,
            };
            if self.spendable(&target.mint, &target.redemption, asked.unit()).await? >= asked.amount() {
                return Ok(target);
            }
            refusal = GatherError::Insufficient.into();
        }
        Err(refusal)
    }

    /// Whether a mint is trusted and has a chain that a request can be paid with.
    pub(crate) fn is_payable(&self, id: &MintId, asked: Asked<'_>) -> bool {
        let has_chain = |mint: &Arc<Mint>| asked.candidates(mint).next().is_some();
        self.find_mint(id).is_some_and(|mint| mint.usable().is_ok() && has_chain(&mint))
    }

    /// Requires that the payee's head lies on the chain that this wallet was shown.
    pub(crate) async fn compare_heads(&self, asked: Asked<'_>, accepted: &AcceptedMint) -> Result<Target, ChooseError> {
        let mut mint = self.mint_to_pay_with(&accepted.mint).await?;
        if asked.relation(&mint, &accepted.head) == Some(Relation::Newer) {
            self.tell(&Event::ListBeforePaying { mint: accepted.mint });
            mint = self.refresh(&accepted.mint).await?;
        }
        mint.usable()?;
        match asked.relation(&mint, &accepted.head) {
            Some(Relation::Known) => {
                let known = asked.candidates(&mint).find(|chain| chain.relation(&accepted.head) == Relation::Known);
                let redemption = known.ok_or(MintError::NoSuchUnit)?.key().redemption;
                Ok(Target { mint, redemption })
            }
            Some(Relation::Newer) => Err(ChooseError::HeadUnknown),
            Some(Relation::Differs) => {
                let evidence = self.keep_asked(&mint, asked, &accepted.head)?;
                Err(ChooseError::HeadDiffers { evidence })
            }
            None => Err(MintError::NoSuchUnit.into()),
        }
    }

    /// A mint whose list is current. Says so if it must be fetched now.
    pub(crate) async fn mint_to_pay_with(&self, id: &MintId) -> Result<Arc<Mint>, MintError> {
        let mint = self.mint(id)?;
        if mint.is_current(self.now()) {
            return Ok(mint);
        }
        self.tell(&Event::ListBeforePaying { mint: *id });
        self.refresh(id).await
    }

    fn keep_asked(&self, mint: &Mint, asked: Asked<'_>, head: &ChainHead) -> Result<PathBuf, MintError> {
        let keyset = asked.candidates(mint).find_map(|chain| chain.at(head.sequence));
        let keyset = keyset.map(|keyset| keyset.document());
        Ok(self.write_evidence(&match asked {
            Asked::Invoice(invoice) => Evidence::Invoice { invoice, head, keyset },
            Asked::Transfer(request) => Evidence::Transfer { request, head, keyset },
        })?)
    }
}

/// The error of one call, from the reasons that all who choose a mint have in common.
macro_rules! from_choose_error {
    ($error:ident) => {
        impl From<$crate::exact::GatherError> for $error {
            fn from(error: $crate::exact::GatherError) -> Self {
                use $crate::exact::GatherError;
                match error {
                    GatherError::Store(error) => Self::Store(error),
                    GatherError::Mint(error) => Self::Mint(error),
                    GatherError::Issue(error) => Self::Issue(error),
                    GatherError::Insufficient => Self::InsufficientFunds,
                    GatherError::TooLate => Self::Expired,
                }
            }
        }

        impl From<$crate::heads::ChooseError> for $error {
            fn from(error: $crate::heads::ChooseError) -> Self {
                use $crate::heads::ChooseError;
                match error {
                    ChooseError::Gather(error) => error.into(),
                    ChooseError::NoCommonMint => Self::NoCommonMint,
                    ChooseError::HeadDiffers { evidence } => Self::HeadDiffers { evidence },
                    ChooseError::HeadUnknown => Self::HeadUnknown,
                }
            }
        }
    };
}
pub(crate) use from_choose_error;
