//! Administration: the second factor that changes need, and the journal that keeps them.

use farthing_protocol::api::{Enrolment, RecoveryCode, SecondFactor, TimeCode, recovery_codes};
use farthing_protocol::ids::KeysetId;

use crate::books::Books;
use crate::control::{AdministratorReport, JournalCheck, JournalEntry, JournalField, JournalReport};
use crate::home::HomeError;
use crate::keys::{KeyHome, Unlock};
use crate::ledger::{self, Act, Authority, FactorError, LedgerError, Link};

impl Books {
    /// The right to make one administrative change. As long as no second factor is enrolled it needs no code.
    ///
    /// # Errors
    /// A [`FactorError`]. A wrong code counts, and a right one is used up, whatever comes of the change.
    pub async fn prove(&self, code: Option<SecondFactor>) -> Result<Authority, FactorError> {
        let key = self.factor_key();
        self.ledger().run(move |txn, now| ledger::administrator::prove(txn, now, &key, code.as_ref())).await?
    }

    /// The right of whoever can open the mint's keys, where they are: for when the second factor and its recovery codes are lost. It takes as
    /// long as the passphrase costs.
    ///
    /// # Errors
    /// A [`HomeError`] when this does not open them, or they are another mint's.
    pub async fn prove_by_keys(&self, keys: KeyHome, unlock: Unlock) -> Result<Authority, HomeError> {
        let mint = *self.home().mint_id();
        let opened = tokio::task::spawn_blocking(move || keys.open_identity(&mint, &unlock));
        opened.await.map_err(|error| HomeError::Io(std::io::Error::other(error)))??;
        Ok(Authority::of_the_keys())
    }

    /// How the administrator's second factor stands.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn administrator(&self) -> Result<AdministratorReport, LedgerError> {
        let standing = self.ledger().run(|txn, now| ledger::administrator::standing(txn, now)).await?;
        let ledger::FactorStanding { state, waiting, recovery_codes_left, locked_until } = standing;
        Ok(AdministratorReport { factor: state, waiting, recovery_codes_left, locked_until })
    }

    /// Draws a second factor, which is asked for once its first code has [confirmed](Self::confirm_administrator) it.
    ///
    /// # Errors
    /// A [`FactorError`].
    ///
    /// # Security
    /// The answer is the one place where the secret and the recovery codes are told.
    pub async fn draw_administrator(&self, authority: Authority) -> Result<Enrolment, FactorError> {
        let (drawn, key) = (Enrolment::generate(&mut crate::system_rng()), self.factor_key());
        self.ledger()
            .run(move |txn, now| {
                ledger::administrator::draw(txn, now, &key, &authority, &drawn)?;
                Ok(drawn)
            })
            .await
    }

    /// Takes the first code of a second factor that was drawn: from now on every administrative change needs one.
    ///
    /// # Errors
    /// A [`FactorError`]. After five wrong codes it must be drawn again.
    pub async fn confirm_administrator(&self, code: TimeCode) -> Result<(), FactorError> {
        let key = self.factor_key();
        self.ledger().run(move |txn, now| ledger::administrator::confirm(txn, now, &key, &code)).await?
    }

    /// Draws new recovery codes. The old ones are void.
    ///
    /// # Errors
    /// A [`FactorError`].
    pub async fn renew_administrator_codes(&self, authority: Authority) -> Result<Vec<RecoveryCode>, FactorError> {
        let codes = recovery_codes(&mut crate::system_rng());
        self.ledger()
            .run(move |txn, now| {
                ledger::administrator::replace_codes(txn, now, &authority, &codes)?;
                Ok(codes)
            })
            .await
    }

    /// Takes the second factor away: administrative changes need no code any more.
    ///
    /// # Errors
    /// A [`FactorError`].
    pub async fn remove_administrator(&self, authority: Authority) -> Result<(), FactorError> {
        self.ledger().run(move |txn, now| ledger::administrator::remove(txn, now, &authority)).await
    }

    /// Says in the journal that a keyset was made.
    pub(crate) async fn journal_keyset(&self, authority: Authority, keyset: KeysetId) -> Result<(), LedgerError> {
        let act = Act::KeysetMade { keyset };
        self.ledger().run(move |txn, now| ledger::journal::record(txn, now, &authority, &act)).await
    }

    /// Entries of the journal before a number, newest first, at most so many.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn journal(&self, before: Option<u64>, limit: usize) -> Result<JournalReport, LedgerError> {
        let (entries, head) = self
            .ledger()
            .read(move |txn| Ok((ledger::journal::entries(txn, before, limit)?, ledger::journal::head(txn)?)))
            .await?;
        let next = entries.last().map(|entry| entry.number).filter(|number| *number > 0);
        Ok(JournalReport { entries: entries.into_iter().map(view).collect(), next, length: head.length })
    }

    /// Verifies the journal, and looks for a link that somebody has written down.
    ///
    /// # Errors
    /// A [`LedgerError`].
    pub async fn check_journal(&self, link: Option<String>) -> Result<JournalCheck, LedgerError> {
        let wanted = link.as_deref().and_then(Link::from_text);
        let (checked, head) = self
            .ledger()
            .at_moment(move |moment| {
                Ok::<_, LedgerError>((ledger::journal::check(moment, wanted)?, moment.read(ledger::journal::head)?))
            })
            .await?;
        let (right, found) = checked;
        Ok(JournalCheck { right, length: head.length, link: head.link.to_text(), found })
    }
}

fn view(entry: ledger::Entry) -> JournalEntry {
    let ledger::Entry { number, at, who, word, fields, link } = entry;
    let field = |(name, value): (&str, String)| JournalField { name: name.to_owned(), value };
    let details = fields.map(|fields| fields.into_iter().map(field).collect());
    JournalEntry { number, at, who, act: word.to_owned(), details, link: link.to_text() }
}
