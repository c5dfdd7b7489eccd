//! A wallet as small as tests need it, honest or not.

use farthing_issuer::{FinishError, Mint};
use farthing_protocol::amount::{Amount, UnixTime};
use farthing_protocol::api::{Deposit, OpenRequest};
use farthing_protocol::blind::SessionSeal;
use farthing_protocol::blind::mint::OpenedSession;
use farthing_protocol::blind::wallet::{AwaitingResponse, unblind_all};
use farthing_protocol::derive::{CoinContext, IssuanceContext, IssuanceNumber, Seed};
use farthing_protocol::identity::{AccountKey, Keypair, MintId, PayeeKey, VoucherKey};
use farthing_protocol::ids::{Claim, IssuanceDigest, OperationId, RequestHash};
use farthing_protocol::issuance::{
    FIELD_PLAINTEXT, Funding, FundingSource, IssuanceRecord, IssuanceRequest, IssuanceTerms, Output,
};
use farthing_protocol::keyset::Keyset;
use farthing_protocol::payment::{Binding, Payment, PaymentKind, PaymentTerms, Witness};
use farthing_protocol::shape::Shape;
use farthing_protocol::token::{CoinKey, Token};

use crate::common::{World, amount};

pub(crate) type Coin = (Token, CoinKey);

pub(crate) struct Wallet {
    pub(crate) seed: Seed,
    pub(crate) account: Keypair,
    next: IssuanceNumber,
}

/// An issuance before it is funded.
pub(crate) struct Draft {
    pub(crate) terms: IssuanceTerms,
    pub(crate) seal: SessionSeal,
    pub(crate) key: Keypair,
    pub(crate) context: IssuanceContext,
}

pub(crate) fn operation() -> OperationId {
    OperationId::from_bytes(rand::random())
}

pub(crate) fn claim() -> Claim {
    Claim::from_bytes(rand::random())
}

impl Wallet {
    pub(crate) fn new(mint: &MintId) -> Self {
        let seed = Seed::from_bytes(rand::random());
        let account = seed.account_key(mint);
        Self { seed, account, next: IssuanceNumber::FIRST }
    }

    /// A wallet whose account holds something.
    pub(crate) async fn funded(world: &World, units: u64) -> Self {
        let wallet = Self::new(&world.id());
        let reference = format!("{:032x}", rand::random::<u128>());
        world.mint().credit(wallet.key(), amount(units), reference).await.unwrap();
        wallet
    }

    pub(crate) fn key(&self) -> AccountKey {
        (&self.account).into()
    }

    pub(crate) fn payee(&self) -> PayeeKey {
        (&self.account).into()
    }

    /// Opens a session and blinds, under the next number.
    pub(crate) async fn draft(&mut self, world: &World, keyset: &Keyset, shape: Shape) -> Draft {
        let opened = world.mint().open_issuance(&OpenRequest { keyset: *keyset.id(), shape }).await.unwrap().opened;
        let number = self.next;
        self.next = number.next().unwrap();
        self.draft_as(keyset, shape, &opened, number)
    }

    /// Blinds for a given session under a given number.
    pub(crate) fn draft_as(
        &self,
        keyset: &Keyset,
        shape: Shape,
        opened: &OpenedSession,
        number: IssuanceNumber,
    ) -> Draft {
        let context = IssuanceContext { mint: keyset.terms().mint, keyset: *keyset.id(), number };
        let key = self.seed.issuance_key(&context);
        let issuance = (&key).into();
        let denominations = shape.outputs(keyset).unwrap();
        let outputs: Vec<Output> = (0..)
            .zip(denominations.iter().zip(&opened.commitments))
            .map(|(position, (denomination, commitment))| {
                let context = CoinContext { issuance: context, position, denomination: *denomination };
                let coin = *self.seed.coin_key(&context).public();
                let key = keyset.key(*denomination).unwrap();
                let (_, challenge) = AwaitingResponse::new(&self.seed, &context, key, coin, *commitment);
                Output { denomination: *denomination, commitment: *commitment, challenge }
            })
            .collect();
        let worth = Amount::checked_sum(denominations.iter().map(|d| d.value())).unwrap();
        let debit = if shape.is_swap() { worth } else { keyset.terms().fees.debit(worth).unwrap() };
        let field = self.seed.field_key(&context).encrypt(&mut rand::rng(), &issuance, &[0; FIELD_PLAINTEXT]);
        let terms = IssuanceTerms {
            mint: context.mint,
            keyset: context.keyset,
            shape,
            issuance,
            session: opened.session,
            amount: worth,
            debit,
            outputs,
            field,
        };
        Draft { terms, seal: opened.seal, key, context }
    }

    /// Unblinds what the mint recorded, and verifies every token.
    pub(crate) fn adopt(&self, keyset: &Keyset, draft: &Draft, record: &IssuanceRecord) -> Vec<Coin> {
        let mut waiting = Vec::new();
        let mut keys = Vec::new();
        for (position, recorded) in (0..).zip(&record.outputs) {
            let Output { denomination, commitment, challenge } = recorded.output;
            let context = CoinContext { issuance: draft.context, position, denomination };
            let coin = self.seed.coin_key(&context);
            let key = keyset.key(denomination).unwrap();
            let (state, c) = AwaitingResponse::new(&self.seed, &context, key, *coin.public(), commitment);
            assert_eq!(c, challenge, "the record answers other challenges");
            waiting.push((key, state));
            keys.push((denomination, coin));
        }
        let responses: Vec<_> = record.outputs.iter().map(|output| output.response).collect();
        let signatures = unblind_all(&mut rand::rng(), waiting, &responses).unwrap();
        keys.into_iter()
            .zip(signatures)
            .map(|((denomination, key), signature)| (Token { denomination, coin: *key.public(), signature }, key))
            .collect()
    }

