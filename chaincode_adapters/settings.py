"""The settings of all kinds of adapters: one ``[[anchors.to]]`` table of ``node.toml`` each.

Nothing but msgspec is imported here, so that a configuration can be read without any adapter.
"""

from __future__ import annotations

from chaincode_adapters.evm.settings import EmbeddedSettings, EvmSettings
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.rekor.settings import RekorSettings
from chaincode_adapters.rest.settings import RestSettings
from chaincode_adapters.rfc3161.settings import TsaSettings

__all__ = ["AdapterSettings"]

AdapterSettings = (
    EvmSettings | EmbeddedSettings | FabricSettings | TsaSettings | RestSettings | RekorSettings
)
"""Told apart by ``kind``."""
