"""Settings of rekor logs."""

from __future__ import annotations

from chaincode_adapters.common_settings import Common

__all__ = ["RekorSettings"]


class RekorSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="rekor"):
    """A log at ``url``; ``key`` is the file of the key that signs its entries, ``log_key`` the
    verifier key of its checkpoints."""

    url: str
    key: str
    log_key: str
