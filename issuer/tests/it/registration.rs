//! Mints whose operator opens accounts: nothing comes into others by anybody else's doing, and nothing is kept from leaving.

use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{RegisteredReport, RegistrationAnswer, RegistrationRequest, path};
use farthing_issuer::{Authority, MintHome, PayoutError, QuoteError, run};
use farthing_protocol::api::{DepositOutcome, PayoutDraft, PayoutState, QuoteAnswer, QuoteDraft};
use farthing_protocol::shape::Shape;

use crate::common::{World, amount};
use crate::payouts::payout;
use crate::wallet::{Wallet, deposit, operation, pay};

/// A mint with accounts for whoever has a key, in which two wallets hold something, and that is then closed.
async fn closed() -> (World, [Wallet; 2]) {
    let mut world = World::new().await;
    let wallets = [Wallet::funded(&world, 1000).await, Wallet::funded(&world, 1000).await];
    set(&mut world, "closed").await;
    (world, wallets)
}

async fn set(world: &mut World, registration: &str) {
    world.configure(|text| {
        let text = text.replace("registration = \"open\"", &format!("registration = \"{registration}\""));
        text.replace("[funding]\n", "[funding]\npayment = \"name {quote}\"\n")
    });
    world.reopen().await;
}

async fn open(world: &World, wallet: &Wallet) -> bool {
    world.mint().books().open_account(Authority::local(), wallet.key()).await.unwrap()
}

async fn close(world: &World, wallet: &Wallet) -> bool {
    world.mint().books().close_account(Authority::local(), wallet.key()).await.unwrap()
}

