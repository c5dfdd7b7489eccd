"""Sell and buy for Farthing tokens with the x402 library."""

from .client import FarthingClientScheme
from .server import FarthingServerScheme, discover

__all__ = ["FarthingClientScheme", "FarthingServerScheme", "discover"]
