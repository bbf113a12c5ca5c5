"""What was recorded from a real Fabric network (tests/vectors/fabric), ready for tests."""

from __future__ import annotations

import base64
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_protos.common import common_pb2

from chaincode_adapters.fabric.receipts import block_member, channel_members, decode_block
from node.core.anchors.point import AnchorPoint
from node.core.trust import Trust

__all__ = [
    "FOLDER",
    "ROOT_1000",
    "ROOT_2000",
    "ROOT_3000",
    "RecordedPoint",
    "blocks",
    "exchanges",
    "recorded",
    "recorded_blocks",
    "recorded_receipt",
    "recorded_trust",
    "trust_entry",
]

FOLDER = Path(__file__).parents[1] / "vectors" / "fabric"
ROOT_1000 = "1665e13273a41193423c79f8f8507e8c7f7e93b79b8715d6a8a9855409f3dfb1"
ROOT_2000 = "fb19fefa10f1d819c2f8543e88397c0cb246c94c8df4f6093100f9a9600a08c7"
ROOT_3000 = "7318ede26825fbdff5fc793b3deb7e129e38feb721772d3ec7b2be506abdaf30"
"""What the recorded transactions attest for the chain ``audit`` at these sizes."""


@dataclass(frozen=True)
class RecordedPoint(AnchorPoint):
    """A point whose digest is what was attested in the recording, which knew no points of ours."""

    attested: str = ROOT_1000

    @classmethod
    def of(cls, size: int = 1000, attested: str = ROOT_1000, chain_id: str = "audit") -> Any:
        return cls(chain_id, 7, size, bytes(32), bytes(32), bytes(32), attested)

    def digest(self) -> bytes:
        return bytes.fromhex(self.attested)


@functools.cache
def recorded() -> dict[str, Any]:
    """The recorded exchanges, with what stands beside them."""
    return json.loads((FOLDER / "fabric-3.1-exchange.json").read_text("utf-8"))


@functools.cache
def recorded_blocks() -> dict[str, Any]:
    """The recorded blocks, with what stands beside them."""
    return json.loads((FOLDER / "fabric-3.1-blocks.json").read_text("utf-8"))


@functools.cache
def exchanges() -> dict[str, dict[str, Any]]:
    """The recorded exchanges by name."""
    return {exchange["name"]: exchange for exchange in recorded()["exchanges"]}


@functools.cache
def blocks(channel: str) -> tuple[common_pb2.Block, ...]:
    """The blocks of a channel, from block 0."""
    items = recorded_blocks()["channels"][channel]["blocks"]
    return tuple(decode_block(base64.b64decode(item["bytes"])) for item in items)


def trust_entry(channel: str, **changes: Any) -> dict[str, Any]:
    """The entry of a trust file for a recorded channel."""
    return {
        **channel_members(blocks(channel)[0]),
        "chaincode": "anchor",
        "channel": channel,
        "endorsements_needed": 2,
        "genesis": recorded_blocks()["channels"][channel]["genesis_header_hash"],
        "kind": "fabric",
        "name": "court-channel",
        "operator": "Court consortium",
        "time_window_ms": 900_000,
        **changes,
    }


def recorded_trust(*entries: dict[str, Any]) -> Trust:
    """A trust file with these entries."""
    return Trust("audit", bytes(32), anchors=entries)


def recorded_receipt(channel: str, number: int, position: int = 0) -> dict[str, Any]:
    """A receipt made of a recorded block, with the link to block 0."""
    all_blocks = blocks(channel)
    block = all_blocks[number]
    payload = common_pb2.Payload.FromString(
        common_pb2.Envelope.FromString(block.data.data[position]).payload
    )
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    between = [one.header.data_hash.hex() for one in all_blocks[1:number]]
    return {
        "block": block_member(block),
        "link": {"data_hashes": between, "from": 0},
        "position": position,
        "transaction": header.tx_id,
    }
