"""Settings of REST services."""

from __future__ import annotations

from chaincode_adapters.common_settings import Common

__all__ = ["RestSettings"]


class RestSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rest"):
    """A service described by the TOML file ``service``, at ``url``."""

    url: str
    service: str
