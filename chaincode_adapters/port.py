"""The port of every adapter to an outside chain, and what passes through it.

The worker takes a point through these steps, keeping each result before the next begins:

    sign      bytes and the id that they will have outside; nothing has been sent
    send      the bytes go out; sending the same ones again does no harm
    look_up   where they stand by the chain's own word
    receipt   once final: what proves it to whoever has the bundle alone

It may be stopped between any two of them, and begins again with `look_up` of what was signed.
Adapters keep nothing themselves. One thread calls an adapter at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from node.core.anchors.point import AnchorPoint

__all__ = [
    "AnchorAdapter",
    "Final",
    "Included",
    "Missing",
    "Pending",
    "Receipt",
    "Signed",
    "Standing",
    "Surroundings",
]


@dataclass(frozen=True)
class Surroundings:
    """What an adapter is told of its node. ``home`` is the directory that relative paths are of,
    ``now`` the clock in ms, ``member`` who runs the node."""

    home: Path
    chain_id: str
    genesis_hash: bytes
    member: str
    now: Callable[[], int]


@dataclass(frozen=True)
class Signed:
    """An attempt: the exact bytes to send, and the id that they have outside (a transaction's id,
    a request's). ``memo`` is what the adapter wants to remember of it (a nonce, a price)."""

    external_tx: str
    payload: bytes
    memo: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """The chain knows nothing of any attempt: send it again. ``asked`` is False where nobody could
    be asked, and only what was answered once is there to go by."""

    asked: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Pending:
    """Known there, and not included yet. Where that takes longer than is usual, ``reason`` says so,
    and it is looked up again after ``retry_after`` seconds instead of the adapter's ``poll_ms``."""

    retry_after: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Included:
    """Included at ``height`` of the outside chain (0: it has none), not final yet. ``mark`` is what
    must be the same when it is looked up again, such as the block's hash."""

    external_tx: str
    height: int
    mark: str


@dataclass(frozen=True)
class Final:
    """Final by the adapter's rule. ``time`` is the chain's own, in ms."""

    external_tx: str
    height: int
    mark: str
    time: int


Standing = Missing | Pending | Included | Final


@dataclass(frozen=True)
class Receipt:
    """``content`` is the ``receipt`` member of a bundle's item of ``kind``: integers, text, arrays
    and objects only. ``time`` is what it vouches for, in ms; ``height`` None where the chain has
    none."""

    kind: str
    content: dict[str, Any]
    external_tx: str
    height: int | None
    time: int


class AnchorAdapter(Protocol):
    """One outside chain or service.

    All of them raise AnchorError and nothing else that could be foreseen; see
    `chaincode_adapters.errors` for which. None waits longer than its configured timeout.
    """

    name: str
    """As configured; unique in a node."""
    kind: str
    """Of its settings."""
    chain: str
    """Which chain it is, as the ledger's records name it: at most 64 of ``A-Za-z0-9._:/-``."""
    in_flight: int
    """How many points may be under way at once."""
    poll_ms: int
    """How long to wait before looking up again what is pending."""

    def open(self) -> None:
        """Connect and find out what the other side can do. Called again after an outage."""

    def close(self) -> None:
        """Let go of connections. May be called more than once."""

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """Bytes that anchor ``point``. ``attempts`` are those made before that may still be
        included; the new one must not be able to stand beside them."""

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """Send an attempt. Returns what the service answered and `look_up` and `receipt` will need
        (b"" where the chain itself can be asked). Knowing it already is success."""

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """Where the point stands. ``answer`` is what `send` returned last, b"" where it is not
        known: a lost answer is no loss."""

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """What proves it offline."""

    def trust_entry(self) -> dict[str, Any]:
        """The item of a trust file's ``anchors`` by which its receipts are checked; for time-stamp
        authorities, ``{"kind": "rfc3161", "tsa_roots": [base64 DER, …]}``, whose roots belong into
        the trust file's ``tsa_roots``."""
