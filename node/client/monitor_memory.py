"""What a monitor remembers, as a file: every note in it is checked again when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from node.client.monitor import Memory, NodeMemory
from node.client.signed_checkpoints import Consistency, Fork, Signed, read_signed
from node.core.checkpoint import NoteKey
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_each, read_hash, read_integer, read_text
from node.core.signatures import Backend

__all__ = ["MAX_MEMORY_BYTES", "decode_memory", "encode_fork", "encode_memory"]

MAX_MEMORY_BYTES = 8 << 20
_FORMAT = "evidence-monitor/1"
_MOST = 1000

_Read = Callable[[Any, str], Signed]


def encode_memory(memory: Memory, genesis_hash: bytes) -> bytes:
    """The file's content."""
    value: dict[str, Any] = {
        "forks": [_fork_json(fork) for fork in memory.forks],
        "format": _FORMAT,
        "genesis_hash": genesis_hash.hex(),
        "nodes": [
            {"grown_at": node.grown_at, "signed": _signed_json(node.signed)}
            for _, node in sorted(memory.nodes.items())
        ],
        "pending": [_signed_json(item) for item in memory.pending],
    }
    if memory.branches:
        value["branches"] = [_signed_json(item) for item in memory.branches]
    if memory.line is not None:
        value["line"] = _signed_json(memory.line)
    return canonical_json(value) + b"\n"


def decode_memory(
    content: bytes, genesis_hash: bytes, keys: Mapping[str, NoteKey], backend: Backend
) -> Memory:
    """Read what `encode_memory` wrote.

    Raises:
        InvalidInput: it is none, or of another chain, or holds a note that no key has signed.
    """
    place = "state"
    value = decode_json_object(content, place=place, max_bytes=MAX_MEMORY_BYTES)
    names = ("forks", "format", "genesis_hash", "nodes", "pending")
    exact_members(value, place, names, ("branches", "line"))
    if value["format"] != _FORMAT:
        raise InvalidEncoding(f"{place}.format", f"must be {_FORMAT}")
    if read_hash(value["genesis_hash"], f"{place}.genesis_hash") != genesis_hash:
        raise InvalidEncoding(f"{place}.genesis_hash", "is of another chain")

    def read(item: Any, at: str) -> Signed:
        members = exact_members(item, at, ("note", "url"))
        note = read_text(members["note"], f"{at}.note", most=65_536).encode("utf-8")
        return read_signed(note, read_text(members["url"], f"{at}.url", most=2000), keys, backend)

    nodes = read_each(
        value["nodes"], f"{place}.nodes", lambda item, at: _read_node(item, at, read), most=_MOST
    )
    return Memory(
        line=read(value["line"], f"{place}.line") if "line" in value else None,
        branches=list(read_each(value.get("branches", []), f"{place}.branches", read, most=_MOST)),
        nodes={node.signed.url: node for node in nodes},
        pending=list(read_each(value["pending"], f"{place}.pending", read, most=_MOST)),
        forks=list(
            read_each(
                value["forks"],
                f"{place}.forks",
                lambda item, at: _read_fork(item, at, read),
                most=_MOST,
            )
        ),
    )


def encode_fork(fork: Fork, genesis: bytes, keys: Mapping[str, NoteKey]) -> bytes:
    """The evidence of a fork, for others: both notes, the keys that signed them, the proof.

    ``genesis`` is the chain's document, in which the keys stand.
    """
    value = {
        **_fork_json(fork),
        "genesis": genesis.decode("utf-8"),
        "keys": sorted({keys[item.signer].verifier_key() for item in (fork.smaller, fork.larger)}),
    }
    return canonical_json(value) + b"\n"


def _signed_json(signed: Signed) -> dict[str, Any]:
    return {"note": signed.note.decode("utf-8"), "url": signed.url}


def _fork_json(fork: Fork) -> dict[str, Any]:
    value: dict[str, Any] = {
        "larger": _signed_json(fork.larger),
        "reason": fork.reason,
        "smaller": _signed_json(fork.smaller),
    }
    if fork.proof is not None:
        value["proof"] = {
            "first_root": fork.proof.first_root.hex(),
            "hashes": [item.hex() for item in fork.proof.hashes],
            "second_root": fork.proof.second_root.hex(),
        }
    return value


def _read_node(value: Any, place: str, read: _Read) -> NodeMemory:
    members = exact_members(value, place, ("grown_at", "signed"))
    return NodeMemory(
        read(members["signed"], f"{place}.signed"),
        read_integer(members["grown_at"], f"{place}.grown_at"),
    )


def _read_fork(value: Any, place: str, read: _Read) -> Fork:
    members = exact_members(value, place, ("larger", "reason", "smaller"), ("proof",))
    proof = None
    if "proof" in members:
        found = exact_members(
            members["proof"], f"{place}.proof", ("first_root", "hashes", "second_root")
        )
        proof = Consistency(
            read_each(found["hashes"], f"{place}.proof.hashes", read_hash, most=100),
            read_hash(found["first_root"], f"{place}.proof.first_root"),
            read_hash(found["second_root"], f"{place}.proof.second_root"),
        )
    return Fork(
        read(members["smaller"], f"{place}.smaller"),
        read(members["larger"], f"{place}.larger"),
        proof,
        read_text(members["reason"], f"{place}.reason", most=1000),
    )
