//! Looks at the machine that every service takes.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use farthing_http::client::BaseUrl;
use farthing_http::server::Tls;

use super::Report;
use crate::home::TlsFiles;

/// Less room than this on the disk is worth a warning, in bytes.
const LITTLE_ROOM: u64 = 256 << 20;

/// Whether others than the owner may do anything with a file or folder.
pub fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// A folder and the secrets in it are for their owner alone.
pub fn permissions<C: Copy>(code: C, secret: &[PathBuf], report: &mut Report<C>) {
    let open: Vec<String> =
        secret.iter().filter(|path| is_open_to_others(path)).map(|path| path.display().to_string()).collect();
    if open.is_empty() {
        report.fine(code, "the folder and its keys are for their owner alone");
    } else {
        let message = format!("other users of this machine may read {}: chmod go= takes that away", open.join(", "));
        report.fault(code, message);
    }
}

/// Those of the folders that are there can be written in.
pub fn writable<C: Copy>(code: C, folders: &[&Path], report: &mut Report<C>) {
    let there = folders.iter().filter(|path| path.exists());
    for path in there.filter(|path| rustix::fs::access(**path, rustix::fs::Access::WRITE_OK).is_err()) {
        report.fault(code, format!("nothing can be written in {}", path.display()));
    }
}

/// There is room on a folder's disk.
pub fn room<C: Copy>(code: C, folder: &Path, report: &mut Report<C>) {
    if let Ok(disk) = rustix::fs::statvfs(folder) {
        let left = disk.f_bavail.saturating_mul(disk.f_frsize);
        if left < LITTLE_ROOM {
            report.warning(code, format!("only {} MiB are left on the disk", left >> 20));
        }
    }
}

/// Where a service listens, and where it serves figures. While it runs its own addresses are taken.
pub fn addresses<C: Copy>(
    (code, listen, encrypted): (C, SocketAddr, bool),
    (figures_code, figures): (C, Option<SocketAddr>),
    running: bool,
    report: &mut Report<C>,
) {
    let free = |address| running || TcpListener::bind(address).is_ok();
    if !free(listen) {
        report.warning(code, format!("{listen} is in use by another program"));
    } else if !listen.ip().is_loopback() && !encrypted {
        report.warning(
            code,
            format!(
                "there is no TLS on {listen}, which others reach: set a certificate, or put a TLS proxy in front of it"
            ),
        );
    } else {
        report.fine(code, format!("listens on {listen}"));
    }
    match figures {
        Some(address) if !free(address) => {
            report.warning(figures_code, format!("{address} is in use by another program"));
        }
        Some(address) if !address.ip().is_loopback() => {
            report.warning(figures_code, format!("figures are served to everyone who reaches {address}"));
        }
        Some(address) => report.fine(figures_code, format!("figures at {address}")),
        None => {}
    }
}

/// Under which address others are told to come. `who` are those others, as in "payers".
pub fn public_address<C: Copy>(
    code: C,
    who: &str,
    (url, listen, encrypted): (Option<&BaseUrl>, SocketAddr, bool),
    report: &mut Report<C>,
) {
    match url {
        Some(url) if !url.is_https() && !is_loopback(url.host()) => {
            let message = format!("{who} are told {}, which has no TLS: others see what is sent", url.as_str());
            report.warning(code, message);
        }
        Some(url) => report.fine(code, format!("{who} are told {}", url.as_str())),
        None if listen.ip().is_unspecified() => {
            report.fault(code, format!("{who} are told {listen}, where nobody reaches it: set public_url"));
        }
        None if encrypted => {
            let message =
                format!("{who} are told an address without a name, for which no certificate is likely: set public_url");
            report.warning(code, message);
        }
        None => {}
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The certificate's files can be used, and the key is its owner's alone.
pub fn tls<C: Copy>(code: C, files: &TlsFiles, report: &mut Report<C>) {
    if is_open_to_others(&files.key) {
        report.warning(code, format!("other users of this machine may read {}", files.key.display()));
    }
    match Tls::load(&files.certificate, &files.key) {
        Ok(_) => report.fine(code, "the certificate and its key belong together"),
        Err(error) => report.fault(code, error.to_string()),
    }
}
