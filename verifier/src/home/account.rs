//! The payee's balance at the mint, and asking for it to be paid out.
//!
//! A request is a file in `payouts/` before it leaves: `ID.request`, and beside it `ID.settled` when its end is known. The file goes only when
//! nobody can have the request taken any more who has seen it on its way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use farthing_http::client::{BuildError, CallError, HttpClient, UrlError};
use farthing_http::problem::Code;
use farthing_protocol::amount::{Amount, Unit, UnixTime};
use farthing_protocol::api::{
    AccountAnswer, AccountQuery, AccountRequest, PayoutAnswer, PayoutCall, PayoutDraft, PayoutRequest, PermitAnswer,
    PermitCall, PermitDraft, PermitPurpose, SecondFactor, SettingsAnswer, SettingsCall, SettingsChange, SettingsDraft,
    mint_path,
};
use farthing_protocol::codec::{DecodeError, Wire, from_base64url, to_base64url};
use farthing_protocol::identity::{AccountKey, Keypair, PayeeKey};
use farthing_protocol::ids::OperationId;

use super::VerifierHome;
use crate::files;

const PAYOUTS: &str = "payouts";

/// A payout that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// The signed request: the same bytes however often it is made.
    pub request: PayoutRequest,
    /// What became of it, as far as is known.
    pub answer: Option<PayoutAnswer>,
}

