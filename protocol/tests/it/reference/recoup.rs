//! What is filed about tokens of a revoked keyset (section 10).

use super::payment::{Coin, PAY, Statement, deposit_request};
use super::signature::Trace;
use super::world::{World, nonce};
use super::{cat, ed25519_public, hash};

/// Request hash of every payment of kind `recoup`.
pub(crate) fn recoup_request(keyset: &[u8; 32]) -> [u8; 32] {
    hash(b"farthing/v1/recoup-request", &[(b"keyset", keyset)])
}

/// issuance id ‖ n ‖ position ‖ ρ.
pub(crate) fn proof(world: &World, trace: &Trace) -> Vec<u8> {
    let issuance = ed25519_public(&world.place(trace.n, 0, 0).issuance_key());
    cat(&[&issuance, &trace.n.to_le_bytes(), &[u8::try_from(trace.position).unwrap()], &trace.rho])
}

/// token ‖ proof.
pub(crate) fn evidence(world: &World, trace: &Trace) -> Vec<u8> {
    cat(&[&trace.token(), &proof(world, trace)])
}

/// A claim with this payment, version byte and all, and this evidence in this order.
pub(crate) fn claim(world: &World, payment: Option<&[u8]>, evidence: &[Vec<u8>]) -> Vec<u8> {
    redeeming(world, payment, None, evidence)
}

/// The same with the id of the locked payment that the payment redeems.
pub(crate) fn redeeming(
    world: &World,
    payment: Option<&[u8]>,
    locked: Option<&[u8; 32]>,
    evidence: &[Vec<u8>],
) -> Vec<u8> {
    let payment = payment.map_or(vec![0], |payment| cat(&[&[1], &payment[1..]]));
    let locked = locked.map_or(vec![0], |locked| cat(&[&[1], locked]));
    let count = u16::try_from(evidence.len()).unwrap().to_le_bytes();
    cat(&[&[1], &world.mint, &world.keyset, &payment, &locked, &count, &evidence.concat()])
}

/// The locked payment that is redeemed.
pub(crate) const LOCKED_ID: [u8; 32] = [0x1d; 32];

/// A payment of these tokens that redeems it, and its id.
pub(crate) fn redemption(world: &World, coins: Vec<Coin>) -> ([u8; 32], Vec<u8>) {
    let statement = Statement { request: deposit_request(&LOCKED_ID), ..world.statement(PAY, coins) };
    let authorized = statement.authorize(nonce(&statement.id()));
    (authorized.id, authorized.bytes)
}

/// A payment of these tokens as a mint credits it, and its id.
pub(crate) fn credited(world: &World, coins: Vec<Coin>) -> ([u8; 32], Vec<u8>) {
    let statement = world.statement(PAY, coins);
    let authorized = statement.authorize(nonce(&statement.id()));
    (authorized.id, authorized.bytes)
}

/// Evidence of these tokens, ascending by P.
pub(crate) fn all(world: &World, coins: &[Coin]) -> Vec<Vec<u8>> {
    let mut traces: Vec<&Trace> = coins.iter().map(|coin| &coin.trace).collect();
    traces.sort_by_key(|trace| trace.P);
    traces.into_iter().map(|trace| evidence(world, trace)).collect()
}

/// A payment of kind `recoup` of these tokens to this world's payee, and its id.
pub(crate) fn payment(world: &World, kind: u8, coins: Vec<Coin>) -> ([u8; 32], Vec<u8>) {
    let statement = Statement { request: recoup_request(&world.keyset), ..world.statement(kind, coins) };
    let authorized = statement.authorize(nonce(&statement.id()));
    (authorized.id, authorized.bytes)
}
