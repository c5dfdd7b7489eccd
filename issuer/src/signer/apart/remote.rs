//! The mint's side: a signer that is a process of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use farthing_protocol::amount::{Denomination, UnixTime};
use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::{OpenedSession, SessionError};
use farthing_protocol::identity::MintId;
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::{Keyset, KeysetList, KeysetTerms};
use farthing_protocol::unsigned::Unsigned;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::super::{Answer, Presented, SessionRefusal, SigningError};
use super::tls::{self, TlsSecret};
use super::turns::Turns;
use super::wire::{Frame, IssuedOf, Published, Purpose, Refusal, Reply, Request};
use crate::clock::{Clock, SystemClock};
use crate::home::{SignerAt, SignerPlace};
use crate::keys::KeyError;

/// So many connections are kept open while nothing is asked.
const IDLE: usize = 32;

/// A signer behind a socket. Nothing that it keeps is here.
pub(crate) struct Remote {
    mint: MintId,
    place: SignerPlace,
    tls: Option<TlsConnector>,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Connection>>,
    turns: Turns,
    /// Since when it has not been reached; nothing while it is, and before it was asked for anything.
    unreached_since: Mutex<Option<UnixTime>>,
    /// Keysets that it did not issue when it was last asked.
    idle_keysets: Mutex<BTreeSet<KeysetId>>,
}

type Connection = Box<dyn Stream>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Nobody knows what the signer did, if it did anything.
struct Unreached;

impl From<io::Error> for Unreached {
    fn from(error: io::Error) -> Self {
        tracing::warn!(kind = %error.kind(), "the signer's answer is lost");
        Self
    }
}

impl From<tokio::time::error::Elapsed> for Unreached {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        tracing::warn!("the signer does not answer in time");
        Self
    }
}

impl Remote {
    /// A mint's signer. Nothing is connected yet.
    pub(crate) fn new(mint: MintId, place: SignerPlace, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let tls = match &place.at {
            SignerAt::Socket(_) => None,
            SignerAt::Tcp { signer, key_file, .. } => {
                Some(TlsConnector::from(tls::client(&TlsSecret::read(key_file)?, *signer)?))
            }
        };
        let (idle, turns, unreached_since) = (Mutex::default(), Turns::default(), Mutex::default());
        Ok(Self { mint, place, tls, clock, idle, turns, unreached_since, idle_keysets: Mutex::default() })
    }

    /// Asks whether it is there, and signs for this mint.
    ///
    /// # Errors
    /// [`SigningError::Unreached`], or [`SigningError::Refused`] by one that signs for another mint.
    pub(crate) async fn reach(&self) -> Result<(), SigningError> {
        match self.ask_to_sign(&Request::Hello(self.mint).to_frame()).await? {
            Reply::Welcome => Ok(()),
            _ => Err(SigningError::Foreign),
        }
    }

