//! `farthing wallet init`

use std::path::Path;

use anyhow::{Context, Result};
use farthing_wallet::{OpenError, Wallet, WordCount, Words, account_text};
use rand::rngs::SysRng;
use rand::seq::index;
use rand_core::UnwrapErr;
use serde::Serialize;
use zeroize::Zeroizing;

use super::mints::tell_identity;
use super::open::Place;
use crate::args::WalletInit;
use crate::exit::{Trouble, fault};
use crate::output::{Answer, Screen};
use crate::qr::write_private;
use crate::verifier::{expect_mint, read_url};
use crate::{prompt, unlock};

/// How many words are asked back.
const ASKED: usize = 3;
/// How often a word may be typed wrong.
const ATTEMPTS: usize = 3;

/// A wallet was made. Its words are never in here.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InitAnswer {
    folder: String,
    mint: String,
    mint_url: String,
    account: String,
}

pub(super) async fn init(place: &Place, args: WalletInit) -> Result<InitAnswer> {
    let folder = place.folder()?;
    let screen = &place.screen;
    if !args.yes && !prompt::possible() {
        let message = "nobody can be asked here whether the words were written down";
        return Err(fault(Trouble::NobodyToAsk, message).next("give --yes").into());
    }
    match Wallet::needs_passphrase(&folder) {
        Err(OpenError::Missing) => {}
        Err(error @ (OpenError::Unencrypted | OpenError::Io(_))) => return Err(error.into()),
        _ => {
            let message = format!("there is a wallet in {} already", folder.display());
            return Err(anyhow::Error::new(OpenError::Exists).context(message));
        }
    }
    unlock::expect_new(&place.common.unlocking, args.no_passphrase)?;
    // Every question comes before anything is made, so that whoever stops here can begin again.
    let url = read_url(&args.mint)?;
    let found = Wallet::look_at_mint(&args.mint, &place.options()).await;
    let mint = found.with_context(|| format!("there is no mint to be reached at {}", url.as_str()))?.id;
    expect_mint(&mint, args.mint_id.as_deref())?;
    if args.words_file.is_none() && !screen.is_seen() {
        let message = "the words can be shown to nobody here: standard error is no terminal";
        return Err(fault(Trouble::NobodyToAsk, message)
            .next("give --words-file FILE, which must not exist yet, and keep it as you would keep money")
            .into());
    }
    let sure = args.yes || args.mint_id.is_some();
    tell_identity(screen, !sure, url.as_str(), &mint);
    if !sure && !prompt::confirm("Is that the mint you mean?", "--yes or --mint-id")? {
        return Err(fault(Trouble::Declined, "nothing was made")
            .next("ask the mint's operator for its identity, and give it with --mint-id")
            .into());
    }
    let protection = unlock::protection(&place.common.unlocking, args.no_passphrase)?;
    let count = if args.words == 24 { WordCount::TwentyFour } else { WordCount::Twelve };
    let words = Words::generate(&mut UnwrapErr(SysRng), count)?;
    match &args.words_file {
        Some(file) => write_words(screen, &words, file)?,
        None => show_words(screen, &words),
    }
    if !args.yes && args.words_file.is_none() {
        confirm_words(&words)?;
    }
    let wallet = Wallet::create(&folder, &words, protection, place.options()).await?;
    let found = wallet.add_mint(&args.mint).await?;
    expect_mint(&found.id, Some(&mint.to_text()))?;
    wallet.pin_mint(&mint).await?;
    screen.note(format!("The wallet is made, in {}", folder.display()));
    screen.note(
        "Next: have the mint's operator credit the account below, and then\n  farthing wallet withdraw --bundle 0",
    );
    Ok(InitAnswer {
        folder: folder.display().to_string(),
        mint: mint.to_text(),
        mint_url: url.as_str().to_owned(),
        account: account_text(&wallet.account(&mint)),
    })
}

/// Words go to a terminal: never to a file by a redirected output, and never into JSON.
fn show_words(screen: &Screen, words: &Words) {
    screen.must_see(
        "Everything in the wallet derives from these words. Write them on paper,\nnow: they are not shown again.\n",
    );
    let all: Vec<&str> = words.iter().collect();
    for (row, chunk) in all.chunks(4).enumerate() {
        let line: Vec<String> =
            chunk.iter().enumerate().map(|(i, word)| format!("{:>2} {word:<9}", row * 4 + i + 1)).collect();
        screen.must_see(format!("  {}", line.join(" ").trim_end()));
    }
    screen.must_see("");
}

/// Or into a file of which somebody said that they belong there, as `restore --words-file` reads it.
fn write_words(screen: &Screen, words: &Words, file: &Path) -> Result<()> {
    let all: Vec<&str> = words.iter().collect();
    let text = Zeroizing::new(format!("{}\n", all.join(" ")));
    write_private(file, text.as_bytes())?;
    screen.note(format!(
        "The words that everything in the wallet derives from are in {}. Whoever has them has the money: write them on paper, and erase \
         the file.",
        file.display()
    ));
    Ok(())
}

/// Asks for some of the words, so that they are surely on paper.
fn confirm_words(words: &Words) -> Result<()> {
    let all: Vec<&str> = words.iter().collect();
    let mut asked: Vec<usize> = index::sample(&mut rand::rng(), all.len(), ASKED.min(all.len())).into_vec();
    asked.sort_unstable();
    prompt::tell("From your paper, please:")?;
    for place in asked {
        let Some(word) = all.get(place) else { continue };
        let mut right = false;
        for _ in 0..ATTEMPTS {
            let answer = prompt::line(&format!("  word {}: ", place + 1))?;
            right = answer.trim().eq_ignore_ascii_case(word);
            if right {
                break;
            }
            prompt::tell("  That is not the word above.")?;
        }
        if !right {
            let message = "nothing was made, and these words are void";
            return Err(fault(Trouble::WrongAnswer, message).next("begin again when you have paper").into());
        }
    }
    Ok(())
}

impl Answer for InitAnswer {
    fn show(&self, screen: &Screen) {
        screen.say(&self.account);
    }
}
