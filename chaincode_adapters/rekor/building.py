"""Building the adapter of a rekor log from its settings."""

from __future__ import annotations

from chaincode_adapters.port import AnchorAdapter, Surroundings
from chaincode_adapters.rekor.adapter import RekorAdapter
from chaincode_adapters.rekor.settings import RekorSettings
from chaincode_adapters.rekor.signing import read_entry_key
from chaincode_adapters.rest.exchange import Exchange, check_url

__all__ = ["build"]

_MAX_ANSWER = 1 << 20


def build(settings: RekorSettings, surroundings: Surroundings) -> AnchorAdapter:
    """The adapter. Reads the key file.

    Raises:
        Misconfigured: names the member and the rule.
    """
    tiles = settings.tiles or f"{check_url(settings.url)}/api/v2"
    exchange = Exchange(
        settings.url,
        timeout_ms=settings.timeout_ms,
        most=_MAX_ANSWER,
        authorities=surroundings.home / settings.ca if settings.ca else None,
        others=(tiles,),
    )
    key = read_entry_key(surroundings.home / settings.key)
    return RekorAdapter(settings, key, exchange, check_url(tiles), surroundings)