    /// Since when it has not been reached; nothing while it is.
    pub(crate) fn unreached_since(&self) -> Option<UnixTime> {
        *self.unreached_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_reached(&self) {
        let mut since = self.unreached_since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.take().is_some() {
            tracing::info!("the signer is reached again");
        }
    }

    fn note_unreached(&self, kind: io::ErrorKind) {
        let mut since = self.unreached_since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_none() {
            tracing::warn!(%kind, "the signer is not reached");
            *since = Some(self.clock.now());
        }
    }

    pub(crate) async fn open(
        &self,
        keyset: KeysetId,
        denominations: Vec<Denomination>,
    ) -> Result<OpenedSession, SessionRefusal> {
        let count = denominations.len();
        match self.ask(&Request::Open { keyset, denominations }.to_frame()).await? {
            Reply::Opened(opened) if opened.commitments.len() == count => {
                self.note_issues(keyset, true);
                Ok(opened)
            }
            other => {
                let refusal = unexpected(&other);
                if refusal == SessionRefusal::NotIssuing {
                    self.note_issues(keyset, false);
                }
                Err(refusal)
            }
        }
    }

    /// Asks whether it has the secret keys of a keyset; whether it issues it is noted.
    pub(crate) async fn look(&self, keyset: KeysetId) -> Result<bool, SigningError> {
        match self.ask_to_sign(&Request::Look(keyset).to_frame()).await? {
            Reply::Looked { has_keys, issues } => {
                self.note_issues(keyset, issues);
                Ok(has_keys)
            }
            _ => Err(SigningError::Foreign),
        }
    }

    /// Whether it issued a keyset when it was last asked; as long as it was not, it is taken to.
    pub(crate) fn issues(&self, keyset: &KeysetId) -> bool {
        !self.idle_keysets.lock().unwrap_or_else(PoisonError::into_inner).contains(keyset)
    }

    fn note_issues(&self, keyset: KeysetId, issues: bool) {
        let mut idle = self.idle_keysets.lock().unwrap_or_else(PoisonError::into_inner);
        if issues {
            idle.remove(&keyset);
        } else if idle.insert(keyset) {
            tracing::error!(%keyset, "the signer does not issue a keyset whose time it is: its keys are missing there, or its clock is wrong");
        }
    }

    /// See [`Signer::authenticate`](super::super::Signer::authenticate).
    pub(crate) async fn authenticate(&self, presented: &Presented) -> Result<(), SessionRefusal> {
        let refusal = match self.ask(&Request::Authenticate(presented.clone()).to_frame()).await? {
            Reply::Authentic => return Ok(()),
            other => unexpected(&other),
        };
        // A claim of this session may be on its way to the ledger.
        drop(self.turns.take(&presented.session).await);
        Err(refusal)
    }

    /// See [`Signer::claim`](super::super::Signer::claim). When nobody knows what the signer did, the session is lost: it was
    /// claimed, and its answer with it; or whoever presents it again claims it first.
    pub(crate) async fn claim<T>(
        &self,
        presented: &Presented,
        challenges: Vec<Challenge>,
        purpose: Purpose,
        then: impl FnOnce(Answer) -> T,
    ) -> Result<T, SessionRefusal> {
        let count = challenges.len();
        let frame = Request::Claim { presented: presented.clone(), challenges, purpose }.to_frame();
        let _turn = self.turns.take(&presented.session).await;
        match self.ask_once(&frame).await? {
            Reply::Answered { hash, responses } if responses.len() == count => {
                // The job is queued before the turn ends.
                Ok(then(Answer::received(hash, responses)))
            }
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) async fn burn(&self, presented: &Presented, challenges: Vec<Challenge>) -> Result<(), SessionRefusal> {
        let frame = Request::Burn { presented: presented.clone(), challenges }.to_frame();
        let _turn = self.turns.take(&presented.session).await;
        match self.ask_once(&frame).await? {
            Reply::Burned => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// The signer makes one keyset for each sequence number: asked again, it answers with the one that it made.
    pub(crate) async fn draw_keyset(&self, terms: KeysetTerms, count: u8) -> Result<Keyset, SigningError> {
        match self.ask_to_sign(&Request::Draw { terms, count }.to_frame()).await? {
            Reply::Drawn(document) => {
                document.verify().ok().filter(|keyset| keyset.terms().mint == self.mint).ok_or(SigningError::Foreign)
            }
            _ => Err(SigningError::Foreign),
        }
    }

    pub(crate) async fn sign<T: Published>(&self, draft: Unsigned<T>) -> Result<T, SigningError> {
        match self.ask_to_sign(&Frame::to_sign(&draft)).await? {
            Reply::Signed(signature) => draft.signed(signature).map_err(|_| SigningError::Foreign),
            _ => Err(SigningError::Foreign),
        }
    }

    pub(crate) async fn report(&self) -> Result<Vec<IssuedOf>, SigningError> {
        match self.ask_to_sign(&Request::Report.to_frame()).await? {
            Reply::Report(report) => Ok(report),
            _ => Err(SigningError::Foreign),
        }
    }

    /// The list that the signer signed last.
    pub(crate) async fn last_list(&self) -> Result<Option<KeysetList>, SigningError> {
        match self.ask_to_sign(&Request::LastList.to_frame()).await? {
            Reply::LastList(list) => Ok(list.map(|list| *list)),
            _ => Err(SigningError::Foreign),
        }
    }

    /// The archive's index that the signer signed last.
    pub(crate) async fn last_index(&self) -> Result<Option<ArchiveIndex>, SigningError> {
        match self.ask_to_sign(&Request::LastIndex.to_frame()).await? {
            Reply::LastIndex(index) => Ok(index.map(|index| *index)),
            _ => Err(SigningError::Foreign),
        }
    }

    /// Has the secret keys of a keyset removed.
    pub(crate) async fn forget(&self, keyset: KeysetId) -> Result<(), SigningError> {
        match self.ask_to_sign(&Request::Forget(keyset).to_frame()).await? {
            Reply::Forgotten => Ok(()),
            _ => Err(SigningError::Foreign),
        }
    }

    async fn ask_to_sign(&self, frame: &Frame) -> Result<Reply, SigningError> {
        match self.ask(frame).await {
            Ok(Reply::Refused(refusal)) => Err(SigningError::Refused(refusal)),
            Ok(reply) => Ok(reply),
            Err(Unreached) => Err(SigningError::Unreached),
        }
    }

    /// Asks what can be asked again without harm: a connection that was kept may have ended meanwhile.
    async fn ask(&self, frame: &Frame) -> Result<Reply, Unreached> {
        if let Some(kept) = self.kept()
            && let Ok(reply) = self.converse(kept, frame).await
        {
            return Ok(reply);
        }
        self.converse(self.connect().await?, frame).await
    }

    /// Asks what must not be asked twice.
    async fn ask_once(&self, frame: &Frame) -> Result<Reply, Unreached> {
        let connection = match self.kept() {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        self.converse(connection, frame).await
    }

    fn kept(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Sends a frame and waits for the answer. A connection on which anything went wrong is not used again.
    async fn converse(&self, mut connection: Connection, frame: &Frame) -> Result<Reply, Unreached> {
        let answered = async {
            frame.send(&mut connection).await?;
            Frame::receive(&mut connection).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        let answer: Result<io::Result<Frame>, _> = tokio::time::timeout(self.place.patience, answered).await;
        let Ok(Ok(answer)) = answer else {
            // The others lead to the same signer, which has probably been started anew.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
            answer??;
            return Err(Unreached);
        };
        let reply = Reply::from_frame(&answer).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.note_reached();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(reply)
    }

    async fn connect(&self) -> Result<Connection, Unreached> {
        let connected = tokio::time::timeout(self.place.patience, self.try_to_connect()).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
            self.note_unreached(error.kind());
            Unreached
        })
    }

    async fn try_to_connect(&self) -> io::Result<Connection> {
        let mut connection: Connection = match (&self.place.at, &self.tls) {
            (SignerAt::Tcp { address, .. }, Some(tls)) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from("signer").map_err(io::Error::other)?;
                Box::new(tls.connect(name, stream).await?)
            }
            (SignerAt::Socket(path), _) => Box::new(UnixStream::connect(path).await?),
            (SignerAt::Tcp { .. }, None) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        Request::Hello(self.mint).to_frame().send(&mut connection).await?;
        let answer = Frame::receive(&mut connection).await?;
        match answer.as_ref().map(Reply::from_frame) {
            Some(Ok(Reply::Welcome)) => Ok(connection),
            Some(Ok(Reply::Refused(refusal))) => {
                tracing::error!(%refusal, "the signer refuses this mint");
                Err(io::ErrorKind::PermissionDenied.into())
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Asks a mint's signer whether it is there, and which of these keysets' secret keys it lacks. Waits: not for an executor's thread.
///
/// # Errors
/// As [`Remote::reach`]; [`SigningError::Keys`] when the mint's own key for the connection cannot be read.
pub(crate) fn reach_now(
    mint: MintId,
    place: SignerPlace,
    keysets: Vec<KeysetId>,
) -> Result<Vec<KeysetId>, SigningError> {
    let remote = Remote::new(mint, place, Arc::new(SystemClock))?;
    // A thread of its own: whoever calls may be inside of a runtime.
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|_| SigningError::Failed)?.block_on(async {
            remote.reach().await?;
            let mut lacking = Vec::new();
            for keyset in keysets {
                if !remote.look(keyset).await? {
                    lacking.push(keyset);
                }
            }
            Ok(lacking)
        })
    });
    asked.join().map_err(|_| SigningError::Failed)?
}

/// What another answer than the one that was waited for means for a session.
fn unexpected(reply: &Reply) -> SessionRefusal {
    let Reply::Refused(refusal) = reply else {
        tracing::error!("the signer answers what it was not asked");
        return SessionRefusal::Unreached;
    };
    match refusal {
        Refusal::UnknownSession => SessionError::Unknown.into(),
        Refusal::Expired => SessionError::Expired.into(),
        Refusal::Claimed => SessionError::Claimed.into(),
        Refusal::Full => SessionError::Full.into(),
        Refusal::Mismatch => SessionError::Mismatch.into(),
        Refusal::NotIssuing => SessionRefusal::NotIssuing,
        Refusal::Limit => SessionRefusal::Limit,
        Refusal::Busy => SessionRefusal::Busy,
        Refusal::OtherMint
        | Refusal::WentBack
        | Refusal::NotItsTime
        | Refusal::Settings
        | Refusal::NotNext
        | Refusal::Malformed
        | Refusal::OtherContent
        | Refusal::TooMuch
        | Refusal::TooManyKeysets
        | Refusal::Failed => {
            tracing::error!(%refusal, "the signer refuses");
            SessionRefusal::Unreached
        }
    }
}

impl From<Unreached> for SessionRefusal {
    fn from(_: Unreached) -> Self {
        Self::Unreached
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("place", &self.place).finish_non_exhaustive()
    }
}
