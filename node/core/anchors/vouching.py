"""What a receipt of an outside chain or a time-stamp authority shows, as its verifier says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from node.core.anchors.point import AnchorPoint
from node.core.signatures import Backend
from node.core.trust import Trust

__all__ = ["VerifyReceipt", "Vouched"]


@dataclass(frozen=True)
class Vouched:
    """A receipt that holds: ``by`` vouches that the point existed no later than ``time``.

    ``by`` is named from the trust file or from a certificate that leads to it, never from the
    receipt alone; ``time`` is in ms since the Unix epoch. ``how`` (English, Chinese) is half a
    sentence that says what was checked and what was not, ``where`` the place on the outside chain.
    """

    by: str
    time: int
    where: str
    how: str
    how_zh: str
    details: tuple[str, ...] = ()


class VerifyReceipt(Protocol):
    """The verifier of one kind of receipts."""

    def __call__(
        self, receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
    ) -> Vouched:
        """Check that ``receipt`` vouches for ``point``.

        Args:
            receipt: the ``receipt`` member of an item of a bundle's ``anchors``, undecoded.
            point: what it must be of.
            trust: what is believed; nothing else is.
            backend: what checks signatures.
            place: where the receipt stands, for errors.

        Raises:
            InvalidInput: it is malformed or does not hold.
            NotChecked: it holds by itself, but the trust file names nothing that it leads to.
        """
