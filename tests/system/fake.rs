//! Servers that answer whatever a test wants.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;

use crate::net::read_request;

/// Answers each request, given as a text, with these bytes; or closes the connection without a word. Its address.
pub(crate) fn serve(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let request = read_request(&mut stream)?;
                stream.write_all(&answer(&String::from_utf8_lossy(&request))?).ok()
            });
        }
    });
    url
}

/// An answer with a status and headers, each with its line's end.
pub(crate) fn with(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

/// A successful answer in JSON.
pub(crate) fn json(body: impl AsRef<str>) -> Vec<u8> {
    with("200 OK", "content-type: application/json\r\n", body.as_ref())
}

/// A problem with a code.
pub(crate) fn problem(status: u16, code: &str) -> Vec<u8> {
    let body = serde_json::json!({"type": format!("urn:farthing:problem:{code}"), "title": code, "status": status,
        "code": code});
    with(&format!("{status} Problem"), "content-type: application/problem+json\r\n", &body.to_string())
}
