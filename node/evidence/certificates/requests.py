"""What is asked of an issuer of certificates, by whom, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace

from node.evidence.bundle import Shown
from node.evidence.certificates.port import Order

__all__ = ["Asked", "Issued", "Wanted"]


@dataclass(frozen=True)
class Asked:
    """Who asks: the member, and its idempotency token, "" without one."""

    member: str
    token: str = ""


@dataclass(frozen=True)
class Wanted:
    """An order, the evidence code that it is about, as it goes on the chain, and whether private
    fields are to be shown; what these are is added with `showing`."""

    order: Order
    code: str
    disclosed: bool = False

    def showing(self, disclosures: tuple[Shown, ...]) -> Wanted:
        """The same with the private fields that were released for it."""
        return replace(self, order=replace(self.order, disclosures=disclosures))


@dataclass(frozen=True)
class Issued:
    """A certificate whose record is on the chain. ``record`` is that record's code, ``again``
    whether it was issued before, for the same token."""

    number: str
    code: str
    report_hash: str
    issued_at: int
    record: str
    pages: int
    again: bool = False
