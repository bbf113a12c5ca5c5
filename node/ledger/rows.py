"""How the ledger lies in its store: the prefixes of its keys and the forms of its rows.

    meta            Meta: how far the ledger has come
    genesis         the genesis document of the newest chain
    p index         those of the chains before it, by their index in the log
    z               there where the chain has been ended: no more blocks are made of it
    b height        BlockRow: what a block did
    k height        header and commit, as the engine hands them over
    V hash          a validator set by its hash
    e first index   EntriesRow: the accepted transactions of one frame
    l level index   a hash tile, whole or partial
    m level index   the 16 hashes half-way up a tile, so that few are computed to read one
    v key hash      a value of the state map, behind its key
    n number        an inner node of the state map
    t id            position of a transaction by its id
    j issuer key    index of a recorded transaction by (iss, jti)
    i …             look-up indexes, see `node.ledger.indexes`
    w height        hashes of the keys that a block changed, until the tree's nodes are written
    x exp id        refused ids by their exp, to be forgotten then
    s               statistics
    K kid           a key ever registered, as a JWK, for who checks signatures
    c height        an empty row: the header there names other validators for the next block
    a height        an empty row: log and state after that block are an anchor point
    R               height of the snapshot that was restored: of points up to there nothing is known

Heights and indexes are six bytes, big-endian, so that rows lie in order.
"""

from __future__ import annotations

from typing import Any

import msgspec

from node.core.block import (
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
)
from node.storage.ports import Batch

__all__ = [
    "ANCHOR_POINT",
    "BLOCK",
    "CHANGED",
    "CHANGE_OF_VALIDATORS",
    "ENDED",
    "ENTRIES",
    "EXPIRY",
    "GENESIS",
    "INDEX",
    "ISSUED",
    "KEPT",
    "KEY",
    "META",
    "MIDDLE",
    "NODE",
    "PREDECESSOR",
    "RESTORED",
    "STATISTICS",
    "TILE",
    "TRANSACTION",
    "VALIDATORS",
    "VALUE",
    "BlockRoots",
    "BlockRow",
    "EntriesRow",
    "Meta",
    "decode_block_roots",
    "decode_block_row",
    "decode_entries_row",
    "decode_kept",
    "decode_kept_header",
    "decode_meta",
    "decode_validators",
    "decode_value_row",
    "encode_kept",
    "encode_row",
    "encode_validators",
    "encode_value_row",
    "middle_key",
    "node_key",
    "number_key",
    "put_kept",
    "tile_key",
]

META, GENESIS, PREDECESSOR, ENDED = b"meta", b"genesis", b"p", b"z"
BLOCK, KEPT, VALIDATORS, ENTRIES, TILE, VALUE = b"b", b"k", b"V", b"e", b"l", b"v"
CHANGED, MIDDLE = b"w", b"m"
KEY, CHANGE_OF_VALIDATORS, ANCHOR_POINT, RESTORED = b"K", b"c", b"a", b"R"
NODE, TRANSACTION, ISSUED, INDEX, EXPIRY, STATISTICS = b"n", b"t", b"j", b"i", b"x", b"s"

_encode = msgspec.msgpack.Encoder().encode


class Meta(msgspec.Struct, array_like=True, frozen=True):
    """How far the ledger has come, and log and state then.

    ``flushed`` is the height up to which the state map's nodes are written, ``body`` the place of
    the last body.
    """

    chain_id: str
    height: int
    time: int
    size: int
    root: bytes
    state_root: bytes
    app_hash: bytes
    flushed: int
    body: tuple[int, int, int] | None = None


class BlockRoots(msgspec.Struct, array_like=True, frozen=True):
    """What a block left: the log's size before and after it, roots and app_hash after it."""

    height: int
    time: int
    first_index: int
    size: int
    root: bytes
    state_root: bytes
    app_hash: bytes


class BlockRow(BlockRoots, array_like=True, frozen=True):
    """What a block did. ``results`` has a byte for each transaction of each frame; ``spans`` are
    (offset, length) of the frames in the body at (segment, offset, length), None without any."""

    body: tuple[int, int, int] | None
    spans: list[tuple[int, int]]
    results: list[bytes]


class EntriesRow(msgspec.Struct, array_like=True, frozen=True):
    """The entries that a frame's accepted transactions became, a column for each member.

    ``offsets`` are where their transactions begin in the frame's content, ``digits`` the codes' 13
    digits as a number, ``before`` the index of the dossier's previous entry plus one (0: none),
    ``facts`` canonical JSON.
    """

    height: int
    time: int
    body: tuple[int, int, int]
    span: tuple[int, int]
    offsets: list[int]
    digits: list[int]
    ordinals: list[int]
    before: list[int]
    facts: list[bytes]


def number_key(prefix: bytes, number: int) -> bytes:
    """The key of a row by height or index."""
    return prefix + number.to_bytes(6, "big")


