"""Settings of Hyperledger Fabric channels."""

from __future__ import annotations

from chaincode_adapters.common_settings import Common

__all__ = ["FabricSettings"]


class FabricSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="fabric"):
    """A channel behind the gateway service of a peer at ``endpoint``."""

    endpoint: str
    channel: str
    chaincode: str
    msp_id: str
    certificate: str
    key: str
