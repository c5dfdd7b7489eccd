//! `@x402/express` and `@x402/fetch`.

use super::cases;
use super::tools::Tool;

#[test]
fn the_plug_in_refuses_what_it_must() {
    let world = crate::harness::World::new();
    let Some(node) = Tool::node(&world) else { return };
    let output = node.run(&world, &["--test", "test/plugin.test.mjs"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_stock_server_sells_to_a_stock_client_and_to_the_wallet() {
    cases::a_stock_server_sells_to_a_stock_client_and_to_the_wallet(Tool::node);
}

#[test]
fn the_examples_work_as_they_stand() {
    cases::the_examples_work_as_they_stand(Tool::node);
}

#[test]
fn one_payment_is_served_once() {
    cases::one_payment_is_served_once(Tool::node);
}

#[test]
fn a_payer_who_says_something_else_gets_nothing() {
    cases::a_payer_who_says_something_else_gets_nothing(Tool::node);
}

#[test]
fn a_handler_that_fails_costs_what_its_flow_says() {
    cases::a_handler_that_fails_costs_what_its_flow_says(Tool::node);
}

#[test]
fn a_server_that_settles_another_amount_is_paid_nothing() {
    cases::a_server_that_settles_another_amount_is_paid_nothing(Tool::node);
}

#[test]
fn without_the_verifier_nothing_is_sold_and_nothing_lost() {
    cases::without_the_verifier_nothing_is_sold_and_nothing_lost(Tool::node);
}

#[test]
fn a_client_pays_no_more_than_it_may() {
    cases::a_client_pays_no_more_than_it_may(Tool::node);
}

#[test]
fn a_stock_client_pays_the_gateway() {
    cases::a_stock_client_pays_the_gateway(Tool::node);
}

#[test]
fn without_the_mint_nothing_is_taken_and_the_wallet_learns_it_later() {
    cases::without_the_mint_nothing_is_taken_and_the_wallet_learns_it_later(Tool::node);
}
