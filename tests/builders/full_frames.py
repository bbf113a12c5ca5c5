"""Frames of a size chosen to the byte, of records that are sound."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from hashlib import sha256

import zstandard
from builders.testnet import Net

from node.client.records import build_submission
from node.core.encoding import decode_base64url, encode_uvarint
from node.wiring import system_time

__all__ = ["frame_of_size"]

_MEMBER = "anyunyin"
_HASHES = 100
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ALIASES, _ALIAS = 20, 100
_FULL = 5_500  # what a record with all its hashes takes, packed, and some room for letters
_ROOM = 1_600  # of which the last record takes some 600 without hashes and letters
_NOISE = 12
_BEGINNINGS, _TRIES = 60, 1_000


def frame_of_size(net: Net, size: int, slack: int = 0) -> tuple[bytes, list[str]]:
    """A frame of ``size`` bytes or up to ``slack`` fewer, and the ids of its transactions.

    Found by trying: signatures differ each time, and compression with them. Some beginnings hardly
    ever lead to the very byte, so after a while another is made.
    """
    for _ in range(_BEGINNINGS):
        found = _search(net, size, slack)
        if found is not None:
            return found
    raise AssertionError("no frame of that size was found")


def _search(net: Net, size: int, slack: int) -> tuple[bytes, list[str]] | None:
    jwts: list[bytes] = []
    body = b""
    while len(_packed(len(jwts), body)) < size - _FULL:
        jwts.append(_jwt(net, _HASHES, 0))
        body += _parts(jwts[-1])
    hashes = max(0, min(_HASHES, (size - len(_packed(len(jwts), body)) - _ROOM) // 36))
    letters = 0
    for _ in range(_TRIES):
        last = _jwt(net, hashes, letters)
        frame = _packed(len(jwts) + 1, body + _parts(last))
        missing = size - len(frame)
        if 0 <= missing <= slack:
            return frame, [sha256(jwt).hexdigest() for jwt in [*jwts, last]]
        step = missing // 3 if abs(missing) > _NOISE else random.randint(-3, 3)
        letters = max(0, min(_ALIASES * _ALIAS, letters + step))
    return None


def _packed(count: int, body: bytes) -> bytes:
    """As `node.core.frame.encode_frame`, without its limits."""
    packer = zstandard.ZstdCompressor(level=1)
    return b"\x01" + packer.compress(encode_uvarint(count) + body)


def _parts(jwt: bytes) -> bytes:
    pieces = []
    for part in jwt.decode("ascii").split("."):
        raw = decode_base64url(part, place="part")
        pieces += [encode_uvarint(len(raw)), raw]
    return b"".join(pieces)


def _jwt(net: Net, hashes: int, letters: int) -> bytes:
    reference = secrets.token_hex(12)
    now = system_time()
    submission = build_submission(
        net.made.keys[_MEMBER],
        chain_id=net.made.genesis.chain_id,
        member=_MEMBER,
        event_id=reference,
        event_type="record.imported",
        subject=f"record:{_MEMBER}:{reference}",
        data={
            "aliases": list(_texts(letters)),
            "document_hashes": [secrets.token_hex(32) for _ in range(hashes)],
            "happened_at": now - 1_000,
            "record_hash": secrets.token_hex(32),
            "source_system": "旧系统",
        },
        source={"system": "fault tests", "method": "api"},
        occurred_at=now,
        issued_at=now,
        private={},
    )
    return submission.jwt


def _texts(letters: int) -> Iterator[str]:
    while letters > 0:
        yield "".join(random.choices(_LETTERS, k=min(letters, _ALIAS)))
        letters -= _ALIAS
