"""The state map: what every node must hold alike, committed to by one root.

A 16-ary Merkle radix map over SHA-256(key). A leaf stands at the shortest prefix of nibbles that is
its alone, so the shape follows from the set of keys and from nothing else.

    leaf  = SHA-256(0x02 ‖ key hash ‖ SHA-256(value))
    node  = SHA-256(0x03 ‖ u16 bitmap, big-endian ‖ the hashes of the present children, in order)
    root  = the node at the empty prefix · the one leaf, alone in the map · 32 zero bytes, empty

Bit ``1 << i`` of the bitmap says that the child at nibble ``i`` is present.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_hash
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.fields import read_hashes

__all__ = [
    "EMPTY_STATE",
    "MAX_STATE_DEPTH",
    "MAX_STATE_KEY",
    "STATE_KEY",
    "STATE_KEY_RULE",
    "StateProof",
    "key_hash",
    "map_root",
    "nibble",
    "state_leaf",
    "state_node",
    "verify_state_proof",
]

EMPTY_STATE = bytes(32)
MAX_STATE_DEPTH = 64
MAX_STATE_KEY = 257
"""Characters behind a key's prefix: those of ``filing/``, two of 128 and what parts them."""
_PREFIXES = (
    "anchor|code|consortium|dossier|filing|key|member|misbehaviour|parameter|refused|seal|validator"
)
STATE_KEY = re.compile(rf"(?:{_PREFIXES})/[A-Za-z0-9._:/|-]{{1,{MAX_STATE_KEY}}}", re.ASCII)
"""Every key that there can be. Verifiers print keys, so nothing else may pass for one."""
STATE_KEY_RULE = f"must be a known prefix, '/', and 1 to {MAX_STATE_KEY} of A-Za-z0-9._:/|-"


def key_hash(key: str) -> bytes:
    """SHA-256 of the key's ASCII text."""
    return hashlib.sha256(key.encode("ascii")).digest()


def nibble(path: bytes, depth: int) -> int:
    """The ``depth``-th half byte of ``path``, high half first."""
    byte = path[depth >> 1]
    return byte & 15 if depth & 1 else byte >> 4


def state_leaf(path: bytes, value_hash: bytes) -> bytes:
    """Hash of the leaf of a key (given its hash) and a value (given its hash)."""
    return hashlib.sha256(b"\x02" + path + value_hash).digest()


def state_node(bitmap: int, children: bytes) -> bytes:
    """Hash of an inner node; ``children`` are the present children's hashes in nibble order."""
    return hashlib.sha256(b"\x03" + bitmap.to_bytes(2, "big") + children).digest()


def map_root(state: Mapping[str, bytes]) -> bytes:
    """Root of a whole map from key to value, by definition: slow, for tests and audits."""
    leaves = {
        path: state_leaf(path, hashlib.sha256(value).digest())
        for path, value in ((key_hash(key), value) for key, value in state.items())
    }
    return _root_below(leaves, 0) if leaves else EMPTY_STATE


def _root_below(leaves: Mapping[bytes, bytes], depth: int) -> bytes:
    if len(leaves) == 1:
        return next(iter(leaves.values()))
    bitmap, children = 0, b""
    for digit in range(16):
        below = {path: leaf for path, leaf in leaves.items() if nibble(path, depth) == digit}
        if below:
            bitmap |= 1 << digit
            children += _root_below(below, depth + 1)
    return state_node(bitmap, children)


