//! A mint, a wallet and a payee, all in one place and in memory.

use farthing_protocol::amount::{Amount, Denomination, Fees, Unit, UnixTime};
use farthing_protocol::blind::mint::Sessions;
use farthing_protocol::blind::wallet::{AwaitingResponse, check_commitments, unblind_all};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{Keypair, MintId, PayeeKey};
use farthing_protocol::ids::RequestHash;
use farthing_protocol::keyset::{Bundle, Keyset, KeysetTerms, Redemption, SecretKeyset};
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, Token};

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn denomination(d: u8) -> Denomination {
    Denomination::new(d).unwrap()
}

pub(crate) struct Mint {
    #[allow(dead_code, reason = "for tests of keysets")]
    pub(crate) identity: Keypair,
    pub(crate) secret: SecretKeyset,
    pub(crate) keyset: Keyset,
    pub(crate) sessions: Sessions,
}

pub(crate) fn terms(mint: MintId) -> KeysetTerms {
    let day = 86_400;
    KeysetTerms {
        mint,
        sequence: 0,
        predecessor: None,
        unit: Unit::new("EUR", 2).unwrap(),
        redemption: Redemption::Open,
        active_from: NOW.minus(day),
        issue_until: NOW.plus(90 * day),
        spend_until: NOW.plus(455 * day),
        deposit_until: NOW.plus(485 * day),
        fees: Fees::default(),
        bundles: vec![Bundle::new((0..8).map(|d| (denomination(d), 2)).collect()).unwrap()],
    }
}

impl Mint {
    pub(crate) fn new() -> Self {
        Self::with_terms(|_| {})
    }

    pub(crate) fn with_terms(change: impl FnOnce(&mut KeysetTerms)) -> Self {
        let mut rng = rand::rng();
        let identity = Keypair::generate(&mut rng);
        let mut terms = terms((&identity).into());
        change(&mut terms);
        let (secret, keyset) = SecretKeyset::generate(&mut rng, terms, 32, &identity).unwrap();
        Self { identity, secret, keyset, sessions: Sessions::new(&mut rng) }
    }
}

pub(crate) struct Wallet {
    pub(crate) seed: Seed,
    pub(crate) next: IssuanceNumber,
}

impl Wallet {
    pub(crate) fn new() -> Self {
        Self { seed: Seed::from_bytes(rand::random()), next: IssuanceNumber::FIRST }
    }

    /// Withdraws without any ledger: open, challenge, respond, unblind.
    pub(crate) fn withdraw(&mut self, mint: &mut Mint, shape: Shape) -> Vec<(Token, CoinKey)> {
        let mut rng = rand::rng();
        let keyset = &mint.keyset;
        let outputs = shape.outputs(keyset).unwrap();
        let opened = mint.sessions.open(&mut rng, keyset.id(), &outputs, NOW);
        check_commitments(&opened.commitments).unwrap();
        let issuance = IssuanceContext { mint: keyset.terms().mint, keyset: *keyset.id(), number: self.next };
        self.next = self.next.next().unwrap();
        let mut waiting = Vec::new();
        let mut challenges = Vec::new();
        let mut keys = Vec::new();
        for (position, (d, commitment)) in (0..).zip(outputs.iter().zip(&opened.commitments)) {
            let context = CoinContext { issuance, position, denomination: *d };
            let coin = self.seed.coin_key(&context);
            let key = keyset.key(*d).unwrap();
            let (state, challenge) = AwaitingResponse::new(&self.seed, &context, key, *coin.public(), *commitment);
            waiting.push((key, state));
            challenges.push(challenge);
            keys.push(coin);
        }
        let session = mint
            .sessions
            .authenticate(&opened.session, &opened.seal, keyset.id(), &outputs, &opened.commitments, NOW)
            .unwrap();
        let responses = mint.sessions.claim(session, challenges, NOW).unwrap().respond(&mint.secret).unwrap();
        let signatures = unblind_all(&mut rng, waiting, &responses).unwrap();
        outputs
            .into_iter()
            .zip(keys)
            .zip(signatures)
            .map(|((denomination, key), signature)| (Token { denomination, coin: *key.public(), signature }, key))
            .collect()
    }
}

pub(crate) fn payee() -> PayeeKey {
    PayeeKey::from(&Keypair::generate(&mut rand::rng()))
}

pub(crate) fn pay(mint: &Mint, tokens: &[(Token, CoinKey)], payee: PayeeKey, request: RequestHash) -> Payment {
    let total = Amount::checked_sum(tokens.iter().map(|(token, _)| token.value())).unwrap();
    let terms = PaymentTerms {
        kind: PaymentKind::Pay,
        mint: mint.keyset.terms().mint,
        keyset: *mint.keyset.id(),
        request,
        payee,
        amount: total,
    };
    let tokens: Vec<_> = tokens.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::None, NOW).unwrap()
}
