// Buys one thing with the stock client, and says what went over the wire.

import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { FarthingClientScheme } from "farthing-x402/client";

const [url, maxAmount = "0.10"] = process.argv.slice(2);
let sent = null;
const watched = (input, init) => {
  sent = new Request(input, init).headers.get("PAYMENT-SIGNATURE") ?? sent;
  return fetch(input, init);
};
const client = new x402Client().register("farthing:*", new FarthingClientScheme({ maxAmount, unit: "EUR" }));
try {
  const answer = await wrapFetchWithPayment(watched, client)(url, { redirect: "error" });
  const said = answer.headers.get("PAYMENT-RESPONSE");
  const settled = said && JSON.parse(atob(said));
  console.log(JSON.stringify({ status: answer.status, body: await answer.text(), settled, sent }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, sent }));
}
