// What the plug-in refuses, without a network.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FarthingClientScheme } from "farthing-x402/client";
import { FarthingServerScheme } from "farthing-x402/server";

const euros = new FarthingServerScheme({ asset: "EUR", decimals: 2 });
const entry = { scheme: "exact", network: "farthing:x", amount: "5", asset: "EUR", payTo: "p", maxTimeoutSeconds: 60, extra: {} };
const script = (text) => new FarthingClientScheme({
  maxAmount: "0.10", unit: "EUR", command: process.execPath, args: ["-e", text], patience: 300,
});
// `node wallet -e …` would run a file named wallet: the option comes first.
const fake = (text) => {
  const client = script(text);
  client.run.args = ["-e", text];
  return client;
};

test("prices are exact", async () => {
  for (const [price, amount] of [["0.05", "5"], ["0.05 EUR", "5"], [0.05, "5"], ["1", "100"], [12, "1200"], ["0.5", "50"],
    ["00.10", "10"], [{ amount: "7", asset: "EUR" }, "7"], ["92233720368547758.07", "9223372036854775807"]]) {
    assert.deepEqual(await euros.parsePrice(price, "farthing:x"), { amount, asset: "EUR", extra: {} });
  }
  for (const price of ["0", "0.00", "0.005", "$0.05", "0.05 USD", "0.05EUR", "-1", "1e2", "", ".5", "5.", "1 000", NaN, 1e21,
    "92233720368547758.08", { amount: "5", asset: "USD" }, { amount: "05", asset: "EUR" }, { amount: "0.5", asset: "EUR" }]) {
    await assert.rejects(euros.parsePrice(price, "farthing:x"), Error, String(price));
  }
  const dollars = new FarthingServerScheme({ asset: "USD", decimals: 6 });
  assert.equal((await dollars.parsePrice("$0.05", "farthing:x")).amount, "50000");
  assert.throws(() => new FarthingServerScheme({ asset: "a b", decimals: 2 }));
  assert.throws(() => new FarthingServerScheme({ asset: "EUR", decimals: 0.5 }));
});

test("a verifier that is paid otherwise is found out", async () => {
  const extra = { payTo: "p", asset: "EUR", decimals: 2 };
  assert.equal(euros.validateFacilitatorSupport("farthing:x", { extra }), undefined);
  assert.match(euros.validateFacilitatorSupport("farthing:x", { extra: { ...extra, asset: "USD" } }), /paid in USD/);
  assert.match(euros.validateFacilitatorSupport("farthing:x", { extra: { ...extra, decimals: 3 } }), /3 decimals/);
  assert.equal((await euros.enhancePaymentRequirements({ ...entry, payTo: "" }, { extra })).payTo, "p");
  await assert.rejects(euros.enhancePaymentRequirements({ ...entry, payTo: "q" }, { extra }), /payTo/);
});

test("the wallet's answer is passed on, and so is its refusal", async () => {
  const echo = 'let s="";process.stdin.on("data",(d)=>s+=d).on("end",()=>console.log(JSON.stringify({payload:JSON.parse(s)})))';
  assert.deepEqual(await fake(echo).createPaymentPayload(2, entry), { x402Version: 2, payload: entry });
  const refuse = (code, exit) => `console.log('{"error":{"code":"${code}","message":"no"}}');process.exit(${exit})`;
  await assert.rejects(fake(refuse("insufficient_funds", 4)).createPaymentPayload(2, entry), /no \(insufficient_funds\)/);
  await assert.rejects(fake(refuse("wallet_in_use", 5)).createPaymentPayload(2, entry), /wallet_in_use/);
  await assert.rejects(fake('console.log("babble")').createPaymentPayload(2, entry), /it ended with 0/);
  await assert.rejects(fake("process.exit(0)").createPaymentPayload(1, entry), /version 2/);
  await assert.rejects(fake(echo).createPaymentPayload(2, entry, { maxAmountPerPayment: "4" }), /limit/);
  assert.ok(await fake(echo).createPaymentPayload(2, entry, { maxAmountPerPayment: "5" }));
  const missing = new FarthingClientScheme({ maxAmount: "1", unit: "EUR", command: "/nowhere/farthing" });
  await assert.rejects(missing.createPaymentPayload(2, entry), /ENOENT/);
});

test("nothing is paid without a limit", () => {
  assert.throws(() => new FarthingClientScheme({ unit: "EUR" }), /maxAmount/);
  assert.throws(() => new FarthingClientScheme({ maxAmount: "1" }), /unit/);
  const client = script("");
  assert.deepEqual(client.findDefaultAsset("EUR", "farthing:x"), { asset: "EUR", decimals: 2, symbol: "EUR" });
  assert.equal(client.findDefaultAsset("USD", "farthing:x"), undefined);
  assert.equal(client.findDefaultAsset("EUR", "eip155:1"), undefined);
});
