//! A server of one request for each connection, which can hang up before or after doing what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use farthing_http::problem::{Code, Problem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The request is read and thrown away.
    LoseRequest,
    /// The request is carried out, the answer thrown away.
    LoseAnswer,
    /// The request is answered when as many as the barrier is for have come.
    Together(Arc<Barrier>),
    /// This is answered, and nothing done.
    Refuse(Problem),
    /// Nothing is done, and the client told to come again at once.
    Busy,
    /// The request is carried out, and this is answered.
    LieAfter(Problem),
}

pub(crate) trait Service: Send + Sync + 'static {
    /// What the server's clock says.
    fn date(&self) -> SystemTime;
    /// Sees every request, also those that are then lost.
    fn saw(&self, path: &str, body: &[u8]);
    fn fault(&self, path: &str) -> Option<Fault>;
    fn answer(&self, path: &str, body: &[u8]) -> Result<String, Problem>;

    /// A file to be answered as it is.
    fn file(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }
}

pub(crate) async fn serve(service: Arc<impl Service>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(one(stream, Arc::clone(&service)));
        }
    });
    address
}

async fn one(mut stream: TcpStream, service: Arc<impl Service>) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < length.unwrap_or(0_usize) {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    service.saw(&path, &bytes);
    let fault = service.fault(&path);
    let mut more = "";
    let answer = match fault {
        Some(Fault::Busy) => {
            more = "Retry-After: 0\r\n";
            Err(Problem::new(Code::RateLimited))
        }
        None if service.file(&path).is_some() => {
            let body = service.file(&path).unwrap_or_default();
            let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.ok();
            stream.write_all(&body).await.ok();
            stream.shutdown().await.ok();
            return;
        }
        Some(Fault::LoseRequest) => return,
        Some(Fault::Refuse(problem)) => Err(problem),
        Some(Fault::LieAfter(problem)) => service.answer(&path, &bytes).and(Err(problem)),
        Some(Fault::LoseAnswer) => {
            let _lost = service.answer(&path, &bytes);
            return;
        }
        Some(Fault::Together(barrier)) => {
            barrier.wait().await;
            service.answer(&path, &bytes)
        }
        None => service.answer(&path, &bytes),
    };
    let (status, kind, body) = match answer {
        Ok(body) => (200, "application/json", body),
        Err(problem) => (problem.code().status(), "application/problem+json", problem.to_json().to_string()),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDate: {}\r\n{more}Connection: close\r\n\r\n",
        body.len(),
        httpdate::fmt_http_date(service.date())
    );
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(body.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}
