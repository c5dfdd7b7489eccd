"""A shop on the stock library whose handlers do what the tests need. It counts how often each of them ran."""

import json
import os

from flask import Flask, Response
from werkzeug.serving import make_server
from x402 import x402ResourceServerSync
from x402.http import FacilitatorConfig, HTTPFacilitatorClientSync, PaymentOption, RouteConfig
from x402.http.middleware.flask import PaymentMiddleware

from farthing_x402 import FarthingServerScheme, discover

facilitator = os.environ["FACILITATOR"]
paid = discover(facilitator)
x402 = x402ResourceServerSync(HTTPFacilitatorClientSync(FacilitatorConfig(url=facilitator)))
x402.register(paid["network"], FarthingServerScheme(paid["asset"], paid["decimals"]))
app = Flask(__name__)
ran = {}


def route(price, flow=None):
    option = PaymentOption(
        scheme="exact",
        network=paid["network"],
        pay_to=paid["pay_to"],
        price=price,
        max_timeout_seconds=60,
        extra={"paymentFlow": flow} if flow else None,
    )
    return RouteConfig(accepts=option)


late = "authorization"
PaymentMiddleware(
    app,
    {
        "GET /tea": route("0.05"),
        "GET /fails": route(0.05),
        "GET /late": route("0.05 EUR", late),
        "GET /late-fails": route("0.05", late),
        "GET /cheaper": route("0.05", late),
        "GET /dear": route("2.00"),
    },
    x402,
)


def serve(path, body, status=200, **headers):
    ran[path] = ran.get(path, 0) + 1
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status=status, mimetype="text/plain", headers=named)


app.add_url_rule("/ran", "ran", lambda: Response(json.dumps(ran), mimetype="application/json"))
app.add_url_rule("/tea", "tea", lambda: serve("/tea", "tea"))
app.add_url_rule("/late", "late", lambda: serve("/late", "late tea"))
app.add_url_rule("/dear", "dear", lambda: serve("/dear", "dear tea"))
app.add_url_rule("/fails", "fails", lambda: serve("/fails", "no tea", 500))
app.add_url_rule("/late-fails", "late-fails", lambda: serve("/late-fails", "no tea", 500))
overrides = json.dumps({"amount": "4"})
app.add_url_rule("/cheaper", "cheaper", lambda: serve("/cheaper", "cheap tea", Settlement_Overrides=overrides))

server = make_server("127.0.0.1", 0, app, threaded=True)
print(f"http://127.0.0.1:{server.port}", flush=True)
server.serve_forever()
