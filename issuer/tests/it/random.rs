//! Any sequence of operations keeps the books right.

use farthing_issuer::{FinishError, MovementError};
use farthing_protocol::amount::Denomination;
use farthing_protocol::api::{Deposit, DepositOutcome};
use farthing_protocol::identity::{Keypair, VoucherKey};
use farthing_protocol::issuance::IssuanceRequest;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common::{World, amount, denomination};
use crate::wallet::{Coin, Wallet, deposit, operation, pay};

#[derive(Clone, Debug)]
enum Op {
    Credit(u64),
    PayOut(u64),
    Withdraw(u64),
    Bundle,
    Voucher(u64),
    Deposit(usize),
    DepositAgain,
    FinishAgain,
    Renew(usize),
    Split(usize),
    Merge,
    DoubleSpend,
    Forget(bool),
    Restart,
    Pass(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0..5000_u64).prop_map(Op::Credit),
        1 => (1..3000_u64).prop_map(Op::PayOut),
        4 => (1..700_u64).prop_map(Op::Withdraw),
        1 => Just(Op::Bundle),
        1 => (1..300_u64).prop_map(Op::Voucher),
        4 => (0..100_usize).prop_map(Op::Deposit),
        1 => Just(Op::DepositAgain),
        1 => Just(Op::FinishAgain),
        3 => (0..100_usize).prop_map(Op::Renew),
        3 => (0..100_usize).prop_map(Op::Split),
        2 => Just(Op::Merge),
        2 => Just(Op::DoubleSpend),
        2 => any::<bool>().prop_map(Op::Forget),
        1 => Just(Op::Restart),
        1 => (1..500_u64).prop_map(Op::Pass),
    ];
    proptest::collection::vec(op, 25)
}

/// What the test keeps itself, to compare.
struct Model {
    wallet: Wallet,
    shop: Wallet,
    keyset: Keyset,
    coins: Vec<Coin>,
    spent: Vec<Coin>,
    deposits: Vec<Deposit>,
    finished: Vec<IssuanceRequest>,
    funded: u64,
    paid_out: u64,
}

#[test]
fn any_sequence_of_operations_keeps_the_identity() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, max_shrink_iters: 40, ..Config::default() });
    runner
        .run(&ops(), |ops| {
            runtime.block_on(play(ops));
            Ok(())
        })
        .unwrap();
}

async fn play(ops: Vec<Op>) {
    let mut world = World::with_fees(7_000, 12_345).await;
    let id = world.id();
    let mut model = Model {
        wallet: Wallet::new(&id),
        shop: Wallet::new(&id),
        keyset: world.keyset().await,
        coins: Vec::new(),
        spent: Vec::new(),
        deposits: Vec::new(),
        finished: Vec::new(),
        funded: 0,
        paid_out: 0,
    };
    model.credit(&world, 3000).await;
    for op in ops {
        match op {
            Op::Restart => world.reopen().await,
            Op::Pass(seconds) => world.clock.pass(seconds),
            op => model.apply(&world, op).await,
        }
        model.compare(&world).await;
    }
}

impl Model {
    async fn credit(&mut self, world: &World, units: u64) {
        let reference = format!("{:x}", rand::random::<u128>());
        match world.mint().credit(self.wallet.key(), amount(units), reference).await {
            Ok(_) => self.funded += units,
            Err(error) => assert_eq!((error, units), (MovementError::Zero, 0)),
        }
    }

    async fn apply(&mut self, world: &World, op: Op) {
        match op {
            Op::Credit(units) => self.credit(world, units).await,
            Op::PayOut(units) => {
                let reference = format!("{:x}", rand::random::<u128>());
                match world.mint().books().pay_out(self.shop.key(), amount(units), reference).await {
                    Ok(_) => self.paid_out += units,
                    Err(error) => assert_eq!(error, MovementError::InsufficientFunds),
                }
            }
            Op::Withdraw(units) => self.withdraw(world, Shape::Withdrawal(amount(units))).await,
            Op::Bundle => self.withdraw(world, Shape::Bundle(0)).await,
            Op::Voucher(units) => self.voucher(world, units).await,
            Op::Deposit(which) => self.deposit(world, which).await,
            Op::DepositAgain => self.deposit_again(world).await,
            Op::FinishAgain => {
                if let Some(request) = self.finished.last() {
                    let record = world.mint().finish(request.clone()).await.unwrap();
                    assert_eq!(record.issuance, request.terms().issuance);
                }
            }
            Op::Renew(which) => {
                if let Some(coin) = self.take(which) {
                    self.swap(world, Shape::Renew(coin.0.value()), vec![coin]).await;
                }
            }
            Op::Split(which) => {
                if let Some(place) = self.coins.iter().position(|(token, _)| token.denomination.exponent() > 0) {
                    let coin = self.take(place + which % (self.coins.len() - place)).unwrap();
                    let shape = match coin.0.denomination.exponent() {
                        0 => Shape::Renew(coin.0.value()),
                        _ => Shape::Split(coin.0.denomination),
                    };
                    self.swap(world, shape, vec![coin]).await;
                }
            }
            Op::Merge => self.merge(world).await,
            Op::DoubleSpend => self.double_spend(world).await,
            Op::Forget(payer) => self.forget(world, payer).await,
            Op::Restart | Op::Pass(_) => {}
        }
    }