/// Why a balance is not known, or a payout was not asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The key of this account is not in the folder.
    #[error("the key of this payee is not in this folder")]
    NotOurs,
    /// The reference is too long or holds characters that do not show.
    #[error("the reference has at most 128 bytes, none of them control characters")]
    Reference(#[source] DecodeError),
    /// The money would go to the account from which it comes, or is none.
    #[error("the money would go to the account from which it comes")]
    SameAccount,
    /// A file could not be read or written. Nothing was sent.
    #[error("a file could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// A file is damaged.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The client cannot be built.
    #[error("{0}")]
    Client(#[from] BuildError),
    /// The mint's address cannot be used.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// The mint.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The mint did not take the payout, but may still take this request: it is kept.
    #[error("{0}")]
    NotTaken(#[source] CallError),
}

impl VerifierHome {
    /// What each of the payee's accounts holds at the mint, that of the key in use first.
    ///
    /// # Errors
    /// An [`AccountError`].
    pub async fn balances(&self, now: UnixTime) -> Result<Vec<(PayeeKey, AccountAnswer)>, AccountError> {
        let (client, url) = (HttpClient::builder().build()?, self.mint_url.join(mint_path::ACCOUNT)?);
        let mut balances = Vec::new();
        for (payee, query) in self.account_queries(now) {
            balances.push((payee, client.post_json(&url, &AccountRequest { query }).await?));
        }
        Ok(balances)
    }

    /// Each of the payee's keys, the one in use first, with its question to the mint about its account.
    pub fn account_queries(&self, now: UnixTime) -> Vec<(PayeeKey, AccountQuery)> {
        self.signers().map(|key| (PayeeKey::from(key), AccountQuery::sign(key, self.mint, now))).collect()
    }

    /// Asks the mint to pay out. The request is durable before it leaves; when the outcome is not known it is made again with
    /// [`VerifierHome::ask_again`]. A code is for an account whose limit it exceeds: it goes ahead as a permission, and is kept nowhere.
    ///
    /// # Errors
    /// An [`AccountError`]. The request is forgotten after one that says that it never left or is never taken: for lack of funds, or for
    /// want of a permission, which nobody else can give. After any other it is kept, for the mint might still take it.
    pub async fn ask_payout(
        &self,
        from: &PayeeKey,
        (amount, unit): (Amount, &Unit),
        (reference, to): (String, Option<AccountKey>),
        code: Option<SecondFactor>,
        now: UnixTime,
    ) -> Result<Payout, AccountError> {
        let key = self.signers().find(|key| PayeeKey::from(*key) == *from).ok_or(AccountError::NotOurs)?;
        let draft = PayoutDraft {
            account: AccountKey::from(key),
            mint: self.mint,
            operation: OperationId::from_bytes(crate::random::random()),
            amount,
            unit: unit.clone(),
            requested_at: now,
            reference,
            to,
        };
        let request = draft.sign(key).map_err(|error| match error {
            DecodeError::OutOfRange => AccountError::SameAccount,
            error => AccountError::Reference(error),
        })?;
        let path = self.payout_path(&request, "request");
        files::create_folder(&self.folder.join(PAYOUTS))?;
        files::create_private(&path, format!("{}\n", to_base64url(&request.to_bytes())).as_bytes())?;
        let permitted = match code {
            None => Ok(()),
            Some(code) => self.permit(&request, key, code, now).await,
        };
        let sent = match permitted {
            Ok(()) => self.send(&request).await,
            // Without a permission it was not even sent.
            Err(error) => {
                fs::remove_file(&path)?;
                return Err(error);
            }
        };
        match sent {
            Ok(answer) => Ok(Payout { request, answer: Some(answer) }),
            Err(error) => {
                let AccountError::Call(call) = error else { return Err(error) };
                if is_over_at_once(&call) {
                    fs::remove_file(&path)?;
                } else if !call.may_have_taken_effect() {
                    return Err(AccountError::NotTaken(call));
                }
                Err(call.into())
            }
        }
    }

    /// Makes a request again whose end is not known, and writes down what it is. None if it was not taken so far.
    ///
    /// # Errors
    /// An [`AccountError`].
    pub async fn ask_again(&self, payout: &Payout, now: UnixTime) -> Result<Option<PayoutAnswer>, AccountError> {
        if payout.answer.as_ref().is_some_and(|answer| answer.state.is_settled()) {
            return Ok(payout.answer.clone());
        }
        match self.send(&payout.request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(AccountError::Call(call)) if is_never_taken(&call, payout.request.draft().requested_at, now) => {
                fs::remove_file(self.payout_path(&payout.request, "request"))?;
                Ok(None)
            }
            // It was not taken so far.
            Err(AccountError::Call(call)) if NOT_TAKEN.iter().any(|code| is(&call, *code)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The payouts that were asked for, oldest first, with what is known of them here.
    ///
    /// # Errors
    /// An [`AccountError`].
    pub fn payouts(&self) -> Result<Vec<Payout>, AccountError> {
        let folder = self.folder.join(PAYOUTS);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut payouts = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "request") {
                payouts.push(read(&path)?);
            }
        }
        payouts.sort_by_key(|payout| (payout.request.draft().requested_at, payout.request.draft().operation));
        Ok(payouts)
    }

    /// Shows the settings of one of the payee's accounts at the mint, or changes them.
    ///
    /// # Errors
    /// An [`AccountError`].
    pub async fn settings(
        &self,
        of: &PayeeKey,
        version: u64,
        change: SettingsChange,
        now: UnixTime,
    ) -> Result<SettingsAnswer, AccountError> {
        let key = self.signers().find(|key| PayeeKey::from(*key) == *of).ok_or(AccountError::NotOurs)?;
        let draft = SettingsDraft { account: key.into(), mint: self.mint, version, requested_at: now, change };
        let request = draft.sign(key).map_err(|_| AccountError::NotOurs)?;
        let (client, url) = (HttpClient::builder().build()?, self.mint_url.join(mint_path::SETTINGS)?);
        Ok(client.post_json(&url, &SettingsCall { request }).await?)
    }

    /// Lets a payout take more than the account's limit.
    async fn permit(
        &self,
        payout: &PayoutRequest,
        key: &Keypair,
        code: SecondFactor,
        now: UnixTime,
    ) -> Result<(), AccountError> {
        let purpose = PermitPurpose::Payout(payout.draft().digest());
        let PayoutDraft { account, mint, operation, amount, unit, .. } = payout.draft().clone();
        let draft = PermitDraft { account, mint, purpose, operation, unit, amount, requested_at: now, code };
        let request = draft.sign(key).map_err(|_| AccountError::NotOurs)?;
        let (client, url) = (HttpClient::builder().build()?, self.mint_url.join(mint_path::PERMIT)?);
        let _until: PermitAnswer = client.post_json(&url, &PermitCall { request }).await?;
        Ok(())
    }

    async fn send(&self, request: &PayoutRequest) -> Result<PayoutAnswer, AccountError> {
        let (client, url) = (HttpClient::builder().build()?, self.mint_url.join(mint_path::PAYOUT)?);
        let answer: PayoutAnswer = client.post_json(&url, &PayoutCall { request: request.clone() }).await?;
        if answer.state.is_settled() {
            let text = serde_json::to_string(&answer).map_err(io::Error::from)?;
            match files::create_private(&self.payout_path(request, "settled"), text.as_bytes()) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    // What the mint said counts. Not written down, it is asked again.
                    tracing::warn!(%error, "how a payout ended was not written down");
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    fn payout_path(&self, request: &PayoutRequest, extension: &str) -> PathBuf {
        let id = request.draft().operation.to_text();
        self.folder.join(PAYOUTS).join(format!("{id}.{extension}"))
    }

    /// The keys whose accounts are the payee's, the one in use first.
    fn signers(&self) -> impl Iterator<Item = &Keypair> {
        self.keys.signers()
    }
}

/// With these the mint says that it did not take a request. They do not say that it never will.
const NOT_TAKEN: [Code; 4] =
    [Code::RequestExpired, Code::SecondFactorRequired, Code::LimitExceeded, Code::UnknownAccount];

/// Whether a request that was made for the first time is over: it never left; or the mint remembers that it refused it.
fn is_over_at_once(call: &CallError) -> bool {
    matches!(call, CallError::NotSent(_)) || is(call, Code::InsufficientFunds) || is(call, Code::SecondFactorRequired)
}

/// Whether a request that was made again is never taken. What the mint says of the time counts only if it is late here, too: a request that
/// was dated ahead is only early.
fn is_never_taken(call: &CallError, requested_at: UnixTime, now: UnixTime) -> bool {
    let is_late = now > requested_at.plus(PayoutDraft::MAX_AGE);
    is(call, Code::InsufficientFunds) || is_late && is(call, Code::RequestExpired)
}

fn is(call: &CallError, code: Code) -> bool {
    call.problem().and_then(|problem| problem.known()) == Some(code)
}

fn read(path: &Path) -> Result<Payout, AccountError> {
    let damaged = || AccountError::Damaged(path.to_owned());
    let bytes = from_base64url(fs::read_to_string(path)?.trim_end()).map_err(|_| damaged())?;
    let request = PayoutRequest::from_bytes(&bytes).map_err(|_| damaged())?;
    let settled = path.with_extension("settled");
    let answer = match fs::read_to_string(&settled) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        text => Some(serde_json::from_str(&text?).map_err(|_| AccountError::Damaged(settled))?),
    };
    Ok(Payout { request, answer })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use farthing_http::client::{Lost, Unsent};

    use super::*;

    const ASKED: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn refused(code: Code) -> CallError {
        let text = format!("{{\"code\":\"{}\"}}", code.as_str());
        CallError::Refused(serde_json::from_str(&text).unwrap(), 422)
    }

    #[test]
    fn a_request_is_thrown_away_only_when_nobody_can_have_it_taken() {
        let early =
            [Code::RequestExpired, Code::LimitExceeded, Code::RateLimited, Code::UnknownAccount, Code::ClockBehind];
        for code in early {
            assert!(!is_over_at_once(&refused(code)), "{code:?}");
            assert!(!is_never_taken(&refused(code), ASKED, ASKED.plus(PayoutDraft::MAX_AGE)), "{code:?}");
        }
        let late = ASKED.plus(PayoutDraft::MAX_AGE + 1);
        for code in early {
            assert_eq!(is_never_taken(&refused(code), ASKED, late), code == Code::RequestExpired, "{code:?}");
        }
        for never in [CallError::NotSent(Unsent::Connection), refused(Code::InsufficientFunds)] {
            assert!(is_over_at_once(&never), "{never}");
        }
        assert!(is_never_taken(&refused(Code::InsufficientFunds), ASKED, ASKED));
        // Made anew, it needs a permission that nobody but its owner gives; one that he gave may still be on its way.
        assert!(is_over_at_once(&refused(Code::SecondFactorRequired)));
        assert!(!is_never_taken(&refused(Code::SecondFactorRequired), ASKED, ASKED));
        assert!(!is_over_at_once(&CallError::Unknown(Lost::Timeout)) && !is_over_at_once(&CallError::TooLarge));
    }
}
