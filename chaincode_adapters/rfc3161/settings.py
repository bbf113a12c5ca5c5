"""Settings of time-stamp authorities (RFC 3161)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chaincode_adapters.common_settings import Common, Natural

__all__ = ["TsaSettings"]

_Oid = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-2](?:\.(?:0|[1-9][0-9]{0,38})){1,20})?$")]


class TsaSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rfc3161"):
    """An authority at ``url``; ``roots`` are PEM files with the certificates that are trusted.

    ``policy`` is the object identifier asked for, "" for whichever the authority has. ``user`` and
    ``password_file`` are for HTTP's basic authentication, ``client_certificate`` and ``client_key``
    for TLS with a certificate of one's own, ``tls_roots`` is a PEM file with the roots of the
    authority's TLS certificate where these are not the system's. ``clock_tolerance_ms`` is how far
    the authority's time may be from this node's, 0 for any.
    """

    url: str
    roots: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    policy: _Oid = ""
    user: str = ""
    password_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_roots: str = ""
    clock_tolerance_ms: Natural = 300_000
