"""Trust files: the little that somebody must believe before a bundle can convince them.

Chain id, genesis hash, roots of time-stamp authorities, anchor contracts, and if wanted a
checkpoint of the log that the holder saw once. Its fingerprint is printed on certificates.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidBundle, InvalidEncoding
from node.core.fields import (
    exact_members,
    read_each,
    read_hash,
    read_integer,
    read_kind,
    read_match,
    read_text,
)

__all__ = ["MAX_TRUST_BYTES", "TRUST_FORMAT", "Trust", "TrustedCheckpoint", "decode_trust"]

TRUST_FORMAT = "evidence-trust/1"
MAX_TRUST_BYTES = 1 << 20
_Entry = TypeVar("_Entry")
_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)


@dataclass(frozen=True)
class TrustedCheckpoint:
    """A size and root of the log that the holder of the trust file knows to be true."""

    size: int
    root: bytes


@dataclass(frozen=True)
class Trust:
    """A decoded trust file. ``tsa_roots`` are DER certificates, ``anchors`` their descriptions.

    ``signer_roots`` are the roots (DER) that institutions' sealing certificates lead to, or None
    where the file has no such member: an empty one is another file, with another fingerprint.
    """

    chain_id: str
    genesis_hash: bytes
    checkpoint: TrustedCheckpoint | None = None
    tsa_roots: tuple[bytes, ...] = ()
    anchors: tuple[dict[str, Any], ...] = ()
    signer_roots: tuple[bytes, ...] | None = None
    _entries: dict[str, tuple[Any, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def entries(self, kind: str, read: Callable[[Any, str], _Entry]) -> tuple[_Entry, ...]:
        """The items of ``anchors`` of a kind, each decoded by ``read(item, place)``: once only, as
        long as a bundle may ask for them again for every receipt. Raises what ``read`` does."""
        if kind not in self._entries:
            self._entries[kind] = tuple(
                read(entry, f"trust.anchors[{position}]")
                for position, entry in enumerate(self.anchors)
                if entry["kind"] == kind
            )
        return self._entries[kind]

    def to_json(self) -> dict[str, Any]:
        """The file's content."""
        out: dict[str, Any] = {
            "anchors": list(self.anchors),
            "chain_id": self.chain_id,
            "format": TRUST_FORMAT,
            "genesis_hash": self.genesis_hash.hex(),
            "tsa_roots": [base64.b64encode(root).decode("ascii") for root in self.tsa_roots],
        }
        if self.signer_roots is not None:
            out["signer_roots"] = [
                base64.b64encode(root).decode("ascii") for root in self.signer_roots
            ]
        if self.checkpoint is not None:
            out["checkpoint"] = {
                "root": self.checkpoint.root.hex(),
                "size": self.checkpoint.size,
            }
        return out

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the canonical form, which white space in the file does not change."""
        return hashlib.sha256(canonical_json(self.to_json())).digest()


def decode_trust(data: bytes) -> Trust:
    """Decode a trust file.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = decode_json_object(data, place="trust", max_bytes=MAX_TRUST_BYTES)
    exact_members(
        value,
        "trust",
        ("anchors", "chain_id", "format", "genesis_hash", "tsa_roots"),
        ("checkpoint", "signer_roots"),
    )
    if value["format"] != TRUST_FORMAT:
        raise InvalidBundle("trust.format", f"must be {TRUST_FORMAT}")
    checkpoint, signers = value.get("checkpoint"), value.get("signer_roots")
    return Trust(
        chain_id=read_match(value["chain_id"], "trust.chain_id", _CHAIN_ID, "must be a chain id"),
        genesis_hash=read_hash(value["genesis_hash"], "trust.genesis_hash"),
        checkpoint=None if checkpoint is None else _read_checkpoint(checkpoint),
        tsa_roots=read_each(value["tsa_roots"], "trust.tsa_roots", _read_certificate, most=100),
        anchors=read_each(value["anchors"], "trust.anchors", read_kind, most=100),
        signer_roots=None
        if signers is None
        else read_each(signers, "trust.signer_roots", _read_certificate, most=100),
    )


def _read_checkpoint(value: Any) -> TrustedCheckpoint:
    members = exact_members(value, "trust.checkpoint", ("root", "size"))
    return TrustedCheckpoint(
        size=read_integer(members["size"], "trust.checkpoint.size", least=1),
        root=read_hash(members["root"], "trust.checkpoint.root"),
    )


def _read_certificate(value: Any, place: str) -> bytes:
    text = read_text(value, place, most=65_536)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64 of a DER certificate") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise InvalidEncoding(place, "must be canonical base64")
    return raw
