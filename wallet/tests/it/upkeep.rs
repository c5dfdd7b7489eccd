//! Looking a wallet through, taking out what it knows, and erasing what is over.

use farthing_wallet::{Ask, Forget, MintError, PayError};

use crate::double::{DAY, amount, unit};
use crate::http::Fault;
use crate::world::World;

fn everything(world: &World, locked: bool) -> Forget {
    Forget { before: world.double.now(), locked }
}

#[tokio::test]
async fn a_wallet_in_order_has_no_findings() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 37).await;
    wallet.send(&world.double.id(), &unit(), amount(5), None).await.unwrap();
    let diagnosis = wallet.doctor(true).await.unwrap();
    assert_eq!(diagnosis.findings, []);
    assert_eq!((diagnosis.tokens, diagnosis.finished, diagnosis.proofs), (3, 1, 0));
    assert_eq!(diagnosis.unfinished, []);
    assert!(matches!(diagnosis.mints[0].answers, Some(Ok(()))));
    assert!(diagnosis.mints[0].first_end.is_some());
    assert!(wallet.doctor(false).await.unwrap().mints[0].answers.is_none());
    world.double.fail_next("/v1/keysets", Fault::LoseRequest);
    let diagnosis = wallet.doctor(true).await.unwrap();
    assert!(matches!(diagnosis.mints[0].answers, Some(Err(MintError::Call(_)))));
}

#[tokio::test]
async fn an_export_tells_everything_but_secrets() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 64).await;
    let paid = wallet.pay(world.invoice(37)).await.unwrap();
    let sent = wallet.send(&world.double.id(), &unit(), amount(3), Some("for you".to_owned())).await.unwrap();
    let ask = Ask { amount: amount(9), unit: unit(), mint: None, memo: None, expires_in: 60 };
    wallet.request(ask).await.unwrap();
    let export = wallet.export().await.unwrap();
    assert_eq!(format!("{export:?}"), "Export(<redacted>)");
    let export = serde_json::to_value(export).unwrap();
    let text = export.to_string();
    assert!(!text.contains("farthingtoken1") && !text.contains(sent.text.as_str()));
    assert_eq!(export["format"], 1);
    assert_eq!(export["mints"][0]["mint"], world.double.id().to_text());
    let kinds: Vec<_> = export["operations"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["withdrawal", "swap", "payment", "send"]);
    let payment = &export["operations"][2];
    assert_eq!((&payment["outcome"], &payment["memo"]), (&"paid".into(), &"tea".into()));
    use farthing_protocol::text::TextForm;
    assert_eq!(payment["receipt"], paid.receipt.unwrap().to_text());
    assert_eq!(export["operations"][3]["memo"], "for you");
    assert_eq!(export["requests"][0]["amount"], "9");
    let tokens: u64 = export["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["amount"].as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(tokens, 27);
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_nothing_else() {
    let (world, wallet) = World::new().await;
    world.withdraw(&wallet, 64).await;
    let invoice = world.invoice_with(5, |draft| draft.expires_at = draft.expires_at.plus(5 * DAY));
    wallet.pay(invoice.clone()).await.unwrap();
    wallet.pay(world.invoice(3)).await.unwrap();
    let record = wallet.recipient().unwrap();
    let locked = wallet.send_to(&record, &unit(), amount(1), None).await.unwrap();
    let out = wallet.send(&world.double.id(), &unit(), amount(2), None).await.unwrap();
    let before = wallet.balance().await.unwrap();
    // Nothing of the last day goes.
    assert_eq!(wallet.forget(everything(&world, true), false).await.unwrap().operations, 0);

    world.double.pass(2 * DAY);
    let count = wallet.history().await.unwrap().len();
    let would = wallet.forget(everything(&world, false), true).await.unwrap();
    assert_eq!(wallet.history().await.unwrap().len(), count);
    let did = wallet.forget(everything(&world, false), false).await.unwrap();
    assert_eq!(would, did);
    assert_eq!((did.payments, did.receipts, did.locked, did.locked_kept), (1, 1, 0, 1));
    assert!(did.tokens > 0);
    // The paid invoice that lives on, and the locked text, are there.
    assert_eq!(wallet.history().await.unwrap().len(), 2);
    assert!(wallet.read_invoice(&invoice).await.unwrap().paid);
    wallet.sent_text(locked.op).await.unwrap();
    wallet.sent_text(out.op).await.unwrap();
    let mut now = wallet.balance().await.unwrap();
    now[0].first_end = before[0].first_end;
    assert_eq!(now, before);

    let did = wallet.forget(everything(&world, true), false).await.unwrap();
    assert_eq!((did.operations, did.locked), (1, 1));
    assert!(wallet.sent_text(locked.op).await.is_err());
    world.double.pass(5 * DAY);
    assert_eq!(wallet.forget(everything(&world, true), false).await.unwrap().payments, 1);
    assert!(matches!(wallet.pay(invoice).await, Err(PayError::Expired)));
    wallet.reclaim(out.op).await.unwrap();
    assert_eq!(wallet.doctor(false).await.unwrap().findings, []);
}