    /// Withdraws from the account.
    pub(crate) async fn withdraw(&mut self, world: &World, shape: Shape) -> Result<Vec<Coin>, FinishError> {
        let keyset = world.keyset().await;
        let draft = self.draft(world, &keyset, shape).await;
        let request = draft.by_account(&self.account, operation());
        let record = world.mint().finish(request).await?;
        Ok(self.adopt(&keyset, &draft, &record))
    }

    pub(crate) async fn coins(&mut self, world: &World, units: u64) -> Vec<Coin> {
        self.withdraw(world, Shape::Withdrawal(amount(units))).await.unwrap()
    }

    /// Swaps coins of `inputs` for those of the last keyset.
    pub(crate) async fn swap(
        &mut self,
        world: &World,
        inputs: &Keyset,
        shape: Shape,
        coins: &[Coin],
    ) -> Result<Vec<Coin>, FinishError> {
        let keyset = world.keyset().await;
        let draft = self.draft(world, &keyset, shape).await;
        let record = world.mint().finish(draft.by_tokens(inputs, coins, world.now())).await?;
        Ok(self.adopt(&keyset, &draft, &record))
    }
}

impl Draft {
    pub(crate) fn by_account(&self, account: &Keypair, operation: OperationId) -> IssuanceRequest {
        self.request(self.account_funding(account, operation))
    }

    pub(crate) fn account_funding(&self, account: &Keypair, operation: OperationId) -> Funding {
        let key = AccountKey::from(account);
        let digest = self.terms.digest(&FundingSource::Account(key, operation).id());
        Funding::Account { account: key, operation, signature: account.sign(digest.as_bytes()) }
    }

    pub(crate) fn by_voucher(&self, voucher: &Keypair) -> IssuanceRequest {
        let key = VoucherKey::from(voucher);
        let digest = self.terms.digest(&FundingSource::Voucher(key).id());
        self.request(Funding::Voucher { voucher: key, signature: voucher.sign(digest.as_bytes()) })
    }

    pub(crate) fn by_tokens(&self, keyset: &Keyset, coins: &[Coin], at: UnixTime) -> IssuanceRequest {
        let payees = (self.terms.mint, self.terms.mint.as_payee());
        self.request(self.token_funding(keyset, coins, at, payees, self.terms.issuance.swap_request()))
    }

    pub(crate) fn token_funding(
        &self,
        keyset: &Keyset,
        coins: &[Coin],
        at: UnixTime,
        (mint, payee): (MintId, PayeeKey),
        request: RequestHash,
    ) -> Funding {
        let mut coins: Vec<&Coin> = coins.iter().collect();
        coins.sort_by_key(|(token, _)| (token.denomination, *token.coin.as_bytes()));
        let source = FundingSource::Tokens(*keyset.id(), coins.iter().map(|(token, _)| &token.coin).collect());
        let digest: IssuanceDigest = self.terms.digest(&source.id());
        let total = Amount::checked_sum(coins.iter().map(|(token, _)| token.value())).unwrap();
        let terms = PaymentTerms { kind: PaymentKind::Swap, mint, keyset: *keyset.id(), request, payee, amount: total };
        let tokens: Vec<_> = coins.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
        let binding = Binding::Issuance(&digest);
        Funding::Tokens(Box::new(Payment::authorize(&mut rand::rng(), terms, &tokens, binding, at).unwrap()))
    }

    pub(crate) fn request(&self, funding: Funding) -> IssuanceRequest {
        IssuanceRequest::sign(self.terms.clone(), self.seal, funding, &self.key).unwrap()
    }
}

/// A payment of kind `pay`, its coins in ascending order of value.
pub(crate) fn pay(keyset: &Keyset, coins: &[Coin], payee: PayeeKey, at: UnixTime) -> Payment {
    pay_for(keyset, coins, payee, at, RequestHash::from_bytes(rand::random()))
}

pub(crate) fn pay_for(keyset: &Keyset, coins: &[Coin], payee: PayeeKey, at: UnixTime, request: RequestHash) -> Payment {
    let total = Amount::checked_sum(coins.iter().map(|(token, _)| token.value())).unwrap();
    let mint = keyset.terms().mint;
    let terms = PaymentTerms { kind: PaymentKind::Pay, mint, keyset: *keyset.id(), request, payee, amount: total };
    let tokens: Vec<_> = coins.iter().map(|(token, key)| (*token, Witness::Coin(key))).collect();
    Payment::authorize(&mut rand::rng(), terms, &tokens, Binding::None, at).unwrap()
}

pub(crate) fn deposit(payment: Payment) -> Deposit {
    Deposit { payment, claim: claim() }
}

/// Finishes on its own task.
pub(crate) fn finish(
    mint: &Mint,
    request: &IssuanceRequest,
) -> tokio::task::JoinHandle<Result<IssuanceRecord, FinishError>> {
    let (mint, request) = (mint.clone(), request.clone());
    tokio::spawn(async move { mint.finish(request).await })
}
