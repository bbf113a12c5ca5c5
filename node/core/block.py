"""Blocks as CometBFT 0.38 has them: header hash, part-set hash, validator set, commit.

Merkle trees here are CometBFT's: SHA-256, leaf 0x00‖x, inner 0x01‖l‖r, split at the largest power
of two below the count, SHA-256("") for none. Structures are protobuf (proto3) as in CometBFT's
``types.proto``; zero values are left out except where noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from node.core.encoding import encode_uvarint
from node.core.errors import InvalidProof, InvalidSignature
from node.core.merkle import leaf_hash, root_of_leaves
from node.core.signatures import Backend
from node.core.vote_signature import verify_vote_signature

__all__ = [
    "BLOCK_PART_BYTES",
    "BLOCK_PROTOCOL",
    "FLAG_ABSENT",
    "FLAG_COMMIT",
    "FLAG_NIL",
    "RULES_VERSION",
    "BlockId",
    "Commit",
    "CommitSignature",
    "Header",
    "Timestamp",
    "Validator",
    "ValidatorSet",
    "consensus_hash",
    "data_hash",
    "encode_block",
    "evidence_hash",
    "part_set",
    "results_hash",
    "tree_root",
    "verify_commit",
]

BLOCK_PROTOCOL = 11
RULES_VERSION = 1
"""The rules that this version knows: of a genesis, and ``app`` of a header, in force there."""
BLOCK_PART_BYTES = 65_536
FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL = 1, 2, 3
_PRECOMMIT = b"\x08\x02"


def tree_root(items: Iterable[bytes]) -> bytes:
    """Merkle root of byte strings; the shape is that of RFC 9162."""
    return root_of_leaves([leaf_hash(item) for item in items])


def _varint(field: int, value: int) -> bytes:
    if value == 0:
        return b""
    return encode_uvarint(field << 3) + encode_uvarint(value & 0xFFFFFFFFFFFFFFFF)


def _bytes(field: int, value: bytes, *, always: bool = False) -> bytes:
    if not value and not always:
        return b""
    if len(value) < 0x80 and field < 16:
        return bytes((field << 3 | 2, len(value))) + value
    return encode_uvarint(field << 3 | 2) + encode_uvarint(len(value)) + value


@dataclass(frozen=True, order=True)
class Timestamp:
    """Seconds and nanoseconds since the Unix epoch, UTC."""

    seconds: int
    nanos: int = 0

    @classmethod
    def from_milliseconds(cls, value: int) -> Timestamp:
        """The time ``value`` milliseconds after the epoch."""
        return cls(value // 1000, value % 1000 * 1_000_000)

    @property
    def milliseconds(self) -> int:
        """Milliseconds since the epoch, rounded down."""
        return self.seconds * 1000 + self.nanos // 1_000_000

    def encode(self) -> bytes:
        """google.protobuf.Timestamp."""
        return _varint(1, self.seconds) + _varint(2, self.nanos)


@dataclass(frozen=True)
class BlockId:
    """A block's header hash, and the count and root of its parts."""

    hash: bytes = b""
    total: int = 0
    parts_hash: bytes = b""

    def encode(self) -> bytes:
        """BlockID; the part set header is written even when it is empty."""
        parts = _varint(1, self.total) + _bytes(2, self.parts_hash)
        return _bytes(1, self.hash) + _bytes(2, parts, always=True)

    def encode_canonical(self) -> bytes:
        """CanonicalBlockID, as it is signed."""
        return self.encode()


@dataclass(frozen=True)
class Header:
    """The 14 fields of a CometBFT 0.38 block header. ``version`` is (block, app)."""

    version: tuple[int, int]
    chain_id: str
    height: int
    time: Timestamp
    last_block_id: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    def _encoded_version(self) -> bytes:
        return _varint(1, self.version[0]) + _varint(2, self.version[1])

    def hash(self) -> bytes:
        """Merkle root of the encoded fields: the block's identity."""
        return self._hash

    @cached_property
    def _hash(self) -> bytes:
        wrapped = (
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
            self.app_hash,
            self.last_results_hash,
            self.evidence_hash,
            self.proposer_address,
        )
        return tree_root(
            [
                self._encoded_version(),
                _bytes(1, self.chain_id.encode("utf-8")),
                _varint(1, self.height),
                self.time.encode(),
                self.last_block_id.encode(),
                *(_bytes(1, value) for value in wrapped),
            ]
        )

    def encode(self) -> bytes:
        """The Header message."""
        return (
            _bytes(1, self._encoded_version(), always=True)
            + _bytes(2, self.chain_id.encode("utf-8"))
            + _varint(3, self.height)
            + _bytes(4, self.time.encode(), always=True)
            + _bytes(5, self.last_block_id.encode(), always=True)
            + _bytes(6, self.last_commit_hash)
            + _bytes(7, self.data_hash)
            + _bytes(8, self.validators_hash)
            + _bytes(9, self.next_validators_hash)
            + _bytes(10, self.consensus_hash)
            + _bytes(11, self.app_hash)
            + _bytes(12, self.last_results_hash)
            + _bytes(13, self.evidence_hash)
            + _bytes(14, self.proposer_address)
        )


@dataclass(frozen=True)
class CommitSignature:
    """One validator's vote in a commit. ``flag`` is absent, commit or nil."""

    flag: int
    address: bytes
    time: Timestamp
    signature: bytes

    def encode(self) -> bytes:
        """CommitSig."""
        return (
            _varint(1, self.flag)
            + _bytes(2, self.address)
            + _bytes(3, self.time.encode(), always=True)
            + _bytes(4, self.signature)
        )


