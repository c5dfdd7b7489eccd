//! A mint and a wallet in one place, in memory: everything that makes tokens, and no ledger.

use std::sync::{Arc, Mutex};

use farthing_protocol::amount::{Amount, Denomination, Fees, Unit, UnixTime};
use farthing_protocol::blind::mint::Sessions;
use farthing_protocol::blind::wallet::{AwaitingResponse, unblind_all};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::group::Element;
use farthing_protocol::identity::{IssuanceId, Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{IssuanceDigest, RequestHash};
use farthing_protocol::keyset::{Bundle, Keyset, KeysetList, KeysetTerms, ListedHead, Redemption, SecretKeyset};
use farthing_protocol::locked::{LockedCoin, RecipientKey};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, Token};

use crate::check::KnownKeysets;

/// A mint with one keyset, and a wallet that withdraws from it for nothing.
pub struct TestMint {
    identity: Keypair,
    secret: SecretKeyset,
    keyset: Arc<Keyset>,
    now: UnixTime,
    state: Mutex<State>,
}

struct State {
    sessions: Sessions,
    seed: Seed,
    next: IssuanceNumber,
}

/// A token with what its holder knows.
pub struct Coin {
    /// The token.
    pub token: Token,
    secret: Secret,
}

enum Secret {
    Own(CoinKey),
    Locked(LockedCoin),
}

impl TestMint {
    /// A mint whose one keyset is open, and issues from a day before `now` on.
    pub fn new(now: UnixTime) -> Self {
        Self::with_terms(now, |_| {})
    }

    /// As [`TestMint::new`], with other terms.
    pub fn with_terms(now: UnixTime, change: impl FnOnce(&mut KeysetTerms)) -> Self {
        Self::of(Keypair::generate(&mut rand::rng()), now, change)
    }

    /// As [`TestMint::with_terms`], for a given identity.
    pub fn of(identity: Keypair, now: UnixTime, change: impl FnOnce(&mut KeysetTerms)) -> Self {
        let mut rng = rand::rng();
        let mut terms = terms((&identity).into(), now);
        change(&mut terms);
        let (secret, keyset) = SecretKeyset::generate(&mut rng, terms, 32, &identity).unwrap();
        let sessions = Sessions::new(&mut rng);
        let seed = Seed::from_bytes(rand::random());
        let state = Mutex::new(State { sessions, seed, next: IssuanceNumber::FIRST });
        Self { identity, secret, keyset: Arc::new(keyset), now, state }
    }

    /// The mint's key pair.
    pub fn identity(&self) -> &Keypair {
        &self.identity
    }

    /// The mint's id.
    pub fn id(&self) -> MintId {
        self.keyset.terms().mint
    }

    /// The keyset.
    pub fn keyset(&self) -> &Arc<Keyset> {
        &self.keyset
    }

    /// The keyset as the checks want it.
    pub fn known(&self) -> KnownKeysets {
        let mut known = KnownKeysets::new();
        known.insert(Arc::clone(&self.keyset), None);
        known
    }

    /// The mint's signed list with nothing revoked.
    pub fn list(&self, issued_at: UnixTime) -> KeysetList {
        let terms = self.keyset.terms();
        let head = ListedHead { unit: terms.unit.clone(), redemption: terms.redemption, head: self.keyset.head() };
        KeysetList::sign(&self.identity, issued_at, issued_at.plus(86_400), vec![head], Vec::new()).unwrap()
    }

    /// A coin of value 2^d.
    pub fn coin(&self, d: u8) -> Coin {
        self.coins(Denomination::new(d).unwrap().value()).remove(0)
    }

    /// The coins that are the binary digits of an amount, ascending.
    pub fn coins(&self, amount: Amount) -> Vec<Coin> {
        self.withdraw(&Shape::Withdrawal(amount), None)
    }

    /// The same, locked to a recipient.
    pub fn locked_coins(&self, amount: Amount, recipient: &RecipientKey) -> Vec<Coin> {
        self.withdraw(&Shape::Withdrawal(amount), Some(recipient))
    }

    /// A payment of kind `pay`, or `locked` when the coins are locked to `recipient`.
    pub fn pay(&self, coins: &[&Coin], payee: PayeeKey, request: RequestHash, lock: Option<&RecipientKey>) -> Payment {
        self.pay_at(coins, payee, request, lock, self.now)
    }

