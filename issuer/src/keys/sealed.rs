//! The mint's secrets in sealed files, each bound to its purpose.

use farthing_sealed::{Lock, Protection as Kind, SealedError};
use zeroize::Zeroizing;

use super::{KeyError, Protection, Unlock, read_key_file};

/// Encrypts a secret for one purpose.
pub(crate) fn seal(protection: &Protection, purpose: &str, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Ok(match protection {
        Protection::Passphrase { passphrase, cost } => {
            farthing_sealed::seal(Lock::Passphrase(passphrase, *cost), purpose, secret)?
        }
        Protection::KeyFile(path) => farthing_sealed::seal(Lock::Key(&*read_key_file(path)?), purpose, secret)?,
    })
}

/// Decrypts what [`seal`] wrote for this very purpose.
pub(crate) fn unseal(unlock: &Unlock, purpose: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Ok(match unlock {
        Unlock::Passphrase(passphrase) => {
            farthing_sealed::unseal(farthing_sealed::Unlock::Passphrase(passphrase), purpose, bytes)?
        }
        // Of a file that no key file opens none is looked for.
        Unlock::KeyFile(path) => match farthing_sealed::protection(bytes)? {
            Kind::Key => farthing_sealed::unseal(farthing_sealed::Unlock::Key(&*read_key_file(path)?), purpose, bytes)?,
            other => return Err(SealedError::Protected(other).into()),
        },
    })
}

impl From<SealedError> for KeyError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::WrongSecret => Self::WrongSecret,
            SealedError::Protected(Kind::Passphrase) => Self::NeedsPassphrase,
            SealedError::Protected(Kind::Key) => Self::NeedsKeyFile,
            SealedError::Exchanged => Self::Exchanged,
            SealedError::Cost => Self::Cost,
            SealedError::EmptyPassphrase => Self::EmptyPassphrase,
            // A mint's secrets are always encrypted.
            _ => Self::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::keys::{Cost, Passphrase};

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn a_file_names_what_it_needs() {
        let right = Protection::Passphrase { passphrase: Passphrase::new("right"), cost: CHEAP };
        let bytes = seal(&right, "identity", b"secret").unwrap();
        assert_eq!(unseal(&right.unlock(), "identity", &bytes).unwrap().as_slice(), b"secret");
        let wrong = Unlock::Passphrase(Passphrase::new("wrong"));
        assert!(matches!(unseal(&wrong, "identity", &bytes), Err(KeyError::WrongSecret)));
        assert!(matches!(unseal(&right.unlock(), "keyset", &bytes), Err(KeyError::Exchanged)));
        let file = Unlock::KeyFile("nowhere".into());
        assert!(matches!(unseal(&file, "identity", &bytes), Err(KeyError::NeedsPassphrase)));
        let key = farthing_sealed::seal(Lock::Key(&[1; 32]), "identity", b"secret").unwrap();
        assert!(matches!(unseal(&right.unlock(), "identity", &key), Err(KeyError::NeedsKeyFile)));
    }

    #[test]
    fn a_secret_that_is_not_encrypted_is_none_of_a_mint() {
        let bytes = farthing_sealed::seal(Lock::Nothing, "identity", b"secret").unwrap();
        for unlock in [Unlock::Passphrase(Passphrase::new("right")), Unlock::KeyFile("nowhere".into())] {
            assert!(matches!(unseal(&unlock, "identity", &bytes), Err(KeyError::Damaged)));
        }
    }
}
