"""What a rekor log answers, brought into the form of a receipt."""

from __future__ import annotations

from typing import Any

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.rest.exchange import Reply
from node.core.anchors.foreign_json import decode_foreign_json, text_at
from node.core.anchors.key_forms import decode_base64
from node.core.anchors.log_notes import LogCheckpoint, LogKey, note_of, read_log_note
from node.core.errors import InvalidEncoding, InvalidInput

__all__ = ["message_of", "read_log_entry", "receipt_content"]

_MOST_TOLD = 300
_MOST_HASHES = 64


def receipt_content(
    entry: bytes,
    index: int,
    path: list[bytes],
    checkpoint: LogCheckpoint,
    keys: tuple[LogKey, ...],
) -> dict[str, Any]:
    """The receipt (docs/spec/anchor-rekor.md), with the signatures of ``keys`` alone."""
    return {
        "checkpoint": note_of(checkpoint, keys),
        "entry": entry.decode("utf-8"),
        "index": index,
        "path": [node.hex() for node in path],
    }


def read_log_entry(reply: Reply, entry: bytes, keys: tuple[LogKey, ...]) -> dict[str, Any]:
    """The receipt in a ``TransparencyLogEntry`` for ``entry``. Nothing of it is proven here.

    Raises:
        Unreachable: it is none, or another entry's.
    """
    try:
        value = decode_foreign_json(reply.body.decode("utf-8"), place="answer")
        body = decode_base64(text_at(value, "/canonicalizedBody", place="answer"), place="answer")
        if body != entry:
            raise Unreachable("an answer for another entry came back")
        note = text_at(value, "/inclusionProof/checkpoint/envelope", place="answer")
        checkpoint = read_log_note(note.encode("utf-8"), "answer, checkpoint")
        index = text_at(value, "/logIndex", place="answer")
        if not (index.isascii() and index.isdigit() and len(index) <= 16):
            raise InvalidEncoding("answer", "its logIndex is no index")
        path = _read_hashes(value)
    except (InvalidInput, UnicodeDecodeError) as error:
        raise Unreachable(f"HTTP {reply.status}: no log entry: {error}"[:_MOST_TOLD]) from error
    return receipt_content(entry, int(index), path, checkpoint, keys)


def _read_hashes(value: Any) -> list[bytes]:
    hashes = value["inclusionProof"].get("hashes")
    if not isinstance(hashes, list) or len(hashes) > _MOST_HASHES:
        raise InvalidEncoding("answer", "its hashes are no list of at most 64")
    out = []
    for text in hashes:
        if not isinstance(text, str):
            raise InvalidEncoding("answer", "a hash is no text")
        out.append(decode_base64(text, place="answer"))
    return out


def message_of(reply: Reply) -> str:
    """What an error says, printable and bounded."""
    try:
        value = decode_foreign_json(reply.body.decode("utf-8"), place="answer")
        text = text_at(value, "/message", place="answer")
    except (InvalidInput, UnicodeDecodeError):
        text = reply.headers.get("content-type", "no content type")
    told = "".join(c if c.isprintable() else "?" for c in text[:_MOST_TOLD])
    return f"HTTP {reply.status}: {told}"
