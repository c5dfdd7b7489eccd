//! The x402 libraries as their makers publish them, with the plug-ins: a shop on Express and one on Flask, clients with fetch and with
//! requests, the verifier as facilitator, and the wallet.

mod cases;
mod javascript;
mod python;
mod tools;

use serde_json::Value;

use crate::harness::{Server, World};
use crate::purse::Purse;

/// A mint, a verifier, and a wallet with 5.10 in the folder that a client looks into.
pub(crate) struct Town {
    pub(crate) world: World,
    mint: Option<Server>,
    mint_port: u16,
    verifier: Option<Server>,
}

impl Town {
    fn new() -> Self {
        let world = World::new();
        let mint = world.mint();
        let verifier = world.merchant(&mint);
        Purse::filled(&world, ".farthing/wallet", &mint);
        let mint_port = mint.port();
        Self { world, mint: Some(mint), mint_port, verifier: Some(verifier) }
    }

    fn wallet(&self) -> Purse<'_> {
        Purse::at(&self.world, ".farthing/wallet")
    }

    fn facilitator(&self) -> String {
        format!("{}/x402", self.verifier.as_ref().unwrap().url.trim_end_matches('/'))
    }

    /// The mint, where it was before.
    fn reopen_mint(&mut self) {
        self.mint = Some(self.world.serve(&["mint", "run", "--listen", &format!("127.0.0.1:{}", self.mint_port)]));
    }

    /// What became of an operation, a while later.
    fn later(&self, operation: &Value) -> Value {
        let mut command = self.world.farthing(&["wallet", "history", "--json", "--quiet"]);
        let output = command.env("FARTHING_TEST_CLOCK", "200").output().unwrap();
        let history: Value = serde_json::from_slice(&output.stdout).unwrap();
        let finished = history["finished"].as_array().unwrap();
        finished.iter().find(|entry| entry["operation"] == *operation).expect("it is finished")["state"].clone()
    }

    /// The only operation that is out.
    fn handed(&self) -> Value {
        let history = self.wallet().json("wallet-history", &["history"]);
        let unfinished = history["unfinished"].as_array().unwrap();
        assert_eq!(unfinished.len(), 1, "{history}");
        assert_eq!((&unfinished[0]["state"], &unfinished[0]["kind"]), (&"out".into(), &"payment".into()));
        unfinished[0]["operation"].clone()
    }

    /// How many payments the verifier took.
    fn payments(&self) -> usize {
        let listed = self.world.run(&["verifier", "payments"]);
        listed.lines().filter(|line| line.contains(" EUR ")).count()
    }
}
