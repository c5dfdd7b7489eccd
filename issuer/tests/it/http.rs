//! The mint as wallets, merchants and its operator meet it.

use farthing_http::client::{BaseUrl, CallError, HttpClient};
use farthing_http::problem::{Code, EARLIER_PAYMENT_ID, WINNER};
use farthing_http::unix_client::UnixClient;
use farthing_issuer::control::{
    KeysetsReport, MoneyAnswer, MoneyRequest, NewKeysetAnswer, NewKeysetRequest, RevokeRequest, path,
};
use farthing_issuer::{AuditReport, RunningMint, run};
use farthing_protocol::api::{
    AccountAnswer, AccountQuery, AccountRequest, DepositAnswer, DepositOutcome, DepositRequest, FinishAnswer,
    FinishRequest, KeysetsAnswer, OpenAnswer, OpenRequest, mint_path,
};
use farthing_protocol::derive::IssuanceNumber;
use farthing_protocol::keyset::{Bundle, Keyset};
use farthing_protocol::shape::Shape;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::common::{World, amount, denomination};
use crate::wallet::{Draft, Wallet, deposit, operation, pay};

struct Served {
    world: World,
    running: RunningMint,
    client: HttpClient,
    base: BaseUrl,
    control: UnixClient,
}

impl Served {
    async fn new(world: World) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let running = run(world.mint().clone(), address, std::future::pending()).await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", running.local_addr)).unwrap();
        let client = HttpClient::builder().build().unwrap();
        let control = UnixClient::new(world.home.control_socket()).unwrap();
        Self { world, running, client, base, control }
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CallError> {
        self.client.post_json(&self.base.join(path).unwrap(), body).await
    }

    async fn refused(&self, path: &str, body: &impl Serialize) -> Code {
        match self.post::<Value>(path, body).await {
            Err(CallError::Refused(problem, _)) => {
                let code = problem.known().unwrap();
                let described = farthing_issuer::public_document();
                if described.operations().contains(&(path.to_owned(), "POST".to_owned())) {
                    let told = described.codes("POST", path).contains(&code.as_str().to_owned());
                    assert!(told, "{path} is not said to refuse with {code}");
                }
                code
            }
            other => panic!("{other:?}"),
        }
    }

