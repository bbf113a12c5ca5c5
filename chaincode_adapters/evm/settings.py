"""Settings of EVM chains."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chaincode_adapters.common_settings import Common, Milliseconds, Natural, Positive

__all__ = ["EmbeddedSettings", "EvmSettings"]

_Address = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]


class EvmSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="evm"):
    """A chain behind a JSON-RPC node at ``url``.

    ``chain_id`` is the chain's number (EIP-155), ``contract`` the anchor contract's address,
    ``key`` the file of the account's key. A block is final when the chain's ``finalized`` block
    is at or above it, or, where ``depth`` is given, when it has that many blocks on top.
    ``gas_price`` (wei) is paid instead of what the node suggests, ``most_gas_price`` is never
    exceeded. ``from_block`` is the one that the contract was deployed in: its events are not looked
    for before it. ``ca`` is a PEM file of the authorities that certify the node, where they are
    not the usual ones.
    """

    url: str
    chain_id: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    contract: _Address
    key: str
    depth: Positive | None = None
    gas_limit: Positive = 400_000
    gas_price: Natural | None = None
    most_gas_price: Positive | None = None
    from_block: Natural = 0
    ca: str = ""

    def __repr__(self) -> str:
        """Without the URL, into which keys for the node are put."""
        return f"EvmSettings({self.name})"


class EmbeddedSettings(
    Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="evm-embedded"
):
    """The development chain inside this node, in the directory ``path``."""

    path: str = "anchors/embedded"
    poll_ms: Milliseconds = 200
