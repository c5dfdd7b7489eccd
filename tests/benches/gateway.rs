//! What a gateway costs: beside the bare server and nginx as a plain proxy, and with payments.
//!
//! `cargo bench -p farthing-tests --bench gateway` starts nginx as the server and as the proxy, a mint and a gateway, each a
//! process of its own, and asks them in turn, round by round. Without nginx it says so and measures nothing.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "../system/harness.rs"]
mod harness;
#[path = "../system/raw.rs"]
mod raw;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use farthing_protocol::request::Invoice;
use serde_json::{Value, json};

use harness::World;
use raw::RawWallet;

const ROUNDS: usize = 9;
const IN_TURN: usize = 300;
const AT_ONCE: usize = 16;
const RATE_TIME: Duration = Duration::from_millis(700);
const PAID: usize = 900;

const RULES: &str = "[[rule]]\npath = \"/free/**\"\nfree = true\n[[rule]]\npath = \"/paid/**\"\nprice = \"0.01\"\n";

struct Nginx {
    child: Child,
    at: SocketAddr,
}

impl Nginx {
    fn start(world: &World, name: &str, location: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = world.path(name);
        fs::create_dir_all(folder.join("logs")).unwrap();
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr crit;\n\
             events {{ worker_connections 512; }}\nhttp {{ access_log off; keepalive_requests 1000000;\n\
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n\
             {location} }}\n"
        );
        fs::write(folder.join("nginx.conf"), config.replace("PORT", &port.to_string())).unwrap();
        let command =
            ["nginx", "/usr/sbin/nginx"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok())?;
        let child = Command::new(command)
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..200 {
            if TcpStream::connect(at).is_ok() {
                return Some(Self { child, at });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _dead = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A connection that stays.
struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    fn new(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, bytes: Vec::new() }
    }

    /// Status and head of the answer; the body is read and thrown away.
    fn ask(&mut self, path: &str, host: SocketAddr, payment: Option<&str>) -> (u16, String) {
        let payment = payment.map(|value| format!("payment-signature: {value}\r\n")).unwrap_or_default();
        write!(self.stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n{payment}\r\n").unwrap();
        self.bytes.clear();
        let mut buffer = [0; 16 << 10];
        loop {
            let count = self.stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&self.bytes));
            self.bytes.extend_from_slice(&buffer[..count]);
            let Some(end) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if self.bytes.len() >= end + 4 + length.expect("a length") {
                let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
                return (head.split(' ').nth(1).unwrap().parse().unwrap(), head);
            }
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Microseconds of one request after another: the median.
fn latency(at: SocketAddr, path: &str) -> f64 {
    let mut client = Client::new(at);
    let mut times: Vec<f64> = (0..IN_TURN)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(client.ask(path, at, None).0, 200);
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(&mut times)
}

/// Requests a second over several connections.
fn rate(at: SocketAddr, path: &'static str) -> f64 {
    let (begun, count) = (Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut client = Client::new(at);
                while begun.elapsed() < RATE_TIME {
                    assert_eq!(client.ask(path, at, None).0, 200);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// Payments for so many requests, each for one of its own.
async fn payments(at: SocketAddr, wallet: &mut RawWallet) -> Vec<(String, String)> {
    let mut client = Client::new(at);
    let mut made = Vec::new();
    for number in 0..PAID {
        let path = format!("/paid/small?{number}");
        let (status, head) = client.ask(&path, at, None);
        assert_eq!(status, 402);
        let value = head.lines().find_map(|line| line.strip_prefix("payment-required: ")).unwrap();
        let demand: Value = serde_json::from_slice(&BASE64.decode(value.as_bytes()).unwrap()).unwrap();
        let invoice: Invoice = serde_json::from_value(demand["accepts"][0]["extra"]["invoice"].clone()).unwrap();
        let tokens = wallet.withdraw(1).await;
        let paid = json!({"x402Version": 2, "payload": wallet.answer(&tokens, &invoice)});
        made.push((path, BASE64.encode(paid.to_string().as_bytes())));
    }
    made
}

fn synced(world: &World) -> f64 {
    let mut file = fs::File::create(world.path("synced")).unwrap();
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(&mut times)
}

#[tokio::main]
async fn main() {
    let world = World::new();
    let root = world.path("www");
    for folder in ["free", "paid"] {
        fs::create_dir_all(root.join(folder)).unwrap();
        fs::write(root.join(folder).join("small"), vec![b'x'; 1024]).unwrap();
    }
    let server = format!("server {{ listen 127.0.0.1:PORT; root {}; }}", root.display());
    let Some(bare) = Nginx::start(&world, "bare", &server) else {
        println!("nginx is not installed: nothing is measured");
        return;
    };
    let proxy = format!(
        "upstream behind {{ server {}; keepalive 32; }}\nserver {{ listen 127.0.0.1:PORT; location / {{\n\
         proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}",
        bare.at
    );
    let nginx = Nginx::start(&world, "proxy", &proxy).unwrap();
    let mint = world.mint();
    world.run(&["verifier", "init", "--mint", &mint.url]);
    fs::write(world.path("rules.toml"), RULES).unwrap();
    let rules = world.path("rules.toml");
    let gateway = world.serve(&[
        "verifier",
        "gateway",
        "--upstream",
        &format!("http://{}", bare.at),
        "--rules",
        rules.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--pay-listen",
        "127.0.0.1:0",
    ]);
    let at = gateway.address();

    let targets = [("bare server", bare.at), ("nginx as a proxy", nginx.at), ("gateway, free", at)];
    let mut latencies = vec![Vec::new(); targets.len()];
    let mut rates = vec![Vec::new(); targets.len()];
    for _ in 0..ROUNDS {
        for (place, (_, at)) in targets.iter().enumerate() {
            latencies[place].push(latency(*at, "/free/small"));
            rates[place].push(rate(*at, "/free/small"));
        }
    }
    let mut wallet = RawWallet::new(&mint.url).await;
    wallet.fund(&world, 100_000);
    let mut made = payments(at, &mut wallet).await;
    let alone = made.split_off(PAID * 2 / 3);
    let mut client = Client::new(at);
    let mut times: Vec<f64> = alone
        .iter()
        .map(|(path, paid)| {
            let begun = Instant::now();
            assert_eq!(client.ask(path, at, Some(paid)).0, 200);
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let count = made.len();
    let made = Arc::new(Mutex::new(made));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut client = Client::new(at);
                while let Some((path, paid)) = { made.lock().unwrap().pop() } {
                    assert_eq!(client.ask(&path, at, Some(&paid)).0, 200);
                }
            });
        }
    });
    let paid_rate = count as f64 / begun.elapsed().as_secs_f64();

    println!("medians of {ROUNDS} rounds; 1 KiB; {AT_ONCE} connections for the rate\n");
    println!("{:<22} {:>10} {:>10} {:>12}", "", "µs", "added µs", "requests/s");
    let mut base = 0.0;
    for (place, (name, _)) in targets.iter().enumerate() {
        let (latency, rate) = (median(&mut latencies[place]), median(&mut rates[place]));
        base = if place == 0 { latency } else { base };
        println!("{name:<22} {latency:>10.0} {:>10.0} {rate:>12.0}", latency - base);
    }
    let paid = median(&mut times);
    println!("{:<22} {paid:>10.0} {:>10.0} {paid_rate:>12.0}", "gateway, paid", paid - base);
    println!(
        "\nfdatasync of 4 KiB here: {:.0} µs; a payment waits for several, one of them the mint's",
        synced(&world)
    );
}
