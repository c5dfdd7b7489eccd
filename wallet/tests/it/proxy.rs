//! What a proxy, and whoever is behind it, sees of wallets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farthing_http::client::{BuildError, CallError, Unsent};
use farthing_protocol::api::{mint_path, verifier_path};
use farthing_wallet::{IssueError, MintError, OpenError, Options, PayError, Wallet, WithdrawWhat, WordCount, Words};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::double::{amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// What was seen of one connection.
#[derive(Clone, Debug)]
struct Seen {
    /// User name and password.
    user: (String, String),
    /// Where the proxy was to connect to.
    name: String,
    /// The head of the request, line by line.
    head: Vec<String>,
}

impl Seen {
    fn path(&self) -> &str {
        self.head[0].split(' ').nth(1).unwrap()
    }

    /// The headers' names and values, but for what any two requests differ in.
    fn headers(&self) -> BTreeSet<&str> {
        let differs = |line: &str| line.starts_with("host: ") || line.starts_with("content-length: ");
        self.head[1..].iter().map(String::as_str).filter(|line| !differs(line)).collect()
    }
}

/// A SOCKS5 proxy that wants a user name, and takes every name for the same server.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Proxy {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("socks5h://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let keep = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(one(stream, server, Arc::clone(&keep)));
            }
        });
        Self { url, seen }
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn one(mut stream: TcpStream, server: SocketAddr, seen: Arc<Mutex<Vec<Seen>>>) {
    assert_eq!(stream.read_u8().await.unwrap(), 5);
    let mut methods = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut methods).await.unwrap();
    assert!(methods.contains(&2), "a user name is offered");
    stream.write_all(&[5, 2]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    let user = (text(&mut stream).await, text(&mut stream).await);
    stream.write_all(&[1, 0]).await.unwrap();
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request, [5, 1, 0, 3], "connect, by name");
    let name = text(&mut stream).await;
    stream.read_u16().await.unwrap();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let mut bytes = Vec::new();
    let end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end,
            None => assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0),
        }
    };
    let head = std::str::from_utf8(&bytes[..end]).unwrap().split("\r\n").map(str::to_owned).collect();
    seen.lock().unwrap().push(Seen { user, name, head });
    let mut onward = TcpStream::connect(server).await.unwrap();
    onward.write_all(&bytes).await.unwrap();
    let _closed = copy_bidirectional(&mut stream, &mut onward).await;
}

/// A length, and so many bytes.
async fn text(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn server(world: &World) -> SocketAddr {
    world.url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// A wallet whose way to the network is this proxy. Mint and merchant are where nothing but the proxy finds them.
async fn through(world: &World, proxy: &str) -> (TempDir, Wallet) {
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let options = world.options().attempts(2, Duration::ZERO).proxy(proxy);
    let wallet = Wallet::create(folder.path(), &words, protection(), options).await.unwrap();
    let mint = wallet.add_mint("http://mint.onion").await.unwrap();
    assert_eq!(mint.id, world.double.id());
    wallet.pin_mint(&mint.id).await.unwrap();
    world.double.credit(wallet.account(&mint.id), 10_000);
    (folder, wallet)
}

#[tokio::test]
async fn each_operation_and_each_other_call_has_a_user_of_its_own() {
    let (world, _) = World::new().await;
    let proxy = Proxy::start(server(&world)).await;
    let (_folder, wallet) = through(&world, &proxy.url).await;
    world.withdraw(&wallet, 1).await;
    world.withdraw(&wallet, 2).await;
    // The answer is lost, and the same bytes are sent again.
    world.double.fail_next(verifier_path::PAY, Fault::LoseAnswer);
    wallet.pay(world.double.invoice("http://shop.onion", 3, |_| {})).await.unwrap();

    let seen = proxy.take();
    let mut by_user: BTreeMap<&(String, String), Vec<&str>> = BTreeMap::new();
    for call in &seen {
        by_user.entry(&call.user).or_default().push(call.path());
    }
    let mut ways: Vec<Vec<&str>> = by_user.into_values().collect();
    ways.sort_unstable();
    let withdrawal = vec![mint_path::OPEN, mint_path::FINISH];
    let mut expected = vec![
        vec![mint_path::KEYSETS],
        vec![mint_path::ACCOUNT],
        vec![mint_path::ACCOUNT],
        withdrawal.clone(),
        withdrawal,
        vec![verifier_path::PAY, verifier_path::PAY],
    ];
    expected.sort_unstable();
    assert_eq!(ways, expected);
    let parts: BTreeSet<&String> = seen.iter().flat_map(|call| [&call.user.0, &call.user.1]).collect();
    assert_eq!(parts.len(), 2 * expected.len(), "no name and no password is used for anything else");
    assert!(parts.iter().all(|part| part.len() == 22), "16 random bytes each");
    assert!(seen.iter().all(|call| call.name == "mint.onion" || call.name == "shop.onion"));
}

#[tokio::test]
async fn an_operation_gone_on_with_later_has_another_user() {
    let (world, _) = World::new().await;
    let proxy = Proxy::start(server(&world)).await;
    let (_folder, wallet) = through(&world, &proxy.url).await;
    world.withdraw(&wallet, 3).await;
    proxy.take();
    for _ in 0..2 {
        world.double.fail_next(verifier_path::PAY, Fault::LoseAnswer);
    }
    let paid = wallet.pay(world.double.invoice("http://shop.onion", 3, |_| {})).await;
    assert!(matches!(paid, Err(PayError::Unknown { .. })));
    assert!(wallet.resume().await.unwrap()[0].result.is_ok());
    let users: Vec<_> = proxy.take().into_iter().map(|call| call.user).collect();
    assert_eq!(users.len(), 3);
    assert_eq!(users[0], users[1]);
    assert_ne!(users[1], users[2]);
}

#[tokio::test]
async fn a_look_before_there_is_a_wallet_goes_the_same_way() {
    let (world, _) = World::new().await;
    let proxy = Proxy::start(server(&world)).await;
    let options = world.options().proxy(&proxy.url);
    for _ in 0..2 {
        let mint = Wallet::look_at_mint("http://mint.onion", &options).await.unwrap();
        assert_eq!((mint.id, mint.pinned), (world.double.id(), false));
    }
    let seen = proxy.take();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0].user, seen[1].user);
}

