"""What a worker process does with a chunk of submissions: decode, verify, pack into frames.

A chunk goes in as a list of SD-JWTs and comes out as frames and a result for each submission, all
of it plain values, since it crosses from one process to another by `marshal`.
"""

from __future__ import annotations

import marshal
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import orjson
import zstandard

from node.core.disclosure import match_disclosures, split_sd_jwt
from node.core.encoding import decode_json_object, encode_uvarint
from node.core.errors import InvalidInput, InvalidSignature, InvalidTransaction
from node.core.frame import (
    MAX_FRAME_BYTES,
    MAX_UNPACKED_BYTES,
    Parts,
)
from node.core.transaction import MAX_TRANSACTION_BYTES
from node.ledger.intake import Intake
from node.rules.events import EVENTS
from node.rules.judge import check_public
from node.rules.private import check_private_field
from node.rules.schema import FieldError

__all__ = [
    "FRAME_TRANSACTIONS",
    "ChunkAdmitter",
    "Flaw",
    "Good",
    "decode_answer",
]

Good = tuple[bytes, bytes | None, bytes, tuple[Any, ...], tuple[str, ...], bool]
"""id, the JWT where it is not the submission itself, issuer key, event, disclosures, lowered."""

Flaw = tuple[str, str, str, str]
"""Kind of error, place, rule, and the name of the rejection where the registry has one."""


_NONE: tuple[str, ...] = ()
FRAME_TRANSACTIONS = 32
"""Fewer than a frame may have: whoever reads one record unpacks its whole frame."""


class Answer(NamedTuple):
    """What a worker says of a chunk: frames with the positions of what they hold, and results."""

    frames: list[tuple[bytes, list[int]]]
    results: list[Good | Flaw]


def decode_answer(data: bytes | memoryview) -> Answer:
    """What `ChunkAdmitter.admit` wrote."""
    return Answer(*marshal.loads(data))  # noqa: S302 - from a worker of our own


class ChunkAdmitter:
    """Admits chunks. ``chain_id`` is the only one whose transactions are taken, at most
    ``frame_transactions`` of them a frame; those of the ``former`` ones are let through, for
    whoever asks the ledger what became of them."""

    def __init__(
        self,
        intake: Intake,
        chain_id: str,
        frame_transactions: int = FRAME_TRANSACTIONS,
        former: frozenset[str] = frozenset(),
    ) -> None:
        self._intake = intake
        self._chain_id = chain_id
        self._frame_transactions = frame_transactions
        self._former = former
        self._compressor = zstandard.ZstdCompressor(level=1)

    def admit(self, submissions: Sequence[bytes]) -> bytes:
        """Admit a chunk of SD-JWTs and marshal the Answer."""
        results: list[Good | Flaw] = []
        packing: list[tuple[int, Parts]] = []
        for position, submission in enumerate(submissions):
            try:
                good, parts = self._admit_one(submission)
                results.append(good)
                packing.append((position, parts))
            except FieldError as error:
                results.append(("FieldError", error.place, error.rule, error.rejection))
            except InvalidInput as error:
                results.append((type(error).__name__, error.place, error.rule, ""))
        return marshal.dumps((self._pack(packing), results))

    def _admit_one(self, submission: bytes) -> tuple[Good, Parts]:
        jwt, encoded = submission, _NONE
        if b"~" in submission:
            jwt, listed = split_sd_jwt(submission)
            encoded = tuple(listed)
        taken, parts, digests, lowered = self._intake.admit(jwt)
        identifier, low, issuer_key, unknown_key, event = taken
        if unknown_key:
            raise InvalidSignature("header.kid", "is no registered key of this chain")
        if event[1] != self._chain_id and event[1] not in self._former:
            raise InvalidTransaction("payload.cid", f"must be {self._chain_id}, this node's chain")
        if event[11]:
            check_public(
                decode_json_object(parts[1], place="payload", max_bytes=MAX_TRANSACTION_BYTES)
            )
        if encoded:
            # It was decoded by stricter rules, which nothing here can read otherwise.
            data = orjson.loads(parts[1])["data"]
            _check_disclosures(event[7], digests, encoded, data)
        kept = None if low == submission else low
        return (identifier, kept, issuer_key, event, encoded, lowered), parts

    def _pack(self, packing: list[tuple[int, Parts]]) -> list[tuple[bytes, list[int]]]:
        """Frames of all parts, in their order."""
        frames: list[tuple[bytes, list[int]]] = []
        pending = self._groups(packing)
        pending.reverse()
        while pending:
            group = pending.pop()
            frame = self._pack_one([parts for _, parts in group])
            if frame is None:
                middle = len(group) // 2
                pending += (group[middle:], group[:middle])
            else:
                frames.append((frame, [position for position, _ in group]))
        return frames

    def _groups(self, packing: list[tuple[int, Parts]]) -> list[list[tuple[int, Parts]]]:
        """What goes into one frame each: so many, and nothing that was signed twice."""
        groups: list[list[tuple[int, Parts]]] = []
        signed: set[tuple[bytes, bytes]] = set()
        for item in packing:
            content = item[1][:2]
            if not groups or len(groups[-1]) == self._frame_transactions or content in signed:
                groups.append([])
                signed.clear()
            groups[-1].append(item)
            signed.add(content)
        return groups

    def _pack_one(self, transactions: Sequence[Parts]) -> bytes | None:
        """A frame, or None where these are too large for one."""
        pieces = [encode_uvarint(len(transactions))]
        for header, payload, signature in transactions:
            pieces += (
                encode_uvarint(len(header)),
                header,
                encode_uvarint(len(payload)),
                payload,
                b"\x40",
                signature,
            )
        unpacked = b"".join(pieces)
        if len(unpacked) > MAX_UNPACKED_BYTES:
            return None
        packed = b"\x01" + self._compressor.compress(unpacked)
        return packed if len(packed) <= MAX_FRAME_BYTES else None


def _check_disclosures(
    event_type: str, digests: Sequence[str], encoded: Sequence[str], data: Container[str]
) -> None:
    """Each disclosure must be named by a digest, and be of a private field of this event type that
    does not stand in ``data`` in clear."""
    private = EVENTS[event_type].private
    for disclosure in match_disclosures(digests, encoded, data):
        if disclosure.name not in private:
            raise InvalidTransaction(
                f"disclosure {disclosure.name[:64]}", f"is no private field of {event_type}"
            )
        check_private_field(disclosure.name, disclosure.value)
