"""The server's half: prices in a mint's unit, for any server built on ``x402ResourceServer``."""

import json
import re
import urllib.request
from typing import Any

from x402.schemas import AssetAmount

SCHEME = "exact"
"""The scheme of x402: exactly this amount."""

MOST = 2**63 - 1
"""The largest amount of Farthing, in smallest units."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody anywhere."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def discover(facilitator: str) -> dict[str, Any]:
    """Asks a verifier which payments it settles: ``network``, ``pay_to``, ``asset``, ``decimals``.

    ``facilitator`` is its address, such as ``http://127.0.0.1:3339/x402``.
    """
    opener = urllib.request.build_opener(_Stay)
    with opener.open(f"{facilitator.rstrip('/')}/supported", timeout=30) as answer:
        kinds = json.load(answer)["kinds"]
    for kind in kinds:
        if kind["x402Version"] == 2 and kind["scheme"] == SCHEME and kind["network"].startswith("farthing:"):
            extra = kind["extra"]
            return {
                "network": kind["network"],
                "pay_to": extra["payTo"],
                "asset": extra["asset"],
                "decimals": extra["decimals"],
            }
    raise ValueError("this is not the facilitator of a Farthing verifier")


class FarthingServerScheme:
    """What ``x402ResourceServer.register(network, …)`` takes."""

    scheme = SCHEME
    default_asset_transfer_method = "default"

    # Settled first, served then: nobody can make a handler run twice for one payment. A route may choose otherwise with
    # the extra paymentFlow "authorization": then a payment stays spendable when its handler fails.
    payment_flows = {"default": {"supported": ("upfront", "authorization"), "default": "upfront"}}

    def __init__(self, asset: str, decimals: int) -> None:
        """``asset`` is the code of the mint's unit, such as EUR, as :func:`discover` tells it."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", asset):
            raise ValueError("asset: the code of a unit, such as EUR")
        if decimals < 0:
            raise ValueError("decimals: a whole number")
        self.asset = asset
        self.decimals = decimals

    def parse_price(self, price: Any, network: str) -> AssetAmount:
        """``0.05``, ``"0.05"``, ``"0.05 EUR"``, or an ``AssetAmount`` of smallest units. Nothing is ever rounded."""
        if isinstance(price, dict):
            price = AssetAmount(**price)
        if not isinstance(price, AssetAmount):
            price = AssetAmount(amount=self._units(str(price).strip()), asset=self.asset)
        if price.asset != self.asset:
            raise ValueError(f"the price is not in {self.asset}, which is what {network} is here")
        if not re.fullmatch(r"[1-9][0-9]{0,18}", price.amount) or int(price.amount) > MOST:
            raise ValueError("the price is zero, or no amount")
        return price

    def get_asset_decimals(self, asset: str, network: str) -> int | None:
        """Decimals, for whoever shows amounts."""
        return self.decimals if asset == self.asset else None

    def validate_facilitator_support(self, network: str, supported_kind: Any, extensions: list[str]) -> str | None:
        """Says at the start what would be refused later."""
        extra = supported_kind.extra or {}
        asset, decimals = extra.get("asset"), extra.get("decimals")
        if (asset, decimals) == (self.asset, self.decimals):
            return None
        return (
            f"the verifier is paid in {asset} with {decimals} decimals, not in {self.asset} with {self.decimals}"
        )

    def enhance_payment_requirements(self, requirements: Any, supported_kind: Any, extensions: list[str]) -> Any:
        """Refuses to ask for payments that the verifier would refuse."""
        payee = (supported_kind.extra or {}).get("payTo")
        pay_to = requirements.pay_to.strip() or payee
        if pay_to != payee:
            raise ValueError("pay_to is not the payee of the verifier")
        return requirements.model_copy(update={"pay_to": pay_to})

    def _units(self, price: str) -> str:
        match = re.fullmatch(r"(\$?)([0-9]+)(?:\.([0-9]+))?(?: +([A-Za-z0-9_-]+))?", price)
        if not match:
            raise ValueError(f'{price} is no price, such as "0.05 {self.asset}"')
        dollar, whole, part, code = match.groups(default="")
        if (code or ("USD" if dollar else self.asset)) != self.asset:
            raise ValueError(f"{price} is not in {self.asset}")
        if len(part) > self.decimals:
            raise ValueError(f"{price} is finer than {self.asset}, which has {self.decimals} decimals")
        return (whole + part.ljust(self.decimals, "0")).lstrip("0")