def tile_key(level: int, index: int) -> bytes:
    """The key of a hash tile."""
    return TILE + bytes((level,)) + index.to_bytes(6, "big")


def middle_key(level: int, index: int) -> bytes:
    """The key of the 16 hashes half-way up the tile at (tile level, index)."""
    return MIDDLE + bytes((level,)) + index.to_bytes(6, "big")


def node_key(number: int) -> bytes:
    """The key of an inner node of the state map: its depth, then its prefix."""
    depth = (number.bit_length() - 1) >> 2
    prefix = (number ^ (1 << 4 * depth)) << (4 if depth & 1 else 0)
    return NODE + bytes((depth,)) + prefix.to_bytes((depth + 1) >> 1, "big")


def encode_row(row: Any) -> bytes:
    """MessagePack of a row."""
    return _encode(row)


_META = msgspec.msgpack.Decoder(Meta)
_ROOTS = msgspec.msgpack.Decoder(BlockRoots)
_BLOCK = msgspec.msgpack.Decoder(BlockRow)
_ENTRIES = msgspec.msgpack.Decoder(EntriesRow)


def decode_meta(data: bytes) -> Meta:
    """Decode a Meta. Raises msgspec.DecodeError."""
    return _META.decode(data)


def decode_block_roots(data: bytes) -> BlockRoots:
    """The first part of a BlockRow: of large blocks, a small one."""
    return _ROOTS.decode(data)


def decode_block_row(data: bytes) -> BlockRow:
    """Decode a BlockRow. Raises msgspec.DecodeError."""
    return _BLOCK.decode(data)


def decode_entries_row(data: bytes) -> EntriesRow:
    """Decode an EntriesRow. Raises msgspec.DecodeError."""
    return _ENTRIES.decode(data)


def encode_value_row(key: str, value: bytes) -> bytes:
    """A value of the state map behind its key's length and text."""
    name = key.encode("ascii")
    return len(name).to_bytes(2, "big") + name + value


def decode_value_row(data: bytes) -> tuple[str, bytes]:
    """The key and the value of such a row."""
    end = 2 + int.from_bytes(data[:2], "big")
    return data[2:end].decode("ascii"), data[end:]


def _block_id(value: BlockId) -> tuple[bytes, int, bytes]:
    return value.hash, value.total, value.parts_hash


def encode_kept(header: Header, commit: Commit | None) -> bytes:
    """A header and its commit, if it is known."""
    return _encode(
        (
            header.version,
            header.chain_id,
            header.height,
            (header.time.seconds, header.time.nanos),
            _block_id(header.last_block_id),
            header.last_commit_hash,
            header.data_hash,
            header.validators_hash,
            header.next_validators_hash,
            header.consensus_hash,
            header.app_hash,
            header.last_results_hash,
            header.evidence_hash,
            header.proposer_address,
            None
            if commit is None
            else (
                commit.height,
                commit.round,
                _block_id(commit.block_id),
                [
                    (vote.flag, vote.address, (vote.time.seconds, vote.time.nanos), vote.signature)
                    for vote in commit.signatures
                ],
            ),
        )
    )


def put_kept(batch: Batch, header: Header, commit: Commit | None) -> None:
    """Keep a header and its commit; where the next one has other validators, note that too."""
    batch.put(number_key(KEPT, header.height), encode_kept(header, commit))
    if header.next_validators_hash != header.validators_hash:
        batch.put(number_key(CHANGE_OF_VALIDATORS, header.height), b"")


def decode_kept_header(data: bytes) -> Header:
    """The header alone of what `encode_kept` writes. Raises as `decode_kept`."""
    return _header(msgspec.msgpack.decode(data)[:-1])


def _header(fields: list[Any]) -> Header:
    version, chain_id, height, time, last_block_id, *hashes = fields
    return Header(
        tuple(version), chain_id, height, Timestamp(*time), BlockId(*last_block_id), *hashes
    )


def decode_kept(data: bytes) -> tuple[Header, Commit | None]:
    """Decode what `encode_kept` writes. Raises msgspec.DecodeError, TypeError or ValueError."""
    *fields, kept = msgspec.msgpack.decode(data)
    header = _header(fields)
    if kept is None:
        return header, None
    at, round_number, block_id, votes = kept
    signatures = tuple(
        CommitSignature(flag, address, Timestamp(*when), signature)
        for flag, address, when, signature in votes
    )
    return header, Commit(at, round_number, BlockId(*block_id), signatures)


def encode_validators(validators: ValidatorSet) -> bytes:
    """A validator set's keys and powers, in its order."""
    return _encode([(item.public_key, item.power) for item in validators.validators])


def decode_validators(data: bytes) -> ValidatorSet:
    """Decode what `encode_validators` writes."""
    return ValidatorSet(tuple(Validator(*item) for item in msgspec.msgpack.decode(data)))
