"""The form of a snapshot: its metadata and its chunks (docs/spec/snapshot.md).

All is MessagePack. A chunk is an array of items, of one kind; which kind follows from its place:
first the headers, newest first, then the blocks that hold records, oldest first, then the state
map. Chunks travel compressed; what is hashed is their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

import msgspec
import zstandard

from node.core.apphash import app_hash
from node.core.errors import InvalidEncoding, InvalidInput
from node.rules.judgement import Misbehaviour

__all__ = [
    "CHUNK_BYTES",
    "FORMAT",
    "MAX_CHUNKS",
    "MAX_CHUNK_BYTES",
    "MAX_DEPTH",
    "BlockItem",
    "FrameItem",
    "HeaderItem",
    "Manifest",
    "SlotItem",
    "ValueItem",
    "decode_items",
    "decode_manifest",
    "encode_items",
    "pack_chunk",
    "unpack_chunk",
]

FORMAT = 1
CHUNK_BYTES = 4 << 20
"""A chunk is closed by the item with which its items come to so many bytes."""
MAX_CHUNK_BYTES = 64 << 20
"""Most bytes of a chunk's content."""
MAX_CHUNKS = 100_000
"""More hashes do not fit into a message of CometBFT, which is 4 MB at most."""
MAX_DEPTH = 4
_MAX_PACKED_BYTES = 16_000_000
_MAX_WINDOW = 8 << 20
_LEVEL = 3

_Item = TypeVar("_Item")


class Manifest(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A snapshot's metadata; its SHA-256 is the snapshot's hash.

    The ledger after the block at ``height``: ``size`` entries, the log's ``root``, ``state_root``.
    ``head`` is the hash of the header at ``height`` + 1, which carries its app_hash. ``depth`` is
    how many half bytes the prefixes have by which the state map is parted. ``headers``, ``blocks``
    and ``values`` count the chunks of each kind, ``chunks`` are the SHA-256 of their contents.
    """

    format: int
    chain_id: str
    genesis: bytes
    height: int
    size: int
    root: bytes
    state_root: bytes
    head: bytes
    depth: int
    headers: int
    blocks: int
    values: int
    chunks: list[bytes]

    @property
    def app_hash(self) -> bytes:
        """What the header at ``height`` + 1 must carry."""
        return app_hash(self.size, self.root, self.state_root)

    def encode(self) -> bytes:
        """The metadata."""
        return msgspec.msgpack.encode(self)


class HeaderItem(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A header with the commit that the next header names, as `node.ledger.rows.encode_kept` writes
    them, and the validator sets that no item before needed, as `encode_validators` does."""

    kept: bytes
    sets: list[bytes]


class FrameItem(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A frame, the results of its transactions, and what became of those that were recorded: a
    column each of the codes' 13 digits as a number, of ordinals, of the index of the dossier's
    previous entry plus one (0: none), and of facts, in canonical JSON."""

    frame: bytes
    results: bytes
    digits: list[int]
    ordinals: list[int]
    before: list[int]
    facts: list[bytes]


class BlockItem(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A block with frames, or one that shows misbehaviour, and the state's root after it."""

    height: int
    state_root: bytes
    frames: list[FrameItem]
    misbehaviour: list[Misbehaviour]


class SlotItem(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What stands at a prefix of the state map: its hash, and the key hash of a leaf that is alone
    there, else nothing."""

    prefix: int
    hash: bytes
    leaf: bytes


class ValueItem(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A key of the state map and its value, canonical JSON."""

    key: str
    value: bytes


def decode_manifest(data: bytes) -> Manifest:
    """Read a snapshot's metadata.

    Raises:
        InvalidInput: it is none, or contradicts itself.
    """
    place = "snapshot"
    try:
        found = msgspec.msgpack.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEncoding(place, f"its metadata cannot be read: {error}") from error
    if found.format != FORMAT:
        raise InvalidInput(f"{place}.format", f"must be {FORMAT}")
    digests = (found.genesis, found.root, found.state_root, found.head, *found.chunks)
    if any(len(digest) != 32 for digest in digests):
        raise InvalidInput(place, "a hash has 32 bytes")
    if not 0 <= found.height < 1 << 47 or not 0 < found.size < 1 << 47:
        raise InvalidInput(place, "its height or size is out of range")
    if not 0 <= found.depth <= MAX_DEPTH:
        raise InvalidInput(f"{place}.depth", f"must be from 0 to {MAX_DEPTH}")
    if (
        found.headers < 1
        or found.blocks < 0
        or found.values < 2
        or found.headers + found.blocks + found.values != len(found.chunks)
        or len(found.chunks) > MAX_CHUNKS
    ):
        raise InvalidInput(f"{place}.chunks", "are not as many as the counts say")
    if found.encode() != data:
        raise InvalidEncoding(place, "its metadata is not in its one form")
    return found


def encode_items(items: Sequence[bytes]) -> bytes:
    """A chunk's content, of items that are encoded already."""
    return msgspec.msgpack.encode([msgspec.Raw(item) for item in items])


def decode_items(content: bytes, kind: type[_Item]) -> list[_Item]:
    """The items of a chunk's content. Raises InvalidEncoding."""
    try:
        return msgspec.msgpack.decode(content, type=list[kind])  # type: ignore[valid-type]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEncoding("chunk", f"cannot be read: {error}") from error


def pack_chunk(content: bytes) -> bytes:
    """A chunk as it travels and lies on disk: one zstd frame that declares its size.

    Raises:
        InvalidInput: it is too large.
    """
    if len(content) > MAX_CHUNK_BYTES:
        raise InvalidInput("chunk", f"at most {MAX_CHUNK_BYTES} bytes are allowed")
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
    if len(packed) > _MAX_PACKED_BYTES:
        raise InvalidInput("chunk", f"at most {_MAX_PACKED_BYTES} bytes packed are allowed")
    return packed


def unpack_chunk(packed: bytes, expected: bytes) -> bytes:
    """The content of a chunk, whose SHA-256 must be ``expected``. Raises InvalidInput."""
    try:
        declared = zstandard.frame_content_size(packed)
        window = zstandard.get_frame_parameters(packed).window_size
        if not 0 < declared <= MAX_CHUNK_BYTES or window > max(_MAX_WINDOW, declared):
            raise InvalidEncoding("chunk", f"must declare 1 to {MAX_CHUNK_BYTES} bytes")
        content = zstandard.ZstdDecompressor().decompress(
            packed, max_output_size=declared, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise InvalidEncoding("chunk", f"is no single zstd frame: {error}") from error
    if sha256(content).digest() != expected:
        raise InvalidInput("chunk", "is not the one that the snapshot names")
    return content
