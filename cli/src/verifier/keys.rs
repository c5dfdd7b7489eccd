//! `farthing verifier keys` and `rotate-key`

use anyhow::Result;
use farthing_protocol::amount::UnixTime;
use farthing_verifier::home::{HomeError, KeyView, Rotation, VerifierHome};
use farthing_verifier::merchant::{Accepting, Tokens};
use farthing_wallet::WordCount;
use serde::Serialize;

use super::open::open;
use crate::args::{VerifierKeys, VerifierRotateKey};
use crate::exit::{Advise, Trouble, fault};
use crate::output::{Answer, Screen, time};
use crate::words::NewWords;
use crate::{hooks, prompt, words};

/// The payee keys, the one in use first.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeysAnswer {
    keys: Vec<KeyEntry>,
}

/// A payee key.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeyEntry {
    payee: String,
    /// Which key of its words it is.
    key: u32,
    /// Since when it is in use here.
    since: u64,
    /// Until when what is out for it is accepted; null for the key in use.
    accept_until: Option<u64>,
}

pub(super) fn keys(args: VerifierKeys) -> Result<KeysAnswer> {
    Ok(KeysAnswer::of(&open(args.folder)?))
}

pub(super) fn rotate(args: VerifierRotateKey, screen: &Screen) -> Result<KeysAnswer> {
    let home = open(args.folder)?;
    let new = NewWords {
        of: "the verifier is paid with from now on",
        count: WordCount::TwentyFour,
        file: args.words_file.as_ref(),
        yes: args.yes,
    };
    new.expect_reader()?;
    if args.new_words {
        new.expect_paper(screen)?;
    }
    let (now, old) = (hooks::now(), home.payee());
    let accept_until = now.plus(u64::from(args.accept_for).saturating_mul(86_400));
    screen.note_for(
        !args.yes,
        format!(
            "From its next start on, the verifier is paid to a new key. Invoices of the old one are accepted until {} UTC. What the old \
             one owns at the mint stays its own.",
            time(accept_until)
        ),
    );
    if home.options().tokens == Tokens::Closed {
        screen.must_tell(
            "Tokens that are closed to the old key are not closed to the new one: have the mint issue others before you start the \
             verifier again.",
        );
    }
    if !args.yes && !prompt::confirm("Go on?", "--yes")? {
        return Err(fault(Trouble::Declined, "nothing was changed").into());
    }
    let words = if args.new_words { new.make(screen)? } else { words::read(args.words_file.as_deref(), "verifier")? };
    let rotation = Rotation { seed: &words.seed(), new_words: args.new_words, lock: args.lock_key, now, accept_until };
    let rotated = match home.rotate(&rotation) {
        Err(HomeError::OtherWords) => {
            let message = format!("these are not the words of {old}");
            return Err(fault(Trouble::BadWords, message)
                .next("--new-words makes new ones, where the old ones are lost: keep the folder then, for its balance")
                .into());
        }
        rotated => rotated.advise("the keys were not rotated", "the key that was in use stays in use")?,
    };
    let answer = KeysAnswer::of(&rotated);
    if let Some(KeyEntry { key, .. }) = answer.keys.first() {
        screen.note(format!("Write beside the words: key {key}. `init --restore --key {key}` brings it back."));
    }
    screen.note("Next: start the verifier again");
    Ok(answer)
}

impl KeysAnswer {
    fn of(home: &VerifierHome) -> Self {
        let entry = |KeyView { payee, index, since, until }: KeyView| KeyEntry {
            payee: payee.to_string(),
            key: index.get(),
            since: since.seconds(),
            accept_until: match until {
                Accepting::Always => None,
                Accepting::Until(end) => Some(end.seconds()),
            },
        };
        Self { keys: home.keys().into_iter().map(entry).collect() }
    }
}

impl Answer for KeysAnswer {
    fn show(&self, screen: &Screen) {
        let at = |seconds: u64| time(UnixTime::from_seconds(seconds));
        for KeyEntry { payee, key, since, accept_until } in &self.keys {
            screen.say(format!("payee {payee}"));
            screen.say(match accept_until {
                None => format!("  key {key} of its words, in use since {} UTC", at(*since)),
                Some(end) => format!("  key {key} of its words, retired; accepts until {} UTC", at(*end)),
            });
        }
    }
}