    fn take(&mut self, which: usize) -> Option<Coin> {
        if self.coins.is_empty() { None } else { Some(self.coins.remove(which % self.coins.len())) }
    }

    async fn withdraw(&mut self, world: &World, shape: Shape) {
        let draft = self.wallet.draft(world, &self.keyset, shape).await;
        let request = draft.by_account(&self.wallet.account, operation());
        match world.mint().finish(request.clone()).await {
            Ok(record) => {
                self.coins.extend(self.wallet.adopt(&self.keyset, &draft, &record));
                self.finished.push(request);
            }
            Err(error) => assert_eq!(error, FinishError::InsufficientFunds),
        }
    }

    async fn voucher(&mut self, world: &World, units: u64) {
        let voucher = Keypair::generate(&mut rand::rng());
        world.mint().books().create_voucher(VoucherKey::from(&voucher), amount(units)).await.unwrap();
        self.funded += units;
        if units.is_multiple_of(2) {
            let mut draft = self.wallet.draft(world, &self.keyset, Shape::Withdrawal(amount(units))).await;
            draft.terms.debit = draft.terms.amount;
            let request = draft.by_voucher(&voucher);
            let record = world.mint().finish(request.clone()).await.unwrap();
            self.coins.extend(self.wallet.adopt(&self.keyset, &draft, &record));
            self.finished.push(request);
        }
    }

    async fn deposit(&mut self, world: &World, which: usize) {
        if let Some(coin) = self.take(which) {
            let deposit = deposit(pay(&self.keyset, std::slice::from_ref(&coin), self.shop.payee(), world.now()));
            let outcome = world.mint().deposit(vec![deposit.clone()]).await.unwrap().remove(0);
            assert!(matches!(outcome, DepositOutcome::Accepted { .. }));
            self.deposits.push(deposit);
            self.spent.push(coin);
        }
    }

    async fn deposit_again(&mut self, world: &World) {
        if let Some(deposit) = self.deposits.last() {
            let outcome = world.mint().deposit(vec![deposit.clone()]).await.unwrap().remove(0);
            assert!(matches!(outcome, DepositOutcome::AlreadyAccepted { claim_matches: true, .. }));
        }
    }

    async fn swap(&mut self, world: &World, shape: Shape, coins: Vec<Coin>) {
        let draft = self.wallet.draft(world, &self.keyset, shape).await;
        let request = draft.by_tokens(&self.keyset, &coins, world.now());
        let record = world.mint().finish(request.clone()).await.unwrap();
        self.coins.extend(self.wallet.adopt(&self.keyset, &draft, &record));
        self.finished.push(request);
        self.spent.extend(coins);
    }

    async fn merge(&mut self, world: &World) {
        let pair = (0..Denomination::COUNT - 1).find_map(|d| {
            let equal: Vec<usize> =
                (0..self.coins.len()).filter(|&place| self.coins[place].0.denomination == denomination(d)).collect();
            (equal.len() > 1).then(|| (d, equal[0], equal[1]))
        });
        if let Some((d, first, second)) = pair {
            let coins = vec![self.coins.remove(second), self.coins.remove(first)];
            self.swap(world, Shape::Merge(denomination(d)), coins).await;
        }
    }

    async fn double_spend(&mut self, world: &World) {
        let Some(coin) = self.spent.last() else { return };
        let coins = std::slice::from_ref(coin);
        let payment = deposit(pay(&self.keyset, coins, self.wallet.payee(), world.now()));
        let outcome = world.mint().deposit(vec![payment]).await.unwrap().remove(0);
        assert!(matches!(outcome, DepositOutcome::DoubleSpend { .. }));
        let draft = self.wallet.draft(world, &self.keyset, Shape::Renew(coin.0.value())).await;
        let refused = world.mint().finish(draft.by_tokens(&self.keyset, coins, world.now())).await;
        assert!(matches!(refused, Err(FinishError::DoubleSpend(_) | FinishError::FundingUsed(_))));
    }

    /// Pays everything out that an account holds, and forgets it; it may be used again.
    async fn forget(&mut self, world: &World, payer: bool) {
        let account = if payer { self.wallet.key() } else { self.shop.key() };
        let held = world.balance(&account).await;
        if held > 0 {
            let reference = format!("{:x}", rand::random::<u128>());
            world.mint().books().pay_out(account, amount(held), reference).await.unwrap();
            self.paid_out += held;
        }
        world.mint().books().forget(account).await.unwrap();
    }

    /// The books are right, and say what the test knows.
    async fn compare(&self, world: &World) {
        let books = world.audit().await.units.remove(0);
        let out: u64 = self.coins.iter().map(|(token, _)| token.value().units()).sum();
        assert_eq!(books.issued.units() - books.redeemed.units(), out);
        assert_eq!((books.funded.units(), books.paid_out.units()), (self.funded, self.paid_out));
        let held = books.balances.units() + books.fees.units() + books.vouchers.units();
        assert_eq!(self.funded - self.paid_out, held + out);
        let accounts = world.balance(&self.wallet.key()).await + world.balance(&self.shop.key()).await;
        assert_eq!(books.balances.units(), accounts);
    }
}
