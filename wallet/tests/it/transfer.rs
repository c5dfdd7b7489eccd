//! Money between two wallets, honest and not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use farthing_http::problem::Code;
use farthing_protocol::api::mint_path;
use farthing_protocol::codec::Wire;
use farthing_protocol::request::TransferRequest;
use farthing_protocol::text::TextForm;
use farthing_protocol::token::{TextToken, TextTokenContent};
use farthing_wallet::{
    Ask, AskError, IssueError, Outcome, PayError, ReceiveError, Received, RefreshLimits, ResumeError, Resumption,
    SendError, Sent, SentState, StoreError, SwapWhat, UpkeepKind, Wallet, WordCount, Words, Work,
};
use tempfile::TempDir;

use crate::double::{DAY, amount, unit};
use crate::http::Fault;
use crate::world::{World, protection};

/// A second person, who has nothing yet.
struct Other {
    folder: TempDir,
}

impl Other {
    async fn new(world: &World) -> (Self, Wallet) {
        let other = Self { folder: tempfile::tempdir().unwrap() };
        let words = Words::generate(&mut rand::rng(), WordCount::Twelve).unwrap();
        let wallet = Wallet::create(other.folder.path(), &words, protection(), world.options()).await.unwrap();
        let view = wallet.add_mint(&world.url).await.unwrap();
        wallet.pin_mint(&view.id).await.unwrap();
        (other, wallet)
    }
}

fn token(sent: &Sent) -> TextToken {
    TextToken::from_text(sent.text.as_str()).unwrap()
}

async fn send(world: &World, wallet: &Wallet, units: u64) -> Sent {
    wallet.send(&world.double.id(), &unit(), amount(units), Some("for tea".to_owned())).await.unwrap()
}

fn ask(units: u64) -> Ask {
    Ask { amount: amount(units), unit: unit(), mint: None, memo: Some("rent".to_owned()), expires_in: 3600 }
}

/// Both wallets, the accounts and the fees make up what there was, and nothing is under way.
async fn assert_together(world: &World, wallets: [&Wallet; 2], fees: u64) {
    let mut sum = 0;
    for wallet in wallets {
        assert_eq!(wallet.operations().await.unwrap(), []);
        let (available, reserved) = world.balance(wallet).await;
        assert_eq!(reserved, 0);
        sum += available;
    }
    let (accounts, paid) = world.double.held();
    assert_eq!(sum + accounts + paid + fees, 10_000);
    assert_eq!(world.double.with(|state| state.violations), 0);
}

