"""How dossiers and records are shown: masked to anybody, whole to members.

Masked is what a page may show to anyone: code, type, member, times, what the rules found, hashes,
counts. Nothing of it comes from a private field, and no name of a person or of a party does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.api.standing import proven_time
from node.core.errors import LedgerFault
from node.core.transaction import Transaction
from node.ledger.reader import LedgerReader, LogEntry
from node.rules.events import EVENTS
from node.rules.governance import proposal_status
from node.rules.judgement import State, in_force
from node.rules.seals import shown_status

__all__ = ["KINDS_ZH", "PROPOSAL_STATUSES_ZH", "STATUSES_ZH", "Views", "as_of", "documents_of"]

KINDS_ZH = {
    "anchor": "第三方存证",
    "case": "签约",
    "consortium": "联盟事项",
    "record": "存证记录",
    "seal": "电子印章",
}
STATUSES_ZH = {
    "active": "有效",
    "applied": "已申请",
    "cancelled": "已注销",
    "completed": "已完成",
    "created": "已制作，待公安备案",
    "expired": "已过期",
    "imported": "已补录",
    "initiated": "已发起",
    "lost": "已挂失",
    "not_yet_valid": "尚未生效",
    "recorded": "已存证",
    "rejected": "已拒签",
    "revoked": "已吊销（撤销）",
    "started": "签署中",
    "suspended": "已停用（冻结）",
    "voided": "已作废",
}
PROPOSAL_STATUSES_ZH = {
    "approved": "已通过",
    "closed": "已截止",
    "open": "表决中",
    "rejected": "未通过",
    "void": "通过时已无法执行",
    "withdrawn": "已撤回",
}
_SINGLE = ("after_hash", "before_hash", "document_hash", "report_hash")


def as_of(reader: LedgerReader, empty_block_ms: int) -> dict[str, int]:
    """The moment of which an answer speaks, and until when no newer one can be expected."""
    meta = reader.meta
    return {
        "height": meta.height,
        "time": meta.time,
        "next_update": meta.time + empty_block_ms,
    }


def documents_of(transaction: Transaction) -> list[str]:
    """SHA-256 of the documents that a record names in its public fields."""
    data = transaction.data
    found = [item["sha256"] for item in data.get("documents", ())]
    found += [data[name] for name in _SINGLE if name in data]
    found += data.get("document_hashes", ())
    return list(dict.fromkeys(found))


class Views:
    """Shows what one reader sees. ``now`` in ms: statuses that time changes are as of then."""

    def __init__(self, reader: LedgerReader, now: int) -> None:
        self._reader = reader
        self._now = now
        self._names: dict[str, str] = {}
        self._proven: dict[int, int] = {}

    def member(self, member: str) -> dict[str, str]:
        """A member's id and its name in force."""
        name = self._names.get(member)
        if name is None:
            state = self._reader.state(f"member/{member}")
            name = member if state is None else in_force(state, self._reader.meta.height)["name"]
            self._names[member] = name
        return {"id": member, "name": name}

    def dossier(self, subject: str, state: State) -> dict[str, Any]:
        """What stands at the head of a dossier, from its value in the state map."""
        status = self._status(state)
        words = PROPOSAL_STATUSES_ZH if "change" in state else STATUSES_ZH
        return {
            "code": f"CZ{state['code']}",
            "sub": subject,
            "kind": state["kind"],
            "kind_zh": KINDS_ZH[state["kind"]],
            "opener": self.member(state["opener"]),
            "records": state["count"],
            "status": status,
            "status_zh": words.get(status, status),
            "status_version": state["status_version"],
            "head": state["head"],
        }

    def _status(self, state: State) -> str:
        """A dossier's status; a seal's follows from its validity as well."""
        status: str = state["status"]
        if "change" in state:
            return proposal_status(state, self._now)
        if "es_id" in state:
            seal = self._reader.state(f"seal/{state['es_id']}")
            if seal is None:
                raise LedgerFault(f"state map: seal/{state['es_id']} is missing")
            status = shown_status(seal, self._now)
        return status

    def records(self, indexes: list[int], *, whole: bool) -> Iterator[dict[str, Any]]:
        """The records at ``indexes``, masked or whole."""
        for entry in self._reader.entries(indexes):
            yield self.whole_record(entry) if whole else self.masked_record(entry)

    def masked_record(self, entry: LogEntry) -> dict[str, Any]:
        """What anybody may see of a record. ``private_fields`` counts those that are not on the
        chain, ``proven_time`` is the time of the header that shows the log with this record."""
        transaction, recorded = entry.transaction, entry.entry
        event = EVENTS.get(transaction.type)
        return {
            "code": recorded.code,
            "type": transaction.type,
            "title_zh": transaction.type if event is None else event.title_zh,
            "member": self.member(transaction.iss),
            "occurred_at": transaction.occurred_at,
            "collected_at": transaction.collected_at,
            "submitted_at": transaction.iat * 1000,
            "time": recorded.time,
            "proven_time": self._proven_time(recorded.height),
            "height": recorded.height,
            "index": entry.index,
            "facts": recorded.facts,
            "documents": documents_of(transaction),
            "private_fields": len(transaction.digests),
            "id": transaction.id.hex(),
            "leaf_hash": recorded.leaf_hash().hex(),
        }

    def whole_record(self, entry: LogEntry) -> dict[str, Any]:
        """What members see: the entry's own text too, and what its transaction says."""
        transaction = entry.transaction
        return {
            **self.masked_record(entry),
            "data": transaction.data,
            "source": transaction.source,
            "kid": transaction.kid,
            "digests": list(transaction.digests),
            "entry": entry.text.decode("utf-8"),
        }

    def _proven_time(self, height: int) -> int:
        time = self._proven.get(height)
        if time is None:
            time = self._proven[height] = proven_time(self._reader, height)
        return time
