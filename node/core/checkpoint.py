"""Checkpoints of the log: C2SP tlog-checkpoint as signed notes, Ed25519 signatures (type 0x01).

    evidence-ledger/<chain id>
    <size>
    <root, base64>
    state-root <hex>
    height <number>

    — <name> <base64 of key id ‖ signature>

The two lines behind the root are extension lines; the height is that of the block after which log
and state map were so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.signatures import Backend

__all__ = [
    "Checkpoint",
    "NoteKey",
    "checkpoint_origin",
    "decode_checkpoint",
    "note_signature_line",
    "open_note",
    "parse_verifier_key",
    "read_signature_line",
    "split_note",
]

_ED25519 = b"\x01"
_MAX_NOTE = 64 * 1024
_NUMBER = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)
_DASH = "\u2014 "
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")


def checkpoint_origin(chain_id: str) -> str:
    """The origin line of a chain's log, and the name of the keys that sign it."""
    return f"evidence-ledger/{chain_id}"


@dataclass(frozen=True)
class Checkpoint:
    """Log and state map after the block at ``height``."""

    origin: str
    size: int
    root: bytes
    state_root: bytes
    height: int

    def text(self) -> str:
        """The note's text, with the newline that is signed too."""
        root = base64.b64encode(self.root).decode("ascii")
        return (
            f"{self.origin}\n{self.size}\n{root}\n"
            f"state-root {self.state_root.hex()}\nheight {self.height}\n"
        )


@dataclass(frozen=True)
class NoteKey:
    """An Ed25519 key that signs notes under a name (C2SP signed-note)."""

    name: str
    public_key: bytes

    @property
    def id(self) -> bytes:
        """First 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)."""
        material = self.name.encode("utf-8") + b"\n" + _ED25519 + self.public_key
        return hashlib.sha256(material).digest()[:4]

    def verifier_key(self) -> str:
        """The key as text: ``<name>+<key id, hex>+<base64 of 0x01 ‖ public key>``."""
        encoded = base64.b64encode(_ED25519 + self.public_key).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"


def parse_verifier_key(text: str) -> NoteKey:
    """Decode a verifier key. Raises InvalidEncoding."""
    parts = text.split("+", 2)
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (IndexError, binascii.Error, ValueError) as error:
        raise InvalidEncoding("verifier key", "must be <name>+<key id>+<base64>") from error
    if _NAME.fullmatch(parts[0]) is None:
        raise InvalidEncoding("verifier key", "its name must be without spaces")
    key = NoteKey(parts[0], raw[1:])
    if len(raw) != 33 or raw[:1] != _ED25519 or key.verifier_key() != text:
        raise InvalidEncoding("verifier key", "is no canonical Ed25519 verifier key")
    return key


def note_signature_line(key: NoteKey, signature: bytes) -> str:
    """The line that adds ``signature`` over a note's text to the note."""
    return f"{_DASH}{key.name} {base64.b64encode(key.id + signature).decode('ascii')}\n"


def open_note(note: bytes, key: NoteKey, backend: Backend) -> str:
    """The text of a note that ``key`` has signed. The order of its signature lines says nothing.

    Raises:
        InvalidEncoding: not a signed note, or one of its lines is malformed, whoever's it is.
        InvalidSignature: ``key`` has not signed it, or a signature of it does not hold.
    """
    text, lines = split_note(note)
    signatures = [read_signature_line(line) for line in lines]
    own = [raw[4:] for name, raw in signatures if name == key.name and raw[:4] == key.id]
    if not own:
        raise InvalidSignature("note", f"{key.name} ({key.id.hex()}) has not signed it")
    for signature in own:
        try:
            backend.verify_ed25519(key.public_key, text.encode("utf-8"), signature)
        except InvalidInput as error:
            rule_zh = error.rule_zh and f"{key.name} 的签名：{error.rule_zh}"
            rule = f"signature of {key.name}: {error.rule}"
            raise InvalidSignature("note", rule, rule_zh) from error
    return text


def read_signature_line(line: str) -> tuple[str, bytes]:
    """The name on a signature line, and key id and signature behind it. Raises InvalidEncoding."""
    name, _, encoded = line[2:].partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    canonical = base64.b64encode(raw).decode("ascii") == encoded
    if not line.startswith(_DASH) or _NAME.fullmatch(name) is None or not canonical or len(raw) < 5:
        raise InvalidEncoding(
            "note", "a signature line must be an em dash, a name and base64, with a space between"
        )
    return name, raw


def split_note(note: bytes) -> tuple[str, list[str]]:
    """A note's text, with its last newline, and its signature lines. Raises InvalidEncoding."""
    if len(note) > _MAX_NOTE:
        raise InvalidEncoding("note", f"at most {_MAX_NOTE} bytes are allowed")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidEncoding("note", "is not UTF-8") from error
    text, separator, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    if not separator or len(lines) < 2 or lines.pop() != "":
        raise InvalidEncoding("note", "must be text, an empty line, and signature lines")
    return text + "\n", lines


def decode_checkpoint(text: str) -> Checkpoint:
    """Decode a checkpoint's text. Raises InvalidEncoding."""
    lines = text.split("\n")
    if len(lines) != 6 or lines[5]:
        raise InvalidEncoding("checkpoint", "must have exactly five lines")
    origin, size, root, state_root, height = lines[:5]
    if _NAME.fullmatch(origin) is None:
        raise InvalidEncoding("checkpoint.origin", "must be a name without spaces")
    try:
        decoded = base64.b64decode(root, validate=True)
        state = bytes.fromhex(state_root[11:])
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding("checkpoint", "its roots are malformed") from error
    numbers = (size, height[7:])
    if any(_NUMBER.fullmatch(number) is None for number in numbers):
        raise InvalidEncoding("checkpoint", "its size or height is no number")
    checkpoint = Checkpoint(origin, int(size), decoded, state, int(numbers[1]))
    if len(decoded) != 32 or len(state) != 32 or checkpoint.text() != text:
        raise InvalidEncoding("checkpoint", "is not in its canonical form")
    return checkpoint