#[tokio::test]
async fn what_is_sent_is_received_once() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let sent = send(&world, &alice, 37).await;
    assert_eq!((sent.swaps, sent.locked_to, sent.again), (1, None, false));
    assert!(!format!("{sent:?}").contains("farthingtoken"));
    let balance = alice.balance().await.unwrap().remove(0);
    assert_eq!((balance.available, balance.sent, balance.reserved), (amount(27), amount(37), amount(0)));
    assert_eq!(alice.sent(false).await.unwrap()[0].state, SentState::Out);
    // It waits for somebody else: there is nothing to go on with.
    assert_eq!(alice.resume().await.unwrap().len(), 0);
    assert_eq!(alice.sent_text(sent.op).await.unwrap().text.as_str(), sent.text.as_str());

    let Received { amount: arrived, held, memo, locked, op, .. } = bob.receive(token(&sent)).await.unwrap();
    assert_eq!((arrived, held, memo.as_deref(), locked), (amount(37), amount(37), Some("for tea"), false));
    assert!(matches!(bob.receive(token(&sent)).await, Err(ReceiveError::Before { op: before }) if before == op));
    assert!(
        matches!(&bob.history().await.unwrap()[0].work, Work::Receive { memo: Some(memo), .. } if memo == "for tea")
    );
    // He gets nothing by taking it back now.
    assert_eq!(alice.reclaim(sent.op).await.unwrap(), Resumption::Claimed(amount(37)));
    for part in alice.resume().await.unwrap() {
        assert!(part.result.is_err(), "a part of what was claimed came back");
    }
    assert_eq!(alice.sent(true).await.unwrap()[0].state, SentState::Claimed);
    assert!(matches!(alice.sent_text(sent.op).await, Err(SendError::NotSent { .. })));
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn what_nobody_claimed_is_taken_back() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 5).await;
    let sent = send(&world, &alice, 5).await;
    // Its sender cannot receive it by mistake.
    assert!(matches!(alice.receive(token(&sent)).await, Err(ReceiveError::Own { op }) if op == sent.op));
    assert_eq!(alice.reclaim(sent.op).await.unwrap(), Resumption::TakenBack(amount(5)));
    assert!(matches!(bob.receive(token(&sent)).await, Err(ReceiveError::AlreadySpent)));
    assert!(matches!(alice.reclaim(sent.op).await, Err(ResumeError::Issue(_))));
    assert_eq!(alice.sent(true).await.unwrap()[0].state, SentState::TakenBack);
    for part in bob.resume().await.unwrap() {
        part.result.unwrap_err();
    }
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn a_part_that_somebody_claimed_does_not_cost_the_rest() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    let (_folder, eve) = Other::new(&world).await;
    world.withdraw(&alice, 7).await;
    let sent = send(&world, &alice, 7).await;
    // Who sees the text takes the largest token out of it.
    let whole = token(&sent);
    let (mint, keyset) = (*whole.mint(), *whole.keyset());
    let TextTokenContent::Bearer(mut tokens) = whole.into_content() else { panic!() };
    let largest = TextToken::new(mint, keyset, None, TextTokenContent::Bearer(vec![tokens.pop().unwrap()])).unwrap();
    assert_eq!(eve.receive(largest).await.unwrap().amount, amount(4));
    let received = bob.receive(token(&sent)).await.unwrap();
    assert_eq!((received.amount, received.held), (amount(3), amount(7)));
    assert_eq!(bob.operations().await.unwrap(), []);
    assert_eq!((world.balance(&eve).await.0, world.balance(&bob).await.0), (4, 3));
    assert_eq!(alice.reclaim(sent.op).await.unwrap(), Resumption::Claimed(amount(7)));
    alice.resume().await.unwrap();
    assert_eq!(world.balance(&alice).await, (0, 0));
    assert_eq!(alice.operations().await.unwrap(), []);
}

