//! A client that sends what it is told to, and reads what comes.

use std::net::SocketAddr;

use data_encoding::BASE64;
use farthing_protocol::api::PayRequest;
use farthing_protocol::request::Invoice;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request.
#[derive(Clone)]
pub(super) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// An answer; `whole` unless it broke off.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
}

impl Ask {
    pub(super) fn get(path: &str) -> Self {
        let headers = vec![("host", "shop.example".to_owned())];
        Self { method: "GET", path: path.to_owned(), headers, body: Vec::new() }
    }

    pub(super) fn post(path: &str, body: &[u8]) -> Self {
        Self { method: "POST", body: body.to_vec(), ..Self::get(path) }
    }

    pub(super) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(old, _)| *old != name || name == "payment-signature");
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn paid_with(self, paid: &PayRequest) -> Self {
        self.header("payment-signature", &signature(paid))
    }

    /// Names headers that are to be taken out, beside the one that there is.
    pub(super) fn hop(self, names: &str) -> Self {
        self.header("connection", names)
    }

    /// What the header that pays holds.
    pub(super) fn pay_request(&self) -> PayRequest {
        let json = BASE64.decode(self.payment().as_bytes()).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        serde_json::from_value(json["payload"].clone()).unwrap()
    }

    /// The value of the header that pays.
    pub(super) fn payment(&self) -> &str {
        let found = self.headers.iter().find(|(name, _)| *name == "payment-signature");
        &found.expect("a payment").1
    }

    /// For another request, with the payment of this one.
    pub(super) fn elsewhere(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    pub(super) async fn begin(&self, at: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = self.body.len();
        let head = format!(
            "{} {} HTTP/1.1\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n",
            self.method, self.path
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let _refused_early = stream.write_all(&self.body).await;
        stream
    }

    /// None when the connection ended without an answer.
    pub(super) async fn send(&self, at: SocketAddr) -> Option<Told> {
        let mut stream = self.begin(at).await;
        let mut bytes = Vec::new();
        let _reset = stream.read_to_end(&mut bytes).await;
        Told::read(&bytes)
    }
}

/// Reads on until this was read.
pub(super) async fn read_until(stream: &mut TcpStream, bytes: &mut Vec<u8>, what: &[u8]) {
    while !bytes.windows(what.len()).any(|window| window == what) {
        assert_ne!(stream.read_buf(bytes).await.unwrap(), 0, "{}", String::from_utf8_lossy(bytes));
    }
}

/// The value of the header that pays.
pub(super) fn signature(paid: &PayRequest) -> String {
    let json = json!({"x402Version": 2, "payload": paid, "accepted": {"scheme": "exact"}});
    BASE64.encode(json.to_string().as_bytes())
}

impl Told {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let rest = &bytes[end + 4..];
        let mut told = Self { status, head, body: rest.to_vec(), whole: true };
        if told.header("transfer-encoding") == Some("chunked") {
            (told.body, told.whole) = unchunk(rest);
        } else if let Some(length) = told.header("content-length") {
            told.whole = length.parse() == Ok(rest.len());
        }
        Some(told)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// A header of x402.
    pub(super) fn json(&self, name: &str) -> Value {
        let value = self.header(name).unwrap_or_else(|| panic!("no {name}: {} {}", self.head, self.text()));
        serde_json::from_slice(&BASE64.decode(value.as_bytes()).unwrap()).unwrap()
    }

    pub(super) fn invoice(&self) -> Invoice {
        assert_eq!(self.status, 402, "{} {}", self.head, self.text());
        let demand = self.json("payment-required");
        assert_eq!(demand["x402Version"], 2);
        serde_json::from_value(demand["accepts"][0]["extra"]["invoice"].clone()).unwrap()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Served for a payment, with this body.
    pub(super) fn assert_served(&self, body: &str) {
        assert_eq!((self.status, self.text().as_str()), (200, body), "{}", self.head);
        assert!(self.whole);
        let settled = self.json("payment-response");
        assert_eq!(settled["success"], true);
        assert!(settled["receipt"].is_string());
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { return (body, false) };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
}