@dataclass(frozen=True)
class StateProof:
    """That ``key`` has ``value`` under a root, or (``value`` None) that it is absent.

    ``path`` holds for each inner node from the root down its bitmap and the hashes of its children
    but the one on the way. ``other`` is, for an absent key, the (key hash, value hash) of the leaf
    that stands alone where it would be; without it that place is empty.
    """

    key: str
    value: bytes | None
    path: tuple[tuple[int, tuple[bytes, ...]], ...]
    other: tuple[bytes, bytes] | None = None

    def to_json(self) -> dict[str, Any]:
        """As it stands in a bundle."""
        out: dict[str, Any] = {
            "key": self.key,
            "path": [
                {"bitmap": bitmap, "siblings": [sibling.hex() for sibling in siblings]}
                for bitmap, siblings in self.path
            ],
        }
        if self.value is not None:
            out["value"] = self.value.decode("utf-8")
        if self.other is not None:
            out["other"] = {"key_hash": self.other[0].hex(), "value_hash": self.other[1].hex()}
        return out

    @classmethod
    def from_json(cls, value: Any, *, place: str) -> StateProof:
        """Decode what `to_json` writes. Raises InvalidEncoding."""
        if not isinstance(value, dict) or not {"key", "path"} <= set(value) <= {
            "key",
            "path",
            "value",
            "other",
        }:
            raise InvalidEncoding(place, "must have key and path, and may have value or other")
        key, text, other = value["key"], value.get("value"), value.get("other")
        if not isinstance(key, str) or STATE_KEY.fullmatch(key) is None:
            raise InvalidEncoding(f"{place}.key", STATE_KEY_RULE)
        if "value" in value and (not isinstance(text, str) or other is not None):
            raise InvalidEncoding(f"{place}.value", "must be text, and excludes other")
        return cls(
            key,
            None if text is None else text.encode("utf-8"),
            _read_path(value["path"], f"{place}.path"),
            None if other is None else _read_other(other, f"{place}.other"),
        )


def _read_path(value: Any, place: str) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
    if not isinstance(value, list) or len(value) > MAX_STATE_DEPTH:
        raise InvalidEncoding(place, f"must be a list of at most {MAX_STATE_DEPTH} steps")
    steps = []
    for position, step in enumerate(value):
        here = f"{place}[{position}]"
        if not isinstance(step, dict) or set(step) != {"bitmap", "siblings"}:
            raise InvalidEncoding(here, "must have exactly bitmap and siblings")
        bitmap, siblings = step["bitmap"], step["siblings"]
        if type(bitmap) is not int or not 0 < bitmap < 1 << 16:
            raise InvalidEncoding(f"{here}.bitmap", "must be an integer from 1 to 65535")
        if not isinstance(siblings, list) or len(siblings) > 16:
            raise InvalidEncoding(f"{here}.siblings", "must be a list of at most 16 hashes")
        steps.append((bitmap, read_hashes(siblings, f"{here}.siblings", most=16)))
    return tuple(steps)


def _read_other(value: Any, place: str) -> tuple[bytes, bytes]:
    if not isinstance(value, dict) or set(value) != {"key_hash", "value_hash"}:
        raise InvalidEncoding(place, "must have exactly key_hash and value_hash")
    return (
        decode_hash(value["key_hash"], place=f"{place}.key_hash"),
        decode_hash(value["value_hash"], place=f"{place}.value_hash"),
    )


def verify_state_proof(proof: StateProof, root: bytes) -> None:
    """Check that ``proof`` shows its key's value, or its absence, under ``root``.

    Raises:
        InvalidProof: it does not.
    """
    path = key_hash(proof.key)
    current = _terminal(proof, path)
    if current is None and not proof.path:
        if root != EMPTY_STATE:
            raise InvalidProof("state proof", "the map is not empty")
        return
    for depth in range(len(proof.path) - 1, -1, -1):
        bitmap, siblings = proof.path[depth]
        bit = 1 << nibble(path, depth)
        children = list(siblings)
        if current is None:
            if bitmap & bit:
                raise InvalidProof("state proof", "the place said to be empty is not")
        elif not bitmap & bit:
            raise InvalidProof("state proof", "the way down is not in the bitmap")
        else:
            children.insert(bin(bitmap & bit - 1).count("1"), current)
        if bin(bitmap).count("1") != len(children):
            raise InvalidProof("state proof", "the bitmap does not count the siblings")
        current = state_node(bitmap, b"".join(children))
    if current != root:
        raise InvalidProof("state proof", f"{proof.key} does not lead to this state root")


def _terminal(proof: StateProof, path: bytes) -> bytes | None:
    if proof.value is not None:
        return state_leaf(path, hashlib.sha256(proof.value).digest())
    if proof.other is None:
        return None
    other, value_hash = proof.other
    depth = len(proof.path)
    shared = all(nibble(other, step) == nibble(path, step) for step in range(depth))
    if other == path or not shared:
        raise InvalidProof("state proof", "the other leaf does not stand in this key's place")
    return state_leaf(other, value_hash)
