"""The values that a service file's templates are filled with, and the id of a request.

The id follows from the service, the member and the point alone, so that it is the same after a
restart, and a service that knows it has this very point already.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from node.core.anchors.canonical_string import names_in, point_values
from node.core.anchors.point import AnchorPoint

__all__ = [
    "ACCOUNT_NAME",
    "BUILT_IN",
    "SIGNED_NAMES",
    "names_used",
    "request_id",
    "request_values",
    "with_quoted",
]

ACCOUNT_NAME = r"[a-z][a-z0-9_]{0,39}"
"""What the names in the settings' ``values`` must match."""
_TIMES = ("time_china", "time_ms", "time_rfc3339", "time_s")
SIGNED_NAMES = ("body", "body_sha256", "body_sm3", "method", "path", "query")
"""Known once the request is made: for ``sign`` and headers only."""
BUILT_IN = frozenset(
    (
        "chain_id",
        "digest",
        "digest_base64",
        "digest_upper",
        "document",
        "document_base64",
        "document_sm3",
        "document_sm3_base64",
        "header",
        "height",
        "member",
        "random",
        "request_id",
        "root",
        "signature",
        "size",
        "state_root",
        *_TIMES,
        *SIGNED_NAMES,
    )
)
_CHINA = timezone(timedelta(hours=8))


def request_id(form: str, service: str, member: str, point: AnchorPoint) -> str:
    """The id of the request that anchors ``point``: SHA-256 over the four, each with its length, in
    the form that the service wants."""
    seed = hashlib.sha256(b"evidence-rest-request/1")
    for text in (service, member, point.chain_id):
        raw = text.encode("utf-8")
        seed.update(len(raw).to_bytes(4, "big") + raw)
    digest = seed.copy()
    digest.update(point.digest())
    raw = digest.digest()
    if form == "uuid":
        return str(uuid.UUID(bytes=raw[:16], version=4))
    if form == "digits20":
        return str(int.from_bytes(raw[:16], "big") % 10**20).rjust(20, "0")
    return raw.hex()[: 32 if form == "hex32" else 64]


def request_values(
    point: AnchorPoint, identity: str, member: str, account: Mapping[str, str], now: int
) -> dict[str, str]:
    """Every value but those that the request itself gives; ``now`` is in ms."""
    moment = datetime.fromtimestamp(now // 1000, UTC)
    return {
        **account,
        **point_values(point),
        "member": member,
        "random": secrets.token_hex(16),
        "request_id": identity,
        "time_china": moment.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M:%S"),
        "time_ms": str(now),
        "time_rfc3339": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "time_s": str(now // 1000),
    }


def with_quoted(values: Mapping[str, str]) -> dict[str, str]:
    """The values, and each percent-encoded (RFC 3986 §2.3) as ``url:<name>``."""
    return {**values, **{f"url:{name}": quote(text, safe="") for name, text in values.items()}}


def names_used(value: Any, place: str) -> Iterable[tuple[str, str]]:
    """(name, place) of each placeholder in a tree of tables, arrays and text. ``{int:x}`` and
    ``{url:x}`` are x.

    Raises:
        InvalidEncoding: a stray brace.
    """
    if isinstance(value, str):
        for name in names_in(value, place=place):
            yield name.removeprefix("int:").removeprefix("url:"), place
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from names_used(member, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            yield from names_used(member, f"{place}[{index}]")
