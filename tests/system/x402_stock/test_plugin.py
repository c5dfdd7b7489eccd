"""What the plug-in refuses, without a network."""

import json
import sys
import unittest
from types import SimpleNamespace

from x402.schemas import AssetAmount, PaymentRequirements

from farthing_x402 import FarthingClientScheme, FarthingServerScheme

ENTRY = PaymentRequirements(
    scheme="exact", network="farthing:x", amount="5", asset="EUR", pay_to="p", max_timeout_seconds=60, extra={"a": 1}
)
ECHO = "import json, sys; print(json.dumps({'payload': json.load(sys.stdin)}))"


def fake(text: str) -> FarthingClientScheme:
    client = FarthingClientScheme(max_amount="0.10", unit="EUR", patience=0.3)
    client._command = [sys.executable, "-c", text]
    return client


def refusal(code: str, exit_code: int) -> str:
    answer = json.dumps({"error": {"code": code, "message": "no"}})
    return f"import sys; print({answer!r}); sys.exit({exit_code})"


class Server(unittest.TestCase):
    euros = FarthingServerScheme("EUR", 2)

    def test_prices_are_exact(self) -> None:
        for price, amount in [
            ("0.05", "5"),
            ("0.05 EUR", "5"),
            (0.05, "5"),
            ("1", "100"),
            (12, "1200"),
            ("00.10", "10"),
            ({"amount": "7", "asset": "EUR"}, "7"),
            (AssetAmount(amount="7", asset="EUR"), "7"),
            ("92233720368547758.07", "9223372036854775807"),
        ]:
            self.assertEqual(self.euros.parse_price(price, "farthing:x").amount, amount)
        for price in [
            *["0", "0.00", "0.005", "$0.05", "0.05 USD", "0.05EUR", "-1", "1e2", "", ".5", "5.", "1 000", "٥"],
            *[float("nan"), 1e21, "92233720368547758.08"],
            *[{"amount": "5", "asset": "USD"}, {"amount": "05", "asset": "EUR"}, {"amount": "0.5", "asset": "EUR"}],
        ]:
            with self.assertRaises(ValueError, msg=price):
                self.euros.parse_price(price, "farthing:x")
        self.assertEqual(FarthingServerScheme("USD", 6).parse_price("$0.05", "farthing:x").amount, "50000")
        for asset, decimals in [("a b", 2), ("EUR", -1)]:
            with self.assertRaises(ValueError):
                FarthingServerScheme(asset, decimals)

    def test_a_verifier_that_is_paid_otherwise_is_found_out(self) -> None:
        def judge(**change: object) -> str | None:
            kind = SimpleNamespace(extra={"payTo": "p", "asset": "EUR", "decimals": 2, **change})
            return self.euros.validate_facilitator_support("farthing:x", kind, [])

        self.assertIsNone(judge())
        self.assertIn("paid in USD", judge(asset="USD"))
        self.assertIn("3 decimals", judge(decimals=3))
        kind = SimpleNamespace(extra={"payTo": "p"})
        vacant = ENTRY.model_copy(update={"pay_to": ""})
        self.assertEqual(self.euros.enhance_payment_requirements(vacant, kind, []).pay_to, "p")
        other = ENTRY.model_copy(update={"pay_to": "q"})
        with self.assertRaises(ValueError):
            self.euros.enhance_payment_requirements(other, kind, [])


class Client(unittest.TestCase):
    def test_the_wallets_answer_is_passed_on_and_so_is_its_refusal(self) -> None:
        said = fake(ECHO).create_payment_payload(ENTRY)
        self.assertEqual((said["payTo"], said["maxTimeoutSeconds"], said["extra"]), ("p", 60, {"a": 1}))
        for text, message in [
            (refusal("insufficient_funds", 4), r"no \(insufficient_funds\)"),
            (refusal("wallet_in_use", 5), "wallet_in_use"),
            ("print('babble')", "it ended with 0"),
            ("print('[]')", "it ended with 0"),
        ]:
            with self.assertRaisesRegex(RuntimeError, message):
                fake(text).create_payment_payload(ENTRY)
        cap = SimpleNamespace(max_amount_per_payment="4")
        with self.assertRaisesRegex(ValueError, "limit"):
            fake(ECHO).create_payment_payload(ENTRY, context=cap)
        missing = FarthingClientScheme(max_amount="1", unit="EUR", command="/nowhere/farthing")
        with self.assertRaises(FileNotFoundError):
            missing.create_payment_payload(ENTRY)

    def test_the_unit_is_made_known(self) -> None:
        client = FarthingClientScheme(max_amount="1", unit="EUR")
        self.assertEqual(
            client.find_default_asset("EUR", "farthing:x"), {"asset": "EUR", "decimals": 2, "symbol": "EUR"}
        )
        self.assertIsNone(client.find_default_asset("USD", "farthing:x"))
        self.assertIsNone(client.find_default_asset("EUR", "eip155:1"))


if __name__ == "__main__":
    unittest.main()