@dataclass(frozen=True)
class Commit:
    """Votes of one round for one block."""

    height: int
    round: int
    block_id: BlockId
    signatures: tuple[CommitSignature, ...]

    def hash(self) -> bytes:
        """What stands as last_commit_hash in the next header."""
        return tree_root(signature.encode() for signature in self.signatures)

    def encode(self) -> bytes:
        """The Commit message."""
        return (
            _varint(1, self.height)
            + _varint(2, self.round)
            + _bytes(3, self.block_id.encode(), always=True)
            + b"".join(_bytes(4, item.encode(), always=True) for item in self.signatures)
        )

    def sign_bytes(self, chain_id: str, time: Timestamp) -> bytes:
        """What a validator whose vote has ``time`` signs: a length-prefixed CanonicalVote."""
        message = _PRECOMMIT + b"\x11" + self.height.to_bytes(8, "little")
        if self.round:
            message += b"\x19" + self.round.to_bytes(8, "little")
        message += _bytes(4, self.block_id.encode_canonical())
        message += _bytes(5, time.encode(), always=True)
        message += _bytes(6, chain_id.encode("utf-8"))
        return encode_uvarint(len(message)) + message


@dataclass(frozen=True)
class Validator:
    """An Ed25519 key and its voting power."""

    public_key: bytes
    power: int

    @property
    def address(self) -> bytes:
        """The first 20 bytes of SHA-256 of the key."""
        return hashlib.sha256(self.public_key).digest()[:20]

    def encode_simple(self) -> bytes:
        """SimpleValidator {PublicKey{ed25519}, power}: a leaf of validators_hash."""
        return _bytes(1, _bytes(1, self.public_key)) + _varint(2, self.power)


@dataclass(frozen=True)
class ValidatorSet:
    """Validators in CometBFT's order: by power, highest first, then by address."""

    validators: tuple[Validator, ...]

    @classmethod
    def of(cls, validators: Iterable[Validator]) -> ValidatorSet:
        """The set of these validators, put in order."""
        return cls(tuple(sorted(validators, key=lambda item: (-item.power, item.address))))

    def hash(self) -> bytes:
        """What stands as validators_hash in headers."""
        return tree_root(validator.encode_simple() for validator in self.validators)

    @property
    def total_power(self) -> int:
        """The sum of all powers."""
        return sum(validator.power for validator in self.validators)


def verify_commit(
    header: Header, commit: Commit, validators: ValidatorSet, backend: Backend
) -> int:
    """Check that more than 2/3 of the power of ``validators`` signed for ``header``.

    Votes for nil or absent do not count, nor may one validator count twice; every counted
    signature must hold.

    Returns:
        The power that signed.

    Raises:
        InvalidProof: the commit is of another block or height, of other validators, or has too
            little power.
        InvalidSignature: a signature does not hold.
    """
    if validators.hash() != header.validators_hash:
        raise InvalidProof("validators", "are not the set that the header names")
    if commit.height != header.height or commit.block_id.hash != header.hash():
        raise InvalidProof("commit", "is for another block")
    if len(commit.signatures) != len(validators.validators):
        raise InvalidProof("commit", "must have a place for each validator")
    signed = 0
    for position, (vote, validator) in enumerate(zip(commit.signatures, validators.validators)):
        if vote.flag != FLAG_COMMIT:
            continue
        place = f"commit.signatures[{position}]"
        if vote.address != validator.address:
            raise InvalidProof(place, "is not of the validator in this place")
        try:
            message = commit.sign_bytes(header.chain_id, vote.time)
            verify_vote_signature(validator.public_key, message, vote.signature, backend)
        except InvalidSignature as error:
            rule_zh = "验证节点的签名与其公钥不符"
            raise InvalidSignature(place, error.rule, rule_zh) from error
        signed += validator.power
    if 3 * signed <= 2 * validators.total_power:
        raise InvalidProof(
            "commit", f"power {signed} of {validators.total_power} signed, more than 2/3 must"
        )
    return signed


def data_hash(frames: Iterable[bytes]) -> bytes:
    """Root over SHA-256 of each transaction of the engine, which here is a frame."""
    return tree_root(hashlib.sha256(frame).digest() for frame in frames)


def results_hash(results: Iterable[bytes]) -> bytes:
    """last_results_hash of frames with code 0 and the given ``data`` (a byte a transaction)."""
    return tree_root(_bytes(2, data) for data in results)


def evidence_hash() -> bytes:
    """Hash of no evidence."""
    return tree_root(())


def consensus_hash(max_bytes: int, max_gas: int = -1) -> bytes:
    """SHA-256 of HashedParams {block max bytes, block max gas}."""
    return hashlib.sha256(_varint(1, max_bytes) + _varint(2, max_gas)).digest()


def encode_block(header: Header, frames: Sequence[bytes], last_commit: Commit) -> bytes:
    """The Block message {header, data, evidence, last_commit}, without evidence."""
    data = b"".join(_bytes(1, frame, always=True) for frame in frames)
    return (
        _bytes(1, header.encode(), always=True)
        + _bytes(2, data, always=True)
        + _bytes(3, b"", always=True)
        + _bytes(4, last_commit.encode(), always=True)
    )


def part_set(block: bytes) -> tuple[int, bytes]:
    """Count and Merkle root of a block's parts of 64 KiB."""
    parts = [
        block[start : start + BLOCK_PART_BYTES] for start in range(0, len(block), BLOCK_PART_BYTES)
    ]
    return len(parts), tree_root(parts)
