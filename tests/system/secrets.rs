//! Nothing that a wallet must keep to itself is in what it prints, in a log at any level, or in the plain bytes of its folder.
//! What to look for is derived from the words that the wallet wrote down when it was made.

use std::collections::BTreeMap;
use std::path::Path;

use farthing_protocol::amount::Denomination;
use farthing_protocol::codec::{Decode, DecodeError, Encode, Reader, Wire, Writer};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use farthing_protocol::token::CoinKey;

use crate::raw::{RawWallet, amount};
use crate::stage::{Purse, Ran, Stage};

const PASSPHRASE: &str = "Nightingales-sing-at-0417";

/// So much of a spelling is looked for: 96 bits or more.
const CORE: usize = 24;

/// Spellings of secrets, by their first characters.
#[derive(Default)]
struct Wanted {
    cores: BTreeMap<[u8; CORE], String>,
    words: Vec<String>,
}

impl Wanted {
    /// Looks for 32 bytes or more: as they are, in base 16, 32 and 64 wherever in a longer text they begin, and as `Debug` lists them.
    fn bytes(&mut self, name: &str, secret: &[u8]) {
        let lower: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<String> = secret.iter().map(u8::to_string).collect();
        let mut spellings = vec![secret.to_vec(), lower.to_uppercase().into(), lower.into(), list.join(", ").into()];
        let bech32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        let url = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        spellings.extend((0..5).map(|before| spell(secret, before, 5, bech32)));
        for before in 0..3 {
            spellings.extend([spell(secret, before, 6, url), spell(secret, before, 6, standard)]);
        }
        for spelling in spellings {
            self.cores.insert(spelling[..CORE].try_into().unwrap(), name.to_owned());
        }
    }

    /// The name of the first secret in some bytes.
    fn found_in(&self, haystack: &[u8]) -> Option<String> {
        let typed = haystack.windows(PASSPHRASE.len()).any(|window| window == PASSPHRASE.as_bytes());
        let typed = typed.then(|| "the passphrase".to_owned());
        typed.or_else(|| self.bytes_in(haystack)).or_else(|| self.words_in(haystack))
    }

    fn bytes_in(&self, haystack: &[u8]) -> Option<String> {
        haystack.windows(CORE).find_map(|window| self.cores.get(window)).cloned()
    }

    /// Three of the words in a row, whatever is between them.
    fn words_in(&self, haystack: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(haystack).to_lowercase();
        let said: Vec<&str> = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
        let in_a_row = |three: &[String]| said.windows(3).any(|window| window == three);
        self.words.windows(3).any(in_a_row).then(|| "three of the words".to_owned())
    }
}

/// Bytes in an alphabet of 2^bits letters, when so many bytes come before them: the letters that they alone determine.
fn spell(secret: &[u8], before: usize, bits: usize, alphabet: &[u8]) -> Vec<u8> {
    let first = (8 * before).div_ceil(bits);
    let end = 8 * (before + secret.len()) / bits;
    let bit = |at: usize| usize::from(secret[at / 8 - before] >> (7 - at % 8) & 1);
    (first..end).map(|letter| alphabet[(0..bits).fold(0, |value, i| value << 1 | bit(letter * bits + i))]).collect()
}

/// A coin key as it is written down.
struct Bare(CoinKey);

impl Encode for Bare {
    fn encode_to(&self, out: &mut Writer) {
        out.part(&self.0);
    }
}

impl Decode for Bare {
    fn decode_from(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.part().map(Self)
    }
}

impl Wire for Bare {}

/// A token that the wallet had at some time.
struct Coin {
    shape: Shape,
    secret: Vec<u8>,
    public: Vec<u8>,
}

/// The coins of the first issuances, if each may have been of any of these shapes.
fn coins(seed: &Seed, keyset: &Keyset, shapes: &[Shape]) -> Vec<Coin> {
    let mut coins = Vec::new();
    for number in 0..24 {
        let issuance =
            IssuanceContext { mint: keyset.terms().mint, keyset: *keyset.id(), number: IssuanceNumber::new(number) };
        for &shape in shapes {
            for (position, denomination) in (0..).zip(shape.outputs(keyset).unwrap()) {
                let key = seed.coin_key(&CoinContext { issuance, position, denomination });
                let public = key.public().as_bytes().to_vec();
                let bytes = Bare(key).to_bytes();
                coins.push(Coin { shape, secret: bytes[bytes.len() - 32..].to_vec(), public });
            }
        }
    }
    coins
}

