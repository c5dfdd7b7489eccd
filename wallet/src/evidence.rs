//! Evidence of a mint's or payee's misconduct: files that anybody can verify, in the wallet's folder `evidence`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use farthing_protocol::archive::ArchiveIndex;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::issuance::{IssuanceRecord, IssuanceRequest};
use farthing_protocol::keyset::{ChainHead, KeysetDocument, KeysetList, Misconduct};
use farthing_protocol::receipt::Receipt;
use farthing_protocol::request::{Invoice, TransferRequest};
use farthing_sealed::files;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const FOLDER: &str = "evidence";
/// Bytes of the hash that names a file.
const NAME: usize = 16;

/// What was said. Wire objects stand in it as base64url strings.
#[derive(Serialize)]
#[serde(tag = "evidence", rename_all = "snake_case")]
pub(crate) enum Evidence<'a> {
    /// Two keysets of one chain with one sequence number, both signed by the mint.
    Keysets { misconduct: &'a Misconduct },
    /// Two lists that contradict each other, both signed by the mint.
    Lists { earlier: &'a KeysetList, later: &'a KeysetList },
    /// A signed list and signed keysets that do not make the list's chains.
    Chain { list: &'a KeysetList, keysets: &'a [KeysetDocument] },
    /// An invoice whose head is not on the chain that the wallet was shown.
    Invoice { invoice: &'a Invoice, head: &'a ChainHead, keyset: Option<&'a KeysetDocument> },
    /// A transfer request whose head is not on the chain that the wallet was shown.
    Transfer { request: &'a TransferRequest, head: &'a ChainHead, keyset: Option<&'a KeysetDocument> },
    /// A receipt whose head is not on the chain that the wallet was shown.
    Receipt { receipt: &'a Receipt, keyset: Option<&'a KeysetDocument> },
    /// A session that must not be answered.
    Session { opened: &'a OpenedSession },
    /// Two indexes of an archive, both signed by the mint, of which the later takes something back.
    Archive { earlier: &'a ArchiveIndex, later: &'a ArchiveIndex },
    /// A signed file of the archive that holds a wrong answer to a request of this wallet (base64url).
    ArchiveFile { file: String },
    /// A request whose funding, says the mint, went to an issuance that this wallet did not ask for.
    Funding { request: &'a IssuanceRequest, winner: String },
    /// A record that does not fit the request.
    Record { request: &'a IssuanceRequest, record: &'a IssuanceRecord },
    /// A record of another session under a number of this wallet: the words are used elsewhere, or an older copy was.
    Taken { request: &'a IssuanceRequest, record: &'a IssuanceRecord },
}

/// How many files there are that prove something by the mint's signatures alone, and how many others.
pub(crate) fn count(wallet: &Path) -> (usize, usize) {
    let Ok(folder) = fs::read_dir(wallet.join(FOLDER)) else { return (0, 0) };
    let files = folder.flatten().map(|file| file.path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let (proofs, others): (Vec<_>, Vec<_>) = files.partition(|path| {
        let kind = fs::read(path).ok().and_then(|body| serde_json::from_slice::<Kind>(&body).ok());
        kind.is_some_and(|kind| MINTS_OWN.contains(&kind.evidence.as_str()))
    });
    (proofs.len(), others.len())
}

/// Kinds of evidence in which everything that contradicts itself is signed by the mint.
const MINTS_OWN: [&str; 4] = ["keysets", "lists", "chain", "archive"];

#[derive(Deserialize)]
struct Kind {
    evidence: String,
}

/// Writes a file, durably, readable by its owner only, and returns its path. The same evidence gives the same file: it is named by
/// what is in it.
pub(crate) fn write(wallet: &Path, evidence: &Evidence<'_>) -> io::Result<PathBuf> {
    let folder = wallet.join(FOLDER);
    files::create_folder(&folder)?;
    let body = serde_json::to_vec_pretty(evidence).map_err(io::Error::other)?;
    let name: String = Sha256::digest(&body).iter().take(NAME).map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("{name}.json"));
    if fs::read(&path).is_ok_and(|earlier| earlier == body) {
        return Ok(path);
    }
    // Whole or not at all, also over one that is damaged.
    files::replace(&path, &body)?;
    Ok(path)
}
