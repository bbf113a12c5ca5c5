"""Settings of time-stamp authorities (RFC 3161)."""

from __future__ import annotations

from chaincode_adapters.common_settings import Common

__all__ = ["TsaSettings"]


class TsaSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rfc3161"):
    """An authority at ``url``; ``roots`` are PEM files with the certificates that are trusted."""

    url: str
    roots: list[str]
