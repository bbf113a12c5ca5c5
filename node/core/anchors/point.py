"""The anchor point: what all members put on outside chains alike (docs/spec/anchors.md).

A point stands for the log and the state map after one block. Its document is canonical JSON, so
that whoever holds it can hash it with any tool and compare the hash with what an outside chain or a
time-stamp authority has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_hash, read_integer, read_text

__all__ = ["POINT_FORMAT", "AnchorPoint"]

POINT_FORMAT = "evidence-anchor/1"


@dataclass(frozen=True)
class AnchorPoint:
    """Log and state map after the block at ``height``.

    ``size`` and ``root`` are the log's, ``state_root`` the state map's, ``header`` is the hash of
    the header at ``height`` + 1, whose app_hash is that of the three. 32 bytes each.
    """

    chain_id: str
    height: int
    size: int
    root: bytes
    state_root: bytes
    header: bytes

    def to_json(self) -> dict[str, Any]:
        """The document as an object."""
        return {
            "chain_id": self.chain_id,
            "format": POINT_FORMAT,
            "header": self.header.hex(),
            "height": self.height,
            "root": self.root.hex(),
            "size": self.size,
            "state_root": self.state_root.hex(),
        }

    @classmethod
    def from_json(cls, value: Any, place: str = "point") -> AnchorPoint:
        """Decode a document. Raises InvalidInput."""
        members = exact_members(
            value,
            place,
            ("chain_id", "format", "header", "height", "root", "size", "state_root"),
        )
        if members["format"] != POINT_FORMAT:
            raise InvalidEncoding(f"{place}.format", f"must be {POINT_FORMAT}")
        return cls(
            chain_id=read_text(members["chain_id"], f"{place}.chain_id", most=50),
            height=read_integer(members["height"], f"{place}.height"),
            size=read_integer(members["size"], f"{place}.size", least=1),
            root=read_hash(members["root"], f"{place}.root"),
            state_root=read_hash(members["state_root"], f"{place}.state_root"),
            header=read_hash(members["header"], f"{place}.header"),
        )

    def document(self) -> bytes:
        """The document's bytes: what a time-stamp is of."""
        return canonical_json(self.to_json())

    def digest(self) -> bytes:
        """SHA-256 of the document: what outside chains hold."""
        return hashlib.sha256(self.document()).digest()
