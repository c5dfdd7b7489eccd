"""A shop on Flask that sells for Farthing tokens. The verifier settles: `farthing verifier run`."""

import os

from flask import Flask, Response
from werkzeug.serving import make_server
from x402 import x402ResourceServerSync
from x402.http import FacilitatorConfig, HTTPFacilitatorClientSync, PaymentOption, RouteConfig
from x402.http.middleware.flask import PaymentMiddleware

from farthing_x402 import FarthingServerScheme, discover

facilitator = os.environ.get("FACILITATOR", "http://127.0.0.1:3339/x402")
paid = discover(facilitator)

x402 = x402ResourceServerSync(HTTPFacilitatorClientSync(FacilitatorConfig(url=facilitator)))
x402.register(paid["network"], FarthingServerScheme(paid["asset"], paid["decimals"]))

app = Flask(__name__)
tea = PaymentOption(
    scheme="exact",
    network=paid["network"],
    pay_to=paid["pay_to"],
    price=f"0.05 {paid['asset']}",
    max_timeout_seconds=60,
)
PaymentMiddleware(app, {"GET /tea": RouteConfig(accepts=tea, description="A cup of tea", mime_type="text/plain")}, x402)


@app.get("/tea")
def serve_tea() -> Response:
    return Response("here is your tea\n", mimetype="text/plain")


if __name__ == "__main__":
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "8402")), app, threaded=True)
    print(f"http://127.0.0.1:{server.port}/tea costs 0.05 {paid['asset']}", flush=True)
    server.serve_forever()
