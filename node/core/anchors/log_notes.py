"""Checkpoints of other people's logs: C2SP tlog-checkpoint as signed notes, by the log's key and by
witnesses (C2SP signed-note, tlog-cosignature).

The ledger's own checkpoints are in `node.core.checkpoint`; they have Ed25519 keys only. Logs also
sign with ECDSA. A witness' cosignature holds the time at which it saw the checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from node.core.anchors.key_forms import (
    decode_base64,
    raw_signature,
    read_p256_spki,
)
from node.core.checkpoint import read_signature_line, split_note
from node.core.encoding import MAX_INTEGER
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof, InvalidSignature
from node.core.signatures import Backend, PublicJwk, check_ed25519_key

__all__ = [
    "Cosigned",
    "LogCheckpoint",
    "LogKey",
    "check_cosignature",
    "check_log_signature",
    "note_of",
    "parse_log_key",
    "read_log_note",
]

_ED25519, _ECDSA, _COSIGNATURE = b"\x01", b"\x02", b"\x04"
_KEY_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]{1,200}")
_SIZE = re.compile(r"[1-9]\d{0,15}", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True)
class LogKey:
    """A key that signs notes under ``name``. ``kind`` is the first byte of its verifier key, 1
    Ed25519, 2 ECDSA, 4 a witness' Ed25519; ``key`` 32 bytes, or a SubjectPublicKeyInfo."""

    name: str
    kind: int
    key: bytes

    @property
    def id(self) -> bytes:
        """4 bytes: of SHA-256 over name, newline, kind and key; for ECDSA over the key alone."""
        material = self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self.key
        return hashlib.sha256(self.key if self.kind == 2 else material).digest()[:4]

    def verifier_key(self) -> str:
        """The key as text: ``<name>+<id, hex>+<base64 of kind ‖ key>``."""
        encoded = base64.b64encode(bytes([self.kind]) + self.key).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True)
class LogCheckpoint:
    """What a note says of a log, and who signed it: (name, key id, signature) a line."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


@dataclass(frozen=True)
class Cosigned:
    """A witness' cosignature that holds. ``time`` is the end of the second that it names, in ms."""

    witness: LogKey
    time: int


def parse_log_key(text: str, place: str) -> LogKey:
    """Decode a verifier key. Raises InvalidInput."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_NAME.fullmatch(parts[0]) or not _KEY_ID.fullmatch(parts[1]):
        raise InvalidEncoding(place, "must be <name>+<key id>+<base64>")
    raw = decode_base64(parts[2], place=place)
    if raw[:1] == _ECDSA:
        read_p256_spki(raw[1:], place=place)
    elif raw[:1] in (_ED25519, _COSIGNATURE):
        check_ed25519_key(raw[1:], place=place)
    else:
        raise InvalidEncoding(place, "must be an Ed25519, ECDSA P-256 or cosignature key")
    key = LogKey(parts[0], raw[0], raw[1:])
    if key.verifier_key() != text:
        raise InvalidEncoding(place, "its key id is not that of its key")
    return key


def read_log_note(note: bytes, place: str) -> LogCheckpoint:
    """Decode a checkpoint: origin, size and root, no extension lines; nothing signed is checked.

    Raises:
        InvalidEncoding: malformed, or a line of one key stands twice.
    """
    try:
        text, lines = split_note(note)
        signatures = [read_signature_line(line) for line in lines]
    except InvalidInput as error:
        raise InvalidEncoding(place, error.rule) from error
    body = text.split("\n")
    if len(body) != 4 or body[3]:
        raise InvalidEncoding(place, "must have three lines: origin, size and root")
    origin, size, root = body[:3]
    if not _KEY_NAME.fullmatch(origin) or not _SIZE.fullmatch(size) or int(size) > MAX_INTEGER:
        raise InvalidEncoding(place, "its origin or its size is malformed")
    decoded = decode_base64(root, place=place)
    if len(decoded) != 32:
        raise InvalidEncoding(place, "its root must have 32 bytes")
    found = tuple((name, raw[:4], raw[4:]) for name, raw in signatures)
    if len({(name, key_id) for name, key_id, _ in found}) != len(found):
        raise InvalidEncoding(place, "a key has signed it twice")
    return LogCheckpoint(text, origin, int(size), decoded, found)


def note_of(checkpoint: LogCheckpoint, keys: tuple[LogKey, ...]) -> str:
    """The note with the signature lines of ``keys`` alone, in that order."""
    lines = [
        f"\u2014 {name} {base64.b64encode(key_id + signature).decode('ascii')}\n"
        for key in keys
        for name, key_id, signature in checkpoint.signatures
        if (name, key_id) == (key.name, key.id)
    ]
    return f"{checkpoint.text}\n{''.join(lines)}"


def check_log_signature(
    checkpoint: LogCheckpoint, key: LogKey, backend: Backend, place: str
) -> None:
    """Check that the log has signed its checkpoint.

    Raises:
        InvalidSignature: it has not, or the signature does not hold.
        InvalidProof: the checkpoint is another log's.
    """
    if checkpoint.origin != key.name:
        raise InvalidProof(place, f"is of the log {checkpoint.origin[:64]}, not of {key.name}")
    signature, message = _signature_of(checkpoint, key, place), checkpoint.text.encode("utf-8")
    try:
        if key.kind == 2:
            jwk: PublicJwk = read_p256_spki(key.key, place=place)
            backend.verify_es256(jwk, message, raw_signature(signature, place=place))
        else:
            backend.verify_ed25519(key.key, message, signature)
    except InvalidInput as error:
        rule_zh = error.rule_zh and f"{key.name} 的签名：{error.rule_zh}"
        rule = f"signature of {key.name}: {error.rule}"
        raise InvalidSignature(place, rule, rule_zh) from error


def check_cosignature(
    checkpoint: LogCheckpoint, witness: LogKey, backend: Backend, place: str
) -> Cosigned:
    """Check a witness' cosignature (C2SP tlog-cosignature): over a header with the time, and the
    note's text.

    Raises:
        InvalidSignature: it has not signed, or its signature does not hold.
    """
    signature = _signature_of(checkpoint, witness, place)
    if len(signature) != 72:
        raise InvalidSignature(place, f"cosignature of {witness.name}: must have 72 bytes")
    seconds = int.from_bytes(signature[:8], "big")
    if not 0 < seconds <= MAX_INTEGER // 1000 - 1:
        raise InvalidSignature(place, f"cosignature of {witness.name}: names no time")
    message = f"cosignature/v1\ntime {seconds}\n{checkpoint.text}".encode()
    try:
        backend.verify_ed25519(witness.key, message, signature[8:])
    except InvalidInput as error:
        rule_zh = error.rule_zh and f"{witness.name} 的联署：{error.rule_zh}"
        rule = f"cosignature of {witness.name}: {error.rule}"
        raise InvalidSignature(place, rule, rule_zh) from error
    return Cosigned(witness, seconds * 1000 + 999)


def _signature_of(checkpoint: LogCheckpoint, key: LogKey, place: str) -> bytes:
    for name, key_id, signature in checkpoint.signatures:
        if (name, key_id) == (key.name, key.id):
            return signature
    raise InvalidSignature(place, f"{key.name} ({key.id.hex()}) has not signed it")
