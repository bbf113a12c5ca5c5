"""Settings of EVM chains."""

from __future__ import annotations

from chaincode_adapters.common_settings import Common

__all__ = ["EmbeddedSettings", "EvmSettings"]


class EvmSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="evm"):
    """A chain behind a JSON-RPC node at ``url``; ``key`` is the file of the account's key."""

    url: str
    contract: str
    key: str


class EmbeddedSettings(
    Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="evm-embedded"
):
    """The development chain inside this node, in the directory ``path``."""

    path: str = "anchors/embedded"
