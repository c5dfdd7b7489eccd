use std::io;

/// Why keys could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The passphrase or key file does not open the file.
    #[error("the passphrase or key file does not open the mint's keys, or they were changed")]
    WrongSecret,
    /// A key file is needed and a passphrase was given.
    #[error("the mint's keys are protected by a key file, not by a passphrase")]
    NeedsKeyFile,
    /// A passphrase is needed and a key file was given.
    #[error("the mint's keys are protected by a passphrase, not by a key file")]
    NeedsPassphrase,
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The key file is not 32 bytes long.
    #[error("the key file is not a file of 32 bytes")]
    NoKeyFile,
    /// Others than the owner can read the key file.
    #[error("the key file can be read by others: set its mode to 0600")]
    ReadableByOthers,
    /// The file holds another key than the one looked for.
    #[error("a key file of the mint was exchanged for another")]
    Exchanged,
    /// The file is not a key file of this version.
    #[error("a key file of the mint is damaged or of another version")]
    Damaged,
    /// The cost is outside of what this version computes.
    #[error("the cost of the passphrase is out of range")]
    Cost,
    /// The operating system refused.
    #[error("a key file could not be read or written: {}", .0.kind())]
    Io(#[from] io::Error),
}
