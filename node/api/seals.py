"""The status of a seal at a moment: from its dossier's records, and by the clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from node.api.problems import Problem, malformed
from node.core.encoding import MAX_INTEGER
from node.core.errors import LedgerFault
from node.ledger.reader import LedgerReader, LogEntry
from node.rules.judgement import State
from node.rules.seals import shown_status

__all__ = ["SealStatus", "read_moment", "seal_status"]

_SETS_STATUS = frozenset(
    ("seal.applied", "seal.created", "seal.filed", "seal.imported", "seal.status_changed")
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SealStatus:
    """A seal's status at ``at`` (ms). ``set_by`` is the record that set it, None where there was
    none yet (``status`` "unknown"); ``derived`` says that its validity makes it another than the
    one set."""

    es_id: str
    at: int
    status: str
    derived: bool
    set_by: LogEntry | None
    dossier: str
    seal: State


def seal_status(reader: LedgerReader, es_id: str, at: int) -> SealStatus:
    """The status of a seal at ``at``, in ms: by the records whose blocks were made until then.

    Raises:
        Problem: 404 where there is no such seal.
    """
    seal = reader.state(f"seal/{es_id}")
    if seal is None:
        raise Problem(
            "not-found",
            f"no seal has the es_id {es_id}; /v1/state/seal/{es_id} proves it",
            f"本账本中没有标识为 {es_id} 的印章",
        )
    dossier: str = seal["dossier"]
    set_by = None
    for entry in reader.entries(reader.dossier_indexes(dossier)):
        if entry.entry.time > at:
            break
        if entry.transaction.type in _SETS_STATUS:
            set_by = entry
    if set_by is None:
        return SealStatus(es_id, at, "unknown", False, None, dossier, seal)
    stored = set_by.entry.facts.get("status")
    if not isinstance(stored, str):
        raise LedgerFault(f"entry {set_by.index} sets a seal's status and does not say which")
    status = shown_status({**seal, "status": stored}, at)
    return SealStatus(es_id, at, status, status != stored, set_by, dossier, seal)


def read_moment(text: str, now: int) -> int:
    """A moment: milliseconds since 1970, or RFC 3339. Raises Problem."""
    if text.isascii() and text.isdigit() and len(text) <= 16:
        at = int(text)
    else:
        at = _read_rfc3339(text)
    if not 0 <= at <= MAX_INTEGER:
        raise malformed("query.at", "is no time of the ledger")
    if at > now:
        raise malformed("query.at", "is in the future: nobody knows what will be recorded")
    return at


def _read_rfc3339(text: str) -> int:
    if len(text) > 40:
        raise _no_moment()
    try:
        # an unescaped "+" of the zone comes as a blank
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        if moment.tzinfo is None:
            raise _no_moment()
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError) as error:
        raise _no_moment() from error


def _no_moment() -> Problem:
    return malformed("query.at", "must be milliseconds since 1970 UTC, or RFC 3339 with a zone")
