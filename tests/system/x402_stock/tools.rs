//! Node and Python with what `.ci/run` installed for them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use serde_json::Value;

use super::Town;
use crate::harness::{Server, World};

/// A program with its libraries, and where its scripts lie in a world.
pub(super) struct Tool {
    program: PathBuf,
    scripts: PathBuf,
    /// How names of scripts end.
    suffix: &'static str,
    /// Where Python finds the plug-in.
    library: Option<PathBuf>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where something was installed: the folder that the variable names, or the one that `.ci/run` makes.
fn installed(variable: &str, folder: &str, file: &str) -> Option<PathBuf> {
    let place = std::env::var_os(variable).map_or_else(|| repository().join("target").join(folder), PathBuf::from);
    if place.join(file).exists() {
        return Some(place);
    }
    let required = std::env::var_os("FARTHING_REQUIRE_ALL").is_some_and(|value| value == "1");
    let missing = format!("{file} is not in {}: .ci/run installs it", place.display());
    assert!(!required, "{missing}");
    let _closed = std::fs::write("/dev/stderr", format!("skipped: {missing}\n"));
    None
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

impl Tool {
    /// Node, with the packages of the plug-in's lock file.
    pub(super) fn node(world: &World) -> Option<Self> {
        let packages = installed("FARTHING_X402_JS", "x402-js", "node_modules/@x402/core")?;
        let (plugin, scripts) = (repository().join("verifier/x402-js"), world.path("js"));
        copy(&plugin, &scripts);
        copy(&plugin.join("src"), &scripts.join("src"));
        copy(&plugin.join("example"), &scripts.join("example"));
        copy(&repository().join("tests/system/x402_stock"), &scripts.join("test"));
        symlink(packages.join("node_modules").canonicalize().unwrap(), scripts.join("node_modules")).unwrap();
        Some(Self { program: PathBuf::from("node"), scripts, suffix: "mjs", library: None })
    }

    /// Python, with the packages of the plug-in's lock file.
    pub(super) fn python(world: &World) -> Option<Self> {
        let environment = installed("FARTHING_X402_PY", "x402-py", "bin/python")?;
        let (plugin, scripts) = (repository().join("verifier/x402-py"), world.path("py"));
        copy(&plugin.join("farthing_x402"), &scripts.join("library/farthing_x402"));
        copy(&plugin.join("example"), &scripts.join("example"));
        copy(&repository().join("tests/system/x402_stock"), &scripts.join("test"));
        let library = Some(scripts.join("library"));
        Some(Self { program: environment.join("bin/python"), scripts, suffix: "py", library })
    }

    /// A script, with the wallet's program on its path and nothing else from the environment.
    pub(super) fn run(&self, world: &World, arguments: &[&str]) -> Command {
        let programs = world.path("bin");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            symlink(env!("CARGO_BIN_EXE_farthing-under-test"), programs.join("farthing")).unwrap();
        }
        let mut path = programs.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.scripts).env_clear().env("PATH", path).env("HOME", world.path(""));
        if let Some(library) = &self.library {
            command.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
        }
        command.stdin(Stdio::null());
        command
    }

    /// The tests' shop.
    pub(super) fn shop(&self, town: &Town) -> Server {
        self.serve(town, &format!("test/shop.{}", self.suffix))
    }

    /// The example of a server, and that of a client.
    pub(super) fn examples(&self) -> (String, String) {
        (format!("example/server.{}", self.suffix), format!("example/client.{}", self.suffix))
    }

    /// A server that sells through the town's verifier.
    pub(super) fn serve(&self, town: &Town, script: &str) -> Server {
        let mut command = self.run(&town.world, &[script]);
        command.env("FACILITATOR", town.facilitator()).env("PORT", "0");
        Server::start(command)
    }

    /// What the tests' client says of one purchase.
    pub(super) fn buys(&self, town: &Town, arguments: &[&str]) -> Value {
        let script = format!("test/buy.{}", self.suffix);
        let output = self.run(&town.world, &[&[script.as_str()], arguments].concat()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {complaint}"))
    }
}

/// An answer to a request that was made by hand.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// `PAYMENT-RESPONSE`.
    pub(super) settled: Option<Value>,
    /// `PAYMENT-REQUIRED`.
    pub(super) demand: Option<Value>,
}

/// Asks for a path with a payment, or without.
pub(super) fn ask(shop: &Server, path: &str, payment: Option<&str>) -> Answer {
    let authority = shop.url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    let payment = payment.map(|payment| format!("PAYMENT-SIGNATURE: {payment}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{payment}\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let header = |wanted: &str| {
        let mut named = head.lines().filter_map(|line| line.split_once(": "));
        named.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| decoded(value))
    };
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            joined(body)
        } else {
            body.to_owned()
        },
        settled: header("payment-response"),
        demand: header("payment-required"),
    }
}

/// A body that came in chunks.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let (chunk, rest) = rest.split_at(usize::from_str_radix(length, 16).unwrap());
        body.push_str(chunk);
        chunks = rest.strip_prefix("\r\n").unwrap();
    }
    body
}

/// A header's JSON.
pub(super) fn decoded(header: &str) -> Value {
    serde_json::from_slice(&BASE64.decode(header.as_bytes()).unwrap()).unwrap()
}

/// The same header with something else in it.
pub(super) fn tampered(header: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut json = decoded(header);
    change(&mut json);
    BASE64.encode(json.to_string().as_bytes())
}

/// A payment by the wallet's command for one entry, as the header that delivers it.
pub(super) fn paid_by_hand(town: &Town, shop: &Server, path: &str) -> (Value, String) {
    let entry = ask(shop, path, None).demand.unwrap()["accepts"][0].clone();
    let mut child = town
        .world
        .farthing(&["wallet", "pay", "--x402", "-", "--max-amount", "0.05", "--json", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(entry.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let paid = crate::schema::read("wallet-pay-x402", std::str::from_utf8(&output.stdout).unwrap());
    let header = serde_json::json!({"x402Version": 2, "payload": paid["payload"], "accepted": entry});
    (paid["operation"].clone(), BASE64.encode(header.to_string().as_bytes()))
}
