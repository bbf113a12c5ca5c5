"""What the ledger knows already of a submission that comes again."""

from __future__ import annotations

from node.ledger.application import Application
from node.ledger.rows import ISSUED, TRANSACTION
from node.rules.rejections import REJECTIONS
from node.submission.tickets import Ticket

__all__ = ["Known"]


class Known:
    """Looks up what was judged before. Safe for threads."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def mark(self, ticket: Ticket) -> bool:
        """Whether the chain has something of this (iss, jti), or has refused this transaction.

        Where it has judged this very transaction for good, the ticket is marked as known.
        """
        assert ticket.good is not None
        identifier, _, issuer_key, _, _, _ = ticket.good
        row = self._application.store.get(ISSUED + issuer_key)
        if row is None and not self._application.is_refused(identifier):
            return False
        ticket.known = self.judged(identifier)
        if ticket.known == "refused":
            ticket.disclosures = ()
        return True

    def judged(self, identifier: bytes) -> str | None:
        """``recorded`` or ``refused`` where the ledger has judged this transaction for good."""
        row = self._application.store.get(TRANSACTION + identifier[:20])
        if row is None:
            return None
        if row[0] != 0xFF:
            return "recorded"
        return "refused" if REJECTIONS[row[-1]].remembered else None
