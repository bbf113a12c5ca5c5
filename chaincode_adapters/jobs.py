"""Jobs: one for each point that an adapter takes to its outside chain, and how far it has come.

    queued ──sign──▶ signed ──send──▶ sent ──look up──▶ included ──look up──▶ final
                        ▲                │  ▲               │
                        └──SignAnew──────┘  └──Missing──────┘

A job that is refused is ``failed`` and parked with its reason; one that meets another root is in
``conflict``, and its adapter stops. `evidence-node anchor retry` takes both up again.
"""

from __future__ import annotations

import hashlib

import msgspec

from chaincode_adapters.port import Signed
from node.core.anchors.point import AnchorPoint
from node.core.encoding import decode_json_object

__all__ = [
    "CONFLICT",
    "FAILED",
    "FINAL",
    "INCLUDED",
    "MAX_REASON",
    "QUEUED",
    "SENT",
    "SIGNED",
    "STATES",
    "Attempt",
    "Course",
    "Job",
    "decode_course",
    "decode_job",
    "decode_point",
    "encode",
    "reference_of",
    "shortened",
]

QUEUED, SIGNED, SENT, INCLUDED = "queued", "signed", "sent", "included"
FINAL, FAILED, CONFLICT = "final", "failed", "conflict"
STATES = (QUEUED, SIGNED, SENT, INCLUDED, FINAL, FAILED, CONFLICT)

MAX_REASON = 500
_MAX_POINT_BYTES = 4096


class Attempt(msgspec.Struct, array_like=True, frozen=True):
    """What was signed, as it is kept."""

    external_tx: str
    payload: bytes
    memo: dict[str, int | str]

    @classmethod
    def of(cls, signed: Signed) -> Attempt:
        """To be kept."""
        return cls(signed.external_tx, signed.payload, signed.memo)

    def signed(self) -> Signed:
        """As adapters have it."""
        return Signed(self.external_tx, self.payload, self.memo)


class Job(msgspec.Struct, array_like=True, frozen=True):
    """One point on its way to one outside chain.

    ``point`` is its document. ``answer`` is what `send` returned last. ``mark`` and ``height`` are
    where it was included. ``reason`` says why it is parked, or what went wrong last. Of a final
    one, ``receipt`` is the SHA-256 of its item, ``external_time`` what it vouches for (ms),
    ``checked`` what the verifier said of it. ``queued_at`` and ``ended_at`` are this node's (ms).
    """

    adapter: str
    chain: str
    point: bytes
    size: int
    root: bytes
    state: str
    queued_at: int
    attempts: tuple[Attempt, ...] = ()
    answer: bytes = b""
    mark: str = ""
    height: int = 0
    reason: str = ""
    ended_at: int = 0
    receipt: bytes = b""
    external_tx: str = ""
    external_height: int | None = None
    external_time: int = 0
    checked: str = ""

    @property
    def key(self) -> bytes:
        """What makes it another job than the others: (adapter, chain, size, root), in the order of
        the adapter's points."""
        parts = (self.adapter.encode(), b"\0", self.size.to_bytes(8, "big"), self.root)
        return b"".join((*parts, self.chain.encode("utf-8")))


class Course(msgspec.Struct, array_like=True, frozen=True):
    """How far an adapter has come: the height of the last point that it took, its final jobs.

    ``stopped`` says why it does nothing until somebody has it retried; "" while it goes on.
    ``conflict`` says that this is the alarm.
    """

    height: int
    chain: str = ""
    finals: int = 0
    newest_size: int = 0
    newest_time: int = 0
    newest_ended_at: int = 0
    stopped: str = ""
    stopped_at: int = 0
    conflict: bool = False


_JOB = msgspec.msgpack.Decoder(Job)
_COURSE = msgspec.msgpack.Decoder(Course)


def encode(row: Job | Course) -> bytes:
    """A row's value."""
    return msgspec.msgpack.encode(row)


def decode_job(data: bytes) -> Job:
    """Decode a job. Raises msgspec.DecodeError."""
    return _JOB.decode(data)


def decode_course(data: bytes) -> Course:
    """Decode a course. Raises msgspec.DecodeError."""
    return _COURSE.decode(data)


def decode_point(document: bytes) -> AnchorPoint:
    """The point of a document. Raises InvalidInput."""
    return AnchorPoint.from_json(
        decode_json_object(document, place="point", max_bytes=_MAX_POINT_BYTES)
    )


def reference_of(job: Job) -> str:
    """The id of the record that a job's anchor becomes, 32 hex digits: it follows from what was
    anchored where, so that the same anchor is not recorded twice."""
    return hashlib.sha256(b"anchor.confirmed\0" + job.key).hexdigest()[:32]


def shortened(reason: str) -> str:
    """A reason as it is kept and shown: on one line, of bounded length."""
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
