"""Buys with requests and a wallet: python client.py http://127.0.0.1:8402/tea"""

import os
import sys

from x402 import x402ClientSync
from x402.http.clients.requests import x402_requests

from farthing_x402 import FarthingClientScheme

client = x402ClientSync()
client.register("farthing:*", FarthingClientScheme(max_amount="0.10", unit=os.environ.get("UNIT", "EUR")))

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8402/tea"
with x402_requests(client) as session:
    answer = session.get(url, allow_redirects=False)
sys.stdout.write(answer.text)
sys.exit(0 if answer.ok else 1)
