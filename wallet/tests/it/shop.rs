//! A web server that demands payment as x402 version 2 does it, and does whatever a test tells it with what it is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use farthing_protocol::api::{PayAnswer, PayRequest, verifier_path};
use farthing_protocol::codec::{Wire, to_base64url};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::double::Double;
use crate::http::Service;

/// What happens to one request with a payment.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Settled and served. Asked with the same payment again, it serves again.
    Serve,
    /// Settled, with this status and no content.
    SettleAs(u16),
    /// Settled, and served without a word of it.
    ServeSilently,
    /// Settled, and the connection dropped.
    SettleAndDie,
    /// Not settled, and the connection dropped.
    Die,
    /// Not settled; this status, and perhaps a settlement's answer.
    Answer(u16, Option<Value>),
    /// Not settled; demanded again.
    Demand,
    /// Settled, and then called refused.
    SettleAndRefuse,
    /// Sent somewhere else, with this status.
    Redirect(u16),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The payment's header, decoded.
    pub(crate) fn signature(&self) -> Option<Value> {
        let value = BASE64.decode(self.header("payment-signature")?.as_bytes()).unwrap();
        Some(serde_json::from_slice(&value).unwrap())
    }
}

pub(crate) struct Shop {
    double: Arc<Double>,
    pub(crate) origin: String,
    state: Mutex<State>,
}

struct State {
    accepts: Value,
    acts: VecDeque<Act>,
    unpaid: Option<(u16, Vec<u8>)>,
    seen: Vec<Request>,
}

/// Served to whoever paid.
pub(crate) const CONTENT: [u8; 5] = [0, 255, b'\r', b'\n', 128];

impl Shop {
    pub(crate) async fn open(double: &Arc<Double>, units: u64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shop = Self { double: Arc::clone(double), origin, state: Mutex::new(State::new()) };
        let shop = Arc::new(shop);
        shop.accept(json!([shop.entry(units)]));
        let serving = Arc::clone(&shop);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).one(stream));
            }
        });
        shop
    }

    /// What it demands when nothing else is said.
    pub(crate) fn entry(&self, units: u64) -> Value {
        let payee = self.double.with(|state| farthing_protocol::identity::PayeeKey::from(&state.payee));
        json!({"scheme": "exact", "network": self.double.id().network(), "amount": units.to_string(), "asset": "EUR",
            "payTo": payee.to_text(), "maxTimeoutSeconds": 60, "extra": {"name": "Euro"}})
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/tea?cups=2", self.origin)
    }

    pub(crate) fn accept(&self, accepts: Value) {
        self.with(|state| state.accepts = accepts);
    }

    /// What happens to the next requests with a payment; afterwards they are served.
    pub(crate) fn act(&self, acts: impl IntoIterator<Item = Act>) {
        self.with(|state| state.acts.extend(acts));
    }

    /// Answers requests without a payment with this, and demands none.
    pub(crate) fn free(&self, status: u16, body: &[u8]) {
        self.with(|state| state.unpaid = Some((status, body.to_vec())));
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.with(|state| state.seen.clone())
    }

    /// The values of every payment's header that came in.
    pub(crate) fn payments(&self) -> Vec<String> {
        self.seen().iter().filter_map(|request| request.header("payment-signature").map(str::to_owned)).collect()
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap())
    }

    async fn one(self: Arc<Self>, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        self.with(|state| state.seen.push(request.clone()));
        if let Some(answer) = self.answer(&request) {
            stream.write_all(&answer).await.ok();
            stream.shutdown().await.ok();
        }
    }

    fn answer(&self, request: &Request) -> Option<Vec<u8>> {
        let Some(signature) = request.signature() else {
            return Some(match self.with(|state| state.unpaid.clone()) {
                Some((status @ 300..=399, _)) => redirect(status),
                Some((status, body)) => message(status, &[], &body),
                None => self.demand(),
            });
        };
        let act = self.with(|state| state.acts.pop_front()).unwrap_or(Act::Serve);
        match act {
            Act::Die => return None,
            Act::Answer(status, settlement) => {
                let headers = settlement.map(|json| ("payment-response", encoded(&json)));
                return Some(message(status, headers.as_slice(), b"no"));
            }
            Act::Demand => return Some(self.demand()),
            Act::Redirect(status) => return Some(redirect(status)),
            Act::Serve | Act::SettleAs(_) | Act::ServeSilently | Act::SettleAndDie | Act::SettleAndRefuse => {}
        }
        let settled = match self.settle(&signature["payload"]) {
            Ok(settled) => settled,
            Err(reason) => {
                let failed = json!({"success": false, "errorReason": reason, "transaction": "",
                    "network": self.double.id().network()});
                return Some(message(402, &[("payment-response", encoded(&failed))], b"{}"));
            }
        };
        let response = [("payment-response", encoded(&settled))];
        match act {
            Act::SettleAndDie => None,
            Act::SettleAs(status) => Some(message(status, &response, b"")),
            Act::ServeSilently => Some(message(200, &[], &CONTENT)),
            Act::SettleAndRefuse => Some(self.demand()),
            _ => Some(message(200, &response, &CONTENT)),
        }
    }

    /// The double decides: the same payment again gets the same receipt.
    fn settle(&self, payload: &Value) -> Result<Value, String> {
        let request: PayRequest = serde_json::from_value(payload.clone()).unwrap();
        let body = serde_json::to_vec(&request).unwrap();
        let answer =
            self.double.answer(verifier_path::PAY, &body).map_err(|problem| problem.code().as_str().to_owned())?;
        let PayAnswer { receipt } = serde_json::from_str(&answer).unwrap();
        Ok(json!({"success": true, "payer": "anonymous", "transaction": "t-1", "network": self.double.id().network(),
            "amount": request.payment.amount(), "receipt": to_base64url(&receipt.to_bytes())}))
    }

    fn demand(&self) -> Vec<u8> {
        let accepts = self.with(|state| state.accepts.clone());
        let demand = json!({"x402Version": 2, "error": "Payment required", "accepts": accepts,
            "resource": {"url": self.url(), "description": "tea", "mimeType": "text/plain"}});
        message(402, &[("payment-required", encoded(&demand))], b"{}")
    }
}

impl State {
    fn new() -> Self {
        Self { accepts: Value::Null, acts: VecDeque::new(), unpaid: None, seen: Vec::new() }
    }
}

fn encoded(json: &Value) -> String {
    BASE64.encode(json.to_string().as_bytes())
}

fn redirect(status: u16) -> Vec<u8> {
    message(status, &[("location", "/elsewhere".to_owned())], b"")
}

fn message(status: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(Request { method, target, headers, body })
}
