#!/usr/bin/env python3
"""Reports what came in on a bank account to a mint: python3 bank.py WEBHOOK SECRET_FILE < statement.csv

Lines of the statement: the bank's id of the entry, the amount as 12.50, what the payer wrote. Give it the whole statement
every day: the mint credits each entry once. What left the account is passed over. An entry that was not taken keeps none of the
others back; it is named, and the script ends with 1.
"""
import base64, csv, decimal, hmac, json, re, sys, time, urllib.error, urllib.request

webhook, secret_file = sys.argv[1:]
with open(secret_file) as file:
    key = base64.b64decode(file.readline().strip().removeprefix("whsec_"))


def report(entry, amount, text):
    cents = decimal.Decimal(amount) * 100
    if cents <= 0:
        return "skipped"
    if cents != int(cents):
        raise ValueError("the amount has more than two places")
    name = re.search(r"FQ([\s-]?[A-Z2-7]){16}", text.upper())
    payment = {"id": "bank-" + entry, "quote": re.sub(r"[\s-]", "", name[0]) if name else text[:60], "amount": str(int(cents)), "unit": "EUR"}
    body, message, now = json.dumps(payment).encode(), payment["id"], str(int(time.time()))
    signature = base64.b64encode(hmac.digest(key, f"{message}.{now}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": message, "webhook-timestamp": now, "webhook-signature": "v1," + signature}
    with urllib.request.urlopen(urllib.request.Request(webhook, body, headers), timeout=30) as answer:
        return json.load(answer)["state"]


failed = False
sys.stdin.reconfigure(errors="replace", newline="")
for line in filter(str.strip, sys.stdin):
    # Each line by itself: a quotation mark that a payer left open must not swallow the entries behind it.
    try:
        [(entry, amount, text)] = csv.reader([line.replace("\0", "")], strict=True)
        print(entry, amount, report(entry, amount, text), flush=True)
    except Exception as error:
        said = error.read().decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else ""
        print("not taken:", line, error, said, file=sys.stderr)
        failed = True
sys.exit(failed)
