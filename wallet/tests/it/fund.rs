//! Quotes for paying into the account, asked for and lost.

use farthing_http::problem::{Code, Problem};
use farthing_protocol::api::{QuoteState, mint_path};
use farthing_wallet::{MintError, QuoteError, QuoteView, Wallet};

use crate::double::{DAY, amount, unit};
use crate::http::Fault;
use crate::world::World;

async fn quote(world: &World, wallet: &Wallet, units: u64) -> Result<QuoteView, QuoteError> {
    wallet.quote(&world.double.id(), &unit(), amount(units)).await
}

/// Names and states, and that nothing went wrong.
async fn quotes(wallet: &Wallet) -> Vec<(QuoteState, u64)> {
    let known = wallet.quotes().await.unwrap();
    assert!(known.iter().all(|(_, error)| error.is_none()), "{known:?}");
    known.into_iter().map(|(view, _)| (view.state, view.credited.units())).collect()
}

#[tokio::test]
async fn a_quote_is_asked_for_paid_and_withdrawn() {
    let (world, wallet) = World::new().await;
    world.double.with(|state| state.payment = Some("Pay it under {quote}".to_owned()));
    let asked = quote(&world, &wallet, 500).await.unwrap();
    assert_eq!(asked.payment, format!("Pay it under {}", asked.quote.to_text()));
    assert_eq!((asked.state, asked.amount, asked.credited), (QuoteState::Open, amount(500), amount(0)));
    drop(wallet);
    let wallet = world.open().await;
    assert_eq!(quotes(&wallet).await, [(QuoteState::Open, 0)]);
    let account = wallet.account(&world.double.id());
    world.double.with(|state| state.quotes.values_mut().for_each(|quote| quote.credited = 480));
    world.double.credit(account, 480);
    assert_eq!(quotes(&wallet).await, [(QuoteState::Paid, 480)]);
    world.withdraw(&wallet, 470).await;
    // The mint has forgotten it: so does the wallet.
    world.double.with(|state| state.quotes.clear());
    world.double.pass(2 * DAY);
    assert_eq!(quotes(&wallet).await, []);
    let sent = world.double.asked(mint_path::QUOTE);
    assert_eq!(quotes(&wallet).await, []);
    assert_eq!(world.double.asked(mint_path::QUOTE), sent);
}

#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let (world, wallet) = World::new().await;
    assert!(matches!(quote(&world, &wallet, 1).await, Err(QuoteError::NotOffered)));
    assert!(matches!(quote(&world, &wallet, 0).await, Err(QuoteError::Nothing)));
    world.double.with(|state| state.payment = Some("{quote}".to_owned()));
    world.double.fail_next(mint_path::QUOTE, Fault::Refuse(Problem::new(Code::RateLimited)));
    assert!(matches!(quote(&world, &wallet, 1).await, Err(QuoteError::TooMany)));
    world.double.fail_next(mint_path::QUOTE, Fault::Refuse(Code::RequestExpired.into()));
    assert!(matches!(quote(&world, &wallet, 1).await, Err(QuoteError::Mint(MintError::Call(_)))));
    let sent = world.double.asked(mint_path::QUOTE);
    assert_eq!(quotes(&wallet).await, []);
    assert_eq!(world.double.asked(mint_path::QUOTE), sent);
}

#[tokio::test]
async fn a_quote_whose_answer_was_lost_is_asked_for_again() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest, Fault::Refuse(Code::Unavailable.into())] {
        let (world, wallet) = World::new().await;
        world.double.with(|state| state.payment = Some("{quote}".to_owned()));
        world.double.fail_next(mint_path::QUOTE, fault.clone());
        let lost = quote(&world, &wallet, 7).await;
        assert!(matches!(lost, Err(QuoteError::Mint(MintError::Call(_)))), "{fault:?}: {lost:?}");
        drop(wallet);
        let wallet = world.open().await;
        // The same bytes: there is one quote.
        assert_eq!(quotes(&wallet).await, [(QuoteState::Open, 0)], "{fault:?}");
        assert_eq!(world.double.with(|state| (state.quotes.len(), state.violations)), (1, 0));
        // What cannot be asked is shown as it was last heard of, with the reason.
        world.double.fail_next(mint_path::QUOTE, Fault::Refuse(Code::Unavailable.into()));
        let known = wallet.quotes().await.unwrap();
        assert!(matches!(known.as_slice(), [(view, Some(QuoteError::Mint(_)))] if view.amount == amount(7)));
    }
}

#[tokio::test]
async fn a_payment_text_that_shows_something_else_is_refused() {
    let (world, wallet) = World::new().await;
    for text in ["{quote}\u{1b}[2J", "{quote} \u{202e}37", &format!("{{quote}}{}", "x".repeat(2048))] {
        world.double.with(|state| state.payment = Some(text.to_owned()));
        assert!(matches!(quote(&world, &wallet, 1).await, Err(QuoteError::BadAnswer)), "{text:?}");
    }
}