#[tokio::test]
async fn a_locked_token_is_its_recipients_alone() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    let (_folder, eve) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let record = bob.recipient().unwrap();
    assert_eq!(record, bob.recipient().unwrap());
    let sent = alice.send_to(&record, &unit(), amount(13), Some("gift".to_owned())).await.unwrap();
    assert_eq!(sent.locked_to, Some(*record.payee()));
    assert!(matches!(token(&sent).content(), TextTokenContent::Locked(_)));
    assert!(matches!(eve.receive(token(&sent)).await, Err(ReceiveError::LockedToAnother)));
    assert!(matches!(alice.receive(token(&sent)).await, Err(ReceiveError::LockedToAnother)));
    assert!(alice.reclaim(sent.op).await.is_err());
    assert_eq!(alice.sent(true).await.unwrap()[0].state, SentState::Locked);
    let received = bob.receive(token(&sent)).await.unwrap();
    assert_eq!((received.amount, received.locked), (amount(13), true));
    assert!(matches!(bob.receive(token(&sent)).await, Err(ReceiveError::Before { .. })));
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn a_request_is_answered_once_by_tokens_that_only_it_can_use() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let (first, second) = (bob.request(ask(21)).await.unwrap(), bob.request(ask(9)).await.unwrap());
    assert_ne!(first.draft().key, second.draft().key);
    assert_ne!(first.draft().payee, second.draft().payee);
    let view = alice.read_transfer(&first).await.unwrap();
    assert_eq!((view.amount, view.memo.as_deref(), view.answered), (amount(21), Some("rent"), None));
    let sent = alice.answer(&first).await.unwrap();
    let again = alice.answer(&first).await.unwrap();
    assert_eq!((again.op, again.text.as_str(), again.again), (sent.op, sent.text.as_str(), true));
    assert_eq!(alice.read_transfer(&first).await.unwrap().answered, Some(sent.op));
    let received = bob.receive(token(&sent)).await.unwrap();
    assert_eq!(received.memo.as_deref(), Some("rent"));
    let asked = bob.requests().await.unwrap();
    let answered: Vec<_> = asked.iter().map(|view| (view.request.clone(), view.answered)).collect();
    assert_eq!(answered, [(second, None), (first, Some(received.op))]);
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn requests_that_must_not_be_answered() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let request = bob.request(ask(5)).await.unwrap();
    let mut bytes = request.to_bytes();
    bytes[65] ^= 1;
    let altered = TransferRequest::from_bytes(&bytes).unwrap();
    assert!(matches!(alice.answer(&altered).await, Err(SendError::InvalidSignature)));
    let dear = bob.request(ask(65)).await.unwrap();
    assert!(matches!(alice.answer(&dear).await, Err(SendError::InsufficientFunds)));
    let foreign = Ask { unit: farthing_protocol::amount::Unit::new("USD", 2).unwrap(), ..ask(5) };
    assert!(matches!(bob.request(foreign).await, Err(AskError::NoMint)));
    assert!(matches!(bob.request(Ask { amount: amount(0), ..ask(5) }).await, Err(AskError::Nothing)));
    assert!(matches!(bob.request(Ask { memo: Some("a\u{1b}b".into()), ..ask(5) }).await, Err(AskError::Memo(_))));
    world.double.pass(3600);
    assert!(matches!(alice.answer(&request).await, Err(SendError::Expired)));
    let none = alice.send(&world.double.id(), &unit(), amount(0), None).await;
    assert!(matches!(none, Err(SendError::Nothing)));
    let long = alice.send(&world.double.id(), &unit(), amount(1), Some("m".repeat(141))).await;
    assert!(matches!(long, Err(SendError::Memo(_))));
    assert_eq!(world.balance(&alice).await, (64, 0));
    assert_eq!(alice.operations().await.unwrap(), []);
}

#[tokio::test]
async fn a_request_with_another_head_is_evidence() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    // Bob is shown another first keyset.
    let mint = farthing_protocol::identity::MintId::from_bytes(*world.double.id().as_bytes());
    let mut draft = bob.request(ask(5)).await.unwrap().draft().clone();
    draft.mints[0].head.keyset = farthing_protocol::ids::KeysetId::from_bytes([7; 32]);
    let key = farthing_protocol::identity::Keypair::from_secret(&[5; 32]);
    draft.payee = (&key).into();
    let request = draft.sign(&key).unwrap();
    assert_eq!(request.draft().mints[0].mint, mint);
    assert!(matches!(alice.answer(&request).await, Err(SendError::HeadDiffers { .. })));
    assert_eq!(world.evidence()[0]["evidence"], "transfer");
}