    async fn draft(&self, wallet: &Wallet, keyset: &Keyset, shape: Shape, number: u64) -> Draft {
        let request = OpenRequest { keyset: *keyset.id(), shape };
        let answer: OpenAnswer = self.post(mint_path::OPEN, &request).await.unwrap();
        wallet.draft_as(keyset, shape, &answer.opened, IssuanceNumber::new(number))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn withdraw_swap_pay_and_deposit() {
    let served = Served::new(World::new().await).await;
    let world = &served.world;
    let mut wallet = Wallet::new(&world.id());
    let shop = Wallet::new(&world.id());
    let credit = MoneyRequest { account: wallet.key(), amount: amount(1000), reference: "bank 1".to_owned() };
    for known in [false, true] {
        let answer: MoneyAnswer = served.control.post_json(path::CREDIT, &credit).await.unwrap();
        assert_eq!(answer, MoneyAnswer { balance: amount(1000), known });
    }
    let answer: KeysetsAnswer = served.client.get_json(&served.base.join(mint_path::KEYSETS).unwrap()).await.unwrap();
    let keyset = answer.keysets[0].clone().verify().unwrap();

    let draft = served.draft(&wallet, &keyset, Shape::Withdrawal(amount(37)), 900).await;
    let request = FinishRequest { request: draft.by_account(&wallet.account, operation()) };
    let first: FinishAnswer = served.post(mint_path::FINISH, &request).await.unwrap();
    let again: FinishAnswer = served.post(mint_path::FINISH, &request).await.unwrap();
    assert_eq!(first.record, again.record);
    let coins = wallet.adopt(&keyset, &draft, &first.record);
    let coins = wallet.swap(world, &keyset, Shape::Renew(amount(37)), &coins).await.unwrap();

    let deposits = vec![deposit(pay(&keyset, &coins, shop.payee(), world.now()))];
    let answer: DepositAnswer = served.post(mint_path::DEPOSIT, &DepositRequest { deposits }).await.unwrap();
    assert!(matches!(answer.outcomes[..], [DepositOutcome::Accepted { .. }]));
    let query = AccountRequest { query: AccountQuery::sign(&shop.account, world.id(), world.now()) };
    let answer: AccountAnswer = served.post(mint_path::ACCOUNT, &query).await.unwrap();
    assert_eq!(answer.balances[0].balance, amount(37));

    let account: AccountAnswer = served.control.get_json(&path::account(&wallet.key())).await.unwrap();
    assert_eq!(account.balances[0].balance, amount(963));
    let out = MoneyRequest { account: shop.key(), amount: amount(30), reference: "bank 2".to_owned() };
    let answer: MoneyAnswer = served.control.post_json(path::PAY_OUT, &out).await.unwrap();
    assert_eq!(answer.balance, amount(7));
    let report: AuditReport = served.control.get_json(path::AUDIT).await.unwrap();
    assert!(report.is_right());
    assert_eq!((report.units[0].funded, report.units[0].paid_out), (amount(1000), amount(30)));
    let health: Value = served.client.get_json(&served.base.join("/health").unwrap()).await.unwrap();
    assert_eq!(health, json!({ "ok": true }));
    served.running.stop().await.unwrap();
    assert!(!served.world.home.control_socket().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_stable_codes() {
    let served = Served::new(World::new().await).await;
    let world = &served.world;
    let mut wallet = Wallet::funded(world, 1000).await;
    let keyset = world.keyset().await;
    let shape = Shape::Withdrawal(amount(5));
    let good = OpenRequest { keyset: *keyset.id(), shape };
    let mut unknown = good.clone();
    unknown.keyset = farthing_protocol::ids::KeysetId::from_bytes([1; 32]);
    assert_eq!(served.refused(mint_path::OPEN, &unknown).await, Code::UnknownKeyset);
    let zero = OpenRequest { shape: Shape::Withdrawal(amount(0)), ..good.clone() };
    assert_eq!(served.refused(mint_path::OPEN, &zero).await, Code::AmountOutOfRange);
    let bundle = OpenRequest { shape: Shape::Bundle(99), ..good.clone() };
    assert_eq!(served.refused(mint_path::OPEN, &bundle).await, Code::InvalidShape);
    let open = serde_json::to_value(&good).unwrap();
    let with = |name: &str, value: Value| {
        let mut body = open.clone();
        body[name] = value;
        body
    };
    assert_eq!(served.refused(mint_path::OPEN, &with("shape", json!("AQ"))).await, Code::MalformedObject);
    assert_eq!(served.refused(mint_path::OPEN, &with("keyset", json!("!"))).await, Code::MalformedObject);
    assert_eq!(served.refused(mint_path::OPEN, &with("more", json!(1))).await, Code::UnknownField);
    assert_eq!(served.refused(mint_path::OPEN, &json!({})).await, Code::BadRequest);
    assert_eq!(served.refused(mint_path::FINISH, &json!({ "request": "AAAA" })).await, Code::MalformedObject);
    assert_eq!(served.refused(mint_path::DEPOSIT, &json!({ "deposits": [] })).await, Code::InvalidShape);
    let malformed = json!({ "deposits": [{ "payment": "AQ", "claim": "AQ" }] });
    assert_eq!(served.refused(mint_path::DEPOSIT, &malformed).await, Code::MalformedObject);
    let old = AccountQuery::sign(&wallet.account, world.id(), world.now().minus(301));
    assert_eq!(served.refused(mint_path::ACCOUNT, &AccountRequest { query: old }).await, Code::RequestExpired);
    let elsewhere =
        AccountQuery::sign(&wallet.account, farthing_protocol::identity::MintId::from_bytes([2; 32]), world.now());
    assert_eq!(served.refused(mint_path::ACCOUNT, &AccountRequest { query: elsewhere }).await, Code::InvalidSignature);
    assert_eq!(served.refused("/v1/nothing", &json!({})).await, Code::NotFound);
    assert_eq!(served.refused(path::CREDIT, &json!({})).await, Code::NotFound, "the operator's paths are not public");

    let finish = |draft: &Draft, wallet: &Wallet, operation| FinishRequest {
        request: draft.by_account(&wallet.account, operation),
    };
    let operation = operation();
    let draft = wallet.draft(world, &keyset, shape).await;
    let record: FinishAnswer = served.post(mint_path::FINISH, &finish(&draft, &wallet, operation)).await.unwrap();
    let next = wallet.draft(world, &keyset, shape).await;
    match served.post::<Value>(mint_path::FINISH, &finish(&next, &wallet, operation)).await {
        Err(CallError::Refused(problem, 409)) => {
            assert_eq!(problem.known(), Some(Code::FundingUsed));
            assert_eq!(problem.extension(WINNER), Some(record.record.issuance.to_text().as_str()));
        }
        other => panic!("{other:?}"),
    }
    let poor = wallet.draft(world, &keyset, Shape::Withdrawal(amount(5000))).await;
    let code = served.refused(mint_path::FINISH, &finish(&poor, &wallet, crate::wallet::operation())).await;
    assert_eq!(code, Code::InsufficientFunds);
    let code = served.refused(mint_path::FINISH, &finish(&poor, &wallet, crate::wallet::operation())).await;
    assert_eq!(code, Code::SessionGone);

    let coins = wallet.coins(world, 4).await;
    let paid = deposit(pay(&keyset, &coins, wallet.payee(), world.now()));
    world.mint().deposit(vec![paid.clone()]).await.unwrap();
    let swap = wallet.draft(world, &keyset, Shape::Split(denomination(2))).await;
    let swap = FinishRequest { request: swap.by_tokens(&keyset, &coins, world.now()) };
    match served.post::<Value>(mint_path::FINISH, &swap).await {
        Err(CallError::Refused(problem, 409)) => {
            assert_eq!(problem.known(), Some(Code::DoubleSpend));
            assert_eq!(problem.extension(EARLIER_PAYMENT_ID), Some(paid.payment.id().to_text().as_str()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_requests_fit() {
    let world = World::with(|options| {
        let count = |d: u8| (denomination(d), 8);
        options.bundles = vec![Bundle::new((0..32).map(count).collect()).unwrap()];
    })
    .await;
    let served = Served::new(world).await;
    let world = &served.world;
    let wallet = Wallet::funded(world, 1 << 40).await;
    let keyset = world.keyset().await;
    let draft = served.draft(&wallet, &keyset, Shape::Bundle(0), 0).await;
    assert_eq!(draft.terms.outputs.len(), 256);
    let request = FinishRequest { request: draft.by_account(&wallet.account, operation()) };
    let answer: FinishAnswer = served.post(mint_path::FINISH, &request).await.unwrap();
    let mut coins = wallet.adopt(&keyset, &draft, &answer.record);
    // 8 payments of 32 tokens each, and 56 that are refused: 64 of the largest that there are.
    coins.sort_by_key(|(token, _)| token.coin);
    let mut deposits = Vec::new();
    for part in 0..8 {
        let mut own = Vec::new();
        for d in 0..32 {
            let place = coins.iter().position(|(token, _)| token.denomination == denomination(d)).unwrap();
            own.push(coins.remove(place));
        }
        for _ in 0..8 {
            deposits.push(deposit(pay(&keyset, &own, wallet.payee(), world.now().plus(part))));
        }
    }
    let answer: DepositAnswer = served.post(mint_path::DEPOSIT, &DepositRequest { deposits }).await.unwrap();
    let accepted = answer.outcomes.iter().filter(|outcome| matches!(outcome, DepositOutcome::Accepted { .. }));
    assert_eq!((answer.outcomes.len(), accepted.count()), (64, 8));
    let full = "A".repeat(2 << 20);
    assert_eq!(served.refused(mint_path::FINISH, &json!({ "request": full })).await, Code::BodyTooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_who_hangs_up_cancels_nothing() {
    let served = Served::new(World::new().await).await;
    let world = &served.world;
    let mut wallet = Wallet::funded(world, 1000).await;
    let keyset = world.keyset().await;
    let mut expected = 1000;
    for _ in 0..10 {
        let draft = wallet.draft(world, &keyset, Shape::Withdrawal(amount(5))).await;
        let request = draft.by_account(&wallet.account, operation());
        let body = serde_json::to_string(&FinishRequest { request: request.clone() }).unwrap();
        let mut stream = tokio::net::TcpStream::connect(served.running.local_addr).await.unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: mint\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            mint_path::FINISH,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        drop(stream);
        // Whether or not the mint had begun, asking again brings the record, and one debit.
        let record = world.mint().finish(request).await.unwrap();
        wallet.adopt(&keyset, &draft, &record);
        expected -= 5;
        assert_eq!(world.balance(&wallet.key()).await, expected);
    }
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_makes_and_revokes_keysets() {
    let served = Served::new(World::new().await).await;
    let made: NewKeysetAnswer = served.control.post_json(path::NEW_KEYSET, &NewKeysetRequest {}).await.unwrap();
    let report: KeysetsReport = served.control.get_json(path::KEYSETS).await.unwrap();
    assert_eq!(report.keysets.len(), 2);
    assert_eq!((report.keysets[1].keyset, report.keysets[1].sequence), (made.keyset, 1));
    let revoke = RevokeRequest { keyset: made.keyset, leaked_since: None, claims_seconds: None };
    let _answer: Value = served.control.post_json(path::REVOKE, &revoke).await.unwrap();
    let unknown = farthing_protocol::ids::KeysetId::from_bytes([1; 32]);
    let unknown = RevokeRequest { keyset: unknown, leaked_since: None, claims_seconds: None };
    let refused = served.control.post_json::<_, Value>(path::REVOKE, &unknown).await;
    assert!(matches!(refused, Err(CallError::Refused(problem, 422)) if problem.known() == Some(Code::UnknownKeyset)));
    let zero = json!({ "account": Wallet::new(&served.world.id()).key(), "amount": "0", "reference": "x" });
    let refused = served.control.post_json::<_, Value>(path::CREDIT, &zero).await;
    assert!(
        matches!(refused, Err(CallError::Refused(problem, 422)) if problem.known() == Some(Code::AmountOutOfRange))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_cannot_be_had_is_told_at_once() {
    let world = World::new().await;
    std::fs::write(world.home.control_socket(), "not a socket").unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    assert!(run(world.mint().clone(), address, std::future::pending()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_its_shutdown_does() {
    let world = World::new().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let running = run(world.mint().clone(), "127.0.0.1:0".parse().unwrap(), shutdown).await.unwrap();
    let address = running.local_addr;
    tokio::net::TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    running.wait().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