#[tokio::test]
async fn two_wallets_look_the_same() {
    let (world, _) = World::new().await;
    let proxy = Proxy::start(server(&world)).await;
    let mut looks = Vec::new();
    for units in [3, 700] {
        let (_folder, wallet) = through(&world, &proxy.url).await;
        world.withdraw(&wallet, units).await;
        wallet.pay(world.double.invoice("http://shop.onion", units, |_| {})).await.unwrap();
        looks.push(proxy.take());
    }
    assert_eq!(looks[0].len(), 5);
    for (one, other) in looks[0].iter().zip(&looks[1]) {
        assert_eq!(one.head[0], other.head[0]);
        assert_eq!(one.headers(), other.headers());
        let names: BTreeSet<&str> = one.head[1..].iter().map(|line| line.split(": ").next().unwrap()).collect();
        let expected: &[&str] = match one.head[0].split(' ').next() {
            Some("GET") => &["accept", "host", "user-agent"],
            _ => &["accept", "content-length", "content-type", "host", "user-agent"],
        };
        assert!(names.into_iter().eq(expected.iter().copied()), "{one:?}");
        assert!(one.headers().contains("user-agent: farthing"));
    }
    assert_eq!(looks[0].len(), looks[1].len());
}

#[tokio::test]
async fn nothing_goes_past_a_proxy_that_is_not_there() {
    let (world, _) = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    let wallet = Wallet::create(folder.path(), &words, protection(), world.options()).await.unwrap();
    let mint = wallet.add_mint(&world.url).await.unwrap().id;
    wallet.pin_mint(&mint).await.unwrap();
    world.double.credit(wallet.account(&mint), 10_000);
    world.withdraw(&wallet, 3).await;
    drop(wallet);

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = world.options().proxy(format!("socks5h://{}", gone.local_addr().unwrap()));
    drop(gone);
    let wallet = Wallet::open(folder.path(), protection().unlock(), options).await.unwrap();
    let before = world.double.with(|state| state.requests.clone());
    let unsent = |error: &CallError| *error == CallError::NotSent(Unsent::Connection);
    let added = wallet.add_mint(&world.url).await;
    assert!(matches!(added, Err(MintError::Call(error)) if unsent(&error)));
    let withdrawn = wallet.withdraw(&mint, &unit(), WithdrawWhat::Amount(amount(1))).await;
    assert!(matches!(withdrawn, Err(IssueError::Mint(MintError::Call(error))) if unsent(&error)));
    let paid = wallet.pay(world.invoice(3)).await;
    assert!(matches!(paid, Err(PayError::NotSent(error)) if unsent(&error)));
    assert_eq!(world.double.with(|state| state.requests.clone()), before);
    assert_eq!(world.balance(&wallet).await, (3, 0));
}

#[tokio::test]
async fn an_unusable_proxy_is_refused_before_anything_is_made_or_opened() {
    let (world, wallet) = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
    for (proxy, refusal) in [
        ("socks5://127.0.0.1:9050", BuildError::Proxy),
        ("http://127.0.0.1:8080", BuildError::Proxy),
        ("", BuildError::Proxy),
        ("socks5h://me:secret@127.0.0.1:9050", BuildError::ProxyUser),
    ] {
        let options = || Options::new().proxy(proxy);
        let made = Wallet::create(folder.path(), &words, protection(), options()).await;
        assert!(matches!(made, Err(OpenError::Http(error)) if error == refusal), "{proxy}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // The wallet is open already, and would be in use.
        let opened = Wallet::open(world.path(), protection().unlock(), options()).await;
        assert!(matches!(opened, Err(OpenError::Http(error)) if error == refusal), "{proxy}");
    }
    drop(wallet);
}
