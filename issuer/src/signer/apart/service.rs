//! The signer's side: a process that holds the keys, and answers one mint.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use farthing_durable::Options;
use farthing_http::server::PrivateSocket;
use farthing_protocol::blind::Challenge;
use farthing_protocol::blind::mint::SessionError;
use farthing_protocol::unsigned::Unsigned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet, spawn_blocking};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::super::{Answer, Presented, SessionRefusal, Strongbox};
use super::config::Listen;
use super::home::{CACHE, SignerHome};
use super::rules::{Rules, RulesError};
use super::tls;
use super::wire::{Document, Frame, Purpose, Refusal, Reply, Request};
use crate::clock::{Clock, SystemClock};
use crate::home::HomeError;
use crate::keys::Unlock;

/// So many connections at most.
const CONNECTIONS: usize = 128;

/// So many handshakes at once at most. They take no connection's place.
const HANDSHAKES: usize = 16;

/// How long a handshake, or sending an answer, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys that can sign nothing any more leave the memory so often, at least.
const TIDY: Duration = Duration::from_secs(60);

/// How long to wait after an accept failed for want of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a signer does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Its folder or keys.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another process uses its folder.
    #[error("the signer is running already")]
    InUse,
    /// Its store cannot be used.
    #[error("the signer's store is damaged or cannot be used")]
    Store,
    /// Its socket or address cannot be had.
    #[error("the signer's socket or address cannot be had: {}", .0.kind())]
    Io(#[from] io::Error),
}

impl From<RulesError> for SignerError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::Store(farthing_durable::OpenError::InUse) => Self::InUse,
            RulesError::Store(_) | RulesError::Damaged => Self::Store,
            RulesError::Home(error) => Self::Home(error),
        }
    }
}

/// A signer that is being served. Dropped, it stops.
#[derive(Debug)]
pub struct RunningSigner {
    /// Where it listens, if it listens on TCP.
    pub local_addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

#[derive(Debug)]
struct Service {
    home: SignerHome,
    rules: Rules,
    strongbox: Strongbox,
}

/// Serves a signer until `shutdown` ends.
///
/// # Errors
/// A [`SignerError`].
pub async fn run_signer(
    home: SignerHome,
    unlock: Unlock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningSigner, SignerError> {
    run_signer_in(home, unlock, Arc::new(SystemClock), shutdown).await
}

/// As [`run_signer`], by another clock.
///
/// # Errors
/// As [`run_signer`].
#[doc(hidden)]
pub async fn run_signer_in(
    home: SignerHome,
    unlock: Unlock,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<RunningSigner, SignerError> {
    let opened = spawn_blocking(move || Service::open(home, unlock, clock));
    let (service, tls) = opened.await.map_err(|_| SignerError::Store)??;
    let service = Arc::new(service);
    let (stop, stopped) = watch::channel(false);
    let tidied = Arc::downgrade(&service);
    let (local_addr, served) = match (service.home.listen(), tls) {
        (Listen::Tcp(address, _), Some(tls)) => {
            let listener = TcpListener::bind(address).await?;
            let local_addr = listener.local_addr()?;
            (Some(local_addr), tokio::spawn(serve(Door::Tcp(listener, tls), service, stopped)))
        }
        _ => {
            let socket = PrivateSocket::bind(service.home.socket())?;
            (None, tokio::spawn(serve(Door::Socket(socket), service, stopped)))
        }
    };
    tokio::spawn(tidy(tidied, stop.subscribe()));
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown => { asked.send_replace(true); }
            () = asked.closed() => {}
        }
    });
    tracing::info!("the signer is being served");
    Ok(RunningSigner { local_addr, stop, served })
}

impl RunningSigner {
    /// Asks it to stop, and waits until what was asked is answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.wait().await;
    }

    /// Waits until it has stopped.
    pub async fn wait(self) {
        let Self { served, stop: _stop, .. } = self;
        if served.await.is_err() {
            tracing::error!("the signer's listener has failed");
        }
    }
}

enum Door {
    Socket(PrivateSocket),
    Tcp(TcpListener, TlsAcceptor),
}