#[tokio::test]
async fn tokens_that_are_worth_nothing() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    let (elsewhere, carol) = World::new().await;
    world.withdraw(&alice, 64).await;
    elsewhere.withdraw(&carol, 64).await;
    let foreign = send(&elsewhere, &carol, 5).await;
    let id = elsewhere.double.id();
    assert!(matches!(bob.receive(token(&foreign)).await, Err(ReceiveError::UnknownMint { mint }) if mint == id));

    let sent = send(&world, &alice, 5).await;
    // Another keyset's name over the same tokens, and another denomination on one of them.
    let (mint, keyset) = (*token(&sent).mint(), *token(&sent).keyset());
    let content = token(&sent).into_content();
    let unknown = farthing_protocol::ids::KeysetId::from_bytes([9; 32]);
    let named = TextToken::new(mint, unknown, None, content).unwrap();
    assert!(matches!(bob.receive(named).await, Err(ReceiveError::UnknownKeyset)));
    let TextTokenContent::Bearer(mut tokens) = token(&sent).into_content() else { panic!() };
    tokens[1].0.denomination = crate::double::denomination(9);
    let forged = TextToken::new(mint, keyset, None, TextTokenContent::Bearer(tokens)).unwrap();
    assert!(matches!(bob.receive(forged).await, Err(ReceiveError::Forged)));
    world.double.pass(500 * DAY);
    assert!(matches!(bob.receive(token(&sent)).await, Err(ReceiveError::KeysetEnded)));
    assert_eq!(world.balance(&bob).await, (0, 0));
    assert_eq!(bob.operations().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_received_while_the_mint_is_away_arrives_later() {
    let (world, alice) = World::new().await;
    let (folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 5).await;
    let sent = send(&world, &alice, 5).await;
    world.double.fail_next(mint_path::OPEN, Fault::LoseRequest);
    assert!(matches!(bob.receive(token(&sent)).await, Err(ReceiveError::Issue(_))));
    assert_eq!(bob.operations().await.unwrap().len(), 1);
    drop(bob);
    let bob = Wallet::open(folder.folder.path(), protection().unlock(), world.options()).await.unwrap();
    let resumed = bob.resume().await.unwrap();
    assert!(matches!(&resumed[0].result, Ok(Resumption::Issued(issued)) if issued.amount == amount(5)));
    assert_eq!(bob.history().await.unwrap()[0].outcome, Outcome::Issued);
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn what_is_given_out_lasts_for_whoever_gets_it() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 7).await;
    world.double.with(crate::double::State::add_keyset);
    // The first keyset ends on day 454; the second one issues until day 179 and ends later.
    world.double.pass(100 * DAY);
    let early = send(&world, &alice, 2).await;
    world.double.with(|state| (0..4).for_each(|_| state.add_keyset()));
    world.double.pass(310 * DAY);
    let sent = send(&world, &alice, 5).await;
    assert_eq!(sent.swaps, 1);
    assert_ne!(token(&sent).keyset(), token(&early).keyset());
    world.double.pass(60 * DAY);
    assert_eq!(bob.receive(token(&sent)).await.unwrap().amount, amount(5));
    assert!(matches!(bob.receive(token(&early)).await, Err(ReceiveError::KeysetEnded)));
}

#[tokio::test]
async fn what_nobody_claimed_comes_back_before_it_ends() {
    let (world, alice) = World::new().await;
    world.withdraw(&alice, 2).await;
    world.double.with(|state| (0..5).for_each(|_| state.add_keyset()));
    let sent = send(&world, &alice, 2).await;
    world.double.pass(400 * DAY);
    let quick = RefreshLimits::new().pause(Duration::from_millis(1));
    let report = alice.refresh(&quick).await.unwrap();
    assert!(report.done.iter().all(|done| done.kind != UpkeepKind::Reclaimed), "there is time still");
    world.double.pass(52 * DAY);
    let report = alice.refresh(&quick).await.unwrap();
    assert!(report.done.iter().any(|done| done.kind == UpkeepKind::Reclaimed), "{report:?}");
    assert!(matches!(alice.sent_text(sent.op).await, Err(SendError::NotSent { .. })));
    world.double.pass(3 * DAY);
    assert_eq!(world.balance(&alice).await.0, 2);
}

#[tokio::test]
async fn only_what_was_asked_for_answers_a_request() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let request = bob.request(ask(21)).await.unwrap();
    assert_eq!(request.draft().expires_at.seconds() % 60, 0);
    // Less than what was asked, locked to the same key.
    let mut less = request.draft().clone();
    less.amount = amount(1);
    let payer = farthing_protocol::identity::Keypair::from_secret(&[8; 32]);
    less.payee = (&payer).into();
    let cheap = alice.answer(&less.sign(&payer).unwrap()).await.unwrap();
    assert_eq!(bob.receive(token(&cheap)).await.unwrap().amount, amount(1));
    assert_eq!(bob.requests().await.unwrap()[0].answered, None);
    let sent = alice.answer(&request).await.unwrap();
    let received = bob.receive(token(&sent)).await.unwrap();
    assert_eq!(bob.requests().await.unwrap()[0].answered, Some(received.op));
}

