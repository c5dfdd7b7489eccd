//! A wallet without manners: it speaks the protocol to a real mint, keeps its tokens in memory, and sends whatever a
//! test wants sent.

use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_protocol::amount::{Amount, Denomination, UnixTime};
use farthing_protocol::api::{
    FinishAnswer, FinishRequest, KeysetsAnswer, OpenAnswer, OpenRequest, PayAnswer, PayRequest, mint_path,
    verifier_path,
};
use farthing_protocol::blind::wallet::{AwaitingResponse, unblind_all};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{IssuanceId, Keypair, MintId, PayeeKey};
use farthing_protocol::ids::{OperationId, RequestHash};
use farthing_protocol::issuance::{Funding, FundingSource, IssuanceRequest, IssuanceTerms, Output};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::request::{Invoice, PaymentRequest};
use farthing_protocol::shape::Shape;
use farthing_protocol::text;
use farthing_protocol::token::{CoinKey, Token};

use crate::harness::World;

pub(crate) struct RawWallet {
    pub(crate) client: HttpClient,
    pub(crate) mint_url: BaseUrl,
    pub(crate) mint: MintId,
    pub(crate) keyset: Keyset,
    seed: Seed,
    next: IssuanceNumber,
}

pub(crate) fn now() -> UnixTime {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime::from_seconds(now.as_secs())
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

impl RawWallet {
    pub(crate) async fn new(url: &str) -> Self {
        let client = HttpClient::builder().build().unwrap();
        let mint_url = BaseUrl::parse(url).unwrap();
        let answer: KeysetsAnswer = client.get_json(&mint_url.join(mint_path::KEYSETS).unwrap()).await.unwrap();
        let keyset = answer.keysets.into_iter().next().unwrap().verify().unwrap();
        let mint = keyset.terms().mint;
        let seed = Seed::from_bytes(rand::random());
        Self { client, mint_url, mint, keyset, seed, next: IssuanceNumber::FIRST }
    }

    pub(crate) fn account(&self) -> Keypair {
        self.seed.account_key(&self.mint)
    }

    /// Has the operator credit this wallet's account.
    pub(crate) fn fund(&self, world: &World, units: u64) {
        let key = farthing_protocol::identity::AccountKey::from(&self.account());
        let account = text::encode("farthingaccount", key.as_bytes());
        let sum = format!("{}.{:02}", units / 100, units % 100);
        world.run(&["mint", "credit", &account, &sum]);
    }

    pub(crate) async fn open(&self, shape: Shape) -> Result<OpenAnswer, CallError> {
        let request = OpenRequest { keyset: *self.keyset.id(), shape };
        self.client.post_json(&self.mint_url.join(mint_path::OPEN).unwrap(), &request).await
    }

    pub(crate) async fn finish(&self, request: IssuanceRequest) -> Result<FinishAnswer, CallError> {
        self.client.post_json(&self.mint_url.join(mint_path::FINISH).unwrap(), &FinishRequest { request }).await
    }

    /// Makes the request that finishes a session, under the next issuance number, and what is needed to unblind.
    pub(crate) fn prepare(&mut self, shape: Shape, opened: &OpenAnswer, operation: OperationId) -> Prepared {
        let number = self.next;
        self.next = number.next().unwrap();
        let context = IssuanceContext { mint: self.mint, keyset: *self.keyset.id(), number };
        let key = self.seed.issuance_key(&context);
        let denominations = shape.outputs(&self.keyset).unwrap();
        let mut waiting = Vec::new();
        let mut outputs = Vec::new();
        for (position, (d, commitment)) in (0..).zip(denominations.iter().zip(&opened.opened.commitments)) {
            let context = CoinContext { issuance: context, position, denomination: *d };
            let coin = self.seed.coin_key(&context);
            let issuer = self.keyset.key(*d).unwrap();
            let (state, challenge) = AwaitingResponse::new(&self.seed, &context, issuer, *coin.public(), *commitment);
            outputs.push(Output { denomination: *d, commitment: *commitment, challenge });
            waiting.push((*d, coin, state));
        }
        let total = Amount::checked_sum(denominations.iter().map(|d| d.value())).unwrap();
        let issuance = IssuanceId::from(&key);
        let field = self.seed.field_key(&context).encrypt(&mut rand::rng(), &issuance, &[0; 88]);
        let terms = IssuanceTerms {
            mint: self.mint,
            keyset: *self.keyset.id(),
            shape,
            issuance,
            session: opened.opened.session,
            amount: total,
            debit: total,
            outputs,
            field,
        };
        let account = self.account();
        let source = FundingSource::Account((&account).into(), operation);
        let signature = account.sign(terms.digest(&source.id()).as_bytes());
        let funding = Funding::Account { account: (&account).into(), operation, signature };
        let request = IssuanceRequest::sign(terms, opened.opened.seal, funding, &key).unwrap();
        Prepared { request, waiting }
    }

    /// Withdraws in one go.
    pub(crate) async fn withdraw(&mut self, units: u64) -> Vec<(Token, CoinKey)> {
        let shape = Shape::Withdrawal(amount(units));
        let opened = self.open(shape).await.unwrap();
        let prepared = self.prepare(shape, &opened, OperationId::from_bytes(rand::random()));
        let answer = self.finish(prepared.request.clone()).await.unwrap();
        prepared.unblind(&self.keyset, &answer)
    }

    /// A payment of all these tokens.
    pub(crate) fn authorize(&self, tokens: &[(Token, CoinKey)], payee: PayeeKey, request: RequestHash) -> Payment {
        let terms = PaymentTerms {
            kind: PaymentKind::Pay,
            mint: self.mint,
            keyset: *self.keyset.id(),
            request,
            payee,
            amount: Amount::checked_sum(tokens.iter().map(|(token, _)| token.value())).unwrap(),
        };
        let tokens: Vec<_> = tokens.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
        Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::None, now()).unwrap()
    }

    pub(crate) fn answer(&self, tokens: &[(Token, CoinKey)], invoice: &Invoice) -> PayRequest {
        let payment = self.authorize(tokens, invoice.draft().payee, invoice.hash());
        PayRequest { payment, request: PaymentRequest::Invoice(invoice.clone()) }
    }

    pub(crate) async fn pay(&self, verifier: &str, request: &PayRequest) -> Result<PayAnswer, CallError> {
        let url = BaseUrl::parse(verifier).unwrap().join(verifier_path::PAY).unwrap();
        self.client.post_json(&url, request).await
    }
}

/// A finishing request and what unblinds its answer.
pub(crate) struct Prepared {
    pub(crate) request: IssuanceRequest,
    waiting: Vec<(Denomination, CoinKey, AwaitingResponse)>,
}

impl Prepared {
    pub(crate) fn unblind(self, keyset: &Keyset, answer: &FinishAnswer) -> Vec<(Token, CoinKey)> {
        let responses: Vec<_> = answer.record.outputs.iter().map(|output| output.response).collect();
        let mut coins = Vec::new();
        let mut states = Vec::new();
        for (d, coin, state) in self.waiting {
            states.push((keyset.key(d).unwrap(), state));
            coins.push((d, coin));
        }
        let signatures = unblind_all(&mut rand::rng(), states, &responses).unwrap();
        coins
            .into_iter()
            .zip(signatures)
            .map(|((denomination, key), signature)| (Token { denomination, coin: *key.public(), signature }, key))
            .collect()
    }
}