async fn serve(door: Door, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    let (places, mut talks) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    let mut handshakes = Handshakes::default();
    loop {
        // At the socket everybody who comes is the mint's user. On TCP that is not known before the handshake, which takes no place.
        let place = match door {
            Door::Socket(_) => Arc::clone(&places).acquire_owned().await.ok(),
            Door::Tcp(..) => None,
        };
        while talks.try_join_next().is_some() {}
        let talk = Talk { service: Arc::clone(&service), stopped: stopped.clone() };
        let come = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            stream = handshakes.next() => Ok(Come::Mint(stream)),
            accepted = accept(&door) => accepted,
        };
        match come {
            Ok(Come::User(stream)) => {
                talks.spawn(async move {
                    talk.hold(stream).await;
                    drop(place);
                });
            }
            Ok(Come::Mint(stream)) => {
                let places = Arc::clone(&places);
                talks.spawn(async move {
                    let _place = places.acquire_owned().await;
                    talk.hold(stream).await;
                });
            }
            Ok(Come::Somebody(handshake)) => handshakes.begin(handshake),
            Err(error) => {
                tracing::warn!(kind = %error.kind(), "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(door);
    while talks.join_next().await.is_some() {}
}

/// Handshakes that are under way: anybody can begin one, so there are few, and the oldest makes room for the newest. The mint's takes no
/// longer than a message there and back.
#[derive(Default)]
struct Handshakes {
    running: JoinSet<Option<Box<TlsStream<TcpStream>>>>,
    oldest_first: VecDeque<AbortHandle>,
}

impl Handshakes {
    fn begin(&mut self, handshake: Box<Accept<TcpStream>>) {
        self.oldest_first.retain(|running| !running.is_finished());
        if self.oldest_first.len() >= HANDSHAKES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            oldest.abort();
        }
        self.oldest_first.push_back(self.running.spawn(async move {
            let stream = tokio::time::timeout(PATIENCE, handshake).await.ok()?.ok().map(Box::new);
            if stream.is_none() {
                tracing::warn!("somebody connected who is not the mint");
            }
            stream
        }));
    }

    /// Waits for the next one that is brought to its end, by the mint.
    async fn next(&mut self) -> Box<TlsStream<TcpStream>> {
        loop {
            match self.running.join_next().await {
                Some(Ok(Some(stream))) => return stream,
                // Somebody else's, or one that made room.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// Drops keys whose time is over, until the signer stops or is gone.
async fn tidy(service: Weak<Service>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(TIDY) => {}
        }
        let Some(service) = service.upgrade() else { return };
        service.strongbox.drop_ended();
    }
}

/// Who has come.
enum Come {
    /// A process of the mint's user, at the socket.
    User(UnixStream),
    /// Anybody, on TCP.
    Somebody(Box<Accept<TcpStream>>),
    /// The mint, after a handshake.
    Mint(Box<TlsStream<TcpStream>>),
}

async fn accept(door: &Door) -> io::Result<Come> {
    match door {
        Door::Socket(socket) => socket.accept().await.map(Come::User),
        Door::Tcp(listener, tls) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Come::Somebody(Box::new(tls.accept(stream))))
        }
    }
}

/// One connection.
struct Talk {
    service: Arc<Service>,
    stopped: watch::Receiver<bool>,
}

impl Talk {
    /// Answers one frame after the other until the mint goes away, or says something that is not understood.
    async fn hold(mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut welcome = false;
        loop {
            let frame = tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return,
                frame = Frame::receive(&mut stream) => frame,
            };
            let Ok(Some(frame)) = frame else { return };
            let reply = match Request::from_frame(&frame) {
                Ok(Request::Hello(mint)) => {
                    welcome = mint == *self.service.home.mint_id();
                    if welcome { Reply::Welcome } else { Reply::Refused(Refusal::OtherMint) }
                }
                Ok(request) if welcome => self.service.answer(request).await.unwrap_or_else(Reply::Refused),
                Ok(_) => Reply::Refused(Refusal::OtherMint),
                Err(error) => {
                    tracing::warn!(%error, "a request was not understood");
                    Reply::Refused(Refusal::Malformed)
                }
            };
            let over = matches!(reply, Reply::Refused(Refusal::OtherMint | Refusal::Malformed));
            let sent = tokio::time::timeout(PATIENCE, reply.to_frame().send(&mut stream)).await;
            if over || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

impl Service {
    fn open(
        home: SignerHome,
        unlock: Unlock,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<TlsAcceptor>), SignerError> {
        // The keys first: a wrong passphrase is told before anything is touched.
        let tls = match home.listen() {
            Listen::Socket => None,
            Listen::Tcp(_, mint) => Some(TlsAcceptor::from(tls::server(&home.tls(&unlock)?, mint)?)),
        };
        let keysets = home.load_keysets()?;
        let strongbox = Strongbox::open(home.keys(), unlock, &keysets, Arc::clone(&clock)).map_err(HomeError::from)?;
        let rules = Rules::open(home.clone(), clock, Options::new().cache_bytes(CACHE))?;
        // The store is this process's: nobody is exchanging keys.
        home.keys().settle().map_err(HomeError::from)?;
        Ok((Self { home, rules, strongbox }, tls))
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Result<Reply, Refusal> {
        let service = Arc::clone(self);
        match request {
            Request::Hello(_) => Ok(Reply::Welcome),
            Request::Open { keyset, denominations } => {
                self.rules.may_open(&keyset, &denominations)?;
                let opened = spawn_blocking(move || service.strongbox.open_session(&keyset, &denominations)).await;
                Ok(Reply::Opened(opened.map_err(|_| Refusal::Failed)??))
            }
            Request::Authenticate(presented) => {
                self.strongbox.authenticate(&presented)?;
                Ok(Reply::Authentic)
            }
            Request::Claim { presented, challenges, purpose } => self.claim(&presented, challenges, purpose).await,
            Request::Burn { presented, challenges } => {
                self.strongbox.claim(&presented, challenges, drop)?;
                Ok(Reply::Burned)
            }
            Request::Draw { terms, count } => {
                let drawn = spawn_blocking(move || service.rules.draw(terms, count, &service.strongbox)).await;
                Ok(Reply::Drawn(Box::new(drawn.map_err(|_| Refusal::Failed)??)))
            }
            Request::Sign(document) => {
                let signed = spawn_blocking(move || service.sign(document)).await;
                Ok(Reply::Signed(signed.map_err(|_| Refusal::Failed)??))
            }
            Request::LastList => {
                let list = spawn_blocking(move || service.rules.last_list()).await;
                Ok(Reply::LastList(list.map_err(|_| Refusal::Failed)??.map(Box::new)))
            }
            Request::LastIndex => {
                let index = spawn_blocking(move || service.rules.last_index()).await;
                Ok(Reply::LastIndex(index.map_err(|_| Refusal::Failed)??.map(Box::new)))
            }
            Request::Forget(keyset) => {
                let forgotten = spawn_blocking(move || service.rules.forget(&keyset, &service.strongbox)).await;
                forgotten.map_err(|_| Refusal::Failed)??;
                Ok(Reply::Forgotten)
            }
            Request::Look(keyset) => {
                let has_keys = self.strongbox.holds(&keyset);
                Ok(Reply::Looked { has_keys, issues: has_keys && self.rules.may_open(&keyset, &[]).is_ok() })
            }
            Request::Report => {
                let report = spawn_blocking(move || service.rules.report()).await;
                Ok(Reply::Report(report.map_err(|_| Refusal::Failed)??))
            }
        }
    }

    /// The answer is held until what it is worth is counted durably. If it must not be issued, the answer is dropped, and the session
    /// stays burned.
    async fn claim(
        &self,
        presented: &Presented,
        challenges: Vec<Challenge>,
        purpose: Purpose,
    ) -> Result<Reply, Refusal> {
        self.rules.may_claim(&presented.keyset)?;
        let value = presented.value().ok_or(Refusal::Mismatch)?;
        let answer: Answer = self.strongbox.claim(presented, challenges, |answer| answer)?;
        self.rules.count(presented.keyset, purpose, value).await?;
        let (hash, responses) = answer.into_record();
        Ok(Reply::Answered { hash, responses })
    }

    fn sign(&self, document: Document) -> Result<farthing_protocol::identity::Signature, Refusal> {
        match document {
            Document::List(draft) => {
                self.rules.sign_list(*draft, &self.strongbox).map(|list| Unsigned::signature_of(&list))
            }
            Document::Index(draft) => {
                self.rules.sign_index(*draft, &self.strongbox).map(|index| Unsigned::signature_of(&index))
            }
            Document::File(draft) => self.rules.sign_file(*draft, &self.strongbox),
            Document::Filter(draft) => self.rules.sign_file(*draft, &self.strongbox),
        }
    }
}

impl From<SessionRefusal> for Refusal {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Session(error) => match error {
                SessionError::Unknown => Self::UnknownSession,
                SessionError::Expired => Self::Expired,
                SessionError::Claimed => Self::Claimed,
                SessionError::Full => Self::Full,
                SessionError::Mismatch => Self::Mismatch,
                _ => Self::Failed,
            },
            SessionRefusal::NotIssuing => Self::NotIssuing,
            SessionRefusal::Limit => Self::Limit,
            SessionRefusal::Busy => Self::Busy,
            SessionRefusal::Unreached | SessionRefusal::Failed => Self::Failed,
        }
    }
}