#[tokio::test]
async fn an_answer_that_the_mint_refused_and_made_is_the_only_one() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 21).await;
    world.withdraw(&alice, 21).await;
    let request = bob.request(ask(21)).await.unwrap();
    world.double.fail_next(mint_path::FINISH, Fault::LieAfter(Code::InvalidShape.into()));
    assert!(alice.answer(&request).await.is_err());
    // The next attempt takes the same tokens, and finds what came of the first one.
    let sent = alice.answer(&request).await.unwrap();
    assert!(sent.again);
    assert_eq!(alice.answer(&request).await.unwrap().text.as_str(), sent.text.as_str());
    assert_eq!(bob.receive(token(&sent)).await.unwrap().amount, amount(21));
    assert_together(&world, [&alice, &bob], 2).await;
}

#[tokio::test]
async fn what_a_refused_swap_took_is_not_given_out_twice() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 5).await;
    // The mint says that it refuses to split the token of 4, and does it all the same.
    world.double.fail_next(mint_path::FINISH, Fault::LieAfter(Code::InvalidShape.into()));
    let four = SwapWhat::Split(crate::double::denomination(2));
    assert!(alice.swap(&world.double.id(), &unit(), four).await.is_err());
    let sent = send(&world, &alice, 5).await;
    assert_eq!(alice.reclaim(sent.op).await.unwrap(), Resumption::Claimed(amount(5)));
    // The token of 1 is in the text still: until it is settled it cannot be paid.
    let balance = alice.balance().await.unwrap().remove(0);
    assert_eq!((balance.available, balance.sent), (amount(4), amount(1)));
    let received = bob.receive(token(&sent)).await.unwrap();
    assert_eq!(received.amount, amount(1));
    alice.resume().await.unwrap();
    assert_together(&world, [&alice, &bob], 1).await;
}

#[tokio::test]
async fn an_older_copy_that_locked_accuses_nobody() {
    let (world, alice) = World::new().await;
    let (_folder, bob) = Other::new(&world).await;
    let (_folder, carol) = Other::new(&world).await;
    world.withdraw(&alice, 5).await;
    drop(alice);
    let copy = world.copy();
    let alice = world.open().await;
    let sent = alice.send_to(&bob.recipient().unwrap(), &unit(), amount(5), None).await.unwrap();
    drop(alice);
    let old = Wallet::open(copy.path(), protection().unlock(), world.options()).await.unwrap();
    let error = old.send_to(&carol.recipient().unwrap(), &unit(), amount(5), None).await.unwrap_err();
    assert!(matches!(error, SendError::Issue(IssueError::Store(StoreError::WordsUsedElsewhere))), "{error:?}");
    // What the mint answered is kept, and accuses nobody.
    let diagnosis = old.doctor(false).await.unwrap();
    assert_eq!((diagnosis.proofs, diagnosis.statements), (0, 1));
    assert_eq!(old.operations().await.unwrap(), []);
    assert_eq!(world.balance(&old).await, (0, 0));
    assert_eq!(old.used_elsewhere().await.unwrap(), [world.double.id()]);
    // What is held of another mint is not stopped by that.
    let (elsewhere, _carol) = World::new().await;
    let view = old.add_mint(&elsewhere.url).await.unwrap();
    old.pin_mint(&view.id).await.unwrap();
    elsewhere.double.credit(old.account(&view.id), 100);
    elsewhere.withdraw(&old, 5).await;
    assert_eq!(old.pay(elsewhere.invoice(5)).await.unwrap().amount, amount(5));
    let stopped = old.pay(world.invoice(1)).await.unwrap_err();
    assert!(matches!(stopped, PayError::Store(StoreError::WordsUsedElsewhere)), "{stopped:?}");
    assert_eq!(bob.receive(token(&sent)).await.unwrap().amount, amount(5));
}

/// What a run is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bearer,
    Reclaimed,
    Locked,
    Asked,
}

