//! A network that loses, cuts, repeats and delays: a proxy for one server, which reads each request whole before it decides
//! what becomes of it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is closed before anything is read.
    HangUp,
    /// The request is read, and not forwarded.
    LoseRequest,
    /// The server is given half of the request.
    CutRequest,
    /// The request is forwarded, and its answer thrown away.
    LoseAnswer,
    /// The request is forwarded; the client is given half of the answer.
    CutAnswer,
    /// The request is delivered twice, and the second answer given.
    Twice,
    /// The client's connection is closed; the request is delivered when it has long given up on it.
    Late,
    /// The request waits before it is forwarded, and the answer before it is given.
    Slow,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::HangUp,
        Self::LoseRequest,
        Self::CutRequest,
        Self::LoseAnswer,
        Self::CutAnswer,
        Self::Twice,
        Self::Late,
        Self::Slow,
    ];
}

/// How late is late: after the command that sent it has ended, and about when the next one asks again.
const LATE: Duration = Duration::from_millis(60);
const SLOW: Duration = Duration::from_millis(20);

/// A way to a server that can fail.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: SocketAddr,
    /// What becomes of the next requests; those after are left alone.
    plan: VecDeque<Option<Fault>>,
    /// Faults that took effect.
    struck: usize,
    /// Requests that came.
    seen: usize,
    /// Every request's bytes, if somebody wants them.
    recorded: Option<Vec<u8>>,
    /// Requests not yet delivered that somebody gave up on.
    late: usize,
    /// Whether anybody listens at the address.
    open: bool,
    listening: bool,
    ended: bool,
}

