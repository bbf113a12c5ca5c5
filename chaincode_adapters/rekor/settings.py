"""Settings of rekor logs."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chaincode_adapters.common_settings import Common

__all__ = ["RekorSettings", "Witness"]


class Witness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who cosigns the log's checkpoints: ``operator`` runs it, ``key`` is its verifier key."""

    operator: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    key: Annotated[str, msgspec.Meta(max_length=1000)]


class RekorSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rekor"):
    """A log at ``url``; ``key`` is the file of the key that signs its entries (PEM, P-256),
    ``log_key`` the verifier key of its checkpoints, ``witnesses`` those whose cosignatures count.

    ``tiles`` is where its tiles are read, where that is not ``url`` + ``/api/v2``; ``ca`` a PEM
    file of the authorities that certify the server, where they are not the usual ones.
    """

    url: str
    key: str
    log_key: str
    witnesses: Annotated[list[Witness], msgspec.Meta(max_length=32)] = msgspec.field(
        default_factory=list
    )
    tiles: str = ""
    ca: str = ""