/// A wallet whose words are known, and everything that was printed for it.
struct Exposed<'a> {
    purse: Purse<'a>,
    said: Vec<(String, Ran)>,
}

impl Exposed<'_> {
    fn run(&mut self, arguments: &[&str]) -> &Ran {
        let mut command = self.purse.command(arguments);
        command.env("FARTHING_LOG", "trace").env("RUST_BACKTRACE", "full");
        let ran = crate::stage::ran(&mut command);
        self.said.push((arguments.join(" "), ran));
        &self.said.last().unwrap().1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_printed_logged_or_stored_plainly() {
    let stage = Stage::logging();
    let mut exposed = Exposed { purse: stage.empty_purse().protected(PASSPHRASE), said: Vec::new() };
    let paper = exposed.purse.folder.with_extension("paper");
    let init = exposed.run(&["init", "--mint", &stage.to_mint.url(), "--yes", "--words-file", paper.to_str().unwrap()]);
    assert_eq!(init.code, Some(0), "{}", init.err);
    let words: Vec<String> = std::fs::read_to_string(&paper).unwrap().split_whitespace().map(str::to_owned).collect();
    assert_eq!(words.len(), 12);
    exposed.purse = exposed.purse.credited(2_000);

    // Everything a wallet does, what fails included.
    stage.to_merchant.record();
    let invoices: Vec<String> = [64, 37, 5].iter().map(|&cents| stage.invoice(cents)).collect();
    let other = stage.purse(1);
    let record = other.json(&["recipient"])["text"].as_str().unwrap().to_owned();
    let request = other.json(&["request", "0.08"])["text"].as_str().unwrap().to_owned();
    for arguments in [
        &["withdraw", "1.05"][..],
        &["withdraw", "--bundle", "list"],
        &["pay", &invoices[0], "--yes"],
        &["withdraw", "--bundle", "0"],
        &["pay", &invoices[1], "--yes"],
        &["pay", &invoices[1], "--yes"],
        &["balance"],
        &["account"],
        &["history"],
        &["withdraw", "100.00"],
        &["pay", "farthinginvoice1qqqq", "--yes"],
        &["pay", &invoices[2]],
        &["pay", &request, "--yes"],
        &["send", "0.04"],
        &["send", "0.02"],
        &["send", "0.16", "--to", &record, "--yes"],
        &["send", "100.00"],
        &["sent"],
        &["sent", "--all", "--json"],
        &["send", "--reclaim", "all"],
        &["send", "0.32"],
        &["recipient"],
        &["request", "1.00"],
        &["receive", "farthingtoken1qqqq"],
        &["history", "--json"],
        &["history", "show", "1"],
        &["receipts"],
        &["balance", "--json"],
        &["stock"],
        &["stock", "--up-to", "1.00", "--ahead", "2"],
        &["refresh", "--pause", "0", "--max-swaps", "2"],
        &["mint", "list"],
        &["mint", "refresh"],
        &["resume"],
        &["give-up", "99", "--yes"],
        &["budget", "list"],
        &["get", &stage.shop_url(), "--max-amount", "0.37"],
        &["doctor", "--json"],
        &["export"],
        &["forget", "--before", "2020-01-01", "--dry-run"],
        &["passphrase", "--no-passphrase", "--no-such-option"],
    ] {
        exposed.run(arguments);
    }
    // Somebody else's money, received twice.
    let gift = stage.purse(500);
    gift.run(&["withdraw", "0.64"]).succeeded();
    let gift = gift.json(&["send", "0.64"])["text"].as_str().unwrap().to_owned();
    exposed.run(&["receive", &gift]);
    exposed.run(&["receive", &gift]);
    stage.to_merchant.fail(0, 1, crate::net::Fault::LoseAnswer);
    exposed.run(&["pay", &invoices[2], "--yes"]);
    exposed.run(&["balance"]);
    let failed = exposed.said.iter().filter(|(_, ran)| ran.code != Some(0)).count();
    assert!((8..=12).contains(&failed), "{failed}: {:?}", exposed.said);

    let mnemonic = bip39::Mnemonic::parse_normalized(&words.join(" ")).unwrap();
    let bytes = mnemonic.to_seed_normalized("");
    let seed = Seed::from_bytes(bytes);
    let keyset = RawWallet::new(&stage.mint_url()).await.keyset;
    let mut shapes = vec![Shape::Withdrawal(amount(105)), Shape::Bundle(0)];
    shapes.extend((1..8).map(|k| Shape::Split(Denomination::new(k).unwrap())));
    shapes.extend((0..7).map(|k| Shape::Merge(Denomination::new(k).unwrap())));
    shapes.extend([1, 2, 4, 5, 8, 16, 32, 64].map(|units| Shape::Renew(amount(units))));
    let coins = coins(&seed, &keyset, &shapes);

    // The search can find: what was paid went to the merchant, spelled in base 64.
    let mut paid = Wanted::default();
    for coin in coins.iter().filter(|coin| matches!(coin.shape, Shape::Withdrawal(_))) {
        paid.bytes("a serial", &coin.public);
    }
    assert!(paid.found_in(&stage.to_merchant.recorded()).is_some(), "a token that was paid is not seen on its way");

    let mut wanted = Wanted { words: words.clone(), ..Wanted::default() };
    wanted.bytes("the seed", &bytes[..32]);
    wanted.bytes("the seed", &bytes[32..]);
    wanted.bytes("the account's key", seed.account_key(&keyset.terms().mint).secret().as_ref());
    for number in 0..10 {
        let number = IssuanceNumber::new(number);
        let issuance = IssuanceContext { mint: keyset.terms().mint, keyset: *keyset.id(), number };
        wanted.bytes("an issuance's key", seed.issuance_key(&issuance).secret().as_ref());
    }
    for coin in &coins {
        wanted.bytes("a coin's key", &coin.secret);
        wanted.bytes("a serial", &coin.public);
    }
    // The words are where they were to be written, and nowhere else.
    assert!(wanted.words_in(&std::fs::read(&paper).unwrap()).is_some());
    let gives_money = ["send 0.04", "send 0.02", "send 0.32"];
    let logged = exposed.said.iter().filter(|(_, ran)| ran.err.contains("DEBUG")).count();
    assert!(logged >= 6, "only {logged} commands logged");
    for (what, ran) in &exposed.said {
        assert_eq!(wanted.found_in(ran.err.as_bytes()), None, "{what}: {}", ran.err);
        // A text that can be claimed is money, keys and all; that it is found shows that the search finds keys.
        let found = wanted.found_in(ran.out.as_bytes());
        match gives_money.contains(&what.as_str()) {
            true => assert!(found.is_some(), "{what}: {}", ran.out),
            false => assert_eq!(found, None, "{what}: {}", ran.out),
        }
    }
    // A merchant at whom nothing goes wrong has nothing to log.
    assert!(stage.logs().iter().any(|log| std::fs::metadata(log).unwrap().len() > 0), "nothing was logged");
    for log in stage.logs() {
        let text = std::fs::read(&log).unwrap();
        assert_eq!(wanted.found_in(&text), None, "{}", log.display());
    }
    every_file(&exposed.purse.folder, &mut |path, bytes| {
        assert_eq!(wanted.found_in(bytes), None, "{}", path.display());
    });
}

fn every_file(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, look);
        } else {
            look(&path, &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn the_search_finds_every_spelling() {
    let secret: Vec<u8> = (0..32).map(|i: u8| i.wrapping_mul(73) ^ 0xa5).collect();
    let mut wanted =
        Wanted { words: ["zoo", "able", "work", "magic"].map(str::to_owned).to_vec(), ..Wanted::default() };
    wanted.bytes("it", &secret);
    for before in 0..7 {
        let mut bytes = vec![9; before];
        bytes.extend_from_slice(&secret);
        bytes.extend_from_slice(&[3; 9]);
        let texts = [
            farthing_protocol::text::encode("farthing", &bytes),
            farthing_protocol::codec::to_base64url(&bytes),
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
            format!("{bytes:?}"),
        ];
        for text in texts {
            assert_eq!(wanted.found_in(text.as_bytes()).as_deref(), Some("it"), "{text}");
        }
        assert!(wanted.found_in(&bytes).is_some());
    }
    assert_eq!(wanted.found_in(format!("x{PASSPHRASE}y").as_bytes()).as_deref(), Some("the passphrase"));
    assert!(wanted.found_in(b"1. able 2. work\n3. magic").is_some());
    assert!(wanted.found_in(b"able and work and magic").is_none());
}
