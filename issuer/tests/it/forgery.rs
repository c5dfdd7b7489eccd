//! Forged tokens: more would be redeemed of a keyset than was issued. The mint stops issuing, and goes on when the keyset is revoked or the
//! administrator says so, and not before.

use std::collections::BTreeSet;

use farthing_http::client::CallError;
use farthing_http::problem::Code;
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{DismissForgeryAnswer, DismissForgeryRequest, path};
use farthing_issuer::{
    Alarm, Authority, Figure, FinishError, KeysetState, LedgerError, OpenError, RotationError, Who, run,
};
use farthing_protocol::api::{DepositOutcome, OpenRequest};
use farthing_protocol::ids::KeysetId;
use farthing_protocol::keyset::Keyset;
use farthing_protocol::shape::Shape;

use crate::authenticator::Authenticator;
use crate::common::{Fault, World, amount};
use crate::rotation::{WINDOWS, deposited, go_to};
use crate::wallet::{Coin, Wallet, deposit, pay};

/// A mint that has issued seven, of which a thief with its keys has paid himself four. He has seven more; the honest wallet, 93 and its coins.
struct Scene {
    world: World,
    wallet: Wallet,
    coins: Vec<Coin>,
    thief: Wallet,
    forged: Vec<Coin>,
    keyset: Keyset,
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::with(|options| options.windows = WINDOWS).await;
        let mut wallet = Wallet::funded(&world, 100).await;
        let keyset = world.keyset().await;
        let coins = wallet.coins(&world, 7).await;
        let stolen = world.stolen().await;
        let mut thief = Wallet::funded(&stolen, 100).await;
        let (four, forged) = (thief.coins(&stolen, 4).await, thief.coins(&stolen, 7).await);
        let scene = Self { world, wallet, coins, thief, forged, keyset };
        assert!(matches!(scene.deposit(&four).await, DepositOutcome::Accepted { .. }));
        scene
    }

    /// The thief pays himself.
    async fn deposit(&self, coins: &[Coin]) -> DepositOutcome {
        let Self { world, thief, keyset, .. } = self;
        deposited(world, vec![deposit(pay(keyset, coins, thief.payee(), world.now()))]).await
    }

    async fn forge(&self) {
        assert_eq!(self.deposit(&self.forged).await, DepositOutcome::Unavailable {});
    }

    async fn opened(&self, keyset: KeysetId, shape: Shape) -> Result<(), OpenError> {
        self.world.mint().open_issuance(&OpenRequest { keyset, shape }).await.map(drop)
    }

    async fn assert_stopped(&self) {
        for shape in [Shape::Withdrawal(amount(1)), Shape::Renew(amount(7))] {
            assert_eq!(self.opened(*self.keyset.id(), shape).await, Err(OpenError::Forged));
        }
        assert!(self.world.mint().alarms().contains(&Alarm::KeysetForged));
    }

    async fn acts(&self) -> Vec<(Who, String)> {
        let report = self.world.mint().books().journal(None, 100).await.unwrap();
        let acts = report.entries.into_iter().rev().map(|entry| (entry.who, entry.act));
        acts.filter(|(_, act)| act.contains("forge")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audit_and_no_restart_lets_a_forged_keyset_issue_again() {
    let mut scene = Scene::new().await;
    scene.world.audit().await;
    assert!(scene.world.mint().alarms().is_empty());
    assert_eq!(scene.world.mint().keysets()[0].forged_at, None);
    scene.world.clock.pass(10);
    let at = scene.world.now();
    scene.forge().await;
    for _ in 0..2 {
        scene.assert_stopped().await;
        // The figures are right, and all the same it is told.
        assert_eq!(scene.world.differing().await, [Figure::Outstanding]);
        scene.assert_stopped().await;
        assert_eq!(scene.world.mint().alarms(), [Alarm::KeysetForged]);
        assert_eq!(scene.world.mint().keysets()[0].forged_at, Some(at));
        scene.world.clock.pass(10);
        scene.world.reopen().await;
        // Again, and it is not noted again.
        scene.forge().await;
    }
    assert_eq!(scene.acts().await, [(Who::Mint, "keyset_forged".to_owned())]);
    // What is left for honest tokens can be had.
    let shop = Wallet::new(&scene.world.id());
    let two = &scene.coins[1..2];
    let paid = deposit(pay(&scene.keyset, two, shop.payee(), scene.world.now()));
    assert!(matches!(deposited(&scene.world, vec![paid]).await, DepositOutcome::Accepted { .. }));

    scene.world.mint().revoke(*scene.keyset.id()).await.unwrap();
    assert_eq!(scene.world.mint().alarms(), [Alarm::NoKeyset]);
    let next = scene.world.mint().new_keyset().await.unwrap();
    assert_eq!(scene.opened(next, Shape::Withdrawal(amount(1))).await, Ok(()));
    scene.world.audit().await;
    scene.world.reopen().await;
    assert!(scene.world.mint().alarms().is_empty());
    scene.wallet.withdraw(&scene.world, Shape::Withdrawal(amount(1))).await.unwrap();
    scene.world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_of_forged_tokens_is_noticed_as_a_deposit_is() {
    let mut scene = Scene::new().await;
    let swapped = scene.thief.swap(&scene.world, &scene.keyset, Shape::Renew(amount(7)), &scene.forged).await;
    let error = FinishError::Ledger(LedgerError::Forged { keyset: *scene.keyset.id(), redeemed: amount(11) });
    assert_eq!(swapped.map(drop), Err(error));
    scene.assert_stopped().await;
    scene.world.reopen().await;
    scene.assert_stopped().await;
    assert_eq!(scene.world.differing().await, [Figure::Outstanding]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_at_once_even_if_that_cannot_be_noted() {
    let scene = Scene::new().await;
    // The refused deposit writes nothing, so that the mark is what fails.
    scene.world.fail_next(Fault::NotPersisted);
    scene.forge().await;
    scene.assert_stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_alone_says_that_it_means_nothing() {
    let scene = Scene::new().await;
    let (mint, keyset) = (scene.world.mint(), *scene.keyset.id());
    let books = mint.books();
    let authenticator = Authenticator::new(books.draw_administrator(Authority::local()).await.unwrap());
    books.confirm_administrator(authenticator.first(scene.world.now())).await.unwrap();
    scene.world.clock.pass(30);
    scene.forge().await;
    let running = run(mint.clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let socket = scene.world.home.control_socket();
    let dismiss = async |client: UnixClient| {
        client.post_json::<_, DismissForgeryAnswer>(path::DISMISS_FORGERY, &DismissForgeryRequest { keyset }).await
    };
    match dismiss(UnixClient::new(&socket).unwrap()).await {
        Err(CallError::Refused(problem, _)) => assert_eq!(problem.known(), Some(Code::SecondFactorRequired)),
        other => panic!("{other:?}"),
    }
    scene.assert_stopped().await;
    let code = authenticator.code(scene.world.now()).to_text();
    let answer = dismiss(UnixClient::with_header(&socket, farthing_issuer::control::CODE_HEADER, &code).unwrap()).await;
    assert!(answer.unwrap().dismissed);
    assert_eq!(scene.opened(keyset, Shape::Withdrawal(amount(1))).await, Ok(()));
    assert!(mint.alarms().is_empty() && mint.keysets()[0].forged_at.is_none());
    scene.world.audit().await;
    running.stop().await.unwrap();
    // He was wrong.
    scene.forge().await;
    scene.assert_stopped().await;
    let expected =
        [(Who::Mint, "keyset_forged"), (Who::Administrator, "forgery_dismissed"), (Who::Mint, "keyset_forged")];
    assert_eq!(scene.acts().await, expected.map(|(who, act)| (who, act.to_owned())));
    scene.world.clock.pass(30);
    let authority = books.prove(Some(authenticator.code(scene.world.now()))).await.unwrap();
    let elsewhere = *World::new().await.keyset().await.id();
    assert!(!books.dismiss_forgery(authority, elsewhere).await.unwrap());
    scene.assert_stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_keyset_is_not_buried() {
    let scene = Scene::new().await;
    scene.forge().await;
    go_to(&scene.world, scene.keyset.terms().deposit_until);
    assert!(matches!(scene.world.mint().rotate().await, Err(RotationError::Forged)));
    let states: BTreeSet<bool> =
        scene.world.mint().keysets().iter().map(|keyset| keyset.state == KeysetState::Buried).collect();
    assert_eq!(states, [false].into());
    assert!(scene.world.mint().books().dismiss_forgery(Authority::local(), *scene.keyset.id()).await.unwrap());
    assert_eq!(scene.world.mint().rotate().await.unwrap().buried, [*scene.keyset.id()]);
    scene.world.audit().await;
}
