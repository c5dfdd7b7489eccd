"""The client's half: pays from a wallet of ``farthing``, which runs as a child process and is told what to pay on its standard input."""

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

from .server import SCHEME

LOCKED = 5
"""The exit code of a wallet that another process has open."""


class FarthingClientScheme:
    """What ``x402ClientSync.register("farthing:*", …)`` takes.

    With the asynchronous ``x402Client`` it works as well, and holds up the event loop while the wallet pays.
    """

    scheme = SCHEME

    def __init__(
        self,
        max_amount: str,
        unit: str,
        decimals: int = 2,
        command: str = "farthing",
        args: Sequence[str] = (),
        patience: float = 10.0,
    ) -> None:
        """``max_amount`` is the most that one payment may cost, such as ``"0.10"``, in the unit of this code.

        ``args`` are more options of ``farthing wallet``, such as ``["--dir", "/home/me/wallet"]``; ``patience`` says for how many
        seconds to wait for a wallet that is in use. The program is never run through a shell.
        """
        self.unit = unit
        self.decimals = decimals
        self._patience = patience
        self._command = [command, "wallet", *args, "pay", "--x402", "-", "--json", "--quiet"]
        self._command += ["--max-amount", max_amount, "--unit", unit]
        # One wallet does one thing at a time.
        self._alone = threading.Lock()

    def find_default_asset(self, asset: str, network: str) -> dict[str, Any] | None:
        """Tells the library's spend controls how amounts of the unit are written.

        Their cap counts in it: ``"$1"`` is one of the unit.
        """
        if asset != self.unit or not network.startswith("farthing:"):
            return None
        return {"asset": asset, "decimals": self.decimals, "symbol": asset.upper()}

    def create_payment_payload(self, requirements: Any, context: Any = None) -> dict[str, Any]:
        """Makes the payment. What becomes of it, the wallet settles with the mint by itself."""
        cap = getattr(context, "max_amount_per_payment", None)
        if cap is not None and int(requirements.amount) > int(cap):
            raise ValueError("the price is above the spend controls' limit")
        entry = json.dumps(requirements.model_dump(by_alias=True, exclude_none=True))
        with self._alone:
            return self._pay(entry)["payload"]

    def _pay(self, entry: str) -> dict[str, Any]:
        until = time.monotonic() + self._patience
        while True:
            ended = subprocess.run(self._command, input=entry, stdout=subprocess.PIPE, encoding="utf-8", check=False)
            answer = _read(ended.stdout)
            if ended.returncode == 0 and "payload" in answer:
                return answer
            error = answer.get("error", {})
            reason = error.get("code", "failed")
            if ended.returncode != LOCKED or reason != "wallet_in_use" or time.monotonic() > until:
                message = error.get("message", f"it ended with {ended.returncode}")
                raise RuntimeError(f"farthing wallet: {message} ({reason})")
            time.sleep(0.1)


def _read(output: str) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
