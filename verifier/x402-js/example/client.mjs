// Buys with fetch and a wallet: node client.mjs http://127.0.0.1:8402/tea

import { wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { FarthingClientScheme } from "farthing-x402/client";

const wallet = new FarthingClientScheme({ maxAmount: "0.10", unit: process.env.UNIT ?? "EUR" });
const pay = wrapFetchWithPayment(fetch, new x402Client().register("farthing:*", wallet));

const answer = await pay(process.argv[2] ?? "http://127.0.0.1:8402/tea", { redirect: "error" });
process.stdout.write(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