async fn quote(world: &World, wallet: &Wallet) -> Result<QuoteAnswer, QuoteError> {
    let draft = QuoteDraft {
        account: wallet.key(),
        mint: world.id(),
        operation: operation(),
        amount: amount(5),
        unit: world.home.unit().clone(),
        requested_at: world.now(),
    };
    world.mint().books().request_quote(&draft.sign(&wallet.account).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_to_an_account_that_was_not_opened_takes_nothing() {
    let (mut world, [mut ann, _]) = closed().await;
    let keyset = world.keyset().await;
    let (shop, elsewhere) = (Wallet::new(&world.id()), Wallet::new(&world.id()));
    let coins = ann.coins(&world, 37).await;
    let asked = deposit(pay(&keyset, &coins, shop.payee(), world.now()));
    let refused = DepositOutcome::Refused { code: "unknown_account".to_owned() };
    for _ in 0..2 {
        assert_eq!(world.mint().deposit(vec![asked.clone()]).await.unwrap(), std::slice::from_ref(&refused));
        world.reopen().await;
    }
    assert_eq!(world.balance(&shop.key()).await, 0);
    // The tokens are as good as before, for another payee, or for the same.
    assert!(!open(&world, &elsewhere).await);
    let other = deposit(pay(&keyset, &coins[..1], elsewhere.payee(), world.now()));
    let outcomes = world.mint().deposit(vec![other]).await.unwrap();
    assert!(matches!(outcomes[..], [DepositOutcome::Accepted { .. }]), "{outcomes:?}");
    assert!(!open(&world, &shop).await && open(&world, &shop).await);
    let rest = deposit(pay(&keyset, &coins[1..], shop.payee(), world.now()));
    let outcomes = world.mint().deposit(vec![rest.clone()]).await.unwrap();
    assert!(matches!(outcomes[..], [DepositOutcome::Accepted { .. }]), "{outcomes:?}");
    // What was accepted stays so when the account is closed.
    assert!(close(&world, &shop).await && !close(&world, &shop).await);
    let known = world.mint().deposit(vec![rest]).await.unwrap();
    assert!(matches!(known[..], [DepositOutcome::AlreadyAccepted { claim_matches: true, .. }]), "{known:?}");
    assert_eq!(world.balance(&shop.key()).await + world.balance(&elsewhere.key()).await, 37);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_holds_may_leave_and_nothing_comes_from_another() {
    let (world, [mut ann, bob]) = closed().await;
    let stranger = Wallet::new(&world.id());
    let transfer = |to: &Wallet| {
        let draft = PayoutDraft { to: Some(to.key()), ..payout(&world, &bob.account, 100).draft().clone() };
        draft.sign(&bob.account).unwrap()
    };
    let to_stranger = transfer(&stranger);
    let asked = async |request| world.mint().books().request_payout(request).await.map(|answer| answer.state);
    assert_eq!(asked(&to_stranger).await, Err(PayoutError::NotRegistered));
    assert_eq!(world.balance(&bob.key()).await, 1000);
    // The same request is taken when the account is open.
    open(&world, &stranger).await;
    assert_eq!(asked(&to_stranger).await, Ok(PayoutState::Paid));
    assert_eq!(asked(&payout(&world, &bob.account, 200)).await, Ok(PayoutState::Pending));
    ann.withdraw(&world, Shape::Withdrawal(amount(300))).await.unwrap();
    // The operator's own credits are his own.
    world.mint().credit(ann.key(), amount(7), "till 7").await.unwrap();
    let balances = [world.balance(&ann.key()).await, world.balance(&bob.key()).await];
    assert_eq!((balances, world.balance(&stranger.key()).await), ([707, 700], 100));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_are_for_accounts_that_are_open_and_money_for_a_closed_one_is_held() {
    let (mut world, [ann, _]) = closed().await;
    assert_eq!(quote(&world, &ann).await.map(drop), Err(QuoteError::NotRegistered));
    open(&world, &ann).await;
    let name = quote(&world, &ann).await.unwrap().quote.to_text();
    let receive = async |world: &World, id: &str| {
        let (view, known) = world.mint().books().receive(id, name.clone(), amount(5)).await.unwrap();
        (serde_json::to_value(view.state).unwrap(), known)
    };
    assert_eq!(receive(&world, "p1").await, ("credited".into(), false));
    close(&world, &ann).await;
    assert_eq!(receive(&world, "p2").await, ("held".into(), false));
    assert_eq!(receive(&world, "p1").await, ("credited".into(), true));
    // The operator sees it, and says whose it is.
    world.mint().books().assign_income(1, ann.key()).await.unwrap();
    assert_eq!(world.balance(&ann.key()).await, 1010);
    // Where whoever has a key has an account, nothing of this counts.
    world.configure(|text| text.replace("registration = \"closed\"", "registration = \"open\""));
    world.reopen().await;
    quote(&world, &ann).await.unwrap();
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_opens_accounts_at_the_control_socket_and_the_journal_says_so() {
    let (world, [ann, bob]) = closed().await;
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await.unwrap();
    let client = UnixClient::new(world.home.control_socket()).unwrap();
    let say = async |path, wallet: &Wallet| {
        let answer: RegistrationAnswer =
            client.post_json(path, &RegistrationRequest { account: wallet.key() }).await.unwrap();
        assert!(answer.counts);
        answer.was_open
    };
    assert!(!say(path::OPEN_ACCOUNT, &ann).await && say(path::OPEN_ACCOUNT, &ann).await);
    assert!(!say(path::OPEN_ACCOUNT, &bob).await);
    let report: RegisteredReport = client.get_json_with(path::REGISTERED, &[("limit", "1")]).await.unwrap();
    let first = report.accounts[0].account;
    let rest: RegisteredReport = client.get_json_with(path::REGISTERED, &[("after", &first.to_text())]).await.unwrap();
    let mut listed = vec![first, rest.accounts[0].account];
    let mut expected = vec![ann.key(), bob.key()];
    for keys in [&mut listed, &mut expected] {
        keys.sort_by_key(|key| *key.as_bytes());
    }
    assert_eq!((report.accounts.len(), rest.accounts.len(), listed), (1, 1, expected));
    assert!(say(path::CLOSE_ACCOUNT, &bob).await && !say(path::CLOSE_ACCOUNT, &bob).await);
    running.stop().await.unwrap();
    let journal = world.mint().books().journal(None, 10).await.unwrap().entries;
    let acts: Vec<&str> = journal.iter().map(|entry| entry.act.as_str()).take(3).collect();
    assert_eq!(acts, ["account_closed", "account_opened", "account_opened"]);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_toml_that_says_something_else_is_refused() {
    let mut world = World::new().await;
    assert!(!world.mint().books().registers());
    world.close();
    let file = world.home.folder().join("mint.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("registration = \"open\"", "registration = \"shut\"")).unwrap();
    assert!(MintHome::open(world.home.folder()).is_err());
}
