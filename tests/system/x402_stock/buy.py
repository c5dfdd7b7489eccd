"""Buys one thing with the stock client, and says what went over the wire."""

import base64
import json
import sys

from x402 import x402ClientSync
from x402.http.clients.requests import x402_http_adapter
import requests

from farthing_x402 import FarthingClientScheme

url, *rest = sys.argv[1:]
client = x402ClientSync()
client.register("farthing:*", FarthingClientScheme(max_amount=rest[0] if rest else "0.10", unit="EUR"))
with requests.Session() as session:
    session.mount("http://", x402_http_adapter(client))
    try:
        answer = session.get(url, allow_redirects=False)
        said = answer.headers.get("PAYMENT-RESPONSE")
        settled = json.loads(base64.b64decode(said)) if said else None
        sent = answer.request.headers.get("PAYMENT-SIGNATURE")
        print(json.dumps({"status": answer.status_code, "body": answer.text, "settled": settled, "sent": sent}))
    except Exception as error:
        print(json.dumps({"error": str(error), "sent": None}))
