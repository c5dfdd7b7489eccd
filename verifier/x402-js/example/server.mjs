// A shop on Express that sells for Farthing tokens. The verifier settles: `farthing verifier run`.

import express from "express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { FarthingServerScheme, discover } from "farthing-x402/server";

const facilitator = process.env.FACILITATOR ?? "http://127.0.0.1:3339/x402";
const { network, payTo, asset, decimals } = await discover(facilitator);

const x402 = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator }));
x402.register(network, new FarthingServerScheme({ asset, decimals }));

const app = express();
app.use(paymentMiddleware({
  "GET /tea": {
    accepts: { scheme: "exact", network, payTo, price: `0.05 ${asset}`, maxTimeoutSeconds: 60 },
    description: "A cup of tea",
    mimeType: "text/plain",
  },
}, x402));
app.get("/tea", (_request, response) => response.type("text/plain").send("here is your tea\n"));

const server = app.listen(Number(process.env.PORT ?? 8402), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/tea costs 0.05 ${asset}`);
});
