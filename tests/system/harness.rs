//! Real processes in temporary folders, on free loopback ports.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// A temporary folder with a mint, a merchant and wallets in it.
pub(crate) struct World {
    folder: TempDir,
}

/// A server process; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `farthing` with its folders in this world and nothing from the environment.
    pub(crate) fn farthing(&self, arguments: &[&str]) -> Command {
        self.command(Command::new(env!("CARGO_BIN_EXE_farthing-under-test")), arguments)
    }

    /// The same under another program, such as strace.
    pub(crate) fn farthing_under(&self, program: &str, before: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(before).arg(env!("CARGO_BIN_EXE_farthing-under-test"));
        self.command(command, arguments)
    }

    /// Where the words of a wallet or a verifier go that is made without a terminal.
    pub(crate) fn paper(&self, arguments: &[&str]) -> Vec<String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let has = |word: &str| arguments.contains(&word);
        let asks = has("--yes") || has("verifier");
        if !has("init") || !asks || has("--words-file") || has("--restore") || has("--help") {
            return Vec::new();
        }
        let file = self.path(&format!("words.{}", MADE.fetch_add(1, Ordering::Relaxed)));
        let mut more = vec!["--words-file".to_owned(), file.to_str().unwrap().to_owned()];
        if !has("--yes") {
            more.push("--yes".to_owned());
        }
        more
    }

    fn command(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .args(self.paper(arguments))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("FARTHING_MINT_KEY_FILE", self.path("mint.key"))
            .env("FARTHING_TEST_IMPATIENT", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Runs a command that must be refused, and gives its standard error.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        self.fails(1, arguments)
    }

    /// Runs a command that must fail with this exit code, and gives its standard error.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.farthing(arguments).output().unwrap()
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        Server::start(self.farthing(arguments))
    }

    pub(crate) fn mint(&self) -> Server {
        if !self.path(".farthing/mint").exists() {
            self.run(&["mint", "init"]);
        }
        self.serve(&["mint", "run", "--listen", "127.0.0.1:0"])
    }

    /// A command whose output nobody reads.
    pub(crate) fn quiet(&self, arguments: &[&str]) -> Command {
        let mut command = self.farthing(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        Self::start_of(&mut command)
    }

    pub(crate) fn start_of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = loop {
            match lines.next() {
                Some(line) => {
                    let line = line.unwrap();
                    if line.contains("://") {
                        break line;
                    }
                }
                None => {
                    let mut complaint = String::new();
                    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
                    panic!("the server ended: {complaint}");
                }
            }
        };
        // Whatever else it says is read and thrown away, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        let url = line.split_whitespace().find(|word| word.contains("://")).unwrap().to_owned();
        Self { child, url }
    }

    /// SIGKILL, as a power cut would for the process.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// The same, for one whose place another takes.
    pub(crate) fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself, with success.
    pub(crate) fn wait(&mut self) {
        assert_eq!(self.ended(), Some(0));
    }

    /// Waits until it ends by itself, and gives its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends the process a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _dead = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl World {
    /// A merchant who clears with this mint.
    pub(crate) fn merchant(&self, mint: &Server) -> Server {
        if !self.path(".farthing/verifier").exists() {
            self.run(&["verifier", "init", "--mint", &mint.url]);
        }
        self.serve(&["verifier", "run", "--listen", "127.0.0.1:0"])
    }

    /// A batch of vouchers, and their codes as they stand on the sheet.
    pub(crate) fn vouchers(&self, count: u32, cents: u64) -> Vec<String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let sheet = self.path(&format!("sheet-{}.html", MADE.fetch_add(1, Ordering::Relaxed)));
        let (count, amount) = (count.to_string(), format!("{}.{:02}", cents / 100, cents % 100));
        let create = ["mint", "vouchers", "create", "--count", &count, "--amount", &amount, "--sheet"];
        self.run(&[&create[..], &[sheet.to_str().unwrap()]].concat());
        let sheet = std::fs::read_to_string(sheet).unwrap();
        let links = sheet.split("\"farthing:").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        links.collect()
    }

    /// The books must balance.
    pub(crate) fn audit(&self) {
        assert!(self.run(&["mint", "audit"]).contains("balanced"));
    }
}

/// Status and JSON of an answer to bytes that no client of ours would send.
pub(crate) async fn answer_of(method: &str, base: &str, path: &str, body: &[u8]) -> (u16, serde_json::Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let authority = base.strip_prefix("http://").unwrap().trim_end_matches('/');
    let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let body = body.to_vec();
    // The server may answer and close before it has read everything.
    let sending = tokio::spawn(async move {
        let _refused = writer.write_all(head.as_bytes()).await;
        let _refused = writer.write_all(&body).await;
        writer
    });
    let mut answer = Vec::new();
    let _reset = reader.read_to_end(&mut answer).await;
    drop(sending.await.unwrap());
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(serde_json::Value::Null))
}