impl Proxy {
    pub(crate) fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            target,
            plan: VecDeque::new(),
            struck: 0,
            seen: 0,
            recorded: None,
            late: 0,
            open: true,
            listening: true,
            ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || own.listen(Some(listener), address));
        Self { shared, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server is at another address now.
    pub(crate) fn leads_to(&self, target: SocketAddr) {
        self.with(|state| state.target = target);
    }

    /// After so many healthy requests, so many meet a fault.
    pub(crate) fn fail(&self, healthy: usize, failing: usize, fault: Fault) {
        self.with(|state| {
            state.plan.clear();
            state.plan.extend(std::iter::repeat_n(None, healthy));
            state.plan.extend(std::iter::repeat_n(Some(fault), failing));
        });
    }

    /// From now on nothing fails. Says how many faults took effect since this was last asked.
    pub(crate) fn heal(&self) -> usize {
        self.with(|state| {
            state.plan.clear();
            std::mem::take(&mut state.struck)
        })
    }

    /// Requests that came since this was last asked.
    pub(crate) fn seen(&self) -> usize {
        self.with(|state| std::mem::take(&mut state.seen))
    }

    /// From now on keeps what goes to the server.
    pub(crate) fn record(&self) {
        self.with(|state| state.recorded = Some(Vec::new()));
    }

    /// What went to the server.
    pub(crate) fn recorded(&self) -> Vec<u8> {
        self.with(|state| state.recorded.clone().unwrap_or_default())
    }

    /// Waits until everything late has been delivered.
    pub(crate) fn settle(&self) {
        let mut state = self.shared.state.lock().unwrap();
        while state.late > 0 {
            state = self.shared.changed.wait(state).unwrap();
        }
    }

    /// While the job runs nobody listens at the address: connections are refused.
    pub(crate) fn closed_during<T>(&self, job: impl FnOnce() -> T) -> T {
        self.set_open(false);
        let done = job();
        self.set_open(true);
        done
    }

    fn set_open(&self, open: bool) {
        self.with(|state| state.open = open);
        let _woken = TcpStream::connect(self.address);
        let mut state = self.shared.state.lock().unwrap();
        while state.listening != open {
            state = self.shared.changed.wait(state).unwrap();
        }
    }

    fn with<T>(&self, job: impl FnOnce(&mut State) -> T) -> T {
        let done = job(&mut self.shared.state.lock().unwrap());
        self.shared.changed.notify_all();
        done
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.with(|state| state.ended = true);
        let _woken = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn listen(self: Arc<Self>, mut listener: Option<TcpListener>, address: SocketAddr) {
        loop {
            let mut state = self.state.lock().unwrap();
            while !state.open && !state.ended {
                listener = None;
                state.listening = false;
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap();
            }
            if state.ended {
                return;
            }
            let listening = listener.get_or_insert_with(|| TcpListener::bind(address).unwrap());
            state.listening = true;
            self.changed.notify_all();
            drop(state);
            let Ok((client, _)) = listening.accept() else { continue };
            if self.state.lock().unwrap().open {
                let own = Arc::clone(&self);
                std::thread::spawn(move || own.serve(client));
            }
        }
    }

    fn serve(&self, mut client: TcpStream) -> Option<()> {
        // A hang-up must not wait for the request, so what comes is decided when the first byte is there.
        client.peek(&mut [0]).ok().filter(|&length| length > 0)?;
        let (fault, target) = self.decide();
        if fault == Some(Fault::HangUp) {
            return None;
        }
        let request = read_request(&mut client)?;
        if let Some(recorded) = &mut self.state.lock().unwrap().recorded {
            recorded.extend_from_slice(&request);
        }
        match fault {
            None => client.write_all(&exchange(target, &request)?).ok()?,
            Some(Fault::HangUp | Fault::LoseRequest) => {}
            Some(Fault::CutRequest) => {
                let mut server = TcpStream::connect(target).ok()?;
                server.write_all(&request[..request.len() / 2]).ok()?;
            }
            Some(Fault::LoseAnswer) => drop(exchange(target, &request)),
            Some(Fault::CutAnswer) => {
                let answer = exchange(target, &request)?;
                client.write_all(&answer[..answer.len() / 2]).ok()?;
            }
            Some(Fault::Twice) => {
                let _first = exchange(target, &request);
                client.write_all(&exchange(target, &request)?).ok()?;
            }
            Some(Fault::Late) => {
                drop(client);
                std::thread::sleep(LATE);
                let _nobody_waits = exchange(target, &request);
                self.state.lock().unwrap().late -= 1;
                self.changed.notify_all();
            }
            Some(Fault::Slow) => {
                std::thread::sleep(SLOW);
                let answer = exchange(target, &request)?;
                std::thread::sleep(SLOW);
                client.write_all(&answer).ok()?;
            }
        }
        Some(())
    }

    fn decide(&self) -> (Option<Fault>, SocketAddr) {
        let mut state = self.state.lock().unwrap();
        state.seen += 1;
        let fault = state.plan.pop_front().flatten();
        state.struck += usize::from(fault.is_some());
        state.late += usize::from(fault == Some(Fault::Late));
        (fault, state.target)
    }
}

/// Sends a request on a connection of its own, and reads the answer to its end.
pub(crate) fn exchange(target: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(target).ok()?;
    server.write_all(request).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    let _closed = server.shutdown(Shutdown::Both);
    Some(answer)
}

/// A request with its body, changed so that the server closes the connection after it.
pub(crate) fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let mut more = |bytes: &mut Vec<u8>| -> Option<()> {
        let length = client.read(&mut buffer).ok().filter(|&length| length > 0)?;
        bytes.extend_from_slice(&buffer[..length]);
        Some(())
    };
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        more(&mut bytes)?;
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let header = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let length = head.lines().find(|line| header(line, "content-length:"));
    let length: usize = length.map_or(Some(0), |line| line.split(':').nth(1)?.trim().parse().ok())?;
    while bytes.len() < end + 4 + length {
        more(&mut bytes)?;
    }
    let mut request = String::new();
    for line in head.lines().filter(|line| !header(line, "connection:")) {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str("connection: close\r\n\r\n");
    let mut request = request.into_bytes();
    request.extend_from_slice(&bytes[end + 4..]);
    Some(request)
}
