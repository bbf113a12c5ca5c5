"""Blocks of Hyperledger Fabric: what their hashes and their orderers' signatures are over.

Format: protos/common/common.proto, protoutil/blockutils.go of Fabric 2.x and 3.x.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_hash
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.fields import exact_members, read_each, read_integer, read_list, read_text

__all__ = [
    "MAX_BLOCK_BYTES",
    "BlockSignature",
    "FabricBlock",
    "header_der",
    "header_hash",
    "read_base64",
    "read_block",
    "read_link",
]

MAX_BLOCK_BYTES = 4 << 20
"""Of all data items of a receipt's block together: a block hash can only be shown with all."""
_MAX_ITEMS = 10_000
_MAX_LINK = 100_000


@dataclass(frozen=True)
class BlockSignature:
    """An orderer's signature. ``header`` is the bytes it signed between metadata and block header:
    a SignatureHeader with its identity, or of a consenter of SmartBFT (``by_number``) an
    IdentifierHeader that names it by number."""

    header: bytes
    by_number: bool
    signature: bytes


@dataclass(frozen=True)
class FabricBlock:
    """A block as a receipt has it: header, all data items, and the orderers' signatures with the
    metadata value that they cover. Nothing in it is believed before these are checked."""

    number: int
    previous_hash: bytes
    data: tuple[bytes, ...]
    metadata: bytes
    signatures: tuple[BlockSignature, ...]

    def data_hash(self) -> bytes:
        """SHA-256 of the data items, one after the other."""
        return hashlib.sha256(b"".join(self.data)).digest()

    def header(self) -> bytes:
        """The header's DER."""
        return header_der(self.number, self.previous_hash, self.data_hash())

    def hash(self) -> bytes:
        """What the next block names as its previous_hash."""
        return hashlib.sha256(self.header()).digest()

    def signed_by(self, signature: BlockSignature) -> bytes:
        """What ``signature`` is over."""
        return self.metadata + signature.header + self.header()


def header_der(number: int, previous_hash: bytes, data_hash: bytes) -> bytes:
    """DER of SEQUENCE { INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash }."""
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    content = _der(0x02, octets) + _der(0x04, previous_hash) + _der(0x04, data_hash)
    return _der(0x30, content)


def header_hash(number: int, previous_hash: bytes, data_hash: bytes) -> bytes:
    """SHA-256 of `header_der`."""
    return hashlib.sha256(header_der(number, previous_hash, data_hash)).digest()


def _der(tag: int, content: bytes) -> bytes:
    assert len(content) < 0x80, "two hashes and a number of 64 bits are shorter"
    return bytes((tag, len(content))) + content


def read_base64(value: Any, place: str, *, most: int, least: int = 1) -> bytes:
    """Canonical base64 (RFC 4648 §4) of ``least`` to ``most`` bytes."""
    text = read_text(value, place, most=-(-most // 3) * 4, least=0)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise InvalidEncoding(place, "must be canonical base64")
    if not least <= len(raw) <= most:
        raise InvalidEncoding(place, f"must be {least} to {most} bytes")
    return raw


def read_block(value: Any, place: str) -> FabricBlock:
    """Decode the ``block`` of a receipt. Raises InvalidInput."""
    members = exact_members(
        value, place, ("data", "metadata", "number", "previous_hash", "signatures")
    )
    data, total = [], 0
    for position, item in enumerate(
        read_list(members["data"], f"{place}.data", most=_MAX_ITEMS, least=1)
    ):
        data.append(read_base64(item, f"{place}.data[{position}]", most=MAX_BLOCK_BYTES))
        total += len(data[-1])
        if total > MAX_BLOCK_BYTES:
            raise InvalidEncoding(f"{place}.data", f"more than {MAX_BLOCK_BYTES} bytes together")
    return FabricBlock(
        number=read_integer(members["number"], f"{place}.number", least=1),
        previous_hash=decode_hash(members["previous_hash"], place=f"{place}.previous_hash"),
        data=tuple(data),
        metadata=read_base64(members["metadata"], f"{place}.metadata", most=65_536, least=0),
        signatures=_read_signatures(members["signatures"], f"{place}.signatures"),
    )


def _read_signatures(value: Any, place: str) -> tuple[BlockSignature, ...]:
    """In one order only, so that nobody can put them into another or one of them twice."""
    found = read_each(value, place, _read_signature, most=1_000, least=1)
    headers = [one.header for one in found]
    if headers != sorted(set(headers)):
        raise InvalidEncoding(place, "must ascend by header or identifier, where none signs twice")
    return found


def _read_signature(value: Any, place: str) -> BlockSignature:
    by_number = isinstance(value, dict) and "identifier" in value
    name = "identifier" if by_number else "header"
    members = exact_members(value, place, (name, "signature"))
    return BlockSignature(
        header=read_base64(members[name], f"{place}.{name}", most=65_536),
        by_number=by_number,
        signature=read_base64(members["signature"], f"{place}.signature", most=256),
    )


def read_link(value: Any, place: str, block: FabricBlock, pinned: dict[int, bytes]) -> int:
    """Check that ``block`` descends from a pinned one, and return which.

    ``value`` has ``from``, the pinned block's number, and ``data_hashes``, those of the blocks
    between the two; the hash of each header follows from the one before it. ``pinned`` has header
    hashes by number.

    Raises:
        InvalidProof: the hashes lead to another block.
    """
    members = exact_members(value, place, ("data_hashes", "from"))
    number = start = read_integer(members["from"], f"{place}.from")
    hashes = read_list(members["data_hashes"], f"{place}.data_hashes", most=_MAX_LINK)
    if start not in pinned:
        raise InvalidProof(f"{place}.from", "the trust file has no hash of this block")
    reached = pinned[start]
    for position, item in enumerate(hashes):
        number += 1
        data_hash = decode_hash(item, place=f"{place}.data_hashes[{position}]")
        reached = header_hash(number, reached, data_hash)
    if number + 1 != block.number or reached != block.previous_hash:
        raise InvalidProof(place, "the block does not descend from the pinned one")
    return start
