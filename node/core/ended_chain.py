"""What a chain that has ended hands to whoever makes the genesis that continues it.

``evidence-node migrate prepare`` writes it: ``evidence-predecessor/1``, docs/spec/genesis.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_json_object
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_integer
from node.core.genesis import Predecessor, read_predecessor

__all__ = ["ENDED_FORMAT", "MAX_ENDED_BYTES", "EndedChain", "decode_ended_chain"]

ENDED_FORMAT = "evidence-predecessor/1"
MAX_ENDED_BYTES = 4096


@dataclass(frozen=True)
class EndedChain:
    """The chain's last point, the ``initial_height`` that the genesis which continues it has to
    have, and the time, in ms, after which its ``genesis_time`` must be."""

    predecessor: Predecessor
    initial_height: int
    genesis_time_after: int

    def to_json(self) -> dict[str, Any]:
        """The file's content."""
        return {
            "format": ENDED_FORMAT,
            "genesis_time_after": self.genesis_time_after,
            "initial_height": self.initial_height,
            "predecessor": self.predecessor.to_json(),
        }

    def members_of(self, genesis_time: int) -> dict[str, Any]:
        """The members of a genesis document that say what it continues, and from when.

        Raises:
            InvalidEncoding: ``genesis_time``, in ms, is not after the chain's end.
        """
        if genesis_time <= self.genesis_time_after:
            raise InvalidEncoding("genesis_time", f"must be after {self.genesis_time_after}")
        return {
            "genesis_time": genesis_time,
            "initial_height": self.initial_height,
            "predecessor": self.predecessor.to_json(),
        }


def decode_ended_chain(data: bytes) -> EndedChain:
    """Decode a predecessor file.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = decode_json_object(data, place="predecessor file", max_bytes=MAX_ENDED_BYTES)
    place = "predecessor file"
    exact_members(value, place, ("format", "genesis_time_after", "initial_height", "predecessor"))
    if value["format"] != ENDED_FORMAT:
        raise InvalidEncoding(f"{place}.format", f"must be {ENDED_FORMAT}")
    return EndedChain(
        predecessor=read_predecessor(value["predecessor"], f"{place}.predecessor"),
        initial_height=read_integer(value["initial_height"], f"{place}.initial_height", least=3),
        genesis_time_after=read_integer(value["genesis_time_after"], f"{place}.genesis_time_after"),
    )
