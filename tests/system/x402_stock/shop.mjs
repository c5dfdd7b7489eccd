// A shop on the stock library whose handlers do what the tests need. It counts how often each of them ran.

import express from "express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer } from "@x402/express";
import { FarthingServerScheme, discover } from "farthing-x402/server";

const facilitator = process.env.FACILITATOR;
const { network, payTo, asset, decimals } = await discover(facilitator);
const x402 = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator }));
x402.register(network, new FarthingServerScheme({ asset, decimals }));

const route = (price, extra) => ({ accepts: { scheme: "exact", network, payTo, price, maxTimeoutSeconds: 60, extra } });
const late = { paymentFlow: "authorization" };

const app = express();
const ran = {};
app.get("/ran", (_request, response) => response.json(ran));
app.use(paymentMiddleware({
  "GET /tea": route("0.05"),
  "GET /fails": route(0.05),
  "GET /late": route({ amount: "5", asset }, late),
  "GET /late-fails": route("0.05 EUR", late),
  "GET /cheaper": route("0.05", late),
  "GET /dear": route("2.00"),
}, x402));
const handler = (path, serve) => app.get(path, (request, response) => {
  ran[path] = (ran[path] ?? 0) + 1;
  serve(response.type("text/plain"));
});
handler("/tea", (response) => response.send("tea"));
handler("/late", (response) => response.send("late tea"));
handler("/dear", (response) => response.send("dear tea"));
handler("/fails", (response) => response.status(500).send("no tea"));
handler("/late-fails", (response) => response.status(500).send("no tea"));
handler("/cheaper", (response) => {
  setSettlementOverrides(response, { amount: "4" });
  response.send("cheap tea");
});

const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