/// Lets the wallet of sender or recipient die at the given call of the hook; everybody goes on until it is done.
async fn with_crash_at(call: u32, way: Way, recipient_dies: bool) -> bool {
    let (world, alice) = World::new().await;
    let (folder, bob) = Other::new(&world).await;
    world.withdraw(&alice, 64).await;
    let (record, request) = (bob.recipient().unwrap(), bob.request(ask(37)).await.unwrap());
    drop((alice, bob));
    let calls = Arc::new(AtomicU32::new(0));
    let dying = || {
        let (calls, dead) = (Arc::clone(&calls), AtomicBool::new(false));
        move |_| {
            let now = calls.fetch_add(1, Ordering::SeqCst) + 1;
            dead.fetch_or(now == call, Ordering::SeqCst) || now == call
        }
    };
    let honest = || world.options();
    let options = |dies: bool| if dies { honest().hook(dying()) } else { honest() };

    let mut text = None;
    for attempt in 0..4 {
        let alice =
            Wallet::open(world.path(), protection().unlock(), options(!recipient_dies && attempt < 2)).await.unwrap();
        if alice.resume().await.is_err() {
            continue;
        }
        let views = alice.sent(true).await.unwrap_or_default();
        let earlier = views.iter().find(|view| matches!(view.state, SentState::Out | SentState::Locked));
        let sent = match (earlier, way) {
            (Some(view), _) => alice.sent_text(view.op).await,
            (None, _) if views.iter().any(|view| view.state == SentState::TakenBack) => break,
            (None, Way::Bearer | Way::Reclaimed) => alice.send(&world.double.id(), &unit(), amount(37), None).await,
            (None, Way::Locked) => alice.send_to(&record, &unit(), amount(37), None).await,
            (None, Way::Asked) => alice.answer(&request).await,
        };
        let Ok(sent) = sent else { continue };
        if way == Way::Reclaimed {
            if alice.reclaim(sent.op).await.is_ok() {
                break;
            }
            continue;
        }
        text = Some(token(&sent).to_text());
        break;
    }
    for attempt in 0..3 {
        let Some(text) = &text else { break };
        let bob = Wallet::open(folder.folder.path(), protection().unlock(), options(recipient_dies && attempt < 2))
            .await
            .unwrap();
        match bob.receive(TextToken::from_text(text).unwrap()).await {
            Ok(_) | Err(ReceiveError::Before { .. }) => break,
            Err(_) => {}
        }
    }
    let alice = Wallet::open(world.path(), protection().unlock(), honest()).await.unwrap();
    let bob = Wallet::open(folder.folder.path(), protection().unlock(), honest()).await.unwrap();
    alice.resume().await.unwrap();
    bob.resume().await.unwrap();
    let got = world.balance(&bob).await.0;
    assert_eq!(got, if way == Way::Reclaimed { 0 } else { 37 }, "at {call}");
    if way == Way::Bearer {
        let out = alice.sent(false).await.unwrap();
        assert_eq!(out.len(), 1);
        assert_eq!(alice.reclaim(out[0].op).await.unwrap(), Resumption::Claimed(amount(37)));
        alice.resume().await.unwrap();
    }
    assert_together(&world, [&alice, &bob], 1).await;
    calls.load(Ordering::SeqCst) >= call
}

async fn at_every_step(way: Way, recipient_dies: bool, at_least: u32) {
    let mut call = 1;
    while with_crash_at(call, way, recipient_dies).await {
        call += 1;
    }
    assert!(call > at_least, "only {call} steps");
}

#[tokio::test]
async fn dying_anywhere_while_sending() {
    at_every_step(Way::Bearer, false, 6).await;
}

#[tokio::test]
async fn dying_anywhere_while_taking_back() {
    at_every_step(Way::Reclaimed, false, 11).await;
}

#[tokio::test]
async fn dying_anywhere_while_locking() {
    at_every_step(Way::Locked, false, 10).await;
}

#[tokio::test]
async fn dying_anywhere_while_answering() {
    at_every_step(Way::Asked, false, 10).await;
}

#[tokio::test]
async fn dying_anywhere_while_receiving() {
    at_every_step(Way::Bearer, true, 4).await;
    at_every_step(Way::Locked, true, 4).await;
}