    /// The same, authorized at a given time.
    pub fn pay_at(
        &self,
        coins: &[&Coin],
        payee: PayeeKey,
        request: RequestHash,
        lock: Option<&RecipientKey>,
        at: UnixTime,
    ) -> Payment {
        let kind = if lock.is_some() { PaymentKind::Locked } else { PaymentKind::Pay };
        let amount = Amount::checked_sum(coins.iter().map(|coin| coin.token.value())).unwrap();
        let terms = PaymentTerms { kind, mint: self.id(), keyset: *self.keyset.id(), request, payee, amount };
        let binding = lock.map_or(Binding::None, Binding::Recipient);
        let tokens: Vec<_> = coins.iter().map(|coin| (coin.token, coin.witness())).collect();
        Payment::authorize(&mut rand::rng(), terms, &tokens, binding, at).unwrap()
    }

    /// A swap of these coins that funds an issuance.
    pub fn swap(&self, coins: &[Coin], issuance: &IssuanceId, digest: &IssuanceDigest) -> Payment {
        let amount = Amount::checked_sum(coins.iter().map(|coin| coin.token.value())).unwrap();
        let (mint, keyset) = (self.id(), *self.keyset.id());
        let (request, payee) = (issuance.swap_request(), mint.as_payee());
        let terms = PaymentTerms { kind: PaymentKind::Swap, mint, keyset, request, payee, amount };
        let tokens: Vec<_> = coins.iter().map(|coin| (coin.token, coin.witness())).collect();
        Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::Issuance(digest), self.now).unwrap()
    }

    fn withdraw(&self, shape: &Shape, lock: Option<&RecipientKey>) -> Vec<Coin> {
        let mut rng = rand::rng();
        let keyset = &*self.keyset;
        let State { sessions, seed, next } = &mut *self.state.lock().unwrap();
        let outputs = shape.outputs(keyset).unwrap();
        let opened = sessions.open(&mut rng, keyset.id(), &outputs, self.now);
        let issuance = IssuanceContext { mint: self.id(), keyset: *keyset.id(), number: *next };
        *next = next.next().unwrap();
        let (mut waiting, mut challenges, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (denomination, commitment)) in (0..).zip(outputs.iter().zip(&opened.commitments)) {
            let context = CoinContext { issuance, position, denomination: *denomination };
            let secret = match lock {
                None => Secret::Own(seed.coin_key(&context)),
                Some(recipient) => Secret::Locked(LockedCoin::derive(seed, &context, recipient).unwrap()),
            };
            let key = keyset.key(*denomination).unwrap();
            let (state, challenge) = AwaitingResponse::new(seed, &context, key, *secret.public(), *commitment);
            waiting.push((key, state));
            challenges.push(challenge);
            secrets.push(secret);
        }
        let session = sessions
            .authenticate(&opened.session, &opened.seal, keyset.id(), &outputs, &opened.commitments, self.now)
            .unwrap();
        let responses = sessions.claim(session, challenges, self.now).unwrap().respond(&self.secret).unwrap();
        let signatures = unblind_all(&mut rng, waiting, &responses).unwrap();
        outputs
            .into_iter()
            .zip(secrets)
            .zip(signatures)
            .map(|((denomination, secret), signature)| {
                let token = Token { denomination, coin: *secret.public(), signature };
                Coin { token, secret }
            })
            .collect()
    }
}

impl Coin {
    fn witness(&self) -> Witness<'_> {
        match &self.secret {
            Secret::Own(key) => Witness::Coin(key),
            Secret::Locked(coin) => Witness::Locked(coin),
        }
    }
}

impl Secret {
    fn public(&self) -> &Element {
        match self {
            Self::Own(key) => key.public(),
            Self::Locked(coin) => coin.coin(),
        }
    }
}

impl std::fmt::Debug for TestMint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestMint").field("keyset", self.keyset.id()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Coin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coin(<redacted>)")
    }
}

fn terms(mint: MintId, now: UnixTime) -> KeysetTerms {
    let day = 86_400;
    let digits = (0..8).map(|d| (Denomination::new(d).unwrap(), 2)).collect();
    KeysetTerms {
        mint,
        sequence: 0,
        predecessor: None,
        unit: Unit::new("EUR", 2).unwrap(),
        redemption: Redemption::Open,
        active_from: now.minus(day),
        issue_until: now.plus(90 * day),
        spend_until: now.plus(455 * day),
        deposit_until: now.plus(485 * day),
        fees: Fees::default(),
        bundles: vec![Bundle::new(digits).unwrap()],
    }
}
