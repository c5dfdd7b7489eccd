//! The merchant's wallet, when a payment is paid back from it.

use anyhow::{Error, Result};
use farthing_protocol::identity::{AccountKey, MintId};
use farthing_protocol::request::TransferRequest;
use farthing_wallet::{SendError, Sent, Wallet};

use super::open::{Place, advise_funds, more_funds};
use super::text::Text;
use crate::args::Common;
use crate::exit::Fault;
use crate::output::{Progress, Screen};
use crate::qr;

/// A wallet that is open: nobody else moves its money meanwhile.
pub(crate) struct Purse {
    place: Place,
    wallet: Wallet,
}

/// Why a request has no answer.
pub(crate) enum Answered {
    /// It was not answered, and will not be unless somebody asks again.
    Not(Error),
    /// It may be, when the wallet goes on.
    Perhaps(Error),
}

/// Reads the request of a customer's wallet.
pub(crate) fn read(text: &str) -> Result<TransferRequest, Fault> {
    match Text::read(&qr::join(text)?)? {
        Text::Transfer(request) => Ok(*request),
        other => Err(other.misplaced("a request")),
    }
}

impl Purse {
    /// Opens it, and goes on with what was left unfinished.
    pub(crate) async fn open(common: Common, screen: &Screen) -> Result<Self> {
        let place = Place::new(common, screen);
        let wallet = place.open().await?;
        Ok(Self { place, wallet })
    }

    /// Its account at a mint.
    pub(crate) fn account(&self, mint: &MintId) -> AccountKey {
        self.wallet.account(mint)
    }

    /// Whether the request was answered from it, or is being answered.
    pub(crate) async fn was_answered(&self, request: &TransferRequest) -> bool {
        match self.wallet.read_transfer(request).await {
            Ok(view) => view.answered.is_some(),
            Err(SendError::Expired | SendError::NoCommonMint | SendError::InvalidSignature) => false,
            Err(_) => true,
        }
    }

    /// Answers the request: once, whatever dies in between.
    pub(crate) async fn answer(&self, request: &TransferRequest) -> Result<Sent, Answered> {
        let progress = Progress::start(&self.place.screen, "locking");
        let sent = self.wallet.answer(request).await;
        drop(progress);
        let draft = request.draft();
        let sent = advise_funds(
            sent,
            |error| matches!(error, SendError::InsufficientFunds),
            format!("the wallet's tokens do not cover {}", draft.amount.display(&draft.unit)),
            more_funds(&self.wallet).await,
        );
        match sent {
            Ok(sent) => Ok(sent),
            Err(error) if self.was_answered(request).await => Err(Answered::Perhaps(error)),
            Err(error) => Err(Answered::Not(error)),
        }
    }
}
