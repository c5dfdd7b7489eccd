//! The words from which everything of a wallet derives (BIP-39, English, empty passphrase).

use std::fmt;

use bip39::{Language, Mnemonic};
use farthing_protocol::derive::Seed;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// How many words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordCount {
    /// 12 words, 128 bits.
    #[default]
    Twelve,
    /// 24 words, 256 bits.
    TwentyFour,
}

/// A text is not a list of 12 or 24 words with a right checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are not 12 or 24 words that belong together")]
pub struct InvalidWords;

/// The words of a wallet: whoever has them has the money. Zeroized when dropped; `Debug` shows nothing.
///
/// # Security
/// Show them to their owner once, and never log them.
pub struct Words(Mnemonic);

impl Words {
    /// New words from the given randomness.
    ///
    /// # Errors
    /// [`InvalidWords`] if the word list library refused 128 or 256 bits, which it does not.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R, count: WordCount) -> Result<Self, InvalidWords> {
        let mut entropy = Zeroizing::new([0; 32]);
        rng.fill_bytes(entropy.as_mut());
        let length = match count {
            WordCount::Twelve => 16,
            WordCount::TwentyFour => 32,
        };
        let entropy = entropy.get(..length).ok_or(InvalidWords)?;
        Mnemonic::from_entropy_in(Language::English, entropy).map(Self).map_err(|_| InvalidWords)
    }

    /// Reads 12 or 24 English words, in lower or upper case, with blanks of any kind between them.
    ///
    /// # Errors
    /// [`InvalidWords`] for another number, an unknown word or a wrong checksum. It does not say which word.
    pub fn parse(text: &str) -> Result<Self, InvalidWords> {
        let text = Zeroizing::new(text.to_lowercase());
        let words = Mnemonic::parse_in_normalized(Language::English, &text).map_err(|_| InvalidWords)?;
        if matches!(words.word_count(), 12 | 24) { Ok(Self(words)) } else { Err(InvalidWords) }
    }

    /// The words in order, to be written on paper.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.words()
    }

    /// The seed, for an empty passphrase.
    pub fn seed(&self) -> Seed {
        Seed::from_bytes(*self.seed_bytes())
    }

    pub(crate) fn seed_bytes(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.0.to_seed_normalized(""))
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the BIP-39 vectors' words, with the empty passphrase.
    #[test]
    fn words_give_the_seed_of_the_standard() {
        let words = Words::parse(&format!("{}ABOUT", "abandon ".repeat(11))).unwrap();
        let hex: String = words.seed_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
             9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
        );
    }

    #[test]
    fn generated_words_are_read_again_and_wrong_ones_are_not() {
        for (count, number) in [(WordCount::Twelve, 12), (WordCount::TwentyFour, 24)] {
            let words = Words::generate(&mut rand::rng(), count).unwrap();
            let list: Vec<_> = words.iter().collect();
            assert_eq!(list.len(), number);
            let again = Words::parse(&list.join("\n ")).unwrap();
            assert_eq!(*again.seed_bytes(), *words.seed_bytes());
        }
        for bad in ["", "abandon", &"abandon ".repeat(12), &"abandon ".repeat(15)] {
            assert_eq!(Words::parse(bad).err(), Some(InvalidWords));
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
        assert_eq!(format!("{words:?} {:?}", words.seed()), "Words(<redacted>) Seed(<redacted>)");
    }
}
