"""Settings of REST services."""

from __future__ import annotations

import msgspec

from chaincode_adapters.common_settings import Common

__all__ = ["RestSettings"]


class RestSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rest"):
    """A service described by the TOML file ``service``, at ``url``.

    ``key`` is the file of the private key or secret that signs requests, ``values`` what the
    service file calls by name and differs by account (an application's id, an access key's),
    ``ca`` a PEM file of the authorities that certify the server, where they are not the usual ones.
    """

    url: str
    service: str
    key: str = ""
    values: dict[str, str] = msgspec.field(default_factory=dict)
    ca: str = ""
